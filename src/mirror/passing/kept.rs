//! What few questions change, kept while nobody writes: doors, what opens them, and what was done at this panel.

use super::{carries, record};
use crate::mirror::entitlements;
use crate::mirror::overlay::{self, enrolled};
use crate::mirror::rows::{NameId, name_id};
use access::decide::Facts;
use access::door::{Door, Grant};
use access::entitlement::Entitlement;
use access::id::Key;
use access::schedule::Timetable;
use access::token::Token;
use access::uid::RawId;
use contract::id::Kind;
use contract::record::Record;
use rusqlite::Connection;
use std::collections::HashMap;
use std::sync::Arc;

/// Doors that are kept; a panel has a few.
const DOORS_MAX: usize = 32;
/// Entitlements that are kept.
const ENTITLEMENTS_MAX: usize = 512;
/// Schedules that are kept; a large one takes some 40 KiB.
const SCHEDULES_MAX: usize = 64;

/// A door, and the integers of what it grants.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) door: Arc<Door>,
    /// In order.
    rights: Vec<NameId>,
}

impl Entry {
    /// Whether the door grants the entitlement of this integer.
    pub(super) fn opens(&self, right: NameId) -> bool {
        self.rights.binary_search(&right).is_ok()
    }
}

/// An entitlement that is there, and whether the PACS has ceased to define it.
type Right = Option<(Arc<Entitlement>, bool)>;

#[derive(Debug, Default)]
pub(super) struct Kept {
    data_version: Option<i64>,
    doors: HashMap<Key, Option<Arc<Entry>>>,
    rights: HashMap<Key, Right>,
    schedules: HashMap<Key, Option<Arc<Timetable>>>,
    /// At most [`enrolled::PENDING_MAX`].
    enrolled: Vec<(Key, Token)>,
    /// Whether any token is revoked here: most panels have none.
    has_revoked: bool,
}

impl Kept {
    /// Forgets everything where somebody has written meanwhile, or where it becomes too much.
    pub(super) fn refresh(&mut self, conn: &Connection, data_version: Option<i64>) -> rusqlite::Result<()> {
        let is_full = self.doors.len() >= DOORS_MAX
            || self.rights.len() >= ENTITLEMENTS_MAX
            || self.schedules.len() >= SCHEDULES_MAX;
        if data_version.is_none() || data_version != self.data_version || is_full {
            *self = Kept {
                data_version,
                enrolled: enrolled::all(conn)?,
                has_revoked: overlay::has_revocations(conn)?,
                ..Kept::default()
            };
        }
        Ok(())
    }

    /// The tokens with these bytes that were enrolled here.
    pub(super) fn enrolled(&self, card: &RawId) -> impl Iterator<Item = (Key, Token)> {
        self.enrolled.iter().filter(|(_, token)| carries(token, card)).cloned()
    }

    /// Whether the token was revoked here.
    pub(super) fn is_revoked(&self, conn: &Connection, token: &Key) -> rusqlite::Result<bool> {
        Ok(self.has_revoked && overlay::is_revoked(conn, token)?)
    }

    /// The door of that key, if it is there.
    pub(super) fn door(&mut self, conn: &Connection, key: &Key) -> rusqlite::Result<Option<Arc<Entry>>> {
        if let Some(known) = self.doors.get(key) {
            return Ok(known.clone());
        }
        let found = match record(conn, Kind::Door, key)? {
            Some(Record::Door(door)) => {
                let id = |grant: &Grant| name_id(Kind::Entitlement.as_str(), grant.entitlement.as_str());
                let mut rights: Vec<NameId> = door.grants.iter().map(id).collect();
                rights.sort_unstable();
                Some(Arc::new(Entry { door: Arc::new(door), rights }))
            }
            _ => None,
        };
        self.doors.insert(key.clone(), found.clone());
        Ok(found)
    }

    /// Adds what the decision asks of the entitlements that were found to lead through the door, and the schedules by
    /// which it grants them.
    pub(super) fn fill(&mut self, conn: &Connection, door: &Door, facts: &mut Facts) -> rusqlite::Result<()> {
        let Facts { tokens, entitlements, schedules, vanished, .. } = facts;
        for (_, assignment) in tokens.iter().flat_map(|token| &token.assignments) {
            let key = &assignment.entitlement;
            if entitlements.contains_key(key) {
                continue;
            }
            if let Some((right, has_vanished)) = self.right(conn, key)? {
                if *has_vanished {
                    vanished.insert(right.pacs_ref.as_str().to_owned());
                }
                entitlements.insert(key.clone(), right.clone());
            }
            for schedule in door.grants.iter().filter(|grant| grant.entitlement == *key) {
                let Some(key) = &schedule.schedule else { continue };
                if !schedules.contains_key(key)
                    && let Some(schedule) = self.schedule(conn, key)?
                {
                    schedules.insert(key.clone(), schedule.clone());
                }
            }
        }
        Ok(())
    }

    fn right(&mut self, conn: &Connection, key: &Key) -> rusqlite::Result<&Right> {
        if !self.rights.contains_key(key) {
            let right = match record(conn, Kind::Entitlement, key)? {
                Some(Record::Entitlement(right)) => {
                    let vanished = entitlements::has_vanished(conn, right.pacs_ref.as_str())?;
                    Some((Arc::new(right), vanished))
                }
                _ => None,
            };
            self.rights.insert(key.clone(), right);
        }
        Ok(self.rights.get(key).unwrap_or(&None))
    }

    fn schedule(&mut self, conn: &Connection, key: &Key) -> rusqlite::Result<&Option<Arc<Timetable>>> {
        if !self.schedules.contains_key(key) {
            let schedule = match record(conn, Kind::Schedule, key)? {
                Some(Record::Schedule(schedule)) => Some(Arc::new(Timetable::new(&schedule))),
                _ => None,
            };
            self.schedules.insert(key.clone(), schedule);
        }
        Ok(self.schedules.get(key).unwrap_or(&None))
    }
}
