//! Text that people wrote, and text that nobody may read.

use alloc::string::String;
use core::fmt;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// Longest text field in bytes.
pub const TEXT_MAX_BYTES: usize = 256;

/// A name, an address, an attribute: at most 256 bytes, no control characters (they end up in foreign
/// forms, terminals and CSV files). May be empty.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Text(String);

impl Text {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Text {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Text, Self::Error> {
        if text.len() > TEXT_MAX_BYTES {
            return Err("text has at most 256 bytes");
        }
        if text.chars().any(char::is_control) {
            return Err("text has no control characters");
        }
        Ok(Text(text))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A PIN, password or key. It has no `Display`, no `Serialize`, and its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The value, for the one place that sends it. The name is meant to stand out in a review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Secret {
        Secret(text)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        // The deserialiser's own words would quote a value of the wrong type: the secret itself.
        String::deserialize(deserializer).map(Secret).map_err(|_| D::Error::custom("a secret is text"))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
