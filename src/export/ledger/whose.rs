//! Whose rows there are.
//!
//! Not here: the rows themselves (`ledger`).

use super::{LedgerError, key, sql};
use crate::export::plan::token_of;
use access::id::Key;
use rusqlite::{Connection, params};

const USERS: &str = "SELECT DISTINCT user FROM ledger WHERE user > ?1 ORDER BY user LIMIT ?2";
/// Each by an index of its own that holds just those rows.
const RESTLESS: &str = "SELECT user FROM (SELECT DISTINCT user FROM ledger WHERE (state = 2 OR fails > 0) AND user > ?1 \
    ORDER BY user LIMIT ?2) \
    UNION SELECT user FROM (SELECT DISTINCT user FROM ledger WHERE hold_reason IS NOT NULL AND user > ?1 \
    ORDER BY user LIMIT ?2) \
    UNION SELECT user FROM (SELECT DISTINCT user FROM ledger WHERE clearance IN (1, 2) AND user > ?1 \
    ORDER BY user LIMIT ?2) ORDER BY user LIMIT ?2";
/// Persons have a row each, and no user has rows without one.
const COUNT_USERS: &str = "SELECT count(*) FROM ledger WHERE kind = 0";
const HOLDERS: &str =
    "SELECT user, item FROM ledger WHERE card = ?1 AND card IS NOT NULL AND state <> 0 LIMIT 3";

/// At most `limit` users with rows, after `after`: at start each of them is planned, wanted or not.
///
/// # Errors
/// [`LedgerError`].
pub fn users(connection: &Connection, after: Option<&Key>, limit: u32) -> Result<Vec<Key>, LedgerError> {
    let error = sql("list users");
    let mut statement = connection.prepare_cached(USERS).map_err(&error)?;
    let after = after.map_or("", Key::as_str);
    let found = statement.query_map(params![after, limit], |row| row.get::<_, String>(0)).map_err(&error)?;
    found.map(|user| key(user.map_err(&error)?, -1, "")).collect()
}

/// At most `limit` users after `after` with an item in doubt, one that failed or was refused, or one that the brake
/// holds.
///
/// # Errors
/// [`LedgerError`].
pub fn restless(connection: &Connection, after: &str, limit: u32) -> Result<Vec<String>, LedgerError> {
    let error = sql("list users");
    let mut statement = connection.prepare_cached(RESTLESS).map_err(&error)?;
    let found = statement.query_map(params![after, limit], |row| row.get(0)).map_err(&error)?;
    found.map(|user| user.map_err(&error)).collect()
}

/// How many users have rows.
///
/// # Errors
/// [`LedgerError`].
pub fn count(connection: &Connection) -> Result<u64, LedgerError> {
    let error = sql("count users");
    let mut statement = connection.prepare_cached(COUNT_USERS).map_err(&error)?;
    statement.query_row([], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs).map_err(&error)
}

/// Who has a card number in the PACS, or may have, other than this token of this user.
///
/// # Errors
/// [`LedgerError`].
pub fn holder_of_card(
    connection: &Connection,
    card: &str,
    user: &Key,
    token: &Key,
) -> Result<Option<(Key, String)>, LedgerError> {
    let error = sql("look for a card number");
    let mut statement = connection.prepare_cached(HOLDERS).map_err(&error)?;
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
    for found in statement.query_map([card], read).map_err(&error)? {
        let (by, item) = found.map_err(&error)?;
        if (by.as_str(), token_of(&item)) != (user.as_str(), token.as_str()) {
            return Ok(Some((key(by, 1, &item)?, token_of(&item).to_owned())));
        }
    }
    Ok(None)
}
