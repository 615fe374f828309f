//! What a decision at a door rests on: the card's tokens, their holders, and what leads through the door.
//!
//! An index leads to a record, and the record decides: what the disk has made unreadable, or what leads elsewhere than
//! its record says, grants nothing. All of it is read in one snapshot.
//!
//! - `kept`: what few questions change, kept from question to question
//! - [`walk`]: through a door's users, a user's tokens, the doors, and what is to begin and to end
//!
//! Not here: the decision (`access::decide`), and the facts that are not records: leashes, the last proof, lockdown, and
//! who has just passed. The caller fills them in.

mod kept;
#[cfg(test)]
mod tests;
pub mod walk;

use super::rows::{NameId, known_kind, name_id, text_ref};
use access::assignment::Assignment;
use access::decide::{Candidate, Facts};
use access::door::Door;
use access::id::Key;
use access::token::Token;
use access::uid::RawId;
use access::user::UserStatus;
use contract::id::Kind;
use contract::record::{Record, typed, user_status as user_status_of};
use kept::Kept;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};
use std::sync::Arc;

/// What was read of doors, for as long as nobody writes. For one connection, that itself writes nothing.
#[derive(Debug, Default)]
pub struct Doors {
    kept: Kept,
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

/// A door's record, if it is in force.
///
/// # Errors
/// SQLite's.
pub fn door(conn: &Connection, key: &Key) -> rusqlite::Result<Option<Door>> {
    Ok(match record(conn, Kind::Door, key)? {
        Some(Record::Door(door)) => Some(door),
        _ => None,
    })
}

impl Doors {
    /// As [`facts`](facts()), sooner where the door was asked about before.
    ///
    /// # Errors
    /// SQLite's.
    pub fn facts(&mut self, conn: &Connection, card: &RawId, door: &Key) -> rusqlite::Result<Asked> {
        // SQLite counts this up when another connection has written. As long as the row is looked at, all that is read
        // is of the same moment.
        const DATA_VERSION: &str = "PRAGMA data_version";
        let mut snapshot = conn.prepare_cached(DATA_VERSION)?;
        let mut moment = snapshot.query([])?;
        let data_version = moment.next()?.map(|row| row.get(0)).transpose()?;
        self.kept.refresh(conn, data_version)?;
        self.read(conn, card, door)
    }

    fn read(&mut self, conn: &Connection, card: &RawId, door: &Key) -> rusqlite::Result<Asked> {
        let entry = self.kept.door(conn, door)?;
        let mut tokens = of_source(conn, card)?;
        tokens.extend(self.kept.enrolled(card));
        tokens.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut facts = Facts::default();
        for (key, token) in tokens {
            let (user, assignments) = match (&token.user, &entry) {
                (Some(user), Some(entry)) => {
                    let user_id = name_id(Kind::User.as_str(), user.as_str());
                    (user_status(conn, user_id, user)?, leading(conn, user_id, |right| entry.opens(right))?)
                }
                (Some(user), None) => {
                    (user_status(conn, name_id(Kind::User.as_str(), user.as_str()), user)?, Vec::new())
                }
                (None, _) => (None, Vec::new()),
            };
            let revoked_here = self.kept.is_revoked(conn, &key)?;
            facts.tokens.push(Candidate { key, token, user, assignments, revoked_here });
        }
        let Some(entry) = entry else { return Ok((None, facts)) };
        self.kept.fill(conn, &entry.door, &mut facts)?;
        Ok((Some(entry.door.clone()), facts))
    }
}

/// The source's tokens with these bytes among their identifiers.
fn of_source(conn: &Connection, card: &RawId) -> rusqlite::Result<Vec<(Key, Token)>> {
    const TOKENS: &str =
        "SELECT n.key, r.body FROM card c JOIN record r ON r.id = c.token JOIN name n ON n.id = c.token
        WHERE c.uid = ?1 AND r.refused IS NULL";
    let mut tokens = conn.prepare_cached(TOKENS)?;
    let mut rows = tokens.query([card.as_bytes()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        if let Some((key, Record::Token(token))) = keyed(row, Kind::Token)?
            && carries(&token, card)
        {
            found.push((key, token));
        }
    }
    Ok(found)
}

fn carries(token: &Token, card: &RawId) -> bool {
    token.identifiers.iter().any(|identifier| identifier.hex == *card)
}

/// A key and a record in the first two columns. What the disk has made unreadable is none.
fn keyed(row: &Row<'_>, kind: Kind) -> rusqlite::Result<Option<(Key, Record)>> {
    let (Some(key), Some(body)) = (text_ref(row, 0)?, text_ref(row, 1)?) else { return Ok(None) };
    Ok(Key::new(key).ok().zip(typed(kind.as_str(), body).ok()))
}

/// The record of `key`, if it is in force and what it says it is.
fn record(conn: &Connection, kind: Kind, key: &Key) -> rusqlite::Result<Option<Record>> {
    let id = name_id(kind.as_str(), key.as_str());
    body_at(conn, id, kind, key, |body| typed(kind.as_str(), body).ok())
}

/// What `read` makes of the body of the record of that integer, if it is in force and of `key`.
fn body_at<T>(
    conn: &Connection,
    id: NameId,
    kind: Kind,
    key: &Key,
    read: impl Fn(&str) -> Option<T>,
) -> rusqlite::Result<Option<T>> {
    const BODY: &str = "SELECT r.body FROM record r JOIN name n ON n.id = r.id
        WHERE r.id = ?1 AND r.refused IS NULL AND n.kind = ?2 AND n.key = ?3";
    let mut statement = conn.prepare_cached(BODY)?;
    let read = |row: &Row<'_>| Ok(text_ref(row, 0)?.and_then(&read));
    let found = statement.query_row(params![id, known_kind(kind), key.as_str()], read);
    Ok(found.optional()?.flatten())
}

fn user_status(conn: &Connection, id: NameId, user: &Key) -> rusqlite::Result<Option<UserStatus>> {
    body_at(conn, id, Kind::User, user, user_status_of)
}

/// The user's assignments of those entitlements that `opens` wants, by the integers of their keys; the links say which
/// records are worth reading.
fn leading(
    conn: &Connection,
    user: NameId,
    opens: impl Fn(NameId) -> bool,
) -> rusqlite::Result<Vec<(Key, Assignment)>> {
    const LINKS: &str = "SELECT id, entitlement FROM assignment WHERE user = ?1 ORDER BY entitlement, id";
    const READ: &str = "SELECT n.key, r.body FROM record r JOIN name n ON n.id = r.id
        WHERE r.id = ?1 AND r.refused IS NULL";
    let mut links = conn.prepare_cached(LINKS)?;
    let mut rows = links.query([user])?;
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
        let one = statement.query_row([id], |row| keyed(row, Kind::Assignment)).optional()?.flatten();
        if let Some((key, Record::Assignment(assignment))) = one {
            found.push((key, assignment));
        }
    }
    Ok(found)
}
