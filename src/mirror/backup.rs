//! A backup: the mirror's file copied while others write to it, with what else a panel needs that takes this one's place.
//!
//! It is an SQLite file, so that the tools for one read it, with a last line that names its format and the SHA-256 of all
//! before. SQLite does not look behind its last page.
//!
//! - [`file`]: that line
//! - [`afresh`]: what of it another panel must not believe
//!
//! Not here: what the export must not believe (its ledger), the state directory (the service), the configuration.

pub mod afresh;
mod file;
#[cfg(test)]
mod tests;

use super::integrity::{self, Report};
use super::open::SCHEMA_VERSION;
use super::{Mirror, OpenError};
use access::time::UtcTime;
use rusqlite::{Connection, params};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Of the files in a backup, which hold secrets and names.
pub const MODE: u32 = 0o600;
/// Longest file that a backup takes along, in bytes: certificates and settings are far below it.
pub const FILE_MAX_BYTES: u64 = 1024 * 1024;
/// Most of them: a configuration names ten at most, and a key for each reader.
pub const FILES_MAX: u32 = 64;

/// What can go wrong with a backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The mirror that it is made of.
    #[error(transparent)]
    Mirror(#[from] OpenError),
    /// A file cannot be read or written.
    #[error("backup {path}: {source}; name a folder that can be written, with room for a copy of the mirror")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// SQLite says no.
    #[error("backup {path}: {source}; is there room for a copy of the mirror?")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        source: rusqlite::Error,
    },
    /// Something else has that name.
    #[error("backup {path}: is there already, and is no backup; name another file")]
    Other {
        /// The file.
        path: PathBuf,
    },
    /// It does not end as a backup does.
    #[error(
        "backup {path}: is no backup, or was cut off; name a file that `doorward backup` has made, as a whole"
    )]
    NoBackup {
        /// The file.
        path: PathBuf,
    },
    /// A later program made it.
    #[error("backup {path}: {what} {found} is newer than this program's {known}; install the newer program")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Of what.
        what: &'static str,
        /// As the backup has it.
        found: i64,
        /// As this program knows it.
        known: i64,
    },
    /// The mirror is not as it was written.
    #[error(
        "mirror {path}: damaged: {found}; a running gateway fetches again what differs (doorward verify): back it up then"
    )]
    DamagedMirror {
        /// The mirror.
        path: PathBuf,
        /// What was found.
        found: String,
    },
    /// Its bytes are not those that were written.
    #[error("backup {path}: damaged: {found}; take another copy of it, or an older backup")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        found: String,
    },
}

/// Whose backup it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct About {
    /// The panel it was made of.
    pub gateway: String,
    /// When, by its clock.
    pub made_at: UtcTime,
    /// An instant that had certainly passed.
    pub clock_floor: UtcTime,
}

/// A file that it takes along.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// Relative to the configuration's folder.
    pub name: String,
    /// Who may read it.
    pub mode: u32,
    /// What it holds.
    pub content: Vec<u8>,
}

/// Writes a backup of `mirror` to `to`; whole when this returns, and not there at all before. An older backup of that name
/// is replaced. Others may write to the mirror meanwhile.
///
/// # Errors
/// As [`BackupError`] says.
pub fn make(mirror: &Mirror, to: &Path, about: &About, files: &[Kept]) -> Result<(), BackupError> {
    if to.exists() && !matches!(file::format(to), Ok(Some(_))) {
        return Err(BackupError::Other { path: to.into() });
    }
    let mut beside = to.as_os_str().to_owned();
    beside.push(".part");
    let beside = PathBuf::from(beside);
    let made = write(mirror, &beside, about, files);
    if made.is_err() {
        let _ = fs::remove_file(&beside);
    }
    made?;
    let error = io_error(to);
    fs::rename(&beside, to).map_err(&error)?;
    sync_folder(to).map_err(error)
}

fn write(mirror: &Mirror, beside: &Path, about: &About, files: &[Kept]) -> Result<(), BackupError> {
    const COPY: &str = "VACUUM INTO ?1";
    const ABOUT: &str =
        "INSERT INTO backup (one, gateway, program, made_at, clock_floor) VALUES (1, ?1, ?2, ?3, ?4)";
    const FILE: &str = "INSERT INTO backup_file (name, mode, content) VALUES (?1, ?2, ?3)";
    let sqlite = sqlite_error(beside);
    let conn = mirror.open_reader()?;
    let _ = fs::remove_file(beside);
    // Empty and ours alone before anything is in it.
    let made = OpenOptions::new().write(true).create_new(true).mode(MODE).open(beside);
    drop(made.map_err(io_error(beside))?);
    conn.execute(COPY, [beside.to_string_lossy()]).map_err(&sqlite)?;
    let (mut copy, _) = Mirror::of_file(beside).open_copy(false).map_err(&sqlite)?;
    // A backup that cannot be restored is none.
    if let Some(found) = first_fault(&integrity::verify(&mut copy).map_err(&sqlite)?) {
        return Err(BackupError::DamagedMirror { path: mirror.path().into(), found });
    }
    let add = || -> rusqlite::Result<()> {
        copy.execute_batch(include_str!("../../sql/backup.sql"))?;
        let About { gateway, made_at, clock_floor } = about;
        let row = params![gateway, env!("CARGO_PKG_VERSION"), made_at.unix(), clock_floor.unix()];
        copy.execute(ABOUT, row)?;
        for Kept { name, mode, content } in files {
            copy.execute(FILE, params![name, mode, content])?;
        }
        Ok(())
    };
    add().map_err(&sqlite)?;
    drop(copy);
    file::seal(beside).map_err(io_error(beside))
}

