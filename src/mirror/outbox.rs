//! The event outbox: what happened here and the source does not have yet.
//!
//! Bounded in rows. Room is reserved: an event that others can be asked about again (an export result) may
//! not take the last tenth, which is for what is known nowhere else. What finds no room is counted, never
//! dropped in silence.
//!
//! Not here: sending (the service's outbox).

use access::time::UtcTime;
use contract::messages::{Event, EventMessage};
use rusqlite::{Connection, Row, params};

/// Most events waiting.
pub const EVENTS_MAX: i64 = 10_000;
/// Of these, kept for events that are known nowhere else.
pub const EVENTS_RESERVED: i64 = 1_000;

/// What the outbox holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// Events not yet received.
    pub waiting: u64,
    /// Events for which there was no room, since the file was made.
    pub lost: u64,
}

pub(super) fn create(conn: &Connection, stream: &str) -> rusqlite::Result<()> {
    const FIRST: &str =
        "INSERT INTO outbox (one, stream, next_seq, received_seq, lost) VALUES (1, ?1, 1, 0, 0)";
    conn.execute(FIRST, [stream]).map(|_| ())
}

/// Adds an event; numbered without gaps.
///
/// # Errors
/// SQLite's.
pub fn push(conn: &Connection, now: UtcTime, event: &Event) -> rusqlite::Result<()> {
    const ROOM: &str = "SELECT next_seq - 1 - received_seq FROM outbox";
    const LOST: &str = "UPDATE outbox SET lost = lost + 1";
    const ADD: &str = "INSERT INTO event (seq, at, body) SELECT next_seq, ?1, ?2 FROM outbox";
    const NEXT: &str = "UPDATE outbox SET next_seq = next_seq + 1";
    let waiting: i64 = conn.prepare_cached(ROOM)?.query_row([], |row| row.get(0))?;
    let limit = if may_be_asked_again(event) { EVENTS_MAX - EVENTS_RESERVED } else { EVENTS_MAX };
    if waiting >= limit {
        conn.prepare_cached(LOST)?.execute([])?;
        return Ok(());
    }
    // An event is plain strings and numbers; serialising it cannot fail.
    let body = serde_json::to_string(event).unwrap_or_default();
    conn.prepare_cached(ADD)?.execute(params![now.unix(), body])?;
    conn.prepare_cached(NEXT)?.execute([])?;
    Ok(())
}

fn may_be_asked_again(event: &Event) -> bool {
    match event {
        Event::ExportResult { .. }
        | Event::PacsEntitlements { .. }
        | Event::EntitlementsChanged { .. }
        | Event::RefusedRecord { .. } => true,
        Event::RefusedMessage { .. }
        | Event::RepairFailed { .. }
        | Event::MirrorDamaged { .. }
        | Event::TokenRevoked { .. }
        | Event::Enrollment(_)
        | Event::CommandResult { .. } => false,
    }
}

/// Events after `after_seq`, oldest first, at most `limit`.
///
/// # Errors
/// SQLite's.
pub fn waiting_after(conn: &Connection, after_seq: u64, limit: u32) -> rusqlite::Result<Vec<EventMessage>> {
    const READ: &str = "SELECT o.stream, e.seq, e.at, e.body FROM outbox o, event e
        WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2";
    let after = i64::try_from(after_seq).unwrap_or(i64::MAX);
    let mut read = conn.prepare_cached(READ)?;
    let rows = read.query_map(params![after, limit], message)?;
    rows.collect()
}

fn message(row: &Row<'_>) -> rusqlite::Result<EventMessage> {
    let body: String = row.get(3)?;
    let event = serde_json::from_str(&body).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(3, rusqlite::types::Type::Text, Box::new(error))
    })?;
    Ok(EventMessage {
        stream: row.get(0)?,
        seq: row.get::<_, i64>(1)?.unsigned_abs(),
        at: UtcTime::from_unix(row.get(2)?),
        event,
    })
}

/// The source has everything up to `seq` of `stream`; another stream's numbers mean nothing here.
///
/// # Errors
/// SQLite's.
pub fn received(conn: &Connection, stream: &str, seq: u64) -> rusqlite::Result<()> {
    const MARK: &str =
        "UPDATE outbox SET received_seq = max(received_seq, min(?2, next_seq - 1)) WHERE stream = ?1";
    const FREE: &str = "DELETE FROM event WHERE seq <= (SELECT received_seq FROM outbox)";
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    conn.prepare_cached(MARK)?.execute(params![stream, seq])?;
    conn.prepare_cached(FREE)?.execute([])?;
    Ok(())
}

/// How many events wait, and how many found no room.
///
/// # Errors
/// SQLite's.
pub fn waiting(conn: &Connection) -> rusqlite::Result<Waiting> {
    const COUNT: &str = "SELECT next_seq - 1 - received_seq, lost FROM outbox";
    conn.prepare_cached(COUNT)?.query_row([], |row| {
        let (waiting, lost): (i64, i64) = (row.get(0)?, row.get(1)?);
        Ok(Waiting { waiting: waiting.unsigned_abs(), lost: lost.unsigned_abs() })
    })
}
