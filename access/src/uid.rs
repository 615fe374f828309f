//! A card's raw bytes. Never text, never a number: a UID that passes through either loses its leading zeros.
//!
//! - [`check`]: whether they can name a card
//! - [`likeness`]: how one card can be taken for another
//!
//! Not here: how a PACS writes them ([`card`](crate::card)).

pub mod check;
pub mod likeness;

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

impl<'de> Deserialize<'de> for RawId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RawId, D::Error> {
        let hex = alloc::string::String::deserialize(deserializer)?;
        RawId::from_hex(&hex).map_err(D::Error::custom)
    }
}
