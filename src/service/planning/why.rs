//! Why an item is added, changed or removed, and why not now, in words for people. Pure.
//!
//! The words are a guess at what a person wants to know, made from the same facts as the plan; the plan does not
//! rest on them.
//!
//! Not here: a person's data. A PIN is in none of these words.

use crate::clock::MonoMs;
use crate::export::item::{Cause, ItemKind, Row};
use crate::export::ledger::shared::SharedCard;
use crate::export::plan::{Change, Difference, Wait, token_of};
use crate::service::exporting::cards;
use crate::service::status::{ExportStatus, Live, hand_over_line};
use access::id::Key;
use access::person::{Facts, Person, Settings};
use access::status::effective;
use access::time::UtcTime;
use access::token::{Token, TokenStatus};
use access::trust::{Time, need};
use access::user::UserStatus;
use contract::messages::Circuit;

/// What the reasons are taken from.
pub(super) struct Reasons<'a> {
    pub(super) facts: Option<&'a Facts>,
    pub(super) wanted: Option<&'a Person>,
    pub(super) settings: &'a Settings,
    pub(super) time: &'a Time,
}

impl Reasons<'_> {
    /// Why the item differs; `row` is what the ledger has of it.
    pub(super) fn why(&self, difference: &Difference, row: Option<&Row>) -> String {
        let item = match difference.id.kind {
            ItemKind::Credential => token_of(&difference.id.item),
            ItemKind::Person | ItemKind::Permission => difference.id.item.as_str(),
        };
        match difference.change {
            Change::Add => self.added(difference.id.kind, item),
            Change::Change => changed(difference.id.kind, row),
            Change::Remove => {
                let detail = self.removed(difference.id.kind, item);
                match row.and_then(|row| row.cause) {
                    Some(Cause::Status) => format!("status: {detail}"),
                    Some(Cause::Time) => format!("time: {detail}"),
                    Some(Cause::Edit) => format!("edit: {detail}"),
                    None => detail,
                }
            }
        }
    }

    fn added(&self, kind: ItemKind, item: &str) -> String {
        let Some(person) = self.wanted else { return String::new() };
        let until = |to: Option<UtcTime>| to.map(|to| format!(", until {to}")).unwrap_or_default();
        match kind {
            ItemKind::Person => {
                let (tokens, permissions) = (person.credentials.len(), person.permissions.len());
                format!("has {tokens} usable tokens and {permissions} permissions")
            }
            ItemKind::Credential => {
                let mut found = person.credentials.iter().filter(|(key, _)| key.as_str() == item);
                let to = found.next().and_then(|(_, credential)| credential.window.to);
                format!("the token is active{}", until(to))
            }
            ItemKind::Permission => match person.permissions.get(item) {
                Some(found) => format!("assigned: {}{}", found.display_name, until(found.window.to)),
                None => String::new(),
            },
        }
    }

    pub(super) fn removed(&self, kind: ItemKind, item: &str) -> String {
        let Some(facts) = self.facts else {
            return "the user is not in the mirror: deleted, or refused".into();
        };
        match kind {
            ItemKind::Person => self.person_removed(facts),
            ItemKind::Credential => self.token_removed(facts, item),
            ItemKind::Permission => self.permission_removed(facts, item),
        }
    }

    fn person_removed(&self, facts: &Facts) -> String {
        let usable = |(key, _): &&(Key, Token)| self.token_denied(facts, key.as_str()).is_none();
        let is_assigned =
            facts.assignments.iter().any(|(assignment, _)| need(&assignment.window, self.time).is_some());
        if let Some(word) = user_word(facts.user.status) {
            format!("the user is {word}")
        } else if self.wanted.is_some() {
            "its name in the PACS changes: it is made anew under the other one".into()
        } else if facts.tokens.iter().find(usable).is_none() {
            "no token of it is usable".into()
        } else if is_assigned {
            "no permission of it is one that this PACS is sent".into()
        } else {
            "no assignment of it is in force".into()
        }
    }

    fn token_removed(&self, facts: &Facts, item: &str) -> String {
        self.token_denied(facts, item).unwrap_or_else(|| match self.wanted {
            None => self.person_removed(facts),
            Some(_) => "its data has changed".into(),
        })
    }

    /// Why the token is not to be used; none when it is.
    fn token_denied(&self, facts: &Facts, item: &str) -> Option<String> {
        let found = facts.tokens.iter().find(|(key, _)| key.as_str() == item);
        let Some((_, token)) = found else {
            return Some("the token is deleted, or no longer this user's".into());
        };
        let status = effective(facts.user.status, token.kind, token.status);
        if let Some(word) = user_word(facts.user.status).filter(|_| token.status == TokenStatus::Active) {
            return Some(format!("the user is {word}"));
        }
        if let Some(word) = token_word(status) {
            return Some(format!("the token is {word}"));
        }
        if need(&token.window, self.time).is_none() {
            return Some("the token's window is closed".into());
        }
        let kind = &self.settings.identifier_type;
        let is_known = token.identifiers.iter().any(|identifier| identifier.kind.as_str() == kind);
        (!is_known).then(|| format!("the token has no identifier of type {kind}"))
    }

    fn permission_removed(&self, facts: &Facts, item: &str) -> String {
        let mut given = facts.assignments.iter().filter_map(|(assignment, entitlement)| {
            entitlement
                .as_ref()
                .filter(|found| found.pacs_ref.as_str() == item)
                .map(|found| (assignment, found))
        });
        let Some((assignment, entitlement)) = given.next() else {
            return "nothing assigns it any more".into();
        };
        let mut all = std::iter::once((assignment, entitlement)).chain(given);
        if !all.any(|(assignment, _)| need(&assignment.window, self.time).is_some()) {
            return "its window is closed".into();
        }
        let types = &self.settings.entitlement_import_types;
        if !types.iter().any(|kind| kind == entitlement.kind.as_str()) {
            return format!("entitlements of type {} are not sent to this PACS", entitlement.kind.as_str());
        }
        self.person_removed(facts)
    }
}

