//! Doors that the panel runs: a reader that speaks the lines of a helper, a virtual board, a broker and a PACS that are
//! real.

mod deaths;
mod orders;
pub(crate) mod site;
mod troubles;

use crate::world::{assignment, at, card, entitlement, eventually, user};
use doorward::board::{InputRole, Role};
use serde_json::json;
use site::{ADA, Site, UNLOCK_MS, front};
use std::io::BufRead;

#[test]
fn a_card_that_may_pass_is_written_down_before_the_strike_moves_and_the_strike_rests_in_time() {
    let mut site = Site::new();
    site.open();
    site.tap(ADA);
    let access = site.expect_access(|access| access.granted);
    assert_eq!((access.user.as_ref().map(|key| key.as_str()), access.hex.as_str()), (Some("ada"), ADA));
    assert!(access.opens && access.out_of_sync.is_none() && access.clock == "trusted", "{access:?}");
    assert_eq!(access.by.as_ref().map(|key| key.as_str()), Some("ada.main"));
    site.expect_strike(true);
    eventually("green", || site.is_lit(Role::GreenLed).then_some(()).ok_or_else(|| "dark".into()));
    site.advance_ms(UNLOCK_MS - 1_000);
    site.expect_strike(true);
    site.advance_ms(1_000);
    site.expect_strike(false);
    let moved: Vec<(bool, u64)> = site.strike_edges();
    assert_eq!(moved.iter().map(|(held, _)| *held).collect::<Vec<_>>(), [true, false]);
    assert_eq!(moved[1].1 - moved[0].1, UNLOCK_MS, "to the millisecond of an injected clock");
}

#[test]
fn each_thing_that_stands_in_the_way_is_named_and_the_strike_stays() {
    let mut site = Site::new();
    site.open();
    let source = &mut site.world.source;
    source.put("user", "bo", user("Bo", "Al")).put("token", "c-bo", card("bo", "04B0B0B0"));
    source.put("user", "cy", json!({ "status": "locked", "given_name": "Cy", "family_name": "Ng" }));
    source.put("token", "c-cy", card("cy", "04C0C0C0")).put(
        "assignment",
        "cy.main",
        assignment("cy", "main", "", ""),
    );
    source.put("user", "di", user("Di", "Oz")).put("token", "c-di", card("di", "04D0D0D0"));
    source.put("assignment", "di.main", assignment("di", "main", "", "2026-11-23T07:59:59Z"));
    source.put("user", "ed", user("Ed", "Po")).put("token", "c-ed", card("ed", "04E0E0E0"));
    source.put("assignment", "ed.night", assignment("ed", "night", "", ""));
    source.put("entitlement", "night", entitlement("ap-night", "Night"));
    source.put(
        "schedule",
        "nights",
        json!({ "zone": "Europe/Berlin", "holidays": [],
        "weekly": [{ "days": ["mon", "tue"], "from": "20:00", "to": "06:00" }] }),
    );
    let mut record = front("doorward");
    record["grants"] = json!([{ "entitlement": "main" }, { "entitlement": "night", "schedule": "nights" }]);
    source.put("door", "front", record);
    site.publish();
    let table = [
        ("04FFFFFF", "unknown_card"),
        ("04B0B0B0", "no_assignment"),
        ("04C0C0C0", "user_status"),
        ("04D0D0D0", "over"),
        ("04E0E0E0", "outside_schedule"),
    ];
    for (hex, code) in table {
        site.tap(hex);
        let access = site.expect_access(|access| access.hex == hex);
        assert!(!access.granted && !access.opens, "{access:?}");
        let codes: Vec<&str> = access.reasons.iter().map(|reason| reason.code.as_str()).collect();
        assert_eq!(codes, [code], "{hex}");
    }
    eventually("red", || site.is_lit(Role::RedLed).then_some(()).ok_or_else(|| "dark".into()));
    assert!(site.strike_edges().is_empty(), "nothing has moved");
    // At nine in the evening Ed may.
    site.world.clock.step_to(at("2026-11-23T20:00:00Z"));
    site.tap("04E0E0E0");
    site.expect_access(|access| access.hex == "04E0E0E0" && access.granted);
    site.expect_strike(true);
}

