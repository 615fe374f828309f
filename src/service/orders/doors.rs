//! Lockdown, and doors that are open to everyone for a time.
//!
//! Shutting needs nothing; opening needs a clock that is believed, or nobody could say when it ends.
//!
//! Not here: the strike (`door`).

use super::{Here, Outcome, Who};
use crate::mirror::door_orders::{self, Shut};
use crate::mirror::{list, outbox};
use access::door::{ControlledBy, Door};
use access::id::Key;
use access::text::Text;
use access::time::UtcTime;
use access::trust::Trust;
use contract::at_door::AtDoor;
use contract::id::Kind;
use contract::messages::Event;
use contract::record::{Record, typed};
use rusqlite::Connection;
use std::collections::BTreeSet;

/// Longest time for which a door is opened to everyone by one order.
pub const UNLOCK_MAX_S: i64 = 24 * 3_600;

pub(super) fn shut(
    conn: &Connection,
    now: UtcTime,
    who: &Who,
    exempt: &BTreeSet<Text>,
) -> rusqlite::Result<Outcome> {
    let who = who.to_string();
    door_orders::shut(conn, &Shut { exempt: exempt.clone(), who: who.clone() }, now)?;
    let event = AtDoor::Lockdown { exempt: exempt.iter().cloned().collect(), who };
    outbox::push(conn, now, &Event::Door(event))?;
    let classes: Vec<&str> = exempt.iter().map(Text::as_str).collect();
    let but = if classes.is_empty() { String::new() } else { format!(" but by {}", classes.join(", ")) };
    Ok(Outcome::Doors { words: format!("nobody passes here any more{but}, until the lockdown is ended") })
}

pub(super) fn end_lockdown(conn: &Connection, now: UtcTime, who: &Who) -> rusqlite::Result<Outcome> {
    if !door_orders::end_lockdown(conn)? {
        return Ok(Outcome::Refused { words: "this panel is not in lockdown".into() });
    }
    outbox::push(conn, now, &Event::Door(AtDoor::LockdownEnded { who: who.to_string() }))?;
    Ok(Outcome::Doors { words: "the lockdown is over".into() })
}

pub(super) fn unlock(
    conn: &Connection,
    here: &Here,
    who: &Who,
    door: &Key,
    until: UtcTime,
) -> rusqlite::Result<Outcome> {
    let now = here.time.now;
    let refuse = |words: String| Ok(Outcome::Refused { words });
    if let Some(words) = unfit(conn, here, door)? {
        return refuse(words);
    }
    if here.time.trust != Trust::Trusted {
        return refuse(
            "the clock is not trusted, so nobody could say when it ends; look at `doorward clock`".into(),
        );
    }
    if until <= now || until.unix() > now.unix() + UNLOCK_MAX_S {
        return refuse(format!("{until} is not within 24 hours from now, {now}"));
    }
    if door_orders::lockdown(conn)?.is_some() {
        return refuse("this panel is in lockdown: end that first".into());
    }
    let who = who.to_string();
    door_orders::unlock(conn, door, until, &who)?;
    outbox::push(conn, now, &Event::Door(AtDoor::Unlocked { door: door.clone(), until, who }))?;
    Ok(Outcome::Doors { words: format!("door {door} is open to everyone until {until}") })
}

pub(super) fn lock(conn: &Connection, now: UtcTime, who: &Who, door: &Key) -> rusqlite::Result<Outcome> {
    if !door_orders::lock(conn, door)? {
        return Ok(Outcome::Refused { words: format!("door {door} is not open to everyone") });
    }
    let event = AtDoor::Locked { door: door.clone(), who: Some(who.to_string()) };
    outbox::push(conn, now, &Event::Door(event))?;
    Ok(Outcome::Doors { words: format!("door {door} is locked again") })
}

/// Why the panel cannot open that door.
fn unfit(conn: &Connection, here: &Here, door: &Key) -> rusqlite::Result<Option<String>> {
    if !here.doors.contains(door) {
        let all: Vec<&str> = here.doors.iter().map(Key::as_str).collect();
        let all = if all.is_empty() { "none".into() } else { all.join(", ") };
        return Ok(Some(format!("door {door} is not one of this panel's: {all}")));
    }
    let record = list::record(conn, Kind::Door, door.as_str())?.filter(|found| found.refused.is_none());
    let record = record.and_then(|found| typed(Kind::Door.as_str(), &found.body).ok());
    Ok(match record {
        Some(Record::Door(Door { gateway: Some(other), .. })) if other.as_str() != here.gateway.as_str() => {
            Some(format!("door {door} is gateway {other}'s to open"))
        }
        Some(Record::Door(Door { controlled_by: ControlledBy::Doorward, .. })) => None,
        Some(_) => Some(format!("door {door} is the PACS's to open")),
        None => Some(format!("door {door} has no record: the source has to publish one")),
    })
}
