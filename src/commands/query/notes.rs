//! What follows from other rows for a record: a token's effective status, and what the PACS defines no longer.
//!
//! Not here: what the export has made of it (`doorward status`).

use crate::mirror::{entitlements, list};
use access::status::{Certificate, end};
use access::token::Token;
use anyhow::Result;
use contract::id::Kind;
use contract::record::{Record, typed};
use rusqlite::Connection;
use serde_json::{Value, json};

/// Adds to `row`, a record in force, what can be said of it beyond its own words.
///
/// # Errors
/// When the mirror cannot be read.
pub(super) fn add(conn: &Connection, kind: Kind, body: &str, row: &mut Value) -> Result<()> {
    let note = match typed(kind.as_str(), body) {
        Ok(Record::Token(token)) => effective(conn, &token)?.map(|note| ("effective", note)),
        Ok(Record::Entitlement(found)) => {
            in_pacs(conn, found.pacs_ref.as_str())?.map(|note| ("in_pacs", note))
        }
        Ok(Record::Assignment(found)) => held(conn, found.entitlement.as_str())?.map(|note| ("held", note)),
        Ok(Record::User(_) | Record::Schedule(_) | Record::Door(_)) | Err(_) => None,
    };
    if let (Some((name, note)), Some(members)) = (note, row.as_object_mut()) {
        members.insert(name.into(), note);
    }
    Ok(())
}

/// The record of that key, if it is in force.
fn in_force(conn: &Connection, kind: Kind, key: &str) -> Result<Option<Record>> {
    let found = list::record(conn, kind, key)?.filter(|found| found.refused.is_none());
    Ok(found.and_then(|found| typed(kind.as_str(), &found.body).ok()))
}

/// What the token is worth; none without a user, whose status decides with its own.
fn effective(conn: &Connection, token: &Token) -> Result<Option<Value>> {
    let Some(user) = &token.user else { return Ok(None) };
    let Some(Record::User(user)) = in_force(conn, Kind::User, user.as_str())? else { return Ok(None) };
    let end = end(user.status, token.kind, token.status);
    let mut note = json!({ "status": end.token.as_str() });
    if end.certificate != Certificate::Valid {
        note["certificate"] = end.certificate.as_str().into();
    }
    Ok(Some(note))
}

/// Whether the PACS defines it; none before the first import.
fn in_pacs(conn: &Connection, pacs_ref: &str) -> Result<Option<Value>> {
    let note = match entitlements::find(conn, pacs_ref)? {
        Some(known) => match known.vanished_at {
            Some(at) => json!({ "defined": false, "vanished_at": at }),
            None => json!({ "defined": true }),
        },
        None if entitlements::is_empty(conn)? => return Ok(None),
        None => json!({ "defined": false }),
    };
    Ok(Some(note))
}

/// Why its permission is held, if its entitlement has vanished from the PACS.
fn held(conn: &Connection, entitlement: &str) -> Result<Option<Value>> {
    let found = in_force(conn, Kind::Entitlement, entitlement)?;
    let Some(Record::Entitlement(entitlement)) = found else { return Ok(None) };
    let known = entitlements::find(conn, entitlement.pacs_ref.as_str())?;
    let at = known.and_then(|known| known.vanished_at);
    Ok(at.map(|at| format!("the PACS has not defined the entitlement since {at}").into()))
}