/// A backup on its way into a state directory: copied, found whole and sound, and of this program's schema.
#[derive(Debug)]
pub struct Unpacked {
    /// The copy, which has nothing of the backup's own any more.
    pub conn: Connection,
    /// The site of its rows.
    pub site: String,
    /// Whose it is.
    pub about: About,
    /// Its records.
    pub records: u64,
}

/// A backup, opened by whoever may read it.
#[derive(Debug)]
pub struct Backup {
    path: PathBuf,
    file: File,
}

impl Backup {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(path: &Path) -> Result<Backup, BackupError> {
        let file = File::open(path).map_err(io_error(path))?;
        Ok(Backup { path: path.into(), file })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Whether a file of this name may be in a backup: one in the configuration's folder or below, which nobody misreads (a name
/// becomes a line of a unit).
pub fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
    name.bytes().all(is_plain) && name.split('/').all(is_part)
}

/// Copies the backup `from` to `into`, which must not be there yet, and looks at all of it.
///
/// # Errors
/// As [`BackupError`] says; `into` may be there then, and is good for nothing.
pub fn unpack(from: &mut Backup, into: &Path) -> Result<Unpacked, BackupError> {
    file::unseal(from, Some(into))?;
    let from = from.path.as_path();
    let sqlite = sqlite_error(from);
    let damaged = |found: String| BackupError::Damaged { path: from.into(), found };
    let (conn, found) = Mirror::of_file(into).open_copy(false).map_err(&sqlite)?;
    if found > SCHEMA_VERSION {
        let (path, what) = (from.into(), "its schema");
        return Err(BackupError::Newer { path, what, found, known: SCHEMA_VERSION });
    }
    if has_code(&conn).map_err(&sqlite)? {
        return Err(damaged("it holds triggers or views, which no mirror has".into()));
    }
    drop(conn);
    let (mut conn, _) = Mirror::of_file(into).open_copy(true).map_err(&sqlite)?;
    let report = integrity::verify(&mut conn).map_err(&sqlite)?;
    if let Some(found) = first_fault(&report) {
        return Err(damaged(found));
    }
    let (site, about) = read_about(&conn).map_err(&sqlite)?;
    // Logins are among them, and the service reads this file: neither its free pages nor a journal on the disk keep them.
    const FORGET: &str =
        "PRAGMA journal_mode = MEMORY; PRAGMA secure_delete = ON; DROP TABLE backup; DROP TABLE backup_file;
        PRAGMA secure_delete = OFF; PRAGMA journal_mode = DELETE";
    conn.execute_batch(FORGET).map_err(&sqlite)?;
    Ok(Unpacked { conn, site, about, records: report.records })
}

/// The first thing that is not as it was written.
fn first_fault(report: &Report) -> Option<String> {
    let first = report.sqlite.first().cloned();
    let found = first.or_else(|| report.faults.first().map(ToString::to_string));
    found.or_else(|| (!report.is_sound()).then(|| "its rows do not give its root".into()))
}

/// What would do something by itself when rows are written.
fn has_code(conn: &Connection) -> rusqlite::Result<bool> {
    const FIND: &str = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type IN ('trigger', 'view'))";
    conn.query_row(FIND, [], |row| row.get(0))
}

/// The files that the backup `from` took along; all of it is compared with its checksum.
///
/// # Errors
/// As [`BackupError`] says.
pub fn files_of(from: &mut Backup) -> Result<Vec<Kept>, BackupError> {
    file::unseal(from, None)?;
    let read = || read_files(&Mirror::of_file(&from.path).open_sealed()?);
    read().map_err(sqlite_error(&from.path))
}

fn read_about(conn: &Connection) -> rusqlite::Result<(String, About)> {
    const READ: &str = "SELECT m.site, b.gateway, b.made_at, b.clock_floor FROM backup b, mirror m";
    conn.query_row(READ, [], |row| {
        let about = About {
            gateway: row.get(1)?,
            made_at: UtcTime::from_unix(row.get(2)?),
            clock_floor: UtcTime::from_unix(row.get(3)?),
        };
        Ok((row.get(0)?, about))
    })
}

fn read_files(conn: &Connection) -> rusqlite::Result<Vec<Kept>> {
    const READ: &str =
        "SELECT name, mode, content FROM backup_file WHERE length(content) <= ?2 ORDER BY name LIMIT ?1";
    let mut read = conn.prepare(READ)?;
    let bytes_max = i64::try_from(FILE_MAX_BYTES).unwrap_or(i64::MAX);
    let rows = read.query_map(params![FILES_MAX, bytes_max], |row| {
        Ok(Kept { name: row.get(0)?, mode: row.get(1)?, content: row.get(2)? })
    })?;
    rows.collect()
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> BackupError {
    move |source| BackupError::Io { path: path.into(), source }
}

fn sqlite_error(path: &Path) -> impl Fn(rusqlite::Error) -> BackupError {
    move |source| BackupError::Sqlite { path: path.into(), source }
}

/// A name in a folder is on disk when the folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if folder != Path::new("") => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}
