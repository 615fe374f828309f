//! The difference between what a user should be in the PACS and what the ledger knows, as the next steps. Pure.
//!
//! Removals go first (children, then the person), then look-ups, then additions (the person first). Removals
//! go at once and are confirmed once nothing can undo them; additions wait until nothing earlier is under way.
//!
//! Before anything is done to an item by a remembered id, and before one is made, it is looked up, where the API can
//! be asked: it, and the person it belongs to. A person that is found and is not ours is left alone.
//!
//! Not here: when the PACS is read back, the hand-over between exporters, and whether the brake lets a removal by
//! edit pass (`brake`).
#![deny(clippy::wildcard_enum_match_arm)]

mod cause;
mod judge;
mod review;
#[cfg(test)]
mod tests;
mod withhold;
#[cfg(test)]
pub(in crate::export) use tests::expect_forgettable;

use super::content::Content;
use super::item::{Act, Clearance, Hash, ItemId, ItemKind, Row, State, Step};
use super::rows::Rows;
use super::switch::{Rule, holds};
use crate::clock::MonoMs;
use access::id::Key;
use access::person::{Credential, Person};
use access::time::UtcTime;
use access::trust::Need;
pub use cause::Grounds;
use judge::{Judge, Next};
pub use review::{Change, Difference, Wait, review};
pub use withhold::Known;

/// What one PACS can do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Caps {
    /// Items are addressed by our own names; otherwise by ids that the PACS gives when it makes them.
    pub addressed_by_ext_id: bool,
    /// An item can be found by our name.
    pub look_up: bool,
    /// Removing a person removes its credentials and permissions.
    pub remove_person_cascades: bool,
    /// It is told of windows, so that a window is content.
    pub native_windows: bool,
    /// It refuses to make a second item of the same name.
    pub names_are_unique: bool,
    /// A credential is called by its card number, which stays; otherwise by the token's key.
    pub credentials_named_by_number: bool,
    /// A person's permissions are written as one set: a lost request may bring back or take away any of them.
    pub permissions_are_one_set: bool,
    /// A permission is given to each credential by itself: its content names them.
    pub permissions_on_credentials: bool,
}

impl Caps {
    /// Whether ids of the PACS's own have to be verified before they are used.
    pub fn verifies(&self) -> bool {
        self.look_up && !self.addressed_by_ext_id
    }

    /// Nothing at all: what each adapter adds to.
    pub const NONE: Caps = Caps {
        addressed_by_ext_id: false,
        look_up: false,
        remove_person_cascades: false,
        native_windows: false,
        names_are_unique: false,
        credentials_named_by_number: false,
        permissions_are_one_set: false,
        permissions_on_credentials: false,
    };
}

/// What to do for one user.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    /// Rows that change without a request: commit them, then [`Rows::apply`].
    pub notes: Vec<Row>,
    /// Rows that say nothing any more: delete them in the same commit.
    pub forget: Vec<ItemId>,
    /// What may be sent now, in order. Send the first, then plan again: each depends on what came of it.
    pub steps: Vec<Step>,
    /// When there is more to do, if nothing happens before.
    pub wake: Option<MonoMs>,
    /// Items that are not as they should be.
    pub waiting: usize,
    /// Those among them that need someone: the PACS refused them, they cannot be asked for, the brake holds them, or
    /// the person is there and not ours.
    pub held: usize,
    /// Some of the removals wait for the brake's judgement.
    pub is_pending: bool,
    /// When a removal that is held needs no approval any more.
    pub wake_at: Option<UtcTime>,
}

impl Plan {
    /// Whether something must be committed before the first step.
    pub fn has_notes(&self) -> bool {
        !self.notes.is_empty() || !self.forget.is_empty()
    }
}

/// How an item should be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::export) enum Wish {
    /// Not there.
    Gone,
    /// As it is.
    Keep(Wanted),
    /// There, with this content.
    Want(Wanted),
}

/// The content an item should have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::export) struct Wanted {
    pub(in crate::export) content: Content,
    pub(in crate::export) hash: Hash,
}

impl Wish {
    fn new(need: Need, content: Content, caps: &Caps) -> Wish {
        let wanted = Wanted { hash: content.hash(caps.native_windows), content };
        match need {
            Need::Keep => Wish::Keep(wanted),
            Need::Want => Wish::Want(wanted),
        }
    }
}

