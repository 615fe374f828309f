//! What the source has made of a card that was enrolled at this panel.
//!
//! Not here: the enrollment itself (`enrolling`).

use super::{Outcome, touched};
use crate::mirror::overlay::enrolled;
use crate::mirror::touched::Haste;
use access::id::Key;
use contract::enrollment::Settlement;
use rusqlite::Connection;

/// Settles it; a refused card is out of use at once.
pub(super) fn settle(conn: &Connection, token: &Key, settlement: &Settlement) -> rusqlite::Result<Outcome> {
    let Some(held) = enrolled::settle(conn, token, settlement)? else {
        // The record that was published first has taken its place, or it has expired.
        return Ok(Outcome::Refused { words: format!("no enrollment {token} waits here") });
    };
    let haste = match settlement {
        Settlement::Refused { .. } | Settlement::Changed { .. } => Haste::AtOnce,
        Settlement::Accepted => Haste::InTurn,
    };
    let users = held.user.iter().map(Key::to_string).collect();
    Ok(Outcome::Settled { touched: touched(users, haste) })
}
