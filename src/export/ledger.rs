//! The ledger's rows in SQLite.
//!
//! Functions take a connection, and a transaction is one: what belongs in one commit is the caller's to say.
//!
//! Not here: what moves the rows (`item`, `rows`), and who owns the connection (the mirror's writer).

pub mod brake;
pub mod held;
mod numbers;
pub mod role;
pub mod shared;
pub mod strangers;
#[cfg(test)]
mod tests;
pub mod transfer;
pub mod whose;

use super::item::{Hash, ItemId, Row, State};
use crate::clock::MonoMs;
use access::id::Key;
use access::time::UtcTime;
use numbers::{
    cause_number, cause_of, clearance_number, clearance_of, kind_number, kind_of, state_number, state_of,
};
use rusqlite::{Connection, params};

/// All columns, in the order of [`read`].
macro_rules! columns {
    () => {
        "user, kind, item, ext_id, native_id, parent, state, prev, sent_hash, acked_hash, until, gen, \
         unsettled_until_mono_ms, ours, hold_reason, approved_gen, fails, next_try_mono_ms, check_at_mono_ms, \
         extra, looked_mono_ms, cause, clearance, card, gone_at"
    };
}

const LOAD: &str = concat!("SELECT ", columns!(), " FROM ledger WHERE user = ?1 ORDER BY kind, item");
const LIST: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM ledger WHERE (user, kind, item) > (?1, ?2, ?3) ORDER BY user, kind, item LIMIT ?4"
);
const HELD: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM ledger WHERE hold_reason IS NOT NULL ORDER BY user, kind, item LIMIT ?1"
);
const SAVE: &str = concat!(
    "INSERT OR REPLACE INTO ledger (",
    columns!(),
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, \
     ?22, ?23, ?24, ?25)"
);
const FORGET: &str = "DELETE FROM ledger WHERE user = ?1 AND kind = ?2 AND item = ?3 AND state = 0";
const RE_ARM: &str = "UPDATE ledger SET \
    unsettled_until_mono_ms = CASE state WHEN 2 THEN ?1 END, \
    next_try_mono_ms = NULL, \
    check_at_mono_ms = CASE WHEN check_at_mono_ms IS NOT NULL THEN ?2 END, \
    looked_mono_ms = NULL \
    WHERE state = 2 OR unsettled_until_mono_ms IS NOT NULL OR next_try_mono_ms IS NOT NULL \
    OR check_at_mono_ms IS NOT NULL OR looked_mono_ms IS NOT NULL";
const MARK: &str =
    "UPDATE ledger SET check_at_mono_ms = ?2 WHERE user = ?1 AND (state = 1 OR (state = 0 AND ours = 1))";
/// A person goes after its children, so that what is remembered of them can still be checked.
const FORGET_BEFORE: &str = "DELETE FROM ledger WHERE gone_at IS NOT NULL AND gone_at < ?1 AND state = 0 \
    AND (kind <> 0 OR NOT EXISTS (SELECT 1 FROM ledger c WHERE c.user = ledger.user AND c.kind <> 0 \
      AND (c.state <> 0 OR c.gone_at IS NULL OR c.gone_at >= ?1)))";
const FORGIVE: &str = "UPDATE ledger SET next_try_mono_ms = NULL, fails = 0 WHERE (state = 2 OR fails > 0) AND hold_reason IS NULL";
/// Each by an index of its own that holds just those rows: `state` asks often.
const COUNTS: &str = "SELECT \
    (SELECT count(*) FROM ledger WHERE kind = 0 AND state = 1), \
    (SELECT count(*) FROM ledger WHERE state = 2 OR fails > 0), \
    (SELECT count(*) FROM ledger WHERE hold_reason IS NOT NULL)";

/// Why the ledger cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// SQLite's words.
    #[error("ledger: cannot {what}: {source}; check the disk and the mirror's file")]
    Sql {
        /// What was attempted.
        what: &'static str,
        /// Why not.
        source: rusqlite::Error,
    },
    /// A row holds what this program never writes.
    #[error(
        "ledger: row {user:?}/{kind}/{item:?} has {column} {found}; the file is damaged: restore it from backup"
    )]
    Value {
        /// The row's key.
        user: String,
        /// The row's kind by number.
        kind: i64,
        /// The row's item.
        item: String,
        /// The column.
        column: &'static str,
        /// What it holds.
        found: String,
    },
}

/// The mirror's writer speaks SQLite's errors, and tells a full disk by them: so that one is passed on as it is.
impl From<LedgerError> for rusqlite::Error {
    fn from(error: LedgerError) -> rusqlite::Error {
        match error {
            LedgerError::Sql { source, .. } => source,
            LedgerError::Value { .. } => {
                rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Null, Box::new(error))
            }
        }
    }
}

