//! What one item needs next, given its row, its wish and its person. Pure.
//!
//! Not here: the order among items; what it takes to remove one (`removal`).

mod removal;

use super::{Caps, Wanted, Wish, is_orphan, item_of, leaves, name_of, wish};
use crate::clock::MonoMs;
use crate::export::item::{Act, Ids, ItemId, ItemKind, Row, State, Step};
use crate::export::rows::Rows;
use crate::export::switch::{Rule, holds};
use access::person::Person;
use std::collections::BTreeSet;

/// What an item needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// Nothing.
    Idle,
    /// This may be sent.
    Now(Box<Step>),
    /// Something, not before this.
    At(MonoMs),
    /// Something, once another item is settled.
    Blocked,
    /// It may be there and cannot be named: the person must be removed and built again.
    Fence,
    /// It may be there, cannot be named, and nothing can be done about it from here.
    Stuck,
    /// Someone has to say whether it may be done.
    Held,
    /// The person must be seen first.
    SeePerson {
        /// So that something can be removed.
        to_remove: bool,
    },
}

impl Next {
    pub(super) fn without_step(self) -> Next {
        match self {
            Next::Now(_) | Next::SeePerson { .. } => Next::Blocked,
            Next::Idle | Next::At(_) | Next::Blocked | Next::Fence | Next::Stuck | Next::Held => self,
        }
    }
}

/// Items with what they need.
type Judged<'a> = Vec<(Option<&'a Row>, Next)>;

/// All that judging an item takes.
pub(super) struct Judge<'a> {
    pub(super) rows: &'a Rows,
    pub(super) wanted: Option<&'a Person>,
    pub(super) now: MonoMs,
    pub(super) caps: &'a Caps,
}

impl<'a> Judge<'a> {
    /// Children that are to go, and the others.
    pub(super) fn children(&self) -> (Judged<'a>, Judged<'a>) {
        let known = self.rows.children().map(|row| (row.id.kind, row.id.item.clone()));
        let mut items: BTreeSet<(ItemKind, String)> = known.collect();
        if let Some(person) = self.wanted {
            let credentials = person.credentials.iter().map(|(key, c)| item_of(key, c, self.caps));
            items.extend(credentials.map(|item| (ItemKind::Credential, item)));
            items.extend(person.permissions.keys().map(|item| (ItemKind::Permission, item.clone())));
        }
        let ready = self.is_person_ready();
        let (mut leaving, mut staying) = (Vec::new(), Vec::new());
        for (kind, item) in items {
            let item = item.as_str();
            let row = self.rows.get(kind, item);
            if let Some(old) = row.filter(|row| leaves(row, self.wanted, self.caps, self.rows)) {
                leaving.push((row, self.removal(old)));
                continue;
            }
            if let Some(extra) = row.and_then(|row| self.extra(row)) {
                staying.push((row, extra));
                continue;
            }
            match wish(self.wanted, kind, item, self.caps, self.rows) {
                Wish::Gone => {}
                Wish::Keep(wanted) => match row.filter(|row| is_outdated(row, &wanted)) {
                    None => staying.push((row, Next::Idle)),
                    Some(_) => staying.push((row, self.addition(&self.id(kind, item), row, &wanted, ready))),
                },
                Wish::Want(wanted) => {
                    staying.push((row, self.addition(&self.id(kind, item), row, &wanted, ready)));
                }
            }
        }
        (leaving, staying)
    }

    /// The person. `left` of its children are not gone yet, `busy` when one of them is about to be removed;
    /// `fence` when it has to go for a child's sake.
    pub(super) fn person(&self, fence: bool, left: usize, busy: bool) -> Next {
        let row = self.rows.person();
        let there = row.filter(|row| row.state != State::Absent);
        if let Some(found) = row.filter(|row| row.is_found()) {
            return self.foreign(found);
        }
        if let Some(extra) = there.filter(|_| self.wanted.is_some()).and_then(|row| self.extra(row)) {
            return extra;
        }
        match (wish(self.wanted, ItemKind::Person, "", self.caps, self.rows), there) {
            (Wish::Gone, None) => row.map_or(Next::Idle, |row| self.removal(row)),
            // Children that are stuck must not keep the person: where it takes them along, it may go first.
            (Wish::Gone, Some(_)) if busy || (left > 0 && !self.goes_over_stuck_children()) => Next::Blocked,
            (Wish::Gone, Some(row)) => self.removal(row),
            (Wish::Keep(_) | Wish::Want(_), Some(row)) if fence => self.unconditional_removal(row),
            (Wish::Keep(wanted), Some(row)) if row.state == State::Present && row.check_at.is_some() => {
                // Without a look-up the check would be an update, which is not for `Keep`.
                if self.caps.look_up { self.when_due(row, Act::LookUp, &wanted) } else { Next::Idle }
            }
            (Wish::Keep(wanted), Some(row)) if is_outdated(row, &wanted) => {
                self.addition(&row.id, Some(row), &wanted, true)
            }
            (Wish::Keep(_), _) => Next::Idle,
            (Wish::Want(wanted), _) => self.addition(&self.id(ItemKind::Person, ""), row, &wanted, true),
        }
    }

