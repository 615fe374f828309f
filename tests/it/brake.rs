//! A bad import takes hundreds out of the PACS at once, or bit by bit: the brake holds, says why, and lets through what
//! somebody approves. What ends by its own time is never held.

use crate::world::{World, assignment, card, entitlement, eventually, status, user};
use serde_json::Value;
use std::process::Command;

/// Users in one message of the source.
const PAGE_USERS: usize = 250;

/// A site with so many people in the PACS, each with a card and a right that ends then, if ever.
fn employ(world: &mut World, people: usize, until: &str) {
    world.source.put("entitlement", "main", entitlement("ap-main", "Main entrance")).publish();
    for first in (0..people).step_by(PAGE_USERS) {
        for n in first..people.min(first + PAGE_USERS) {
            let id = format!("u{n:05}");
            world.source.put("user", &id, user("Given", &id));
            world.source.put("token", &format!("c{n:05}"), card(&id, &format!("04{n:08X}")));
            world.source.put("assignment", &format!("a{n:05}"), assignment(&id, "main", "", until));
        }
        world.source.publish();
        let so_many = people.min(first + PAGE_USERS);
        world.expect_pacs("everyone is there", |pacs| pacs.persons.len() == so_many);
    }
    eventually("nothing is left to do", || {
        let export = export(world);
        if export["persons"] == people && export["backlog"] == 0 { Ok(()) } else { Err(export.to_string()) }
    });
}

/// The import drops these users: their records, and all that they hold.
fn drop_users(world: &mut World, which: std::ops::Range<usize>) {
    for n in which {
        world.source.delete("user", &format!("u{n:05}"));
        world.source.delete("token", &format!("c{n:05}"));
        world.source.delete("assignment", &format!("a{n:05}"));
    }
    world.source.publish();
}

fn export(world: &World) -> Value {
    status(&world.config_file()).expect("a status")["export"].clone()
}

fn expect_held(world: &World, persons: usize) -> Value {
    let held = || export(world)["held_removals"].clone();
    eventually("they are held", || {
        let held = held();
        if held["persons"] == persons { Ok(()) } else { Err(held.to_string()) }
    });
    held()
}

fn approve(world: &World, hash: &Value) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.arg("--config").arg(world.config_file());
    command.args(["export", "approve", hash.as_str().expect("a hash")]);
    command.output().expect("doorward runs").status.success()
}

#[test]
fn four_hundred_and_twelve_of_nine_hundred_deleted_by_a_bad_import_are_held_until_somebody_approves() {
    let mut world = World::new();
    world.configure("concurrency = 16");
    let _gateway = world.gateway();
    employ(&mut world, 900, "");
    drop_users(&mut world, 0..200);
    drop_users(&mut world, 200..412);
    let held = expect_held(&world, 412);
    assert_eq!((&held["items"], &held["limit_persons"]), (&(412 * 3).into(), &90.into()));
    let mut shown = Command::new(env!("CARGO_BIN_EXE_doorward"));
    let shown = shown.arg("--config").arg(world.config_file()).arg("status").output().expect("doorward runs");
    let shown = String::from_utf8(shown.stdout).expect("UTF-8");
    let lines: Vec<&str> = shown.lines().filter(|line| line.starts_with("brake")).collect();
    let [line] = lines[..] else { panic!("one line says why: {shown}") };
    assert!(line.contains("removals of 412 persons are held") && line.contains("more than 90"), "{line}");

    // Others are not held up by them.
    world.source.put("user", "new", user("New", "new")).put("token", "c-new", card("new", "0411223344"));
    world.source.put("assignment", "a-new", assignment("new", "main", "", "")).publish();
    world.expect_permissions("PAnew", Some(&["ap-main"]));
    world.source.put(
        "user",
        "u00500",
        serde_json::json!({ "status": "locked", "given_name": "G", "family_name": "F" }),
    );
    world.source.publish();
    world.expect_permissions("PAu00500", None);
    assert_eq!(world.pacs.world().persons.len(), 900, "901 less the one who was locked");
    assert_eq!(
        expect_held(&world, 412)["hash"],
        held["hash"],
        "neither of the two is an edit that takes away"
    );

    assert!(!approve(&world, &"0011223344556677".into()), "no other hash lets them through");
    assert!(approve(&world, &held["hash"]));
    world.expect_pacs("they are gone", |pacs| pacs.persons.len() == 900 - 412);
    world.expect_no_effect_twice();
}

/// `DOORWARD_SCENE_PEOPLE=10000` makes the site as large as it was when this happened: 412 in batches of a hundred.
#[test]
fn what_an_import_takes_bit_by_bit_counts_for_a_day() {
    let asked_for = std::env::var("DOORWARD_SCENE_PEOPLE").ok().and_then(|people| people.parse().ok());
    let people: usize = asked_for.unwrap_or(1_000);
    let batch = people / 100;
    let mut world = World::new();
    world.configure("concurrency = 16\nmax_removal_percent = 2");
    let gateway = world.gateway();
    employ(&mut world, people, "");
    // Two batches are two percent.
    for first in [0, batch] {
        drop_users(&mut world, first..first + batch);
        let left = people - first - batch;
        world.expect_pacs("these may go", |pacs| pacs.persons.len() == left);
    }
    drop_users(&mut world, 2 * batch..3 * batch);
    expect_held(&world, batch);
    // A restart forgets nothing of it.
    drop(gateway);
    let _gateway = world.gateway();
    let rest = people * 412 / 10_000;
    drop_users(&mut world, 3 * batch..4 * batch);
    drop_users(&mut world, 4 * batch..rest);
    let held = expect_held(&world, rest - 2 * batch);
    assert_eq!(world.pacs.world().persons.len(), people - 2 * batch);
    assert!(approve(&world, &held["hash"]));
    world.expect_pacs("they are gone", |pacs| pacs.persons.len() == people - rest);
}

#[test]
fn five_hundred_windows_that_close_at_five_are_not_held() {
    let mut world = World::new();
    world.configure("concurrency = 16");
    let _gateway = world.gateway();
    employ(&mut world, 500, "2026-11-23T17:00:00Z");
    world.clock.step_to(crate::world::at("2026-11-23T16:59:59Z"));
    world.source.checkpoint();
    assert_eq!(world.pacs.world().persons.len(), 500);
    world.clock.advance_s(1);
    world.expect_pacs("all of them have gone home", |pacs| pacs.persons.is_empty());
    let export = export(&world);
    assert!(export.get("held_removals").is_none(), "{export}");
}
