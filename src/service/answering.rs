//! Answers to questions about who may pass, from the mirror alone: with the network gone, and the daemon running or not.
//!
//! - `why`: may this card pass this door, rule by rule
//! - `who`: who may pass a door, and which doors a user's cards open
//! - `next`: what is to begin and to end
//!
//! The rules are those of the door itself (`access::decide`), over the same records.
//!
//! Not here: printing, and deciding at a door.

pub mod next;
pub mod who;
pub mod why;

use super::circumstances::{Age, Circumstances};
use crate::config::Config;
use crate::mirror::passing::{Asked, Doors};
use crate::mirror::standing::{self, OutOfSync};
use access::id::Key;
use access::leash::Leashes;
use access::time::UtcTime;
use access::trust::{Time, Trust};
use access::uid::RawId;
use contract::digest::Digest;
use rusqlite::Connection;
use serde::Serialize;
use std::cell::RefCell;

/// What is known of now: the time, how the clock stands in a word, and how old the last news is.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The time.
    pub time: Time,
    /// `trusted`, `holdover` or `untrusted`.
    pub clock: &'static str,
    /// How old the last news is.
    pub age: Age,
}

/// How the instant that is asked about lies to now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// It is now.
    Now,
    /// It has passed.
    Past,
    /// It is to come.
    Future,
    /// The clock is not to be believed, so nobody can say.
    Unknown,
}

/// Where the mirror stood when it was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct MirrorStanding {
    /// Of the highest version heard.
    pub epoch: u64,
    /// Of the highest version heard.
    pub seq: u64,
    /// Sum of the records' digests.
    pub root: Digest,
    /// Whether the source's last word proved it.
    pub in_sync: bool,
    /// Whether it was ever whole.
    pub whole: bool,
}

/// What the clock showed, and whether it was believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct ClockStanding {
    /// `trusted`, `holdover` or `untrusted`.
    pub trust: &'static str,
    /// What it showed.
    pub now: UtcTime,
    /// An instant that has certainly passed.
    pub floor: UtcTime,
}

/// What an answer rests on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Basis {
    /// The instant that was asked about.
    pub at: UtcTime,
    /// How it lies to now.
    pub when: When,
    /// Where the mirror stood.
    pub mirror: MirrorStanding,
    /// How the clock stood.
    pub clock: ClockStanding,
    /// What the answer cannot know.
    pub notes: Vec<&'static str>,
}

/// Somebody who answers, in one snapshot of the mirror.
pub struct Answering<'c> {
    conn: &'c Connection,
    doors: RefCell<Doors>,
    circumstances: Circumstances,
    time: Time,
    basis: Basis,
}

impl<'c> Answering<'c> {
    /// Answers from `conn`, which is in a transaction, about `at`, or about now. An instant that somebody names needs no
    /// clock to be believed.
    ///
    /// # Errors
    /// SQLite's.
    pub fn new(
        conn: &'c Connection,
        config: &Config,
        now: Now,
        at: Option<UtcTime>,
    ) -> rusqlite::Result<Answering<'c>> {
        let time = at.map_or(now.time, |at| Time { now: at, trust: Trust::Trusted, ..now.time });
        let basis = basis(conn, (&now.time, now.clock), at)?;
        let circumstances = match basis.when {
            When::Now => Circumstances { leashes: config.leashes(), age: now.age },
            // By then the last news is as old as the disk says.
            When::Future => Circumstances { leashes: config.leashes(), age: Age::default() },
            When::Past | When::Unknown => Circumstances { leashes: Leashes::default(), age: Age::default() },
        };
        Ok(Answering { conn, doors: RefCell::default(), circumstances, time, basis })
    }

    /// What every answer rests on.
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// The facts for one card at one door.
    fn facts(&self, card: &RawId, door: &Key) -> rusqlite::Result<Asked> {
        let (record, mut facts) = self.doors.borrow_mut().facts(self.conn, card, door)?;
        self.circumstances.fill(self.conn, &mut facts)?;
        Ok((record, facts))
    }
}

fn basis(conn: &Connection, clock: (&Time, &'static str), at: Option<UtcTime>) -> rusqlite::Result<Basis> {
    let standing = standing::standing(conn)?;
    let (now, trust) = clock;
    let when = match (at, now.trust) {
        (None, _) => When::Now,
        (Some(_), Trust::Untrusted) => When::Unknown,
        (Some(at), Trust::Trusted) if at < now.now => When::Past,
        (Some(at), Trust::Trusted) if at > now.now => When::Future,
        (Some(_), Trust::Trusted) => When::Now,
    };
    let mut notes = Vec::new();
    match when {
        When::Now => {}
        When::Past => notes.push(
            "judged by the records of now: what they said then, how old the last news was, and whether the clock was \
             believed, is not kept",
        ),
        When::Future => notes.push("judged by the records of now, which may have changed by then"),
        When::Unknown => notes.push("judged by the records of now, and without leashes"),
    }
    if now.trust == Trust::Untrusted {
        notes.push(
            "the clock is not to be believed: at the door itself, whatever has an edge in time is shut",
        );
    }
    match standing.out_of_sync {
        None => {}
        Some(OutOfSync::NeverProven) => {
            notes.push("the mirror is not proven yet since the start or the loss of the broker");
        }
        Some(OutOfSync::Gap | OutOfSync::UnequalRoot | OutOfSync::Damaged) => {
            notes.push("the mirror is not equal to the source, as far as it knows");
        }
    }
    if !standing.whole {
        notes.push("the mirror was never whole: what is missing may still be to come");
    }
    Ok(Basis {
        at: at.unwrap_or(now.now),
        when,
        mirror: MirrorStanding {
            epoch: standing.head.epoch,
            seq: standing.head.seq,
            root: standing.root,
            in_sync: standing.out_of_sync.is_none(),
            whole: standing.whole,
        },
        clock: ClockStanding { trust, now: now.now, floor: now.floor },
        notes,
    })
}