    fn goes_over_stuck_children(&self) -> bool {
        self.caps.remove_person_cascades && holds(Rule::PersonGoesOverStuckChildren)
    }

    /// A person that somebody else made: it is looked at, and nothing else.
    fn foreign(&self, row: &Row) -> Next {
        match self.wanted_of(row).filter(|_| row.check_at.is_some()) {
            Some(wanted) => self.when_due(row, Act::LookUp, &wanted),
            None => Next::Held,
        }
    }

    /// Another item of our name goes, by its own id.
    fn extra(&self, row: &Row) -> Option<Next> {
        let extra = row.extra.as_ref()?;
        let due = row.due(row.sent_hash);
        if due > self.now {
            return Some(Next::At(due));
        }
        let wanted = self.wanted_of(row);
        if !self.is_seen(row) {
            return Some(Next::Now(self.step(&row.id, Some(row), Act::LookUp, wanted.as_ref())));
        }
        let mut step = self.step(&row.id, Some(row), Act::RemoveExtra, wanted.as_ref());
        step.ids.native_id = Some(extra.clone());
        Some(self.under_person(row, true).unwrap_or(Next::Now(step)))
    }

    /// What has to come before anything is done to a child by its person's remembered id.
    fn under_person(&self, row: &Row, to_remove: bool) -> Option<Next> {
        let person = self.rows.person().filter(|person| person.state != State::Absent)?;
        let is_known = self.is_seen(person) && self.is_addressable(person);
        if row.is_person() || !self.caps.verifies() || is_known {
            return None;
        }
        let due = person.due(self.wanted_of(person).map(|wanted| wanted.hash));
        Some(if due > self.now { Next::At(due) } else { Next::SeePerson { to_remove } })
    }

    /// The look-up of the person that its children wait for.
    pub(super) fn look_for_person(&self) -> Step {
        let id = self.id(ItemKind::Person, "");
        let row = self.rows.person();
        let wanted = row.and_then(|row| self.wanted_of(row));
        *self.step(&id, row, Act::LookUp, wanted.as_ref())
    }

    fn wanted_of(&self, row: &Row) -> Option<Wanted> {
        match wish(self.wanted, row.id.kind, &row.id.item, self.caps, self.rows) {
            Wish::Gone => None,
            Wish::Keep(wanted) | Wish::Want(wanted) => Some(wanted),
        }
    }

    /// Whether its remembered id may be acted on.
    fn is_seen(&self, row: &Row) -> bool {
        !self.caps.verifies() || !holds(Rule::IdsAreVerified) || row.is_seen(self.now)
    }

    fn addition(&self, id: &ItemId, row: Option<&Row>, wanted: &Wanted, ready: bool) -> Next {
        // A right that is given to each card waits for the first.
        let idle_right = self.caps.permissions_on_credentials
            && id.kind == ItemKind::Permission
            && wanted.content.credentials().is_empty();
        let Some(row) = row else {
            return if ready && !idle_right { self.creation(id, None, wanted) } else { Next::Blocked };
        };
        match row.state {
            State::Maybe => self.resolution(row, wanted, ready),
            State::Present if row.check_at.is_none() && row.acked_hash == Some(wanted.hash) => Next::Idle,
            _ if !ready || idle_right => Next::Blocked,
            State::Absent => self.creation(id, Some(row), wanted),
            State::Present => self.correction(row, wanted),
        }
    }

    /// Look before you leap: somebody else may have made it, or the PACS may make a second one.
    fn creation(&self, id: &ItemId, row: Option<&Row>, wanted: &Wanted) -> Next {
        let due = row.map_or(MonoMs(0), |row| row.due(Some(wanted.hash)));
        if due > self.now {
            return Next::At(due);
        }
        if let Some(until) = self.set_unsettled_until(id.kind) {
            return Next::At(until);
        }
        let may_exist = id.kind == ItemKind::Person || !self.caps.names_are_unique;
        let is_seen = row.is_some_and(|row| row.is_seen(self.now));
        let looks = self.caps.look_up && holds(Rule::LookBeforeCreate);
        let act = if looks && may_exist && !is_seen { Act::LookUp } else { Act::Create };
        let person = self.rows.person().filter(|_| id.kind != ItemKind::Person);
        if person.is_some_and(|person| !self.is_seen(person)) {
            let due = person
                .map_or(MonoMs(0), |person| person.due(self.wanted_of(person).map(|wanted| wanted.hash)));
            return if due > self.now { Next::At(due) } else { Next::SeePerson { to_remove: false } };
        }
        Next::Now(self.step(id, row, act, Some(wanted)))
    }

    /// A set of permissions that was lost on its way would, arriving late, take away what is added now.
    fn set_unsettled_until(&self, kind: ItemKind) -> Option<MonoMs> {
        let doubtful = |row: &&Row| row.id.kind == ItemKind::Permission && !row.is_settled(self.now);
        let is_set = self.caps.permissions_are_one_set && kind == ItemKind::Permission;
        let all =
            self.rows.children().filter(doubtful).filter(|_| is_set && holds(Rule::SetsAreDoubtedWhole));
        all.filter_map(|row| row.unsettled_until).max()
    }

