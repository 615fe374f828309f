//! Walks through what decisions rest on, page by page: a door's users, a user's tokens, the doors, the edges of windows.
//!
//! Not here: whether anybody may pass (the service asks for each).

use super::record;
use crate::mirror::overlay::enrolled;
use crate::mirror::rows::{self, NameId, name_id, text};
use access::door::Door;
use access::id::Key;
use access::schedule::Schedule;
use access::time::UtcTime;
use access::token::Token;
use contract::id::Kind;
use contract::record::{Record, typed};
use rusqlite::{Connection, Row, params};

/// How far a walk through the users of some entitlements has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    right: usize,
    after: NameId,
}

impl Place {
    /// Where it begins.
    pub const START: Place = Place { right: 0, after: -1 };
}

/// The next users to whom any of `rights` is assigned, each of them once, and where to go on; `None` at the end. At most
/// `limit` links are looked at, so a page may be empty.
///
/// # Errors
/// SQLite's.
pub fn users_of_rights(
    conn: &Connection,
    rights: &[Key],
    place: Place,
    limit: u32,
) -> rusqlite::Result<(Vec<Key>, Option<Place>)> {
    const LINKS: &str =
        "SELECT id, user FROM assignment WHERE entitlement = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
    let id = |right: &Key| name_id(Kind::Entitlement.as_str(), right.as_str());
    let Some(right) = rights.get(place.right).map(id) else { return Ok((Vec::new(), None)) };
    let mut links = conn.prepare_cached(LINKS)?;
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let page: Vec<(NameId, NameId)> =
        links.query_map(params![right, place.after, limit], read)?.collect::<rusqlite::Result<_>>()?;
    let ids: Vec<NameId> = rights.iter().map(id).collect();
    let mut users = Vec::new();
    for (link, user) in &page {
        if is_first(conn, *user, *link, &ids)?
            && let Some(key) = key_of(conn, *user)?
        {
            users.push(key);
        }
    }
    let next = match page.last() {
        Some((link, _)) => Place { right: place.right, after: *link },
        None => Place { right: place.right + 1, after: Place::START.after },
    };
    Ok((users, Some(next)))
}

fn key_of(conn: &Connection, id: NameId) -> rusqlite::Result<Option<Key>> {
    Ok(rows::key_of(conn, id)?.and_then(|key| Key::new(&key).ok()))
}

/// Whether `link` is the one of the user's links to `rights` by which a walk finds the user.
fn is_first(conn: &Connection, user: NameId, link: NameId, rights: &[NameId]) -> rusqlite::Result<bool> {
    const LINK: &str = "SELECT min(id) FROM assignment WHERE user = ?1 AND entitlement = ?2";
    let mut first = conn.prepare_cached(LINK)?;
    for right in rights {
        let found: Option<NameId> = first.query_row([user, *right], |row| row.get(0))?;
        if let Some(found) = found {
            return Ok(found == link);
        }
    }
    Ok(false)
}

/// The user's tokens, those enrolled here included, at most `limit`.
///
/// # Errors
/// SQLite's.
pub fn tokens_of_user(conn: &Connection, user: &Key, limit: usize) -> rusqlite::Result<Vec<(Key, Token)>> {
    const TOKENS: &str =
        "SELECT n.key, r.body FROM token t JOIN record r ON r.id = t.id JOIN name n ON n.id = t.id
        WHERE t.user = ?1 AND r.refused IS NULL ORDER BY n.key LIMIT ?2";
    let mut tokens = conn.prepare_cached(TOKENS)?;
    let id = name_id(Kind::User.as_str(), user.as_str());
    let rows = tokens.query_map(params![id, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
        Ok(text(row, 0)?.zip(text(row, 1)?))
    })?;
    let mut found = Vec::new();
    for row in rows {
        let Some((key, body)) = row? else { continue };
        if let (Ok(key), Ok(Record::Token(token))) = (Key::new(&key), typed(Kind::Token.as_str(), &body))
            && token.user.as_ref() == Some(user)
        {
            found.push((key, token));
        }
    }
    found.extend(enrolled::of_user(conn, user)?);
    found.truncate(limit);
    Ok(found)
}

