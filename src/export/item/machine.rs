//! The moves of one row: intent, outcome, re-arming. Pure.

use super::{Act, Answer, Clearance, Hash, ItemId, ItemKind, Limits, Row, State, Step};
use crate::clock::MonoMs;
use crate::export::switch::{Rule, holds};

/// Longest words of a PACS that a row keeps, in characters.
pub const WORDS_MAX_CHARS: usize = 200;
/// What a look-up has shown is acted on for so long, in milliseconds. A PACS is not restored from a backup between
/// two requests that follow each other so closely.
pub const SEEN_FOR_MS: u64 = 60_000;
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
            ours: false,
            hold_reason: None,
            approved_generation: None,
            fails: 0,
            next_try: None,
            check_at: None,
            extra: None,
            looked_at: None,
            cause: None,
            clearance: Clearance::None,
            card: None,
            gone_at: None,
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

    /// Whether the PACS has shown lately what it has under our name: only then may a remembered id be acted on, or
    /// something be made. A PACS that was restored from a backup may give an id to somebody else.
    pub fn is_seen(&self, now: MonoMs) -> bool {
        self.looked_at.is_some_and(|at| at <= now && now < at.after_ms(SEEN_FOR_MS))
    }

    /// The row to commit before `step` is sent. A look-up changes nothing, and an extra item is not this one, so
    /// they leave the row as it is.
    pub fn intend(&mut self, step: &Step) {
        match step.act {
            Act::LookUp | Act::RemoveExtra => return,
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
            self.card = content.credential().map(|credential| credential.card_number.clone());
        }
        self.prev = self.state;
        self.state = State::Maybe;
        self.sent_hash = step.wanted;
        // An approval is for the removal, however often it is tried.
        let is_approved = self.approved_generation == Some(self.generation);
        self.generation += 1;
        self.approved_generation = (is_approved && step.act == Act::Remove).then_some(self.generation);
        // A crash before the answer must not leave an older answer's words standing for this attempt.
        self.hold_reason = None;
    }

    /// The row to commit once `step` was answered, or given up. `now` is taken after the answer; `jitter` is
    /// random, 0 to [`JITTER_MAX`].
    pub fn settle(&mut self, step: &Step, answer: &Answer, now: MonoMs, limits: &Limits, jitter: u16) {
        match (step.act, answer) {
            (Act::LookUp, _) => self.settle_look_up(step, answer, now, limits, jitter),
            (Act::RemoveExtra, _) => self.settle_extra(answer, now, limits, jitter),
            (Act::Create | Act::Update, Answer::Done { native_id }) => {
                if native_id.is_some() {
                    self.native_id.clone_from(native_id);
                    self.looked_at = Some(now);
                }
                self.acked_hash = step.wanted;
                // What we have written is ours, whoever made it.
                self.ours = true;
                self.succeeded();
                self.check_at = None;
                self.land(State::Present, now);
            }
            (Act::Remove, Answer::Done { .. } | Answer::NotFound { .. }) => self.removed(now),
            (Act::Update, Answer::NotFound { .. }) => self.vanished(now),
            (Act::Create, Answer::NotFound { words }) => self.not_done(Some(words), now, limits, jitter),
            (Act::Create, Answer::Conflict { words }) if !holds(Rule::ConflictIsDoubt) => {
                self.not_done(Some(words), now, limits, jitter);
            }
            (Act::Create, Answer::Conflict { words }) => {
                self.lost(now, limits);
                // Seen to be absent a moment ago: what is there now is ours, made twice on the way, or late.
                self.ours = !self.is_person() || self.is_seen(now);
                self.looked_at = None;
                self.hold_reason = Some(shortened(words));
                self.failed(now, limits.hold_min_ms, limits.hold_max_ms, jitter);
            }
            (Act::Update | Act::Remove, Answer::Conflict { words })
            | (Act::Create | Act::Update | Act::Remove, Answer::Refused { words, .. }) => {
                self.not_done(Some(words), now, limits, jitter);
            }
            (Act::Create | Act::Update | Act::Remove, Answer::TryLater { .. } | Answer::NotSent { .. }) => {
                self.not_done(None, now, limits, jitter);
                self.wait_as_asked(answer, now);
            }
            // What answers a look-up says nothing of what was done.
            (
                Act::Create | Act::Update | Act::Remove,
                Answer::Unknown { .. } | Answer::Several { .. } | Answer::Found { .. },
            ) => {
                self.lost(now, limits);
                self.failed(now, limits.retry_min_ms, limits.retry_max_ms, jitter);
            }
        }
    }

    /// The PACS has said when it wants to be asked again.
    pub(super) fn wait_as_asked(&mut self, answer: &Answer, now: MonoMs) {
        if let Answer::TryLater { after_ms: Some(ms), .. } = answer {
            self.next_try = self.next_try.max(Some(now.after_ms(*ms)));
        }
    }

    /// Whether a look-up has shown nothing that a restart would miss: what was there is there as before, or what was not
    /// there is still not.
    pub fn is_only_seen(&self, before: Option<&Row>) -> bool {
        let is_quiet = |row: &Row| row.fails == 0 && row.hold_reason.is_none() && row.check_at.is_none();
        let plain = |row: &Row| Row { looked_at: None, next_try: None, sent_hash: None, ..row.clone() };
        match before {
            Some(before) => is_quiet(before) && is_quiet(self) && plain(before) == plain(self),
            None => self.state == State::Absent && is_quiet(self),
        }
    }

    /// At start: monotonic times are of another life, and whatever was under way may still run.
    pub fn re_arm(&mut self, now: MonoMs, late_ms: u64) {
        let late_ms = if holds(Rule::DoubtIsArmedAgain) { late_ms } else { 0 };
        self.unsettled_until = match self.state {
            State::Maybe => Some(now.after_ms(late_ms)),
            State::Absent | State::Present => None,
        };
        self.next_try = None;
        self.looked_at = None;
        self.check_at = self.check_at.map(|_| now);
    }

    /// It comes from another gateway: what that one took for certain is in doubt until nothing of its requests can run
    /// any more, and what it knew as gone is looked for.
    pub fn change_hands(&mut self, now: MonoMs, late_ms: u64) {
        let is_found = self.is_found();
        match self.state {
            State::Absent => self.unsettled_until = None,
            // Somebody else's: nothing of ours has ever touched it.
            State::Present if is_found => {}
            State::Present | State::Maybe => {
                if self.state == State::Present {
                    self.prev = State::Present;
                }
                self.state = State::Maybe;
                self.unsettled_until = Some(now.after_ms(late_ms));
            }
        }
        self.next_try = None;
        self.looked_at = None;
        self.check_at = (is_found || (self.state == State::Absent && self.ours)).then_some(now);
    }

    /// The person it belongs to is gone, and the item with it; what is unsettled stays so.
    pub fn gone_with_person(&mut self, now: MonoMs) {
        if !holds(Rule::ChildrenGoAlong) {
            return;
        }
        let unsettled = self.unsettled_until.is_some_and(|until| until > now);
        match self.state {
            State::Absent => self.check_at = None,
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

    /// Something says that it is not there.
    pub(super) fn vanished(&mut self, now: MonoMs) {
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
        self.looked_at = None;
        if self.extra.take().is_some() {
            // There were several: look again at once.
            self.native_id = None;
            self.prev = State::Absent;
            self.unsettled_until.get_or_insert(now);
            return;
        }
        self.land(State::Absent, now);
    }

    /// The outcome is known, unless an earlier attempt may still change it.
    pub(super) fn land(&mut self, outcome: State, now: MonoMs) {
        let past = self.unsettled_until.filter(|until| *until > now && holds(Rule::SuccessWaitsForThePast));
        match (past, outcome) {
            (None, State::Absent) => self.absent(),
            (None, State::Present | State::Maybe) => {
                self.state = outcome;
                self.unsettled_until = None;
            }
            (Some(until), _) => {
                self.prev = outcome;
                if outcome == State::Absent && !holds(Rule::RemovalsAreConfirmed) {
                    self.absent();
                } else if outcome == State::Absent {
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
        self.extra = None;
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
        if !holds(Rule::LostIsDoubt) {
            self.state = self.prev;
            return;
        }
        let late_ms = if holds(Rule::AdditionsWait) { limits.late_ms } else { 0 };
        self.state = State::Maybe;
        self.unsettled_until = Some(now.after_ms(late_ms));
    }

    pub(super) fn failed(&mut self, now: MonoMs, min_ms: u64, max_ms: u64, jitter: u16) {
        self.fails = self.fails.saturating_add(1);
        self.next_try = Some(now.after_ms(back_off_ms(self.fails, min_ms, max_ms, jitter)));
    }

    /// Whether it is a person that was there already, and that nobody has said may be ours.
    pub fn is_found(&self) -> bool {
        self.is_person() && self.state == State::Present && !self.ours
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

pub(super) fn shortened(words: &str) -> String {
    words.chars().filter(|c| !c.is_control()).take(WORDS_MAX_CHARS).collect()
}
