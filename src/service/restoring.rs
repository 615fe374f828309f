//! Puts a backup in the place of a panel's state.
//!
//! What is to be is made in a folder of its own, wholly, and is then named as decided. From there on whoever comes next
//! brings it to its end: the rest of a restore that was killed, or the next start of the gateway. The old state is aside
//! until the new one is in its place. So a power cut at any moment leaves the old state or the new one.
//!
//! Not here: what of a backup is not to be believed (`mirror::backup::afresh`, the ledger), the configuration.

use super::lock;
use super::notices::Notices;
use super::owner::AsOwner;
use crate::clock::floor::{Floor, FloorError};
use crate::config::Config;
use crate::export::ledger::transfer;
use crate::failpoint;
use crate::mirror::backup::afresh::{self, Afresh};
use crate::mirror::backup::{self, Backup, BackupError, Unpacked};
use crate::mirror::standing::{self, Standing};
use crate::mirror::{Mirror, outbox};
use access::time::UtcTime;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// What is being made.
const MADE: &str = "restoring.new";
/// What is decided.
const DECIDED: &str = "restoring";
/// What was there before.
const ASIDE: &str = "before-restore";
/// The mirror's file and what SQLite has beside it.
const MIRROR: [&str; 3] = ["mirror.sqlite-shm", "mirror.sqlite-wal", "mirror.sqlite"];
/// The clock's floor.
const FLOOR: &str = "clock-floor";

/// How a backup is to be restored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wish {
    /// In the place of a state that is there.
    pub replace: bool,
    /// Doors open by the backup's records before they are compared with the source.
    pub doors_open: bool,
}

/// What was restored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Done {
    /// When the backup was made, by the clock of its panel.
    pub made_at: UtcTime,
    /// Records.
    pub records: u64,
    /// What of it is not as it was.
    pub afresh: Afresh,
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The floor.
    #[error(transparent)]
    Floor(#[from] FloorError),
    /// The state directory.
    #[error("state directory {folder}: {source}; restore as root, with room for the mirror")]
    State {
        /// The folder.
        folder: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The gateway runs.
    #[error("state directory {folder}: the gateway runs over it; stop it first: systemctl stop doorward")]
    Running {
        /// The folder.
        folder: PathBuf,
    },
    /// Something is there.
    #[error(
        "state directory {folder}: holds a mirror already{waiting}; give --replace to give it up, or start the gateway with it"
    )]
    Used {
        /// The folder.
        folder: PathBuf,
        /// What would be lost.
        waiting: String,
    },
    /// It is another's.
    #[error(
        "backup {path}: is of {what} {found:?}, and this is {wanted:?}; take the backup of this panel, or correct `{what}`"
    )]
    Another {
        /// The backup.
        path: PathBuf,
        /// Site or gateway.
        what: &'static str,
        /// The backup's.
        found: String,
        /// The configuration's.
        wanted: String,
    },
    /// SQLite says no.
    #[error("backup {path}: {source}; is there room for the mirror?")]
    Sqlite {
        /// The backup.
        path: PathBuf,
        /// SQLite's words.
        source: rusqlite::Error,
    },
}

/// Puts the backup `from` in the place of this panel's state. `stream` names its events from now on.
///
/// # Errors
/// As [`RestoreError`] says; the state is what it was then.
pub fn restore(config: &Config, from: &mut Backup, wish: Wish, stream: &str) -> Result<Done, RestoreError> {
    let folder = &config.state_dir;
    let state = |source| RestoreError::State { folder: folder.clone(), source };
    make_folder(folder).map_err(state)?;
    let _owner = AsOwner::of(folder).map_err(state)?;
    let _lock = match lock::take(folder) {
        Ok(Some(file)) => file,
        Ok(None) => return Err(RestoreError::Running { folder: folder.clone() }),
        Err(source) => return Err(state(source)),
    };
    finish(folder).map_err(state)?;
    if !wish.replace && folder.join(MIRROR[2]).exists() {
        return Err(RestoreError::Used { folder: folder.clone(), waiting: waiting(folder) });
    }
    let made = folder.join(MADE);
    DirBuilder::new().mode(0o700).create(&made).map_err(state)?;
    let restored = prepare(config, from, wish, stream);
    if restored.is_err() {
        let _ = fs::remove_dir_all(&made);
    }
    let restored = restored?;
    failpoint::pass("restore.made");
    let decide = || -> io::Result<()> {
        sync(&made)?;
        fs::rename(&made, folder.join(DECIDED))?;
        sync(folder)?;
        failpoint::pass("restore.decided");
        finish(folder)
    };
    decide().map_err(state)?;
    Ok(restored)
}

