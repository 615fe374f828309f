//! Where the mirror stands: what was heard, what was proven, and who exports.
//!
//! Not here: what moves it (`apply`).

use super::rows;
use contract::digest::Digest;
use contract::id::Version;
use rusqlite::{Connection, params};

/// Where the mirror stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Highest version heard.
    pub head: Version,
    /// Last version at which the roots were equal.
    pub floor: Version,
    /// Sum of the records' digests.
    pub root: Digest,
    /// Why the newest checkpoint did not prove the mirror.
    pub out_of_sync: Option<OutOfSync>,
}

/// Why the mirror is not proven.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutOfSync {
    /// No checkpoint has agreed yet.
    NeverProven,
    /// A message is missing before the newest one.
    Gap,
    /// The roots differ though no message is known to be missing.
    UnequalRoot,
}

impl OutOfSync {
    /// The word in `state` and on disk.
    pub fn as_str(self) -> &'static str {
        match self {
            OutOfSync::NeverProven => "never_proven",
            OutOfSync::Gap => "gap",
            OutOfSync::UnequalRoot => "unequal_root",
        }
    }

    /// The reason of that name; an unknown one is a later program's, and not proof either.
    pub fn parse(text: &str) -> OutOfSync {
        match text {
            "gap" => OutOfSync::Gap,
            "unequal_root" => OutOfSync::UnequalRoot,
            _ => OutOfSync::NeverProven,
        }
    }
}

/// Reads where the mirror stands.
///
/// # Errors
/// SQLite's.
pub fn standing(conn: &Connection) -> rusqlite::Result<Standing> {
    const READ: &str = "SELECT head_epoch, head_seq, floor_epoch, floor_seq, root, out_of_sync FROM mirror";
    conn.prepare_cached(READ)?.query_row([], |row| {
        let out_of_sync: Option<String> = row.get(5)?;
        Ok(Standing {
            head: rows::version(row, 0)?.unwrap_or_default(),
            floor: rows::version(row, 2)?.unwrap_or_default(),
            root: rows::digest(row, 4)?.unwrap_or_default(),
            out_of_sync: out_of_sync.as_deref().map(OutOfSync::parse),
        })
    })
}

/// After a start or the loss of the session nothing is proven until the next checkpoint.
///
/// # Errors
/// SQLite's.
pub fn forget_proof(conn: &Connection) -> rusqlite::Result<()> {
    const FORGET: &str = "UPDATE mirror SET out_of_sync = 'never_proven' WHERE out_of_sync IS NULL";
    conn.execute(FORGET, []).map(|_| ())
}

/// Who exports, as the source last said: kept, so that a restart without a broker goes on as before.
///
/// # Errors
/// SQLite's.
pub fn exporter(conn: &Connection) -> rusqlite::Result<Option<String>> {
    const READ: &str = "SELECT exporter FROM mirror";
    conn.query_row(READ, [], |row| row.get(0))
}

/// Notes who exports; says whether that is news.
///
/// # Errors
/// SQLite's.
pub fn set_exporter(conn: &Connection, exporter: Option<&str>) -> rusqlite::Result<bool> {
    const SET: &str = "UPDATE mirror SET exporter = ?1 WHERE exporter IS NOT ?1";
    conn.prepare_cached(SET)?.execute([exporter]).map(|changed| changed > 0)
}

pub(super) fn store(conn: &Connection, standing: &Standing) -> rusqlite::Result<()> {
    const STORE: &str = "UPDATE mirror SET head_epoch = ?1, head_seq = ?2, floor_epoch = ?3, floor_seq = ?4,
        root = ?5, out_of_sync = ?6";
    let Standing { head, floor, root, out_of_sync } = standing;
    conn.prepare_cached(STORE)?.execute(params![
        rows::sql(head.epoch),
        rows::sql(head.seq),
        rows::sql(floor.epoch),
        rows::sql(floor.seq),
        root.to_bytes(),
        out_of_sync.map(OutOfSync::as_str),
    ])?;
    Ok(())
}
