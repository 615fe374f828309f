//! What the export needs to know: one user's facts, and which users have a window that opens or closes.
//!
//! Not here: what follows from the facts (`access::person`).

use super::rows::name_id;
use access::id::Key;
use access::person::Facts;
use access::time::UtcTime;
use access::user::UserStatus;
use contract::id::Kind;
use contract::record::{Record, typed};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeSet;

/// The facts of a user; `None` when there is no such user, or its record is refused.
///
/// # Errors
/// SQLite's.
pub fn of_user(conn: &Connection, user: &Key) -> rusqlite::Result<Option<Facts>> {
    const USER: &str = "SELECT r.body FROM name n JOIN record r ON r.id = n.id
        WHERE n.id = ?1 AND n.kind = 1 AND n.key = ?2 AND r.refused IS NULL";
    const TOKENS: &str =
        "SELECT n.key, r.body FROM token t JOIN record r ON r.id = t.id JOIN name n ON n.id = t.id
        WHERE t.user = ?1 AND r.refused IS NULL";
    const ASSIGNMENTS: &str =
        "SELECT r.body, (SELECT e.body FROM record e WHERE e.id = a.entitlement AND e.refused IS NULL)
        FROM assignment a JOIN record r ON r.id = a.id WHERE a.user = ?1 AND r.refused IS NULL";
    let id = name_id(Kind::User.as_str(), user.as_str());
    let found: Option<String> =
        conn.prepare_cached(USER)?.query_row(params![id, user.as_str()], |row| row.get(0)).optional()?;
    let Some(body) = found else { return Ok(None) };
    let Ok(Record::User(record)) = typed(Kind::User.as_str(), &body) else { return Ok(None) };
    let mut facts = Facts { key: user.clone(), user: record, tokens: Vec::new(), assignments: Vec::new() };
    let mut tokens = conn.prepare_cached(TOKENS)?;
    for row in tokens.query_map([id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))? {
        let (key, body) = row?;
        if let (Ok(key), Ok(Record::Token(token))) = (Key::new(&key), typed(Kind::Token.as_str(), &body)) {
            facts.tokens.push((key, token));
        }
    }
    let mut assignments = conn.prepare_cached(ASSIGNMENTS)?;
    for row in
        assignments.query_map([id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?)))?
    {
        let (body, entitlement) = row?;
        let Ok(Record::Assignment(assignment)) = typed(Kind::Assignment.as_str(), &body) else { continue };
        let entitlement = match entitlement.map(|body| typed(Kind::Entitlement.as_str(), &body)) {
            Some(Ok(Record::Entitlement(entitlement))) => Some(entitlement),
            _ => None,
        };
        facts.assignments.push((assignment, entitlement));
    }
    Ok(Some(facts))
}

/// What an unfinished mirror can say of a user: its status if it has a record in force, whether it was deleted or
/// refused, and of which of `tokens` there is any news.
///
/// # Errors
/// SQLite's.
pub fn news_of_user<'t>(
    conn: &Connection,
    user: &Key,
    tokens: impl Iterator<Item = &'t str>,
) -> rusqlite::Result<(Option<UserStatus>, bool, BTreeSet<String>)> {
    const HEARD: &str = "SELECT EXISTS (SELECT 1 FROM record WHERE id = ?1)
        OR EXISTS (SELECT 1 FROM tombstone WHERE id = ?1)";
    let heard = |kind: Kind, key: &str| -> rusqlite::Result<bool> {
        conn.prepare_cached(HEARD)?.query_row([name_id(kind.as_str(), key)], |row| row.get(0))
    };
    let status = of_user(conn, user)?.map(|facts| facts.user.status);
    let is_gone = status.is_none() && heard(Kind::User, user.as_str())?;
    let mut known = BTreeSet::new();
    for token in tokens {
        if heard(Kind::Token, token)? {
            known.insert(token.to_owned());
        }
    }
    Ok((status, is_gone, known))
}

/// The first edge of any window after `now`.
///
/// # Errors
/// SQLite's.
pub fn next_edge(conn: &Connection, now: UtcTime) -> rusqlite::Result<Option<UtcTime>> {
    const NEXT: &str = "SELECT min(at) FROM (
        SELECT min(valid_from) AS at FROM assignment WHERE valid_from > ?1
        UNION ALL SELECT min(valid_to) FROM assignment WHERE valid_to > ?1
        UNION ALL SELECT min(valid_from) FROM token WHERE valid_from > ?1
        UNION ALL SELECT min(valid_to) FROM token WHERE valid_to > ?1)";
    let at: Option<i64> = conn.prepare_cached(NEXT)?.query_row([now.unix()], |row| row.get(0))?;
    Ok(at.map(UtcTime::from_unix))
}

/// Keys of users with an edge in `(after, until]`, at most `limit`.
///
/// # Errors
/// SQLite's.
pub fn users_with_edges(
    conn: &Connection,
    after: UtcTime,
    until: UtcTime,
    limit: usize,
) -> rusqlite::Result<Vec<String>> {
    const USERS: &str = "SELECT DISTINCT n.key FROM name n JOIN (
        SELECT user FROM assignment WHERE valid_from > ?1 AND valid_from <= ?2
        UNION ALL SELECT user FROM assignment WHERE valid_to > ?1 AND valid_to <= ?2
        UNION ALL SELECT user FROM token WHERE valid_from > ?1 AND valid_from <= ?2
        UNION ALL SELECT user FROM token WHERE valid_to > ?1 AND valid_to <= ?2) e ON e.user = n.id LIMIT ?3";
    let mut users = conn.prepare_cached(USERS)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = users.query_map(params![after.unix(), until.unix(), limit], |row| row.get(0))?;
    rows.collect()
}

/// Keys of users, in key order after `after`, at most `limit`: a page of a walk over everyone.
///
/// # Errors
/// SQLite's.
pub fn users_after(conn: &Connection, after: &str, limit: u32) -> rusqlite::Result<Vec<String>> {
    const PAGE: &str = "SELECT key FROM name WHERE kind = 1 AND key > ?1 ORDER BY key LIMIT ?2";
    let mut page = conn.prepare_cached(PAGE)?;
    let rows = page.query_map(params![after, limit], |row| row.get(0))?;
    rows.collect()
}
