//! What the source asks of a gateway. A member that a reader does not know is a later minor version's, and is passed over.
//!
//! Not here: what gateways say (`messages`).

use crate::enrollment::Settlement;
use access::id::Key;
use access::text::Text;
use access::time::UtcTime;
use access::token::TokenKind;
use serde::{Deserialize, Serialize};

/// `gateway/{id}/command`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    /// Events up to `seq` of `stream` are in the source's hands.
    EventsReceived {
        /// The stream they belong to.
        stream: String,
        /// The last one.
        seq: u64,
    },
    /// Compare the whole mirror with the source's now, whatever the last checkpoint said.
    Resync,
    /// Try again at once what failed or was refused: of all users, of one, or one item of that one.
    ExportRetry {
        /// Of this user only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<Key>,
        /// Of this item of the user only: `person`, or the token's key, or the entitlement's `pacs_ref`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        item: Option<String>,
    },
    /// What the source has made of a token that was revoked at the panel: from now on its record decides again.
    RevocationSettled {
        /// The token's key.
        token: Key,
    },
    /// Have a card enrolled at a reader: somebody is to tap it there. Answered by the events `enrollment` and
    /// `command_result`.
    Enroll {
        /// Who is to hold it.
        user: Key,
        /// What the token is made of, as in its record; a card if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<TokenKind>,
        /// The reader; may be absent where there is just one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reader: Option<String>,
        /// Seconds to wait for the card, 5 to 300; 30 if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout_s: Option<u32>,
        /// One tap is enough.
        #[serde(default)]
        single: bool,
    },
    /// No card is awaited any more at this reader, or at any.
    EnrollCancel {
        /// The reader.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reader: Option<String>,
    },
    /// Let nobody pass at this panel any more, until the lockdown is ended.
    Lockdown {
        /// But by entitlements of these classes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        exempt: Vec<Text>,
    },
    /// The lockdown is over.
    LockdownEnd,
    /// Let everybody pass at a door that the panel controls, for a time.
    DoorUnlock {
        /// The door's key.
        door: Key,
        /// Until then, and at most 24 hours from now.
        until: UtcTime,
    },
    /// Lock that door again before the time.
    DoorLock {
        /// The door's key.
        door: Key,
    },
    /// What the source has made of an enrollment.
    EnrollmentSettled {
        /// The token's key, as the event named it.
        token: Key,
        /// What.
        #[serde(flatten)]
        settlement: Settlement,
    },
    /// Let through what waits for approval, if it is still exactly what this hash names.
    ExportApprove {
        /// As `held_removals` or `adoptions` of the state names it: 16 hexadecimal digits.
        hash: String,
    },
}
