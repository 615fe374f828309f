//! The envelopes besides `changes` and repair. A member that a reader does not know is a later minor version's, and is passed over.

use crate::at_door::{Access, AtDoor, Dropped};
use crate::digest::Digest;
use crate::enrollment::Enrollment;
#[cfg(feature = "schema")]
use crate::id::INTEGER_MAX;
use crate::id::{GatewayId, Version};
use crate::repair::Bits;
use access::id::Key;
use access::time::UtcTime;
use serde::{Deserialize, Serialize};

/// The minor version this crate speaks.
pub const MINOR: u32 = 0;

/// `meta`, retained: a hint that there is something, never proof.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Meta {
    /// The source's current epoch.
    #[cfg_attr(feature = "schema", schemars(range(max = INTEGER_MAX)))]
    pub epoch: u64,
    /// Its last message.
    #[cfg_attr(feature = "schema", schemars(range(max = INTEGER_MAX)))]
    pub head_seq: u64,
    /// The one gateway that exports to the PACS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exporter: Option<GatewayId>,
    /// The gateway that it takes over from: it waits for that one's ledger. Without it, it begins at once, and whoever
    /// exported before ends at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exporter_after: Option<GatewayId>,
    /// Counts how often an exporter was named without a hand-over: what a gateway holds by a lower one is void.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[cfg_attr(feature = "schema", schemars(range(max = INTEGER_MAX)))]
    pub exporter_claim: u64,
    /// The source's minor version.
    pub minor: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// `gateway/{id}/events`: one thing that happened, kept by the gateway until it is received.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "EventMessage"))]
pub struct EventMessage<E = Event> {
    /// Changes when the gateway starts with an empty disk, so that numbers are never taken for old ones.
    pub stream: String,
    /// Numbered without gaps within the stream.
    pub seq: u64,
    /// When it happened, by the panel's clock.
    pub at: UtcTime,
    /// What happened.
    pub event: E,
}

/// What happened at the panel.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// What an import found otherwise than the one before. Several events when there is much; not for the first
    /// import of a gateway.
    EntitlementsChanged {
        /// When this import began, as in its `pacs_entitlements`.
        import: UtcTime,
        /// Defined now and not before.
        added: Vec<PacsEntitlement>,
        /// Called otherwise than before.
        renamed: Vec<RenamedEntitlement>,
        /// Defined before and no longer. Assignments of them are held: the PACS keeps what it has of them, and
        /// is given nothing new.
        vanished: Vec<PacsEntitlement>,
        /// Whether this is the last event of this import.
        complete: bool,
    },
    /// Buckets that do not agree with the source however often they are fetched: the two ends compute
    /// different digests for something in them.
    RepairFailed {
        /// How keys are divided.
        bits: Bits,
        /// Some of the buckets.
        buckets: Vec<u32>,
        /// How many there are.
        count: u64,
    },
    /// Rows that had changed on the panel's disk by themselves; they are fetched again.
    MirrorDamaged {
        /// What was found, row by row, at most a few dozen.
        found: Vec<String>,
        /// How many there are.
        count: u64,
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
    /// Somebody at the panel has taken a token out of use; so it stays there until the source settles it.
    TokenRevoked {
        /// The token's key.
        token: Key,
        /// Who holds it, if anybody.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<Key>,
    },
    /// A card was enrolled by a tap; its token is in force at this panel until the source settles it, or it expires.
    Enrollment(Enrollment),
    /// Somebody has shown a card at a door.
    Access(Access),
    /// Something else has happened at a door, or at all of them.
    Door(AtDoor),
    /// Events have given way to newer ones; this one stands in their place.
    EventsDropped(Dropped),
    /// What came of a command that orders something.
    CommandResult {
        /// The command's id.
        id: String,
        /// Whether it was carried out.
        done: bool,
        /// What was done, or why not.
        words: String,
    },
}

/// An entitlement as the PACS defines it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PacsEntitlement {
    /// How the PACS knows it; goes to `pacs_ref`.
    pub pacs_ref: String,
    /// The PACS's word for the sort of right.
    #[serde(rename = "type")]
    pub kind: String,
    /// What people call it.
    pub display_name: String,
}

