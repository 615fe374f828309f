//! Rows for people: what `doorward query` and `doorward status` read.

use super::covered;
use super::outbox::{self, Waiting};
use super::rows;
use super::standing::{self, Standing};
use access::time::UtcTime;
use contract::id::{Kind, Version};
use rusqlite::{Connection, OptionalExtension, params};

/// A record as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Its kind, perhaps one of a later version.
    pub kind: String,
    /// Its key.
    pub key: String,
    /// Its version.
    pub version: Version,
    /// Why it is refused.
    pub refused: Option<String>,
    /// Canonical JSON, or the text as sent when refused.
    pub body: String,
}

/// A message without a valid envelope.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefusedMessage {
    /// When.
    pub at: UtcTime,
    /// The topic's last part.
    pub topic: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Why.
    pub reason: String,
    /// Its first bytes.
    pub head: Vec<u8>,
}

/// What the mirror holds, in numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Summary {
    /// The site.
    pub site: String,
    /// Where the mirror stands.
    pub standing: Standing,
    /// Buckets that are as the source had them, and how many there are, while a first sync or a repair is under
    /// way.
    pub covered: Option<(u32, u32)>,
    /// Records by kind.
    pub records: Vec<(String, u64)>,
    /// Refused records and messages.
    pub refused: u64,
    /// The event outbox.
    pub events: Waiting,
}

/// Records of `kind` in key order: all, the one with that key, or those whose key or body contains `filter`;
/// at most `limit`. A PIN is never in what is found.
///
/// # Errors
/// SQLite's.
pub fn records(
    conn: &Connection,
    kind: Kind,
    filter: Option<&str>,
    limit: u32,
) -> rusqlite::Result<Vec<Listed>> {
    const LIST: &str = "SELECT n.kind, k.name, n.key, r.epoch, r.seq, r.refused, r.body
        FROM name n JOIN record r ON r.id = n.id JOIN kind k ON k.id = n.kind
        WHERE n.kind = ?1 AND (?2 IS NULL OR n.key = ?2
          OR instr(lower(n.key || ' ' || iif(json_valid(r.body), json_remove(r.body, '$.pin'), '')), lower(?2)) > 0)
        ORDER BY n.key LIMIT ?3";
    if let Some(key) = filter
        && let Some(exact) = record(conn, kind, key)?
    {
        return Ok(vec![exact]);
    }
    let mut list = conn.prepare_cached(LIST)?;
    let found = list.query_map(params![rows::known_kind(kind), filter, limit], listed)?;
    found.collect()
}

/// The record of that key.
///
/// # Errors
/// SQLite's.
pub fn record(conn: &Connection, kind: Kind, key: &str) -> rusqlite::Result<Option<Listed>> {
    let found = record_by_id(conn, rows::name_id(kind.as_str(), key))?;
    Ok(found.filter(|found| found.kind == kind.as_str() && found.key == key))
}

/// Refused records, at most `limit`.
///
/// # Errors
/// SQLite's.
pub fn refused_records(conn: &Connection, limit: u32) -> rusqlite::Result<Vec<Listed>> {
    const LIST: &str = "SELECT n.kind, k.name, n.key, r.epoch, r.seq, r.refused, r.body
        FROM record r JOIN name n ON n.id = r.id JOIN kind k ON k.id = n.kind
        WHERE r.refused IS NOT NULL ORDER BY r.epoch DESC, r.seq DESC, n.key LIMIT ?1";
    let mut list = conn.prepare_cached(LIST)?;
    let found = list.query_map([limit], listed)?;
    found.collect()
}

/// One record by the integer of its key.
pub(super) fn record_by_id(conn: &Connection, id: i64) -> rusqlite::Result<Option<Listed>> {
    const READ: &str = "SELECT n.kind, k.name, n.key, r.epoch, r.seq, r.refused, r.body
        FROM record r JOIN name n ON n.id = r.id JOIN kind k ON k.id = n.kind WHERE r.id = ?1";
    conn.prepare_cached(READ)?.query_row([id], listed).optional()
}

fn listed(row: &rusqlite::Row<'_>) -> rusqlite::Result<Listed> {
    let (kind, key) = rows::named(row, 0)?.unwrap_or_default();
    Ok(Listed {
        kind,
        key,
        version: rows::version(row, 3)?.unwrap_or_default(),
        refused: rows::text(row, 5)?,
        body: rows::text(row, 6)?.unwrap_or_default(),
    })
}

/// Refused messages, newest first, at most `limit`.
///
/// # Errors
/// SQLite's.
pub fn refused_messages(conn: &Connection, limit: u32) -> rusqlite::Result<Vec<RefusedMessage>> {
    const LIST: &str = "SELECT at, topic, bytes, reason, head FROM refused_message ORDER BY id DESC LIMIT ?1";
    let mut list = conn.prepare_cached(LIST)?;
    let found = list.query_map([limit], |row| {
        Ok(RefusedMessage {
            at: UtcTime::from_unix(row.get(0)?),
            topic: row.get(1)?,
            bytes: row.get::<_, i64>(2)?.unsigned_abs(),
            reason: row.get(3)?,
            head: row.get(4)?,
        })
    })?;
    found.collect()
}

/// Refused records and messages, counted.
///
/// # Errors
/// SQLite's.
pub fn count_refused(conn: &Connection) -> rusqlite::Result<u64> {
    const REFUSED: &str = "SELECT (SELECT count(*) FROM record WHERE refused IS NOT NULL)
        + (SELECT count(*) FROM refused_message)";
    let refused: i64 = conn.prepare_cached(REFUSED)?.query_row([], |row| row.get(0))?;
    Ok(refused.unsigned_abs())
}

/// What the mirror holds, in numbers.
///
/// # Errors
/// SQLite's.
pub fn summary(conn: &Connection) -> rusqlite::Result<Summary> {
    // One walk over the names: kinds have no index of their own.
    const COUNTS: &str = "SELECT sum(kind = 1), sum(kind = 2), sum(kind = 3), sum(kind = 4), sum(kind = 5),
        sum(kind = 6), sum(kind > 6) FROM name";
    const DELETED: &str =
        "SELECT sum(n.kind = 1), sum(n.kind = 2), sum(n.kind = 3), sum(n.kind = 4), sum(n.kind = 5),
        sum(n.kind = 6), sum(n.kind > 6) FROM tombstone t JOIN name n ON n.id = t.id";
    const SITE: &str = "SELECT site FROM mirror";
    let read = |row: &rusqlite::Row<'_>| {
        let count = |at: usize| Ok(row.get::<_, Option<i64>>(at)?.unwrap_or(0));
        (0..7).map(count).collect::<rusqlite::Result<Vec<i64>>>()
    };
    let names: Vec<i64> = conn.query_row(COUNTS, [], read)?;
    let deleted: Vec<i64> = conn.query_row(DELETED, [], read)?;
    let kinds = Kind::ALL.map(Kind::as_str).into_iter().chain(["of later versions"]);
    let records = kinds
        .zip(names.iter().zip(&deleted))
        .map(|(kind, (names, deleted))| (kind.to_owned(), names.saturating_sub(*deleted).unsigned_abs()));
    let records = records.filter(|(kind, count)| *count > 0 || Kind::parse(kind).is_some());
    Ok(Summary {
        site: conn.query_row(SITE, [], |row| row.get(0))?,
        standing: standing::standing(conn)?,
        covered: covered::progress(conn)?,
        records: records.collect(),
        refused: count_refused(conn)?,
        events: outbox::waiting(conn)?,
    })
}
