//! The source's string ids.

use alloc::string::String;
use core::fmt;
use serde::{Deserialize, Serialize};

/// Longest key in bytes; keys become path segments and personnel numbers in foreign systems.
pub const KEY_MAX_BYTES: usize = 64;

/// A record's key as its source writes it: 1 to 64 of `A-Z a-z 0-9 . _ @ : + -`.
///
/// The charset needs no escaping in JSON, and excludes what topics, paths and shells give a meaning to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Key(String);

impl Key {
    /// Checks and takes `text`.
    ///
    /// # Errors
    /// A sentence naming the rule that `text` breaks.
    pub fn new(text: &str) -> Result<Key, &'static str> {
        Key::check(text)?;
        Ok(Key(text.into()))
    }

    /// The rule alone, for callers that only borrow.
    ///
    /// # Errors
    /// As [`Key::new`].
    pub fn check(text: &str) -> Result<(), &'static str> {
        if text.is_empty() || text.len() > KEY_MAX_BYTES {
            return Err("a key has 1 to 64 characters");
        }
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._@:+-".contains(&b);
        if !text.bytes().all(allowed) {
            return Err("a key has only the characters A-Z a-z 0-9 . _ @ : + -");
        }
        Ok(())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Key {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Key, Self::Error> {
        Key::check(&text)?;
        Ok(Key(text))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
