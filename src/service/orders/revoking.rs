//! Tokens taken out of use at the panel, until the source settles them.
//!
//! Not here: what a revoked token still opens, which is nothing (`access::status`).

use super::{Card, Outcome, Who, touched};
use crate::mirror::cards::{self, Held};
use crate::mirror::outbox;
use crate::mirror::overlay::{self, REVOCATIONS_MAX, Revoked};
use crate::mirror::touched::Haste;
use access::id::Key;
use access::time::UtcTime;
use contract::messages::Event;
use rusqlite::Connection;

/// Revokes what `card` names; all of it or nothing.
pub(super) fn revoke(conn: &Connection, now: UtcTime, who: &Who, card: &Card) -> rusqlite::Result<Outcome> {
    let found: Vec<Held> = match card {
        Card::Uid(uid) => cards::tokens_of_card(conn, uid)?,
        Card::Token(key) => cards::token(conn, key)?.into_iter().collect(),
    };
    if found.is_empty() {
        let words = format!("{card}: no token in force here is that; look at `doorward query tokens`");
        return Ok(Outcome::Refused { words });
    }
    let room = REVOCATIONS_MAX.unsigned_abs().saturating_sub(overlay::count_revocations(conn)?);
    if u64::try_from(found.len()).unwrap_or(u64::MAX) > room {
        let words = format!(
            "{REVOCATIONS_MAX} tokens are revoked here and wait for the source: it has to settle them first"
        );
        return Ok(Outcome::Refused { words });
    }
    for Held { token, user } in &found {
        if overlay::revoke(conn, token, &who.to_string(), now)? == Revoked::Now {
            let event = Event::TokenRevoked { token: token.clone(), user: user.clone() };
            outbox::push(conn, now, &event)?;
        }
    }
    let users = found.iter().filter_map(|held| held.user.as_ref()).map(Key::to_string).collect();
    let tokens = found.into_iter().map(|held| held.token).collect();
    Ok(Outcome::Revoked { tokens, touched: touched(users, Haste::AtOnce) })
}

/// The source's word on one of them.
pub(super) fn settle(conn: &Connection, token: &Key) -> rusqlite::Result<Outcome> {
    if !overlay::settle_revocation(conn, token)? {
        return Ok(Outcome::Refused { words: format!("token {token} is not revoked here") });
    }
    let user = cards::token(conn, token)?.and_then(|held| held.user);
    let users = user.iter().map(Key::to_string).collect();
    Ok(Outcome::Settled { touched: touched(users, Haste::InTurn) })
}
