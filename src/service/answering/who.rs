//! Who may pass a door, and which doors a user's cards open.
//!
//! A door's users are found by the assignments of what it grants, so nobody is asked about whom nothing leads through it.

use super::why::TOKENS_MAX;
use super::{Answering, Basis};
use crate::mirror::passing::walk::{self, Place};
use access::decide::{Decision, Presentation, explain};
use access::door::{Door, Grant};
use access::id::Key;
use access::schedule::Calendar;
use access::text::Text;
use access::time::UtcTime;
use access::token::Token;
use access::trust::Trust;
use serde::Serialize;

/// Most lines of one answer.
pub const LINES_MAX: u32 = 10_000;
/// Links of a walk that are looked at in one go.
const PAGE_LINKS: u32 = 256;
/// Doors that are looked at in one go.
const PAGE_DOORS: u32 = 64;

/// A card that may pass a door.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Passing {
    /// The door.
    pub door: Key,
    /// Who holds the card.
    pub user: Key,
    /// The card.
    pub token: Key,
    /// The assignment by which it may.
    pub by: Key,
    /// Of this entitlement.
    pub entitlement: Key,
    /// When what it rests on ends, if nothing else changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<UtcTime>,
}

/// What comes after the lines of an answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Summary {
    /// The lines.
    pub count: u32,
    /// Whether those are all.
    pub complete: bool,
    /// What the door is called, of an answer about one that is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub door_name: Option<Text>,
    /// What the answer rests on.
    #[serde(flatten)]
    pub basis: Basis,
}

/// Takes one line; says whether it wants more.
pub type Each<'e> = &'e mut dyn FnMut(Passing) -> bool;

impl Answering<'_> {
    /// Whoever may pass the door, card by card, in no order.
    ///
    /// # Errors
    /// SQLite's.
    pub fn who(&self, door: &Key, limit: u32, each: Each<'_>) -> rusqlite::Result<Summary> {
        let record = walk::door(self.conn, door)?;
        let rights = match &record {
            Some(record) => self.open_rights(record)?,
            None => Vec::new(),
        };
        let (mut count, mut place) = (0, Some(Place::START));
        let mut is_cut = false;
        while let Some(here) = place.filter(|_| !is_cut) {
            let (users, next) = walk::users_of_rights(self.conn, &rights, here, PAGE_LINKS)?;
            place = next;
            for user in users {
                for found in self.passing(&user, door)? {
                    if count >= limit || !each(found) {
                        is_cut = true;
                        break;
                    }
                    count += 1;
                }
                if is_cut {
                    break;
                }
            }
        }
        let door_name = record.map(|record| record.name);
        Ok(Summary { count, complete: !is_cut, door_name, basis: self.basis.clone() })
    }

    /// The doors that the user's cards open, card by card, in the order of the doors' keys.
    ///
    /// # Errors
    /// SQLite's.
    pub fn whither(&self, user: &Key, limit: u32, each: Each<'_>) -> rusqlite::Result<Summary> {
        let (mut count, mut after, mut is_cut) = (0, String::new(), false);
        loop {
            let doors = walk::doors_after(self.conn, &after, PAGE_DOORS)?;
            let Some(last) = doors.last().filter(|_| !is_cut) else { break };
            last.as_str().clone_into(&mut after);
            let mut lines = Vec::new();
            for door in &doors {
                lines.extend(self.passing(user, door)?);
            }
            for found in lines {
                if count >= limit || !each(found) {
                    is_cut = true;
                    break;
                }
                count += 1;
            }
        }
        Ok(Summary { count, complete: !is_cut, door_name: None, basis: self.basis.clone() })
    }

    /// Those of the user's cards that may pass the door.
    fn passing(&self, user: &Key, door: &Key) -> rusqlite::Result<Vec<Passing>> {
        let tokens = walk::tokens_of_user(self.conn, user, TOKENS_MAX)?;
        let mut found = Vec::new();
        for (key, token) in tokens {
            if let Some((by, entitlement, until)) = self.may_pass(&key, &token, door)? {
                let (door, user) = (door.clone(), user.clone());
                found.push(Passing { door, user, token: key, by, entitlement, until });
            }
        }
        Ok(found)
    }

    /// By which assignment and entitlement a token may pass, and until when, by any of its identifiers.
    fn may_pass(
        &self,
        token: &Key,
        record: &Token,
        door: &Key,
    ) -> rusqlite::Result<Option<(Key, Key, Option<UtcTime>)>> {
        for identifier in &record.identifiers {
            let (door, facts) = self.facts(&identifier.hex, door)?;
            let shown = Presentation { identifier: identifier.clone() };
            let explained = explain(&facts, &shown, door.as_deref(), &self.time);
            // Where the disk has lost this token's place in the index, the door would not know it either.
            if facts.tokens.iter().any(|one| one.key == *token)
                && let Decision::Granted { by, until } = explained.decision()
                && let Some(path) = explained.paths.iter().find(|path| path.assignment == by)
            {
                return Ok(Some((by, path.entitlement.clone(), until)));
            }
        }
        Ok(None)
    }

    /// What the door grants now, as far as schedules let it: where they are shut, nobody has to be asked.
    fn open_rights(&self, door: &Door) -> rusqlite::Result<Vec<Key>> {
        let mut rights: Vec<Key> = Vec::new();
        for Grant { entitlement, schedule } in &door.grants {
            let is_open = match schedule {
                None => true,
                Some(key) => self.is_open(key)?,
            };
            if is_open && !rights.contains(entitlement) {
                rights.push(entitlement.clone());
            }
        }
        Ok(rights)
    }

    fn is_open(&self, schedule: &Key) -> rusqlite::Result<bool> {
        let Some(record) = walk::schedule(self.conn, schedule)? else { return Ok(false) };
        let is_trusted = self.time.trust == Trust::Trusted;
        Ok(is_trusted && Calendar::new(&record).is_ok_and(|calendar| calendar.holds(self.time.now)))
    }
}
