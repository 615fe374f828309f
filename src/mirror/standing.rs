//! Where the mirror stands: what was heard, what was proven, the root and its parts, and who exports.
//!
//! Not here: what moves it (`apply`).

use super::rows::{self, NameId};
use access::time::UtcTime;
use contract::digest::Digest;
use contract::id::Version;
use rusqlite::{Connection, params};
use std::ops::RangeInclusive;

/// Where the mirror stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Highest version heard, in a change or in an answer.
    pub head: Version,
    /// Last version at which the roots were equal.
    pub floor: Version,
    /// Sum of the records' digests.
    pub root: Digest,
    /// Why the newest checkpoint did not prove the mirror.
    pub out_of_sync: Option<OutOfSync>,
    /// Version of the newest root that was compared.
    pub heard: Version,
    /// That root.
    pub heard_root: Digest,
    /// Whether the mirror was ever proven, or compared from end to end. Until then a missing row may still be to come.
    pub whole: bool,
    /// Whether its rows are a backup's, and were not compared with the source since.
    pub restored: Restored,
}

/// Whether the rows are a backup's: the panel had heard more before it was lost, and what was taken away since then is
/// still in them. Until the next proof nothing is given by them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Restored {
    /// They are this panel's own, or were compared.
    #[default]
    No,
    /// They are.
    Yes,
    /// They are, and somebody wants doors to open by them all the same.
    DoorsOpen,
}

impl Restored {
    pub(super) fn number(self) -> i64 {
        match self {
            Restored::No => 0,
            Restored::Yes => 1,
            Restored::DoorsOpen => 2,
        }
    }

    fn of(number: i64) -> Restored {
        match number {
            0 => Restored::No,
            2 => Restored::DoorsOpen,
            // What no program has written gives nothing.
            _ => Restored::Yes,
        }
    }
}

impl Standing {
    /// The version below which nothing proves anything.
    pub fn high(&self) -> Version {
        self.head.max(self.floor)
    }
}

/// The root in parts, by the leading bits of the keys' ids: where rows were lost or altered on disk, their part
/// says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Parts {
    sums: [Digest; PARTS],
    is_changed: bool,
}

/// How many parts there are.
pub const PARTS: usize = 1 << PART_BITS;
/// Leading bits of an id that name its part.
const PART_BITS: u32 = 6;

impl Parts {
    /// Of an empty mirror.
    pub(super) fn empty() -> Parts {
        Parts { sums: [Digest::ZERO; PARTS], is_changed: true }
    }

    /// Which part an id belongs to.
    pub(super) fn of(id: NameId) -> usize {
        usize::try_from(id >> (63 - PART_BITS)).unwrap_or(0) % PARTS
    }

    /// The ids of a part.
    pub(super) fn ids(part: usize) -> RangeInclusive<NameId> {
        let width = 1_i64 << (63 - PART_BITS);
        let first = i64::try_from(part % PARTS).unwrap_or(0) * width;
        first..=first + (width - 1)
    }

    /// The sum of one part.
    pub(super) fn sum(&self, part: usize) -> Digest {
        self.sums[part % PARTS]
    }

    /// Sets the sum of one part.
    pub(super) fn set(&mut self, part: usize, sum: Digest) {
        self.sums[part % PARTS] = sum;
        self.is_changed = true;
    }

    /// A record came.
    pub(super) fn add(&mut self, id: NameId, digest: Digest) {
        self.set(Parts::of(id), self.sum(Parts::of(id)).plus(digest));
    }

    /// A record went.
    pub(super) fn take(&mut self, id: NameId, digest: Digest) {
        self.set(Parts::of(id), self.sum(Parts::of(id)).minus(digest));
    }

    /// Their sum.
    pub(super) fn root(&self) -> Digest {
        self.sums.iter().fold(Digest::ZERO, |root, sum| root.plus(*sum))
    }
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
    /// Rows had changed on the disk by themselves.
    Damaged,
}

impl OutOfSync {
    /// The word in `state` and on disk.
    pub fn as_str(self) -> &'static str {
        match self {
            OutOfSync::NeverProven => "never_proven",
            OutOfSync::Gap => "gap",
            OutOfSync::UnequalRoot => "unequal_root",
            OutOfSync::Damaged => "damaged",
        }
    }

    /// The reason of that name; an unknown one is a later program's, and not proof either.
    pub fn parse(text: &str) -> OutOfSync {
        match text {
            "gap" => OutOfSync::Gap,
            "unequal_root" => OutOfSync::UnequalRoot,
            "damaged" => OutOfSync::Damaged,
            _ => OutOfSync::NeverProven,
        }
    }
}

/// Reads where the mirror stands.
///
/// # Errors
/// SQLite's.
pub fn standing(conn: &Connection) -> rusqlite::Result<Standing> {
    const READ: &str = "SELECT head_epoch, head_seq, floor_epoch, floor_seq, root, out_of_sync, heard_epoch,
        heard_seq, heard_root, whole, restored FROM mirror";
    conn.prepare_cached(READ)?.query_row([], |row| {
        let out_of_sync: Option<String> = row.get(5)?;
        Ok(Standing {
            head: rows::version(row, 0)?.unwrap_or_default(),
            floor: rows::version(row, 2)?.unwrap_or_default(),
            root: rows::digest(row, 4)?.unwrap_or_default(),
            out_of_sync: out_of_sync.as_deref().map(OutOfSync::parse),
            heard: rows::version(row, 6)?.unwrap_or_default(),
            heard_root: rows::digest(row, 8)?.unwrap_or_default(),
            whole: row.get(9)?,
            restored: Restored::of(row.get(10)?),
        })
    })
}

