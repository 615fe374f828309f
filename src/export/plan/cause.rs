//! Why an item is to go: a status, the end of its window, or an edit at the source, which the brake counts. Pure.
//!
//! A cause is fixed when the removal is planned. Later it may only become milder: what was deleted by an edit and
//! would have ended by now needs nobody's approval any more.
//!
//! Not here: how many edits are too many (`brake`).

use super::{Caps, leaves, token_of};
use crate::export::item::{Cause, Clearance, ItemKind, Row, State};
use crate::export::rows::Rows;
use access::person::Person;
use access::time::UtcTime;
use std::collections::BTreeSet;

/// What the mirror says about why items may have to go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grounds {
    /// The user has a record, and it is not active.
    pub user_is_barred: bool,
    /// Tokens of the user that have a record whose effective status is not active, by key.
    pub barred_tokens: BTreeSet<String>,
    /// An instant that has certainly passed: now by a trusted clock, else the floor.
    pub passed: UtcTime,
    /// Whether a user without an exportable token leaves.
    pub needs_token: bool,
    /// Whether a user without an active assignment leaves.
    pub needs_entitlement: bool,
}

impl Grounds {
    /// The cause of an item's removal, were it planned now.
    fn of(&self, row: &Row, rows: &Rows) -> Cause {
        if self.user_is_barred {
            return Cause::Status;
        }
        match row.id.kind {
            ItemKind::Person => self.of_person(rows),
            ItemKind::Credential if self.barred_tokens.contains(token_of(&row.id.item)) => Cause::Status,
            ItemKind::Credential | ItemKind::Permission => self.of_window(row),
        }
    }

    fn of_window(&self, row: &Row) -> Cause {
        if row.until.is_some_and(|until| until <= self.passed) { Cause::Time } else { Cause::Edit }
    }

    /// A person that would have to leave anyway, for want of tokens or of assignments, leaves for their cause.
    fn of_person(&self, rows: &Rows) -> Cause {
        let all = |kind, is_needed: bool| {
            let there = rows.children().filter(|row| row.id.kind == kind && row.state != State::Absent);
            let causes = there.map(|row| milder(row.cause, self.of(row, rows)));
            causes.max().filter(|_| is_needed).unwrap_or(Cause::Edit)
        };
        let tokens = all(ItemKind::Credential, self.needs_token);
        tokens.min(all(ItemKind::Permission, self.needs_entitlement))
    }
}

fn milder(fixed: Option<Cause>, computed: Cause) -> Cause {
    fixed.map_or(computed, |fixed| fixed.min(computed))
}

/// Notes in `view` why its items are to go, and that those that are wanted are not.
pub(super) fn mark(view: &mut Rows, wanted: Option<&Person>, caps: &Caps, grounds: &Grounds) {
    let before = view.clone();
    let of_person = before.person().filter(|row| wanted.is_none() && row.state != State::Absent);
    let of_person = of_person.map(|row| milder(row.cause, grounds.of(row, &before)));
    view.edit(|row| {
        if !leaves(row, wanted, caps, &before) {
            withdraw(row);
        } else if row.state != State::Absent {
            let own = milder(row.cause, grounds.of(row, &before));
            let cause = of_person.map_or(own, |of_person| of_person.min(own));
            row.cause = Some(cause);
            row.clearance = match (cause, row.clearance) {
                (Cause::Status | Cause::Time, _) => Clearance::None,
                (Cause::Edit, Clearance::None) => Clearance::Pending,
                (Cause::Edit, given) => given,
            };
        }
    });
}

/// It is wanted again. An approval of its removal is worth nothing from now on.
fn withdraw(row: &mut Row) {
    if row.cause.take().is_some() && row.clearance != Clearance::None {
        row.clearance = Clearance::None;
        row.approved_generation = None;
        row.generation += 1;
    }
}
