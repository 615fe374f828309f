//! Who is looked at again after a start: those to whom something has happened, and nobody else.

use crate::world::{Ended, World, assignment, card, entitlement, eventually, user};
use serde_json::Value;

/// Three people at work, one of them until noon.
fn office(world: &mut World) {
    world.source.put("entitlement", "main", entitlement("ap-main", "Main entrance"));
    for (id, hex, to) in [("ada", "04A1B2C3", ""), ("bo", "04A1B2C4", ""), ("cy", "04A1B2C5", NOON)] {
        world.source.put("user", id, user("Given", id)).put("token", &format!("card-{id}"), card(id, hex));
        world.source.put("assignment", &format!("{id}.main"), assignment(id, "main", "", to));
    }
    world.source.publish();
}

const NOON: &str = "2026-11-23T12:00:00Z";

fn plan(world: &World, words: &[&str]) -> Value {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.arg("--config").arg(world.config_file()).args(["export", "plan", "--json"]).args(words);
    let output = command.output().expect("doorward runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let last = text.lines().last().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    serde_json::from_str::<Value>(last).expect("JSON")["summary"].clone()
}

/// Waits until nobody is left to be looked at.
fn expect_rest(world: &World) {
    eventually("everyone was found at rest", || {
        let summary = plan(world, &[]);
        if summary["looked_at"] == 0 { Ok(()) } else { Err(summary.to_string()) }
    });
}

#[test]
fn who_was_found_at_rest_is_not_looked_at_again_until_something_happens() {
    let mut world = World::new();
    let gateway = world.gateway();
    office(&mut world);
    world.expect_pacs("everyone is there", |pacs| pacs.persons.len() == 3);
    expect_rest(&world);
    assert_eq!(plan(&world, &["--everyone"])["looked_at"], 3);
    assert_eq!(plan(&world, &["--everyone"])["users_differ"], 0);
    gateway.stop();

    let requests = world.pacs.effects().len();
    let gateway = world.gateway();
    world.source.put("token", "card-bo", card("bo", "04FFFFFF")).publish();
    world.expect_pacs("Bo's new card is there", |pacs| {
        pacs.persons.get("PAbo").is_some_and(|bo| bo.credentials["card-bo"]["cardNumber"] == "04FFFFFF")
    });
    expect_rest(&world);
    gateway.stop();
    assert!(world.pacs.effects()[requests..].iter().all(|effect| effect.key.contains("PAbo")));
}

#[test]
fn what_was_mirrored_and_not_yet_looked_at_survives_a_death() {
    let mut world = World::new();
    let gateway = world.program(None);
    world.source.expect_state("the gateway is online", |state| state["online"] == true);
    office(&mut world);
    world.expect_pacs("who may be there is there", |pacs| pacs.persons.len() == 2);
    expect_rest(&world);
    gateway.kill();
    world.source.delete("assignment", "ada.main").publish();
    // It dies after its first batch, then after its second, until the change was in it: the broker still has it to
    // deliver then, but it will be old news.
    let is_mirrored = || plan(&world, &[])["removed"] == 3;
    for nth in 1..9 {
        if is_mirrored() {
            break;
        }
        let mut gateway = world.program(Some(&format!("sync.before_acknowledgement@{nth}")));
        eventually("it dies", || match gateway.ended() {
            Some(Ended::AtFailpoint) => Ok(()),
            other => Err(format!("{other:?}")),
        });
    }
    assert!(is_mirrored(), "Ada, her card and her right are to go: {}", plan(&world, &[]));
    world.forget_session();
    let _gateway = world.program(None);
    world.expect_permissions("PAada", None);
}

#[test]
fn a_window_that_closes_while_the_gateway_is_off_is_found_at_its_start() {
    let mut world = World::new();
    let gateway = world.gateway();
    office(&mut world);
    world.expect_pacs("everyone is there", |pacs| pacs.persons.len() == 3);
    expect_rest(&world);
    gateway.stop();
    world.clock.advance_s(5 * 3600);
    let _gateway = world.gateway();
    world.expect_permissions("PAcy", None);
    expect_rest(&world);
}

#[test]
fn what_waits_for_a_clock_that_can_be_believed_is_looked_at_when_it_can() {
    let mut world = World::new();
    let gateway = world.gateway();
    office(&mut world);
    world.expect_pacs("everyone is there", |pacs| pacs.persons.len() == 3);
    expect_rest(&world);
    gateway.stop();
    // It wakes in the evening, and nobody tells it that it is right.
    world.clock.advance_s(10 * 3600);
    world.clock.set_synchronised(false);
    let gateway = world.gateway();
    world.source.put("assignment", "dan.main", assignment("dan", "main", "2026-11-23T09:00:00Z", ""));
    world.source.put("user", "dan", user("Given", "dan")).put("token", "card-dan", card("dan", "04A1B2C6"));
    world.source.put("user", "bo", user("Other", "bo")).publish();
    world.expect_pacs("Bo's new name is there", |pacs| {
        pacs.persons.get("PAbo").is_some_and(|bo| format!("{bo:?}").contains("Other"))
    });
    assert_eq!(world.pacs.world().persons.len(), 3, "nothing opens or closes by such a clock");
    gateway.stop();
    let _gateway = world.gateway();
    world.clock.set_synchronised(true);
    world.expect_permissions("PAcy", None);
    world.expect_permissions("PAdan", Some(&["ap-main"]));
    expect_rest(&world);
}
