//! Which tokens a card's bytes belong to, or could be taken for: those of the source, and those enrolled here.
//!
//! Whose a card is, is found by an index, and decided by the record that it leads to. What a card could be taken for is
//! looked for in all tokens; it is asked when somebody enrolls.
//!
//! Not here: what follows from it (the service).

use super::rows::{NameId, name_id, text};
use access::id::Key;
use access::token::{Identifier, Token};
use access::uid::RawId;
use access::uid::form::Part;
use contract::id::Kind;
use contract::record::{Record, typed};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeSet;

/// A token, and its holder.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Held {
    /// Its key.
    pub token: Key,
    /// Who holds it, if anybody.
    pub user: Option<Key>,
}

/// The bytes by which readers know one token.
pub(super) type Cards = BTreeSet<Vec<u8>>;

/// Those of a token's record.
pub(super) fn wanted(identifiers: &[Identifier]) -> Cards {
    identifiers.iter().map(|identifier| identifier.hex.as_bytes().to_vec()).collect()
}

/// Those by which a token is found.
pub(super) fn of_token(conn: &Connection, token: NameId) -> rusqlite::Result<Cards> {
    const CARDS: &str = "SELECT uid FROM card WHERE token = ?1";
    let mut cards = conn.prepare_cached(CARDS)?;
    let rows = cards.query_map([token], |row| Ok(row.get_ref(0)?.as_bytes()?.to_vec()))?;
    rows.collect()
}

/// From now on a token is found by its `identifiers` and no others. Where nothing changes, nothing is written.
pub(super) fn put(conn: &Connection, token: NameId, identifiers: &[Identifier]) -> rusqlite::Result<()> {
    const ADD: &str = "INSERT INTO card (token, uid) VALUES (?1, ?2)";
    const DROP: &str = "DELETE FROM card WHERE token = ?1 AND uid = ?2";
    let (wanted, found) = (wanted(identifiers), of_token(conn, token)?);
    for uid in found.difference(&wanted) {
        conn.prepare_cached(DROP)?.execute(params![token, uid])?;
    }
    for uid in wanted.difference(&found) {
        conn.prepare_cached(ADD)?.execute(params![token, uid])?;
    }
    Ok(())
}

/// Tokens that the card's bytes belong to, in whichever case the source writes them.
///
/// # Errors
/// SQLite's.
pub fn tokens_of_card(conn: &Connection, uid: &RawId) -> rusqlite::Result<Vec<Held>> {
    let found = in_force(conn, uid)?.into_iter();
    Ok(found.map(|(key, token)| Held { token: key, user: token.user }).collect())
}

/// The tokens with these bytes among their identifiers, by key.
fn in_force(conn: &Connection, uid: &RawId) -> rusqlite::Result<Vec<(Key, Token)>> {
    const TOKENS: &str =
        "SELECT n.key, r.body FROM card c JOIN record r ON r.id = c.token JOIN name n ON n.id = c.token
        WHERE c.uid = ?1 AND r.refused IS NULL
        UNION ALL SELECT token, body FROM overlay WHERE what = 'enrollment' AND instr(upper(body), ?2) > 0
        ORDER BY 1";
    let mut tokens = conn.prepare_cached(TOKENS)?;
    let rows = tokens.query_map(params![uid.as_bytes(), uid.to_string()], named_token)?;
    let mut found: Vec<(Key, Token)> = rows.filter_map(Result::transpose).collect::<rusqlite::Result<_>>()?;
    found.retain(|(_, token)| token.identifiers.iter().any(|identifier| identifier.hex == *uid));
    Ok(found)
}

/// Tokens with bytes in them that the card's could be cut to, and any that its own are cut from.
///
/// # Errors
/// SQLite's.
pub fn candidates(conn: &Connection, uid: &RawId) -> rusqlite::Result<Vec<(Key, Token)>> {
    const TOKENS: &str = "SELECT key, body FROM (
        SELECT n.key AS key, r.body AS body FROM token t JOIN record r ON r.id = t.id JOIN name n ON n.id = t.id
        WHERE r.refused IS NULL
        UNION ALL SELECT token, body FROM overlay WHERE what = 'enrollment')
        WHERE instr(upper(body), ?1) > 0 OR instr(upper(body), ?2) > 0
        OR instr(upper(body), ?3) > 0 OR instr(upper(body), ?4) > 0 ORDER BY key";
    // What a reader may have cut, from either end, and what is cut to that.
    let bytes = uid.as_bytes();
    let piece = |part: Part| {
        part.of(bytes).and_then(|cut| RawId::from_bytes(cut).ok()).unwrap_or_else(|| uid.clone())
    };
    let (first, last) = (piece(Part::First4), piece(Part::Last4));
    let pieces =
        [first.to_string(), first.reversed().to_string(), last.to_string(), last.reversed().to_string()];
    let mut tokens = conn.prepare_cached(TOKENS)?;
    let rows = tokens.query_map(pieces, named_token)?;
    rows.filter_map(Result::transpose).collect()
}

/// A token by its key and record. What the disk has made unreadable is none.
fn named_token(row: &Row<'_>) -> rusqlite::Result<Option<(Key, Token)>> {
    let Some((key, body)) = text(row, 0)?.zip(text(row, 1)?) else { return Ok(None) };
    Ok(Key::new(&key).ok().zip(token_record(&body)))
}

/// The token of this key, with its holder, if it is in force or was enrolled here.
///
/// # Errors
/// SQLite's.
pub fn token(conn: &Connection, key: &Key) -> rusqlite::Result<Option<Held>> {
    const TOKEN: &str = "SELECT body FROM record WHERE id = ?1 AND refused IS NULL
        UNION ALL SELECT body FROM overlay WHERE what = 'enrollment' AND token = ?2 LIMIT 1";
    let id = name_id(Kind::Token.as_str(), key.as_str());
    let body =
        conn.prepare_cached(TOKEN)?.query_row(params![id, key.as_str()], |row| text(row, 0)).optional()?;
    let token = body.flatten().and_then(|body| token_record(&body));
    Ok(token.map(|token| Held { token: key.clone(), user: token.user }))
}

/// None for what the disk has made unreadable.
fn token_record(body: &str) -> Option<Token> {
    match typed(Kind::Token.as_str(), body) {
        Ok(Record::Token(token)) => Some(token),
        _ => None,
    }
}
