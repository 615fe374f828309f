//! A card is lost: somebody at the panel revokes it, with the network gone, and it stays so until the source settles it.

use crate::world::{World, assignment, at, card, entitlement, eventually, permissions, status, user};
use contract::command::{Command, CommandMessage};
use contract::messages::Event;
use serde_json::json;
use std::process::Output;

const CARD: &str = "04A1B2C3D4E5F6";

fn hire(world: &mut World, id: &str, hex: &str) {
    world.source.put("entitlement", "main", entitlement("ap-main", "Main entrance"));
    world.source.put("user", id, user("Given", id)).put("token", &format!("card-{id}"), card(id, hex));
    world.source.put("assignment", &format!("{id}.main"), assignment(id, "main", "", ""));
    world.source.publish();
    world.expect_permissions(&format!("PA{id}"), Some(&["ap-main"]));
}

fn revoke(world: &World, words: &[&str]) -> Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_doorward"));
    let command = command.arg("--config").arg(world.config_file()).args(["token", "revoke"]).args(words);
    command.output().expect("doorward runs")
}

fn said(output: &Output) -> (bool, String) {
    let text = if output.status.success() { &output.stdout } else { &output.stderr };
    (output.status.success(), String::from_utf8_lossy(text).into_owned())
}

fn settle(world: &World, id: &str, token: &str) {
    let command = Command::RevocationSettled { token: access::id::Key::new(token).expect("a key") };
    let message = CommandMessage { id: id.into(), expires: at("2026-11-23T09:00:00Z"), command };
    world.source.publish_command(serde_json::to_vec(&message).expect("JSON"));
}

fn expect_revoked_here(world: &World, tokens: u64) {
    eventually("the status counts what is revoked here", || {
        let found = status(&world.config_file())?["revoked_here"].clone();
        if found == tokens { Ok(()) } else { Err(found.to_string()) }
    });
}

#[test]
fn a_lost_card_leaves_the_pacs_with_the_network_gone_and_comes_back_only_when_the_source_says_so() {
    let mut world = World::new();
    let _gateway = world.gateway();
    hire(&mut world, "ada", &CARD.to_lowercase());
    hire(&mut world, "bo", "04A1B2C3");
    world.broker.stop();

    let (done, words) = said(&revoke(&world, &["04:a1:b2:c3:d4:e5:f6"]));
    assert!(done && words == "token card-ada is revoked here until the source settles it\n", "{words}");
    world.expect_permissions("PAada", None);
    assert!(permissions(&world.pacs.world(), "PAbo").is_some(), "another card begins with the same bytes");
    expect_revoked_here(&world, 1);

    world.broker.resume();
    world.source.expect_event("the source is told", |event| {
        matches!(event, Event::TokenRevoked { token, user: Some(user) }
            if token.as_str() == "card-ada" && user.as_str() == "ada")
    });
    // Whatever the source says of the token meanwhile.
    world.source.put("token", "card-ada", card("ada", CARD));
    world.source.publish();
    world.expect_equal_mirror();
    hire(&mut world, "cy", "04A1B2C4");
    assert!(permissions(&world.pacs.world(), "PAada").is_none(), "it is still revoked here");

    settle(&world, "settle-1", "card-ada");
    world.source.expect_event(
        "it is settled",
        |event| matches!(event, Event::CommandResult { id, done: true, .. } if id == "settle-1"),
    );
    world.expect_permissions("PAada", Some(&["ap-main"]));
    expect_revoked_here(&world, 0);
}

#[test]
fn a_revocation_survives_a_restart_and_is_said_once() {
    let mut world = World::new();
    let gateway = world.gateway();
    hire(&mut world, "ada", CARD);
    assert!(said(&revoke(&world, &["--token", "card-ada"])).0);
    assert!(said(&revoke(&world, &[CARD])).0, "once more does no harm");
    world.expect_permissions("PAada", None);
    gateway.stop();
    let _gateway = world.gateway();
    hire(&mut world, "bo", "04A1B2C5");
    assert!(permissions(&world.pacs.world(), "PAada").is_none());
    let told = world.source.events().into_iter().filter(|m| matches!(m.event, Event::TokenRevoked { .. }));
    assert_eq!(told.count(), 1);
    let audit = crate::world::query(&world.config_file(), &["audit"]);
    assert!(audit.iter().any(|entry| entry["order"] == json!(format!("revoke uid {CARD}"))), "{audit:?}");
}

#[test]
fn what_is_no_card_of_this_site_is_said_and_nothing_is_revoked() {
    let mut world = World::new();
    let gateway = world.gateway();
    hire(&mut world, "ada", CARD);
    let (done, words) = said(&revoke(&world, &["04A1B2C3"]));
    assert!(!done && words.contains("uid 04A1B2C3: no token in force here is that"), "{words}");
    let (done, words) = said(&revoke(&world, &["04A1B2C"]));
    assert!(!done && words.contains("hexadecimal"), "{words}");
    settle(&world, "settle-2", "card-ada");
    world.source.expect_event("nothing to settle", |event| {
        matches!(event, Event::CommandResult { id, done: false, words } if id == "settle-2" && words.contains("not revoked"))
    });
    expect_revoked_here(&world, 0);
    gateway.stop();
    let (done, words) = said(&revoke(&world, &[CARD]));
    assert!(!done && words.contains("no daemon listens"), "{words}");
}
