//! What a decision at a door rests on: the card's tokens, their holders, and what leads through the door.
//!
//! An index leads to a record, and the record decides: what the disk has made unreadable, or what leads elsewhere than
//! its record says, grants nothing. All of it is read in one snapshot.
//!
//! - `guarded`: what opens a door, kept from question to question
//! - `walk`: through a door's users, a user's tokens, the doors, and what is to begin and to end
//!
//! Not here: the decision (`access::decide`), and the facts that are not records: leashes, the last proof, lockdown, and
//! who has just passed. The caller fills them in.

mod guarded;
#[cfg(test)]
mod tests;
pub mod walk;

use super::cards;
use super::overlay;
use super::rows::{NameId, name_id, text};
use access::assignment::Assignment;
use access::decide::{Candidate, Facts};
use access::door::Door;
use access::id::Key;
use access::token::Token;
use access::uid::RawId;
use access::user::User;
use contract::id::Kind;
use contract::record::{Record, typed};
use guarded::Guarded;
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use std::sync::Arc;

/// What was read of doors, for as long as nothing is written. For one connection, that itself writes nothing.
#[derive(Debug, Default)]
pub struct Doors {
    guarded: Guarded,
}

/// A door's record, if it is there, and the facts for one card shown there.
pub type Asked = (Option<Arc<Door>>, Facts);

/// The facts of one question.
///
/// # Errors
/// SQLite's.
pub fn facts(conn: &Connection, card: &RawId, door: &Key) -> rusqlite::Result<Asked> {
    Doors::default().facts(conn, card, door)
}

impl Doors {
    /// As [`facts`](facts()), sooner where the door was asked about before.
    ///
    /// # Errors
    /// SQLite's.
    pub fn facts(&mut self, conn: &Connection, card: &RawId, door: &Key) -> rusqlite::Result<Asked> {
        in_snapshot(conn, || {
            let tokens = cards::in_force(conn, card)?;
            self.of_tokens(conn, tokens, door)
        })
    }

    /// The facts for tokens that are known already.
    fn of_tokens(
        &mut self,
        conn: &Connection,
        tokens: Vec<(Key, Token)>,
        door: &Key,
    ) -> rusqlite::Result<Asked> {
        self.guarded.refresh(conn)?;
        let entry = self.guarded.door(conn, door)?;
        let mut facts = Facts::default();
        for (key, token) in tokens {
            let revoked_here = overlay::is_revoked(conn, &key)?;
            let (user, assignments) = match (&token.user, &entry) {
                (Some(user), Some(entry)) => {
                    (user_record(conn, user)?, leading(conn, user, |right| entry.opens(right))?)
                }
                (Some(user), None) => (user_record(conn, user)?, Vec::new()),
                (None, _) => (None, Vec::new()),
            };
            facts.tokens.push(Candidate { key, token, user, assignments, revoked_here });
        }
        if let Some(entry) = &entry {
            let rights = facts.tokens.iter().flat_map(|token| &token.assignments);
            let rights: Vec<Key> = rights.map(|(_, assignment)| assignment.entitlement.clone()).collect();
            self.guarded.fill(conn, &entry.door, &rights, &mut facts)?;
        }
        Ok((entry.map(|entry| entry.door.clone()), facts))
    }
}

/// Reads all of it as it was at one moment, unless the caller has seen to that.
fn in_snapshot<T>(conn: &Connection, read: impl FnOnce() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    if !conn.is_autocommit() {
        return read();
    }
    conn.prepare_cached("BEGIN")?.execute([])?;
    let found = read();
    if let Err(error) = conn.prepare_cached("COMMIT")?.execute([]) {
        // Or the next question would be answered from this one's snapshot.
        conn.execute_batch("ROLLBACK")?;
        return Err(error);
    }
    found
}

/// The record of `key`, if it is in force and what it says it is.
fn record(conn: &Connection, kind: Kind, key: &Key) -> rusqlite::Result<Option<Record>> {
    const RECORD: &str = "SELECT r.body FROM record r JOIN name n ON n.id = r.id
        WHERE r.id = ?1 AND r.refused IS NULL AND n.kind = ?2 AND n.key = ?3";
    let id = name_id(kind.as_str(), key.as_str());
    let kind_id = super::rows::known_kind(kind);
    let body = conn
        .prepare_cached(RECORD)?
        .query_row(params![id, kind_id, key.as_str()], |row| text(row, 0))
        .optional()?
        .flatten();
    Ok(body.and_then(|body| typed(kind.as_str(), &body).ok()))
}

fn user_record(conn: &Connection, user: &Key) -> rusqlite::Result<Option<User>> {
    Ok(match record(conn, Kind::User, user)? {
        Some(Record::User(user)) => Some(user),
        _ => None,
    })
}

/// The user's assignments of those entitlements that `opens` wants, by the integers of their keys; the links say which
/// records are worth reading.
fn leading(
    conn: &Connection,
    user: &Key,
    opens: impl Fn(NameId) -> bool,
) -> rusqlite::Result<Vec<(Key, Assignment)>> {
    const LINKS: &str = "SELECT id, entitlement FROM assignment WHERE user = ?1 ORDER BY entitlement, id";
    const READ: &str = "SELECT n.key, r.body FROM record r JOIN name n ON n.id = r.id
        WHERE r.id = ?1 AND r.refused IS NULL";
    let mut links = conn.prepare_cached(LINKS)?;
    let mut rows = links.query([name_id(Kind::User.as_str(), user.as_str())])?;
    let mut read: Option<CachedStatement<'_>> = None;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, right): (NameId, NameId) = (row.get(0)?, row.get(1)?);
        if !opens(right) {
            continue;
        }
        let statement = match &mut read {
            Some(statement) => statement,
            None => read.insert(conn.prepare_cached(READ)?),
        };
        let named = |row: &rusqlite::Row<'_>| Ok(text(row, 0)?.zip(text(row, 1)?));
        let Some((key, body)) = statement.query_row([id], named).optional()?.flatten() else { continue };
        if let (Ok(key), Ok(Record::Assignment(assignment))) =
            (Key::new(&key), typed(Kind::Assignment.as_str(), &body))
        {
            found.push((key, assignment));
        }
    }
    Ok(found)
}
