//! The rows on disk are the rows of the rules.

use super::*;
use crate::export::item::ItemKind;

fn ledger() -> Connection {
    let connection = Connection::open_in_memory().expect("memory");
    connection.execute_batch(include_str!("../../../sql/schema.sql")).expect("the schema is valid");
    connection
}

fn id(user: &str, kind: ItemKind, item: &str) -> ItemId {
    ItemId { user: Key::new(user).expect("a key"), kind, item: item.into() }
}

fn full() -> Row {
    Row {
        native_id: Some("c7".into()),
        parent: Some("p1".into()),
        state: State::Maybe,
        prev: State::Present,
        sent_hash: Some(Hash([1; 16])),
        acked_hash: Some(Hash([2; 16])),
        until: Some(UtcTime::from_unix(-5)),
        generation: 9,
        unsettled_until: Some(MonoMs(1_000)),
        ours: false,
        hold_reason: Some("no".into()),
        approved_generation: Some(8),
        fails: 3,
        next_try: Some(MonoMs(2_000)),
        check_at: Some(MonoMs(3_000)),
        ..Row::new(id("u1", ItemKind::Credential, "t1"), "t1".into())
    }
}

#[test]
fn a_row_comes_back_as_it_was_saved() {
    let connection = ledger();
    // What is absent is remembered as that since it was saved so.
    let gone_at = Some(UtcTime::from_unix(7));
    let empty = Row { gone_at, ..Row::new(id("u1", ItemKind::Person, ""), "PAu1".into()) };
    for row in [&full(), &empty] {
        save(&connection, row, UtcTime::from_unix(7)).expect("saved");
    }
    assert_eq!(load(&connection, &empty.id.user).expect("loaded"), [empty.clone(), full()]);
    assert_eq!(list(&connection, Some(&empty.id), 9).expect("listed"), [full()]);
    assert_eq!(held(&connection, 9).expect("listed"), [full()]);
    let counted = counts(&connection).expect("counted");
    assert_eq!(counted, Counts { persons: 0, backlog: 1, held: 1 });
}

#[test]
fn re_arming_in_sql_is_re_arming_in_the_rules() {
    let connection = ledger();
    let present = Row { state: State::Present, ..Row::new(id("u2", ItemKind::Person, ""), "PAu2".into()) };
    let settled = Row { unsettled_until: None, check_at: None, ..full() };
    for row in [full(), Row { id: id("u3", ItemKind::Permission, "r"), ..settled }, present] {
        save(&connection, &row, UtcTime::from_unix(7)).expect("saved");
    }
    let mut expected = list(&connection, None, 9).expect("listed");
    expected.iter_mut().for_each(|row| row.re_arm(MonoMs(50), 700));
    assert_eq!(re_arm(&connection, MonoMs(50), 700).expect("re-armed"), 2);
    assert_eq!(list(&connection, None, 9).expect("listed"), expected);
}

#[test]
fn only_what_is_absent_is_forgotten() {
    let connection = ledger();
    let absent = Row::new(id("u1", ItemKind::Permission, "r"), "r".into());
    for row in [&full(), &absent] {
        save(&connection, row, UtcTime::from_unix(7)).expect("saved");
        forget(&connection, &row.id).expect("tried");
    }
    assert_eq!(list(&connection, None, 9).expect("listed"), [full()]);
}

#[test]
fn users_are_listed_in_pages() {
    let connection = ledger();
    for user in ["a", "b", "c"] {
        save(&connection, &Row::new(id(user, ItemKind::Person, ""), user.into()), UtcTime::from_unix(7))
            .expect("saved");
    }
    let first = whose::users(&connection, None, 2).expect("listed");
    assert_eq!(first.iter().map(Key::as_str).collect::<Vec<_>>(), ["a", "b"]);
    let rest = whose::users(&connection, first.last(), 2).expect("listed");
    assert_eq!(rest.iter().map(Key::as_str).collect::<Vec<_>>(), ["c"]);
}

#[test]
fn a_damaged_row_is_named() {
    let connection = ledger();
    save(&connection, &full(), UtcTime::from_unix(7)).expect("saved");
    connection.execute("UPDATE ledger SET state = 7", []).expect("damaged");
    let error = list(&connection, None, 9).expect_err("it is no state").to_string();
    assert!(error.contains("u1") && error.contains("state 7"), "{error}");
    let passed_on =
        rusqlite::Error::from(list(&connection, None, 9).expect_err("it is no state")).to_string();
    assert!(passed_on.contains("state 7"), "{passed_on}");
}
