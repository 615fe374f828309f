//! Opening the mirror's file: the only place where a connection is made.

use super::writer::is_full;
use super::{outbox, standing};
use contract::id::SiteId;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The schema's number, kept in `PRAGMA user_version`.
pub const SCHEMA_VERSION: i64 = 6;
/// Numbered steps from one version to the next; the first makes version 1.
const MIGRATIONS: [&str; 6] = [
    include_str!("../../sql/migrations/0001_first.sql"),
    include_str!("../../sql/migrations/0002_buckets.sql"),
    include_str!("../../sql/migrations/0003_operator.sql"),
    include_str!("../../sql/migrations/0004_cards.sql"),
    include_str!("../../sql/migrations/0005_doors.sql"),
    include_str!("../../sql/migrations/0006_restored.sql"),
];
/// The commented truth, for a fresh file.
const SCHEMA: &str = include_str!("../../sql/schema.sql");

/// Dirty pages are what wears flash: a change of one user dirties one page of this size (measured: a quarter
/// of the bytes that 4096 writes, at batches of 100).
const PAGE_BYTES: u32 = 1024;
/// The log is copied into the file when it is this long (32 MiB): rarer copies write fewer pages twice.
const CHECKPOINT_PAGES: u32 = 32 * 1024;
/// The file is read through a map of at most this many bytes: a mirror is larger than any cache that a panel
/// should pay for, and mapped pages are the kernel's to drop. Writes never go through it. Addresses cost nothing where there
/// are 64 bits of them; what lies beyond the map is copied page by page.
const MAPPED_MAX_BYTES: i64 =
    if cfg!(target_pointer_width = "64") { 16 * 1024 * 1024 * 1024 } else { 256 * 1024 * 1024 };
/// Page cache of the writer in KiB.
const WRITER_CACHE_KIB: u32 = 2048;
/// Page cache of a reader in KiB.
const READER_CACHE_KIB: u32 = 512;
/// Readers wait this long for a checkpoint to finish.
const BUSY_MS: u64 = 5_000;

/// Why the mirror cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// SQLite says no.
    #[error(
        "mirror {path}: {source}; the directory must exist and be writable by the service, with room on the disk"
    )]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        source: rusqlite::Error,
    },
    /// There is no file yet.
    #[error("mirror {path}: no such file; `doorward run` makes it")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A later program wrote it.
    #[error(
        "mirror {path}: schema {found} is newer than this program's {SCHEMA_VERSION}; install the newer program, or remove the file to fetch everything again"
    )]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
    },
    /// An older program wrote it.
    #[error(
        "mirror {path}: schema {found} is older than this program's {SCHEMA_VERSION}; start `doorward run`, which upgrades it"
    )]
    TooOld {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
    },
    /// Another site's rows.
    #[error(
        "mirror {path}: holds site {found:?}, but the configuration says {configured:?}; correct `site`, or move the file away"
    )]
    OtherSite {
        /// The file.
        path: PathBuf,
        /// The site of its rows.
        found: String,
        /// The configured one.
        configured: String,
    },
}

impl OpenError {
    /// Whether there was no room on the disk.
    pub fn is_disk_full(&self) -> bool {
        match self {
            OpenError::Sqlite { source, .. } => is_full(source),
            OpenError::Missing { .. }
            | OpenError::TooNew { .. }
            | OpenError::TooOld { .. }
            | OpenError::OtherSite { .. } => false,
        }
    }
}

/// Where the mirror is.
#[derive(Clone, Debug)]
pub struct Mirror {
    path: PathBuf,
}

impl Mirror {
    /// In the state directory `folder`.
    pub fn at(folder: &Path) -> Mirror {
        Mirror { path: folder.join("mirror.sqlite") }
    }

    /// In this file.
    pub(super) fn of_file(path: &Path) -> Mirror {
        Mirror { path: path.into() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The write connection, for the writer's thread only; makes or upgrades the file. `draw_stream` names the
    /// event stream of a new file.
    ///
    /// # Errors
    /// As [`OpenError`] says.
    pub fn open_writer(
        &self,
        site: &SiteId,
        draw_stream: impl FnOnce() -> String,
    ) -> Result<Connection, OpenError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut conn = self.connect(flags, WRITER_CACHE_KIB)?;
        let found = self.upgrade(&mut conn).map_err(|source| self.sqlite(source))?;
        if found > SCHEMA_VERSION {
            return Err(OpenError::TooNew { path: self.path.clone(), found });
        }
        let owner = Self::settle(&conn, site, draw_stream).map_err(|source| self.sqlite(source))?;
        if owner != site.as_str() {
            return Err(OpenError::OtherSite {
                path: self.path.clone(),
                found: owner,
                configured: site.to_string(),
            });
        }
        standing::forget_proof(&conn).map_err(|source| self.sqlite(source))?;
        Ok(conn)
    }

    /// A read-only connection; works with the daemon running or stopped.
    ///
    /// # Errors
    /// As [`OpenError`] says.
    pub fn open_reader(&self) -> Result<Connection, OpenError> {
        if !self.path.exists() {
            return Err(OpenError::Missing { path: self.path.clone() });
        }
        let conn = self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY, READER_CACHE_KIB)?;
        let found = conn
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(|source| self.sqlite(source))?;
        if found > SCHEMA_VERSION {
            return Err(OpenError::TooNew { path: self.path.clone(), found });
        }
        if found < SCHEMA_VERSION {
            return Err(OpenError::TooOld { path: self.path.clone(), found });
        }
        Ok(conn)
    }

