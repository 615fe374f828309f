//! The PACS defines its entitlements, and changes its mind about them.

use crate::world::{World, assignment, card, entitlement, eventually, query, status, user};
use contract::messages::{Event, PacsEntitlement, RenamedEntitlement};
use doorward_sim::{AccessElement, ElementType};
use serde_json::{Value, json};
use std::process::Command;

/// A world whose gateway imports every minute.
fn world() -> World {
    let world = World::new();
    world.configure("import_every_s = 60");
    world
}

/// What the PACS defines from now on: access profiles by id and name.
fn define(world: &World, profiles: &[(&str, &str)]) {
    let element = |(id, name): &(&str, &str)| AccessElement::new(id, name, ElementType::AccessProfile);
    world.pacs.set_elements(profiles.iter().map(element).collect()).expect("they agree");
}

fn hire(world: &mut World, id: &str, hex: &str, rights: &[&str]) {
    world.source.put("user", id, user("Given", id)).put("token", &format!("card-{id}"), card(id, hex));
    for right in rights {
        world.source.put("assignment", &format!("{id}.{right}"), assignment(id, right, "", ""));
    }
    world.source.publish();
}

fn expect_list(world: &World, expected: &[&str]) {
    world.source.expect_event("the whole list is told", |event| {
        matches!(event, Event::PacsEntitlements { entitlements, complete: true, .. }
            if entitlements.iter().map(|one| one.pacs_ref.as_str()).eq(expected.iter().copied()))
    });
}

/// All that was told to have changed, in order.
fn changes(world: &World) -> Vec<Event> {
    let events = world.source.events().into_iter().map(|message| message.event);
    events.filter(|event| matches!(event, Event::EntitlementsChanged { .. })).collect()
}

fn expect_changes(world: &World, count: usize) -> Event {
    eventually("the changes are told", || {
        let found = changes(world).len();
        if found >= count { Ok(()) } else { Err(format!("{found} of {count}")) }
    });
    changes(world).pop().expect("at least one")
}

fn expect_status(world: &World, what: &str, wanted: impl Fn(&Value) -> bool) {
    eventually(what, || {
        let status = status(&world.config_file())?;
        if wanted(&status["entitlements"]) { Ok(()) } else { Err(status["entitlements"].to_string()) }
    });
}

fn shown(world: &World, words: &[&str]) -> String {
    let config = world.config_file();
    let output =
        Command::new(env!("CARGO_BIN_EXE_doorward")).arg("--config").arg(config).args(words).output();
    String::from_utf8(output.expect("doorward runs").stdout).expect("UTF-8")
}

fn profile(id: &str, name: &str) -> PacsEntitlement {
    PacsEntitlement { pacs_ref: id.into(), kind: "AccessProfile".into(), display_name: name.into() }
}

