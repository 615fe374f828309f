//! What waits for a word, on disk.

use super::*;
use crate::clock::MonoMs;
use crate::export::item::{Cause, Clearance, Hash, Row, State};
use crate::export::ledger::{list, save};
use access::time::UtcTime;

fn ledger(rows: &[Row]) -> Connection {
    let connection = Connection::open_in_memory().expect("memory");
    connection.execute_batch(include_str!("../../../../sql/schema.sql")).expect("the schema is valid");
    rows.iter().for_each(|row| save(&connection, row, UtcTime::from_unix(7)).expect("saved"));
    connection
}

fn row(user: &str, kind: ItemKind, item: &str) -> Row {
    let id = ItemId { user: Key::new(user).expect("a key"), kind, item: item.into() };
    Row { state: State::Present, generation: 3, acked_hash: Some(Hash([2; 16])), ..Row::new(id, item.into()) }
}

fn held(user: &str, item: &str) -> Row {
    Row { clearance: Clearance::Held, ..row(user, ItemKind::Credential, item) }
}

fn found(user: &str) -> Row {
    Row { ours: false, ..row(user, ItemKind::Person, "") }
}

fn all(connection: &Connection) -> Vec<Row> {
    list(connection, None, 99).expect("listed")
}

#[test]
fn the_hash_of_what_is_held_lets_exactly_that_through() {
    let pending = Row { clearance: Clearance::Pending, ..row("bo", ItemKind::Permission, "r") };
    let rows = [held("ada", "c1"), held("ada", "c2"), held("bo", "c3"), pending.clone(), found("cy")];
    let connection = ledger(&rows);
    let set = waiting(&connection, Waiting::Removals).expect("read").expect("held");
    assert_eq!((set.persons, set.items), (2, 3));
    let listed = list_waiting(&connection, Waiting::Removals, 2).expect("listed");
    assert_eq!(listed.iter().map(|one| one.id.item.as_str()).collect::<Vec<_>>(), ["c1", "c2"]);

    let given = approve(&connection, &set.hash.to_string(), 9).expect("approved");
    let users = vec!["ada".to_owned(), "bo".to_owned()];
    assert_eq!(given, Approval::Given { waiting: Waiting::Removals, set, users });
    let cleared = |row: &Row| row.clearance == Clearance::Given && row.approved_generation == Some(3);
    let after = all(&connection);
    assert_eq!(after.iter().filter(|row| cleared(row)).count(), 3);
    assert!(after.contains(&pending) && after.contains(&found("cy")), "others stay as they are");
    assert_eq!(waiting(&connection, Waiting::Removals).expect("read"), None);
}

#[test]
fn a_hash_of_what_was_held_before_changes_nothing() {
    let connection = ledger(&[held("ada", "c1")]);
    let before = waiting(&connection, Waiting::Removals).expect("read").expect("held");
    save(&connection, &held("bo", "c2"), UtcTime::from_unix(7)).expect("saved");
    let rows = all(&connection);
    let outcome = approve(&connection, &before.hash.to_string(), 9).expect("tried");
    let removals = waiting(&connection, Waiting::Removals).expect("read").expect("held");
    assert_eq!(outcome, Approval::Mismatch(vec![(Waiting::Removals, removals)]));
    assert_eq!(all(&connection), rows);
}

#[test]
fn what_is_taken_over_is_ours_and_is_written_with_our_content() {
    let gone_at = Some(UtcTime::from_unix(7));
    let absent = Row { state: State::Absent, ours: false, gone_at, ..row("bo", ItemKind::Person, "") };
    let connection = ledger(&[found("ada"), absent.clone()]);
    let set = waiting(&connection, Waiting::Adoptions).expect("read").expect("found");
    assert_eq!(set.items, 1, "what is not there is not taken over");
    approve(&connection, &set.hash.to_string(), 9).expect("approved");
    let ours = Row { ours: true, acked_hash: None, approved_generation: Some(3), ..found("ada") };
    assert_eq!(all(&connection), [ours, absent]);
}

#[test]
fn more_users_than_can_be_named_are_told_apart() {
    let rows: Vec<Row> = ["a", "b", "c", "d"].map(|user| held(user, "c")).into();
    let connection = ledger(&rows);
    let set = waiting(&connection, Waiting::Removals).expect("read").expect("held");
    let Approval::Given { users, .. } = approve(&connection, &set.hash.to_string(), 2).expect("approved")
    else {
        panic!("it is the hash")
    };
    assert_eq!(users, ["a", "b", "c"], "one more than two");
}

fn refused(user: &str, kind: ItemKind, item: &str) -> Row {
    Row {
        state: State::Absent,
        sent_hash: Some(Hash([7; 16])),
        hold_reason: Some("no such site code".into()),
        fails: 4,
        next_try: Some(MonoMs(9_000)),
        ..row(user, kind, item)
    }
}

