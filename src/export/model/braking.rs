//! The brake in the simulated world, and the world's own count of what nobody approved.
//!
//! Not here: what an approval does (`faults`).

use super::world::World;
use crate::export::brake::{COUNTED_FOR_MS, Counts, Limit};
use crate::export::item::{Act, Cause, Clearance, ItemId, Row, State, Step};
use crate::export::rows::Rows;
use access::id::Key;
use std::collections::BTreeSet;

const BRAKE: Limit = Limit { percent: 0, persons: 2 };

impl World {
    /// A removal by edit that nobody approved, by the world's own count.
    pub(super) fn note_unapproved(&mut self, user: &Key, step: &Step) -> Result<(), String> {
        let row = self.rows[user].get(step.item.kind, &step.item.item);
        let is_by_edit =
            row.is_some_and(|row| row.cause == Some(Cause::Edit) && row.approved_generation.is_none());
        if step.act != Act::Remove || !is_by_edit {
            if self.smuggled.contains(&step.item) && step.act == Act::Remove {
                return Err(format!("{} was approved by nobody who has seen it", step.item));
            }
            return Ok(());
        }
        self.unapproved.push((self.now, user.clone()));
        let since = self.now.saturating_sub(COUNTED_FOR_MS);
        let recent = self.unapproved.iter().filter(|(at, _)| *at >= since).map(|(_, user)| user);
        let persons: BTreeSet<&Key> = recent.collect();
        if persons.len() > usize::try_from(BRAKE.persons).unwrap_or(0) {
            return Err(format!("edits took something from {persons:?}, and nobody approved"));
        }
        Ok(())
    }

    /// As the ledger does it for all rows at once.
    pub(super) fn judge(&mut self) {
        let now = self.mono();
        self.brake_log.retain(|_, at| now.0 < at.0 + COUNTED_FOR_MS);
        let waits = |row: &&Row| matches!(row.clearance, Clearance::Pending | Clearance::Held);
        let all = || self.rows.values().flat_map(Rows::iter);
        let pending: BTreeSet<Key> = all().filter(waits).map(|row| row.id.user.clone()).collect();
        let persons = all().filter(|row| row.is_person() && row.state != State::Absent).count();
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let counts = Counts {
            persons: count(persons),
            removed: count(self.brake_log.len()),
            pending: count(pending.iter().filter(|user| !self.brake_log.contains_key(user)).count()),
        };
        let verdict = if BRAKE.allows(&counts) { Clearance::Given } else { Clearance::Held };
        self.outcome.brakes += u64::from(verdict == Clearance::Held);
        let judged: Vec<Key> =
            all().filter(|row| row.clearance == Clearance::Pending).map(|row| row.id.user.clone()).collect();
        self.log(|_| format!("brake: {counts:?} -> {verdict:?}"));
        self.change(|row| {
            if row.clearance == Clearance::Pending {
                row.clearance = verdict;
            }
        });
        if verdict == Clearance::Given {
            self.brake_log.extend(judged.into_iter().map(|user| (user, now)));
        }
    }

    /// The items of everyone that wait for a word, by what was seen when they were listed.
    pub(super) fn waiting_for_a_word(&self) -> Vec<(ItemId, u64)> {
        let waits = |row: &&Row| row.clearance == Clearance::Held || row.is_found();
        let all = self.rows.values().flat_map(Rows::iter).filter(waits);
        all.map(|row| (row.id.clone(), row.generation)).collect()
    }
}
