//! How far long work has come: a bar on a terminal, else a line now and then. Quick work shows nothing.

use doorward_source::clock;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;

/// Between two lines, in seconds.
const LINE_EVERY_S: i64 = 5;
/// Work that is done sooner shows no bar, in seconds.
const BAR_AFTER_S: i64 = 1;
const TEMPLATE: &str = "{msg:>10} [{bar:40}] {percent:>3} %, {eta} left";

/// Of one piece of work.
pub(crate) struct Progress {
    what: &'static str,
    began_s: i64,
    line_s: i64,
    shows: Shows,
}

enum Shows {
    Bar(Option<ProgressBar>),
    Lines,
    Nothing,
}

impl Progress {
    /// Of `what`, a word like `importing`. With `as_json` a program reads along, and nothing is shown.
    pub(crate) fn new(what: &'static str, as_json: bool) -> Progress {
        let shows = match (as_json, std::io::stderr().is_terminal()) {
            (true, _) => Shows::Nothing,
            (false, true) => Shows::Bar(None),
            (false, false) => Shows::Lines,
        };
        let now_s = clock::now().unix();
        Progress { what, began_s: now_s, line_s: now_s, shows }
    }

    /// So much is done, of so much.
    pub(crate) fn at(&mut self, done: u64, of: u64) {
        self.at_instant(done, of, clock::now().unix());
    }

    fn at_instant(&mut self, done: u64, of: u64, now_s: i64) {
        match &mut self.shows {
            Shows::Nothing => {}
            Shows::Lines if now_s.saturating_sub(self.line_s) >= LINE_EVERY_S => {
                self.line_s = now_s;
                tracing::info!(done, of, "{}", self.what);
            }
            Shows::Lines => {}
            Shows::Bar(Some(bar)) => {
                bar.set_length(of);
                bar.set_position(done);
            }
            Shows::Bar(bar) if now_s.saturating_sub(self.began_s) >= BAR_AFTER_S => {
                let style = ProgressStyle::with_template(TEMPLATE);
                let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
                *bar = Some(ProgressBar::new(of).with_style(style).with_message(self.what));
            }
            Shows::Bar(_) => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shows::Bar(Some(bar)) = &self.shows {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Progress, Shows};

    #[test]
    fn a_line_comes_every_few_seconds_and_a_bar_only_when_it_takes_a_while() {
        let mut lines = Progress { what: "testing", began_s: 0, line_s: 0, shows: Shows::Lines };
        let mut said = Vec::new();
        for now_s in 0..12 {
            lines.at_instant(1, 2, now_s);
            said.push(lines.line_s);
        }
        said.dedup();
        assert_eq!(said, [0, 5, 10]);
        let mut bar = Progress { what: "testing", began_s: 0, line_s: 0, shows: Shows::Bar(None) };
        bar.at_instant(1, 2, 0);
        assert!(matches!(bar.shows, Shows::Bar(None)));
        bar.at_instant(1, 2, 1);
        assert!(matches!(bar.shows, Shows::Bar(Some(_))));
    }
}
