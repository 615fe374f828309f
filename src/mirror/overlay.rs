//! Local rows that the source has not confirmed: tokens that were revoked at this panel. Outside the root.
//!
//! A revocation wins over whatever the source says of the token, until the source settles it by name.
//!
//! Not here: what follows from it for the export (`facts`).

use super::rows::text;
use access::id::Key;
use access::time::UtcTime;
use access::uid::RawId;
use contract::id::Kind;
use contract::record::{Record, typed};
use rusqlite::{Connection, params};

/// Most tokens that are revoked here and not settled.
pub const REVOCATIONS_MAX: i64 = 10_000;

/// A token that somebody wants out of use, and its holder.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Held {
    /// Its key.
    pub token: Key,
    /// Who holds it, if anybody.
    pub user: Option<Key>,
}

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

/// Tokens in force that a card's bytes belong to, in whichever case the source writes them. Looks through all tokens.
///
/// # Errors
/// SQLite's.
pub fn tokens_of_card(conn: &Connection, uid: &RawId) -> rusqlite::Result<Vec<Held>> {
    const TOKENS: &str =
        "SELECT n.key, r.body FROM token t JOIN record r ON r.id = t.id JOIN name n ON n.id = t.id
        WHERE r.refused IS NULL AND instr(upper(r.body), ?1) > 0 ORDER BY n.key";
    let mut tokens = conn.prepare_cached(TOKENS)?;
    let rows = tokens.query_map([uid.to_string()], |row| Ok(text(row, 0)?.zip(text(row, 1)?)))?;
    let mut found = Vec::new();
    for row in rows {
        let Some((key, body)) = row? else { continue };
        if let (Ok(token), Ok(Record::Token(record))) = (Key::new(&key), typed(Kind::Token.as_str(), &body))
            && record.identifiers.iter().any(|identifier| identifier.hex == *uid)
        {
            found.push(Held { token, user: record.user });
        }
    }
    Ok(found)
}

/// The token of this key, with its holder where a record in force names one.
///
/// # Errors
/// SQLite's.
pub fn token(conn: &Connection, key: &Key) -> rusqlite::Result<Option<Held>> {
    const TOKEN: &str = "SELECT r.body FROM record r WHERE r.id = ?1 AND r.refused IS NULL";
    let id = super::rows::name_id(Kind::Token.as_str(), key.as_str());
    let mut found = conn.prepare_cached(TOKEN)?;
    let mut rows = found.query_map([id], |row| text(row, 0))?;
    let Some(body) = rows.next().transpose()?.flatten() else { return Ok(None) };
    let Ok(Record::Token(record)) = typed(Kind::Token.as_str(), &body) else { return Ok(None) };
    Ok(Some(Held { token: key.clone(), user: record.user }))
}
