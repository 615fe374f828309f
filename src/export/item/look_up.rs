//! What a look-up has shown, and what becomes of another item of the same name. Pure.
//!
//! Not here: when an item is looked up (`plan`).

use super::machine::shortened;
use super::{Answer, Limits, Row, State, Step};
use crate::clock::MonoMs;
use crate::export::switch::{Rule, holds};

impl Row {
    pub(super) fn settle_look_up(
        &mut self,
        step: &Step,
        answer: &Answer,
        now: MonoMs,
        limits: &Limits,
        jitter: u16,
    ) {
        self.sent_hash = step.wanted;
        if self.state == State::Absent {
            // What is not there goes by the name under which it would be made today.
            self.ext_id.clone_from(&step.ids.ext_id);
        }
        match answer {
            Answer::Found { native_id, as_wanted } => {
                self.claim();
                self.found(step, native_id.clone(), now);
                // What differs from a content that was never acknowledged is to be written anyway.
                if *as_wanted == Some(false) && self.acked_hash == step.wanted {
                    self.acked_hash = None;
                }
            }
            Answer::Done { native_id } => self.found(step, native_id.clone(), now),
            Answer::Several { native_id, extra, .. } => {
                self.claim();
                self.found(step, Some(native_id.clone()), now);
                self.extra = Some(extra.clone()).filter(|_| holds(Rule::ExtrasGo));
                self.acked_hash = None;
            }
            Answer::NotFound { .. } => {
                self.vanished(now);
                self.looked_at = Some(now);
                self.extra = None;
            }
            Answer::Conflict { words } | Answer::Refused { words, .. } => {
                self.hold_reason = Some(shortened(words));
                self.failed(now, limits.retry_min_ms, limits.retry_max_ms, jitter);
            }
            Answer::TryLater { .. } | Answer::NotSent { .. } | Answer::Unknown { .. } => {
                self.failed(now, limits.retry_min_ms, limits.retry_max_ms, jitter);
                self.wait_as_asked(answer, now);
            }
        }
    }

    /// What was found under our name is ours if we made it; a child that is found under our person is, too. A
    /// person that was there before we made one belongs to somebody else until someone says otherwise.
    fn claim(&mut self) {
        self.ours = self.ours || !self.is_person() || !holds(Rule::AdoptionIsApproved);
    }

    pub(super) fn settle_extra(&mut self, answer: &Answer, now: MonoMs, limits: &Limits, jitter: u16) {
        match answer {
            Answer::Done { .. } | Answer::NotFound { .. } => {
                self.extra = None;
                // There may be more of them.
                self.looked_at = None;
                self.check_at = Some(now);
                self.succeeded();
            }
            Answer::Refused { words, .. } | Answer::Conflict { words } => {
                self.hold_reason = Some(shortened(words));
                self.failed(now, limits.hold_min_ms, limits.hold_max_ms, jitter);
            }
            Answer::TryLater { .. }
            | Answer::NotSent { .. }
            | Answer::Unknown { .. }
            | Answer::Found { .. }
            | Answer::Several { .. } => {
                self.failed(now, limits.retry_min_ms, limits.retry_max_ms, jitter);
                self.wait_as_asked(answer, now);
            }
        }
    }

    fn found(&mut self, step: &Step, native_id: Option<String>, now: MonoMs) {
        let renamed = self.native_id.is_some() && native_id.is_some() && self.native_id != native_id;
        if native_id.is_some() {
            self.native_id = native_id;
        }
        // One that was absent has come back, with what it was made of then.
        if renamed || self.state != State::Present {
            self.acked_hash = None;
        }
        if !self.is_person() {
            self.parent = step.ids.person_native_id.as_ref().or(step.ids.person_ext_id.as_ref()).cloned();
        }
        self.looked_at = Some(now);
        self.extra = None;
        self.check_at = None;
        if self.state == State::Present && self.ours {
            // It was only looked at: what was refused before is refused still, and waits longer each time.
            self.next_try = None;
        } else {
            self.succeeded();
        }
        // Unsettled it stays in doubt, but there is something to remove now.
        self.prev = State::Present;
        self.land(State::Present, now);
    }
}
