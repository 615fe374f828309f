//! What gives way when there is no room for another event.
//!
//! An event that may have been sent keeps its number; of the others those that give way are replaced by one that says so,
//! and what follows moves up, so that the numbers have no gap.

use super::{EVENTS_KEPT_MAX, EVENTS_MAX, EVENTS_RESERVED};
use access::time::UtcTime;
use contract::at_door::Dropped;
use contract::messages::Event;
use rusqlite::{Connection, OptionalExtension, params};

/// So many give way at once: what follows them is numbered again each time.
pub(super) const AT_ONCE_MAX: i64 = 1_000;

/// Never.
const NEVER: i64 = 0;
/// First: somebody might pass.
const FIRST: i64 = 1;
/// After those.
const LATER: i64 = 2;

/// When an event gives way.
pub(super) fn gives_way(event: &Event) -> i64 {
    match event {
        Event::Access(access) if access.granted => FIRST,
        Event::Access(_) | Event::Door(_) => LATER,
        Event::ExportResult { .. }
        | Event::PacsEntitlements { .. }
        | Event::EntitlementsChanged { .. }
        | Event::RefusedRecord { .. }
        | Event::RefusedMessage { .. }
        | Event::RepairFailed { .. }
        | Event::MirrorDamaged { .. }
        | Event::TokenRevoked { .. }
        | Event::Enrollment(_)
        | Event::EventsDropped(_)
        | Event::CommandResult { .. } => NEVER,
    }
}

/// Whether it leaves the last tenth of the room to others.
fn is_modest(event: &Event) -> bool {
    match event {
        Event::ExportResult { .. }
        | Event::PacsEntitlements { .. }
        | Event::EntitlementsChanged { .. }
        | Event::RefusedRecord { .. }
        | Event::Access(_)
        | Event::Door(_) => true,
        Event::RefusedMessage { .. }
        | Event::RepairFailed { .. }
        | Event::MirrorDamaged { .. }
        | Event::TokenRevoked { .. }
        | Event::Enrollment(_)
        | Event::EventsDropped(_)
        | Event::CommandResult { .. } => false,
    }
}

/// Finds room for `event`, if need be by having others give way; without any it is counted.
pub(super) fn find(conn: &Connection, now: UtcTime, event: &Event) -> rusqlite::Result<bool> {
    const WAITING: &str = "SELECT next_seq - 1 - received_seq FROM outbox";
    const LOST: &str = "UPDATE outbox SET lost = lost + 1";
    let waiting: i64 = conn.prepare_cached(WAITING)?.query_row([], |row| row.get(0))?;
    let limit = if is_modest(event) { EVENTS_MAX - EVENTS_RESERVED } else { EVENTS_MAX };
    if waiting < limit {
        return Ok(true);
    }
    // Doors give way to themselves, as long as that makes room worth the while; where other events have taken theirs, they
    // have the last tenth: a panel must not let nobody in because an export had much to tell.
    let is_of_door = gives_way(event) != NEVER;
    if is_of_door && waiting < EVENTS_MAX && !has_many(conn)? {
        return Ok(true);
    }
    // Others are no reason for what happened at a door to be forgotten, as long as they can be told again.
    let has_room =
        (is_of_door || !is_modest(event)) && (give_way(conn, now, FIRST)? || give_way(conn, now, LATER)?);
    if !has_room {
        conn.prepare_cached(LOST)?.execute([])?;
    }
    Ok(has_room)
}

/// Whether as many may give way as do at once.
fn has_many(conn: &Connection) -> rusqlite::Result<bool> {
    const MANY: &str = "SELECT count(*) = ?1 FROM (SELECT 1 FROM event
        WHERE gives_way > 0 AND seq > (SELECT max(sent_seq, received_seq) FROM outbox) LIMIT ?1)";
    conn.prepare_cached(MANY)?.query_row([AT_ONCE_MAX], |row| row.get(0))
}

/// The oldest events of this sort that were certainly not sent make room; false when there are not two, which would
/// make none.
fn give_way(conn: &Connection, now: UtcTime, sort: i64) -> rusqlite::Result<bool> {
    const WHO: &str = "SELECT min(seq), max(seq), count(*), min(at), max(at) FROM (
        SELECT seq, at FROM event WHERE gives_way = ?1 AND gives_way > 0
        AND seq > (SELECT max(sent_seq, received_seq) FROM outbox) ORDER BY seq LIMIT ?2)";
    const REPLACE: &str = "UPDATE event SET at = ?2, gives_way = 0, body = ?3 WHERE seq = ?1";
    const DROP: &str = "DELETE FROM event WHERE gives_way = ?1 AND gives_way > 0 AND seq > ?2 AND seq <= ?3";
    const MOVE_UP: &str = "UPDATE event SET seq = moved.seq FROM (
        SELECT id, ?1 + row_number() OVER (ORDER BY seq) AS seq FROM event WHERE seq > ?1) moved
        WHERE event.id = moved.id";
    const NEXT: &str = "UPDATE outbox SET next_seq = next_seq - ?1";
    let who = conn.prepare_cached(WHO)?.query_row(params![sort, AT_ONCE_MAX], |row| {
        let (first, last): (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
        let (from, to): (Option<i64>, Option<i64>) = (row.get(3)?, row.get(4)?);
        Ok((first.zip(last), row.get::<_, i64>(2)?, from.zip(to)))
    });
    let (Some((first, last)), count @ 2.., Some((from, to))) = who? else { return Ok(false) };
    let dropped = Dropped {
        count: count.unsigned_abs(),
        granted: if sort == FIRST { count.unsigned_abs() } else { 0 },
        from: UtcTime::from_unix(from),
        to: UtcTime::from_unix(to),
    };
    let body = serde_json::to_string(&Event::EventsDropped(dropped)).unwrap_or_default();
    conn.prepare_cached(REPLACE)?.execute(params![first, now.unix(), body])?;
    conn.prepare_cached(DROP)?.execute([sort, first, last])?;
    conn.prepare_cached(MOVE_UP)?.execute([first])?;
    conn.prepare_cached(NEXT)?.execute([count - 1])?;
    tracing::warn!(
        count,
        granted = sort == FIRST,
        "events have given way to newer ones: the source takes none"
    );
    Ok(true)
}

/// What the source has is kept for a while; `newest` is the newest event's id.
pub(super) fn forget_received(conn: &Connection, newest: i64) -> rusqlite::Result<()> {
    const OLDEST: &str = "SELECT id, seq <= (SELECT received_seq FROM outbox) FROM event ORDER BY id LIMIT 1";
    const FORGET: &str = "DELETE FROM event WHERE id <= ?1 AND seq <= (SELECT received_seq FROM outbox)";
    let oldest = conn.prepare_cached(OLDEST)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)));
    match oldest.optional()? {
        Some((id, true)) if id <= newest - EVENTS_KEPT_MAX => {
            conn.prepare_cached(FORGET)?.execute([newest - EVENTS_KEPT_MAX]).map(drop)
        }
        Some::<(i64, bool)>(_) | None => Ok(()),
    }
}
