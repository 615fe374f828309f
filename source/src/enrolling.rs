//! What becomes of a card that was enrolled at a panel: its token is published, or the panel is told why not.
//!
//! Not here: hearing of it (`serve`), and what the panel then does.

use crate::change::{Change, Check};
use crate::store::{Store, StoreError};
use access::id::Key;
use access::time::UtcTime;
use access::user::UserStatus;
use contract::command::Command;
use contract::enrollment::{Enrollment, Settlement};
use contract::id::GatewayId;
use contract::record::{Record, typed};
use serde::Deserialize;
use serde_json::json;

/// Whether `serve` settles enrollments by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Enrollments {
    /// Somebody does, by `settle-enrollment`; one that nobody settles expires at its panel.
    #[default]
    Ask,
    /// Whatever contradicts nothing that is in the file is accepted, the rest refused with the reason.
    Accept,
}

/// Why the card cannot be accepted as it is; none if it can.
///
/// # Errors
/// When the file cannot be read.
pub fn objection(store: &Store, enrollment: &Enrollment) -> Result<Option<String>, StoreError> {
    let Enrollment { token, user, hex, .. } = enrollment;
    let record = store.record("user", user.as_str())?;
    match record.map(|body| typed("user", &body)) {
        None => return Ok(Some(format!("there is no user {user}"))),
        Some(Ok(Record::User(known))) if known.status == UserStatus::Active => {}
        Some(_) => return Ok(Some(format!("user {user} is not active"))),
    }
    let is_other = |(key, body): &(String, String)| {
        let Ok(Record::Token(known)) = typed("token", body) else { return false };
        let has_it = known.identifiers.iter().any(|known| known.hex.to_string().eq_ignore_ascii_case(hex));
        has_it && key != token.as_str()
    };
    let other = store.tokens_with(hex)?.into_iter().find(is_other);
    Ok(other.map(|(key, _)| format!("card {hex} is token {key} already")))
}

/// Publishes the token and tells the panel, or tells it why not. Done again it changes nothing more.
///
/// # Errors
/// When the file cannot be written.
pub fn settle(
    store: &mut Store,
    gateway: &GatewayId,
    enrollment: &Enrollment,
    settlement: Settlement,
    now: UtcTime,
) -> Result<String, StoreError> {
    let key = match &settlement {
        Settlement::Accepted => Some(&enrollment.token),
        Settlement::Changed { to } => Some(to),
        Settlement::Refused { .. } => None,
    };
    if let Some(key) = key {
        store.apply(&[change(key, enrollment)], 1)?;
    }
    let command = Command::EnrollmentSettled { token: enrollment.token.clone(), settlement };
    store.queue_command(gateway, command, now)
}

/// The token's record. What a panel enrolls has the form of one.
fn change(key: &Key, enrollment: &Enrollment) -> Change {
    let Enrollment { user, kind, identifier, hex, .. } = enrollment;
    let record = json!({
        "user": user.as_str(), "kind": kind, "status": "ACTIVE",
        "identifiers": [{ "type": identifier, "hex": hex }],
    });
    // What does not have it is published all the same, and refused by the panels with the reason.
    Change::upsert("token", key.as_str(), &record.to_string(), Check::Canonical)
        .unwrap_or_else(|rule| unreachable!("JSON of our own has a canonical form: {rule}"))
}
