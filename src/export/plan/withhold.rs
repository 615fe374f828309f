//! Until the mirror has been whole, what is missing in it may still be to come: nothing is removed for that. Pure.
//!
//! What is here and says no is obeyed as ever: a user that is locked or deleted, a token that is revoked or
//! somebody else's, a window that has closed.
//!
//! Not here: whether the mirror is whole, and what it knows (the mirror's standing and facts).

use super::{Plan, token_of};
use crate::export::item::{Act, Clearance, ItemId, ItemKind, Row, State};
use crate::export::rows::Rows;
use access::person::Person;
use access::time::UtcTime;
use access::user::UserStatus;
use std::collections::BTreeSet;

/// What an unfinished mirror knows of one user.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Known {
    /// The user's status; none when it has no record in force.
    pub status: Option<UserStatus>,
    /// The user was deleted or refused.
    pub is_gone: bool,
    /// Those tokens of the ledger that say by themselves that they are not the user's, or not to be used.
    pub denied_tokens: BTreeSet<String>,
}

impl Plan {
    /// Takes out what would be removed only because something is missing; `wanted` is what the plan was made for.
    pub fn withhold(&mut self, wanted: Option<&Person>, rows: &Rows, known: &Known, now: UtcTime) {
        let is_denied = known.is_gone || known.status.is_some_and(|status| status != UserStatus::Active);
        let mut credentials = rows
            .children()
            .filter(|row| row.id.kind == ItemKind::Credential && row.state != State::Absent)
            .peekable();
        let all_tokens_denied = credentials.peek().is_some()
            && credentials.all(|row| known.denied_tokens.contains(token_of(&row.id.item)));
        // What stays with other data is not removed for being absent.
        let changes = |item: &str| {
            wanted.is_some_and(|person| person.credentials.keys().any(|key| key.as_str() == token_of(item)))
        };
        let has_ended = |row: &Row| row.until.is_some_and(|until| until <= now);
        let may_go = |id: &ItemId| {
            is_denied
                || match id.kind {
                    ItemKind::Person => all_tokens_denied,
                    ItemKind::Credential => {
                        known.denied_tokens.contains(token_of(&id.item)) || changes(&id.item)
                    }
                    ItemKind::Permission => rows.get(id.kind, &id.item).is_some_and(has_ended),
                }
        };
        self.steps.retain(|step| step.wanted.is_some() || step.act == Act::LookUp || may_go(&step.item));
        // Nor does the brake count it.
        for note in &mut self.notes {
            if let Some(row) = rows.get(note.id.kind, &note.id.item).filter(|row| !may_go(&row.id)) {
                (note.cause, note.clearance) = (row.cause, row.clearance);
                (note.generation, note.approved_generation) = (row.generation, row.approved_generation);
            }
        }
        self.notes.retain(|note| rows.get(note.id.kind, &note.id.item) != Some(note));
        let is_pending = |row: &Row| row.clearance == Clearance::Pending && may_go(&row.id);
        self.is_pending = self.notes.iter().chain(rows.iter()).any(is_pending);
    }
}