#[test]
fn a_permission_whose_entitlement_vanished_is_held_and_shown_until_it_is_taken_back_or_defined_again() {
    let mut world = world();
    define(&world, &[("ap-main", "Main entrance"), ("ap-lab", "Laboratory")]);
    let _gateway = world.gateway();
    world.source.put("entitlement", "main", entitlement("ap-main", "Main entrance"));
    world.source.put("entitlement", "lab", entitlement("ap-lab", "Laboratory"));
    hire(&mut world, "ada", "04A1B2C1", &["main", "lab"]);
    hire(&mut world, "bo", "04A1B2C2", &["main", "lab"]);
    world.expect_permissions("PAada", Some(&["ap-lab", "ap-main"]));
    world.expect_permissions("PAbo", Some(&["ap-lab", "ap-main"]));
    expect_list(&world, &["ap-lab", "ap-main"]);
    world.source.checkpoint();
    world.expect_equal_mirror();
    assert_eq!(changes(&world), [], "the first import has nothing to differ from");

    define(&world, &[("ap-main", "North entrance")]);
    world.clock.advance_s(60);
    let Event::EntitlementsChanged { added, renamed, vanished, complete, .. } = expect_changes(&world, 1)
    else {
        panic!("another event")
    };
    let north = RenamedEntitlement {
        pacs_ref: "ap-main".into(),
        from: "Main entrance".into(),
        to: "North entrance".into(),
    };
    assert_eq!((added, renamed, complete), (vec![], vec![north], true));
    assert_eq!(vanished, [profile("ap-lab", "Laboratory")]);

    // Who has it keeps it, who comes now does not get it, and the PACS is not even asked.
    hire(&mut world, "cy", "04A1B2C3", &["main", "lab"]);
    hire(&mut world, "di", "04A1B2C4", &["lab"]);
    world.expect_permissions("PAcy", Some(&["ap-main"]));
    world.expect_permissions("PAada", Some(&["ap-lab", "ap-main"]));
    expect_status(&world, "three assignments and one name", |found| {
        found["vanished_names"] == json!(["Laboratory"]) && found["held_assignments"] == 4
    });
    assert!(shown(&world, &["status"]).contains("1 defined there no longer: Laboratory; 4 assignments held"));
    let held = query(&world.config_file(), &["assignments", "cy.lab"]);
    assert!(held[0]["held"].as_str().expect("held").contains("not defined the entitlement since 2026-11-23"));
    assert!(query(&world.config_file(), &["assignments", "cy.main"])[0].get("held").is_none());
    assert!(shown(&world, &["query", "entitlements", "lab"]).contains("vanished 2026-11-23T"));
    assert!(shown(&world, &["query", "entitlements", "main"]).contains(" yes "));

    // What takes access away is obeyed as ever.
    world.source.delete("assignment", "bo.lab").publish();
    world.expect_permissions("PAbo", Some(&["ap-main"]));

    assert!(!world.pacs.world().persons.contains_key("PAdi"), "who has nothing else is not made");
    assert_eq!(
        status(&world.config_file()).expect("status")["export"]["held"],
        0,
        "the PACS refused nothing"
    );

    define(&world, &[("ap-main", "North entrance"), ("ap-lab", "Laboratory")]);
    world.clock.advance_s(60);
    world.expect_permissions("PAcy", Some(&["ap-lab", "ap-main"]));
    world.expect_permissions("PAdi", Some(&["ap-lab"]));
    let Event::EntitlementsChanged { added, .. } = expect_changes(&world, 2) else { panic!("another event") };
    assert_eq!(added, [profile("ap-lab", "Laboratory")]);
    expect_status(&world, "nothing is held any more", |found| found["vanished"] == 0);
    world.expect_no_effect_twice();
}

#[test]
fn a_vanished_entitlement_is_forgotten_once_nothing_is_assigned_to_it() {
    let mut world = world();
    define(&world, &[("ap-main", "Main entrance"), ("ap-lab", "Laboratory")]);
    let _gateway = world.gateway();
    world.source.put("entitlement", "lab", entitlement("ap-lab", "Laboratory"));
    hire(&mut world, "ada", "04A1B2C1", &["lab"]);
    world.expect_permissions("PAada", Some(&["ap-lab"]));
    world.source.checkpoint();
    world.expect_equal_mirror();
    define(&world, &[("ap-main", "Main entrance")]);
    world.clock.advance_s(60);
    expect_status(&world, "it is remembered", |found| found["vanished"] == 1);
    world.source.delete("assignment", "ada.lab").publish();
    world.expect_permissions("PAada", None);
    world.clock.advance_s(60);
    expect_status(&world, "it is forgotten", |found| found["vanished"] == 0 && found["defined"] == 1);
}

const OFFICE: [(&str, &str); 6] =
    [("a1", "One"), ("a2", "Two"), ("a3", "Three"), ("a4", "Four"), ("a5", "Five"), ("a6", "Six")];