    /// A copy beside the mirror, with nobody else at it: no log stays beside it. Returns its schema, upgraded unless it is newer.
    pub(super) fn open_copy(&self, upgrade: bool) -> rusqlite::Result<(Connection, i64)> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut conn = Connection::open_with_flags(&self.path, flags)?;
        conn.pragma_update(None, "cache_size", -i64::from(WRITER_CACHE_KIB))?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        let found = if upgrade {
            self.upgrade(&mut conn)?
        } else {
            conn.query_row("PRAGMA user_version", [], |row| row.get(0))?
        };
        Ok((conn, found))
    }

    /// A file that nobody writes any more, as it is.
    pub(super) fn open_sealed(&self) -> rusqlite::Result<Connection> {
        Connection::open_with_flags(
            &self.path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
    }

    fn connect(&self, flags: OpenFlags, cache_kib: u32) -> Result<Connection, OpenError> {
        let open = || -> rusqlite::Result<Connection> {
            let conn = Connection::open_with_flags(&self.path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
            conn.busy_timeout(Duration::from_millis(BUSY_MS))?;
            conn.pragma_update(None, "cache_size", -i64::from(cache_kib))?;
            conn.pragma_update(None, "mmap_size", MAPPED_MAX_BYTES)?;
            if flags.contains(OpenFlags::SQLITE_OPEN_READ_WRITE) {
                conn.pragma_update(None, "page_size", PAGE_BYTES)?;
                conn.pragma_update(None, "journal_mode", "WAL")?;
                conn.pragma_update(None, "synchronous", "FULL")?;
                conn.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
                // Queries open the file read-only with the daemon stopped: the log has to stay beside it.
                conn.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            }
            // Without this SQLite prepares a statement over several tables again for each value bound to it, since
            // another value might deserve another plan: two thirds of what a change cost.
            conn.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
            conn.set_prepared_statement_cache_capacity(64);
            Ok(conn)
        };
        open().map_err(|source| self.sqlite(source))
    }

    /// Brings the schema to this program's version and returns the version found if it is newer.
    fn upgrade(&self, conn: &mut Connection) -> rusqlite::Result<i64> {
        let found: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if found >= SCHEMA_VERSION {
            return Ok(found);
        }
        let tx = conn.transaction()?;
        if found == 0 {
            tx.execute_batch(SCHEMA)?;
        } else {
            for step in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
                tx.execute_batch(step)?;
            }
            tracing::info!(path = %self.path.display(), from = found, to = SCHEMA_VERSION, "mirror upgraded");
        }
        tx.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        tx.commit()?;
        Ok(SCHEMA_VERSION)
    }

    /// Makes the single rows of a new file and returns the site the file belongs to.
    fn settle(
        conn: &Connection,
        site: &SiteId,
        draw_stream: impl FnOnce() -> String,
    ) -> rusqlite::Result<String> {
        const SITE: &str = "SELECT site FROM mirror";
        const FIRST: &str =
            "INSERT INTO mirror (one, site, head_epoch, head_seq, floor_epoch, floor_seq, root, out_of_sync, parts,
              heard_epoch, heard_seq, heard_root, whole)
            VALUES (1, ?1, 0, 0, 0, 0, zeroblob(16), 'never_proven', zeroblob(1024), 0, 0, zeroblob(16), 0)";
        let found: Option<String> = conn.query_row(SITE, [], |row| row.get(0)).optional()?;
        if let Some(found) = found {
            return Ok(found);
        }
        conn.execute(FIRST, [site.as_str()])?;
        outbox::create(conn, &draw_stream())?;
        Ok(site.to_string())
    }

    fn sqlite(&self, source: rusqlite::Error) -> OpenError {
        OpenError::Sqlite { path: self.path.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::{MIGRATIONS, SCHEMA};
    use rusqlite::Connection;

    fn shape(steps: &[&str]) -> Vec<String> {
        let conn = Connection::open_in_memory().expect("memory");
        for step in steps {
            conn.execute_batch(step).expect("valid SQL");
        }
        let mut shape = conn
            .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
            .expect("schema");
        let rows = shape.query_map([], |row| row.get::<_, String>(0)).expect("rows");
        let without_comments = |sql: String| {
            // Renaming a table puts its name in quotation marks.
            let sql = sql.replace('"', "");
            let lines = sql.lines().map(|line| line.split("--").next().unwrap_or("").to_string());
            let words = lines.collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
            // So does a column that is added with its place.
            words.replace(" ,", ",").replace(" )", ")").replace("( ", "(")
        };
        rows.map(|sql| without_comments(sql.expect("text"))).collect()
    }

    #[test]
    fn a_fresh_file_equals_an_upgraded_one() {
        assert_eq!(shape(&[SCHEMA]), shape(&MIGRATIONS));
    }
}
