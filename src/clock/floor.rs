//! The floor: an instant that has certainly passed, kept in a small file across restarts.
//!
//! A panel without a battery-backed clock wakes in 1970; the floor says what it knew before. Only a
//! synchronised clock raises it, and only once it has been synchronised for a while: one wrong answer of a
//! time server must not shut every door until its date has passed.

use super::{Clock, MonoMs};
use access::time::UtcTime;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The clock has to stay synchronised this long before it may raise the floor.
pub const SUSTAINED_MS: u64 = 10 * 60 * 1000;
/// The file is rewritten at most this often: flash wears.
pub const RAISE_EVERY_S: i64 = 60 * 60;

/// What can go wrong with the floor file.
#[derive(Debug, thiserror::Error)]
pub enum FloorError {
    /// The file cannot be read or written.
    #[error("clock floor {path}: {source}; the directory must be writable by the service")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The file holds something else.
    #[error("clock floor {path}: {reason}; if the time is right, remove the file and start again")]
    Form {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        reason: &'static str,
    },
}

/// The floor and its file.
#[derive(Debug)]
pub struct Floor {
    path: PathBuf,
    at: UtcTime,
    synchronised_since: Option<MonoMs>,
}

impl Floor {
    /// Reads the file; without one, nothing is known and the floor is 1970.
    ///
    /// # Errors
    /// When the file is there but not readable as an instant.
    pub fn open(path: &Path) -> Result<Floor, FloorError> {
        let at = match fs::read_to_string(path) {
            Ok(text) => UtcTime::parse(text.trim())
                .map_err(|reason| FloorError::Form { path: path.into(), reason })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => UtcTime::from_unix(0),
            Err(source) => return Err(FloorError::Io { path: path.into(), source }),
        };
        Ok(Floor { path: path.into(), at, synchronised_since: None })
    }

    /// The instant.
    pub fn at(&self) -> UtcTime {
        self.at
    }

    /// Looks at `clock` and raises the floor when the rules allow; says whether it did.
    ///
    /// # Errors
    /// When the file cannot be written; the floor then stays.
    pub fn observe(&mut self, clock: &dyn Clock) -> Result<bool, FloorError> {
        if !clock.is_synchronised() || clock.now() < self.at {
            self.synchronised_since = None;
            return Ok(false);
        }
        let now_mono = clock.mono();
        let since = *self.synchronised_since.get_or_insert(now_mono);
        let now = clock.now();
        if now_mono < since.after_ms(SUSTAINED_MS) || now.unix() < self.at.unix() + RAISE_EVERY_S {
            return Ok(false);
        }
        self.write(now).map_err(|source| FloorError::Io { path: self.path.clone(), source })?;
        self.at = now;
        Ok(true)
    }

    /// Written beside and renamed over, so that a power cut leaves the old floor or the new one.
    fn write(&self, at: UtcTime) -> std::io::Result<()> {
        let beside = self.path.with_extension("new");
        let mut file = File::create(&beside)?;
        writeln!(file, "{at}")?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        match self.path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Floor, SUSTAINED_MS};
    use crate::clock::ManualClock;
    use access::time::UtcTime;

    #[test]
    fn only_sustained_synchronisation_raises_the_floor() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("floor");
        let clock = ManualClock::new(UtcTime::from_unix(1_800_000_000));
        let mut floor = Floor::open(&path).expect("no file is a floor of 1970");
        let sustained_s = u32::try_from(SUSTAINED_MS / 1000).expect("minutes");

        assert!(!floor.observe(&clock).expect("observe"), "synchronised just now");
        clock.advance_s(sustained_s - 1);
        assert!(!floor.observe(&clock).expect("observe"), "a second too early");
        clock.set_synchronised(false);
        assert!(!floor.observe(&clock).expect("observe"));
        clock.set_synchronised(true);
        assert!(!floor.observe(&clock).expect("observe"), "the wait starts again");
        clock.advance_s(sustained_s);
        assert!(floor.observe(&clock).expect("observe"));

        let raised = floor.at();
        clock.step_to(UtcTime::from_unix(0));
        assert!(!floor.observe(&clock).expect("observe"), "the clock is below the floor");
        assert_eq!(Floor::open(&path).expect("reopen").at(), raised, "it survives a restart");
    }
}
