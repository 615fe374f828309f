//! Messages that have no valid envelope: kept, bounded, with the reason, and reported.
//!
//! Not here: refused records, which are rows like any other (`apply`).

use super::outbox;
use access::time::UtcTime;
use contract::messages::Event;
use rusqlite::{Connection, params};

/// Refused messages kept; the oldest give way.
pub const REFUSED_MESSAGES_MAX: i64 = 1_000;
/// First bytes kept of a refused message.
pub const REFUSED_HEAD_MAX_BYTES: usize = 256;
/// Longest reason kept, in bytes.
const REASON_MAX_BYTES: usize = 300;

/// Keeps the head of a message that has no valid envelope, and reports it.
///
/// # Errors
/// SQLite's.
pub fn keep(
    conn: &Connection,
    topic: &str,
    payload: &[u8],
    reason: &str,
    now: UtcTime,
) -> rusqlite::Result<()> {
    const ADD: &str =
        "INSERT INTO refused_message (at, topic, bytes, head, reason) VALUES (?1, ?2, ?3, ?4, ?5)";
    const BOUND: &str = "DELETE FROM refused_message WHERE id <= (SELECT max(id) FROM refused_message) - ?1";
    let reason = reason_cut(reason);
    let head = &payload[..payload.len().min(REFUSED_HEAD_MAX_BYTES)];
    let bytes = i64::try_from(payload.len()).unwrap_or(i64::MAX);
    conn.prepare_cached(ADD)?.execute(params![now.unix(), topic, bytes, head, reason])?;
    conn.prepare_cached(BOUND)?.execute([REFUSED_MESSAGES_MAX])?;
    tracing::warn!(topic, bytes, reason, "message refused");
    let event =
        Event::RefusedMessage { topic: topic.into(), bytes: bytes.unsigned_abs(), reason: reason.into() };
    outbox::push(conn, now, &event)
}

/// A reason as long as it is kept.
pub(super) fn reason_cut(reason: &str) -> &str {
    let mut end = reason.len().min(REASON_MAX_BYTES);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    &reason[..end]
}
