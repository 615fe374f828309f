//! Cards that a panel has made known, and tokens that it has taken out of use, until the source settles them.
//!
//! Not here: the token's record, which is the source's (`access::token`).

use access::id::Key;
use access::time::UtcTime;
use access::token::TokenKind;
use serde::{Deserialize, Serialize};

/// A card was enrolled by a tap. Its token is in force at this panel until the source settles it or it expires.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Enrollment {
    /// The token's key, drawn by the panel.
    pub token: Key,
    /// Who is to hold it.
    pub user: Key,
    /// What it is made of, as in a token's record.
    pub kind: TokenKind,
    /// Type of the identifier, e.g. `mifare`.
    pub identifier: String,
    /// The card's bytes in the order in which it sent them, in hexadecimal.
    pub hex: String,
    /// After this the panel forgets it.
    pub expires: UtcTime,
    /// How the card was read.
    pub read: CardRead,
    /// What is to be known of such a card, e.g. that another may have the same bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The command that asked for it; none when somebody at the panel did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// How a card was read: what the reader said of it, for the record.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CardRead {
    /// The reader's name on the panel.
    pub reader: String,
    /// What sort of card it seems to be.
    pub technology: String,
    /// Whether it was shown twice, and was the same both times.
    pub confirmed: bool,
    /// Answer to reset of a PC/SC reader, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub atr: Option<String>,
    /// SAK of ISO/IEC 14443-3, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sak: Option<String>,
    /// ATQA of ISO/IEC 14443-3, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub atqa: Option<String>,
}

/// What became of an enrollment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Settlement {
    /// The source has it, or is about to publish it, under the key that the panel drew.
    Accepted,
    /// The source publishes another record in its place.
    Changed {
        /// That one's key.
        to: Key,
    },
    /// The card is not to be used.
    Refused {
        /// Why.
        words: String,
    },
}
