//! Rows on their way from one gateway to another.
//!
//! Times of a monotonic clock stay behind. What the receiver makes of the rows is [`Row::change_hands`], for all of
//! them at once.
//!
//! Not here: what is said when (`export::hand_over`), and to whom (the service).

use super::numbers::{cause_number, cause_of, clearance_number, clearance_of};
use super::{LedgerError, brake, list, load, save, sql, stored};
use crate::clock::MonoMs;
use crate::export::item::{Hash, ItemId, ItemKind, Row, State};
use access::id::Key;
use access::time::UtcTime;
use contract::hand_over::{self as wire, COUNTED_PERSONS_MAX, Counted, LedgerRow, ROWS_MAX_BYTES, RowName};
use rusqlite::{Connection, params};
use std::collections::BTreeSet;
use std::ops::Bound;

/// Rows read at a time.
const READ_ROWS: u32 = 64;

/// Rows after `after` in the order of their names, as many as one message takes, and whether there are more; of these
/// users only, if any are named.
///
/// # Errors
/// [`LedgerError`].
pub fn rows_after(
    connection: &Connection,
    after: Option<&RowName>,
    users: Option<&BTreeSet<Key>>,
) -> Result<(Vec<LedgerRow>, bool), LedgerError> {
    let (mut rows, mut bytes) = (Vec::new(), 0);
    let mut last = after.map(id_of);
    loop {
        let read = match users {
            None => list(connection, last.as_ref(), READ_ROWS)?,
            Some(users) => of_next_user(connection, last.as_ref(), users)?,
        };
        if read.is_empty() {
            return Ok((rows, false));
        }
        for row in read {
            let told = told(&row);
            // A row that cannot be written cannot be told, and this one can.
            bytes += serde_json::to_vec(&told).map_or(0, |json| json.len()) + 1;
            if bytes > ROWS_MAX_BYTES && !rows.is_empty() {
                return Ok((rows, true));
            }
            last = Some(row.id);
            rows.push(told);
        }
    }
}

/// The rest of the user's rows that `last` is one of, or all of the next user's that has any.
fn of_next_user(
    connection: &Connection,
    last: Option<&ItemId>,
    users: &BTreeSet<Key>,
) -> Result<Vec<Row>, LedgerError> {
    if let Some(last) = last.filter(|last| users.contains(&last.user)) {
        let mut rows = load(connection, &last.user)?;
        rows.retain(|row| row.id > *last);
        if !rows.is_empty() {
            return Ok(rows);
        }
    }
    let from = last.map_or(Bound::Unbounded, |last| Bound::Excluded(&last.user));
    for user in users.range::<Key, _>((from, Bound::Unbounded)) {
        let rows = load(connection, user)?;
        if !rows.is_empty() {
            return Ok(rows);
        }
    }
    Ok(Vec::new())
}

/// Writes down what was told; `None` when a row is none, and nothing is to be believed of the message.
///
/// # Errors
/// [`LedgerError`].
pub fn keep(
    connection: &Connection,
    rows: &[LedgerRow],
    counted: Option<Counted>,
    (mono, now): (MonoMs, UtcTime),
) -> Result<Option<()>, LedgerError> {
    let Some(rows) = rows.iter().map(heard).collect::<Option<Vec<Row>>>() else { return Ok(None) };
    rows.iter().try_for_each(|row| save(connection, row, now))?;
    if let Some(Counted { persons, ago_ms }) = counted {
        let at = MonoMs(mono.0.saturating_sub(ago_ms));
        brake::take_over(connection, persons.min(COUNTED_PERSONS_MAX), at)?;
    }
    Ok(Some(()))
}

/// All rows are this gateway's from now on: [`Row::change_hands`] for each of them.
///
/// # Errors
/// [`LedgerError`].
pub fn take_over(connection: &Connection, now: MonoMs, late_ms: u64) -> Result<(), LedgerError> {
    // A person that was found, and is nobody's, stays what it is.
    const TAKE: &str = "UPDATE ledger SET prev = iif(state = 1 AND (ours = 1 OR kind <> 0), 1, prev), \
        state = iif(state = 0 OR (ours = 0 AND kind = 0 AND state = 1), state, 2), \
        unsettled_until_mono_ms = iif(state = 0 OR (ours = 0 AND kind = 0 AND state = 1), NULL, ?1), \
        next_try_mono_ms = NULL, looked_mono_ms = NULL, \
        check_at_mono_ms = iif((state = 0 AND ours = 1) OR (ours = 0 AND kind = 0 AND state = 1), ?2, NULL)";
    let values = params![stored(now.after_ms(late_ms).0), stored(now.0)];
    connection.execute(TAKE, values).map(drop).map_err(sql("take the ledger over"))
}

