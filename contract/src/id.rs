//! Sites, gateways, kinds and versions, checked where they enter.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Largest integer in the contract, 2^53 - 1: beyond it JSON readers disagree (RFC 8785, RFC 7493).
pub const INTEGER_MAX: i64 = (1 << 53) - 1;

fn slug(text: &str) -> Result<(), &'static str> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if text.is_empty() || text.len() > 32 || !text.bytes().all(allowed) {
        return Err("an id of a site or gateway has 1 to 32 of the characters a-z 0-9 -");
    }
    Ok(())
}

macro_rules! slug_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks and takes `text`.
            ///
            /// # Errors
            /// The rule, when `text` breaks it.
            pub fn new(text: &str) -> Result<$name, &'static str> {
                slug(text).map(|()| $name(text.into()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = &'static str;
            fn try_from(text: String) -> Result<$name, Self::Error> {
                slug(&text).map(|()| $name(text))
            }
        }

        impl std::str::FromStr for $name {
            type Err = &'static str;
            fn from_str(text: &str) -> Result<$name, Self::Err> {
                $name::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

slug_id!(
    /// A site: one source, one PACS, some gateways.
    SiteId
);
slug_id!(
    /// A gateway: one panel.
    GatewayId
);

/// A kind this version knows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(missing_docs, reason = "each is a module of the access crate")]
pub enum Kind {
    User,
    Token,
    Entitlement,
    Assignment,
    Schedule,
    Door,
}

impl Kind {
    /// All of them, in the order of the contract's table.
    pub const ALL: [Kind; 6] =
        [Kind::User, Kind::Token, Kind::Entitlement, Kind::Assignment, Kind::Schedule, Kind::Door];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::User => "user",
            Kind::Token => "token",
            Kind::Entitlement => "entitlement",
            Kind::Assignment => "assignment",
            Kind::Schedule => "schedule",
            Kind::Door => "door",
        }
    }

    /// The kind of that name, if this version knows it.
    pub fn parse(text: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether `text` may name a kind at all, known or of a later minor version: `[a-z_]{1,32}`.
    pub fn is_well_formed(text: &str) -> bool {
        (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    }
}

/// When a key last changed: ordered as a pair. On the wire `[epoch, seq]`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Version {
    /// A new, never-used number at each start of the source.
    pub epoch: u64,
    /// The message within it.
    pub seq: u64,
}

impl Version {
    /// The pair, if both numbers are within [`INTEGER_MAX`].
    pub fn new(epoch: u64, seq: u64) -> Option<Version> {
        let fits = |n: u64| n <= INTEGER_MAX.unsigned_abs();
        (fits(epoch) && fits(seq)).then_some(Version { epoch, seq })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.epoch, self.seq)
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [self.epoch, self.seq].serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Version, D::Error> {
        let [epoch, seq] = <[u64; 2]>::deserialize(deserializer)?;
        Version::new(epoch, seq).ok_or_else(|| D::Error::custom("a version's numbers are at most 2^53 - 1"))
    }
}
