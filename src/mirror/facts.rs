//! What the export needs to know: one user's facts, and which users have a window that opens or closes.
//!
//! Not here: what follows from the facts (`access::person`).

use super::entitlements;
use super::overlay::{self, enrolled};
use super::rows::{name_id, text};
use access::entitlement::Entitlement;
use access::id::Key;
use access::person::Facts;
use access::time::UtcTime;
use access::token::TokenStatus;
use access::trust::{Time, need};
use access::user::UserStatus;
use contract::id::Kind;
use contract::record::{Record, typed};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeSet;

/// The facts of a user, with those of its entitlements that have vanished from the PACS; `None` when there is no such user, or its record is refused.
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
    let found: Option<String> = conn
        .prepare_cached(USER)?
        .query_row(params![id, user.as_str()], |row| text(row, 0))
        .optional()?
        .flatten();
    let Some(body) = found else { return Ok(None) };
    let Ok(Record::User(record)) = typed(Kind::User.as_str(), &body) else { return Ok(None) };
    let mut facts = Facts {
        key: user.clone(),
        user: record,
        tokens: Vec::new(),
        assignments: Vec::new(),
        vanished: BTreeSet::new(),
    };
    let mut tokens = conn.prepare_cached(TOKENS)?;
    for row in tokens.query_map([id], |row| Ok(text(row, 0)?.zip(text(row, 1)?)))? {
        // What the disk has made unreadable grants nothing; the scrub finds it.
        let Some((key, body)) = row? else { continue };
        if let (Ok(key), Ok(Record::Token(mut token))) = (Key::new(&key), typed(Kind::Token.as_str(), &body))
        {
            if overlay::is_revoked(conn, &key)? {
                token.status = TokenStatus::Revoked;
            }
            facts.tokens.push((key, token));
        }
    }
    for (key, mut token) in enrolled::of_user(conn, user)? {
        if overlay::is_revoked(conn, &key)? {
            token.status = TokenStatus::Revoked;
        }
        facts.tokens.push((key, token));
    }
    let mut assignments = conn.prepare_cached(ASSIGNMENTS)?;
    for row in assignments.query_map([id], |row| Ok((text(row, 0)?, text(row, 1)?)))? {
        let (Some(body), entitlement) = row? else { continue };
        let Ok(Record::Assignment(assignment)) = typed(Kind::Assignment.as_str(), &body) else { continue };
        // The record decides, not the index that led here.
        if assignment.user != *user {
            continue;
        }
        let entitlement = match entitlement.map(|body| typed(Kind::Entitlement.as_str(), &body)) {
            Some(Ok(Record::Entitlement(entitlement))) => Some(entitlement),
            _ => None,
        };
        if let Some(Entitlement { pacs_ref, .. }) = &entitlement
            && entitlements::has_vanished(conn, pacs_ref.as_str())?
        {
            facts.vanished.insert(pacs_ref.as_str().to_owned());
        }
        facts.assignments.push((assignment, entitlement));
    }
    Ok(Some(facts))
}

/// What an unfinished mirror can say of a user: its status if it has a record in force, whether it was deleted or
/// refused, and which of `tokens` say by themselves that they are not to be exported for it.
///
/// # Errors
/// SQLite's.
pub fn news_of_user<'t>(
    conn: &Connection,
    user: &Key,
    tokens: impl Iterator<Item = &'t str>,
    time: &Time,
) -> rusqlite::Result<(Option<UserStatus>, bool, BTreeSet<String>)> {
    let status = of_user(conn, user)?.map(|facts| facts.user.status);
    let is_gone = status.is_none() && heard_body(conn, Kind::User, user.as_str())?.is_some();
    let mut denied = BTreeSet::new();
    for key in tokens {
        let says_no = match heard_body(conn, Kind::Token, key)? {
            // What was enrolled here and is settled will not come under this name.
            None if enrolled::is_drawn(key) => !enrolled::is_pending(conn, key)?,
            // It may still come.
            None => false,
            Some(body) => match body.map(|body| typed(Kind::Token.as_str(), &body)) {
                Some(Ok(Record::Token(token))) => {
                    token.status != TokenStatus::Active
                        || token.user.as_ref() != Some(user)
                        || need(&token.window, time).is_none()
                }
                // Deleted or refused.
                _ => true,
            },
        };
        let is_revoked_here =
            Key::new(key).is_ok_and(|key| overlay::is_revoked(conn, &key).unwrap_or_default());
        if says_no || is_revoked_here {
            denied.insert(key.to_owned());
        }
    }
    Ok((status, is_gone, denied))
}

/// Whether a key was heard of, and its record if it is in force.
fn heard_body(conn: &Connection, kind: Kind, key: &str) -> rusqlite::Result<Option<Option<String>>> {
    const RECORD: &str = "SELECT iif(refused IS NULL, body, NULL) FROM record WHERE id = ?1";
    const GONE: &str = "SELECT NULL FROM tombstone WHERE id = ?1";
    let id = name_id(kind.as_str(), key);
    let record = conn.prepare_cached(RECORD)?.query_row([id], |row| text(row, 0)).optional()?;
    match record {
        Some(body) => Ok(Some(body)),
        None => Ok(conn.prepare_cached(GONE)?.exists([id])?.then_some(None)),
    }
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
        UNION ALL SELECT min(valid_to) FROM token WHERE valid_to > ?1
        UNION ALL SELECT min(expires_at) FROM overlay WHERE expires_at > ?1)";
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
        UNION ALL SELECT user FROM token WHERE valid_to > ?1 AND valid_to <= ?2) e ON e.user = n.id
        UNION SELECT user FROM overlay WHERE expires_at > ?1 AND expires_at <= ?2 LIMIT ?3";
    let mut users = conn.prepare_cached(USERS)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = users.query_map(params![after.unix(), until.unix(), limit], |row| text(row, 0))?;
    rows.filter_map(Result::transpose).collect()
}

/// Keys of users, in key order after `after`, at most `limit`: a page of a walk over everyone.
///
/// # Errors
/// SQLite's.
pub fn users_after(conn: &Connection, after: &str, limit: u32) -> rusqlite::Result<Vec<String>> {
    const PAGE: &str = "SELECT key FROM name WHERE kind = 1 AND key > ?1 ORDER BY key LIMIT ?2";
    let mut page = conn.prepare_cached(PAGE)?;
    let rows = page.query_map(params![after, limit], |row| text(row, 0))?;
    rows.filter_map(Result::transpose).collect()
}

/// How many users there are, refused and dangling ones included.
///
/// # Errors
/// SQLite's.
pub fn count_users(conn: &Connection) -> rusqlite::Result<u64> {
    const COUNT: &str = "SELECT count(*) FROM name WHERE kind = 1";
    conn.prepare_cached(COUNT)?.query_row([], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}
