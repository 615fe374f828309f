//! An access token: a card or another credential.

use crate::id::Key;
use crate::text::Text;
use crate::time::{UtcTime, Window};
use crate::uid::RawId;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Most identifiers on one token.
pub const IDENTIFIERS_MAX: usize = 16;

/// What a token is made of. The seeds treat the kinds differently when their user leaves ([`crate::status`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(description = "What a token is made of.")
)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// A personal card.
    Card,
    /// A card lent for a day or a week.
    TemporaryCard,
    /// A smart card emulated by a desktop or phone.
    VirtualSmartCard,
    /// A phone as a token.
    MobileId,
    /// Keys in a file.
    SoftToken,
}

/// What the source says of the token itself, in the spelling of the model it follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum TokenStatus {
    /// Usable.
    Active,
    /// Not in use.
    Inactive,
    /// Barred for the time being.
    Locked,
    /// Barred for good.
    Revoked,
}

impl TokenStatus {
    /// As the contract spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            TokenStatus::Active => "ACTIVE",
            TokenStatus::Inactive => "INACTIVE",
            TokenStatus::Locked => "LOCKED",
            TokenStatus::Revoked => "REVOKED",
        }
    }
}

/// One way by which a reader can know the token.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Identifier {
    /// Technology, e.g. `mifare`.
    #[serde(rename = "type")]
    pub kind: Text,
    /// Raw bytes, written in hexadecimal.
    pub hex: RawId,
}

/// A card or another credential.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "Wire")]
pub struct Token {
    /// Who holds it. A token of nobody opens nothing.
    pub user: Option<Key>,
    /// What it is made of.
    pub kind: TokenKind,
    /// What the source says of it.
    pub status: TokenStatus,
    /// How readers know it.
    pub identifiers: Vec<Identifier>,
    /// When it is valid.
    pub window: Window,
}

/// A card or another credential.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Token"))]
struct Wire {
    /// Key of the user who holds it. A token of nobody opens nothing.
    #[serde(default)]
    user: Option<Key>,
    /// What it is made of.
    kind: TokenKind,
    /// What the source says of the token itself.
    status: TokenStatus,
    /// How readers know it.
    #[cfg_attr(feature = "schema", schemars(length(max = IDENTIFIERS_MAX)))]
    identifiers: Vec<Identifier>,
    /// First instant at which it counts; open if absent.
    #[serde(default)]
    valid_from: Option<UtcTime>,
    /// First instant at which it counts no more, after `valid_from`; open if absent.
    #[serde(default)]
    valid_to: Option<UtcTime>,
}

impl TryFrom<Wire> for Token {
    type Error = &'static str;
    fn try_from(wire: Wire) -> Result<Token, Self::Error> {
        if wire.identifiers.len() > IDENTIFIERS_MAX {
            return Err("a token has at most 16 identifiers");
        }
        let window = Window::new(wire.valid_from, wire.valid_to)?;
        let Wire { user, kind, status, identifiers, .. } = wire;
        Ok(Token { user, kind, status, identifiers, window })
    }
}
