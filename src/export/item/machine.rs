//! The moves of one row: intent, outcome, re-arming. Pure.

use super::{Act, Answer, Hash, ItemId, ItemKind, Limits, Row, State, Step};
use crate::clock::MonoMs;

/// Longest words of a PACS that a row keeps, in characters.
pub const WORDS_MAX_CHARS: usize = 200;
/// Jitter is given in thousandths: 0 to this.
pub const JITTER_MAX: u16 = 1_000;
/// Doublings after which a back-off stands at its longest in any case.
const DOUBLINGS_MAX: u32 = 30;

impl Row {
    /// A row for an item of which the PACS knows nothing.
    pub fn new(id: ItemId, ext_id: String) -> Row {
        Row {
            id,
            ext_id,
            native_id: None,
            parent: None,
            state: State::Absent,
            prev: State::Absent,
            sent_hash: None,
            acked_hash: None,
            until: None,
            generation: 0,
            unsettled_until: None,
            ours: true,
            hold_reason: None,
            approved_generation: None,
            fails: 0,
            next_try: None,
            check_at: None,
        }
    }

    /// Whether no request of the past can change the item any more. A `Maybe` without a time has a request
    /// under way.
    pub fn is_settled(&self, now: MonoMs) -> bool {
        match self.state {
            State::Absent | State::Present => true,
            State::Maybe => self.unsettled_until.is_some_and(|until| until <= now),
        }
    }

    /// When the next attempt towards `wanted` may go out. A change of direction, and new data for what the
    /// PACS refused, need not wait: the failures were of something else.
    pub fn due(&self, wanted: Option<Hash>) -> MonoMs {
        let turned = self.sent_hash.is_some() != wanted.is_some();
        let changed = self.hold_reason.is_some() && self.sent_hash != wanted;
        if turned || changed { MonoMs(0) } else { self.next_try.unwrap_or(MonoMs(0)) }
    }

    /// The row to commit before `step` is sent. A look-up changes nothing, so it leaves the row as it is.
    pub fn intend(&mut self, step: &Step) {
        match step.act {
            Act::LookUp => return,
            Act::Create => {
                self.ext_id.clone_from(&step.ids.ext_id);
                let person = step.ids.person_native_id.as_ref().or(step.ids.person_ext_id.as_ref());
                self.parent = person.cloned();
                // Whatever it was called before is gone; the new one's name is not known yet.
                self.native_id = None;
                self.ours = true;
            }
            Act::Update | Act::Remove => {}
        }
        if let Some(content) = &step.content {
            self.until = content.until();
        }
        self.prev = self.state;
        self.state = State::Maybe;
        self.sent_hash = step.wanted;
        self.generation += 1;
        // A crash before the answer must not leave an older answer's words standing for this attempt.
        self.hold_reason = None;
    }

    /// The row to commit once `step` was answered, or given up. `now` is taken after the answer; `jitter` is
    /// random, 0 to [`JITTER_MAX`].
    pub fn settle(&mut self, step: &Step, answer: &Answer, now: MonoMs, limits: &Limits, jitter: u16) {
        match (step.act, answer) {
            (Act::LookUp, _) => self.settle_look_up(step, answer, now, limits, jitter),
            (Act::Create | Act::Update, Answer::Done { native_id }) => {
                if native_id.is_some() {
                    self.native_id.clone_from(native_id);
                }
                self.acked_hash = step.wanted;
                self.succeeded();
                self.check_at = None;
                self.land(State::Present, now);
            }
            (Act::Remove, Answer::Done { .. } | Answer::NotFound { .. }) => self.removed(now),
            (Act::Update, Answer::NotFound { .. }) => self.vanished(now),
            (Act::Create, Answer::NotFound { words }) => self.not_done(Some(words), now, limits, jitter),
            (Act::Create, Answer::Conflict { words }) => {
                self.lost(now, limits);
                self.ours = false;
                self.hold_reason = Some(shortened(words));
                self.failed(now, limits.hold_min_ms, limits.hold_max_ms, jitter);
            }
            (Act::Update | Act::Remove, Answer::Conflict { words })
            | (Act::Create | Act::Update | Act::Remove, Answer::Refused { words, .. }) => {
                self.not_done(Some(words), now, limits, jitter);
            }
            (Act::Create | Act::Update | Act::Remove, Answer::TryLater { .. } | Answer::NotSent { .. }) => {
                self.not_done(None, now, limits, jitter)
            }
            // Several is an answer to a look-up; to anything else it says nothing of what was done.
            (Act::Create | Act::Update | Act::Remove, Answer::Unknown { .. } | Answer::Several { .. }) => {
                self.lost(now, limits);
                self.failed(now, limits.retry_min_ms, limits.retry_max_ms, jitter);
            }
        }
    }