fn prepare(config: &Config, from: &mut Backup, wish: Wish, stream: &str) -> Result<Done, RestoreError> {
    let folder = &config.state_dir;
    let made = folder.join(MADE);
    let Unpacked { mut conn, site, about, records, .. } = backup::unpack(from, &made.join(MIRROR[2]))?;
    let from = from.path();
    for (what, found, wanted) in
        [("site", &site, config.site.as_str()), ("gateway", &about.gateway, config.gateway.as_str())]
    {
        if found != wanted {
            let (path, found, wanted) = (from.into(), found.clone(), wanted.to_owned());
            return Err(RestoreError::Another { path, what, found, wanted });
        }
    }
    let sqlite = |source| RestoreError::Sqlite { path: from.into(), source };
    let mut rewrite = || -> rusqlite::Result<Afresh> {
        let tx = conn.transaction()?;
        let done = afresh::begin(&tx, stream, wish.doors_open)?;
        transfer::doubt(&tx)?;
        tx.commit()?;
        Ok(done)
    };
    let afresh = rewrite().map_err(sqlite)?;
    conn.close().map_err(|(_, source)| sqlite(source))?;
    // Of two instants that have passed, the later one.
    let floor = Floor::open(folder)?.at().max(about.clock_floor);
    Floor::open(&made)?.set(floor)?;
    Ok(Done { made_at: about.made_at, records, afresh })
}

/// Brings a restore to its end that was decided, and forgets one that was not. The lock is held.
///
/// # Errors
/// The system's; called again it goes on.
pub fn finish(folder: &Path) -> io::Result<()> {
    let made = folder.join(MADE);
    if made.exists()
        && let Err(error) = fs::remove_dir_all(&made)
    {
        // It is nothing but in the way.
        tracing::warn!(%error, folder = %made.display(), "what is left of a restore stays there");
    }
    let decided = folder.join(DECIDED);
    let aside = folder.join(ASIDE);
    if decided.exists() {
        if decided.join(MIRROR[2]).exists() {
            make_folder(&aside)?;
            for name in MIRROR {
                move_if_there(&folder.join(name), &aside.join(name))?;
                failpoint::pass("restore.aside");
            }
            sync(folder)?;
            fs::rename(decided.join(MIRROR[2]), folder.join(MIRROR[2]))?;
            failpoint::pass("restore.in_place");
        }
        move_if_there(&decided.join(FLOOR), &folder.join(FLOOR))?;
        sync(folder)?;
        fs::remove_dir_all(&decided)?;
        failpoint::pass("restore.finished");
    }
    if aside.exists() {
        fs::remove_dir_all(&aside)?;
        sync(folder)?;
    }
    Ok(())
}

/// Records that are a backup's are compared with the source before anything is given by them: at once, not at its next
/// checkpoint.
pub(super) fn compare_first(standing: &Standing, notices: &Notices) {
    if standing.restored != standing::Restored::No {
        tracing::warn!(
            "the records are a backup's: they are compared with the source before they give anything"
        );
        notices.compare();
    }
}

fn move_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Its own is the folder, not what it lies in.
fn make_folder(folder: &Path) -> io::Result<()> {
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// What would be lost with the state that is there, as far as it can be told.
fn waiting(folder: &Path) -> String {
    let Ok(conn) = Mirror::at(folder).open_reader() else { return String::new() };
    match outbox::waiting(&conn) {
        Ok(found) if found.waiting > 0 => {
            format!(", and {} events that the source does not have", found.waiting)
        }
        Ok(_) | Err(_) => String::new(),
    }
}
