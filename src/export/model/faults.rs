//! What goes wrong: lost and late requests, refusals, hands in the PACS, backups; and the people who put it right.

use super::pacs::Style;
use super::people::users;
use super::world::{LIMITS, World};
use crate::export::item::{Act, Answer, Clearance, Hash, ItemId, SEEN_FOR_MS, Step};
use crate::export::switch::{Rule, holds};
use access::id::Key;
use std::collections::BTreeSet;

const TIMEOUT_MS: u64 = 10_000;

impl World {
    /// Time passes; what is late happens.
    pub(super) fn pass(&mut self, ms: u64) -> Result<(), String> {
        let end = self.now + ms;
        let mut times: BTreeSet<u64> =
            self.pacs.late.iter().map(|(at, _)| *at).filter(|at| *at < end).collect();
        times.insert(end);
        for at in times {
            self.now = at.max(self.now);
            let meddled = self.pacs.meddled.clone();
            self.pacs.catch_up(self.now);
            // What was sent before somebody made a person by hand is nobody's fault.
            self.pacs.meddled = meddled;
            self.check_always()?;
        }
        Ok(())
    }

    pub(super) fn send(&mut self, step: &Step) -> Result<Answer, String> {
        let words = String::from("…");
        let took = self.rng.u64(1..200);
        self.pacs.catch_up(self.now);
        let request = self.pacs.request(step);
        if !self.faulty {
            let answer = self.pacs.execute(&request);
            self.now += took;
            return Ok(answer);
        }
        if self.now < self.down_until {
            return Ok(Answer::NotSent { words });
        }
        if self.refused.get(&step.item).is_some_and(|until| self.now < *until) && step.act != Act::LookUp {
            return Ok(Answer::Refused { status: 400, words });
        }
        if self.rng.u32(0..100) >= self.fault_percent {
            let answer = self.pacs.execute(&request);
            self.now += took;
            return Ok(answer);
        }
        self.fault(step, words)
    }

    fn fault(&mut self, step: &Step, words: String) -> Result<Answer, String> {
        let read = step.act == Act::LookUp;
        let request = self.pacs.request(step);
        match self.rng.u32(0..9) {
            0 => {
                self.down_until = self.now + self.rng.u64(0..60_000);
                Ok(Answer::NotSent { words })
            }
            1 => {
                let after_ms = self.rng.bool().then(|| self.rng.u64(0..20_000));
                Ok(Answer::TryLater { status: 429, words, after_ms })
            }
            2 if !read => {
                let until = self.now + self.rng.u64(0..300_000);
                self.refused.insert(step.item.clone(), until);
                Ok(Answer::Refused { status: 422, words })
            }
            3 if step.act == Act::Create => {
                // Something between us and the PACS sends it a second time, and passes on the second answer.
                if self.style.has_unique_names() && self.rng.bool() {
                    self.pacs.execute(&request);
                }
                Ok(Answer::Conflict { words })
            }
            4 => self.lose(words, self.now + TIMEOUT_MS),
            5 | 6 if !read => {
                self.outcome.late += 1;
                let given_up = self.now + self.rng.u64(0..TIMEOUT_MS);
                self.pacs.late.push((self.rng.u64(self.now..given_up + LIMITS.late_ms), request));
                self.lose(words, given_up)
            }
            7 if self.rng.bool() => {
                self.pacs.execute(&request);
                Ok(Answer::Unknown { words })
            }
            _ => {
                self.pacs.execute(&request);
                self.lose(words, self.now + TIMEOUT_MS)
            }
        }
    }

    /// No answer comes until we give up, or the connection is cut.
    fn lose(&mut self, words: String, given_up: u64) -> Result<Answer, String> {
        self.outcome.lost += 1;
        self.pass(given_up - self.now)?;
        Ok(Answer::Unknown { words })
    }

