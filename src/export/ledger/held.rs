//! Rows that wait for somebody's word, and rows that the PACS refuses.
//!
//! Each set is read by the index that holds just its rows: `state` asks for them often, and they are few.
//!
//! Not here: the hash (`holds`), and who gives the word (the service's orders).

use super::{LedgerError, kind_number, kind_of, sql};
use crate::export::holds::{Adding, Again, Approval, HeldSet, Listed, Named, Waiting};
use crate::export::item::{ItemId, ItemKind};
use access::id::Key;
use rusqlite::{Connection, params};

/// Removals that the brake holds, in words that let SQLite take the index `ledger_edit`.
macro_rules! removals {
    () => {
        "clearance IN (1, 2) AND clearance = 2"
    };
}

/// Persons that were found and are there: the index `ledger_found`.
macro_rules! adoptions {
    () => {
        "ours = 0 AND state <> 0 AND kind = 0 AND state = 1"
    };
}

/// Additions and contents that the PACS refuses: the index `ledger_held`. A removal never becomes one: it is
/// tried for ever.
macro_rules! refused {
    () => {
        "hold_reason IS NOT NULL AND sent_hash IS NOT NULL"
    };
}

/// Rows to try again: whatever failed, and whatever was refused. By the indices `ledger_to_do` and `ledger_held`.
macro_rules! again {
    () => {
        "SELECT user, kind, item FROM ledger WHERE (state = 2 OR fails > 0) AND fails > 0 \
         AND (?1 IS NULL OR user = ?1) AND kind BETWEEN ?2 AND ?3 AND (?4 IS NULL OR item = ?4) \
         UNION SELECT user, kind, item FROM ledger WHERE hold_reason IS NOT NULL \
         AND (?1 IS NULL OR user = ?1) AND kind BETWEEN ?2 AND ?3 AND (?4 IS NULL OR item = ?4)"
    };
}

/// The statements of one set; those that approve it are carried out in their order.
struct Texts {
    rows: &'static str,
    list: &'static str,
    users: &'static str,
    approve: &'static [&'static str],
}

macro_rules! texts {
    ($set:expr, $approve:literal) => {
        Texts {
            rows: concat!(
                "SELECT user, kind, item, gen FROM ledger WHERE ",
                $set,
                " ORDER BY user, kind, item"
            ),
            list: concat!(
                "SELECT user, kind, item, hold_reason FROM ledger WHERE ",
                $set,
                " ORDER BY user, kind, item LIMIT ?1"
            ),
            users: concat!("SELECT DISTINCT user FROM ledger WHERE ", $set, " ORDER BY user LIMIT ?1"),
            approve: &[concat!("UPDATE ledger SET approved_gen = gen, ", $approve, " WHERE ", $set)],
        }
    };
}

const REMOVALS: Texts = texts!(removals!(), "clearance = 3");
/// With no content acknowledged it is written with ours.
const ADOPTIONS: Texts = texts!(adoptions!(), "ours = 1, acked_hash = NULL");
/// Of the last search; whoever has got a row in the ledger since is none.
macro_rules! strangers {
    () => {
        "stranger WHERE NOT EXISTS (SELECT 1 FROM ledger l WHERE l.user = stranger.user AND l.kind = 0)"
    };
}

/// They become ours, and their removal is approved; the plan finds that nobody wants them.
const STRANGERS: Texts = Texts {
    rows: concat!("SELECT user, 0, '', 0 FROM ", strangers!(), " ORDER BY user"),
    list: concat!("SELECT user, 0, '', NULL FROM ", strangers!(), " ORDER BY user LIMIT ?1"),
    users: concat!("SELECT user FROM ", strangers!(), " ORDER BY user LIMIT ?1"),
    approve: &[
        concat!(
            "INSERT INTO ledger (user, kind, item, ext_id, native_id, state, prev, gen, ours, approved_gen, fails, \
             cause, clearance) SELECT user, 0, '', ext_id, native_id, 1, 1, 1, 1, 1, 0, 3, 3 FROM ",
            strangers!()
        ),
        "DELETE FROM stranger",
    ],
};
const REFUSED: &str = concat!(
    "SELECT user, kind, item, hold_reason FROM ledger WHERE ",
    refused!(),
    " ORDER BY user, kind, item LIMIT ?1"
);
const COUNT_REFUSED: &str = concat!("SELECT count(*) FROM ledger WHERE ", refused!());
const AGAIN_USERS: &str = concat!("SELECT DISTINCT user FROM (", again!(), ") LIMIT ?5");
/// What is in doubt stays so until nothing of the past can run any more, and keeps the words that say how it came
/// to be: the plan finds the way out by them.
const AGAIN: &str = concat!(
    "UPDATE ledger SET next_try_mono_ms = NULL, fails = 0, hold_reason = CASE state WHEN 2 THEN hold_reason END \
     WHERE (user, kind, item) IN (",
    again!(),
    ")"
);

fn texts(waiting: Waiting) -> &'static Texts {
    match waiting {
        Waiting::Removals => &REMOVALS,
        Waiting::Adoptions => &ADOPTIONS,
        Waiting::Strangers => &STRANGERS,
    }
}

