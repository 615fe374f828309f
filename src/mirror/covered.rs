//! Which buckets are known to be as the source had them, and at which version: since the last proof.
//!
//! A change at or below that version is old news for the keys of the bucket. A proof makes all of this
//! needless: the floor then says it for every key.
//!
//! Not here: comparing and fetching (`apply::answers`).

use super::ranges;
use super::rows::{self, NameId};
use contract::BITS_MAX;
use contract::id::Version;
use contract::repair::Bits;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// What is covered, as a batch sees it: in quiet times nothing, and that costs nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Covered {
    /// The divisions of which there are buckets.
    divisions: Vec<Bits>,
}

impl Covered {
    pub(super) fn load(conn: &Connection) -> rusqlite::Result<Covered> {
        const ANY: &str = "SELECT EXISTS (SELECT 1 FROM bucket)";
        const OF: &str = "SELECT EXISTS (SELECT 1 FROM bucket WHERE bits = ?1)";
        let mut covered = Covered::default();
        if conn.prepare_cached(ANY)?.query_row([], |row| row.get(0))? {
            let mut of = conn.prepare_cached(OF)?;
            for bits in (0..=BITS_MAX).filter_map(Bits::new) {
                if of.query_row([bits.get()], |row| row.get(0))? {
                    covered.divisions.push(bits);
                }
            }
        }
        Ok(covered)
    }

    /// Whether no bucket is covered.
    pub(super) fn is_empty(&self) -> bool {
        self.divisions.is_empty()
    }

    /// Whether all keys of a bucket of `bits` are covered alike.
    pub(super) fn is_even_within(&self, bits: Bits) -> bool {
        self.divisions.iter().all(|division| *division <= bits)
    }

    /// The newest version at which a bucket around this key is known. One above `high` was never heard: it is the
    /// disk's work and counts for nothing.
    pub(super) fn as_of(&self, conn: &Connection, id: NameId, high: Version) -> rusqlite::Result<Version> {
        let mut newest = Version::default();
        for bits in &self.divisions {
            let known = at(conn, *bits, ranges::bucket_of(*bits, id))?;
            if known <= high {
                newest = newest.max(known);
            }
        }
        Ok(newest)
    }

    /// Notes that a bucket was equal at `version`; never lower than before, unless that is above `high`.
    pub(super) fn note(
        &mut self,
        conn: &Connection,
        bits: Bits,
        bucket: u32,
        version: Version,
        high: Version,
    ) -> rusqlite::Result<()> {
        const PUT: &str = "INSERT INTO bucket (bits, bucket, epoch, seq) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq
            WHERE (excluded.epoch, excluded.seq) > (epoch, seq) OR (epoch, seq) > (?5, ?6)";
        let (epoch, seq) = (rows::sql(version.epoch), rows::sql(version.seq));
        let (high_epoch, high_seq) = (rows::sql(high.epoch), rows::sql(high.seq));
        conn.prepare_cached(PUT)?.execute(params![bits.get(), bucket, epoch, seq, high_epoch, high_seq])?;
        if !self.divisions.contains(&bits) {
            self.divisions.push(bits);
        }
        Ok(())
    }

    /// A proof covers everything.
    pub(super) fn clear(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        const CLEAR: &str = "DELETE FROM bucket";
        conn.prepare_cached(CLEAR)?.execute([])?;
        self.divisions.clear();
        Ok(())
    }
}

/// The version at which one bucket is known; the lowest when it is not.
fn at(conn: &Connection, bits: Bits, bucket: u32) -> rusqlite::Result<Version> {
    const AT: &str = "SELECT epoch, seq FROM bucket WHERE bits = ?1 AND bucket = ?2";
    let read = |row: &Row<'_>| Ok(rows::version(row, 0)?.unwrap_or_default());
    Ok(conn.prepare_cached(AT)?.query_row(params![bits.get(), bucket], read).optional()?.unwrap_or_default())
}

/// How far a first sync or a repair has come: of the division with most covered buckets, how many are, and of
/// how many. `None` when nothing is under way.
pub(super) fn progress(conn: &Connection) -> rusqlite::Result<Option<(u32, u32)>> {
    const MOST: &str =
        "SELECT bits, count(*) AS covered FROM bucket GROUP BY bits ORDER BY covered DESC LIMIT 1";
    let read = |row: &Row<'_>| {
        let bits = Bits::new(row.get(0)?).unwrap_or_default();
        Ok((row.get(1)?, bits.buckets()))
    };
    conn.prepare_cached(MOST)?.query_row([], read).optional()
}
