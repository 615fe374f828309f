//! Local rows that the source has not confirmed: tokens that were revoked at this panel. Outside the root.
//!
//! A revocation wins over whatever the source says of the token, until the source settles it by name.
//!
//! - [`enrolled`]: cards that were made known at this panel
//!
//! Not here: what follows from it for the export (`facts`).

pub mod enrolled;

use access::id::Key;
use access::time::UtcTime;
use rusqlite::{Connection, params};

/// Most tokens that are revoked here and not settled.
pub const REVOCATIONS_MAX: i64 = 10_000;

/// What came of a revocation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Revoked {
    /// It is revoked now.
    Now,
    /// It was already.
    Before,
    /// [`REVOCATIONS_MAX`] are waiting for the source already.
    Full,
}

/// Revokes a token, whatever the source says of it.
///
/// # Errors
/// SQLite's.
pub fn revoke(conn: &Connection, token: &Key, who: &str, now: UtcTime) -> rusqlite::Result<Revoked> {
    const ADD: &str = "INSERT INTO overlay (what, token, body, created_at) SELECT 'revocation', ?1, ?2, ?3
        WHERE (SELECT count(*) FROM overlay WHERE what = 'revocation') < ?4";
    if is_revoked(conn, token)? {
        return Ok(Revoked::Before);
    }
    let body = serde_json::json!({ "who": who }).to_string();
    let added =
        conn.prepare_cached(ADD)?.execute(params![token.as_str(), body, now.unix(), REVOCATIONS_MAX])?;
    Ok(if added == 1 { Revoked::Now } else { Revoked::Full })
}

/// Whether a token is revoked here.
///
/// # Errors
/// SQLite's.
pub fn is_revoked(conn: &Connection, token: &Key) -> rusqlite::Result<bool> {
    const IS: &str = "SELECT 1 FROM overlay WHERE what = 'revocation' AND token = ?1";
    conn.prepare_cached(IS)?.exists([token.as_str()])
}

/// Whether any token is revoked here.
///
/// # Errors
/// SQLite's.
pub fn has_revocations(conn: &Connection) -> rusqlite::Result<bool> {
    const ANY: &str = "SELECT 1 FROM overlay WHERE what = 'revocation' LIMIT 1";
    conn.prepare_cached(ANY)?.exists([])
}

/// The source has settled it: its record decides again. False when the token was not revoked here.
///
/// # Errors
/// SQLite's.
pub fn settle_revocation(conn: &Connection, token: &Key) -> rusqlite::Result<bool> {
    const SETTLE: &str = "DELETE FROM overlay WHERE what = 'revocation' AND token = ?1";
    Ok(conn.prepare_cached(SETTLE)?.execute([token.as_str()])? > 0)
}

/// How many tokens are revoked here and not settled.
///
/// # Errors
/// SQLite's.
pub fn count_revocations(conn: &Connection) -> rusqlite::Result<u64> {
    const COUNT: &str = "SELECT count(*) FROM overlay WHERE what = 'revocation'";
    conn.prepare_cached(COUNT)?.query_row([], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}
