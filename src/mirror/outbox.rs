//! The event outbox: what happened here and the source does not have yet, and what it has had for a while.
//!
//! Bounded in rows. What comes from doors is without end while the source takes nothing: then the oldest cards that
//! passed give way to what comes, and after those what else happened at doors; one event says how many there were. Of the
//! rest, an event that others can be asked about again (an export result) may not take the last tenth of the room, which is
//! for what is known nowhere else; cards and doors, too, where the others have taken the rest. What finds no room is counted, never dropped in silence.
//!
//! - `room`: what gives way
//! - `history`: events for people
//!
//! Not here: sending (the service's outbox).

mod history;
mod room;
#[cfg(test)]
mod tests;

use access::time::UtcTime;
use contract::messages::{Event, EventMessage};
use rusqlite::{Connection, Row, params};
use serde_json::value::RawValue;

pub use history::{Told, newest, told};

/// Most events waiting.
pub const EVENTS_MAX: i64 = 10_000;
/// Of these, kept for events that are known nowhere else.
pub const EVENTS_RESERVED: i64 = 1_000;
/// Rows, with those that the source has; the oldest of these go first.
pub const EVENTS_KEPT_MAX: i64 = 20_000;
/// So many more numbers are taken for sent at once, so that not every event is noted before it goes.
const SENT_AHEAD: u64 = 256;

/// An event as it was written down. It is not read to be sent: what another version of the program has written leaves as
/// it is, and none holds up those after it.
pub type Kept = EventMessage<Box<RawValue>>;

/// As whoever it is sent to reads it.
#[cfg(test)]
pub fn as_heard(kept: Kept) -> EventMessage {
    let Kept { stream, seq, at, event } = kept;
    EventMessage { stream, seq, at, event: serde_json::from_str(event.get()).expect("an event") }
}

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

/// Adds an event, unless there is no room, which is counted.
///
/// # Errors
/// SQLite's.
pub fn push(conn: &Connection, now: UtcTime, event: &Event) -> rusqlite::Result<()> {
    keep(conn, now, event).map(drop)
}

/// As [`push`]; gives by which number people know it, and none when there was no room.
///
/// # Errors
/// SQLite's.
pub fn keep(conn: &Connection, now: UtcTime, event: &Event) -> rusqlite::Result<Option<u64>> {
    const ADD: &str = "INSERT INTO event (seq, at, gives_way, body) SELECT next_seq, ?1, ?2, ?3 FROM outbox";
    const NEXT: &str = "UPDATE outbox SET next_seq = next_seq + 1";
    if !room::find(conn, now, event)? {
        return Ok(None);
    }
    // An event is plain strings and numbers; serialising it cannot fail.
    let body = serde_json::to_string(event).unwrap_or_default();
    conn.prepare_cached(ADD)?.execute(params![now.unix(), room::gives_way(event), body])?;
    let id = conn.last_insert_rowid();
    conn.prepare_cached(NEXT)?.execute([])?;
    room::forget_received(conn, id)?;
    Ok(Some(id.unsigned_abs()))
}

/// Events after `after_seq` that the source does not have, oldest first, at most `limit`.
///
/// # Errors
/// SQLite's.
pub fn waiting_after(conn: &Connection, after_seq: u64, limit: u32) -> rusqlite::Result<Vec<Kept>> {
    const READ: &str = "SELECT o.stream, e.seq, e.at, e.body FROM outbox o, event e
        WHERE e.seq > max(?1, o.received_seq) ORDER BY e.seq LIMIT ?2";
    let after = i64::try_from(after_seq).unwrap_or(i64::MAX);
    let mut read = conn.prepare_cached(READ)?;
    let rows = read.query_map(params![after, limit], message)?;
    rows.collect()
}

fn message(row: &Row<'_>) -> rusqlite::Result<Kept> {
    let event = RawValue::from_string(row.get(3)?).map_err(|error| {
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
    // What was never sent was not received, whatever anybody says.
    const MARK: &str = "UPDATE outbox SET received_seq = min(?2, sent_seq, next_seq - 1)
        WHERE stream = ?1 AND received_seq < min(?2, sent_seq, next_seq - 1)";
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    conn.prepare_cached(MARK)?.execute(params![stream, seq]).map(drop)
}

/// Another panel goes on with this one's events, by numbers of its own: those of the old stream may mean something else by
/// now. Enrollments that wait are dropped, since they would be settled anew.
///
/// # Errors
/// SQLite's.
pub fn begin_stream(conn: &Connection, stream: &str) -> rusqlite::Result<()> {
    const DROP: &str = "DELETE FROM event WHERE seq > (SELECT received_seq FROM outbox)
        AND json_extract(body, '$.type') = 'enrollment'";
    const MOVE_UP: &str = "UPDATE event SET seq = moved.seq FROM (
        SELECT id, (SELECT received_seq FROM outbox) + row_number() OVER (ORDER BY seq) AS seq FROM event
        WHERE seq > (SELECT received_seq FROM outbox)) moved WHERE event.id = moved.id";
    const BEGIN: &str = "UPDATE outbox SET stream = ?1, sent_seq = received_seq, next_seq = 1 + received_seq
        + (SELECT count(*) FROM event WHERE seq > received_seq)";
    conn.execute(DROP, [])?;
    conn.execute(MOVE_UP, [])?;
    conn.execute(BEGIN, [stream]).map(drop)
}

/// Whether events up to `seq` may be sent: it is on disk that they may have been.
///
/// # Errors
/// SQLite's.
pub fn may_send(conn: &Connection, seq: u64) -> rusqlite::Result<bool> {
    const MAY: &str = "SELECT sent_seq >= ?1 FROM outbox";
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    conn.prepare_cached(MAY)?.query_row([seq], |row| row.get(0))
}

/// Notes that events up to `seq`, and some that may come, may have been sent: from then on their numbers stand.
///
/// # Errors
/// SQLite's.
pub fn note_sent(conn: &Connection, seq: u64) -> rusqlite::Result<()> {
    const NOTE: &str = "UPDATE outbox SET sent_seq = max(sent_seq, ?1)";
    let ahead = i64::try_from(seq.saturating_add(SENT_AHEAD)).unwrap_or(i64::MAX);
    conn.prepare_cached(NOTE)?.execute([ahead]).map(drop)
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
