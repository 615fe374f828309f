//! Who exports, and what this gateway is to the export, in SQLite.
//!
//! Not here: the rules (`export::hand_over`), the rows that change hands (`transfer`).

use super::{LedgerError, sql, stored};
use crate::export::hand_over::{Role, Standing, Word};
use contract::id::GatewayId;
use rusqlite::{Connection, params};

/// Hand-overs in which the ledger was taken that are remembered. One that gives it away asks until it has an answer, so
/// that only one that was away for so many could be told something wrong.
const TAKEN_MAX: i64 = 64;

/// What the source last said, kept so that a restart without a broker goes on as before, and what this gateway is.
///
/// # Errors
/// [`LedgerError`].
pub fn standing(connection: &Connection) -> Result<Standing, LedgerError> {
    const READ: &str = "SELECT named, after, claim, role, role_claim, role_to, role_number FROM exporter";
    let error = sql("read who exports");
    let mut statement = connection.prepare_cached(READ).map_err(&error)?;
    let read = |row: &rusqlite::Row<'_>| {
        // What is no id was not written by this program, and names nobody.
        let id = |at| {
            let text: Option<String> = row.get(at)?;
            Ok::<_, rusqlite::Error>(text.and_then(|text| GatewayId::new(&text).ok()))
        };
        let word = Word { named: id(0)?, after: id(1)?, claim: row.get::<_, i64>(2)?.unsigned_abs() };
        let role: String = row.get(3)?;
        let claim = row.get::<_, i64>(4)?.unsigned_abs();
        let number: Option<String> = row.get(6)?;
        let role = match (role.as_str(), id(5)?, number) {
            ("holds", ..) => Role::Holds { claim },
            ("gives", Some(to), Some(number)) => Role::Gives { claim, to, number },
            _ => Role::Idle,
        };
        Ok(Standing { word, role })
    };
    statement.query_row([], read).map_err(&error)
}

/// The source has said `word` to the gateway `me`. Says whether anything is another than before.
///
/// # Errors
/// [`LedgerError`].
pub fn hear(connection: &Connection, word: &Word, me: &GatewayId) -> Result<bool, LedgerError> {
    let before = standing(connection)?;
    let after = Standing { word: word.clone(), role: before.role.clone().after(&before.word, word, me) };
    if before != after {
        write(connection, &after)?;
    }
    let holds = |role: &Role| matches!(role, Role::Holds { .. });
    if holds(&after.role) && !holds(&before.role) {
        // It begins without a ledger: whom another has left in the PACS is not known.
        set_sweep(connection, true)?;
    }
    Ok(before != after)
}

/// Whether the PACS is yet to be searched for persons of an exporter whose ledger is not here.
///
/// # Errors
/// [`LedgerError`].
pub fn wants_sweep(connection: &Connection) -> Result<bool, LedgerError> {
    const READ: &str = "SELECT sweep FROM exporter";
    connection.query_row(READ, [], |row| row.get(0)).map_err(sql("read who exports"))
}

/// It is to be searched, or was.
///
/// # Errors
/// [`LedgerError`].
pub fn set_sweep(connection: &Connection, wanted: bool) -> Result<(), LedgerError> {
    const WRITE: &str = "UPDATE exporter SET sweep = ?1";
    connection.execute(WRITE, [wanted]).map(drop).map_err(sql("write who exports"))
}

/// This gateway becomes `role`, unless it is another than `before` by now. Says whether it did.
///
/// # Errors
/// [`LedgerError`].
pub fn change(connection: &Connection, before: &Role, role: Role) -> Result<bool, LedgerError> {
    let found = standing(connection)?;
    if found.role != *before {
        return Ok(false);
    }
    write(connection, &Standing { role, ..found })?;
    Ok(true)
}

fn write(connection: &Connection, standing: &Standing) -> Result<(), LedgerError> {
    const WRITE: &str = "UPDATE exporter SET named = ?1, after = ?2, claim = ?3, role = ?4, role_claim = ?5, \
        role_to = ?6, role_number = ?7";
    let Word { named, after, claim } = &standing.word;
    let (role, role_claim, to, number) = match &standing.role {
        Role::Idle => ("idle", 0, None, None),
        Role::Holds { claim } => ("holds", *claim, None, None),
        Role::Gives { claim, to, number } => ("gives", *claim, Some(to.as_str()), Some(number)),
    };
    let id = |id: &Option<GatewayId>| id.as_ref().map(GatewayId::to_string);
    let values = params![id(named), id(after), stored(*claim), role, stored(role_claim), to, number];
    connection.execute(WRITE, values).map(drop).map_err(sql("write who exports"))
}

/// The ledger was taken in the hand-over `number`.
///
/// # Errors
/// [`LedgerError`].
pub fn note_taken(connection: &Connection, number: &str) -> Result<(), LedgerError> {
    const NOTE: &str = "INSERT OR IGNORE INTO ledger_taken (number) VALUES (?1)";
    const FORGET: &str = "DELETE FROM ledger_taken WHERE id <= (SELECT max(id) FROM ledger_taken) - ?1";
    let error = sql("note a hand-over");
    connection.execute(NOTE, [number]).map_err(&error)?;
    connection.execute(FORGET, [TAKEN_MAX]).map(drop).map_err(&error)
}

/// Whether the ledger was taken in the hand-over `number`.
///
/// # Errors
/// [`LedgerError`].
pub fn is_taken(connection: &Connection, number: &str) -> Result<bool, LedgerError> {
    const FIND: &str = "SELECT 1 FROM ledger_taken WHERE number = ?1";
    let error = sql("look for a hand-over");
    connection.prepare_cached(FIND).map_err(&error)?.exists([number]).map_err(&error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> Connection {
        let connection = Connection::open_in_memory().expect("memory");
        connection.execute_batch(include_str!("../../../sql/schema.sql")).expect("the schema is valid");
        connection
    }

    fn id(name: &str) -> GatewayId {
        GatewayId::new(name).expect("an id")
    }

    #[test]
    fn what_was_written_is_read_and_a_change_counts_only_from_what_was() {
        let connection = ledger();
        assert_eq!(standing(&connection).expect("read"), Standing::default());
        let first = Word { named: Some(id("a")), after: None, claim: 3 };
        assert!(hear(&connection, &first, &id("a")).expect("heard"));
        assert!(!hear(&connection, &first, &id("a")).expect("heard"), "no news");
        let holds = Role::Holds { claim: 3 };
        assert_eq!(standing(&connection).expect("read"), Standing { word: first, role: holds.clone() });
        let gives = Role::Gives { claim: 3, to: id("b"), number: "n1".into() };
        assert!(!change(&connection, &Role::Idle, gives.clone()).expect("asked"));
        assert!(change(&connection, &holds, gives.clone()).expect("changed"));
        assert_eq!(standing(&connection).expect("read").role, gives);
    }

    #[test]
    fn the_last_hand_overs_are_remembered() {
        let connection = ledger();
        for n in 0..=TAKEN_MAX {
            note_taken(&connection, &n.to_string()).expect("noted");
        }
        assert!(!is_taken(&connection, "0").expect("read"));
        assert!(is_taken(&connection, "1").expect("read"));
    }
}
