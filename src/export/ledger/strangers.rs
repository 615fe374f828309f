//! Persons in the PACS under our prefix that are nobody's here.
//!
//! Not here: how they are found (the service), and what an approval makes of them (`held`).

use super::{LedgerError, sql};
use access::id::Key;
use rusqlite::{Connection, params};

/// Most of them that are remembered; of a PACS that is full of them the first are enough to see what is wrong.
pub const STRANGERS_MAX: usize = 10_000;

/// One of them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Stranger {
    /// The user's key that follows from its name.
    pub user: Key,
    /// Our name of it.
    pub ext_id: String,
    /// The PACS's own.
    pub native_id: Option<String>,
}

/// Those of the last search are forgotten, these are remembered, at most [`STRANGERS_MAX`]. Whoever has a row in the
/// ledger by now is none.
///
/// # Errors
/// [`LedgerError`].
pub fn replace(connection: &Connection, found: &[Stranger]) -> Result<(), LedgerError> {
    const CLEAR: &str = "DELETE FROM stranger";
    const ADD: &str = "INSERT OR REPLACE INTO stranger (user, ext_id, native_id) SELECT ?1, ?2, ?3
        WHERE NOT EXISTS (SELECT 1 FROM ledger WHERE user = ?1 AND kind = 0)";
    let error = sql("note strangers");
    connection.execute(CLEAR, []).map_err(&error)?;
    let mut add = connection.prepare_cached(ADD).map_err(&error)?;
    for Stranger { user, ext_id, native_id } in found.iter().take(STRANGERS_MAX) {
        add.execute(params![user.as_str(), ext_id, native_id]).map_err(&error)?;
    }
    Ok(())
}