/// Plans for the user whose `rows` they are; `wanted` is how the PACS should see it now, `grounds` what the mirror says
/// of what it should not see.
pub fn plan(wanted: Option<&Person>, rows: &Rows, now: MonoMs, caps: &Caps, grounds: &Grounds) -> Plan {
    let mut view = rows.clone();
    lapse(&mut view, now, caps, wanted);
    let wanted = unless_renamed(wanted, &view);
    refresh(&mut view, wanted, caps);
    cause::mark(&mut view, wanted, caps, grounds);
    let mut plan = Plan { forget: forgettable(&view, wanted, caps), ..Plan::default() };
    // A row that lapses and is forgotten at once is in both: the ledger forgets only what it holds as absent.
    let is_note = |row: &&Row| rows.get(row.id.kind, &row.id.item) != Some(*row);
    plan.notes = view.iter().filter(is_note).cloned().collect();
    plan.is_pending =
        view.iter().any(|row| row.clearance == Clearance::Pending && row.state != State::Absent);
    let held = view.iter().filter(|row| matches!(row.clearance, Clearance::Pending | Clearance::Held));
    plan.wake_at = held.filter_map(|row| row.until).filter(|until| *until > grounds.passed).min();
    // What is forgotten needs nothing any more.
    view.apply(&plan);
    let judge = Judge { rows: &view, wanted, now, caps };
    let mut steps = Steps { plan, ..Steps::default() };
    steps.fill(&judge);
    let is_waiting = |row: &Row| row.hold_reason.is_some() && row.next_try.is_some_and(|at| at > now);
    if !holds(Rule::RefusalsHoldAlone) && view.iter().any(is_waiting) {
        return Plan { wake: view.iter().filter_map(|row| row.next_try).max(), ..steps.plan };
    }
    steps.into_plan()
}

/// Between a token's key, which has no such character, and a card number.
const NUMBERED: char = '#';

/// The ledger's item for a credential: the token, and its number where the API calls it by that. Another number is
/// another item then, and the old one is remembered like any other.
fn item_of(token: &Key, credential: &Credential, caps: &Caps) -> String {
    if caps.credentials_named_by_number {
        format!("{token}{NUMBERED}{}", credential.card_number)
    } else {
        token.to_string()
    }
}

/// The token's key of a credential's item.
pub fn token_of(item: &str) -> &str {
    item.split_once(NUMBERED).map_or(item, |(token, _)| token)
}

/// How the PACS is to call the credential.
fn name_of(item: &str) -> &str {
    item.split_once(NUMBERED).map_or(item, |(_, number)| number)
}

fn credential<'a>(person: &'a Person, item: &str, caps: &Caps) -> Option<&'a Credential> {
    let mut all = person.credentials.iter();
    all.find(|(key, credential)| item_of(key, credential, caps) == item).map(|(_, credential)| credential)
}

/// Whether what is there of `row` is to go: it is not wanted, or it is a card that is no longer
/// the token's while nothing new may be opened.
fn leaves(row: &Row, wanted: Option<&Person>, caps: &Caps, rows: &Rows) -> bool {
    match wish(wanted, row.id.kind, &row.id.item, caps, rows) {
        Wish::Gone => true,
        Wish::Keep(wanted) => row.id.kind == ItemKind::Credential && judge::is_outdated(row, &wanted),
        Wish::Want(_) => false,
    }
}

/// Under another name it is another person: the old one leaves, then the new one is made.
fn unless_renamed<'a>(wanted: Option<&'a Person>, view: &Rows) -> Option<&'a Person> {
    let renamed = |person: &&Person| {
        let other = |row: &&Row| row.state != State::Absent && row.ext_id != person.ext_id;
        view.person().filter(other).is_some()
    };
    wanted.filter(|person| !renamed(person))
}

/// How the PACS should see one item.
fn wish(wanted: Option<&Person>, kind: ItemKind, item: &str, caps: &Caps, rows: &Rows) -> Wish {
    let Some(person) = wanted else { return Wish::Gone };
    let found = match kind {
        ItemKind::Person => Some((person.need, Content::of_person(person))),
        ItemKind::Credential => {
            credential(person, item, caps).map(|c| (c.need, Content::Credential(c.clone())))
        }
        // A right that is given to each card needs a card.
        ItemKind::Permission if caps.permissions_on_credentials && person.credentials.is_empty() => None,
        ItemKind::Permission => {
            person.permissions.get(item).map(|p| (p.need, Content::of_permission(p, cards(rows, caps))))
        }
    };
    found.map_or(Wish::Gone, |(need, content)| Wish::new(need, content, caps))
}

/// Native ids of the credentials that are there, for an API that gives rights to each of them.
fn cards(rows: &Rows, caps: &Caps) -> Vec<String> {
    let is_there = |row: &&Row| row.id.kind == ItemKind::Credential && row.state == State::Present;
    let there = rows.children().filter(is_there).filter(|_| caps.permissions_on_credentials);
    let mut ids: Vec<String> = there.filter_map(|row| row.native_id.clone()).collect();
    ids.sort();
    ids
}

/// Children whose person is gone are gone, too, as soon as nothing of theirs can still run.
/// A person that is not ours and not wanted either is nobody's business here.
fn lapse(view: &mut Rows, now: MonoMs, caps: &Caps, wanted: Option<&Person>) {
    let person = view.person().cloned();
    view.edit(|row| {
        if row.is_found() && wanted.is_none() {
            row.lapse();
        }
        let doubtful = !row.is_person() && row.state == State::Maybe && row.is_settled(now);
        if doubtful && is_orphan(row, person.as_ref(), caps) {
            row.lapse();
        }
    });
}

