//! Where one token stands in the PACS: for whoever has just made it known and waits beside it.
//!
//! Not here: the reasons themselves (`why`), bringing it there (`exporting`).

use super::why::{self, Reasons};
use super::{Moment, Planner};
use crate::clock::MonoMs;
use crate::export::item::{ItemId, ItemKind, State};
use crate::export::ledger::{self, shared};
use crate::export::plan::{Change, Difference, Wait, review, token_of};
use crate::export::rows::Rows;
use crate::mirror::facts;
use crate::service::status::ExportStatus;
use access::id::Key;
use access::person::person;
use rusqlite::Connection;

/// Where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stand {
    /// The PACS has it, as it should be.
    Has,
    /// It is on its way; why it is not there yet, where there is a reason.
    Coming(Option<String>),
    /// The PACS refuses it or its person, or somebody has to decide.
    Held(String),
    /// The rules do not want it there.
    NotWanted(String),
    /// This gateway does not export.
    Elsewhere(String),
}

/// Where `token` of `user` stands. `status` is of the same moment.
///
/// # Errors
/// SQLite's.
pub fn stand(
    conn: &Connection,
    planner: &Planner,
    status: &ExportStatus,
    moment: &Moment,
    (user, token): (&Key, &Key),
) -> rusqlite::Result<Stand> {
    if let Some(words) = why::elsewhere(status) {
        return Ok(Stand::Elsewhere(words));
    }
    let now = moment.mono.unwrap_or(MonoMs(0));
    let rows = Rows::new(user.clone(), ledger::load(conn, user)?);
    let facts = facts::of_user(conn, user)?;
    let wanted = facts.as_ref().and_then(|facts| person(facts, &planner.settings, &moment.time));
    let differences = review(wanted.as_ref(), &rows, now, &planner.caps);
    let is_it = |id: &ItemId| id.kind == ItemKind::Credential && token_of(&id.item) == token.as_str();
    let own = differences.iter().find(|difference| is_it(&difference.id));
    let Some(own) = own.filter(|difference| difference.change != Change::Remove) else {
        let is_there = rows.children().any(|row| is_it(&row.id) && row.state == State::Present);
        if is_there && own.is_none() {
            return Ok(Stand::Has);
        }
        let reasons = Reasons {
            facts: facts.as_ref(),
            wanted: wanted.as_ref(),
            settings: &planner.settings,
            time: &moment.time,
        };
        return Ok(Stand::NotWanted(reasons.removed(ItemKind::Credential, token.as_str())));
    };
    if let Some(words) = why::card_is_anothers(own, wanted.as_ref(), &shared::of_user(conn, user)?) {
        return Ok(Stand::Held(words));
    }
    Ok(awaited(own, &differences, now, status))
}

/// What a token waits for; where that is its person, what that one waits for.
fn awaited(own: &Difference, all: &[Difference], now: MonoMs, status: &ExportStatus) -> Stand {
    let person = all.iter().find(|other| other.id.kind == ItemKind::Person);
    let decides = person.filter(|_| own.wait == Wait::Person).unwrap_or(own);
    let words = why::waits(&decides.wait, false, now, status);
    match (&decides.wait, words) {
        (Wait::Refused(..) | Wait::Adoption | Wait::Brake, Some(words)) => Stand::Held(words),
        (_, words) => Stand::Coming(words),
    }
}