/// The door of that key, if it is there.
///
/// # Errors
/// SQLite's.
pub fn door(conn: &Connection, key: &Key) -> rusqlite::Result<Option<Door>> {
    Ok(match record(conn, Kind::Door, key)? {
        Some(Record::Door(door)) => Some(door),
        _ => None,
    })
}

/// The schedule of that key, if it is there.
///
/// # Errors
/// SQLite's.
pub fn schedule(conn: &Connection, key: &Key) -> rusqlite::Result<Option<Schedule>> {
    Ok(match record(conn, Kind::Schedule, key)? {
        Some(Record::Schedule(schedule)) => Some(schedule),
        _ => None,
    })
}

/// Keys of doors, in key order after `after`, at most `limit`.
///
/// # Errors
/// SQLite's.
pub fn doors_after(conn: &Connection, after: &str, limit: u32) -> rusqlite::Result<Vec<Key>> {
    const PAGE: &str = "SELECT key FROM name WHERE kind = 6 AND key > ?1 ORDER BY key LIMIT ?2";
    let mut page = conn.prepare_cached(PAGE)?;
    let keys = page.query_map(params![after, limit], |row| text(row, 0))?;
    let keys: Vec<Option<String>> = keys.collect::<rusqlite::Result<_>>()?;
    Ok(keys.into_iter().flatten().filter_map(|key| Key::new(&key).ok()).collect())
}

/// What has an edge.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Thing {
    /// A token's window.
    Token,
    /// An assignment's window.
    Assignment,
}

/// A window that opens or closes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edge {
    /// When.
    pub at: UtcTime,
    /// Of what.
    pub of: Thing,
    /// Its key.
    pub key: Key,
    /// Who holds it, if the name is known.
    pub user: Option<Key>,
    /// What is assigned, of an assignment.
    pub entitlement: Option<Key>,
    /// Whether it opens.
    pub opens: bool,
}

/// The edges of windows in `(after, until]` by time, at most `limit`. Those of cards enrolled here are not among them:
/// they end at the latest when the panel forgets them.
///
/// # Errors
/// SQLite's.
pub fn edges(conn: &Connection, after: UtcTime, until: UtcTime, limit: u32) -> rusqlite::Result<Vec<Edge>> {
    const STATEMENTS: [(Thing, bool, &str); 4] = [
        (
            Thing::Token,
            true,
            "SELECT valid_from, id, user, NULL FROM token WHERE valid_from > ?1 AND valid_from <= ?2 ORDER BY valid_from LIMIT ?3",
        ),
        (
            Thing::Token,
            false,
            "SELECT valid_to, id, user, NULL FROM token WHERE valid_to > ?1 AND valid_to <= ?2 ORDER BY valid_to LIMIT ?3",
        ),
        (
            Thing::Assignment,
            true,
            "SELECT valid_from, id, user, entitlement FROM assignment WHERE valid_from > ?1 AND valid_from <= ?2 ORDER BY valid_from LIMIT ?3",
        ),
        (
            Thing::Assignment,
            false,
            "SELECT valid_to, id, user, entitlement FROM assignment WHERE valid_to > ?1 AND valid_to <= ?2 ORDER BY valid_to LIMIT ?3",
        ),
    ];
    let key = |id: NameId| key_of(conn, id);
    let mut found = Vec::new();
    for (of, opens, sql) in STATEMENTS {
        let mut statement = conn.prepare_cached(sql)?;
        let mut rows = statement.query(params![after.unix(), until.unix(), limit])?;
        while let Some(row) = rows.next()? {
            let Some(own) = key(row.get(1)?)? else { continue };
            let (user, entitlement): (Option<NameId>, Option<NameId>) = (row.get(2)?, row.get(3)?);
            found.push(Edge {
                at: UtcTime::from_unix(row.get(0)?),
                of,
                key: own,
                user: user.map(key).transpose()?.flatten(),
                entitlement: entitlement.map(key).transpose()?.flatten(),
                opens,
            });
        }
    }
    found.sort_by(|one, other| (one.at, one.of, &one.key).cmp(&(other.at, other.of, &other.key)));
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}
