//! Counting and holding removals by edit, for all users at once.
//!
//! Not here: how many are too many (`export::brake`), and letting them pass (`held`).

use super::{LedgerError, key, sql, stored};
use crate::clock::MonoMs;
use crate::export::brake::{COUNTED_FOR_MS, Counts, Limit};
use access::id::Key;
use access::time::UtcTime;
use contract::hand_over::Counted;
use rusqlite::{Connection, params};

const FORGET: &str = "DELETE FROM brake_log WHERE mono_at_ms <= ?1";
const RE_ARM: &str = "UPDATE brake_log SET mono_at_ms = ?1 WHERE mono_at_ms > ?1";
/// `ledger_edit` holds just these rows.
const COUNTS: &str = "SELECT \
    (SELECT count(*) FROM ledger WHERE kind = 0 AND state <> 0) + (SELECT count(*) FROM brake_log b \
      WHERE NOT EXISTS (SELECT 1 FROM ledger l WHERE l.user = b.user AND l.kind = 0 AND l.state <> 0)), \
    (SELECT count(*) FROM brake_log), \
    (SELECT count(DISTINCT user) FROM ledger l WHERE clearance IN (1, 2) AND state <> 0 \
      AND NOT EXISTS (SELECT 1 FROM brake_log b WHERE b.user = l.user))";
const PENDING_USERS: &str =
    "SELECT DISTINCT user FROM ledger WHERE clearance IN (1, 2) AND clearance = 1 ORDER BY user LIMIT ?1";
const LOG: &str = "INSERT OR REPLACE INTO brake_log (user, mono_at_ms) \
    SELECT DISTINCT user, ?1 FROM ledger WHERE clearance IN (1, 2) AND clearance = 1";
const PASS: &str = "UPDATE ledger SET clearance = 3 WHERE clearance IN (1, 2) AND clearance = 1";
const HOLD: &str = "UPDATE ledger SET clearance = 2 WHERE clearance IN (1, 2) AND clearance = 1";
const NEXT_END: &str = "SELECT min(until) FROM ledger WHERE clearance IN (1, 2) AND until > ?1";
const ENDED: &str =
    "SELECT DISTINCT user FROM ledger WHERE clearance IN (1, 2) AND until > ?1 AND until <= ?2 LIMIT ?3";

/// What the brake said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judged {
    /// Whether the removals may be sent; otherwise they are held.
    pub allowed: bool,
    /// What it was judged by.
    pub counts: Counts,
    /// Whose removals they are, at most as many as were asked for.
    pub users: Vec<Key>,
}

/// Judges the removals that wait for it, all together, and notes those that it lets pass. At most `users_max` users
/// are named.
///
/// # Errors
/// [`LedgerError`].
pub fn judge(
    connection: &Connection,
    limit: &Limit,
    now: MonoMs,
    users_max: u32,
) -> Result<Judged, LedgerError> {
    let error = sql("judge removals");
    let since = now.0.checked_sub(COUNTED_FOR_MS);
    if let Some(since) = since {
        connection.execute(FORGET, [stored(since)]).map_err(&error)?;
    }
    let counts = counts(connection)?;
    let mut statement = connection.prepare_cached(PENDING_USERS).map_err(&error)?;
    let users = statement.query_map([users_max], |row| row.get::<_, String>(0)).map_err(&error)?;
    let users = users.map(|user| key(user.map_err(&error)?, -1, "")).collect::<Result<Vec<Key>, _>>()?;
    let allowed = limit.allows(&counts);
    if allowed {
        connection.execute(LOG, [stored(now.0)]).map_err(&error)?;
    }
    connection.execute(if allowed { PASS } else { HOLD }, []).map_err(&error)?;
    Ok(Judged { allowed, counts, users })
}

/// What another gateway is told of the count; none when nobody is counted.
///
/// # Errors
/// [`LedgerError`].
pub fn counted(connection: &Connection, now: MonoMs) -> Result<Option<Counted>, LedgerError> {
    const READ: &str = "SELECT count(*), max(mono_at_ms) FROM brake_log";
    let read = |row: &rusqlite::Row<'_>| {
        let at: Option<i64> = row.get(1)?;
        Ok(at
            .zip(row.get(0).ok())
            .map(|(at, persons)| Counted { persons, ago_ms: now.0.saturating_sub(at.unsigned_abs()) }))
    };
    connection.query_row(READ, [], read).map_err(sql("read what the brake counts"))
}

/// So many persons have lost something at `at`, as another gateway has counted them. Who they were is not said: one
/// that loses something again counts twice, which errs on the side of the brake.
///
/// # Errors
/// [`LedgerError`].
pub fn take_over(connection: &Connection, persons: u32, at: MonoMs) -> Result<(), LedgerError> {
    const COUNT: &str = "INSERT OR REPLACE INTO brake_log (user, mono_at_ms) VALUES (?1, ?2)";
    let error = sql("take over what the brake counts");
    let mut statement = connection.prepare_cached(COUNT).map_err(&error)?;
    // No key of a user has such a character.
    (0..persons)
        .try_for_each(|n| statement.execute(params![format!("#{n}"), stored(at.0)]).map(drop))
        .map_err(&error)
}

/// What the brake would judge by.
///
/// # Errors
/// [`LedgerError`].
pub fn counts(connection: &Connection) -> Result<Counts, LedgerError> {
    let read = |row: &rusqlite::Row<'_>| {
        let count = |at| row.get::<_, i64>(at).map(i64::unsigned_abs);
        Ok(Counts { persons: count(0)?, removed: count(1)?, pending: count(2)? })
    };
    let error = sql("count removals");
    connection.prepare_cached(COUNTS).map_err(&error)?.query_row([], read).map_err(&error)
}

/// At start: what was noted by another life's clock is taken to have happened now at the latest. That is never too
/// long ago, since this life is shorter than the time that has passed.
///
/// # Errors
/// [`LedgerError`].
pub fn re_arm(connection: &Connection, now: MonoMs) -> Result<usize, LedgerError> {
    connection.execute(RE_ARM, [stored(now.0)]).map_err(sql("re-arm the brake"))
}

/// When the next window ends whose removal waits for the brake or an approval: then it needs none.
///
/// # Errors
/// [`LedgerError`].
pub fn next_end(connection: &Connection, now: UtcTime) -> Result<Option<UtcTime>, LedgerError> {
    let error = sql("find the next end");
    let mut statement = connection.prepare_cached(NEXT_END).map_err(&error)?;
    let at: Option<i64> = statement.query_row([now.unix()], |row| row.get(0)).map_err(&error)?;
    Ok(at.map(UtcTime::from_unix))
}

/// Whose they are, in `(after, until]`, at most `limit`.
///
/// # Errors
/// [`LedgerError`].
pub fn users_with_ends(
    connection: &Connection,
    after: UtcTime,
    until: UtcTime,
    limit: usize,
) -> Result<Vec<String>, LedgerError> {
    let error = sql("list ends");
    let mut statement = connection.prepare_cached(ENDED).map_err(&error)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let users =
        statement.query_map(params![after.unix(), until.unix(), limit], |row| row.get(0)).map_err(&error)?;
    users.map(|user| user.map_err(&error)).collect()
}