/// Nothing of it is this gateway's any more.
///
/// # Errors
/// [`LedgerError`].
pub fn give_away(connection: &Connection) -> Result<(), LedgerError> {
    connection
        .execute_batch("DELETE FROM ledger; DELETE FROM brake_log; DELETE FROM shared_card")
        .map_err(sql("give the ledger away"))
}

/// The ledger is a backup's: what it says of the PACS was true once. [`Row::change_hands`] for each of its rows, and nobody
/// sends until the source has said who exports; then the PACS is searched for whom the ledger does not know.
///
/// # Errors
/// [`LedgerError`].
pub fn doubt(connection: &Connection) -> Result<(), LedgerError> {
    const IDLE: &str = "UPDATE exporter SET role = 'idle', role_claim = 0, role_to = NULL, role_number = NULL, \
        sweep = 1; DELETE FROM stranger";
    // Times of another clock: the start arms them.
    take_over(connection, MonoMs(0), 0)?;
    connection.execute_batch(IDLE).map_err(sql("doubt the ledger"))
}

fn id_of(name: &RowName) -> ItemId {
    let kind = match name.kind {
        wire::ItemKind::Person => ItemKind::Person,
        wire::ItemKind::Token => ItemKind::Credential,
        wire::ItemKind::Permission => ItemKind::Permission,
    };
    ItemId { user: name.user.clone(), kind, item: name.item.clone() }
}

fn told(row: &Row) -> LedgerRow {
    let kind = match row.id.kind {
        ItemKind::Person => wire::ItemKind::Person,
        ItemKind::Credential => wire::ItemKind::Token,
        ItemKind::Permission => wire::ItemKind::Permission,
    };
    let state = |state| match state {
        State::Absent => wire::ItemState::Absent,
        State::Present => wire::ItemState::Present,
        State::Maybe => wire::ItemState::Maybe,
    };
    let hash = |hash: Hash| hash.0.iter().map(|byte| format!("{byte:02x}")).collect();
    LedgerRow {
        name: RowName { user: row.id.user.clone(), kind, item: row.id.item.clone() },
        ext_id: row.ext_id.clone(),
        native_id: row.native_id.clone(),
        parent: row.parent.clone(),
        state: state(row.state),
        prev: state(row.prev),
        sent_hash: row.sent_hash.map(hash),
        acked_hash: row.acked_hash.map(hash),
        until: row.until,
        generation: row.generation,
        ours: row.ours,
        hold_reason: row.hold_reason.clone(),
        approved_generation: row.approved_generation,
        fails: row.fails,
        extra: row.extra.clone(),
        cause: row.cause.and_then(|cause| u8::try_from(cause_number(cause)).ok()),
        clearance: u8::try_from(clearance_number(row.clearance)).unwrap_or_default(),
        card: row.card.clone(),
        gone_at: row.gone_at,
    }
}

fn heard(told: &LedgerRow) -> Option<Row> {
    let state = |state| match state {
        wire::ItemState::Absent => State::Absent,
        wire::ItemState::Present => State::Present,
        wire::ItemState::Maybe => State::Maybe,
    };
    let hash = |text: &Option<String>| {
        text.as_ref().map(|text| hash_of(text)).map_or(Some(None), |hash| hash.map(Some))
    };
    let cause = told.cause.map(|cause| cause_of(i64::from(cause)));
    Some(Row {
        native_id: told.native_id.clone(),
        parent: told.parent.clone(),
        state: state(told.state),
        prev: state(told.prev),
        sent_hash: hash(&told.sent_hash)?,
        acked_hash: hash(&told.acked_hash)?,
        until: told.until,
        generation: told.generation,
        ours: told.ours,
        hold_reason: told.hold_reason.clone(),
        approved_generation: told.approved_generation,
        fails: told.fails,
        extra: told.extra.clone(),
        cause: cause.map_or(Some(None), |cause| cause.map(Some))?,
        clearance: clearance_of(i64::from(told.clearance))?,
        card: told.card.clone(),
        gone_at: told.gone_at,
        ..Row::new(id_of(&told.name), told.ext_id.clone())
    })
}

