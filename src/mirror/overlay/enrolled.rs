//! Tokens that were enrolled at this panel and that the source has not settled: in force until it does, or they expire.
//!
//! A record of the same key takes a pending token's place, whatever it says.
//!
//! Not here: whether a card may be enrolled (the service).

use crate::mirror::cards::Held;
use crate::mirror::rows::{name_id, text};
use access::id::Key;
use access::time::UtcTime;
use access::token::Token;
use contract::enrollment::Settlement;
use contract::id::Kind;
use contract::record::{Record, typed};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// How long an enrollment waits for the source, in seconds.
pub const PENDING_MAX_S: i64 = 72 * 3600;
/// Most of them.
pub const PENDING_MAX: i64 = 1_000;
/// The keys that a panel draws begin so.
const DRAWN: &str = "enrolled-";

/// A token that is to be known here until the source settles it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pending {
    /// Its key.
    pub token: Key,
    /// Who is to hold it.
    pub user: Key,
    /// A token's record.
    pub record: String,
    /// After this it is forgotten.
    pub expires: UtcTime,
}

/// A key for a new token, from 64 random bits.
pub fn draw_key(random: u64) -> Key {
    // It keeps every rule of a key: 25 characters of those that are allowed.
    Key::new(&format!("{DRAWN}{random:016x}")).unwrap_or_else(|_| unreachable!("a drawn key is a key"))
}

/// Whether a panel drew this key.
pub fn is_drawn(key: &str) -> bool {
    key.starts_with(DRAWN)
}

/// Adds one; false when [`PENDING_MAX`] wait already.
///
/// # Errors
/// SQLite's.
pub fn add(conn: &Connection, pending: &Pending, now: UtcTime) -> rusqlite::Result<bool> {
    const ADD: &str = "INSERT INTO overlay (what, token, user, body, created_at, expires_at)
        SELECT 'enrollment', ?1, ?2, ?3, ?4, ?5
        WHERE (SELECT count(*) FROM overlay WHERE what = 'enrollment') < ?6";
    let Pending { token, user, record, expires } = pending;
    let row = params![token.as_str(), user.as_str(), record, now.unix(), expires.unix(), PENDING_MAX];
    Ok(conn.prepare_cached(ADD)?.execute(row)? == 1)
}

/// Whether any waits.
///
/// # Errors
/// SQLite's.
pub fn has_any(conn: &Connection) -> rusqlite::Result<bool> {
    const ANY: &str = "SELECT 1 FROM overlay WHERE what = 'enrollment' LIMIT 1";
    conn.prepare_cached(ANY)?.exists([])
}

/// Whether this one waits.
///
/// # Errors
/// SQLite's.
pub fn is_pending(conn: &Connection, token: &str) -> rusqlite::Result<bool> {
    const IS: &str = "SELECT 1 FROM overlay WHERE what = 'enrollment' AND token = ?1";
    conn.prepare_cached(IS)?.exists([token])
}

/// All of them, [`PENDING_MAX`] at most.
///
/// # Errors
/// SQLite's.
pub fn all(conn: &Connection) -> rusqlite::Result<Vec<(Key, Token)>> {
    const ALL: &str = "SELECT token, body FROM overlay WHERE what = 'enrollment'";
    let mut pending = conn.prepare_cached(ALL)?;
    let rows = pending.query_map([], read)?;
    rows.filter_map(Result::transpose).collect()
}

/// Those of `user`. Each ends by its own window.
///
/// # Errors
/// SQLite's.
pub fn of_user(conn: &Connection, user: &Key) -> rusqlite::Result<Vec<(Key, Token)>> {
    const OF_USER: &str =
        "SELECT token, body FROM overlay WHERE user = ?1 AND what = 'enrollment' ORDER BY token";
    let mut pending = conn.prepare_cached(OF_USER)?;
    let rows = pending.query_map([user.as_str()], read)?;
    rows.filter_map(Result::transpose).collect()
}

/// What the disk has made unreadable grants nothing.
fn read(row: &Row<'_>) -> rusqlite::Result<Option<(Key, Token)>> {
    let Some((key, body)) = text(row, 0)?.zip(text(row, 1)?) else { return Ok(None) };
    Ok(match (Key::new(&key), typed(Kind::Token.as_str(), &body)) {
        (Ok(key), Ok(Record::Token(token))) => Some((key, token)),
        _ => None,
    })
}

/// A record of this key has come, or its deletion: it takes the pending token's place. The user whose it was.
///
/// # Errors
/// SQLite's.
pub fn supersede(conn: &Connection, token: &str) -> rusqlite::Result<Option<String>> {
    const DROP: &str = "DELETE FROM overlay WHERE what = 'enrollment' AND token = ?1 RETURNING user";
    conn.prepare_cached(DROP)?.query_row([token], |row| text(row, 0)).optional().map(Option::flatten)
}

/// The source's word on one of them; none when it does not wait (any more).
///
/// # Errors
/// SQLite's.
pub fn settle(conn: &Connection, token: &Key, settlement: &Settlement) -> rusqlite::Result<Option<Held>> {
    const RENAME: &str = "UPDATE OR REPLACE overlay SET token = ?2 WHERE what = 'enrollment' AND token = ?1";
    const USER: &str = "SELECT user FROM overlay WHERE what = 'enrollment' AND token = ?1";
    let user: Option<Option<String>> =
        conn.prepare_cached(USER)?.query_row([token.as_str()], |row| text(row, 0)).optional()?;
    let Some(user) = user else { return Ok(None) };
    match settlement {
        // It stays until the record comes, so that nothing is taken away in between.
        Settlement::Accepted => {}
        Settlement::Changed { to } if has_record(conn, to)? => drop(supersede(conn, token.as_str())?),
        Settlement::Changed { to } => {
            conn.prepare_cached(RENAME)?.execute([token.as_str(), to.as_str()])?;
        }
        Settlement::Refused { .. } => drop(supersede(conn, token.as_str())?),
    }
    Ok(Some(Held { token: token.clone(), user: user.and_then(|user| Key::new(&user).ok()) }))
}

fn has_record(conn: &Connection, token: &Key) -> rusqlite::Result<bool> {
    const HAS: &str = "SELECT 1 FROM record WHERE id = ?1";
    conn.prepare_cached(HAS)?.exists([name_id(Kind::Token.as_str(), token.as_str())])
}

/// Forgets those that have expired.
///
/// # Errors
/// SQLite's.
pub fn forget_expired(conn: &Connection, passed: UtcTime) -> rusqlite::Result<()> {
    const FORGET: &str = "DELETE FROM overlay WHERE what = 'enrollment' AND expires_at <= ?1";
    conn.prepare_cached(FORGET)?.execute([passed.unix()]).map(drop)
}
