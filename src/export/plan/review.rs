//! The difference item by item, for people: also what cannot be sent now, and why. Pure.
//!
//! Not here: what is sent, and in which order (`plan`); words (the service's).

use super::judge::is_outdated;
use super::{Caps, Wanted, Wish, item_of, lapse, refresh, unless_renamed, wish};
use crate::clock::MonoMs;
use crate::export::item::{Act, Clearance, Ids, ItemId, ItemKind, Row, State, Step};
use crate::export::rows::Rows;
use access::person::Person;
use std::collections::BTreeSet;

/// One item that is not as it should be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Which.
    pub id: ItemId,
    /// What is to happen to it.
    pub change: Change,
    /// Why that does not happen now, as far as the item itself says.
    pub wait: Wait,
}

/// What is to happen to an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It is made.
    Add,
    /// It is given other content.
    Change,
    /// It is removed.
    Remove,
}

/// Why something does not happen now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wait {
    /// Nothing about the item holds it.
    Nothing,
    /// The brake has not judged its removal yet.
    Unjudged,
    /// The brake holds its removal.
    Brake,
    /// It was found, and must be approved to be taken over.
    Adoption,
    /// A request is under way.
    UnderWay,
    /// An earlier request may still be carried out until then.
    Unsettled(MonoMs),
    /// The PACS refused it with these words, and is asked again then.
    Refused(String, MonoMs),
    /// Its last attempt failed; the next one is due then.
    BackOff(MonoMs),
    /// Its person must be there first, beyond doubt.
    Person,
}

impl Difference {
    /// Its removal as a step, to ask whether [`Plan::withhold`](super::Plan::withhold) would let it pass.
    pub fn removal(&self) -> Option<Step> {
        (self.change == Change::Remove).then(|| Step {
            item: self.id.clone(),
            act: Act::Remove,
            content: None,
            wanted: None,
            ids: Ids::default(),
            attempt: 0,
        })
    }
}

/// What is not as it should be for the user whose `rows` they are, the person first.
pub fn review(wanted: Option<&Person>, rows: &Rows, now: MonoMs, caps: &Caps) -> Vec<Difference> {
    let mut view = rows.clone();
    lapse(&mut view, now, caps, wanted);
    let wanted = unless_renamed(wanted, &view);
    refresh(&mut view, wanted, caps);
    let mut items: BTreeSet<(ItemKind, String)> =
        view.iter().map(|row| (row.id.kind, row.id.item.clone())).collect();
    if let Some(person) = wanted {
        items.insert((ItemKind::Person, String::new()));
        let credentials = person.credentials.iter().map(|(key, c)| item_of(key, c, caps));
        items.extend(credentials.map(|item| (ItemKind::Credential, item)));
        items.extend(person.permissions.keys().map(|item| (ItemKind::Permission, item.clone())));
    }
    let is_ready =
        view.person().is_some_and(|person| person.state == State::Present && person.check_at.is_none());
    let mut differences = Vec::new();
    for (kind, item) in items {
        let row = view.get(kind, &item);
        let wish = wish(wanted, kind, &item, caps, &view);
        let Some(change) = change(&wish, row) else { continue };
        let id = ItemId { user: view.user().clone(), kind, item };
        let own = row.map_or(Wait::Nothing, |row| wait(row, &wish, change, now));
        let is_childs = kind != ItemKind::Person && change != Change::Remove;
        let wait = if own == Wait::Nothing && is_childs && !is_ready { Wait::Person } else { own };
        differences.push(Difference { id, change, wait });
    }
    differences
}

fn change(wish: &Wish, row: Option<&Row>) -> Option<Change> {
    let row = row.filter(|row| row.state != State::Absent);
    match (wish, row) {
        (Wish::Gone, None) | (Wish::Keep(_), None) => None,
        (Wish::Gone, Some(_)) => Some(Change::Remove),
        (Wish::Keep(wanted), Some(row)) => is_outdated(row, wanted).then_some(Change::Change),
        (Wish::Want(_), None) => Some(Change::Add),
        (Wish::Want(wanted), Some(row)) => match row.state {
            State::Maybe if row.prev == State::Absent => Some(Change::Add),
            State::Maybe => Some(Change::Change),
            State::Absent | State::Present => (row.acked_hash != Some(wanted.hash)).then_some(Change::Change),
        },
    }
}

fn wait(row: &Row, wish: &Wish, change: Change, now: MonoMs) -> Wait {
    let wanted = match wish {
        Wish::Gone => None,
        Wish::Keep(Wanted { hash, .. }) | Wish::Want(Wanted { hash, .. }) => Some(*hash),
    };
    match row.clearance {
        Clearance::Held if change == Change::Remove => return Wait::Brake,
        Clearance::Pending if change == Change::Remove => return Wait::Unjudged,
        Clearance::None | Clearance::Pending | Clearance::Held | Clearance::Given => {}
    }
    if row.is_found() {
        return Wait::Adoption;
    }
    let due = row.due(wanted);
    if let Some(words) = row.hold_reason.as_ref().filter(|_| row.sent_hash == wanted) {
        return Wait::Refused(words.clone(), due);
    }
    // A removal does not wait for what it undoes.
    let settles = row.unsettled_until.filter(|_| row.state == State::Maybe && change != Change::Remove);
    match settles.filter(|until| *until > now) {
        Some(until) if until >= due => Wait::Unsettled(until),
        Some(_) | None if due > now => Wait::BackOff(due),
        Some(_) | None if row.state == State::Maybe && row.unsettled_until.is_none() => Wait::UnderWay,
        Some(_) | None => Wait::Nothing,
    }
}
