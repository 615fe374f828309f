//! The last line of a backup: its format, and the SHA-256 of all before.
//!
//! Not here: what is before (SQLite's).

use super::{Backup, BackupError, MODE, io_error};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The format that this program writes, and the newest that it reads.
const FORMAT: i64 = 1;
/// How the line begins, whatever the format.
const BEGIN: &str = "\ndoorward backup ";
/// Its length in bytes, whatever the format.
const LINE_BYTES: u64 = 94;
/// Bytes read at a time.
const STEP_BYTES: usize = 64 * 1024;

fn line(format: i64, sum: &str) -> String {
    format!("{BEGIN}{format:>4} sha256 {sum}\n")
}

/// The line that the file ends with; `None` when it is no backup's.
fn last_line(file: &mut File) -> io::Result<Option<(i64, String)>> {
    if file.metadata()?.len() < LINE_BYTES {
        return Ok(None);
    }
    file.seek(SeekFrom::End(-i64::try_from(LINE_BYTES).unwrap_or(0)))?;
    let mut bytes = Vec::new();
    file.take(LINE_BYTES).read_to_end(&mut bytes)?;
    file.rewind()?;
    let line = String::from_utf8(bytes).ok();
    let format =
        |line: &String| line.strip_prefix(BEGIN)?.get(..4).and_then(|format| format.trim().parse().ok());
    Ok(line.and_then(|line| Some((format(&line)?, line))))
}

/// The format of the backup at `path`; `None` when it is none.
pub(super) fn format(path: &Path) -> io::Result<Option<i64>> {
    Ok(last_line(&mut File::open(path)?)?.map(|(format, _)| format))
}

/// Ends the file with its line; on disk when this returns.
pub(super) fn seal(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let bytes = file.metadata()?.len();
    let sum = copy(&mut file, bytes, &mut io::sink())?;
    file.seek(SeekFrom::End(0))?;
    file.write_all(line(FORMAT, &sum).as_bytes())?;
    file.sync_all()
}

/// Compares the sum of `from`, and copies what is before its last line to `into`.
pub(super) fn unseal(from: &mut Backup, into: Option<&Path>) -> Result<(), BackupError> {
    let Backup { path: from, file } = from;
    let error = io_error(from);
    let last = last_line(file).map_err(&error)?;
    let Some((found, last)) = last else { return Err(BackupError::NoBackup { path: from.clone() }) };
    if found > FORMAT {
        return Err(BackupError::Newer { path: from.clone(), what: "its format", found, known: FORMAT });
    }
    let bytes = file.metadata().map_err(&error)?.len() - LINE_BYTES;
    let sum = match into {
        Some(into) => {
            let error = io_error(into);
            let made = OpenOptions::new().write(true).create_new(true).mode(MODE).open(into);
            let mut copied = made.map_err(&error)?;
            let sum = copy(file, bytes, &mut copied).map_err(&error)?;
            copied.sync_all().map_err(&error)?;
            sum
        }
        None => copy(file, bytes, &mut io::sink()).map_err(&error)?,
    };
    if line(FORMAT, &sum) != last {
        let found = "it does not give its checksum".into();
        return Err(BackupError::Damaged { path: from.clone(), found });
    }
    Ok(())
}

/// Copies so many bytes; gives their SHA-256 in hexadecimal.
fn copy(from: &mut File, bytes: u64, into: &mut dyn Write) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut step = vec![0; STEP_BYTES];
    let mut from = from.take(bytes);
    loop {
        let read = from.read(&mut step)?;
        if read == 0 {
            break;
        }
        hash.update(&step[..read]);
        into.write_all(&step[..read])?;
    }
    let mut text = String::new();
    for byte in hash.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_as_long_as_it_is_said_to_be() {
        let sum = "0".repeat(64);
        for format in [1, 9_999] {
            assert_eq!(line(format, &sum).len() as u64, LINE_BYTES);
        }
    }

    fn unseal(from: &Path, into: Option<&Path>) -> Result<(), BackupError> {
        super::unseal(&mut Backup::open(from)?, into)
    }

    #[test]
    fn what_was_sealed_comes_back_and_a_flipped_bit_does_not_pass() {
        let folder = tempfile::tempdir().expect("folder");
        let (path, into) = (folder.path().join("b"), folder.path().join("c"));
        let content: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        std::fs::write(&path, &content).expect("written");
        assert_eq!(format(&path).expect("read"), None);
        assert!(matches!(unseal(&path, Some(&into)), Err(BackupError::NoBackup { .. })));
        seal(&path).expect("sealed");
        assert_eq!(format(&path).expect("read"), Some(FORMAT));
        unseal(&path, Some(&into)).expect("whole");
        assert_eq!(std::fs::read(&into).expect("read"), content);

        let mut damaged = std::fs::read(&path).expect("read");
        damaged[77_777] ^= 4;
        std::fs::write(&path, &damaged).expect("written");
        std::fs::remove_file(&into).expect("removed");
        assert!(matches!(unseal(&path, Some(&into)), Err(BackupError::Damaged { .. })));

        let newer = damaged.len() - 77;
        damaged[newer..newer + 4].copy_from_slice(b"   2");
        std::fs::write(&path, &damaged).expect("written");
        let error = unseal(&path, Some(&into)).expect_err("newer");
        assert!(matches!(error, BackupError::Newer { found: 2, .. }), "{error}");
    }
}
