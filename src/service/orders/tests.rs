//! Orders on disk: once, in time, and never without a line in the audit.

use super::*;
use crate::export::item::{Clearance, ItemId, ItemKind, Row, State};
use crate::export::ledger;
use crate::mirror::outbox;
use access::trust::{Time, Trust};
use contract::messages::Event;

const EXPIRES: UtcTime = UtcTime::from_unix(1_000);

fn mirror() -> Connection {
    let conn = Connection::open_in_memory().expect("memory");
    conn.execute_batch(include_str!("../../../sql/schema.sql")).expect("the schema is valid");
    conn.execute_batch("INSERT INTO outbox VALUES (1, 's', 1, 0, 0, 0)").expect("an outbox");
    conn
}

fn time(now: i64, trust: Trust, floor: i64) -> Time {
    Time { now: UtcTime::from_unix(now), trust, floor: UtcTime::from_unix(floor) }
}

fn here(now: i64) -> Here {
    let key = |key: &str| Key::new(key).expect("a key");
    let gateway = "panel-1".parse().expect("an id");
    Here { time: time(now, Trust::Trusted, 0), doors: Arc::new([key("front"), key("back")].into()), gateway }
}

fn hold(conn: &Connection, user: &str) {
    let id = ItemId { user: Key::new(user).expect("a key"), kind: ItemKind::Person, item: String::new() };
    let row =
        Row { state: State::Present, ours: true, clearance: Clearance::Held, ..Row::new(id, user.into()) };
    ledger::save(conn, &row, UtcTime::from_unix(7)).expect("saved");
}

fn outcomes(conn: &Connection) -> Vec<String> {
    audit::list(conn, 99).expect("listed").into_iter().map(|entry| entry.outcome).collect()
}

#[test]
fn a_command_is_carried_out_until_it_expires_and_never_by_a_clock_that_only_says_so() {
    let cases = [
        (time(1_000, Trust::Trusted, 0), true),
        (time(1_001, Trust::Trusted, 0), false),
        // The panel wakes in 1970, or in a far future: neither says anything.
        (time(5, Trust::Untrusted, 900), true),
        (time(9_999, Trust::Untrusted, 1_000), true),
        (time(5, Trust::Untrusted, 1_001), false),
    ];
    for (time, expected) in cases {
        let conn = mirror();
        let outcome = command(&conn, &Here { time, ..here(0) }, ("c1", EXPIRES), &Order::Apply)
            .expect("judged")
            .expect("new");
        assert_eq!(outcome.is_done(), expected, "{time:?}");
        assert_eq!(outcomes(&conn).len(), 1, "it is audited in any case");
        let events = outbox::waiting_after(&conn, 0, 9).expect("events");
        let done = |event: &Event| matches!(event, Event::CommandResult { id, done, .. } if id == "c1" && *done == expected);
        assert!(events.len() == 1 && done(&outbox::as_heard(events[0].clone()).event), "{events:?}");
    }
}

#[test]
fn a_command_that_was_seen_is_neither_carried_out_nor_answered_again() {
    let conn = mirror();
    let now = here(10);
    assert!(command(&conn, &now, ("c1", EXPIRES), &Order::Apply).expect("judged").is_some());
    assert_eq!(command(&conn, &now, ("c1", EXPIRES), &Order::Apply).expect("judged"), None);
    assert_eq!(outcomes(&conn).len(), 1);
    assert_eq!(outbox::waiting_after(&conn, 0, 9).expect("events").len(), 1);
}

#[test]
fn a_wrong_hash_is_refused_with_what_is_held_now() {
    let conn = mirror();
    hold(&conn, "ada");
    let set = held::waiting(&conn, Waiting::Removals).expect("read").expect("held");
    let who = Who::Local { uid: 7, gid: 8, pid: Some(9) };
    let wrong = Order::Approve { hash: "0123456789abcdef".into() };
    let outcome = carry_out(&conn, &here(5), &who, &wrong).expect("judged");
    assert!(!outcome.is_done());
    assert!(outcome.words().contains(&set.hash.to_string()), "{}", outcome.words());
    assert_eq!(outcome.touched(), Touched::nobody());
    assert_eq!(held::waiting(&conn, Waiting::Removals).expect("read"), Some(set));

    let right = Order::Approve { hash: set.hash.to_string() };
    let outcome = carry_out(&conn, &here(6), &who, &right).expect("judged");
    assert_eq!(outcome.words(), "1 removals of 1 persons go on");
    assert_eq!(outcome.touched(), Touched::Users([("ada".to_owned(), Haste::AtOnce)].into()));
    let newest = audit::list(&conn, 1).expect("listed").remove(0);
    assert_eq!(newest.who, "uid 7 gid 8 pid 9");
    assert_eq!(newest.order, format!("approve {}", set.hash));
    let again = carry_out(&conn, &here(7), &who, &right).expect("judged");
    assert_eq!(again.words(), "nothing waits for approval now", "an approval approves nothing later");
}

#[test]
fn an_item_without_its_user_is_refused() {
    let conn = mirror();
    let order = Order::Retry { user: None, item: Some("c1".into()) };
    let who = Who::Command { id: "c".into() };
    assert!(!carry_out(&conn, &here(5), &who, &order).expect("judged").is_done());
    assert_eq!(order.to_string(), "retry c1");
}