#[test]
fn an_import_that_misses_most_of_the_list_changes_nothing_until_the_next_one_says_the_same() {
    let mut world = world();
    define(&world, &OFFICE);
    let _gateway = world.gateway();
    world.source.put("entitlement", "one", entitlement("a1", "One"));
    hire(&mut world, "ada", "04A1B2C1", &["one"]);
    world.expect_permissions("PAada", Some(&["a1"]));
    expect_list(&world, &["a1", "a2", "a3", "a4", "a5", "a6"]);

    // An accident that is over before the next import.
    define(&world, &OFFICE[5..]);
    world.clock.advance_s(60);
    expect_status(&world, "the old list stays", |found| found["missed"] == 5 && found["defined"] == 6);
    assert!(shown(&world, &["status"]).contains("5 of them were missing"));
    define(&world, &OFFICE);
    world.clock.advance_s(60);
    expect_status(&world, "all is well", |found| found["missed"] == 0 && found["defined"] == 6);
    assert_eq!(changes(&world), []);

    // One that is none.
    define(&world, &OFFICE[5..]);
    world.clock.advance_s(60);
    expect_status(&world, "the old list stays", |found| found["missed"] == 5);
    hire(&mut world, "bo", "04A1B2C2", &[]);
    world.clock.advance_s(60);
    expect_list(&world, &["a6"]);
    let Event::EntitlementsChanged { vanished, .. } = expect_changes(&world, 1) else {
        panic!("another event")
    };
    assert_eq!(vanished.len(), 5);
    world.expect_permissions("PAada", Some(&["a1"]));
}

#[test]
fn a_run_whose_first_import_misses_most_of_the_list_sends_nothing_until_another_says_the_same() {
    let mut world = world();
    define(&world, &OFFICE);
    let gateway = world.gateway();
    world.source.put("entitlement", "six", entitlement("a6", "Six"));
    hire(&mut world, "ada", "04A1B2C1", &["six"]);
    world.expect_permissions("PAada", Some(&["a6"]));
    expect_list(&world, &["a1", "a2", "a3", "a4", "a5", "a6"]);
    gateway.stop();

    define(&world, &OFFICE[5..]);
    let gateway = world.gateway();
    expect_status(&world, "it looks like an accident", |found| found["missed"] == 5);
    let before = world.pacs.effects().len();
    hire(&mut world, "bo", "04A1B2C2", &["six"]);
    world.expect_equal_mirror();
    assert_eq!(world.pacs.effects().len(), before, "this may be another PACS");
    gateway.stop();

    // A restart alone confirms nothing; time and another import do.
    let _gateway = world.gateway();
    world.source.expect_state("the PACS was asked again", |state| state["export"]["reachable"] == true);
    expect_status(&world, "it still does", |found| found["missed"] == 5);
    assert_eq!(world.pacs.effects().len(), before);
    world.clock.advance_s(60);
    world.expect_permissions("PAbo", Some(&["a6"]));
    expect_status(&world, "it was none", |found| found["missed"] == 0 && found["defined"] == 1);
}

#[test]
fn tokens_are_listed_with_what_they_are_worth() {
    let mut world = world();
    let _gateway = world.gateway();
    let token = |user: &str, kind: &str, status: &str| json!({ "user": user, "kind": kind, "status": status, "identifiers": [] });
    let mut gone = user("Bo", "Al");
    gone["status"] = "inactive".into();
    world.source.put("user", "ada", user("Ada", "Ek")).put("user", "bo", gone);
    world.source.put("token", "t1", token("ada", "card", "ACTIVE"));
    world.source.put("token", "t2", token("ada", "card", "REVOKED"));
    world.source.put("token", "t3", token("bo", "card", "ACTIVE"));
    world.source.put("token", "t4", token("bo", "temporary_card", "ACTIVE"));
    world.source.put("token", "t5", token("nobody", "card", "ACTIVE"));
    world.source.publish();
    world.expect_equal_mirror();
    let effective: Vec<Value> =
        query(&world.config_file(), &["tokens"]).iter().map(|row| row["effective"].clone()).collect();
    let expected = [
        json!({ "status": "ACTIVE" }),
        json!({ "status": "REVOKED", "certificate": "revoked" }),
        json!({ "status": "INACTIVE", "certificate": "on hold" }),
        json!({ "status": "LOCKED", "certificate": "revoked" }),
        Value::Null,
    ];
    assert_eq!(effective, expected);
    let table = shown(&world, &["query", "tokens"]);
    let row = table.lines().find(|line| line.starts_with("t4")).expect("a row");
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(cells[..6], ["t4", "temporary_card", "ACTIVE", "LOCKED", "revoked", "bo"]);
}
