//! An entitlement: a right that is defined in the PACS and only referred to here.

use crate::text::Text;
use serde::Deserialize;

/// A right defined in the PACS.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Entitlement {
    /// The PACS's own word for the sort of right, e.g. `AccessProfile` or `AccessZoneTimeProfile`.
    #[serde(rename = "type")]
    pub kind: Text,
    /// What people call it.
    pub display_name: Text,
    /// How the PACS knows it.
    pub pacs_ref: Text,
    /// A class for rules that differ between, say, staff and contractors.
    #[serde(default)]
    pub class: Option<Text>,
}
