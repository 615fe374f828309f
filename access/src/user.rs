//! A user, as the source describes it.

use crate::text::{Secret, Text};
use alloc::collections::BTreeMap;
use serde::Deserialize;

/// What the source says of a user.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum UserStatus {
    /// In service.
    Active,
    /// Left, or not yet here.
    Inactive,
    /// Barred for the time being.
    Locked,
}

/// A person who may be given access.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct User {
    /// In service, or not.
    pub status: UserStatus,
    /// First name.
    pub given_name: Text,
    /// Last name.
    pub family_name: Text,
    /// Overrides the PACS profile's default organisation when set.
    #[serde(default)]
    pub organization: Option<Text>,
    /// PIN at the reader.
    #[serde(default)]
    pub pin: Option<Secret>,
    /// Address by type (`work`, `private`, …).
    #[serde(default)]
    pub emails: BTreeMap<Text, Text>,
    /// Number by type (`home`, `mobile`, …).
    #[serde(default)]
    pub phones: BTreeMap<Text, Text>,
    /// Anything else, by name.
    #[serde(default)]
    pub attributes: BTreeMap<Text, Text>,
}