fn sql(what: &'static str) -> impl Fn(rusqlite::Error) -> LedgerError {
    move |source| LedgerError::Sql { what, source }
}

/// What the ledger comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Persons that are in the PACS.
    pub persons: u64,
    /// Items in doubt, or whose last attempt failed.
    pub backlog: u64,
    /// Items that the PACS refused.
    pub held: u64,
}

/// All rows of a user, the person first.
///
/// # Errors
/// [`LedgerError`].
pub fn load(connection: &Connection, user: &Key) -> Result<Vec<Row>, LedgerError> {
    collect(connection, "load a user's rows", LOAD, params![user.as_str()])
}

/// At most `limit` rows after `after`, in the order of their ids; without it from the first.
///
/// # Errors
/// [`LedgerError`].
pub fn list(connection: &Connection, after: Option<&ItemId>, limit: u32) -> Result<Vec<Row>, LedgerError> {
    let (user, kind, item) =
        after.map_or(("", -1, ""), |id| (id.user.as_str(), kind_number(id.kind), id.item.as_str()));
    collect(connection, "list rows", LIST, params![user, kind, item, limit])
}

/// At most `limit` rows that the PACS refused, with its words.
///
/// # Errors
/// [`LedgerError`].
pub fn held(connection: &Connection, limit: u32) -> Result<Vec<Row>, LedgerError> {
    collect(connection, "list held rows", HELD, params![limit])
}

/// Writes `row` over what was there; one that is absent since `now` is remembered as that.
///
/// # Errors
/// [`LedgerError`].
pub fn save(connection: &Connection, row: &Row, now: UtcTime) -> Result<(), LedgerError> {
    let error = sql("save a row");
    let gone_at = (row.state == State::Absent).then(|| row.gone_at.unwrap_or(now));
    let values = params![
        row.id.user.as_str(),
        kind_number(row.id.kind),
        row.id.item,
        row.ext_id,
        row.native_id,
        row.parent,
        state_number(row.state),
        state_number(row.prev),
        row.sent_hash.map(|hash| hash.0.to_vec()),
        row.acked_hash.map(|hash| hash.0.to_vec()),
        row.until.map(UtcTime::unix),
        stored(row.generation),
        row.unsettled_until.map(|at| stored(at.0)),
        row.ours,
        row.hold_reason,
        row.approved_generation.map(stored),
        row.fails,
        row.next_try.map(|at| stored(at.0)),
        row.check_at.map(|at| stored(at.0)),
        row.extra,
        row.looked_at.map(|at| stored(at.0)),
        row.cause.map(cause_number),
        clearance_number(row.clearance),
        row.card,
        gone_at.map(UtcTime::unix),
    ];
    connection.prepare_cached(SAVE).map_err(&error)?.execute(values).map_err(&error)?;
    Ok(())
}

/// Deletes a row that says nothing any more, so that the ledger stays as small as what is in the PACS. A row
/// that is not absent stays: it is the only memory of what was sent.
///
/// # Errors
/// [`LedgerError`].
pub fn forget(connection: &Connection, id: &ItemId) -> Result<(), LedgerError> {
    let error = sql("forget a row");
    let values = params![id.user.as_str(), kind_number(id.kind), id.item];
    connection.prepare_cached(FORGET).map_err(&error)?.execute(values).map_err(&error)?;
    Ok(())
}

/// At start, before the first plan: every doubtful row is unsettled again for `late_ms`, and times of the last
/// run are cleared. Returns how many rows that were.
///
/// # Errors
/// [`LedgerError`].
pub fn re_arm(connection: &Connection, now: MonoMs, late_ms: u64) -> Result<usize, LedgerError> {
    let values = params![stored(now.after_ms(late_ms).0), stored(now.0)];
    connection.execute(RE_ARM, values).map_err(sql("re-arm the rows"))
}

/// Everything of the user that was ours is to be compared with the PACS, as [`Rows::check`](super::rows::Rows::check).
///
/// # Errors
/// [`LedgerError`].
pub fn mark_for_check(connection: &Connection, user: &Key, now: MonoMs) -> Result<(), LedgerError> {
    let error = sql("mark rows");
    let mut statement = connection.prepare_cached(MARK).map_err(&error)?;
    statement.execute(params![user.as_str(), stored(now.0)]).map(drop).map_err(&error)
}

/// Forgets what has been gone since before `before`. Returns how many rows that were.
///
/// # Errors
/// [`LedgerError`].
pub fn forget_before(connection: &Connection, before: UtcTime) -> Result<usize, LedgerError> {
    connection.execute(FORGET_BEFORE, [before.unix()]).map_err(sql("forget rows"))
}

