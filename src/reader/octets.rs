//! A short run of bytes, hexadecimal in JSON.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// At most `MAX` bytes as a card or reader sent them; written as hexadecimal digits, two a byte.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Octets<const MAX: usize>(Vec<u8>);

impl<const MAX: usize> Octets<MAX> {
    /// The bytes, if they are not more than `MAX`.
    pub fn new(bytes: &[u8]) -> Option<Octets<MAX>> {
        (bytes.len() <= MAX).then(|| Octets(bytes.into()))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn from_hex(hex: &str) -> Result<Octets<MAX>, &'static str> {
        const RULE: &str = "bytes are written as hexadecimal digits, two for each byte";
        if !hex.len().is_multiple_of(2) {
            return Err(RULE);
        }
        if hex.len() / 2 > MAX {
            return Err("more bytes than there can be");
        }
        let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let byte = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
        hex.as_bytes().chunks_exact(2).map(byte).collect::<Option<_>>().map(Octets).ok_or(RULE)
    }
}

impl<const MAX: usize> fmt::Display for Octets<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl<const MAX: usize> fmt::Debug for Octets<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const MAX: usize> Serialize for Octets<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Octets<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Octets<MAX>, D::Error> {
        Octets::from_hex(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