    /// Hands in the PACS: an item changed, deleted or doubled, or a person of somebody else's.
    pub(super) fn somebody_edits_the_pacs(&mut self) -> Result<(), String> {
        self.pass(SEEN_FOR_MS)?;
        self.outcome.hand_edits += 1;
        let ids: Vec<String> = self.pacs.persons.keys().cloned().collect();
        let users: Vec<Key> = users().collect();
        let user = &users[self.rng.usize(0..users.len())];
        let name = format!("PA{user}");
        if ids.is_empty() || self.rng.u8(0..5) == 0 {
            self.pacs.make_by_hand(&format!("foreign{}", self.now));
        } else if self.rng.u8(0..4) == 0 {
            let is_free = self.pacs.persons.values().all(|person| person.own.ext_id != name)
                && self.person_row(user).is_none();
            if is_free && self.pacs.late.is_empty() {
                self.outcome.adoptions += 1;
                self.pacs.make_by_hand(&name);
            }
        } else {
            let id = &ids[self.rng.usize(0..ids.len())];
            if self.pacs.persons.get(id).is_some_and(|person| person.by_hand) {
                return Ok(());
            }
            self.drifted = true;
            self.drift(id.clone());
        }
        self.log(|world| format!("hand edit: {:?}", world.pacs.persons));
        Ok(())
    }

    fn drift(&mut self, id: String) {
        let what = self.rng.u8(0..5);
        let can_double = self.style == Style::DoublePostWithLookUp;
        let Some(mut person) = self.pacs.persons.remove(&id) else { return };
        let child = person.children.keys().next().cloned();
        match (what, child) {
            // Deleted: it stays out.
            (0, _) => return,
            (1, _) => person.own.content = Some(Hash([9; 16])),
            (2, Some(child)) => drop(person.children.remove(&child)),
            (3, Some(child)) => {
                if let Some(held) = person.children.get_mut(&child) {
                    held.content = Some(Hash([9; 16]));
                }
            }
            (4, Some(child)) if can_double => {
                let twin = person.children[&child].clone();
                person.children.insert((child.0, format!("twin{}", self.now)), twin);
            }
            (4, None) if can_double => {
                self.pacs.persons.insert(format!("twin{}", self.now), person.clone());
            }
            (_, _) => {}
        }
        self.pacs.persons.insert(id, person);
    }

    /// The PACS is away for a while, and comes back as it was.
    pub(super) fn restore_pacs(&mut self) -> Result<(), String> {
        if !self.style.caps().look_up {
            return Ok(());
        }
        self.pass(SEEN_FOR_MS)?;
        if self.pacs.restore() {
            self.outcome.restores += 1;
            self.drifted = true;
            self.log(|world| format!("restored: {:?}", world.pacs.persons));
        }
        Ok(())
    }

    /// Someone looks at what is held and approves it; now and then something has changed meanwhile.
    pub(super) fn operator_approves(&mut self) {
        let seen = self.waiting_for_a_word();
        if self.rng.bool() {
            let now = self.time().now;
            for user in users() {
                let facts = self.source.entry(user.clone()).or_default();
                super::people::edit(facts, &user, &mut self.rng, now);
                let plan = self.plan(&user);
                self.note(&user, &plan);
            }
            self.judge();
        }
        self.approve(&seen);
    }

    pub(super) fn approve_everything(&mut self) {
        let seen = self.waiting_for_a_word();
        self.approve(&seen);
    }

    fn approve(&mut self, seen: &[(ItemId, u64)]) {
        if holds(Rule::ApprovalIsExact) && seen != self.waiting_for_a_word() {
            return;
        }
        self.log(|_| format!("approved: {seen:?}"));
        let now_held = self.waiting_for_a_word().into_iter();
        self.smuggled.extend(now_held.filter(|item| !seen.contains(item)).map(|(id, _)| id));
        let named: BTreeSet<String> = seen.iter().map(|(id, _)| id.user.to_string()).collect();
        self.pacs.give_away(&named);
        self.change(|row| {
            if row.clearance == Clearance::Held {
                row.clearance = Clearance::Given;
                row.approved_generation = Some(row.generation);
            }
            if row.is_found() {
                row.ours = true;
                row.acked_hash = None;
            }
        });
    }

    /// Someone looks into the PACS, removes the person there and says so.
    pub(super) fn operator_clears_held_person(&mut self) {
        for user in users() {
            let is_settled = self.person_row(&user).is_some_and(|row| row.is_settled(self.mono()));
            if !is_settled || !self.is_person_held(&user) {
                continue;
            }
            let ext_id = format!("PA{user}");
            self.pacs.persons.retain(|_, person| person.own.ext_id != ext_id);
            let now = self.mono();
            let rows = self.rows.get_mut(&user).map(|rows| rows.declare_person_absent(now));
            self.log(|_| "the operator removes the held person".into());
            self.commit(rows.unwrap_or_default());
        }
    }
}