    fn settle_look_up(&mut self, step: &Step, answer: &Answer, now: MonoMs, limits: &Limits, jitter: u16) {
        self.sent_hash = step.wanted;
        match answer {
            Answer::Done { native_id } => {
                self.found(native_id.clone(), now);
                self.succeeded();
                self.check_at = None;
            }
            Answer::Several { native_id, words } => {
                self.native_id = Some(native_id.clone());
                self.state = State::Maybe;
                self.prev = State::Present;
                self.unsettled_until.get_or_insert(now);
                self.hold_reason = Some(shortened(words));
                // Until this is clear, the removal of one does not mean that none is left.
                self.check_at = Some(now);
            }
            Answer::NotFound { .. } => self.vanished(now),
            Answer::Conflict { words } | Answer::Refused { words, .. } => {
                self.hold_reason = Some(shortened(words));
                self.failed(now, limits.retry_min_ms, limits.retry_max_ms, jitter);
            }
            Answer::TryLater { .. } | Answer::NotSent { .. } | Answer::Unknown { .. } => {
                self.failed(now, limits.retry_min_ms, limits.retry_max_ms, jitter);
            }
        }
    }

    /// At start: monotonic times are of another life, and whatever was under way may still run.
    pub fn re_arm(&mut self, now: MonoMs, late_ms: u64) {
        self.unsettled_until = match self.state {
            State::Maybe => Some(now.after_ms(late_ms)),
            State::Absent | State::Present => None,
        };
        self.next_try = None;
        self.check_at = self.check_at.map(|_| now);
    }

    /// The person it belongs to is gone, and the item with it; what is unsettled stays so.
    pub fn gone_with_person(&mut self, now: MonoMs) {
        let unsettled = self.unsettled_until.is_some_and(|until| until > now);
        match self.state {
            State::Absent => {}
            State::Maybe if unsettled => {}
            State::Present | State::Maybe => self.absent(),
        }
    }

    /// Its person is about to be removed, and it may go along.
    pub(in crate::export) fn mark_with_person(&mut self) {
        match self.state {
            State::Present => {
                self.prev = State::Present;
                self.state = State::Maybe;
                self.unsettled_until = None;
            }
            State::Absent | State::Maybe => {}
        }
    }

    /// The person's removal was not done, so that a marked item stands as before.
    pub(in crate::export) fn unmark(&mut self) {
        if self.is_marked() {
            self.state = State::Present;
        }
    }

    /// The person's removal was lost: until it can run no more, this may go with it at any time.
    pub(in crate::export) fn lost_with_person(&mut self, now: MonoMs, limits: &Limits) {
        match self.state {
            State::Absent => {}
            State::Present | State::Maybe => self.lost(now, limits),
        }
    }

    fn is_marked(&self) -> bool {
        self.state == State::Maybe && self.unsettled_until.is_none()
    }

    /// Whether it is there has become doubtful, though nothing is under way.
    pub(in crate::export) fn doubt(&mut self, now: MonoMs) {
        match self.state {
            State::Present => {
                self.prev = State::Present;
                self.state = State::Maybe;
                self.unsettled_until = Some(now);
            }
            State::Absent | State::Maybe => {}
        }
    }

    /// Its person goes by another name now; whether it has this item must be looked up.
    pub(in crate::export) fn move_to_person(&mut self, person: &Row, now: MonoMs) {
        self.doubt(now);
        self.native_id = None;
        self.parent = person.native_id.clone().or_else(|| Some(person.ext_id.clone()));
    }

    /// Time alone has settled that it is not there.
    pub(in crate::export) fn lapse(&mut self) {
        self.absent();
    }

    /// An operator's word that the PACS does not have it, for an item that cannot be asked for.
    pub(in crate::export) fn declare_absent(&mut self) {
        self.absent();
        self.succeeded();
    }

