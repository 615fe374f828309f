//! The envelopes. A member that a reader does not know is a later minor version's, and is passed over.

use crate::digest::Digest;
use crate::id::{GatewayId, Kind, Version};
use crate::{CHANGES_MAX, MESSAGE_MAX_BYTES};
use access::id::Key;
use access::time::UtcTime;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashSet;

/// The minor version this crate speaks.
pub const MINOR: u32 = 0;

/// `meta`, retained: a hint that there is something, never proof.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Meta {
    /// The source's current epoch.
    pub epoch: u64,
    /// Its last message.
    pub head_seq: u64,
    /// The one gateway that exports to the PACS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exporter: Option<GatewayId>,
    /// The source's minor version.
    pub minor: u32,
}

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

/// `gateway/{id}/events`: one thing that happened, kept by the gateway until it is received.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EventMessage {
    /// Changes when the gateway starts with an empty disk, so that numbers are never taken for old ones.
    pub stream: String,
    /// Numbered without gaps within the stream.
    pub seq: u64,
    /// When it happened, by the panel's clock.
    pub at: UtcTime,
    /// What happened.
    pub event: Event,
}

/// What happened at the panel.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A record was refused; its older version grants nothing any more.
    RefusedRecord {
        /// The record's kind.
        kind: String,
        /// Its key.
        key: String,
        /// Its version.
        version: Version,
        /// Why.
        reason: String,
    },
    /// A message, or a change in it, had no valid envelope.
    RefusedMessage {
        /// The topic's last part.
        topic: String,
        /// Its size in bytes.
        bytes: u64,
        /// Why.
        reason: String,
    },
    /// The entitlements that the PACS defines, as imported. Several events when there are many.
    PacsEntitlements {
        /// When this import began: the events of one import share it.
        import: UtcTime,
        /// One page of them.
        entitlements: Vec<PacsEntitlement>,
        /// Whether this is the last page.
        complete: bool,
    },
    /// What the PACS said of one item.
    ExportResult {
        /// The user it belongs to.
        user: String,
        /// The item, e.g. `token c-17`.
        item: String,
        /// What came of it.
        result: ExportResult,
        /// The PACS's own words, when it refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        words: Option<String>,
    },
}

/// An entitlement as the PACS defines it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct PacsEntitlement {
    /// How the PACS knows it; goes to `pacs_ref`.
    pub pacs_ref: String,
    /// The PACS's word for the sort of right.
    #[serde(rename = "type")]
    pub kind: String,
    /// What people call it.
    pub display_name: String,
}

/// What came of an export.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportResult {
    /// The PACS has it.
    Present,
    /// The PACS no longer has it.
    Absent,
    /// The PACS refused it.
    Refused,
}

/// `gateway/{id}/command`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CommandMessage {
    /// Chosen by the source; a command seen before is ignored.
    pub id: String,
    /// After this it is not carried out any more.
    pub expires: UtcTime,
    /// What to do.
    pub command: Command,
}

/// What the source asks of the gateway.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    /// Events up to `seq` of `stream` are in the source's hands.
    EventsReceived {
        /// The stream they belong to.
        stream: String,
        /// The last one.
        seq: u64,
    },
}

/// `gateway/{id}/state`, retained, and (with `online` false) the last will.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct State {
    /// False only in the last will and after an ordered shutdown.
    pub online: bool,
    /// The program's version.
    pub software: String,
    /// The rest; absent in the last will.
    #[serde(flatten)]
    pub detail: Option<StateDetail>,
}

/// What an online gateway says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StateDetail {
    /// By the panel's clock.
    pub at: UtcTime,
    /// Highest version heard.
    pub head: Version,
    /// Last version at which the roots were equal.
    pub proven: Version,
    /// The mirror's root.
    pub root: Digest,
    /// Whether the newest checkpoint proved the mirror.
    pub in_sync: bool,
    /// Why it did not: `never_proven`, `gap` or `unequal_root`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_sync: Option<String>,
    /// Records and messages refused and still standing.
    pub refused: u64,
    /// Events waiting to be received.
    pub events_waiting: u64,
    /// Events dropped because the outbox was full.
    pub events_lost: u64,
    /// Whether the disk takes writes.
    pub disk_full: bool,
    /// What the export has to do.
    pub export: ExportState,
    /// `trusted` or `untrusted`.
    pub clock: String,
}

/// What the export has to do.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ExportState {
    /// Whether this gateway exports.
    pub exporting: bool,
    /// Whether the PACS answered last time.
    pub reachable: bool,
    /// Items not yet as they should be.
    pub backlog: u64,
    /// Items that the PACS refused.
    pub held: u64,
    /// Persons in the PACS on our account.
    pub persons: u64,
}