/// The rows that wait, counted and named; none when nothing does.
///
/// # Errors
/// [`LedgerError`].
pub fn waiting(connection: &Connection, waiting: Waiting) -> Result<Option<HeldSet>, LedgerError> {
    let error = sql("read what is held");
    let mut statement = connection.prepare_cached(texts(waiting).rows).map_err(&error)?;
    let mut found = statement.query([]).map_err(&error)?;
    let mut adding = Adding::new(waiting);
    while let Some(row) = found.next().map_err(&error)? {
        let text = |at| row.get_ref(at)?.as_str().map_err(rusqlite::Error::from);
        let kind: u8 = row.get(1).map_err(&error)?;
        let generation: i64 = row.get(3).map_err(&error)?;
        adding.row(text(0).map_err(&error)?, kind, text(2).map_err(&error)?, generation.unsigned_abs());
    }
    Ok(adding.finish())
}

/// At most `limit` of the rows that wait.
///
/// # Errors
/// [`LedgerError`].
pub fn list_waiting(
    connection: &Connection,
    waiting: Waiting,
    limit: u32,
) -> Result<Vec<Listed>, LedgerError> {
    listed(connection, texts(waiting).list, limit)
}

/// Items that the PACS refuses, at most `limit`, and how many there are.
///
/// # Errors
/// [`LedgerError`].
pub fn list_refused(connection: &Connection, limit: u32) -> Result<(Vec<Listed>, u64), LedgerError> {
    let error = sql("count what is refused");
    let mut count = connection.prepare_cached(COUNT_REFUSED).map_err(&error)?;
    let total: i64 = count.query_row([], |row| row.get(0)).map_err(&error)?;
    Ok((listed(connection, REFUSED, limit)?, total.unsigned_abs()))
}

/// Lets through what waits, if `hash` names exactly that; otherwise nothing changes. Names at most `users_max`
/// users, and one more.
///
/// # Errors
/// [`LedgerError`].
pub fn approve(connection: &Connection, hash: &str, users_max: usize) -> Result<Approval, LedgerError> {
    let error = sql("approve what is held");
    let mut held = Vec::new();
    for which in Waiting::ALL {
        let Some(set) = waiting(connection, which)? else { continue };
        if !set.hash.is(hash) {
            held.push((which, set));
            continue;
        }
        let users = users(connection, texts(which).users, params![limit(users_max)])?;
        for text in texts(which).approve {
            connection.prepare_cached(text).map_err(&error)?.execute([]).map_err(&error)?;
        }
        return Ok(Approval::Given { waiting: which, set, users });
    }
    Ok(Approval::Mismatch(held))
}

/// Clears back-offs and refusals of the rows that `again` names, so that they are tried at once. Returns how many
/// rows that were, and at most `users_max` of their users, and one more.
///
/// # Errors
/// [`LedgerError`].
pub fn retry(
    connection: &Connection,
    again: &Again,
    users_max: usize,
) -> Result<(u64, Vec<String>), LedgerError> {
    let error = sql("clear what is to be tried again");
    let (person, token, permission) =
        (kind_number(ItemKind::Person), kind_number(ItemKind::Credential), kind_number(ItemKind::Permission));
    let (from, to, item) = match &again.item {
        None => (person, permission, None),
        Some(Named::Person) => (person, person, None),
        Some(Named::Child { kind: None, item }) => (token, permission, Some(item.as_str())),
        Some(Named::Child { kind: Some(kind), item }) => {
            (kind_number(*kind), kind_number(*kind), Some(item.as_str()))
        }
    };
    let users = users(connection, AGAIN_USERS, params![again.user, from, to, item, limit(users_max)])?;
    let mut clear = connection.prepare_cached(AGAIN).map_err(&error)?;
    let items = clear.execute(params![again.user, from, to, item]).map_err(&error)?;
    Ok((u64::try_from(items).unwrap_or(u64::MAX), users))
}

fn limit(users_max: usize) -> i64 {
    i64::try_from(users_max).unwrap_or(i64::MAX).saturating_add(1)
}

fn users(
    connection: &Connection,
    text: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<String>, LedgerError> {
    let error = sql("list users");
    let mut statement = connection.prepare_cached(text).map_err(&error)?;
    let found = statement.query_map(values, |row| row.get(0)).map_err(&error)?;
    found.map(|user| user.map_err(&error)).collect()
}

fn listed(connection: &Connection, text: &str, limit: u32) -> Result<Vec<Listed>, LedgerError> {
    let error = sql("list rows");
    let mut statement = connection.prepare_cached(text).map_err(&error)?;
    let mut found = statement.query([limit]).map_err(&error)?;
    let mut rows = Vec::new();
    while let Some(row) = found.next().map_err(&error)? {
        let (user, kind): (String, i64) = (row.get(0).map_err(&error)?, row.get(1).map_err(&error)?);
        let item: String = row.get(2).map_err(&error)?;
        let wrong = |column, found: String| LedgerError::Value {
            user: user.clone(),
            kind,
            item: item.clone(),
            column,
            found,
        };
        let id = ItemId {
            user: Key::new(&user).map_err(|_| wrong("user", "that is no key".into()))?,
            kind: kind_of(kind).ok_or_else(|| wrong("kind", kind.to_string()))?,
            item: item.clone(),
        };
        rows.push(Listed { id, words: row.get(3).map_err(&error)? });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests;