#[test]
fn retry_clears_what_it_names_and_nothing_else() {
    let doubtful = Row {
        state: State::Maybe,
        unsettled_until: Some(MonoMs(5_000)),
        ..refused("bo", ItemKind::Person, "")
    };
    let fine = row("cy", ItemKind::Person, "");
    let rows = [
        refused("ada", ItemKind::Person, ""),
        refused("ada", ItemKind::Credential, "x"),
        refused("ada", ItemKind::Permission, "x"),
        doubtful.clone(),
        fine.clone(),
    ];
    let cases: [(Option<&str>, Option<Named>, u64); 6] = [
        (None, None, 4),
        (Some("ada"), None, 3),
        (Some("ada"), Some(Named::Person), 1),
        (Some("ada"), Some(Named::parse("x")), 2),
        (Some("ada"), Some(Named::parse("token x")), 1),
        (Some("cy"), None, 0),
    ];
    for (user, item, expected) in cases {
        let connection = ledger(&rows);
        let again = Again { user: user.map(Into::into), item };
        let (items, users) = retry(&connection, &again, 9).expect("cleared");
        assert_eq!(items, expected, "{again:?}");
        assert_eq!(users.is_empty(), expected == 0, "{users:?}");
        let left = all(&connection).iter().filter(|row| row.fails > 0).count();
        assert_eq!(left, 4 - usize::try_from(expected).expect("few"), "{again:?}");
    }
    let connection = ledger(&rows);
    retry(&connection, &Again::default(), 9).expect("cleared");
    let after = all(&connection);
    let cleared = Row { fails: 0, next_try: None, ..doubtful };
    assert!(after.contains(&cleared), "it stays unsettled, and keeps how it came to be: {after:?}");
    assert!(after.contains(&fine));
    assert_eq!(list_refused(&connection, 9).expect("listed").1, 1);
}

#[test]
fn a_removal_is_never_listed_as_refused() {
    let removal = Row { state: State::Present, sent_hash: None, ..refused("bo", ItemKind::Credential, "c") };
    let addition = refused("ada", ItemKind::Credential, "c");
    let connection = ledger(&[removal, addition.clone()]);
    let (listed, total) = list_refused(&connection, 9).expect("listed");
    assert_eq!((listed, total), (vec![Listed { id: addition.id, words: addition.hold_reason }], 1));
}

/// A ledger of a hundred thousand rows is not walked for `state`.
#[test]
fn sets_are_read_by_their_indices() {
    let connection = ledger(&[]);
    let tables = [
        (REMOVALS.rows, "ledger_edit"),
        (ADOPTIONS.rows, "ledger_found"),
        (REMOVALS.list, "ledger_edit"),
        (REMOVALS.users, "ledger_edit"),
        (COUNT_REFUSED, "ledger_held"),
        (REFUSED, "ledger_held"),
        (AGAIN_USERS, "ledger_to_do"),
        (AGAIN_USERS, "ledger_held"),
    ];
    for (text, index) in tables {
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {text}")).expect("valid SQL");
        let count = plan.parameter_count();
        let values = rusqlite::params_from_iter(std::iter::repeat_n(rusqlite::types::Null, count));
        let lines = plan.query_map(values, |row| row.get::<_, String>(3)).expect("a plan");
        let lines: Vec<String> = lines.map(|line| line.expect("text")).collect();
        assert!(lines.iter().any(|line| line.contains(index)), "{text}: {lines:?}");
    }
}

#[test]
fn strangers_become_ours_with_their_removal_approved_and_whoever_is_known_by_then_is_none() {
    use crate::export::ledger::strangers::{Stranger, replace};
    let connection = ledger(&[]);
    let stranger = |user: &str| Stranger {
        user: Key::new(user).expect("a key"),
        ext_id: format!("PA{user}"),
        native_id: Some("17".into()),
    };
    replace(&connection, &[stranger("ada"), stranger("bo")]).expect("noted");
    save(&connection, &found("bo"), UtcTime::from_unix(7)).expect("saved");
    let set = waiting(&connection, Waiting::Strangers).expect("read").expect("one");
    assert_eq!((set.persons, set.items), (1, 1));
    let outcome = approve(&connection, &set.hash.to_string(), 9).expect("approved");
    assert!(matches!(outcome, Approval::Given { waiting: Waiting::Strangers, .. }), "{outcome:?}");
    let rows = all(&connection);
    let ada = rows.iter().find(|row| row.id.user.as_str() == "ada").expect("a row");
    assert!(ada.ours && ada.state == State::Present && ada.approved_generation == Some(ada.generation));
    assert_eq!((ada.clearance, ada.cause), (Clearance::Given, Some(Cause::Edit)));
    assert_eq!((ada.ext_id.as_str(), ada.native_id.as_deref()), ("PAada", Some("17")));
    assert!(rows.contains(&found("bo")), "another sort of word");
    assert_eq!(waiting(&connection, Waiting::Strangers).expect("read"), None);
}
