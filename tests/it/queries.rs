//! Questions answered with everything else gone.

use crate::world::{SITE, World, assignment, at, card, entitlement, program, query, status, user};
use serde_json::json;

fn small_office(world: &mut World) {
    let mut ada = user("Ada", "Ek");
    ada["pin"] = "4711".into();
    ada["organization"] = "Research".into();
    world.source.put("user", "ada", ada).put("user", "bo", user("Bo", "Al"));
    world.source.put("token", "c1", card("ada", "04A1B2C3"));
    world.source.put("entitlement", "main", entitlement("ap-main", "Main entrance"));
    world.source.put("assignment", "a1", assignment("ada", "main", "2026-11-23T07:00:00Z", ""));
    world.source.put("schedule", "office-hours", json!({ "zone": "Europe/Stockholm", "weekly": [] }));
    let grant = json!({ "entitlement": "main", "schedule": "office-hours" });
    world.source.put("door", "front", json!({ "name": "Front door", "grants": [grant] }));
    world.source.publish();
    world.source.put("token", "c9", json!({ "kind": "ring", "status": "ACTIVE", "identifiers": [] }));
    world.source.publish();
    world.expect_equal_mirror();
}

fn shown(world: &World, words: &[&str]) -> String {
    let output = program(&world.config_file()).args(words).output().expect("doorward runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn everything_can_be_asked_with_the_daemon_stopped_and_the_network_gone() {
    let mut world = World::new();
    let gateway = world.gateway();
    small_office(&mut world);
    world.expect_permissions("PAada", Some(&["ap-main"]));
    world.broker.stop();
    world.pacs.pause().expect("it listens");
    let running = status(&world.config_file()).expect("status");
    assert_eq!(running["running"], true, "{running}");
    gateway.stop();

    let tables = ["users", "tokens", "entitlements", "assignments", "schedules", "doors", "refused"];
    let all: Vec<String> = tables.iter().map(|what| shown(&world, &["query", what])).collect();
    insta::assert_snapshot!("tables", all.join("\n"));
    let stopped = status(&world.config_file()).expect("status");
    assert_eq!((&stopped["running"], &stopped["site"]), (&json!(false), &json!(SITE)));
    assert_eq!(stopped["export"]["persons"], 1);
    assert!(shown(&world, &["status"]).contains("1 persons in the PACS"));
}

#[test]
fn json_is_one_object_a_line_and_a_filter_finds_by_key_or_text() {
    let mut world = World::new();
    let _gateway = world.gateway();
    small_office(&mut world);
    let config = world.config_file();
    assert_eq!(query(&config, &["users"]).len(), 2);
    let ada = query(&config, &["users", "research"]);
    assert_eq!(ada.len(), 1);
    assert_eq!(ada[0]["record"]["given_name"], "Ada");
    assert_eq!(query(&config, &["users", "bo"])[0]["key"], "bo");
    assert_eq!(query(&config, &["tokens", "04a1b2c3"])[0]["key"], "c1");
    assert!(query(&config, &["tokens", "c9"])[0]["refused"].as_str().expect("reason").contains("ring"));
}

#[test]
fn a_pin_is_never_shown_and_cannot_be_searched_for() {
    let mut world = World::new();
    let _gateway = world.gateway();
    small_office(&mut world);
    let mut bad = user("Cy", "Ng");
    bad["pin"] = json!(815_815);
    world.source.put("user", "cy", bad);
    world.source.publish();
    world.expect_equal_mirror();
    world.source.expect_event("the PIN's owner is named", |event| format!("{event:?}").contains("\"cy\""));
    let said = format!("{:?}", world.source.events());
    let everything = [
        shown(&world, &["query", "users", "--json"]),
        shown(&world, &["query", "users"]),
        shown(&world, &["query", "refused", "--json"]),
        shown(&world, &["query", "events", "--json"]),
        shown(&world, &["query", "users", "4711"]),
        said,
    ];
    for text in everything {
        assert!(!text.contains("4711") && !text.contains("815815"), "{text}");
    }
    assert!(query(&world.config_file(), &["users", "4711"]).is_empty());
    assert_eq!(query(&world.config_file(), &["users", "ada"])[0]["record"]["pin"], "(set)");
}

#[test]
fn events_wait_while_the_source_is_away_and_leave_once() {
    let mut world = World::new();
    let _gateway = world.gateway();
    world.clock.step_to(at("2026-11-23T08:00:00Z"));
    small_office(&mut world);
    world.source.expect_event("the refused ring", |event| format!("{event:?}").contains("ring"));
    crate::world::eventually("the outbox empties", || {
        let status = status(&world.config_file())?;
        if status["events"]["waiting"] == 0 { Ok(()) } else { Err(status.to_string()) }
    });
    let mut numbers: Vec<u64> = world.source.events().iter().map(|event| event.seq).collect();
    let count = numbers.len() as u64;
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=count).collect::<Vec<_>>(), "without gaps, without doubles");
}