    fn found(&mut self, native_id: Option<String>, now: MonoMs) {
        let renamed = self.native_id.is_some() && native_id.is_some() && self.native_id != native_id;
        if native_id.is_some() {
            self.native_id = native_id;
        }
        if renamed || self.state == State::Maybe {
            self.acked_hash = None;
        }
        // Unsettled it stays in doubt, but there is something to remove now.
        self.prev = State::Present;
        self.land(State::Present, now);
    }

    /// Something says that it is not there.
    fn vanished(&mut self, now: MonoMs) {
        if self.is_settled(now) || self.unsettled_until.is_none() {
            // Kept: words and failures, so that a collision with something that cannot be found is not
            // tried over and over.
            self.absent();
            return;
        }
        self.native_id = None;
        self.acked_hash = None;
        self.prev = State::Absent;
        self.next_try = self.unsettled_until;
    }

    fn removed(&mut self, now: MonoMs) {
        self.succeeded();
        self.acked_hash = None;
        if self.check_at.take().is_some() {
            // There were several: look again at once.
            self.native_id = None;
            self.prev = State::Absent;
            self.unsettled_until.get_or_insert(now);
            return;
        }
        self.land(State::Absent, now);
    }

    /// The outcome is known, unless an earlier attempt may still change it.
    fn land(&mut self, outcome: State, now: MonoMs) {
        match (self.unsettled_until.filter(|until| *until > now), outcome) {
            (None, State::Absent) => self.absent(),
            (None, State::Present | State::Maybe) => {
                self.state = outcome;
                self.unsettled_until = None;
            }
            (Some(until), _) => {
                self.prev = outcome;
                if outcome == State::Absent {
                    // Confirmed again once nothing can undo it.
                    self.next_try = Some(until);
                }
            }
        }
    }

    fn absent(&mut self) {
        self.state = State::Absent;
        self.prev = State::Absent;
        self.native_id = None;
        self.acked_hash = None;
        self.unsettled_until = None;
        self.check_at = None;
    }

    /// Nothing stands against it any more.
    pub(in crate::export) fn succeeded(&mut self) {
        self.fails = 0;
        self.next_try = None;
        self.hold_reason = None;
    }

    /// Definitely not done: as before the attempt. `words` are the PACS's, when the item is to blame.
    fn not_done(&mut self, words: Option<&String>, now: MonoMs, limits: &Limits, jitter: u16) {
        self.state = self.prev;
        self.hold_reason = words.map(|words| shortened(words));
        // A removal is never given the long pauses: access is left while it waits.
        let (min_ms, max_ms) = match (words, self.sent_hash) {
            (Some(_), Some(_)) => (limits.hold_min_ms, limits.hold_max_ms),
            (Some(_), None) | (None, _) => (limits.retry_min_ms, limits.retry_max_ms),
        };
        self.failed(now, min_ms, max_ms, jitter);
    }

    fn lost(&mut self, now: MonoMs, limits: &Limits) {
        self.state = State::Maybe;
        self.unsettled_until = Some(now.after_ms(limits.late_ms));
    }

    fn failed(&mut self, now: MonoMs, min_ms: u64, max_ms: u64, jitter: u16) {
        self.fails = self.fails.saturating_add(1);
        self.next_try = Some(now.after_ms(back_off_ms(self.fails, min_ms, max_ms, jitter)));
    }

    /// Whether the item is the user itself.
    pub fn is_person(&self) -> bool {
        match self.id.kind {
            ItemKind::Person => true,
            ItemKind::Credential | ItemKind::Permission => false,
        }
    }
}

/// Doubles with each failure up to `max_ms`; between half of it and all of it, by `jitter`.
fn back_off_ms(fails: u32, min_ms: u64, max_ms: u64, jitter: u16) -> u64 {
    let doublings = fails.saturating_sub(1).min(DOUBLINGS_MAX);
    let whole_ms = min_ms.saturating_mul(1 << doublings).min(max_ms);
    let share = u64::from(jitter.min(JITTER_MAX));
    whole_ms / 2 + (whole_ms / 2).saturating_mul(share) / u64::from(JITTER_MAX)
}

fn shortened(words: &str) -> String {
    words.chars().filter(|c| !c.is_control()).take(WORDS_MAX_CHARS).collect()
}
