//! Users whose export may have changed.

use std::collections::BTreeMap;

/// A touched set larger than this means "everyone": planning all users is cheaper than naming them.
pub const TOUCHED_USERS_MAX: usize = 10_000;

/// How soon a user is to be looked at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Haste {
    /// When its turn comes.
    InTurn,
    /// Before those: access may have to be taken away.
    AtOnce,
}

/// Users whose export may have changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Touched {
    /// These.
    Users(BTreeMap<String, Haste>),
    /// Too many to name.
    Everyone,
}

impl Touched {
    /// Nobody.
    pub fn nobody() -> Touched {
        Touched::Users(BTreeMap::new())
    }

    /// Adds a user; the greater haste counts.
    pub fn add(&mut self, user: String, haste: Haste) {
        if let Touched::Users(users) = self {
            let known = users.entry(user).or_insert(haste);
            *known = haste.max(*known);
            if users.len() > TOUCHED_USERS_MAX {
                *self = Touched::Everyone;
            }
        }
    }

    /// Adds what `more` names.
    pub fn merge(&mut self, more: Touched) {
        match more {
            Touched::Everyone => *self = Touched::Everyone,
            Touched::Users(users) => users.into_iter().for_each(|(user, haste)| self.add(user, haste)),
        }
    }
}
