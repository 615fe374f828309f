//! All rows of one user: the person and its children move together. Pure.
//!
//! Not here: what one row does by itself (`item`), and which step is next (`plan`).
#![deny(clippy::wildcard_enum_match_arm)]

use super::item::{Act, Answer, ItemId, ItemKind, Limits, Row, State, Step};
use super::plan::{Caps, Plan};
use super::switch::{Rule, holds};
use crate::clock::MonoMs;
use access::id::Key;
use std::collections::BTreeMap;

/// The ledger's rows of one user, whole: what happens to a person happens to its children.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rows {
    user: Key,
    rows: BTreeMap<(ItemKind, String), Row>,
}

impl Rows {
    /// Takes the rows of `user`; those of others are left out.
    pub fn new(user: Key, rows: impl IntoIterator<Item = Row>) -> Rows {
        let own = rows.into_iter().filter(|row| row.id.user == user);
        let rows = own.map(|row| ((row.id.kind, row.id.item.clone()), row)).collect();
        Rows { user, rows }
    }

    /// Whose rows they are.
    pub fn user(&self) -> &Key {
        &self.user
    }

    /// One of them.
    pub fn get(&self, kind: ItemKind, item: &str) -> Option<&Row> {
        self.rows.get(&(kind, item.to_owned()))
    }

    /// The person's row.
    pub fn person(&self) -> Option<&Row> {
        self.get(ItemKind::Person, "")
    }

    /// All of them, the person first.
    pub fn iter(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// Credentials, then permissions.
    pub fn children(&self) -> impl Iterator<Item = &Row> {
        self.rows.values().filter(|row| !row.is_person())
    }

    /// The intent of `step`. Returns the rows to commit **before** it is sent; a look-up has none.
    pub fn intend(&mut self, step: &Step, caps: &Caps) -> Vec<Row> {
        let mut edit = Edit::of(self);
        let row = edit.row(step);
        row.intend(step);
        if writes_set(step, caps) {
            edit.siblings(step, Row::mark_with_person);
        }
        match (step.item.kind, step.act) {
            // It takes its children with it, so they are as doubtful as it is.
            (ItemKind::Person, Act::Remove) => edit.children(Row::mark_with_person),
            (ItemKind::Person, Act::Create | Act::Update | Act::LookUp | Act::RemoveExtra)
            | (ItemKind::Credential | ItemKind::Permission, _) => {}
        }
        edit.changed()
    }

    /// The outcome of `step`. Returns the rows to commit before anything else is sent for this user. `now` is
    /// taken after the answer; `jitter` is random, 0 to [`JITTER_MAX`](super::item::JITTER_MAX).
    pub fn settle(
        &mut self,
        step: &Step,
        answer: &Answer,
        now: MonoMs,
        (caps, limits): (&Caps, &Limits),
        jitter: u16,
    ) -> Vec<Row> {
        let mut edit = Edit::of(self);
        let row = edit.row(step);
        let before = row.clone();
        row.settle(step, answer, now, limits, jitter);
        let after = row.clone();
        match step.item.kind {
            ItemKind::Person => edit.person_settled(step.act, answer, (&before, &after), now, limits),
            ItemKind::Credential | ItemKind::Permission => edit.child_settled(step.act, answer, now),
        }
        if writes_set(step, caps) {
            edit.set_settled(step, answer, now, limits);
        }
        edit.changed()
    }

    /// What of the rows that [`Rows::settle`] gave has to be on disk; `before` is the item's own row before it. What a
    /// look-up has shown of its item holds for a minute, and not beyond a restart; what follows from it for others, as
    /// for the children of a person that is gone, is written down.
    pub fn worth_writing(step: &Step, before: Option<&Row>, settled: Vec<Row>) -> Vec<Row> {
        settled.into_iter().filter(|row| row.id != step.item || !row.is_only_seen(before)).collect()
    }

    /// All of them are to be compared with the PACS. What is in doubt will be looked up anyway.
    pub fn check(&mut self, now: MonoMs) -> Vec<Row> {
        let edit = Edit::of(self);
        let is_due = |row: &&mut Row| match row.state {
            State::Present => holds(Rule::ReadBack),
            State::Absent => row.ours && holds(Rule::ReadBack) && holds(Rule::ReadBackOfTheGone),
            State::Maybe => false,
        };
        edit.rows.values_mut().filter(is_due).for_each(|row| row.check_at = Some(now));
        edit.changed()
    }

    /// At start, before the first plan: whatever was under way may still run.
    pub fn re_arm(&mut self, now: MonoMs, late_ms: u64) -> Vec<Row> {
        let edit = Edit::of(self);
        edit.rows.values_mut().for_each(|row| row.re_arm(now, late_ms));
        edit.changed()
    }

    /// An operator's word that the PACS does not have the person: the way out for one that is held because it
    /// can be neither named nor found. Returns the rows to commit; none while something of the past may still
    /// run, since the word would be worth nothing then.
    pub fn declare_person_absent(&mut self, now: MonoMs) -> Vec<Row> {
        let mut edit = Edit::of(self);
        let person = edit.rows.get_mut(&(ItemKind::Person, String::new()));
        if let Some(person) = person.filter(|person| person.is_settled(now)) {
            person.declare_absent();
            edit.children(|row| row.gone_with_person(now));
        }
        edit.changed()
    }

    /// What a plan says of the ledger alone, once it is committed.
    pub fn apply(&mut self, plan: &Plan) {
        for row in &plan.notes {
            self.rows.insert((row.id.kind, row.id.item.clone()), row.clone());
        }
        for id in &plan.forget {
            self.rows.remove(&(id.kind, id.item.clone()));
        }
    }

    pub(in crate::export) fn edit(&mut self, how: impl Fn(&mut Row)) {
        self.rows.values_mut().for_each(how);
    }
}

/// Whether `step` writes all permissions of its person at once.
fn writes_set(step: &Step, caps: &Caps) -> bool {
    let is_write = match step.act {
        Act::Create | Act::Update | Act::Remove | Act::RemoveExtra => true,
        Act::LookUp => false,
    };
    caps.permissions_are_one_set && is_write && step.item.kind == ItemKind::Permission
}

/// Rows being changed, with a memory of what they were.
struct Edit<'a> {
    before: BTreeMap<(ItemKind, String), Row>,
    user: Key,
    rows: &'a mut BTreeMap<(ItemKind, String), Row>,
}

