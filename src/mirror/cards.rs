//! Which tokens a card's bytes belong to, or could be taken for: those of the source, and those enrolled here.
//!
//! Each question looks through all tokens; it is asked when somebody stands at a reader.
//!
//! Not here: what follows from it (the service).

use super::rows::{name_id, text};
use access::id::Key;
use access::token::Token;
use access::uid::RawId;
use access::uid::form::Part;
use contract::id::Kind;
use contract::record::{Record, typed};
use rusqlite::{Connection, OptionalExtension, params};

/// A token, and its holder.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Held {
    /// Its key.
    pub token: Key,
    /// Who holds it, if anybody.
    pub user: Option<Key>,
}

/// Tokens that the card's bytes belong to, in whichever case the source writes them.
///
/// # Errors
/// SQLite's.
pub fn tokens_of_card(conn: &Connection, uid: &RawId) -> rusqlite::Result<Vec<Held>> {
    let is_it = |token: &Token| token.identifiers.iter().any(|identifier| identifier.hex == *uid);
    let found = candidates(conn, uid)?.into_iter().filter(|(_, token)| is_it(token));
    Ok(found.map(|(key, token)| Held { token: key, user: token.user }).collect())
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
    let rows = tokens.query_map(pieces, |row| Ok(text(row, 0)?.zip(text(row, 1)?)))?;
    let mut found = Vec::new();
    for row in rows {
        let Some((key, body)) = row? else { continue };
        if let (Ok(key), Some(token)) = (Key::new(&key), token_record(&body)) {
            found.push((key, token));
        }
    }
    Ok(found)
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
