//! An entitlement given to a user for a time.

use crate::id::Key;
use crate::time::{UtcTime, Window};
use serde::Deserialize;

/// `entitlement` is given to `user` while `window` holds.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "Wire")]
pub struct Assignment {
    /// Who receives it. May name a user that is not there: then it grants nothing.
    pub user: Key,
    /// What is given. May dangle as well.
    pub entitlement: Key,
    /// When.
    pub window: Window,
}

#[derive(Deserialize)]
struct Wire {
    user: Key,
    entitlement: Key,
    #[serde(default)]
    valid_from: Option<UtcTime>,
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