fn hash_of(text: &str) -> Option<Hash> {
    let mut hash = [0; 16];
    if text.len() != 2 * hash.len() || !text.is_ascii() {
        return None;
    }
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(Hash(hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::item::{Cause, Clearance};

    fn ledger() -> Connection {
        let connection = Connection::open_in_memory().expect("memory");
        connection.execute_batch(include_str!("../../../sql/schema.sql")).expect("the schema is valid");
        connection
    }

    fn row(user: &str, kind: ItemKind, item: &str) -> Row {
        let id = ItemId { user: Key::new(user).expect("a key"), kind, item: item.into() };
        Row { state: State::Present, ours: true, ..Row::new(id, format!("ext-{item}")) }
    }

    fn full() -> Row {
        Row {
            native_id: Some("c7".into()),
            parent: Some("p1".into()),
            state: State::Maybe,
            prev: State::Present,
            sent_hash: Some(Hash([0xA1; 16])),
            acked_hash: Some(Hash([2; 16])),
            until: Some(UtcTime::from_unix(5)),
            generation: 9,
            hold_reason: Some("no".into()),
            approved_generation: Some(8),
            fails: 3,
            extra: Some("c8".into()),
            cause: Some(Cause::Edit),
            clearance: Clearance::Held,
            card: Some("04A1".into()),
            ..row("u1", ItemKind::Credential, "t1")
        }
    }

    fn fill(connection: &Connection, rows: &[Row]) {
        rows.iter().for_each(|row| save(connection, row, UtcTime::from_unix(7)).expect("saved"));
    }

    #[test]
    fn a_row_arrives_as_it_left() {
        let gone = Row {
            state: State::Absent,
            gone_at: Some(UtcTime::from_unix(7)),
            ..row("u1", ItemKind::Person, "")
        };
        for row in [full(), gone] {
            assert_eq!(heard(&told(&row)), Some(row));
        }
        let bad = |how: &dyn Fn(&mut LedgerRow)| {
            let mut told = told(&full());
            how(&mut told);
            heard(&told)
        };
        assert_eq!(bad(&|row| row.sent_hash = Some("zz".repeat(16))), None);
        assert_eq!(bad(&|row| row.acked_hash = Some("00".into())), None);
        assert_eq!(bad(&|row| row.cause = Some(9)), None);
        assert_eq!(bad(&|row| row.clearance = 9), None);
    }

    #[test]
    fn messages_are_full_and_not_too_large_and_leave_nothing_out() {
        let connection = ledger();
        let name = |n: usize| format!("u{n:04}");
        let rows: Vec<Row> = (0..900)
            .flat_map(|n| {
                let words = Some("w".repeat(150));
                [
                    Row { hold_reason: words.clone(), ..row(&name(n), ItemKind::Person, "") },
                    Row { hold_reason: words, ..row(&name(n), ItemKind::Permission, "r") },
                ]
            })
            .collect();
        fill(&connection, &rows);
        let all = |users: Option<&BTreeSet<Key>>| {
            let (mut found, mut after, mut messages) = (Vec::new(), None, 0);
            loop {
                let (rows, more) = rows_after(&connection, after.as_ref(), users).expect("read");
                let bytes = serde_json::to_vec(&rows).expect("JSON").len();
                assert!(bytes <= ROWS_MAX_BYTES + 2 && (!more || bytes > ROWS_MAX_BYTES - 1_024), "{bytes}");
                messages += 1;
                after = rows.last().map(|row| row.name.clone());
                found.extend(rows);
                if !more {
                    return (found, messages);
                }
            }
        };
        let (found, messages) = all(None);
        assert_eq!(found.iter().map(heard).collect::<Option<Vec<_>>>(), Some(rows));
        assert!(messages > 3, "{messages}");
        let some: BTreeSet<Key> = (0..900).step_by(3).map(|n| Key::new(&name(n)).expect("a key")).collect();
        let (found, _) = all(Some(&some));
        assert_eq!(found.len(), 600);
        assert!(found.iter().all(|row| some.contains(&row.name.user)));
    }

    #[test]
    fn taking_over_in_sql_is_changing_hands_in_the_rules() {
        let connection = ledger();
        let (now, late_ms) = (MonoMs(900), 60);
        let rows = [
            full(),
            row("u2", ItemKind::Person, ""),
            Row { state: State::Absent, ..row("u3", ItemKind::Person, "") },
            Row { state: State::Absent, ours: false, ..row("u4", ItemKind::Person, "") },
            Row { ours: false, ..row("u5", ItemKind::Person, "") },
        ];
        fill(&connection, &rows);
        let mut expected = list(&connection, None, 9).expect("listed");
        take_over(&connection, now, late_ms).expect("taken");
        expected.iter_mut().for_each(|row| row.change_hands(now, late_ms));
        assert_eq!(list(&connection, None, 9).expect("listed"), expected);
    }

    #[test]
    fn the_brake_goes_on_counting() {
        let (from, to) = (ledger(), ledger());
        let pending = Row { clearance: Clearance::Pending, ..row("ada", ItemKind::Person, "") };
        fill(&from, &[pending]);
        let limit = crate::export::brake::Limit { percent: 10, persons: 20 };
        assert!(brake::judge(&from, &limit, MonoMs(1_000), 9).expect("judged").allowed);
        let told = brake::counted(&from, MonoMs(5_000)).expect("read").expect("one");
        assert_eq!(told, Counted { persons: 1, ago_ms: 4_000 });
        keep(&to, &[], Some(told), (MonoMs(90_000), UtcTime::from_unix(0))).expect("kept").expect("believed");
        assert_eq!(brake::counts(&to).expect("counted").removed, 1);
        let told = brake::counted(&to, MonoMs(100_000)).expect("read").expect("one");
        assert_eq!(told, Counted { persons: 1, ago_ms: 14_000 });
    }
}