/// An entitlement that has another name now.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RenamedEntitlement {
    /// How the PACS knows it, then and now.
    pub pacs_ref: String,
    /// What people called it.
    pub from: String,
    /// What they call it now.
    pub to: String,
}

/// What came of an export.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ExportResult {
    /// The PACS has it.
    Present,
    /// The PACS no longer has it.
    Absent,
    /// The PACS refused it.
    Refused,
}

/// `gateway/{id}/state`, retained, and (with `online` false) the last will.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// Why it did not: `never_proven`, `gap`, `unequal_root` or `damaged`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_sync: Option<String>,
    /// The first sync or repair that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<RepairState>,
    /// Whether the mirror has ever been whole. Until then nothing is removed from the PACS only because it is
    /// missing here.
    pub whole: bool,
    /// Records and messages refused and still standing.
    pub refused: u64,
    /// Events waiting to be received.
    pub events_waiting: u64,
    /// Events dropped because the outbox was full.
    pub events_lost: u64,
    /// Whether the disk takes writes.
    pub disk_full: bool,
    /// The card readers; absent where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readers: Vec<ReaderState>,
    /// The doors of the panel; absent where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doors: Vec<DoorState>,
    /// Whether the panel is in lockdown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lockdown: bool,
    /// What the export has to do.
    pub export: ExportState,
    /// `trusted`, `holdover` (no longer synchronised, and still believed) or `untrusted`.
    pub clock: String,
}

/// How far a first sync or a repair has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RepairState {
    /// Buckets that are as the source had them when it was asked.
    pub done: u32,
    /// All buckets to fetch.
    pub of: u32,
    /// Records fetched a second, lately.
    pub records_per_s: u32,
    /// Attempts since the mirror was last proven; more than a few mean that something never agrees.
    pub tries: u32,
}

/// How a card reader is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReaderState {
    /// Its name on the panel.
    pub reader: String,
    /// The key of the door beside which it hangs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door: Option<String>,
    /// `starting`, `ready`, `lost`, `busy` or `unfit`.
    pub state: String,
}

/// How a door is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DoorState {
    /// Its key.
    pub door: String,
    /// `locked`, `unlocked` (for a time, to everyone), `forced` or `held_open`.
    pub state: String,
}

/// What the export has to do.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExportState {
    /// Whether this gateway exports.
    pub exporting: bool,
    /// The hand-over of the export that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hand_over: Option<HandOver>,
    /// Whether the PACS answered last time.
    pub reachable: bool,
    /// Items not yet as they should be.
    pub backlog: u64,
    /// Items that the PACS refused.
    pub held: u64,
    /// Persons in the PACS on our account.
    pub persons: u64,
    /// Removals that the brake holds until someone approves them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_removals: Option<HeldRemovals>,
    /// Persons and items found in the PACS under our names, which someone must approve to be taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoptions: Option<FoundPersons>,
    /// Persons in the PACS under our prefix whom nobody here wants, which someone must approve to be removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strangers: Option<FoundPersons>,
    /// Whether requests go to the PACS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circuit: Option<Circuit>,
}

/// A hand-over of the export that is under way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum HandOver {
    /// This gateway was named and waits for the ledger of the one that exported before.
    Waits {
        /// That one.
        from: GatewayId,
    },
    /// This gateway goes on exporting until the one that was named has its ledger.
    Leaves {
        /// That one.
        to: GatewayId,
    },
    /// This gateway has told its ledger and does not know whether the other has taken it: nobody exports.
    Gives {
        /// That one.
        to: GatewayId,
    },
}

/// Removals that the brake holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HeldRemovals {
    /// Persons that lose something by them.
    pub persons: u64,
    /// Items: persons, tokens, permissions.
    pub items: u64,
    /// Names exactly these: an approval says it.
    pub hash: String,
    /// So many persons may lose something by edits in 24 hours before the brake holds.
    pub limit_persons: u64,
}

/// Persons that were found in the PACS.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FoundPersons {
    /// How many.
    pub persons: u64,
    /// Names exactly these: an approval says it.
    pub hash: String,
}

/// Whether requests go to the PACS.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Circuit {
    /// They do.
    Closed,
    /// Too many have failed: only a probe now and then.
    Open,
}