/// Whether the person that `row` was made under is known to be gone.
fn is_orphan(row: &Row, person: Option<&Row>, caps: &Caps) -> bool {
    let Some(person) = person.filter(|person| person.state != State::Absent) else { return true };
    let other = row.parent.is_some() && person.native_id.is_some() && row.parent != person.native_id;
    other && !caps.addressed_by_ext_id
}

/// Where the PACS is not told of windows, a new end is a note in the ledger.
fn refresh(view: &mut Rows, wanted: Option<&Person>, caps: &Caps) {
    let before = view.clone();
    view.edit(|row| {
        let Wish::Want(wanted) = wish(wanted, row.id.kind, &row.id.item, caps, &before) else { return };
        if row.state == State::Present && row.acked_hash == Some(wanted.hash) {
            row.until = wanted.content.until();
        }
    });
}

/// Rows that are absent and unwanted; the person's goes last. Where the PACS can be asked, what was ours is
/// remembered: one that is restored from a backup brings it back.
fn forgettable(view: &Rows, wanted: Option<&Person>, caps: &Caps) -> Vec<ItemId> {
    let unwanted = |row: &&Row| {
        row.state == State::Absent
            && !(caps.look_up && row.ours)
            && match (row.id.kind, wanted) {
                (_, None) => true,
                (ItemKind::Person, Some(_)) => false,
                (ItemKind::Credential, Some(person)) => credential(person, &row.id.item, caps).is_none(),
                (ItemKind::Permission, Some(person)) => !person.permissions.contains_key(&row.id.item),
            }
    };
    let childless = view.children().all(|row| row.state == State::Absent && !(caps.look_up && row.ours));
    view.iter()
        .filter(unwanted)
        .filter(|row| !row.is_person() || childless)
        .map(|row| row.id.clone())
        .collect()
}

/// Collects what the items need, in the order of the rules.
#[derive(Default)]
struct Steps {
    plan: Plan,
    removals: Vec<Step>,
    look_ups: Vec<Step>,
    additions: Vec<Step>,
    /// The person has to be seen before one of its children is touched, or even removed.
    sees_person: bool,
    sees_person_to_remove: bool,
}

impl Steps {
    fn fill(&mut self, judge: &Judge<'_>) {
        let (leaving, staying) = judge.children();
        let is_fence = |(_, next): &(_, Next)| *next == Next::Fence;
        let fence = leaving.iter().chain(&staying).any(is_fence);
        let left = leaving.iter().filter(|(_, next)| *next != Next::Idle).count();
        for (row, next) in leaving {
            self.take(row, next);
        }
        let busy = !self.removals.is_empty() || self.sees_person_to_remove;
        let person = judge.person(fence, left, busy);
        self.take(judge.rows.person(), person);
        for (row, next) in staying {
            // The person's removal takes all children: what is added now would go again at once.
            self.take(row, if fence { next.without_step() } else { next });
        }
        if self.plan.waiting == 0 {
            self.rest(judge.rows.person());
        }
        let asks_for_person = |step: &Step| step.item.kind == ItemKind::Person && step.act == Act::LookUp;
        if self.sees_person_to_remove && !self.removals.iter().any(asks_for_person) {
            self.removals.insert(0, judge.look_for_person());
        } else if self.sees_person && !self.look_ups.iter().any(asks_for_person) {
            self.look_ups.insert(0, judge.look_for_person());
        }
    }

    fn take(&mut self, row: Option<&Row>, next: Next) {
        let mut stuck = false;
        match next {
            // A person is looked at for its children's sake as well.
            Next::Idle if row.is_none_or(Row::is_person) => return,
            Next::Idle => return self.rest(row),
            Next::Now(step) => match (step.wanted, step.act) {
                (None, _) | (Some(_), Act::RemoveExtra) => self.removals.push(*step),
                (Some(_), Act::LookUp) => self.look_ups.push(*step),
                (Some(_), Act::Create | Act::Update | Act::Remove) => self.additions.push(*step),
            },
            Next::SeePerson { to_remove } => {
                self.sees_person_to_remove |= to_remove;
                self.sees_person = true;
            }
            Next::At(at) => {
                self.plan.wake = Some(self.plan.wake.map_or(at, |wake| wake.min(at)));
            }
            Next::Blocked | Next::Fence => {}
            Next::Stuck | Next::Held => stuck = true,
        }
        self.plan.waiting += 1;
        self.plan.held += usize::from(stuck || row.is_some_and(|row| row.hold_reason.is_some()));
    }

    /// What is as it should be has no failures any more, whatever was refused on the way here.
    fn rest(&mut self, row: Option<&Row>) {
        let worn = |row: &&Row| row.state == State::Present && (row.fails > 0 || row.hold_reason.is_some());
        if let Some(row) = row.filter(worn) {
            let mut rested = row.clone();
            rested.succeeded();
            self.plan.notes.retain(|note| note.id != rested.id);
            self.plan.notes.push(rested);
        }
    }

    fn into_plan(self) -> Plan {
        let steps = [self.removals, self.look_ups, self.additions].concat();
        Plan { steps, ..self.plan }
    }
}
