//! What the kernel says of its clock, handed on in a file: asking it counts as setting the clock, and the gateway, which
//! speaks with the network, has no right to that. Another process has, which does nothing else (`doorward clock relay`).
//!
//! The file has one line of a fixed length, written over itself: milliseconds of the kernel's clock since boot, and 1 if
//! it says that its wall clock is right. A line that is old says nothing.
//!
//! Not here: who may write the file (`systemd/doorward-clock.service`).

use super::{Clock, MonoMs, SyncSource, SystemClock, system};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

/// From one line to the next.
pub const EVERY_MS: u64 = 1_000;
/// A line counts for as long, so that a relay that has died is no witness.
const FRESH_MS: u64 = 5_000;
/// Digits of the time, so that each line covers the one before.
const DIGITS: usize = 20;
const LINE_BYTES: usize = DIGITS + 3;

/// Writes the file.
pub struct Relay {
    file: File,
    clock: SystemClock,
}

impl Relay {
    /// Opens the file at `path`, readable by everybody.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> io::Result<Relay> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(path)?;
        Ok(Relay { file, clock: SystemClock::new(SyncSource::Host) })
    }

    /// Asks the kernel, and writes its answer down.
    ///
    /// # Errors
    /// When the kernel refuses the question, or the file the answer.
    pub fn tell(&self) -> io::Result<()> {
        let is_synchronised = system::kernel_says_synchronised()?;
        self.file.write_all_at(line(self.clock.mono(), is_synchronised).as_bytes(), 0)
    }
}

fn line(at: MonoMs, is_synchronised: bool) -> String {
    format!("{:0DIGITS$} {}\n", at.0, u8::from(is_synchronised))
}

/// Whether the file says, freshly, that the clock is right.
pub(super) fn read(path: &Path, now: MonoMs) -> bool {
    let mut text = [0; LINE_BYTES];
    let is_whole = File::open(path).and_then(|mut file| file.read_exact(&mut text)).is_ok();
    is_whole && says_synchronised(&text, now)
}

fn says_synchronised(text: &[u8; LINE_BYTES], now: MonoMs) -> bool {
    let Some((at, [b' ', b'1', b'\n'])) = text.split_at_checked(DIGITS) else { return false };
    let at = std::str::from_utf8(at).ok().filter(|at| at.bytes().all(|byte| byte.is_ascii_digit()));
    // It may have been written after this process has read its clock.
    at.and_then(|at| at.parse::<u64>().ok()).is_some_and(|at| now.0.abs_diff(at) <= FRESH_MS)
}

#[cfg(test)]
mod tests {
    use super::{LINE_BYTES, Relay, line, read, says_synchronised};
    use crate::clock::{Clock, MonoMs, SyncSource, SystemClock, kernel_says_synchronised};

    fn said(text: &str, now_ms: u64) -> bool {
        let text: &[u8; LINE_BYTES] = text.as_bytes().try_into().expect("of a line's length");
        says_synchronised(text, MonoMs(now_ms))
    }

    #[test]
    fn a_line_counts_while_it_is_fresh() {
        let at = 10_000_000;
        for (now_ms, is_fresh) in
            [(at, true), (at + 5_000, true), (at + 5_001, false), (at - 5_000, true), (at - 5_001, false)]
        {
            assert_eq!(said(&line(MonoMs(at), true), now_ms), is_fresh, "{now_ms}");
            assert!(!said(&line(MonoMs(at), false), now_ms));
        }
        assert!(said(&line(MonoMs(u64::MAX), true), u64::MAX));
    }

    #[test]
    fn what_is_no_line_says_nothing() {
        for text in [
            "00000000000000000007 2\n",
            "00000000000000000007 10",
            "+0000000000000000007 1\n",
            "zzzzzzzzzzzzzzzzzzzz 1\n",
        ] {
            assert!(!said(text, 7), "{text}");
        }
        assert!(said("00000000000000000007 1\n", 7));
    }

    #[test]
    fn the_file_says_what_the_kernel_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("kernel");
        let now = || SystemClock::new(SyncSource::Host).mono();
        assert!(!read(&file, now()), "no file");
        let relay = Relay::open(&file).expect("opened");
        assert!(!read(&file, now()), "no line");
        relay.tell().expect("told");
        relay.tell().expect("told over the line before");
        assert_eq!(read(&file, now()), kernel_says_synchronised().expect("may be asked here"));
        assert_eq!(std::fs::metadata(&file).expect("a file").len(), LINE_BYTES as u64);
    }
}