fn changed(kind: ItemKind, row: Option<&Row>) -> String {
    if row.is_none_or(|row| row.acked_hash.is_none()) {
        return "what the PACS holds of it is not known".into();
    }
    match kind {
        ItemKind::Person => "its data has changed".into(),
        ItemKind::Credential => "its card number or window has changed".into(),
        ItemKind::Permission => "its name or window has changed".into(),
    }
}

fn user_word(status: UserStatus) -> Option<&'static str> {
    match status {
        UserStatus::Active => None,
        UserStatus::Inactive => Some("inactive"),
        UserStatus::Locked => Some("locked"),
    }
}

fn token_word(status: TokenStatus) -> Option<&'static str> {
    match status {
        TokenStatus::Active => None,
        TokenStatus::Inactive => Some("INACTIVE"),
        TokenStatus::Locked => Some("LOCKED"),
        TokenStatus::Revoked => Some("REVOKED"),
    }
}

/// Why it is not added: its card number is another token's, or that of each of the user's tokens is.
pub(super) fn card_is_anothers(
    difference: &Difference,
    wanted: Option<&Person>,
    held: &[SharedCard],
) -> Option<String> {
    if difference.change != Change::Add {
        return None;
    }
    let held_of = |token: &str| held.iter().find(|held| held.token.as_str() == token);
    let found = match difference.id.kind {
        ItemKind::Credential => held_of(token_of(&difference.id.item)),
        ItemKind::Person | ItemKind::Permission => {
            let all_are = wanted.is_some_and(|person| {
                !person.credentials.is_empty()
                    && person.credentials.keys().all(|token| held_of(token.as_str()).is_some())
            });
            held.first().filter(|_| all_are)
        }
    };
    found.map(cards::words)
}

/// Why it does not happen now; none when it is about to.
pub(super) fn waits(wait: &Wait, is_withheld: bool, now: MonoMs, status: &ExportStatus) -> Option<String> {
    let in_s = |at: &MonoMs| at.0.saturating_sub(now.0).div_ceil(1_000);
    match wait {
        Wait::Brake => {
            let hash = status.held_removals.as_ref().map_or("HASH", |held| held.hash.as_str());
            return Some(format!("held by the brake: doorward export approve {hash}"));
        }
        Wait::Adoption => {
            let hash = status.adoptions.as_ref().map_or("HASH", |found| found.hash.as_str());
            return Some(format!("found in the PACS, not ours: doorward export approve {hash}"));
        }
        Wait::Refused(words, at) if in_s(at) > 0 => {
            return Some(format!("refused: {words}; tried again in {} s", in_s(at)));
        }
        Wait::Refused(words, _) => return Some(format!("refused: {words}")),
        Wait::Nothing
        | Wait::Unjudged
        | Wait::UnderWay
        | Wait::Unsettled(_)
        | Wait::BackOff(_)
        | Wait::Person => {}
    }
    if is_withheld {
        return Some("the mirror is not whole yet, and it may still come".into());
    }
    everyone_waits(status).or_else(|| match wait {
        Wait::Unjudged => Some("not judged by the brake yet".into()),
        Wait::UnderWay => Some("a request is under way".into()),
        Wait::Unsettled(at) => Some(format!("a lost request may still run for {} s", in_s(at))),
        Wait::BackOff(at) => Some(format!("tried again in {} s", in_s(at))),
        Wait::Person => Some("the person comes first".into()),
        Wait::Nothing | Wait::Brake | Wait::Adoption | Wait::Refused(..) => None,
    })
}

/// Why nothing at all is sent from here; none where this gateway exports.
pub(super) fn elsewhere(status: &ExportStatus) -> Option<String> {
    if status.exporting {
        return None;
    }
    if let Some(hand_over) = &status.hand_over {
        return Some(hand_over_line(hand_over));
    }
    Some(match &status.exporter {
        Some(exporter) => format!("{exporter} exports"),
        None => "the source has named no exporter".into(),
    })
}

/// Why nothing at all is sent.
fn everyone_waits(status: &ExportStatus) -> Option<String> {
    elsewhere(status).or_else(|| match status.live {
        None => Some("the daemon does not run".into()),
        Some(live) if !live.known => Some("the PACS has not answered yet".into()),
        Some(Live { circuit: Some(Circuit::Open), .. }) => {
            Some("the PACS fails: nothing is sent but a probe now and then".into())
        }
        Some(live) if !live.reachable => Some("the PACS is not reached".into()),
        Some(_) => None,
    })
}