/// Items whose failures were not their own need not wait any longer.
///
/// # Errors
/// [`LedgerError`].
pub fn forgive_failures(connection: &Connection) -> Result<usize, LedgerError> {
    connection.execute(FORGIVE, []).map_err(sql("clear back-offs"))
}

/// Counts for the gateway's state.
///
/// # Errors
/// [`LedgerError`].
pub fn counts(connection: &Connection) -> Result<Counts, LedgerError> {
    let error = sql("count rows");
    let read = |row: &rusqlite::Row<'_>| {
        let count = |at| row.get::<_, i64>(at).map(i64::unsigned_abs);
        Ok(Counts { persons: count(0)?, backlog: count(1)?, held: count(2)? })
    };
    connection.prepare_cached(COUNTS).map_err(&error)?.query_row([], read).map_err(&error)
}

fn collect(
    connection: &Connection,
    what: &'static str,
    text: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<Row>, LedgerError> {
    let error = sql(what);
    let mut statement = connection.prepare_cached(text).map_err(&error)?;
    let mut found = statement.query(values).map_err(&error)?;
    let mut rows = Vec::new();
    while let Some(row) = found.next().map_err(&error)? {
        rows.push(read(row, &error)?);
    }
    Ok(rows)
}

fn read(
    row: &rusqlite::Row<'_>,
    error: &impl Fn(rusqlite::Error) -> LedgerError,
) -> Result<Row, LedgerError> {
    let user: String = row.get(0).map_err(error)?;
    let kind: i64 = row.get(1).map_err(error)?;
    let item: String = row.get(2).map_err(error)?;
    let wrong = |column, found: String| LedgerError::Value {
        user: user.clone(),
        kind,
        item: item.clone(),
        column,
        found,
    };
    let state = |at, column| {
        let number: i64 = row.get(at).map_err(error)?;
        state_of(number).ok_or_else(|| wrong(column, number.to_string()))
    };
    let hash = |at, column| {
        let bytes: Option<Vec<u8>> = row.get(at).map_err(error)?;
        let whole = |bytes: Vec<u8>| {
            bytes
                .try_into()
                .map(Hash)
                .map_err(|bytes: Vec<u8>| wrong(column, format!("{} bytes", bytes.len())))
        };
        bytes.map(whole).transpose()
    };
    let mono = |at| {
        let ms: Option<i64> = row.get(at).map_err(error)?;
        Ok::<_, LedgerError>(ms.map(|ms| MonoMs(ms.unsigned_abs())))
    };
    let (cause, clearance): (Option<i64>, i64) = (row.get(21).map_err(error)?, row.get(22).map_err(error)?);
    let item_kind = kind_of(kind).ok_or_else(|| wrong("kind", kind.to_string()))?;
    Ok(Row {
        id: ItemId { user: key(user.clone(), kind, &item)?, kind: item_kind, item: item.clone() },
        ext_id: row.get(3).map_err(error)?,
        native_id: row.get(4).map_err(error)?,
        parent: row.get(5).map_err(error)?,
        state: state(6, "state")?,
        prev: state(7, "prev")?,
        sent_hash: hash(8, "sent_hash")?,
        acked_hash: hash(9, "acked_hash")?,
        until: row.get::<_, Option<i64>>(10).map_err(error)?.map(UtcTime::from_unix),
        generation: row.get::<_, i64>(11).map_err(error)?.unsigned_abs(),
        unsettled_until: mono(12)?,
        ours: row.get(13).map_err(error)?,
        hold_reason: row.get(14).map_err(error)?,
        approved_generation: row.get::<_, Option<i64>>(15).map_err(error)?.map(i64::unsigned_abs),
        fails: row.get(16).map_err(error)?,
        next_try: mono(17)?,
        check_at: mono(18)?,
        extra: row.get(19).map_err(error)?,
        looked_at: mono(20)?,
        cause: cause
            .map(|number| cause_of(number).ok_or_else(|| wrong("cause", number.to_string())))
            .transpose()?,
        clearance: clearance_of(clearance).ok_or_else(|| wrong("clearance", clearance.to_string()))?,
        card: row.get(23).map_err(error)?,
        gone_at: row.get::<_, Option<i64>>(24).map_err(error)?.map(UtcTime::from_unix),
    })
}

fn key(user: String, kind: i64, item: &str) -> Result<Key, LedgerError> {
    let wrong = |found| LedgerError::Value {
        user: found,
        kind,
        item: item.into(),
        column: "user",
        found: "that is no key".into(),
    };
    Key::new(&user).map_err(|_| wrong(user))
}

/// SQLite's integers end at 2^63; no count and no uptime comes near.
fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
