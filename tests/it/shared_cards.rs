//! Two tokens with one card number: the one that is in the PACS stays, the newcomer waits, and both ends read why.

use crate::world::{World, assignment, card, entitlement, eventually, status, user};
use contract::messages::{Event, ExportResult};
use doorward_sim::{Fault, FaultKind, Match};
use std::process::Command;

const SHARED: &str = "04A1B2C3";

fn hire(world: &mut World, id: &str, hex: &str) {
    world.source.put("user", id, user("Given", id)).put("token", &format!("card-{id}"), card(id, hex));
    world.source.put("assignment", &format!("{id}.main"), assignment(id, "main", "", ""));
    world.source.publish();
}

/// Ada is in the PACS with the card; then bo is given the same one.
fn newcomer(world: &mut World) {
    world.source.put("entitlement", "main", entitlement("ap-main", "Main entrance"));
    hire(world, "ada", SHARED);
    world.expect_permissions("PAada", Some(&["ap-main"]));
    hire(world, "bo", SHARED);
    expect_held(world, 1);
}

fn expect_held(world: &World, tokens: u64) {
    eventually("the status counts tokens that are held", || {
        let status = status(&world.config_file())?;
        let held = status["export"]["shared_cards"].as_u64().unwrap_or(0);
        if held == tokens { Ok(()) } else { Err(format!("{held} tokens are held")) }
    });
}

fn shown(world: &World, words: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    let output =
        command.arg("--config").arg(world.config_file()).args(words).output().expect("doorward runs");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_newcomer_is_held_and_named_and_goes_through_once_the_other_has_another_card() {
    let mut world = World::new();
    let _gateway = world.gateway();
    newcomer(&mut world);
    assert!(!world.pacs.world().persons.contains_key("PAbo"), "a person without a card");
    world.source.expect_event("the source reads why", |event| {
        let is_refused = |words: &str| words.contains("token card-ada of ada");
        matches!(event, Event::ExportResult { user, item, result: ExportResult::Refused, words: Some(words) }
            if user == "bo" && item == "token card-bo" && is_refused(words))
    });
    assert!(shown(&world, &["status"]).contains("cards     1 tokens are held"));
    let named = shown(&world, &["export", "status"]);
    assert!(
        named.contains("shared    bo: token card-bo: held: its card number is that of token card-ada of ada")
    );
    let plan = shown(&world, &["export", "plan"]);
    assert!(plan.contains("card-bo") && plan.contains("waits: held: its card number"), "{plan}");

    world.source.put("token", "card-ada", card("ada", "04A1B2C4"));
    world.source.publish();
    world.expect_permissions("PAbo", Some(&["ap-main"]));
    expect_held(&world, 0);
    world.expect_no_effect_twice();
}

#[test]
fn a_restart_forgets_nobody_who_is_held_and_nobody_who_waits_for_nothing() {
    let mut world = World::new();
    let gateway = world.gateway();
    newcomer(&mut world);
    gateway.stop();
    expect_held(&world, 1);
    let gateway = world.gateway();
    world.source.delete("token", "card-bo").delete("user", "bo").delete("assignment", "bo.main");
    world.source.publish();
    expect_held(&world, 0);
    gateway.stop();
}

#[test]
fn a_number_that_a_lost_change_may_have_left_in_the_pacs_is_not_given_to_another() {
    let mut world = World::new();
    let _gateway = world.gateway();
    newcomer(&mut world);
    let change = Match::any().method("PUT").path("/credentials/").body("04A1B2C4");
    world
        .pacs
        .inject(Fault::forever(change, FaultKind::Status { status: 503, words: "busy".into() }))
        .expect("room");
    world.source.put("token", "card-ada", card("ada", "04A1B2C4"));
    world.source.publish();
    world
        .source
        .expect_state("the change is in doubt", |state| state["export"]["backlog"].as_u64() >= Some(1));
    hire(&mut world, "cy", "04A1B2C5");
    world.expect_permissions("PAcy", Some(&["ap-main"]));
    assert!(!world.pacs.world().persons.contains_key("PAbo"), "ada's card may still open with it");
    world.pacs.clear_faults();
    eventually("bo gets the number", || {
        world.clock.advance_s(20);
        if world.pacs.world().persons.contains_key("PAbo") { Ok(()) } else { Err("not yet".into()) }
    });
}
