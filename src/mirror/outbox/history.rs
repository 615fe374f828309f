//! Events for people: what happened here, whether or not the source has it.

use super::{Kept, message};
use access::time::UtcTime;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// An event as it is kept.
#[derive(Clone, Debug)]
pub struct Told {
    /// By which people name it.
    pub id: u64,
    /// The event.
    pub event: Kept,
    /// Whether the source has it.
    pub is_received: bool,
}

fn read(row: &Row<'_>) -> rusqlite::Result<Told> {
    Ok(Told { event: message(row)?, id: row.get::<_, i64>(4)?.unsigned_abs(), is_received: row.get(5)? })
}

/// The newest events since `since` that `wants` likes, oldest first, at most `limit`.
///
/// # Errors
/// SQLite's.
pub fn newest(
    conn: &Connection,
    since: Option<UtcTime>,
    limit: u32,
    mut wants: impl FnMut(&Kept) -> bool,
) -> rusqlite::Result<Vec<Told>> {
    const READ: &str = "SELECT o.stream, e.seq, e.at, e.body, e.id, e.seq <= o.received_seq
        FROM outbox o, event e WHERE ?1 IS NULL OR e.at >= ?1 ORDER BY e.id DESC";
    let mut select = conn.prepare_cached(READ)?;
    let mut rows = select.query(params![since.map(UtcTime::unix)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let told = read(row)?;
        if wants(&told.event) {
            found.push(told);
        }
        if found.len() >= usize::try_from(limit).unwrap_or(usize::MAX) {
            break;
        }
    }
    found.reverse();
    Ok(found)
}

/// The event of that id, while it is kept.
///
/// # Errors
/// SQLite's.
pub fn told(conn: &Connection, id: u64) -> rusqlite::Result<Option<Told>> {
    const READ: &str = "SELECT o.stream, e.seq, e.at, e.body, e.id, e.seq <= o.received_seq
        FROM outbox o, event e WHERE e.id = ?1";
    let id = i64::try_from(id).unwrap_or(i64::MAX);
    conn.prepare_cached(READ)?.query_row([id], read).optional()
}
