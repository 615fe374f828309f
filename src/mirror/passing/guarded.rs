//! What opens doors, kept while nothing is written: doors, and of the entitlements and schedules those that were asked
//! for.

use super::record;
use crate::mirror::entitlements;
use crate::mirror::rows::{NameId, name_id};
use access::decide::Facts;
use access::door::Door;
use access::entitlement::Entitlement;
use access::id::Key;
use access::schedule::Schedule;
use contract::id::Kind;
use contract::record::Record;
use rusqlite::Connection;
use std::collections::HashMap;
use std::sync::Arc;

/// Doors that are kept; a panel has a few.
const DOORS_MAX: usize = 32;
/// Entitlements that are kept.
const ENTITLEMENTS_MAX: usize = 512;
/// Schedules that are kept; a large one takes some 20 KiB.
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
type Right = Option<(Entitlement, bool)>;

#[derive(Debug, Default)]
pub(super) struct Guarded {
    /// What SQLite counts up when another connection has written.
    data_version: Option<i64>,
    doors: HashMap<Key, Option<Arc<Entry>>>,
    rights: HashMap<Key, Right>,
    schedules: HashMap<Key, Option<Schedule>>,
}

impl Guarded {
    /// Forgets everything where somebody has written meanwhile, or where it becomes too much.
    pub(super) fn refresh(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        const DATA_VERSION: &str = "PRAGMA data_version";
        let data_version = Some(conn.prepare_cached(DATA_VERSION)?.query_row([], |row| row.get(0))?);
        let is_full = self.doors.len() >= DOORS_MAX
            || self.rights.len() >= ENTITLEMENTS_MAX
            || self.schedules.len() >= SCHEDULES_MAX;
        if data_version != self.data_version || is_full {
            self.doors.clear();
            self.rights.clear();
            self.schedules.clear();
            self.data_version = data_version;
        }
        Ok(())
    }

    /// The door of that key, if it is there.
    pub(super) fn door(&mut self, conn: &Connection, key: &Key) -> rusqlite::Result<Option<Arc<Entry>>> {
        if let Some(known) = self.doors.get(key) {
            return Ok(known.clone());
        }
        let found = match record(conn, Kind::Door, key)? {
            Some(Record::Door(door)) => {
                let id = |grant: &access::door::Grant| {
                    name_id(Kind::Entitlement.as_str(), grant.entitlement.as_str())
                };
                let mut rights: Vec<NameId> = door.grants.iter().map(id).collect();
                rights.sort_unstable();
                Some(Arc::new(Entry { door: Arc::new(door), rights }))
            }
            _ => None,
        };
        self.doors.insert(key.clone(), found.clone());
        Ok(found)
    }

    /// Adds what the decision asks of `rights`, and the schedules by which the door grants them.
    pub(super) fn fill(
        &mut self,
        conn: &Connection,
        door: &Door,
        rights: &[Key],
        facts: &mut Facts,
    ) -> rusqlite::Result<()> {
        for key in rights {
            if !facts.entitlements.contains_key(key)
                && let Some((right, vanished)) = self.right(conn, key)?
            {
                if *vanished {
                    facts.vanished.insert(right.pacs_ref.as_str().to_owned());
                }
                facts.entitlements.insert(key.clone(), right.clone());
            }
        }
        let granted = door.grants.iter().filter(|grant| rights.contains(&grant.entitlement));
        for key in granted.filter_map(|grant| grant.schedule.as_ref()) {
            if !facts.schedules.contains_key(key)
                && let Some(schedule) = self.schedule(conn, key)?
            {
                facts.schedules.insert(key.clone(), schedule.clone());
            }
        }
        Ok(())
    }

    fn right(&mut self, conn: &Connection, key: &Key) -> rusqlite::Result<&Right> {
        if !self.rights.contains_key(key) {
            let right = match record(conn, Kind::Entitlement, key)? {
                Some(Record::Entitlement(right)) => {
                    let vanished = entitlements::has_vanished(conn, right.pacs_ref.as_str())?;
                    Some((right, vanished))
                }
                _ => None,
            };
            self.rights.insert(key.clone(), right);
        }
        Ok(self.rights.get(key).unwrap_or(&None))
    }

    fn schedule(&mut self, conn: &Connection, key: &Key) -> rusqlite::Result<&Option<Schedule>> {
        if !self.schedules.contains_key(key) {
            let schedule = match record(conn, Kind::Schedule, key)? {
                Some(Record::Schedule(schedule)) => Some(schedule),
                _ => None,
            };
            self.schedules.insert(key.clone(), schedule);
        }
        Ok(self.schedules.get(key).unwrap_or(&None))
    }
}
