//! Named SQL over ranges of keys: a bucket is a range of their integers, and so is a part.
//!
//! Not here: single keys (`rows`).

use super::rows::{NameId, digest, name_id, named, sql, version};
use contract::digest::Digest;
use contract::id::Version;
use contract::repair::Bits;
use rusqlite::{Connection, params};
use std::ops::RangeInclusive;

/// The integers of a bucket's keys.
pub(super) fn ids(bits: Bits, bucket: u32) -> RangeInclusive<NameId> {
    let width = 1_u64 << (63 - u32::from(bits.get()));
    let first = u64::from(bucket) * width;
    let edge = |n: u64| i64::try_from(n).unwrap_or(NameId::MAX);
    edge(first)..=edge(first + (width - 1))
}

/// The bucket of an integer.
pub(super) fn bucket_of(bits: Bits, id: NameId) -> u32 {
    bits.bucket(id.unsigned_abs() << 1)
}

/// A record among others in a range of ids.
pub(super) struct InRange {
    pub(super) id: NameId,
    pub(super) version: Version,
    pub(super) digest: Digest,
    pub(super) is_in_force: bool,
    /// Kind's name and key; none if the disk lost it, or made another of it.
    pub(super) name: Option<(String, String)>,
}

/// Calls `each` with every record of a range, in its order.
pub(super) fn each_in_range(
    conn: &Connection,
    ids: &RangeInclusive<NameId>,
    mut each: impl FnMut(InRange),
) -> rusqlite::Result<()> {
    const RANGE: &str = "SELECT r.id, r.epoch, r.seq, r.digest, r.refused IS NULL, n.kind, k.name, n.key
        FROM record r LEFT JOIN name n ON n.id = r.id LEFT JOIN kind k ON k.id = n.kind AND n.kind > 6
        WHERE r.id BETWEEN ?1 AND ?2 ORDER BY r.id";
    let mut range = conn.prepare_cached(RANGE)?;
    let mut rows = range.query([ids.start(), ids.end()])?;
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        each(InRange {
            id,
            version: version(row, 1)?.unwrap_or_default(),
            digest: digest(row, 3)?.unwrap_or_default(),
            is_in_force: row.get(4)?,
            name: named(row, 5)?.filter(|(kind, key)| name_id(kind, key) == id),
        });
    }
    Ok(())
}

/// The tombstones of a range.
pub(super) fn tombstones_in_range(
    conn: &Connection,
    ids: &RangeInclusive<NameId>,
) -> rusqlite::Result<Vec<(NameId, Version)>> {
    const RANGE: &str = "SELECT id, epoch, seq FROM tombstone WHERE id BETWEEN ?1 AND ?2";
    let mut range = conn.prepare_cached(RANGE)?;
    let rows = range
        .query_map([ids.start(), ids.end()], |row| Ok((row.get(0)?, version(row, 1)?.unwrap_or_default())))?;
    rows.collect()
}

/// Whether buckets are noted with a version that was never heard.
pub(super) fn has_buckets_above(conn: &Connection, high: Version) -> rusqlite::Result<bool> {
    const ANY: &str = "SELECT EXISTS (SELECT 1 FROM bucket WHERE (epoch, seq) > (?1, ?2))";
    conn.prepare_cached(ANY)?.query_row([sql(high.epoch), sql(high.seq)], |row| row.get(0))
}

/// Forgets them.
pub(super) fn clear_buckets_above(conn: &Connection, high: Version) -> rusqlite::Result<()> {
    const CLEAR: &str = "DELETE FROM bucket WHERE (epoch, seq) > (?1, ?2)";
    conn.prepare_cached(CLEAR)?.execute([sql(high.epoch), sql(high.seq)])?;
    Ok(())
}

/// Calls `each` with the digest of every record of a range, in its order.
pub(super) fn each_digest(
    conn: &Connection,
    ids: &RangeInclusive<NameId>,
    mut each: impl FnMut(NameId, Digest),
) -> rusqlite::Result<()> {
    const RANGE: &str = "SELECT id, digest FROM record WHERE id BETWEEN ?1 AND ?2 ORDER BY id";
    let mut range = conn.prepare_cached(RANGE)?;
    let mut rows = range.query([ids.start(), ids.end()])?;
    while let Some(row) = rows.next()? {
        each(row.get(0)?, digest(row, 1)?.unwrap_or_default());
    }
    Ok(())
}

/// The same for a bucket that is known at `version`.
pub(super) fn clear_tombstones_up_to(
    conn: &Connection,
    ids: &RangeInclusive<NameId>,
    version: Version,
) -> rusqlite::Result<()> {
    const NAMES: &str = "DELETE FROM name WHERE id IN
        (SELECT id FROM tombstone WHERE id BETWEEN ?1 AND ?2 AND (epoch, seq) <= (?3, ?4))";
    const CLEAR: &str = "DELETE FROM tombstone WHERE id BETWEEN ?1 AND ?2 AND (epoch, seq) <= (?3, ?4)";
    let bounds = params![ids.start(), ids.end(), sql(version.epoch), sql(version.seq)];
    conn.prepare_cached(NAMES)?.execute(bounds)?;
    conn.prepare_cached(CLEAR)?.execute(bounds)?;
    Ok(())
}
