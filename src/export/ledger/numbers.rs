//! How the ledger writes down states, causes and the like.
//!
//! Not here: what they mean (`item`).

use crate::export::item::{Cause, Clearance, ItemKind, State};

pub(super) fn kind_number(kind: ItemKind) -> i64 {
    match kind {
        ItemKind::Person => 0,
        ItemKind::Credential => 1,
        ItemKind::Permission => 2,
    }
}

pub(super) fn kind_of(number: i64) -> Option<ItemKind> {
    [ItemKind::Person, ItemKind::Credential, ItemKind::Permission]
        .into_iter()
        .find(|kind| kind_number(*kind) == number)
}

pub(super) fn cause_number(cause: Cause) -> i64 {
    match cause {
        Cause::Status => 1,
        Cause::Time => 2,
        Cause::Edit => 3,
    }
}

pub(super) fn cause_of(number: i64) -> Option<Cause> {
    [Cause::Status, Cause::Time, Cause::Edit].into_iter().find(|cause| cause_number(*cause) == number)
}

pub(super) fn clearance_number(clearance: Clearance) -> i64 {
    match clearance {
        Clearance::None => 0,
        Clearance::Pending => 1,
        Clearance::Held => 2,
        Clearance::Given => 3,
    }
}

pub(super) fn clearance_of(number: i64) -> Option<Clearance> {
    [Clearance::None, Clearance::Pending, Clearance::Held, Clearance::Given]
        .into_iter()
        .find(|clearance| clearance_number(*clearance) == number)
}

pub(super) fn state_number(state: State) -> i64 {
    match state {
        State::Absent => 0,
        State::Present => 1,
        State::Maybe => 2,
    }
}

pub(super) fn state_of(number: i64) -> Option<State> {
    [State::Absent, State::Present, State::Maybe].into_iter().find(|state| state_number(*state) == number)
}
