//! What happens at a panel's doors: cards that are shown, and what else the door does.
//!
//! Not here: who may pass (`access::decide`).

use crate::digest::Digest;
use crate::id::Version;
use access::decide::{Decision, Reason};
use access::id::Key;
use access::text::Text;
use access::time::UtcTime;
use serde::{Deserialize, Serialize};

/// Most reasons in an event: more would make it too large to be sent.
pub const REASONS_MAX: usize = 64;
/// Longest words of one reason; what is longer is cut.
pub const REASON_WORDS_MAX_BYTES: usize = 1_024;

/// Somebody has shown a card at a door, and what the panel made of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Access {
    /// The door's key.
    pub door: Key,
    /// The reader's name on the panel.
    pub reader: String,
    /// Type of the identifier, e.g. `mifare`.
    pub identifier: String,
    /// The card's bytes in the order in which it sent them, in hexadecimal.
    pub hex: String,
    /// The token that it is, if exactly one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Key>,
    /// Who holds that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Key>,
    /// Whether it may pass. At a door that the PACS controls that one decides, perhaps otherwise.
    pub granted: bool,
    /// The assignment by which it may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Key>,
    /// Every rule that stood in the way; of more than 64 the last says how many there are besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<AccessReason>,
    /// Whether the panel moved the strike for it.
    pub opens: bool,
    /// How the clock stood: `trusted`, `holdover` or `untrusted`.
    pub clock: String,
    /// The highest version that the mirror had heard.
    pub head: Version,
    /// The mirror's root.
    pub root: Digest,
    /// Why the mirror was not proven then; absent if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_sync: Option<String>,
}

/// Why a card may not pass.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AccessReason {
    /// A word for programs, e.g. `outside_schedule`.
    pub code: String,
    /// For people.
    pub words: String,
}

impl From<&Reason> for AccessReason {
    fn from(reason: &Reason) -> AccessReason {
        let mut words = reason.to_string();
        if words.len() > REASON_WORDS_MAX_BYTES {
            words.truncate(words.floor_char_boundary(REASON_WORDS_MAX_BYTES - '…'.len_utf8()));
            words.push('…');
        }
        AccessReason { code: reason.code().into(), words }
    }
}

/// The part of a decision that goes into an event: granted, by what, and every reason against it.
pub fn outcome(decision: &Decision) -> (bool, Option<Key>, Vec<AccessReason>) {
    match decision {
        Decision::Granted { by, .. } => (true, Some(by.clone()), Vec::new()),
        Decision::Denied { reasons } if reasons.len() > REASONS_MAX => {
            let kept = reasons.iter().take(REASONS_MAX - 1).map(AccessReason::from);
            let words = format!("{} more reasons", reasons.len() - (REASONS_MAX - 1));
            (false, None, kept.chain([AccessReason { code: "more".into(), words }]).collect())
        }
        Decision::Denied { reasons } => (false, None, reasons.iter().map(AccessReason::from).collect()),
    }
}

/// What else has happened at a door, or at all doors of the panel.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum AtDoor {
    /// Somebody has asked to leave.
    RequestToExit {
        /// The door's key.
        door: Key,
    },
    /// It was opened, and nobody had let anybody pass.
    Forced {
        /// The door's key.
        door: Key,
    },
    /// It stands open for too long.
    HeldOpen {
        /// The door's key.
        door: Key,
        /// How long it has stood open.
        open_s: u32,
    },
    /// It is shut again, after it was forced or held open.
    Closed {
        /// The door's key.
        door: Key,
    },
    /// It is open to everyone.
    Unlocked {
        /// The door's key.
        door: Key,
        /// Until then.
        until: UtcTime,
        /// Who has ordered it.
        who: String,
    },
    /// It is locked again.
    Locked {
        /// The door's key.
        door: Key,
        /// By whom; absent when its time was over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        who: Option<String>,
    },
    /// The panel lets nobody pass any more, but by entitlements of these classes.
    Lockdown {
        /// The classes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        exempt: Vec<Text>,
        /// Who has ordered it.
        who: String,
    },
    /// The lockdown has ended.
    LockdownEnded {
        /// Who has ordered it.
        who: String,
    },
    /// An output does not move: the door stays as it is.
    StrikeFailed {
        /// The door's key.
        door: Key,
        /// The system's words.
        words: String,
    },
}

/// Events that gave way to newer ones while the source took none, or while the disk was full.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Dropped {
    /// How many.
    pub count: u64,
    /// Of these, cards that might pass; the others were shown in vain, or tell of doors.
    pub granted: u64,
    /// When the first of them happened.
    pub from: UtcTime,
    /// When the last of them happened.
    pub to: UtcTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_stands_in_the_way_fits_into_a_message() {
        let key = |name: String| Key::new(&name).expect("a key");
        let long = |number: u32| key(format!("{number:064}"));
        let (_, _, reasons) = outcome(&Decision::Denied {
            reasons: vec![Reason::AmbiguousCard { tokens: (0..4_000).map(long).collect() }],
        });
        assert!(reasons[0].words.ends_with('…') && reasons[0].words.len() <= REASON_WORDS_MAX_BYTES);
        let unknown = |number| Reason::UnknownEntitlement { entitlement: long(number) };
        let of = |count| outcome(&Decision::Denied { reasons: (0..count).map(unknown).collect() }).2;
        assert_eq!(of(64).len(), 64);
        let more = AccessReason { code: "more".into(), words: "37 more reasons".into() };
        assert_eq!((of(100).len(), of(100).last()), (64, Some(&more)));
    }
}
