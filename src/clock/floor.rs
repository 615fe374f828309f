//! The floor: an instant that has certainly passed, kept in a small file across restarts.
//!
//! A panel without a battery-backed clock wakes in 1970; the floor says what it knew before.
//!
//! Not here: when it may be raised (`access::trust`).

use access::time::UtcTime;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

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
}

impl Floor {
    /// Reads the file of this state directory; without one, nothing is known and the floor is 1970.
    ///
    /// # Errors
    /// When the file is there but not readable as an instant.
    pub fn open(state_dir: &Path) -> Result<Floor, FloorError> {
        let path = state_dir.join("clock-floor");
        let at = match fs::read_to_string(&path) {
            Ok(text) => match UtcTime::parse(text.trim()) {
                Ok(at) => at,
                Err(reason) => return Err(FloorError::Form { path, reason }),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => UtcTime::from_unix(0),
            Err(source) => return Err(FloorError::Io { path, source }),
        };
        Ok(Floor { path, at })
    }

    /// The instant.
    pub fn at(&self) -> UtcTime {
        self.at
    }

    /// Sets it; on disk when this returns.
    ///
    /// # Errors
    /// When the file cannot be written; the floor then stays.
    pub fn set(&mut self, at: UtcTime) -> Result<(), FloorError> {
        self.write(at).map_err(|source| FloorError::Io { path: self.path.clone(), source })?;
        self.at = at;
        Ok(())
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
    use super::{Floor, FloorError};
    use access::time::UtcTime;

    #[test]
    fn a_floor_survives_a_restart_and_nothing_else_is_taken_for_one() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut floor = Floor::open(folder.path()).expect("no file is a floor of 1970");
        assert_eq!(floor.at(), UtcTime::from_unix(0));
        floor.set(UtcTime::from_unix(1_800_000_000)).expect("set");
        assert_eq!(Floor::open(folder.path()).expect("reopen").at(), UtcTime::from_unix(1_800_000_000));
        std::fs::write(folder.path().join("clock-floor"), "yesterday").expect("write");
        assert!(matches!(Floor::open(folder.path()), Err(FloorError::Form { .. })));
    }

    #[test]
    fn a_floor_that_cannot_be_written_stays() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut floor = Floor::open(folder.path()).expect("open");
        drop(folder);
        assert!(floor.set(UtcTime::from_unix(5)).is_err());
        assert_eq!(floor.at(), UtcTime::from_unix(0));
    }
}
