//! Lockdown, and doors that are open to everyone for a time.

use super::site::{ADA, Site};
use crate::world::{assignment, at, card, entitlement, query, user};
use contract::command::{Command, CommandMessage};
use contract::messages::Event;
use serde_json::json;

fn command(site: &Site, id: &str, command: Command) {
    let message = CommandMessage { id: id.into(), expires: at("2026-11-30T00:00:00Z"), command };
    site.world.source.publish_command(serde_json::to_vec(&message).expect("JSON"));
}

fn expect_result(site: &Site, wanted: &str, done: bool, saying: &str) {
    site.world.source.expect_event(&format!("{wanted} is answered"), |event| {
        matches!(event, Event::CommandResult { id, done: it, words }
            if id == wanted && *it == done && words.contains(saying))
    });
}

fn key(text: &str) -> access::id::Key {
    access::id::Key::new(text).expect("a key")
}

#[test]
fn in_a_lockdown_nobody_passes_but_those_who_are_exempt_and_it_outlives_the_gateway() {
    let mut site = Site::new();
    site.open();
    let source = &mut site.world.source;
    let mut fire = entitlement("ap-fire", "Fire crew");
    fire["class"] = "fire".into();
    source.put("entitlement", "fire", fire);
    source.put("user", "flo", user("Flo", "Re")).put("token", "c-flo", card("flo", "04F10000"));
    source.put("assignment", "flo.fire", assignment("flo", "fire", "", ""));
    let mut record = super::front("doorward");
    record["grants"] = json!([{ "entitlement": "main" }, { "entitlement": "fire" }]);
    source.put("door", "front", record);
    site.publish();

    site.order("door/lockdown", &json!({ "exempt": ["fire"] }));
    site.expect_at_door("the source is told", "lockdown");
    site.tap(ADA);
    let access = site.expect_access(|access| access.hex == ADA);
    assert_eq!(access.reasons[0].code, "lockdown");
    site.world.source.expect_state("state", |state| state["lockdown"] == true);
    site.stop();
    site.start();
    site.tap(ADA);
    site.expect_accesses(2, |access| access.hex == ADA && !access.granted);
    assert!(site.strike_edges().is_empty());
    site.tap("04F10000");
    site.expect_access(|access| access.hex == "04F10000" && access.granted);
    site.expect_strike(true);

    command(&site, "end", Command::LockdownEnd);
    expect_result(&site, "end", true, "over");
    site.tap(ADA);
    site.expect_access(|access| access.hex == ADA && access.granted);
    let audit = query(&site.world.config_file(), &["audit"]);
    let orders: Vec<&str> = audit.iter().filter_map(|entry| entry["order"].as_str()).collect();
    assert!(orders.contains(&"lockdown, exempt fire"), "{orders:?}");
    assert!(orders.contains(&"end lockdown"), "{orders:?}");
}

#[test]
fn a_door_is_open_to_everyone_until_its_time_is_over() {
    let mut site = Site::new();
    site.open();
    let until = at("2026-11-23T08:10:00Z");
    command(&site, "open", Command::DoorUnlock { door: key("front"), until });
    expect_result(&site, "open", true, "until 2026-11-23T08:10:00Z");
    site.expect_strike(true);
    site.world.source.expect_state("state", |state| state["doors"][0]["state"] == "unlocked");
    // It outlives the gateway, and not its time.
    site.stop();
    assert!(site.lines().are_at_rest(), "a gateway that ends leaves no door open");
    site.start();
    site.expect_strike(true);
    site.advance_ms(599_000);
    site.expect_strike(true);
    site.advance_ms(1_000);
    site.expect_strike(false);
    site.expect_at_door("it is told", "locked");
    site.stop();
    site.start();
    site.advance_ms(1_000);
    assert!(site.strike_edges().is_empty(), "it is over for good");
}

#[test]
fn a_door_that_is_open_to_everyone_goes_by_the_clock_on_the_wall() {
    let mut site = Site::new();
    site.open();
    site.order("door/unlock", &json!({ "door": "front", "for_s": 600 }));
    site.expect_strike(true);
    // The time server puts the clock right.
    site.world.clock.step_to(at("2026-11-23T08:10:01Z"));
    site.expect_strike(false);
}

#[test]
fn it_is_locked_by_an_order_by_a_lockdown_and_by_a_clock_that_nobody_believes() {
    let mut site = Site::new();
    site.open();
    let open = || drop(site.order("door/unlock", &json!({ "door": "front", "for_s": 600 })));
    open();
    site.expect_strike(true);
    site.order("door/lock", &json!({ "door": "front" }));
    site.expect_strike(false);
    open();
    site.expect_strike(true);
    site.order("door/lockdown", &json!({}));
    site.expect_strike(false);
    let (status, answer) = site.ask("door/unlock", &json!({ "door": "front", "for_s": 600 }));
    assert!(
        status == 409 && answer["error"].as_str().is_some_and(|words| words.contains("lockdown")),
        "{answer}"
    );
    site.order("door/end-lockdown", &json!({}));
    site.advance_ms(1_000);
    assert!(!site.is_lit(doorward::board::Role::Strike), "the end of a lockdown opens nothing");
    open();
    site.expect_strike(true);
    site.world.clock.set_synchronised(false);
    site.expect_strike(false);
    let (status, answer) = site.ask("door/unlock", &json!({ "door": "front", "for_s": 600 }));
    assert!(
        status == 409 && answer["error"].as_str().is_some_and(|words| words.contains("clock")),
        "{answer}"
    );
}

#[test]
fn what_cannot_be_opened_is_said() {
    let mut site = Site::new();
    site.open();
    let refused = |site: &Site, body: serde_json::Value| {
        let (status, answer) = site.ask("door/unlock", &body);
        assert_eq!(status, 409, "{answer}");
        answer["error"].as_str().expect("words").to_owned()
    };
    assert!(
        refused(&site, json!({ "door": "cellar", "for_s": 60 })).contains("not one of this panel's: front")
    );
    assert!(refused(&site, json!({ "door": "front", "for_s": 86_401 })).contains("24 hours"));
    site.world.source.put("door", "front", super::front("pacs"));
    site.world.source.publish();
    site.world.expect_equal_mirror();
    assert!(refused(&site, json!({ "door": "front", "for_s": 60 })).contains("the PACS's to open"));
    let mut record = super::front("doorward");
    record["gateway"] = "panel-2".into();
    site.world.source.put("door", "front", record);
    site.world.source.publish();
    site.world.expect_equal_mirror();
    assert!(refused(&site, json!({ "door": "front", "for_s": 60 })).contains("gateway panel-2's to open"));
}

#[test]
fn a_door_open_for_an_hour_is_not_open_for_days_because_the_clock_was_put_back() {
    let mut site = Site::new();
    site.open();
    site.order("door/unlock", &json!({ "door": "front", "for_s": 3_600 }));
    site.expect_strike(true);
    // By a server that is believed.
    site.world.clock.step_to(at("2026-11-21T08:00:00Z"));
    site.expect_strike(false);
}

#[test]
fn a_lockdown_locks_a_door_that_a_card_has_just_opened() {
    let mut site = Site::new();
    site.open();
    for granted in 1..=2 {
        site.tap(ADA);
        site.expect_accesses(granted, |access| access.granted);
        site.expect_strike(true);
        site.order("door/lockdown", &json!({ "exempt": [] }));
        site.expect_strike(false);
        site.order("door/end-lockdown", &json!({}));
    }
}
