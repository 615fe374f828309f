//! Users whose export may have changed.

use std::collections::BTreeSet;

/// A touched set larger than this means "everyone": planning all users is cheaper than naming them.
pub const TOUCHED_USERS_MAX: usize = 10_000;

/// Users whose export may have changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Touched {
    /// These.
    Users(BTreeSet<String>),
    /// Too many to name.
    Everyone,
}

impl Touched {
    /// Nobody.
    pub fn nobody() -> Touched {
        Touched::Users(BTreeSet::new())
    }

    /// Everyone, once there are more than [`TOUCHED_USERS_MAX`].
    #[must_use]
    pub fn bounded(self) -> Touched {
        match self {
            Touched::Users(users) if users.len() <= TOUCHED_USERS_MAX => Touched::Users(users),
            Touched::Users(_) | Touched::Everyone => Touched::Everyone,
        }
    }

    pub(super) fn add(&mut self, user: String) {
        if let Touched::Users(users) = self {
            users.insert(user);
            if users.len() > TOUCHED_USERS_MAX {
                *self = Touched::Everyone;
            }
        }
    }
}
