//! A card's raw bytes. Never text, never a number: a UID that passes through either loses its leading zeros.
//!
//! - [`RawId`]: any identifier; [`Uid`]: what an ISO 14443 card says at the first tap
//! - [`form`]: the ways in which readers and PACS write a UID, truncated ones included
//! - [`look_alike`](look_alike()): two cards that somebody would take for one
//! - [`check`](check()): whether a UID may be enrolled
//!
//! Not here: reading a card, and who has it already.

pub mod check;
pub mod form;
pub mod look_alike;

#[cfg(test)]
mod tests;

use core::fmt;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// Longest identifier in bytes: a triple-size ISO 14443 UID has 10; other technologies carry more.
pub const IDENTIFIER_MAX_BYTES: usize = 32;

/// The raw bytes of an identifier, in the order the card sends them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RawId(heapless::Vec<u8, IDENTIFIER_MAX_BYTES>);

impl RawId {
    /// From bytes.
    ///
    /// # Errors
    /// When there are none, or more than [`IDENTIFIER_MAX_BYTES`].
    pub fn from_bytes(bytes: &[u8]) -> Result<RawId, &'static str> {
        if bytes.is_empty() {
            return Err("an identifier has at least one byte");
        }
        heapless::Vec::from_slice(bytes).map(RawId).map_err(|_| "an identifier has at most 32 bytes")
    }

    /// From hexadecimal digits, two a byte, either case, no separators.
    ///
    /// # Errors
    /// A sentence with the rule that `hex` breaks.
    pub fn from_hex(hex: &str) -> Result<RawId, &'static str> {
        const RULE: &str = "an identifier is written as hexadecimal digits, two for each byte";
        if !hex.len().is_multiple_of(2) {
            return Err(RULE);
        }
        let mut bytes = heapless::Vec::<u8, IDENTIFIER_MAX_BYTES>::new();
        for pair in hex.as_bytes().chunks_exact(2) {
            let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
            let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else { return Err(RULE) };
            bytes.push(high << 4 | low).map_err(|_| "an identifier has at most 32 bytes")?;
        }
        RawId::from_bytes(&bytes)
    }

    /// The same bytes, the last one first: the order in which some readers send a UID.
    pub fn reversed(&self) -> RawId {
        RawId(self.0.iter().rev().copied().collect())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for RawId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for RawId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Longest UID in bytes.
pub const UID_MAX_BYTES: usize = 10;
/// The lengths a UID has, in bytes: single, double and triple size (ISO/IEC 14443-3).
pub const UID_LENGTHS_BYTES: [usize; 3] = [4, 7, UID_MAX_BYTES];

/// What kind of card a reader took it for. A hint: SAK and ATQA can be configured on some products (NXP AN10833).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Technology {
    /// MIFARE Mini.
    ClassicMini,
    /// MIFARE Classic with 1 KiB.
    Classic1k,
    /// MIFARE Classic with 4 KiB.
    Classic4k,
    /// MIFARE Ultralight, or NTAG, which answers alike.
    Ultralight,
    /// MIFARE DESFire.
    Desfire,
    /// MIFARE Plus.
    Plus,
    /// Another, or the reader did not say.
    Other,
}

impl Technology {
    /// All of them.
    pub const ALL: [Technology; 7] = [
        Technology::ClassicMini,
        Technology::Classic1k,
        Technology::Classic4k,
        Technology::Ultralight,
        Technology::Desfire,
        Technology::Plus,
        Technology::Other,
    ];

    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Technology::ClassicMini => "MIFARE Mini",
            Technology::Classic1k => "MIFARE Classic 1K",
            Technology::Classic4k => "MIFARE Classic 4K",
            Technology::Ultralight => "MIFARE Ultralight or NTAG",
            Technology::Desfire => "MIFARE DESFire",
            Technology::Plus => "MIFARE Plus",
            Technology::Other => "another technology",
        }
    }
}

/// A UID: 4, 7 or 10 bytes in the order the card sends them. Which of them may be enrolled says
/// [`check`](check::check).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid {
    bytes: heapless::Vec<u8, UID_MAX_BYTES>,
    technology: Technology,
}

impl Uid {
    /// From the bytes, as the card sends them; `None` when no UID has that many.
    pub fn new(bytes: &[u8], technology: Technology) -> Option<Uid> {
        let bytes = heapless::Vec::from_slice(bytes).ok()?;
        UID_LENGTHS_BYTES.contains(&bytes.len()).then_some(Uid { bytes, technology })
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the reader took the card for.
    pub const fn technology(&self) -> Technology {
        self.technology
    }

    /// As an identifier of a token.
    pub fn raw(&self) -> RawId {
        RawId(self.bytes.iter().copied().collect())
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({})", self.technology.as_str())
    }
}

impl<'de> Deserialize<'de> for RawId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RawId, D::Error> {
        let hex = alloc::string::String::deserialize(deserializer)?;
        RawId::from_hex(&hex).map_err(D::Error::custom)
    }
}
