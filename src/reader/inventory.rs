//! Which readers this machine has: those that pcscd knows, asked by a child, and serial ports that have a lasting name.
//!
//! Not here: whether a serial port has a reader at its end; only opening it would tell, and may disturb what is there.

pub use super::line::Found;
use super::line::{Empty, Order, Report, State};
use super::spec::CHILD_VERB;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Most bytes that a list may have.
const LIST_MAX_BYTES: u64 = 64 * 1024;
/// Where udev names serial ports by what is plugged in.
const SERIAL_BY_ID: &str = "/dev/serial/by-id";

/// Asks a child of `program` for the readers of pcscd. Blocks until it ends, a few milliseconds if pcscd is well.
///
/// # Errors
/// Why there is no list.
pub fn pcsc(program: &Path) -> Result<Vec<Found>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", program.display());
    let mut command = Command::new(program);
    command.arg(CHILD_VERB).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let (Some(mut input), Some(output)) = (input, output) else { return Err("no pipes".into()) };
    input.write_all(Order::List(Empty {}).render().as_bytes()).map_err(failed)?;
    let found = collect(BufReader::new(output.take(LIST_MAX_BYTES)));
    // End of its input ends the child, whatever it does.
    drop(input);
    child.wait().map_err(failed)?;
    found
}

fn collect(lines: impl BufRead) -> Result<Vec<Found>, String> {
    let mut all = Vec::new();
    for line in lines.split(b'\n') {
        let line = line.map_err(|error| error.to_string())?;
        match Report::parse(&line).map_err(|error| error.to_string())? {
            Report::Found(found) => all.push(found),
            Report::Health(health) if health.state == State::Ready => return Ok(all),
            Report::Health(health) => return Err(health.detail),
            Report::Presentation(_) | Report::Removed(_) | Report::Unreadable(_) | Report::Missed(_) => {}
        }
    }
    Err("the child has ended early".into())
}

/// Serial ports that keep their name across restarts and other sockets.
pub fn serial_ports() -> Vec<PathBuf> {
    let Ok(folder) = std::fs::read_dir(SERIAL_BY_ID) else { return Vec::new() };
    let mut ports: Vec<PathBuf> = folder.filter_map(|entry| Some(entry.ok()?.path())).collect();
    ports.sort();
    ports
}

#[cfg(test)]
mod tests {
    use super::collect;

    #[test]
    fn a_list_ends_with_its_last_line_and_not_before() {
        let found =
            "{\"type\":\"found\",\"reader\":\"A\",\"serial\":\"1\"}\n{\"type\":\"found\",\"reader\":\"B\"}\n";
        let end = |state: &str| {
            format!("{{\"type\":\"health\",\"state\":\"{state}\",\"detail\":\"so\",\"at_ms\":1}}\n")
        };
        let list = |text: String| collect(text.as_bytes());
        assert_eq!(list(format!("{found}{}", end("ready"))).map(|all| all.len()), Ok(2));
        assert_eq!(list(end("lost")), Err("so".into()));
        assert!(list(found.into()).is_err_and(|why| why.contains("early")));
        assert!(list("hello\n".into()).is_err());
    }
}
