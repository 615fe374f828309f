//! An entitlement given to a user for a time.

use crate::id::Key;
use crate::time::{UtcTime, Window};
use serde::Deserialize;

/// `entitlement` is given to `user` while `window` holds.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "An entitlement given to a user for a time."))]
#[serde(try_from = "Wire")]
pub struct Assignment {
    /// Who receives it. May name a user that is not there: then it grants nothing.
    pub user: Key,
    /// What is given. May dangle as well.
    pub entitlement: Key,
    /// When.
    pub window: Window,
}

/// An entitlement given to a user for a time.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Assignment"))]
struct Wire {
    /// Key of the user who receives it. May dangle: then it grants nothing.
    user: Key,
    /// Key of the entitlement that is given. May dangle as well.
    entitlement: Key,
    /// First instant at which it counts; open if absent.
    #[serde(default)]
    valid_from: Option<UtcTime>,
    /// First instant at which it counts no more, after `valid_from`; open if absent.
    #[serde(default)]
    valid_to: Option<UtcTime>,
}

impl TryFrom<Wire> for Assignment {
    type Error = &'static str;
    fn try_from(wire: Wire) -> Result<Assignment, Self::Error> {
        let window = Window::new(wire.valid_from, wire.valid_to)?;
        Ok(Assignment { user: wire.user, entitlement: wire.entitlement, window })
    }
}