/// Reads the parts of the root.
pub(super) fn parts(conn: &Connection) -> rusqlite::Result<Parts> {
    const READ: &str = "SELECT parts FROM mirror";
    conn.prepare_cached(READ)?.query_row([], |row| {
        let bytes = row.get_ref(0)?.as_blob()?;
        let mut parts = Parts::empty();
        for (sum, bytes) in parts.sums.iter_mut().zip(bytes.chunks_exact(16)) {
            *sum = bytes.try_into().map(Digest::from_bytes).unwrap_or_default();
        }
        parts.is_changed = false;
        Ok(parts)
    })
}

/// Every bucket was equal or fetched: what is missing is gone, even if the roots never agree.
///
/// # Errors
/// SQLite's.
pub fn note_whole(conn: &Connection) -> rusqlite::Result<()> {
    const NOTE: &str = "UPDATE mirror SET whole = 1, restored = 0 WHERE whole = 0";
    conn.execute(NOTE, []).map(|_| ())
}

/// Whether the mirror holds nothing at all, not even proof that there is nothing.
///
/// # Errors
/// SQLite's.
pub fn is_empty(conn: &Connection) -> rusqlite::Result<bool> {
    const PROVEN: &str = "SELECT floor_epoch > 0 OR EXISTS (SELECT 1 FROM bucket) FROM mirror";
    let proven: bool = conn.prepare_cached(PROVEN)?.query_row([], |row| row.get(0))?;
    Ok(!proven && rows::is_empty(conn)?)
}

/// After a start or the loss of the session nothing is proven until the next checkpoint.
///
/// # Errors
/// SQLite's.
pub fn forget_proof(conn: &Connection) -> rusqlite::Result<()> {
    const FORGET: &str = "UPDATE mirror SET out_of_sync = 'never_proven' WHERE out_of_sync IS NULL";
    conn.execute(FORGET, []).map(|_| ())
}

/// What a decision has to know of the rows: when they were last proven, by a clock that was believed; and whether they are
/// a backup's.
///
/// # Errors
/// SQLite's.
pub fn provenance(conn: &Connection) -> rusqlite::Result<(Option<UtcTime>, Restored)> {
    const READ: &str = "SELECT proven_at, restored FROM mirror";
    conn.prepare_cached(READ)?.query_row([], |row| {
        let at: Option<i64> = row.get(0)?;
        Ok((at.map(UtcTime::from_unix), Restored::of(row.get(1)?)))
    })
}

/// Notes that it is proven now, unless that was noted less than `every_s` seconds ago: flash is spared, and what is counted
/// from the note ends a little early.
///
/// # Errors
/// SQLite's.
pub fn note_proven(conn: &Connection, now: UtcTime, every_s: u32) -> rusqlite::Result<()> {
    const NOTE: &str = "UPDATE mirror SET proven_at = ?1
        WHERE proven_at IS NULL OR proven_at > ?1 OR proven_at <= ?1 - ?2";
    conn.prepare_cached(NOTE)?.execute(params![now.unix(), every_s]).map(drop)
}

/// Writes where the mirror stands; its root becomes that of the parts.
pub(super) fn store(conn: &Connection, standing: &mut Standing, parts: &mut Parts) -> rusqlite::Result<()> {
    const STORE: &str = "UPDATE mirror SET head_epoch = ?1, head_seq = ?2, floor_epoch = ?3, floor_seq = ?4,
        root = ?5, out_of_sync = ?6, heard_epoch = ?7, heard_seq = ?8, heard_root = ?9, whole = ?10, restored = ?11";
    const STORE_PARTS: &str = "UPDATE mirror SET parts = ?1";
    standing.root = parts.root();
    let Standing { head, floor, root, out_of_sync, heard, heard_root, whole, restored } = standing;
    conn.prepare_cached(STORE)?.execute(params![
        rows::sql(head.epoch),
        rows::sql(head.seq),
        rows::sql(floor.epoch),
        rows::sql(floor.seq),
        root.to_bytes(),
        out_of_sync.map(OutOfSync::as_str),
        rows::sql(heard.epoch),
        rows::sql(heard.seq),
        heard_root.to_bytes(),
        *whole,
        restored.number(),
    ])?;
    if std::mem::take(&mut parts.is_changed) {
        let bytes = parts.sums.map(Digest::to_bytes);
        conn.prepare_cached(STORE_PARTS)?.execute([bytes.as_flattened()])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_noted_now_and_then_and_at_once_when_the_clock_was_put_back() {
        let conn = Connection::open_in_memory().expect("memory");
        conn.execute_batch(
            "CREATE TABLE mirror (proven_at INTEGER, restored INTEGER); INSERT INTO mirror VALUES (NULL, 0)",
        )
        .expect("a row");
        for (now, noted) in [
            (1_000_000, 1_000_000),
            (1_000_599, 1_000_000),
            (1_000_600, 1_000_600),
            (1_000_599, 1_000_599),
            (900_000, 900_000),
        ] {
            note_proven(&conn, UtcTime::from_unix(now), 600).expect("noted");
            let (at, _) = provenance(&conn).expect("read");
            assert_eq!(at, Some(UtcTime::from_unix(noted)), "{now}");
        }
    }
}
