//! What is to begin and to end: windows of tokens and assignments, and the schedules of doors.

use super::{Answering, Basis};
use crate::mirror::passing::walk::{self, Edge, Thing};
use access::id::Key;
use access::schedule::Timetable;
use access::time::UtcTime;
use rusqlite::Result;
use serde::Serialize;
use std::collections::BTreeMap;

/// Longest time ahead that is looked at, in hours: four weeks.
pub const HOURS_MAX: u32 = 28 * 24;
/// Doors whose schedules are looked at.
pub const DOORS_MAX: usize = 1_000;
/// Doors that are named with a schedule.
pub const DOORS_NAMED_MAX: usize = 20;
/// Doors that are read in one go.
const PAGE_DOORS: u32 = 64;

/// The answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Next {
    /// By time.
    pub edges: Vec<Coming>,
    /// Up to when it was looked.
    pub until: UtcTime,
    /// Whether those are all up to then.
    pub complete: bool,
    /// What the answer rests on.
    #[serde(flatten)]
    pub basis: Basis,
}

/// Something that begins or ends.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Coming {
    /// When.
    pub at: UtcTime,
    /// `begins` or `ends`.
    pub what: &'static str,
    /// `token`, `assignment` or `schedule`.
    pub of: &'static str,
    /// Its key.
    pub key: Key,
    /// Who holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Key>,
    /// What is assigned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entitlement: Option<Key>,
    /// Doors that grant something by the schedule; some of them, if they are many.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub doors: Vec<Key>,
    /// What the clock on the wall will show in the schedule's zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall: Option<String>,
}

fn word(begins: bool) -> &'static str {
    if begins { "begins" } else { "ends" }
}

impl From<Edge> for Coming {
    fn from(edge: Edge) -> Coming {
        let Edge { at, of, key, user, entitlement, opens } = edge;
        let of = match of {
            Thing::Token => "token",
            Thing::Assignment => "assignment",
        };
        Coming { at, what: word(opens), of, key, user, entitlement, doors: Vec::new(), wall: None }
    }
}

impl Answering<'_> {
    /// What begins and ends within `hours`, at most `limit` of it.
    ///
    /// # Errors
    /// SQLite's.
    pub fn next(&self, hours: u32, limit: u32) -> Result<Next> {
        let now = self.time.now;
        let until = UtcTime::from_unix(now.unix().saturating_add(i64::from(hours.min(HOURS_MAX)) * 3600));
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let windows = walk::edges(self.conn, now, until, limit.saturating_add(1))?;
        let mut edges: Vec<Coming> = windows.into_iter().map(Coming::from).collect();
        let (schedules, is_whole) = self.schedules()?;
        for (schedule, doors) in schedules {
            edges.extend(self.of_schedule(&schedule, &doors, until, most.saturating_add(1))?);
        }
        edges.sort();
        let complete = is_whole && edges.len() <= most;
        edges.truncate(most);
        Ok(Next { edges, until, complete, basis: self.basis.clone() })
    }

    /// Schedules by which doors grant something, with some of the doors; and whether all doors were looked at.
    fn schedules(&self) -> Result<(BTreeMap<Key, Vec<Key>>, bool)> {
        let mut found: BTreeMap<Key, Vec<Key>> = BTreeMap::new();
        let (mut after, mut looked) = (String::new(), 0);
        loop {
            let doors = walk::doors_after(self.conn, &after, PAGE_DOORS)?;
            let Some(last) = doors.last() else { return Ok((found, true)) };
            last.as_str().clone_into(&mut after);
            for key in doors {
                if looked == DOORS_MAX {
                    return Ok((found, false));
                }
                looked += 1;
                let Some(door) = walk::door(self.conn, &key)? else { continue };
                for schedule in door.grants.into_iter().filter_map(|grant| grant.schedule) {
                    let of = found.entry(schedule).or_default();
                    if of.len() < DOORS_NAMED_MAX && !of.contains(&key) {
                        of.push(key.clone());
                    }
                }
            }
        }
    }

    fn of_schedule(&self, key: &Key, doors: &[Key], until: UtcTime, most: usize) -> Result<Vec<Coming>> {
        let Some(schedule) = walk::schedule(self.conn, key)? else { return Ok(Vec::new()) };
        let timetable = Timetable::new(&schedule);
        let Ok(calendar) = &timetable.calendar else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        let mut at = self.time.now;
        while found.len() < most {
            let Some(edge) = calendar.until(at).filter(|edge| *edge <= until) else { break };
            at = edge;
            found.push(Coming {
                at,
                what: word(calendar.holds(at)),
                of: "schedule",
                key: key.clone(),
                user: None,
                entitlement: None,
                doors: doors.to_vec(),
                wall: timetable.wall(at),
            });
        }
        Ok(found)
    }
}