impl<'a> Edit<'a> {
    fn of(rows: &'a mut Rows) -> Edit<'a> {
        Edit { before: rows.rows.clone(), user: rows.user.clone(), rows: &mut rows.rows }
    }

    fn row(&mut self, step: &Step) -> &mut Row {
        let ItemId { kind, item, .. } = &step.item;
        let id = ItemId { user: self.user.clone(), kind: *kind, item: item.clone() };
        let fresh = || Row::new(id, step.ids.ext_id.clone());
        self.rows.entry((*kind, item.clone())).or_insert_with(fresh)
    }

    /// The person's other permissions.
    fn siblings(&mut self, step: &Step, how: impl Fn(&mut Row)) {
        let is_other = |row: &&mut Row| row.id.kind == ItemKind::Permission && row.id.item != step.item.item;
        self.rows.values_mut().filter(is_other).for_each(how);
    }

    /// A set of permissions was written, or not; lost, the write may bring back or take away any of them.
    fn set_settled(&mut self, step: &Step, answer: &Answer, now: MonoMs, limits: &Limits) {
        match answer {
            Answer::Unknown { .. } | Answer::Several { .. } | Answer::Found { .. } => {
                let doubted = holds(Rule::SetsAreDoubtedWhole);
                self.siblings(
                    step,
                    |row| {
                        if doubted { row.lost_with_person(now, limits) } else { row.unmark() }
                    },
                );
            }
            Answer::Done { .. }
            | Answer::NotFound { .. }
            | Answer::Conflict { .. }
            | Answer::Refused { .. }
            | Answer::TryLater { .. }
            | Answer::NotSent { .. } => self.siblings(step, Row::unmark),
        }
    }

    fn children(&mut self, how: impl Fn(&mut Row)) {
        self.rows.values_mut().filter(|row| !row.is_person()).for_each(how);
    }

    fn changed(self) -> Vec<Row> {
        let is_new = |(key, row): &(&(ItemKind, String), &Row)| self.before.get(*key) != Some(*row);
        self.rows.iter().filter(is_new).map(|(_, row)| row.clone()).collect()
    }

    fn person_settled(
        &mut self,
        act: Act,
        answer: &Answer,
        (before, after): (&Row, &Row),
        now: MonoMs,
        limits: &Limits,
    ) {
        match act {
            Act::Remove => match answer {
                Answer::Done { .. } | Answer::NotFound { .. } => {
                    self.children(|row| row.gone_with_person(now));
                }
                Answer::Unknown { .. } | Answer::Several { .. } | Answer::Found { .. } => {
                    self.children(|row| row.lost_with_person(now, limits));
                }
                Answer::Conflict { .. }
                | Answer::Refused { .. }
                | Answer::TryLater { .. }
                | Answer::NotSent { .. } => self.children(Row::unmark),
            },
            Act::RemoveExtra => {}
            Act::Create | Act::Update | Act::LookUp => {
                if after.state == State::Absent {
                    self.children(|row| row.gone_with_person(now));
                }
                if act == Act::LookUp && before.state == State::Absent && after.state == State::Present {
                    // A PACS that was restored brings back what hung on it, too.
                    self.children(|row| row.check_at = (row.state != State::Maybe).then_some(now));
                }
                let renamed = before.native_id.is_some() && before.native_id != after.native_id;
                if after.state == State::Present && (renamed && act == Act::LookUp) {
                    // Another person by the same name: its children are not those that we remember.
                    self.children(|row| row.move_to_person(after, now));
                } else if act == Act::Update && before.check_at.is_some() && after.check_at.is_none() {
                    // Where an update makes what is missing, its success says nothing of the children.
                    self.children(|row| row.doubt(now));
                }
            }
        }
    }

    fn child_settled(&mut self, act: Act, answer: &Answer, now: MonoMs) {
        let no_parent = match (act, answer) {
            (Act::Create, Answer::NotFound { .. }) => true,
            (Act::Create | Act::Update | Act::Remove | Act::LookUp | Act::RemoveExtra, _) => false,
        };
        if let Some(person) = self.rows.get_mut(&(ItemKind::Person, String::new())).filter(|_| no_parent) {
            person.check_at = Some(now);
        }
    }
}
