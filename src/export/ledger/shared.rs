//! Tokens that are held since their card number is another token's in the PACS: there one card would open the doors of
//! both.
//!
//! Not here: how that is found (the service's `exporting`).

use super::{LedgerError, sql};
use access::id::Key;
use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};

/// A token that waits for a card number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SharedCard {
    /// Its user.
    pub user: Key,
    /// Its key.
    pub token: Key,
    /// The card number.
    pub card: String,
    /// The user and token that have it.
    pub holder: (Key, String),
}

/// All tokens of `user` that wait now.
///
/// # Errors
/// [`LedgerError`].
pub fn replace(connection: &Connection, user: &Key, held: &[SharedCard]) -> Result<(), LedgerError> {
    const CLEAR: &str = "DELETE FROM shared_card WHERE user = ?1";
    const ADD: &str = "INSERT INTO shared_card (user, token, card, holder_user, holder_token)
        VALUES (?1, ?2, ?3, ?4, ?5)";
    let error = sql("note a shared card number");
    connection.prepare_cached(CLEAR).and_then(|mut clear| clear.execute([user.as_str()])).map_err(&error)?;
    let mut add = connection.prepare_cached(ADD).map_err(&error)?;
    for SharedCard { token, card, holder: (by, held), .. } in held {
        add.execute(params![user.as_str(), token.as_str(), card, by.as_str(), held]).map_err(&error)?;
    }
    Ok(())
}

/// The first `limit` of them, in the order of users.
///
/// # Errors
/// [`LedgerError`].
pub fn list(connection: &Connection, limit: u32) -> Result<Vec<SharedCard>, LedgerError> {
    const LIST: &str = "SELECT user, token, card, holder_user, holder_token FROM shared_card
        ORDER BY user, token LIMIT ?1";
    let error = sql("list shared card numbers");
    let mut statement = connection.prepare_cached(LIST).map_err(&error)?;
    statement.query_map([limit], read).and_then(Iterator::collect).map_err(&error)
}

/// Those of `user`.
///
/// # Errors
/// [`LedgerError`].
pub fn of_user(connection: &Connection, user: &Key) -> Result<Vec<SharedCard>, LedgerError> {
    const OF_USER: &str = "SELECT user, token, card, holder_user, holder_token FROM shared_card
        WHERE user = ?1 ORDER BY token";
    let error = sql("look for shared card numbers");
    let mut statement = connection.prepare_cached(OF_USER).map_err(&error)?;
    statement.query_map([user.as_str()], read).and_then(Iterator::collect).map_err(&error)
}

fn read(row: &Row<'_>) -> rusqlite::Result<SharedCard> {
    let key = |at: usize| -> rusqlite::Result<Key> {
        let no_key = |_| rusqlite::Error::InvalidColumnType(at, "a key".into(), Type::Text);
        Key::new(&row.get::<_, String>(at)?).map_err(no_key)
    };
    Ok(SharedCard { user: key(0)?, token: key(1)?, card: row.get(2)?, holder: (key(3)?, row.get(4)?) })
}

/// How many there are.
///
/// # Errors
/// [`LedgerError`].
pub fn count(connection: &Connection) -> Result<u64, LedgerError> {
    const COUNT: &str = "SELECT count(*) FROM shared_card";
    let error = sql("count shared card numbers");
    let read = |row: &Row<'_>| row.get::<_, i64>(0).map(i64::unsigned_abs);
    connection.prepare_cached(COUNT).and_then(|mut count| count.query_one([], read)).map_err(error)
}
