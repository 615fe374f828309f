//! What one item needs next, given its row, its wish and its person. Pure.
//!
//! Not here: the order among items.

use super::{Caps, Wanted, Wish, is_orphan, wish};
use crate::clock::MonoMs;
use crate::export::item::{Act, Ids, ItemId, ItemKind, Row, State, Step};
use crate::export::rows::Rows;
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
}

impl Next {
    pub(super) fn without_step(self) -> Next {
        match self {
            Next::Now(_) => Next::Blocked,
            Next::Idle | Next::At(_) | Next::Blocked | Next::Fence | Next::Stuck => self,
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
        let known = self.rows.children().map(|row| (row.id.kind, row.id.item.as_str()));
        let mut items: BTreeSet<(ItemKind, &str)> = known.collect();
        if let Some(person) = self.wanted {
            items.extend(person.credentials.keys().map(|key| (ItemKind::Credential, key.as_str())));
            items.extend(person.permissions.keys().map(|item| (ItemKind::Permission, item.as_str())));
        }
        let ready = self.is_person_ready();
        let (mut leaving, mut staying) = (Vec::new(), Vec::new());
        for (kind, item) in items {
            let row = self.rows.get(kind, item);
            match wish(self.wanted, kind, item, self.caps) {
                Wish::Gone => leaving.push((row, row.map_or(Next::Idle, |row| self.removal(row)))),
                Wish::Keep(wanted) => match row.filter(|row| is_outdated(row, &wanted)) {
                    None => staying.push((row, Next::Idle)),
                    // The card that is there is no longer the token's; the new one waits for the time.
                    Some(old) if kind == ItemKind::Credential => leaving.push((row, self.removal(old))),
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
        match (wish(self.wanted, ItemKind::Person, "", self.caps), there) {
            (Wish::Gone, None) => Next::Idle,
            // Children that are stuck must not keep the person: where it takes them along, it may go first.
            (Wish::Gone, Some(_)) if busy || (left > 0 && !self.caps.remove_person_cascades) => Next::Blocked,
            (Wish::Gone, Some(row)) => self.removal(row),
            (Wish::Keep(_) | Wish::Want(_), Some(row)) if fence => self.removal(row),
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

    fn removal(&self, row: &Row) -> Next {
        if row.state == State::Absent {
            return Next::Idle;
        }
        if !self.is_addressable(row) && !self.caps.look_up {
            return self.unaddressable(row);
        }
        let due = row.due(None);
        if due > self.now {
            return Next::At(due);
        }
        // Its removal was acknowledged while something earlier was under way. What that made has another
        // native id, so only our own name can find it.
        let confirm = row.state == State::Maybe && row.prev == State::Absent;
        let find = !self.is_addressable(row) || (confirm && !self.caps.addressed_by_ext_id);
        let act = if find && self.caps.look_up { Act::LookUp } else { Act::Remove };
        Next::Now(self.step(&row.id, Some(row), act, None))
    }

    /// It may be there, but neither can it be named nor found.
    fn unaddressable(&self, row: &Row) -> Next {
        let person = self.rows.person().filter(|person| person.state != State::Absent);
        if row.is_person() {
            return Next::Stuck;
        }
        if is_orphan(row, person, self.caps) {
            return row.unsettled_until.map_or(Next::Blocked, Next::At);
        }
        let fence = person.is_some_and(|person| self.is_addressable(person));
        if fence && self.caps.remove_person_cascades { Next::Fence } else { Next::Stuck }
    }

    fn addition(&self, id: &ItemId, row: Option<&Row>, wanted: &Wanted, ready: bool) -> Next {
        let Some(row) = row else {
            return if ready { self.create(id, None, wanted) } else { Next::Blocked };
        };
        match row.state {
            State::Absent if !ready => Next::Blocked,
            State::Absent => {
                let due = row.due(Some(wanted.hash));
                if due > self.now { Next::At(due) } else { self.create(id, Some(row), wanted) }
            }
            State::Maybe => self.resolution(row, wanted, ready),
            State::Present if row.check_at.is_none() && row.acked_hash == Some(wanted.hash) => Next::Idle,
            State::Present if !ready => Next::Blocked,
            State::Present if row.check_at.is_some() && self.caps.look_up => {
                self.when_due(row, Act::LookUp, wanted)
            }
            State::Present if self.is_addressable(row) => self.when_due(row, Act::Update, wanted),
            State::Present if self.caps.look_up => self.when_due(row, Act::LookUp, wanted),
            State::Present => Next::Stuck,
        }
    }

    /// How a wanted item gets out of `Maybe`: by look-up, by repeating, or by rebuilding.
    fn resolution(&self, row: &Row, wanted: &Wanted, ready: bool) -> Next {
        if !row.is_settled(self.now) {
            return row.unsettled_until.map_or(Next::Blocked, Next::At);
        }
        let addressable = self.is_addressable(row);
        if !addressable && !self.caps.look_up {
            return self.blind_resolution(row, wanted);
        }
        if !ready {
            return Next::Blocked;
        }
        // After a look-up that found several, looking again would find them again.
        let several = row.check_at.is_some() && row.native_id.is_some();
        let act = if self.caps.look_up && !several { Act::LookUp } else { Act::Update };
        self.when_due(row, act, wanted)
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

    fn create(&self, id: &ItemId, row: Option<&Row>, wanted: &Wanted) -> Next {
        Next::Now(self.step(id, row, Act::Create, Some(wanted)))
    }

    /// Whether children may be added: the person is there, beyond doubt, and can be named.
    fn is_person_ready(&self) -> bool {
        self.rows.person().is_some_and(|person| {
            person.state == State::Present && person.check_at.is_none() && self.is_addressable(person)
        })
    }

    fn is_addressable(&self, row: &Row) -> bool {
        self.caps.addressed_by_ext_id || row.native_id.is_some()
    }

    fn id(&self, kind: ItemKind, item: &str) -> ItemId {
        ItemId { user: self.rows.user().clone(), kind, item: item.to_owned() }
    }

    fn step(&self, id: &ItemId, row: Option<&Row>, act: Act, wanted: Option<&Wanted>) -> Box<Step> {
        let content = match act {
            Act::Create | Act::Update => wanted.map(|wanted| wanted.content.clone()),
            Act::Remove | Act::LookUp => None,
        };
        let ids = self.ids(id, row, act);
        let wanted = wanted.map(|wanted| wanted.hash);
        Box::new(Step { item: id.clone(), act, content, wanted, ids })
    }

    fn ids(&self, id: &ItemId, row: Option<&Row>, act: Act) -> Ids {
        let fresh = || match (id.kind, self.wanted) {
            (ItemKind::Person, Some(person)) => person.ext_id.clone(),
            (ItemKind::Person, None) => String::new(),
            (ItemKind::Credential | ItemKind::Permission, _) => id.item.clone(),
        };
        let row = row.filter(|_| act != Act::Create);
        let ext_id = row.map_or_else(fresh, |row| row.ext_id.clone());
        let native_id = row.and_then(|row| row.native_id.clone());
        let person = self.rows.person().filter(|_| id.kind != ItemKind::Person);
        let mut ids = Ids {
            ext_id,
            native_id,
            person_ext_id: person.map(|person| person.ext_id.clone()),
            person_native_id: person.and_then(|person| person.native_id.clone()),
        };
        if let Some(parent) =
            row.and_then(|row| row.parent.clone()).filter(|_| !self.caps.addressed_by_ext_id)
        {
            // The one it was made under, which need not be the one of today.
            ids.person_native_id = Some(parent);
        }
        ids
    }
}

/// Whether it is there with other content: without a clock nothing new is made, but changes of data are obeyed.
fn is_outdated(row: &Row, wanted: &Wanted) -> bool {
    row.state == State::Present
        && row.check_at.is_none()
        && row.acked_hash.is_some_and(|acked| acked != wanted.hash)
}
