//! `changes`: the stream of what the source holds.
//!
//! Not here: the order rules (the gateway's mirror), numbering (the source).

use crate::digest::Digest;
use crate::id::{Kind, Version};
use crate::{CHANGES_MAX, MESSAGE_MAX_BYTES};
use access::id::Key;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashSet;

/// A `changes` message as a source writes it.
#[derive(Clone, Debug, Serialize)]
pub struct ChangesOut<'a> {
    /// The source's epoch.
    pub epoch: u64,
    /// The message's number; repeated by a checkpoint without changes.
    pub seq: u64,
    /// The root once the changes are in.
    pub root: Digest,
    /// A key at most once.
    pub changes: Vec<ChangeOut<'a>>,
}

/// One change as a source writes it.
#[derive(Clone, Debug, Serialize)]
pub struct ChangeOut<'a> {
    /// `upsert` or `delete`.
    pub op: Op,
    /// The record's kind.
    pub kind: &'a str,
    /// The record's key.
    pub key: &'a str,
    /// The record, for an upsert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<&'a RawValue>,
}

/// What a change does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// The key has this record from now on.
    Upsert,
    /// The key is gone.
    Delete,
}

/// A `changes` message as a gateway reads it.
#[derive(Clone, Debug)]
pub struct Changes<'a> {
    /// The version that all its changes get.
    pub version: Version,
    /// The root once they are in.
    pub root: Digest,
    /// Changes with a valid envelope.
    pub changes: Vec<Change<'a>>,
    /// The others: position and reason.
    pub misshapen: Vec<(usize, String)>,
}

/// One change with a valid envelope.
#[derive(Clone, Debug)]
pub struct Change<'a> {
    /// Well-formed; perhaps of a later version.
    pub kind: Cow<'a, str>,
    /// Well-formed.
    pub key: Cow<'a, str>,
    /// What to do.
    pub act: Act<'a>,
}

/// What a change asks for.
#[derive(Clone, Debug)]
pub enum Act<'a> {
    /// The record's text as sent.
    Upsert(&'a str),
    /// The key is gone.
    Delete,
    /// The envelope names a key, but not one thing to do with it: the key is refused, so that what it held
    /// before stops granting. Holds the bytes as sent and the reason.
    Refuse(&'a str, String),
}

#[derive(Deserialize)]
struct Wire<'a> {
    epoch: u64,
    seq: u64,
    root: Digest,
    #[serde(borrow)]
    changes: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireChange<'a> {
    #[serde(borrow)]
    op: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow, default)]
    record: Option<&'a RawValue>,
}

/// Reads a `changes` message.
///
/// # Errors
/// Why the message as a whole has no valid envelope; nothing of it can be applied.
pub fn parse_changes(payload: &[u8]) -> Result<Changes<'_>, String> {
    if payload.len() > MESSAGE_MAX_BYTES {
        return Err(format!("the message has {} bytes, more than {MESSAGE_MAX_BYTES}", payload.len()));
    }
    let text = std::str::from_utf8(payload).map_err(|error| format!("not UTF-8: {error}"))?;
    let wire: Wire<'_> = serde_json::from_str(text).map_err(|error| format!("no valid envelope: {error}"))?;
    let Some(version) = Version::new(wire.epoch, wire.seq) else {
        return Err("no valid envelope: epoch and seq are at most 2^53 - 1".into());
    };
    if wire.changes.len() > CHANGES_MAX {
        return Err(format!("{} changes in one message, more than {CHANGES_MAX}", wire.changes.len()));
    }
    let mut changes = Vec::with_capacity(wire.changes.len());
    let mut misshapen = Vec::new();
    for (at, raw) in wire.changes.iter().enumerate() {
        match parse_change(raw.get()) {
            Ok(change) => changes.push(change),
            Err(reason) => misshapen.push((at, reason)),
        }
    }
    refuse_repeated(&mut changes);
    Ok(Changes { version, root: wire.root, changes, misshapen })
}

fn parse_change(text: &str) -> Result<Change<'_>, String> {
    let wire: WireChange<'_> =
        serde_json::from_str(text).map_err(|error| format!("no valid change: {error}"))?;
    if !Kind::is_well_formed(&wire.kind) {
        return Err(format!("kind {:?}: a kind has 1 to 32 of a-z and _", shortened(&wire.kind)));
    }
    Key::check(&wire.key).map_err(|rule| format!("key {:?}: {rule}", shortened(&wire.key)))?;
    let act = match (wire.op.as_ref(), wire.record) {
        ("upsert", Some(record)) => Act::Upsert(record.get()),
        ("delete", None) => Act::Delete,
        ("upsert", None) => Act::Refuse(text, "an upsert without a record".into()),
        ("delete", Some(_)) => Act::Refuse(text, "a delete with a record".into()),
        (op, _) => Act::Refuse(text, format!("op {:?} is neither upsert nor delete", shortened(op))),
    };
    Ok(Change { kind: wire.kind, key: wire.key, act })
}

/// A key twice in a message says two things at one version; which one is meant cannot be known, so neither
/// may grant.
fn refuse_repeated(changes: &mut Vec<Change<'_>>) {
    if changes.len() < 2 {
        return;
    }
    let mut seen = HashSet::new();
    let mut repeated = HashSet::new();
    for change in changes.iter() {
        let name = (change.kind.to_string(), change.key.to_string());
        if !seen.insert(name.clone()) {
            repeated.insert(name);
        }
    }
    if repeated.is_empty() {
        return;
    }
    changes.retain_mut(|change| {
        let name = (change.kind.to_string(), change.key.to_string());
        if !seen.contains(&name) {
            return false;
        }
        if repeated.contains(&name) {
            seen.remove(&name);
            let sent = match change.act {
                Act::Upsert(text) | Act::Refuse(text, _) => text,
                Act::Delete => "",
            };
            change.act = Act::Refuse(sent, "the key is in the message twice".into());
        }
        true
    });
}

/// The first characters of foreign text, for a reason that stays short.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}
