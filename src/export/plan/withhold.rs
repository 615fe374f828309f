//! Until the mirror has been whole, what is missing in it may still be to come: nothing is removed for that. Pure.
//!
//! What is here and says no is obeyed as ever: a user that is locked or deleted, a token that is revoked or
//! somebody else's, a window that has closed.
//!
//! Not here: whether the mirror is whole, and what it knows (the mirror's standing and facts).

use super::Plan;
use crate::export::item::{ItemKind, Row, State, Step};
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
        let all_tokens_denied =
            credentials.peek().is_some() && credentials.all(|row| known.denied_tokens.contains(&row.id.item));
        // What stays with other data is not removed for being absent.
        let changes = |step: &Step| {
            wanted.is_some_and(|person| person.credentials.keys().any(|key| key.as_str() == step.item.item))
        };
        let has_ended = |row: &Row| row.until.is_some_and(|until| until <= now);
        let may_go = |step: &Step| {
            is_denied
                || match step.item.kind {
                    ItemKind::Person => all_tokens_denied,
                    ItemKind::Credential => known.denied_tokens.contains(&step.item.item) || changes(step),
                    ItemKind::Permission => rows.get(step.item.kind, &step.item.item).is_some_and(has_ended),
                }
        };
        self.steps.retain(|step| step.wanted.is_some() || may_go(step));
    }
}
