//! What the audience sees: numbered steps, checked claims, measured times. Colours on a terminal, none in a
//! pipe or with `NO_COLOR`.
//!
//! Not here: cursor movement of any kind; what was printed stays.

use anyhow::{Error, Result};
use std::io::{IsTerminal, stdout};
use std::time::Duration;

/// Columns of a claim; what was measured stands to the right of it.
const CLAIM_COLUMNS: usize = 50;
/// Lines of another program's output that are shown.
const BLOCK_LINES_MAX: usize = 14;

#[derive(Clone, Copy)]
enum Style {
    Bold,
    Dim,
    Green,
    Red,
    Cyan,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Style::Bold => "\x1b[1m",
            Style::Dim => "\x1b[2m",
            Style::Green => "\x1b[32m",
            Style::Red => "\x1b[1;31m",
            Style::Cyan => "\x1b[36m",
        }
    }
}

/// The screen, and the count of what was claimed on it.
pub(crate) struct Screen {
    colours: bool,
    steps: usize,
    checks: usize,
}

impl Screen {
    pub(crate) fn new() -> Screen {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Screen { colours: stdout().is_terminal() && !plain, steps: 0, checks: 0 }
    }

    fn paint(&self, style: Style, text: &str) -> String {
        if self.colours { format!("{}{text}\x1b[0m", style.code()) } else { text.to_owned() }
    }

    /// How many claims were checked.
    pub(crate) fn checks(&self) -> usize {
        self.checks
    }

    /// The first lines.
    pub(crate) fn title(&self, title: &str, below: &str) {
        println!("{}\n{}", self.paint(Style::Bold, title), self.paint(Style::Dim, below));
    }

    /// Begins a step.
    pub(crate) fn step(&mut self, name: &str, story: &str) {
        self.steps += 1;
        let number = self.paint(Style::Cyan, &format!("{:2}", self.steps));
        println!("\n{number}  {}  {}", self.paint(Style::Bold, name), self.paint(Style::Dim, story));
    }

    /// Shows a claim as true, with what was measured, or as false, with the reason; the step ends there.
    ///
    /// # Errors
    /// The reason.
    pub(crate) fn check(&mut self, claim: &str, found: Result<String>) -> Result<()> {
        self.checks += 1;
        match found {
            Ok(measured) => {
                // The widest first, so that colour codes do not count as columns.
                let padded = format!("{claim:CLAIM_COLUMNS$}");
                let tick = self.paint(Style::Green, "✓");
                let line = format!("    {tick} {padded}  {}", self.paint(Style::Dim, &measured));
                println!("{}", if measured.is_empty() { format!("    {tick} {claim}") } else { line });
                Ok(())
            }
            Err(error) => {
                println!("    {} {claim}", self.paint(Style::Red, "✗"));
                Err(error)
            }
        }
    }

    /// Another program's output, or its first lines.
    pub(crate) fn block(&self, command: &str, output: &str) {
        println!("    {}", self.paint(Style::Cyan, &format!("$ {command}")));
        for line in output.lines().take(BLOCK_LINES_MAX) {
            println!("      {line}");
        }
        let left = output.lines().count().saturating_sub(BLOCK_LINES_MAX);
        if left > 0 {
            println!("      {}", self.paint(Style::Dim, &format!("… and {left} lines more")));
        }
    }

    /// The last line of a good end.
    pub(crate) fn well(&self, text: &str) {
        println!("\n{}", self.paint(Style::Green, text));
    }

    /// The end of a bad one, with what the programs said last.
    pub(crate) fn failed(&self, error: &Error, logs: &[(String, String)]) {
        println!("\n{}", self.paint(Style::Red, &format!("FAILED: {error:#}")));
        for (name, tail) in logs {
            println!("\n{}", self.paint(Style::Bold, &format!("{name} said last:")));
            for line in tail.lines() {
                println!("  {line}");
            }
        }
    }
}

/// A time with as many digits as mean something.
pub(crate) fn shown(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    match ms {
        ..10.0 => format!("{ms:.1} ms"),
        ..1000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.1} s", ms / 1000.0),
    }
}

/// A count with its thousands set apart.
pub(crate) fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Duration, grouped, shown};

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!([7, 999, 1000, 1_234_567].map(grouped), ["7", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [1234, 42_500, 3_456_000].map(Duration::from_micros).map(shown),
            ["1.2 ms", "42 ms", "3.5 s"]
        );
    }
}
