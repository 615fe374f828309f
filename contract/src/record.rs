//! A record's typed form, and why one is refused.

use crate::id::Kind;
use crate::json::Value;
use crate::{RECORD_MAX_BYTES, digest, json};
use access::{
    assignment::Assignment,
    door::Door,
    entitlement::Entitlement,
    schedule::Schedule,
    token::Token,
    user::{User, UserStatus},
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;

/// A record that this version understands.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each is a module of the access crate")]
pub enum Record {
    User(User),
    Token(Token),
    Entitlement(Entitlement),
    Assignment(Assignment),
    Schedule(Schedule),
    Door(Door),
}

/// What came out of reading a record as it was sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parsed<'a> {
    /// The bytes that the digest covers: the record's canonical form (what was sent, if it is spelled so), or
    /// [`digest::opaque`] if it has none.
    pub canonical: Cow<'a, [u8]>,
    /// The typed record, or why it is refused.
    pub record: Result<Record, String>,
}

/// Reads `sent`, the text of a change's `record`.
pub fn parse<'a>(kind: &str, sent: &'a str) -> Parsed<'a> {
    if sent.len() > RECORD_MAX_BYTES {
        let reason = format!("the record has {} bytes, more than {RECORD_MAX_BYTES}", sent.len());
        return Parsed { canonical: digest::opaque(sent.as_bytes()).into(), record: Err(reason) };
    }
    // A source sends canonical text: one look and one reading, and nothing is built in between. Anything else,
    // and every refusal, goes the long way, which is the rule.
    if let Some(shape) = json::look(sent)
        && shape.only_objects_in_arrays
        && let Ok(record) = typed(kind, sent)
    {
        return Parsed { canonical: Cow::Borrowed(sent.as_bytes()), record: Ok(record) };
    }
    parse_by_value(kind, sent)
}

fn parse_by_value(kind: &str, sent: &str) -> Parsed<'static> {
    match json::parse(sent) {
        Err(error) => {
            Parsed { canonical: digest::opaque(sent.as_bytes()).into(), record: Err(words(&error)) }
        }
        Ok(value) => {
            let mut canonical = Vec::with_capacity(sent.len());
            json::write(&value, &mut canonical);
            let record = check_objects("record", &value).and_then(|()| typed(kind, sent));
            Parsed { record, canonical: canonical.into() }
        }
    }
}

/// Members whose elements are objects.
const LISTS_OF_OBJECTS: [&str; 5] = ["identifiers", "weekly", "holidays", "intervals", "grants"];

/// serde takes an array of values for an object with those fields in order; the contract does not.
fn check_objects(place: &str, value: &Value) -> Result<(), String> {
    let Value::Object(members) = value else { return Err(format!("{place}: an object is expected")) };
    for (name, member) in members {
        if let (true, Value::Array(items)) = (LISTS_OF_OBJECTS.contains(&name.as_str()), member) {
            for (at, item) in items.iter().enumerate() {
                check_objects(&format!("{name}[{at}]"), item)?;
            }
        }
    }
    Ok(())
}

/// Reads canonical bytes back from storage.
///
/// # Errors
/// The reason, as when it was first refused.
pub fn typed(kind: &str, text: &str) -> Result<Record, String> {
    let Some(kind) = Kind::parse(kind) else {
        return Err(format!("kind {kind:?} is not known to this version"));
    };
    match kind {
        Kind::User => read(text).map(Record::User),
        Kind::Token => read(text).map(Record::Token),
        Kind::Entitlement => read(text).map(Record::Entitlement),
        Kind::Assignment => read(text).map(Record::Assignment),
        Kind::Schedule => read(text).map(Record::Schedule),
        Kind::Door => read(text).map(Record::Door),
    }
}

/// Of a user's canonical bytes, read back from storage, the status alone: decisions are many, and the rest of a user says
/// nothing to them. `None` where they cannot be read.
pub fn user_status(text: &str) -> Option<UserStatus> {
    #[derive(Deserialize)]
    struct Part {
        status: UserStatus,
    }
    serde_json::from_str::<Part>(text).ok().map(|part| part.status)
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| {
        // Only now, on the rare path: which member it was.
        let mut track = serde_path_to_error::Track::new();
        let mut reader = serde_json::Deserializer::from_str(text);
        let path = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
        let _ = T::deserialize(path);
        let path = track.path().to_string();
        if path == "." { words(&error) } else { format!("{path}: {}", words(&error)) }
    })
}

/// serde_json's words without the position, which means nothing inside a message.
fn words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(at) => text[..at].into(),
        None => text,
    }
}

#[cfg(test)]
mod tests;
