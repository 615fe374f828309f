//! A security officer asks who may pass, and why: at the panel, with everything else gone.

use crate::world::{World, assignment, card, entitlement, program, user};
use rusqlite::Connection;
use serde_json::{Value, json};

/// A Monday morning in Stockholm, 09:30 by the clock on the wall.
const MONDAY: &str = "2023-11-20T08:30:00Z";
/// The evening of the same day.
const EVENING: &str = "2023-11-20T19:00:00Z";

/// What is said, and the exit code.
struct Said {
    text: String,
    code: Option<i32>,
}

fn ask(world: &World, words: &[&str]) -> Said {
    let output = program(&world.config_file()).args(words).output().expect("it runs");
    let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8");
    Said { text, code: output.status.code() }
}

fn ask_json(world: &World, words: &[&str]) -> Vec<Value> {
    let said = ask(world, &[words, &["--json"]].concat());
    said.text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

/// An answer without what differs from run to run.
fn stable(mut answer: Value) -> Value {
    for member in ["now", "floor"] {
        answer["clock"][member] = json!("(an instant)");
    }
    answer
}

fn uid(number: u8) -> String {
    format!("04A1B2C3D4E5{number:02X}")
}

/// Everybody who comes to the front door in these scenes, by the number on the card.
fn office(world: &mut World) {
    let person = |status: &str| {
        let mut person = user("A", "B");
        person["status"] = json!(status);
        person
    };
    let source = &mut world.source;
    for (name, status) in
        [("ada", "active"), ("bo", "locked"), ("cy", "inactive"), ("dee", "active"), ("eve", "active")]
    {
        source.put("user", name, person(status));
    }
    let mut put = |number: u8, user: &str, more: Value| {
        let mut record = card(user, &uid(number));
        for (member, value) in more.as_object().expect("members") {
            record[member] = value.clone();
        }
        source.put("token", &format!("c{number}"), record);
    };
    put(1, "ada", json!({}));
    put(2, "bo", json!({}));
    put(3, "cy", json!({}));
    put(4, "dee", json!({}));
    put(5, "ada", json!({ "status": "LOCKED" }));
    put(6, "ada", json!({ "valid_from": "2024-01-01T00:00:00Z" }));
    put(7, "ada", json!({ "valid_to": "2023-11-01T00:00:00Z" }));
    put(8, "nemo", json!({}));
    put(9, "eve", json!({}));
    put(11, "ada", json!({}));
    put(12, "ada", json!({}));
    let nobodys =
        json!({ "kind": "card", "status": "ACTIVE", "identifiers": [{ "type": "mifare", "hex": uid(10) }] });
    source.put("token", "c10", nobodys);
    source.put("token", "c13", card("eve", &uid(12)));
    for right in ["main", "cellar", "roof", "mars"] {
        source.put("entitlement", right, entitlement(&format!("ap-{right}"), right));
    }
    source.put("assignment", "a-ada", assignment("ada", "main", "", ""));
    source.put("assignment", "a-bo", assignment("bo", "main", "", ""));
    source.put("assignment", "a-cy", assignment("cy", "main", "", ""));
    source.put("assignment", "a-eve", assignment("eve", "main", "", "2023-11-17T00:00:00Z"));
    source.put("assignment", "a-eve-2", assignment("eve", "main", "2023-11-27T00:00:00Z", ""));
    source.put("assignment", "a-roof", assignment("ada", "roof", "", ""));
    source.put("assignment", "a-mars", assignment("ada", "mars", "", ""));
    source.put("assignment", "a-gone", assignment("ada", "gone", "", ""));
    let weekdays = json!([{ "days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "to": "17:00" }]);
    source.put("schedule", "office-hours", json!({ "zone": "Europe/Stockholm", "weekly": weekdays }));
    source.put("schedule", "martian", json!({ "zone": "Mars/Olympus", "weekly": weekdays }));
    let door = |name: &str, right: &str, schedule: &str| {
        let grant = if schedule.is_empty() {
            json!({ "entitlement": right })
        } else {
            json!({ "entitlement": right, "schedule": schedule })
        };
        json!({ "name": name, "grants": [grant] })
    };
    source.put("door", "front", door("Front door", "main", "office-hours"));
    source.put("door", "cellar", door("Cellar", "cellar", ""));
    source.put("door", "roof", door("Roof", "roof", "no-such-hours"));
    source.put("door", "mars", door("Mars", "mars", "martian"));
    source.put("door", "gone", door("Gone", "gone", ""));
    source.put("door", "side", door("Side door", "main", ""));
    source.publish();
    world.expect_equal_mirror();
}

/// The mirror's file, for what other parts of the panel write into it.
fn disk(world: &World) -> Connection {
    let path = world.folder.path().join("state/mirror.sqlite");
    #[expect(clippy::disallowed_methods, reason = "a hand at the disk")]
    Connection::open(path).expect("the mirror's file")
}

#[test]
fn a_card_that_may_pass_is_told_with_every_rule_and_until_when() {
    let mut world = World::new();
    let _gateway = world.gateway();
    office(&mut world);
    let said = ask(&world, &["why", &uid(1), "front", "--at", MONDAY]);
    assert_eq!(said.code, Some(0), "{}", said.text);
    let lines: Vec<&str> = said.text.lines().filter(|line| !line.starts_with("clock ")).collect();
    insta::assert_snapshot!("granted", lines.join("\n"));
}

/// A card, a door, an instant, and what is said of it.
const TURNED_AWAY: [(u8, &str, &str, &[&str]); 16] = [
    (0, "front", MONDAY, &["card: no token has this card's identifier"]),
    (1, "back", MONDAY, &["door: there is no such door"]),
    (
        1,
        "front",
        EVENING,
        &[
            "schedule: it is outside schedule office-hours",
            "nearest   2023-11-21T07:00:00Z (Tue 2023-11-21 08:00 Europe/Stockholm)",
        ],
    ),
    (1, "cellar", MONDAY, &["assignment: user ada has no entitlement that opens this door"]),
    (1, "roof", MONDAY, &["schedule: schedule no-such-hours is not there"]),
    (
        1,
        "mars",
        MONDAY,
        &[
            "schedule: schedule martian names the zone Mars/Olympus",
            "entitlement mars is no longer defined in the PACS",
        ],
    ),
    (1, "gone", MONDAY, &["entitlement: entitlement gone is not there"]),
    (2, "front", EVENING, &["user status: user bo is locked", "schedule: it is outside"]),
    (3, "front", MONDAY, &["user status: user cy is inactive"]),
    (5, "front", MONDAY, &["token status: token c5 is LOCKED"]),
    (
        6,
        "side",
        MONDAY,
        &["token window: token c6 begins at 2024-01-01T00:00:00Z", "nearest   2024-01-01T00:00:00Z"],
    ),
    (7, "front", MONDAY, &["token window: token c7 ended at 2023-11-01T00:00:00Z"]),
    (8, "front", MONDAY, &["holder: token c8 belongs to user nemo, who is not there"]),
    (
        9,
        "front",
        MONDAY,
        &[
            "assignment a-eve ended at 2023-11-17",
            "assignment a-eve-2 begins at 2023-11-27",
            "nearest   2023-11-27T07:00:00Z",
        ],
    ),
    (10, "front", MONDAY, &["holder: token c10 belongs to nobody"]),
    (11, "front", MONDAY, &["revocation here: token c11 was revoked at this panel"]),
];

#[test]
fn whoever_is_turned_away_learns_every_reason() {
    let mut world = World::new();
    let gateway = world.gateway();
    office(&mut world);
    gateway.stop();
    let disk = disk(&world);
    disk.execute_batch(
        "INSERT INTO overlay (what, token, body, created_at) VALUES ('revocation', 'c11', '{}', 0);
         INSERT INTO pacs_entitlement (pacs_ref, type, display_name, vanished_at) VALUES ('ap-mars', 'AccessProfile', 'Mars', 1)",
    )
    .expect("SQL");
    drop(disk);
    for (number, door, at, reasons) in TURNED_AWAY {
        let said = ask(&world, &["why", &uid(number), door, "--at", at]);
        assert_eq!(said.code, Some(1), "{}", said.text);
        for reason in reasons {
            assert!(said.text.contains(reason), "{number} {door}: {reason}: {}", said.text);
        }
    }
    let shared = ask(&world, &["why", &uid(12), "front", "--at", MONDAY]);
    assert!(
        shared.text.contains("card: several tokens have this card's identifier: c12 c13"),
        "{}",
        shared.text
    );
}

#[test]
fn a_user_is_asked_about_card_by_card() {
    let mut world = World::new();
    let _gateway = world.gateway();
    office(&mut world);
    let said = ask(&world, &["why", "--user", "ada", "front", "--at", MONDAY]);
    assert_eq!(said.code, Some(0), "{}", said.text);
    let verdicts: Vec<&str> = said.text.lines().filter(|line| line.contains(" at door ")).collect();
    assert_eq!(verdicts.len(), 6, "{verdicts:?}");
    assert_eq!(verdicts.iter().filter(|line| line.starts_with("GRANTED")).count(), 2, "{verdicts:?}");
    let nobody = ask(&world, &["why", "--user", "nemo-2", "front"]);
    assert_eq!(nobody.code, Some(1));
    assert!(nobody.text.contains("there is no card of this user"), "{}", nobody.text);
}

#[test]
fn the_answer_is_the_same_with_the_daemon_stopped_and_the_network_gone() {
    let mut world = World::new();
    let gateway = world.gateway();
    office(&mut world);
    let question = ["why", &uid(1), "front", "--at", MONDAY];
    let running = ask_json(&world, &question);
    world.broker.stop();
    gateway.stop();
    let stopped = ask_json(&world, &question);
    assert_eq!(stable(running[0].clone()), stable(stopped[0].clone()));
    insta::assert_json_snapshot!("json", stable(stopped[0].clone()));
}

#[test]
fn a_clock_that_is_not_to_be_believed_opens_nothing_that_has_an_edge() {
    let mut world = World::new();
    let gateway = world.gateway();
    office(&mut world);
    gateway.stop();
    world.write("state/clock-floor", "2999-01-01T00:00:00Z\n");
    let front = ask(&world, &["why", &uid(1), "front"]);
    assert_eq!(front.code, Some(1));
    let doubt = "schedule: schedule office-hours needs the time, and the clock is not to be believed";
    assert!(front.text.contains(doubt) && front.text.contains("clock     untrusted"), "{}", front.text);
    assert!(!front.text.contains("nearest"), "nobody knows how far away an instant is: {}", front.text);
    assert_eq!(ask(&world, &["why", &uid(1), "side"]).code, Some(0), "what has no edge needs no clock");
    let named = ask_json(&world, &["why", &uid(1), "front", "--at", MONDAY]);
    assert_eq!((&named[0]["granted"], &named[0]["when"]), (&json!(true), &json!("unknown")));
    assert!(named[0]["notes"].to_string().contains("at the door itself"), "{}", named[0]);
}

#[test]
fn what_is_asked_about_another_time_says_what_it_cannot_know() {
    let mut world = World::new();
    let _gateway = world.gateway();
    office(&mut world);
    for (at, when, note) in [
        ("2001-01-01T00:00:00Z", "past", "is not kept"),
        ("2999-01-01T01:00:00+01:00", "future", "may have changed"),
    ] {
        let answer = &ask_json(&world, &["why", &uid(1), "side", "--at", at])[0];
        assert_eq!(answer["when"], when);
        assert!(answer["notes"][0].as_str().expect("a note").contains(note), "{answer}");
    }
    let now = &ask_json(&world, &["why", &uid(1), "side"])[0];
    assert_eq!((&now["when"], &now["notes"]), (&json!("now"), &json!([])));
}

#[test]
fn what_cannot_be_asked_is_an_error_of_its_own() {
    let world = World::new();
    let no_mirror = ask(&world, &["why", &uid(1), "front"]);
    assert_eq!(no_mirror.code, Some(2));
    assert!(no_mirror.text.contains("doorward run"), "{}", no_mirror.text);
    for words in [&["why", "front"][..], &["why", "04A", "front"], &["why", "04A1", "front", "--at", "noon"]]
    {
        assert_eq!(ask(&world, words).code, Some(2), "{words:?}");
    }
}

#[test]
fn who_may_pass_a_door_and_where_a_user_may_go() {
    let mut world = World::new();
    let _gateway = world.gateway();
    office(&mut world);
    let who = ask_json(&world, &["who", "front", "--at", MONDAY]);
    let (summary, lines) = who.split_last().expect("a summary");
    let mut tokens: Vec<&str> = lines.iter().filter_map(|line| line["token"].as_str()).collect();
    tokens.sort_unstable();
    assert_eq!(tokens, ["c1", "c11"], "c12 is Eve's as well");
    assert_eq!((&summary["count"], &summary["complete"]), (&json!(2), &json!(true)));
    insta::assert_json_snapshot!("who", [lines[0].clone(), stable(summary.clone())]);

    let evening = ask(&world, &["who", "front", "--at", EVENING]);
    assert_eq!(evening.code, Some(1), "{}", evening.text);
    let cut = ask_json(&world, &["who", "front", "--at", MONDAY, "--limit", "1"]);
    assert_eq!((cut.len(), &cut[1]["complete"]), (2, &json!(false)));

    let said = ask(&world, &["where", "ada", "--at", MONDAY]);
    assert_eq!(said.code, Some(0));
    let lines: Vec<&str> = said.text.lines().filter(|line| !line.starts_with("clock ")).collect();
    insta::assert_snapshot!("where", lines.join("\n"));
    assert_eq!(ask(&world, &["where", "bo", "--at", MONDAY]).code, Some(1));
    assert_eq!(ask(&world, &["who", "no-such-door"]).code, Some(1));
}

#[test]
fn what_begins_and_ends_is_told_beforehand() {
    let mut world = World::new();
    let _gateway = world.gateway();
    office(&mut world);
    let next = &ask_json(&world, &["next", "--hours", "168"])[0];
    let edges = next["edges"].as_array().expect("edges");
    let hours: Vec<_> = edges.iter().filter(|edge| edge["key"] == "office-hours").collect();
    // Where summer time begins or ends meanwhile, an edge may fall out of the week or come twice.
    assert!((9..=11).contains(&hours.len()), "five days, each begins and ends: {next}");
    assert_eq!(hours[0]["doors"], json!(["front"]));
    assert!(
        hours.iter().all(|edge| edge["wall"].as_str().is_some_and(|wall| wall.ends_with("Europe/Stockholm")))
    );
    let times: Vec<&str> = edges.iter().filter_map(|edge| edge["at"].as_str()).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(next["complete"], true);
    assert_eq!(ask_json(&world, &["next", "--limit", "1", "--hours", "168"])[0]["complete"], false);
}
