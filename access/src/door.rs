//! A door, and which entitlements open it.

use crate::id::Key;
use crate::text::Text;
use alloc::vec::Vec;
use serde::Deserialize;

/// Most grants on one door.
pub const GRANTS_MAX: usize = 256;

/// Who moves the strike.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ControlledBy {
    /// The PACS: the panel gives signals and records events only.
    #[default]
    Pacs,
    /// The panel itself.
    Doorward,
}

/// One entitlement that opens the door.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Grant {
    /// Which right.
    pub entitlement: Key,
    /// When within the week; always, if absent.
    #[serde(default)]
    pub schedule: Option<Key>,
}

/// A door.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "Wire")]
pub struct Door {
    /// What people call it.
    pub name: Text,
    /// The panel it hangs on.
    pub gateway: Option<Key>,
    /// Who moves the strike.
    pub controlled_by: ControlledBy,
    /// What opens it.
    pub grants: Vec<Grant>,
}

/// A door, and which entitlements open it.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Door"))]
struct Wire {
    /// What people call it.
    name: Text,
    /// The panel it hangs on.
    #[serde(default)]
    gateway: Option<Key>,
    /// Who moves the strike; `pacs` if absent.
    #[serde(default)]
    controlled_by: ControlledBy,
    /// What opens it.
    #[cfg_attr(feature = "schema", schemars(length(max = GRANTS_MAX)))]
    grants: Vec<Grant>,
}

impl TryFrom<Wire> for Door {
    type Error = &'static str;
    fn try_from(wire: Wire) -> Result<Door, Self::Error> {
        if wire.grants.len() > GRANTS_MAX {
            return Err("a door has at most 256 grants");
        }
        let Wire { name, gateway, controlled_by, grants } = wire;
        Ok(Door { name, gateway, controlled_by, grants })
    }
}