#[test]
fn a_door_of_the_pacs_or_of_another_panel_shows_and_tells_and_moves_nothing() {
    for (whose, record) in [
        ("pacs", front("pacs")),
        ("panel-2", {
            let mut record = front("doorward");
            record["gateway"] = "panel-2".into();
            record
        }),
    ] {
        let mut site = Site::new();
        site.open();
        site.world.source.put("door", "front", record);
        site.publish();
        site.tap(ADA);
        let access = site.expect_access(|access| access.hex == ADA);
        assert!(access.granted && !access.opens, "{whose}: {access:?}");
        eventually("green", || site.is_lit(Role::GreenLed).then_some(()).ok_or_else(|| "dark".into()));
        assert!(site.strike_edges().is_empty(), "{whose}");
    }
}

#[test]
fn with_several_doors_a_strike_that_names_none_is_nobodys() {
    // By its name the other one comes first.
    let mut site = Site::of("", "[[door]]\ndoor = \"back\"\n");
    site.open();
    site.world.source.put("door", "back", front("doorward"));
    site.publish();
    site.tap(ADA);
    let access = site.expect_access(|access| access.hex == ADA);
    assert!(access.granted && !access.opens, "{access:?}");
    site.order("door/unlock", &json!({ "door": "back", "for_s": 60 }));
    site.world.source.expect_state("it is done", |state| state["doors"][0]["state"] == "unlocked");
    assert!(site.strike_edges().is_empty(), "it may be the front door's");
}

#[test]
fn who_leaves_is_no_burglar_who_comes_without_a_word_is_and_a_wedge_is_noticed() {
    let mut site = Site::new();
    site.open();
    site.input(InputRole::Rex, true);
    site.expect_at_door("somebody leaves", "request_to_exit");
    site.input(InputRole::DoorContact, true);
    site.input(InputRole::Rex, false);
    site.input(InputRole::DoorContact, false);
    site.advance_ms(10_000);
    site.input(InputRole::DoorContact, true);
    site.expect_at_door("nobody had let anybody in", "forced");
    site.world
        .source
        .expect_state("state", |state| state["doors"] == json!([{ "door": "front", "state": "forced" }]));
    site.input(InputRole::DoorContact, false);
    site.expect_at_door("shut again", "closed");

    site.tap(ADA);
    site.expect_strike(true);
    site.input(InputRole::DoorContact, true);
    for _ in 0..61 {
        site.advance_ms(1_000);
    }
    site.expect_at_door("a wedge", "held_open");
    site.world.source.expect_state("state", |state| state["doors"][0]["state"] == "held_open");
    assert_eq!(site.count_at_door("forced"), 1, "who was let in forces nothing");
    assert_eq!(site.count_at_door("request_to_exit"), 1);
}

#[test]
fn a_card_that_was_let_in_waits_before_it_lets_somebody_else_in() {
    let mut site = Site::with("passback_s = 60\n");
    site.open();
    site.tap(ADA);
    site.expect_access(|access| access.granted);
    site.advance_ms(30_000);
    site.tap(ADA);
    let access = site.expect_access(|access| !access.granted);
    assert_eq!(access.reasons[0].code, "passed_just_now");
    site.advance_ms(30_000);
    site.tap(ADA);
    site.expect_accesses(2, |access| access.granted);
}

#[test]
fn a_card_enrolled_here_opens_before_the_source_has_said_a_word_and_one_revoked_here_does_not() {
    const NEW: &str = "04220001";
    let mut site = Site::new();
    site.open();
    site.order("token/revoke", &json!({ "uid": ADA }));
    site.tap(ADA);
    let access = site.expect_access(|access| access.hex == ADA);
    assert_eq!(access.reasons[0].code, "revoked_here");
    assert!(site.strike_edges().is_empty());

    let mut enroll = std::process::Command::new(env!("CARGO_BIN_EXE_doorward"));
    enroll
        .arg("--config")
        .arg(site.world.config_file())
        .args(["enroll", "--user", "ada", "--single", "--json"]);
    let mut enroll = enroll.stdout(std::process::Stdio::piped()).spawn().expect("doorward runs");
    let mut steps = std::io::BufReader::new(enroll.stdout.take().expect("piped")).lines();
    let armed = steps.next().expect("a step").expect("a line");
    assert!(armed.contains("armed"), "{armed}");
    site.tap(NEW);
    let steps: Vec<String> = steps.map_while(Result::ok).collect();
    assert!(enroll.wait().expect("it ends").success(), "{steps:?}");
    assert!(
        site.accesses().iter().all(|access| access.hex != NEW),
        "a card that is enrolled asks for nothing"
    );
    assert!(site.strike_edges().is_empty());
    site.tap(NEW);
    let access = site.expect_access(|access| access.hex == NEW);
    assert!(access.granted && access.token.is_some_and(|token| token.as_str().starts_with("enrolled-")));
    site.expect_strike(true);
}
