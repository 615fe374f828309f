//! Everyone is walked, and reasons fit the facts.

use super::why::Reasons;
use super::*;
use crate::export::item::{Cause, ItemId, State};
use crate::export::plan::Wait;
use access::card::CardNumberFormat;
use access::person::Facts;
use access::time::UtcTime;
use access::trust::Trust;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(in crate::service) fn settings() -> Settings {
    Settings {
        delete_user_on_no_access_token: true,
        delete_user_on_no_entitlement: true,
        user_identifier_prefix: "PA".into(),
        default_organization: None,
        email_type: "work".into(),
        identifier_type: "mifare".into(),
        card_number_format: CardNumberFormat::Hex,
        user_field_mappings: BTreeMap::new(),
        entitlement_import_types: vec!["AccessProfile".into()],
    }
}

fn time() -> Time {
    Time { now: UtcTime::from_unix(1_000_000), trust: Trust::Trusted, floor: UtcTime::from_unix(0) }
}

fn row(user: &str, kind: ItemKind, item: &str) -> Row {
    let id = ItemId { user: Key::new(user).expect("a key"), kind, item: item.into() };
    Row { state: State::Present, ours: true, ..Row::new(id, item.into()) }
}

fn status() -> ExportStatus {
    ExportStatus {
        exporting: true,
        exporter: None,
        hand_over: None,
        whole: true,
        live: None,
        persons: 0,
        backlog: 0,
        held_removals: None,
        held_first: Vec::new(),
        adoptions: None,
        adoptions_first: Vec::new(),
        strangers: None,
        strangers_first: Vec::new(),
        shared_cards: 0,
        shared_first: Vec::new(),
        refused: 0,
        refused_first: Vec::new(),
    }
}

fn planner() -> Planner {
    Planner { settings: settings(), caps: Caps::NONE, late_ms: 1_000, basis: [7; 16] }
}

fn moment() -> Moment {
    Moment { time: time(), mono: None }
}

fn few(limit: u32) -> Wish {
    Wish { limit, everyone: false }
}

#[test]
fn who_was_found_at_rest_is_passed_over_unless_everyone_is_asked_for() {
    let mut conn = Connection::open_in_memory().expect("memory");
    conn.execute_batch(include_str!("../../../sql/schema.sql")).expect("the schema is valid");
    for user in ["ada", "bo", "cy"] {
        ledger::save(&conn, &row(user, ItemKind::Person, ""), UtcTime::from_unix(7)).expect("saved");
    }
    due::rest_on(&conn, &planner().basis).expect("noted");
    due::begin(&conn, UtcTime::from_unix(7)).expect("begun");
    let step =
        due::Step { mark: due::walk(&conn).expect("read").mark, to: None, restless: vec!["bo".into()] };
    due::settle(&conn, &due::Settled { at_rest: Vec::new(), step: Some(step) }).expect("settled");
    let mut looked_at = |planner: &Planner, everyone| {
        let wish = Wish { limit: 9, everyone };
        report(&mut conn, planner, &status(), &moment(), &wish).expect("planned").summary.looked_at
    };
    assert_eq!(looked_at(&planner(), false), 1);
    assert_eq!(looked_at(&planner(), true), 3);
    let other = Planner { basis: [8; 16], ..planner() };
    assert_eq!(looked_at(&other, false), 3, "by other settings nobody was looked at yet");
}

#[test]
fn everyone_is_walked_and_what_is_not_shown_is_counted() {
    let mut conn = Connection::open_in_memory().expect("memory");
    conn.execute_batch(include_str!("../../../sql/schema.sql")).expect("the schema is valid");
    let users = usize::try_from(PAGE_USERS).expect("small") * 2 + 88;
    for n in 0..users {
        let user = format!("u{n}");
        ledger::save(&conn, &row(&user, ItemKind::Person, ""), UtcTime::from_unix(7)).expect("saved");
        ledger::save(&conn, &row(&user, ItemKind::Credential, "c"), UtcTime::from_unix(7)).expect("saved");
    }
    let report = report(&mut conn, &planner(), &status(), &moment(), &few(3)).expect("planned");
    let users = u64::try_from(users).expect("small");
    assert_eq!((report.lines.len(), report.more), (3, users * 2 - 3));
    let summary = &report.summary;
    assert_eq!((summary.users, summary.users_differ, summary.removed), (users, users, users * 2));
    assert_eq!(summary.waiting, users * 2, "the daemon does not run");
    let shown: Vec<_> = report.lines.iter().map(|line| (line.user.as_str(), line.kind.as_str())).collect();
    assert_eq!(shown, [("u0", "person"), ("u0", "token"), ("u1", "person")]);
}

