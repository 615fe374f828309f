//! The difference between what a user should be in the PACS and what the ledger knows, as the next steps. Pure.
//!
//! Removals go first (children, then the person), then look-ups, then additions (the person first). Removals
//! go at once and are confirmed once nothing can undo them; additions wait until nothing earlier is under way.
//!
//! Not here: reading the PACS back, the hand-over between exporters, adoption of what was found, and the brake.
#![deny(clippy::wildcard_enum_match_arm)]

mod judge;
#[cfg(test)]
mod tests;
mod withhold;
#[cfg(test)]
pub(in crate::export) use tests::expect_forgettable;

use super::content::Content;
use super::item::{Act, Hash, ItemId, ItemKind, Row, State, Step};
use super::rows::Rows;
use crate::clock::MonoMs;
use access::person::Person;
use access::trust::Need;
use judge::{Judge, Next};
pub use withhold::Known;

/// What one PACS can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caps {
    /// Items are addressed by our own names; otherwise by ids that the PACS gives when it makes them.
    pub addressed_by_ext_id: bool,
    /// An item can be found by our name.
    pub look_up: bool,
    /// Removing a person removes its credentials and permissions.
    pub remove_person_cascades: bool,
    /// It is told of windows, so that a window is content.
    pub native_windows: bool,
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
    /// Those among them that need someone: the PACS refused them, or they cannot be asked for.
    pub held: usize,
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

/// Plans for the user whose `rows` they are; `wanted` is how the PACS should see it now.
pub fn plan(wanted: Option<&Person>, rows: &Rows, now: MonoMs, caps: &Caps) -> Plan {
    let mut view = rows.clone();
    lapse(&mut view, now, caps);
    // Under another name it is another person: the old one leaves, then the new one is made.
    let renamed = |person: &&Person| {
        let other = |row: &&Row| row.state != State::Absent && row.ext_id != person.ext_id;
        view.person().filter(other).is_some()
    };
    let wanted = wanted.filter(|person| !renamed(person));
    refresh(&mut view, wanted, caps);
    let mut plan = Plan { forget: forgettable(&view, wanted), ..Plan::default() };
    // A row that lapses and is forgotten at once is in both: the ledger forgets only what it holds as absent.
    let is_note = |row: &&Row| rows.get(row.id.kind, &row.id.item) != Some(*row);
    plan.notes = view.iter().filter(is_note).cloned().collect();
    let judge = Judge { rows: &view, wanted, now, caps };
    let mut steps = Steps { plan, ..Steps::default() };
    steps.fill(&judge);
    steps.into_plan()
}

/// How the PACS should see one item.
fn wish(wanted: Option<&Person>, kind: ItemKind, item: &str, caps: &Caps) -> Wish {
    let Some(person) = wanted else { return Wish::Gone };
    let found = match kind {
        ItemKind::Person => Some((person.need, Content::of_person(person))),
        ItemKind::Credential => {
            let mut all = person.credentials.iter();
            all.find(|(key, _)| key.as_str() == item).map(|(_, c)| (c.need, Content::Credential(c.clone())))
        }
        ItemKind::Permission => {
            person.permissions.get(item).map(|p| (p.need, Content::Permission(p.clone())))
        }
    };
    found.map_or(Wish::Gone, |(need, content)| Wish::new(need, content, caps))
}

/// Children whose person is gone are gone, too, as soon as nothing of theirs can still run.
fn lapse(view: &mut Rows, now: MonoMs, caps: &Caps) {
    let person = view.person().cloned();
    view.edit(|row| {
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
    view.edit(|row| {
        let Wish::Want(wanted) = wish(wanted, row.id.kind, &row.id.item, caps) else { return };
        if row.state == State::Present && row.acked_hash == Some(wanted.hash) {
            row.until = wanted.content.until();
        }
    });
}

/// Rows that are absent and unwanted; the person's goes last.
fn forgettable(view: &Rows, wanted: Option<&Person>) -> Vec<ItemId> {
    let unwanted = |row: &&Row| {
        row.state == State::Absent
            && match (row.id.kind, wanted) {
                (_, None) => true,
                (ItemKind::Person, Some(_)) => false,
                (ItemKind::Credential, Some(person)) => {
                    !person.credentials.keys().any(|key| key.as_str() == row.id.item)
                }
                (ItemKind::Permission, Some(person)) => !person.permissions.contains_key(&row.id.item),
            }
    };
    let childless = view.children().all(|row| row.state == State::Absent);
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
        let person = judge.person(fence, left, !self.removals.is_empty());
        self.take(judge.rows.person(), person);
        for (row, next) in staying {
            // The person's removal takes all children: what is added now would go again at once.
            self.take(row, if fence { next.without_step() } else { next });
        }
    }

    fn take(&mut self, row: Option<&Row>, next: Next) {
        let mut stuck = false;
        match next {
            Next::Idle => return self.rest(row),
            Next::Now(step) => match (step.wanted, step.act) {
                (None, _) => self.removals.push(*step),
                (Some(_), Act::LookUp) => self.look_ups.push(*step),
                (Some(_), Act::Create | Act::Update | Act::Remove) => self.additions.push(*step),
            },
            Next::At(at) => {
                self.plan.wake = Some(self.plan.wake.map_or(at, |wake| wake.min(at)));
            }
            Next::Blocked | Next::Fence => {}
            Next::Stuck => stuck = true,
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
