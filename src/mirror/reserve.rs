//! Disk space kept for revocations: a file of real blocks beside the mirror, given up when the disk is full.
//!
//! Not here: what may use it (`apply`'s `Room`).

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Bytes kept. A revocation dirties a few pages of 1 KiB; this holds hundreds of them in the log.
pub const RESERVE_BYTES: u64 = 2 * 1024 * 1024;

/// The file.
#[derive(Clone, Debug)]
pub struct Reserve {
    path: PathBuf,
}

impl Reserve {
    /// In the state directory `folder`.
    pub fn at(folder: &Path) -> Reserve {
        Reserve { path: folder.join("reserve") }
    }

    /// Whether the space is taken.
    pub fn is_taken(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|file| file.len() >= RESERVE_BYTES)
    }

    /// Takes the space, if it is not taken.
    ///
    /// # Errors
    /// The system's, most likely that there is no room.
    pub fn take(&self) -> io::Result<()> {
        if self.is_taken() {
            return Ok(());
        }
        let filled = File::create(&self.path).and_then(|file| fill(&file).and_then(|()| file.sync_all()));
        if filled.is_err() {
            self.give_up()?;
        }
        filled
    }

    /// Whether the disk has room for the reserve and as much again, so that taking it does not fill the disk.
    pub fn has_margin(&self) -> bool {
        let Some(folder) = self.path.parent() else { return true };
        statvfs(folder).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) >= 2 * RESERVE_BYTES)
    }

    /// Gives the space back to the disk.
    ///
    /// # Errors
    /// The system's.
    pub fn give_up(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn fill(mut file: &File) -> io::Result<()> {
    if fallocate(file, FallocateFlags::empty(), 0, RESERVE_BYTES).is_ok() {
        return Ok(());
    }
    // Not every file system can promise blocks; written ones are there.
    let zeros = [0_u8; 64 * 1024];
    let mut left = RESERVE_BYTES;
    while left > 0 {
        let step = left.min(zeros.len() as u64);
        file.write_all(&zeros[..usize::try_from(step).unwrap_or(zeros.len())])?;
        left -= step;
    }
    Ok(())
}