#[test]
fn an_unfinished_mirror_withholds_what_may_still_come() {
    let mut conn = Connection::open_in_memory().expect("memory");
    conn.execute_batch(include_str!("../../../sql/schema.sql")).expect("the schema is valid");
    ledger::save(&conn, &row("u", ItemKind::Person, ""), UtcTime::from_unix(7)).expect("saved");
    let unfinished = ExportStatus { whole: false, ..status() };
    let report = report(&mut conn, &planner(), &unfinished, &moment(), &few(9)).expect("planned");
    let waits = report.lines[0].waits.as_deref().expect("it waits");
    assert!(waits.contains("not whole"), "{waits}");
}

/// A user with one card and one assignment, changed as told.
fn facts(user: Value, token: Value, assignment: Value, entitlement: Value) -> Facts {
    let with = |mut base: Value, more: Value| {
        more.as_object().expect("members").iter().for_each(|(name, value)| base[name] = value.clone());
        base
    };
    let user = with(json!({ "status": "active", "given_name": "Ada", "family_name": "Ek" }), user);
    let identifiers = json!([{ "type": "mifare", "hex": "04A1" }]);
    let card = json!({ "user": "ada", "kind": "card", "status": "ACTIVE", "identifiers": identifiers });
    let token = with(card, token);
    let assignment = with(json!({ "user": "ada", "entitlement": "main" }), assignment);
    let main = json!({ "type": "AccessProfile", "display_name": "Main", "pacs_ref": "ap" });
    let entitlement = with(main, entitlement);
    Facts {
        vanished: std::collections::BTreeSet::new(),
        key: Key::new("ada").expect("a key"),
        user: serde_json::from_value(user).expect("a user"),
        tokens: vec![(Key::new("c1").expect("a key"), serde_json::from_value(token).expect("a token"))],
        assignments: vec![(
            serde_json::from_value(assignment).expect("an assignment"),
            Some(serde_json::from_value(entitlement).expect("an entitlement")),
        )],
    }
}

#[test]
fn a_removal_says_what_in_the_facts_asks_for_it() {
    let none = || json!({});
    let past = || json!({ "valid_to": "1970-01-02T00:00:00Z" });
    let table = [
        (facts(json!({ "status": "locked" }), none(), none(), none()), "c1", "the user is locked"),
        (facts(json!({ "status": "inactive" }), none(), none(), none()), "", "the user is inactive"),
        (facts(none(), json!({ "status": "REVOKED" }), none(), none()), "c1", "the token is REVOKED"),
        (facts(none(), json!({ "status": "REVOKED" }), none(), none()), "", "no token of it is usable"),
        (facts(none(), past(), none(), none()), "c1", "the token's window is closed"),
        (facts(none(), json!({ "identifiers": [] }), none(), none()), "c1", "no identifier of type mifare"),
        (facts(none(), none(), none(), none()), "c2", "deleted, or no longer this user's"),
        (facts(none(), none(), past(), none()), "ap", "its window is closed"),
        (facts(none(), none(), past(), none()), "", "no assignment of it is in force"),
        (facts(none(), none(), none(), json!({ "pacs_ref": "other" })), "ap", "nothing assigns it any more"),
        (facts(none(), none(), none(), json!({ "type": "Zone" })), "ap", "of type Zone are not sent"),
    ];
    for (facts, item, expected) in table {
        let (settings, time) = (settings(), time());
        let wanted = person(&facts, &settings, &time);
        let reasons =
            Reasons { facts: Some(&facts), wanted: wanted.as_ref(), settings: &settings, time: &time };
        let kind = match item {
            "" => ItemKind::Person,
            "ap" => ItemKind::Permission,
            _ => ItemKind::Credential,
        };
        let row = Row { cause: Some(Cause::Edit), ..row("ada", kind, item) };
        let difference = Difference { id: row.id.clone(), change: Change::Remove, wait: Wait::Nothing };
        let why = reasons.why(&difference, Some(&row));
        assert!(why.starts_with("edit: ") && why.contains(expected), "{item:?}: {why}");
    }
}
