//! One daemon a state directory: an advisory lock that the kernel frees whatever death the process dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Where it is, in the state directory `folder`.
pub fn path(folder: &Path) -> PathBuf {
    folder.join("lock")
}

fn open(folder: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).open(path(folder))
}

/// Takes the lock for as long as the file is kept; `None` when another process has it.
///
/// # Errors
/// When the folder cannot be written.
pub fn take(folder: &Path) -> io::Result<Option<File>> {
    let file = open(folder)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether a daemon runs over `folder`. Someone who may only read the folder cannot ask, and is told no.
pub fn is_held(folder: &Path) -> bool {
    let Ok(file) = File::open(path(folder)) else { return false };
    // Released again when the file is dropped.
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}