    /// It is there, and is to be checked or written again.
    fn correction(&self, row: &Row, wanted: &Wanted) -> Next {
        let by_id = self.is_addressable(row) && self.is_seen(row) && row.check_at.is_none();
        let act = if by_id || !self.caps.look_up { Act::Update } else { Act::LookUp };
        if act == Act::Update && !self.is_addressable(row) {
            return Next::Stuck;
        }
        self.under_person(row, false).unwrap_or_else(|| self.when_due(row, act, wanted))
    }

    /// How a wanted item gets out of `Maybe`: by look-up, by repeating, or by rebuilding.
    fn resolution(&self, row: &Row, wanted: &Wanted, ready: bool) -> Next {
        if !row.is_settled(self.now) {
            return row.unsettled_until.map_or(Next::Blocked, Next::At);
        }
        if !self.is_addressable(row) && !self.caps.look_up {
            return self.blind_resolution(row, wanted);
        }
        if !ready {
            return Next::Blocked;
        }
        let act = if self.caps.look_up { Act::LookUp } else { Act::Update };
        self.under_person(row, false).unwrap_or_else(|| self.when_due(row, act, wanted))
    }

    /// As [`Judge::resolution`], where the item can neither be named nor found.
    fn blind_resolution(&self, row: &Row, wanted: &Wanted) -> Next {
        let collided = row.hold_reason.is_some();
        let due = row.due(Some(wanted.hash));
        if !collided {
            return self.unaddressable(row);
        }
        // The PACS says that something else is in the way. That may go by itself, so it is tried again, slowly:
        // at the price of a request for a person, of all the person's access for a moment for a child.
        if due > self.now {
            return Next::At(due);
        }
        if row.is_person() { self.when_due(row, Act::Create, wanted) } else { self.unaddressable(row) }
    }

    fn when_due(&self, row: &Row, act: Act, wanted: &Wanted) -> Next {
        let due = row.due(Some(wanted.hash));
        if due > self.now {
            return Next::At(due);
        }
        Next::Now(self.step(&row.id, Some(row), act, Some(wanted)))
    }

    /// Whether children may be added: the person is there, beyond doubt, and can be named.
    fn is_person_ready(&self) -> bool {
        self.rows.person().is_some_and(|person| {
            person.state == State::Present
                && !person.is_found()
                && person.check_at.is_none()
                && self.is_addressable(person)
        })
    }

    /// Ids can neither be chosen nor verified.
    fn is_blind(&self) -> bool {
        !self.caps.addressed_by_ext_id && !self.caps.look_up
    }

    fn is_addressable(&self, row: &Row) -> bool {
        self.caps.addressed_by_ext_id || row.native_id.is_some()
    }

    fn id(&self, kind: ItemKind, item: &str) -> ItemId {
        ItemId { user: self.rows.user().clone(), kind, item: item.to_owned() }
    }

    fn step(&self, id: &ItemId, row: Option<&Row>, act: Act, wanted: Option<&Wanted>) -> Box<Step> {
        let content = match act {
            Act::Create | Act::Update | Act::LookUp => wanted.map(|wanted| wanted.content.clone()),
            Act::Remove | Act::RemoveExtra => None,
        };
        let attempt = row.map_or(0, |row| row.generation) + 1;
        let ids = self.ids(id, row, act);
        let wanted = wanted.map(|wanted| wanted.hash);
        Box::new(Step { item: id.clone(), act, content, wanted, ids, attempt })
    }

    fn ids(&self, id: &ItemId, row: Option<&Row>, act: Act) -> Ids {
        let fresh = || match (id.kind, self.wanted) {
            (ItemKind::Person, Some(person)) => person.ext_id.clone(),
            (ItemKind::Person, None) => String::new(),
            (ItemKind::Credential, _) => name_of(&id.item).to_owned(),
            (ItemKind::Permission, _) => id.item.clone(),
        };
        // What is absent and wanted is looked for, and made, under the name of today.
        let is_new = |row: &Row| row.state == State::Absent && self.wanted.is_some();
        let row = row.filter(|row| act != Act::Create && !is_new(row));
        let ext_id = row.map_or_else(fresh, |row| row.ext_id.clone());
        let native_id = row.and_then(|row| row.native_id.clone());
        let person = self.rows.person().filter(|_| id.kind != ItemKind::Person);
        let mut ids = Ids {
            ext_id,
            native_id,
            person_ext_id: person.map(|person| person.ext_id.clone()),
            person_native_id: person.and_then(|person| person.native_id.clone()),
        };
        if let Some(parent) = row.and_then(|row| row.parent.clone()).filter(|_| self.is_blind()) {
            // The one it was made under, which need not be the one of today.
            ids.person_native_id = Some(parent);
        }
        ids
    }
}

/// Whether it is there with other content: without a clock nothing new is made, but changes of data are obeyed.
pub(super) fn is_outdated(row: &Row, wanted: &Wanted) -> bool {
    row.state == State::Present
        && row.check_at.is_none()
        && row.acked_hash.is_some_and(|acked| acked != wanted.hash)
}
