//! `changes`: the stream of what the source holds.
//!
//! Not here: the order rules (the gateway's mirror), numbering (the source).

use crate::digest::Digest;
#[cfg(feature = "schema")]
use crate::id::INTEGER_MAX;
use crate::id::{Kind, Version};
#[cfg(feature = "schema")]
use crate::schema::{AnyKind, AnyRecord};
use crate::{CHANGES_MAX, MESSAGE_MAX_BYTES};
use access::id::Key;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;

/// A `changes` message as a source writes it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Changes"))]
pub struct ChangesOut<'a> {
    /// The source's epoch.
    #[cfg_attr(feature = "schema", schemars(range(max = INTEGER_MAX)))]
    pub epoch: u64,
    /// The message's number; repeated by a checkpoint without changes.
    #[cfg_attr(feature = "schema", schemars(range(max = INTEGER_MAX)))]
    pub seq: u64,
    /// The root once the changes are in.
    pub root: Digest,
    /// A key at most once.
    #[cfg_attr(feature = "schema", schemars(length(max = CHANGES_MAX)))]
    pub changes: Vec<ChangeOut<'a>>,
}

/// One change as a source writes it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Change"))]
#[cfg_attr(feature = "schema", schemars(extend("oneOf" = crate::schema::upsert_or_delete())))]
pub struct ChangeOut<'a> {
    /// `upsert` or `delete`.
    pub op: Op,
    /// The record's kind.
    #[cfg_attr(feature = "schema", schemars(with = "AnyKind"))]
    pub kind: &'a str,
    /// The record's key.
    #[cfg_attr(feature = "schema", schemars(with = "Key"))]
    pub key: &'a str,
    /// The record, for an upsert.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<AnyRecord>"))]
    pub record: Option<&'a RawValue>,
}

/// What a change does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
struct Wire<C> {
    epoch: u64,
    seq: u64,
    root: Digest,
    changes: Vec<C>,
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
    let (wire, misshapen) = match in_order(text) {
        Some(wire) => (wire, Vec::new()),
        None => one_by_one(text)?,
    };
    let version = wire.check()?;
    let mut changes = wire.changes;
    refuse_repeated(&mut changes);
    Ok(Changes { version, root: wire.root, changes, misshapen })
}

impl<C> Wire<C> {
    /// Whether the message is one that may be applied, whatever its changes are.
    fn check(&self) -> Result<Version, String> {
        let Some(version) = Version::new(self.epoch, self.seq) else {
            return Err("no valid envelope: epoch and seq are at most 2^53 - 1".into());
        };
        if self.changes.len() > CHANGES_MAX {
            return Err(format!("{} changes in one message, more than {CHANGES_MAX}", self.changes.len()));
        }
        Ok(version)
    }
}

/// The message by one reading, if nothing in it is amiss. What is, and its bytes, [`one_by_one`] finds.
fn in_order(text: &str) -> Option<Wire<Change<'_>>> {
    let Wire { epoch, seq, root, changes } = serde_json::from_str::<Wire<WireChange<'_>>>(text).ok()?;
    let sound = |change: &Change<'_>| !matches!(change.act, Act::Refuse(..));
    let checked = changes.into_iter().map(|change| check_change(change, "").ok().filter(sound));
    let changes = checked.collect::<Option<_>>()?;
    Some(Wire { epoch, seq, root, changes })
}

type Misshapen = Vec<(usize, String)>;

fn one_by_one(text: &str) -> Result<(Wire<Change<'_>>, Misshapen), String> {
    let wire: Wire<&RawValue> =
        serde_json::from_str(text).map_err(|error| format!("no valid envelope: {error}"))?;
    // Before there are as many reasons as a message has room for commas.
    wire.check()?;
    let mut changes = Vec::with_capacity(wire.changes.len());
    let mut misshapen = Vec::new();
    for (at, raw) in wire.changes.iter().enumerate() {
        let change = serde_json::from_str(raw.get()).map_err(|error| format!("no valid change: {error}"));
        match change.and_then(|change| check_change(change, raw.get())) {
            Ok(change) => changes.push(change),
            Err(reason) => misshapen.push((at, reason)),
        }
    }
    Ok((Wire { epoch: wire.epoch, seq: wire.seq, root: wire.root, changes }, misshapen))
}

/// `sent` is the change's own text.
fn check_change<'a>(wire: WireChange<'a>, sent: &'a str) -> Result<Change<'a>, String> {
    if !Kind::is_well_formed(&wire.kind) {
        return Err(format!("kind {:?}: a kind has 1 to 32 of a-z and _", shortened(&wire.kind)));
    }
    Key::check(&wire.key).map_err(|rule| format!("key {:?}: {rule}", shortened(&wire.key)))?;
    let act = match (wire.op.as_ref(), wire.record) {
        ("upsert", Some(record)) => Act::Upsert(record.get()),
        ("delete", None) => Act::Delete,
        ("upsert", None) => Act::Refuse(sent, "an upsert without a record".into()),
        ("delete", Some(_)) => Act::Refuse(sent, "a delete with a record".into()),
        (op, _) => Act::Refuse(sent, format!("op {:?} is neither upsert nor delete", shortened(op))),
    };
    Ok(Change { kind: wire.kind, key: wire.key, act })
}

/// A key twice in a message says two things at one version; which one is meant cannot be known, so neither
/// may grant.
fn refuse_repeated(changes: &mut Vec<Change<'_>>) {
    if changes.len() < 2 {
        return;
    }
    let mut first_at = HashMap::with_capacity(changes.len());
    let mut later_at = Vec::new();
    let mut repeated_at = Vec::new();
    for (at, change) in changes.iter().enumerate() {
        let first = *first_at.entry((change.kind.as_ref(), change.key.as_ref())).or_insert(at);
        if first != at {
            repeated_at.push(first);
            later_at.push(at);
        }
    }
    for at in repeated_at {
        let change = &mut changes[at];
        let sent = match change.act {
            Act::Upsert(text) | Act::Refuse(text, _) => text,
            Act::Delete => "",
        };
        change.act = Act::Refuse(sent, "the key is in the message twice".into());
    }
    let mut later_at = later_at.into_iter().peekable();
    let mut at = 0;
    changes.retain(|_| {
        let is_later = later_at.next_if_eq(&at).is_some();
        at += 1;
        !is_later
    });
}

/// The first characters of foreign text, for a reason that stays short.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests;
