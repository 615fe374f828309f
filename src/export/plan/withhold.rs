//! Until the mirror has been whole, what is missing in it may still be to come: nothing is removed for that. Pure.
//!
//! What is here and says no is obeyed as ever: a user that is locked or deleted, a token that is revoked or
//! somebody else's, a window that has closed.
//!
//! Not here: whether the mirror is whole, and what it knows (the mirror's standing and facts).

use super::Plan;
use crate::export::item::{ItemKind, Row, Step};
use crate::export::rows::Rows;
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
    /// Those tokens of the ledger of which there is news, good or bad.
    pub tokens: BTreeSet<String>,
}

impl Plan {
    /// Takes out what would be removed only because it is missing.
    pub fn withhold(&mut self, rows: &Rows, known: &Known, now: UtcTime) {
        let is_denied = known.is_gone || known.status.is_some_and(|status| status != UserStatus::Active);
        let credentials = || rows.children().filter(|row| row.id.kind == ItemKind::Credential);
        let knows_all_tokens =
            credentials().next().is_some() && credentials().all(|row| known.tokens.contains(&row.id.item));
        let has_ended = |row: &Row| row.until.is_some_and(|until| until <= now);
        let may_go = |step: &Step| {
            is_denied
                || match step.item.kind {
                    // Without tokens it goes, whatever else there is.
                    ItemKind::Person => known.status.is_some() && knows_all_tokens,
                    ItemKind::Credential => known.tokens.contains(&step.item.item),
                    ItemKind::Permission => rows.get(step.item.kind, &step.item.item).is_some_and(has_ended),
                }
        };
        self.steps.retain(|step| step.wanted.is_some() || may_go(step));
    }
}
