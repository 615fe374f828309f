//! Orders of the source: each is carried out once, unless it comes too late, and answered by an event.
//!
//! Not here: what is ordered (`orders`).

use super::{Here, Order, Outcome, Who, carry_out, note};
use crate::mirror::{outbox, seen};
use access::time::UtcTime;
use access::trust::{Time, Trust};
use contract::messages::Event;
use rusqlite::Connection;

/// Carries out an order of the source once, unless it comes too late, and reports what came of it. None when the
/// command was seen before: then it has been answered.
///
/// # Errors
/// SQLite's.
pub(in crate::service) fn command(
    conn: &Connection,
    here: &Here,
    (id, expires): (&str, UtcTime),
    order: &Order,
) -> rusqlite::Result<Option<Outcome>> {
    let time = &here.time;
    let who = Who::Command { id: id.into() };
    let outcome = match admit(conn, time, (id, expires))? {
        Admission::Seen => return Ok(None),
        Admission::Refused(words) => refuse(conn, time.now, &who, &order.to_string(), words)?,
        Admission::Yes => carry_out(conn, here, &who, order)?,
    };
    answer(conn, time.now, id, &outcome)?;
    Ok(Some(outcome))
}

/// As [`command`], for what is carried out later: says whether it is to be.
///
/// # Errors
/// SQLite's.
pub(in crate::service) fn command_later(
    conn: &Connection,
    time: &Time,
    (id, expires): (&str, UtcTime),
    order: &str,
) -> rusqlite::Result<bool> {
    match admit(conn, time, (id, expires))? {
        Admission::Yes => Ok(true),
        Admission::Seen => Ok(false),
        Admission::Refused(words) => {
            let outcome = refuse(conn, time.now, &Who::Command { id: id.into() }, order, words)?;
            answer(conn, time.now, id, &outcome).map(|()| false)
        }
    }
}

/// Whether a command is carried out.
enum Admission {
    Yes,
    /// It was before.
    Seen,
    Refused(String),
}

fn admit(conn: &Connection, time: &Time, (id, expires): (&str, UtcTime)) -> rusqlite::Result<Admission> {
    if seen::is_seen(conn, id)? {
        return Ok(Admission::Seen);
    }
    // A clock that is not trusted must not stop what an operator orders: the floor has certainly passed, and only
    // what had expired by then is too late for sure. That can do no harm: a hash lets through nothing but what is
    // held now, a retry sends nothing that the rules do not want, and a card is enrolled by a clock that is trusted.
    let passed = match time.trust {
        Trust::Trusted => time.now.max(time.floor),
        Trust::Untrusted => time.floor,
    };
    if passed > expires {
        return Ok(Admission::Refused(format!("it came too late: it expired at {expires}; order it again")));
    }
    if !seen::keep(conn, id, expires, time.floor)? {
        return Ok(Admission::Refused(format!(
            "{} commands that have not expired are remembered already; wait until some have",
            seen::COMMANDS_SEEN_MAX
        )));
    }
    Ok(Admission::Yes)
}

fn answer(conn: &Connection, now: UtcTime, id: &str, outcome: &Outcome) -> rusqlite::Result<()> {
    let event = Event::CommandResult { id: id.into(), done: outcome.is_done(), words: outcome.words() };
    outbox::push(conn, now, &event)
}

fn refuse(
    conn: &Connection,
    now: UtcTime,
    who: &Who,
    order: &str,
    words: String,
) -> rusqlite::Result<Outcome> {
    let outcome = Outcome::Refused { words };
    note(conn, now, who, order, &outcome)?;
    Ok(outcome)
}
