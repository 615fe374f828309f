//! The network gone, and a clock that nobody believes.

use super::site::{ADA, Site};
use crate::world::{assignment, card, entitlement, user};
use serde_json::json;

const CONTRACTOR: &str = "04C0FFEE";

/// With a contractor, whose rights live for a day without news.
fn with_leash(after_restart: &str) -> Site {
    let leash = format!(
        "[[leash]]\nclass = \"contractor\"\nmax_age = \"24h\"\nafter_restart = \"{after_restart}\"\n"
    );
    let mut site = Site::of("", &leash);
    site.open();
    let source = &mut site.world.source;
    let mut works = entitlement("ap-works", "Works");
    works["class"] = "contractor".into();
    source.put("entitlement", "works", works);
    source.put("user", "con", user("Con", "Tractor")).put("token", "c-con", card("con", CONTRACTOR));
    source.put("assignment", "con.works", assignment("con", "works", "", ""));
    let mut record = super::front("doorward");
    record["grants"] = json!([{ "entitlement": "main" }, { "entitlement": "works" }]);
    source.put("door", "front", record);
    site.publish();
    site
}

fn tap(site: &Site, hex: &str, count: usize) -> (bool, Vec<String>) {
    site.tap(hex);
    let access = site.expect_accesses(count, |access| access.hex == hex);
    (access.granted, access.reasons.into_iter().map(|reason| reason.code).collect())
}

#[test]
fn a_right_on_a_leash_ends_without_news_and_comes_back_with_it() {
    let mut site = with_leash("rests");
    assert_eq!(tap(&site, CONTRACTOR, 1), (true, vec![]));
    for _ in 0..24 {
        site.advance_ms(3_600_000);
    }
    assert_eq!(tap(&site, CONTRACTOR, 2), (false, vec!["leash_over".to_owned()]));
    assert_eq!(tap(&site, ADA, 1), (true, vec![]), "who has none goes on");
    // Across a restart as well: the disk knows when the last news came.
    site.stop();
    site.start();
    assert!(!tap(&site, CONTRACTOR, 3).0);
    site.world.source.checkpoint();
    site.world.source.expect_state("it is proven", |state| state["in_sync"] == true);
    assert_eq!(tap(&site, CONTRACTOR, 4), (true, vec![]));
}

#[test]
fn after_a_restart_without_a_clock_a_leash_rests_or_begins_anew_as_its_class_says() {
    for (after_restart, may) in [("rests", false), ("begins_anew", true)] {
        let mut site = with_leash(after_restart);
        site.advance_ms(3_600_000);
        site.stop();
        site.world.clock.set_synchronised(false);
        site.start();
        assert_eq!(tap(&site, CONTRACTOR, 1).0, may, "{after_restart}");
        assert!(tap(&site, ADA, 1).0, "who has none goes on");
    }
}

#[test]
fn with_the_network_gone_cards_are_decided_all_the_same_and_told_in_order_later() {
    let mut site = Site::new();
    site.open();
    site.world.source.flush();
    site.world.broker.stop();
    let hexes = ["04FFFFF1", ADA, "04FFFFF2"];
    for (at, hex) in hexes.into_iter().enumerate() {
        site.tap(hex);
        crate::world::eventually("it is on disk", || {
            let events = crate::world::query(&site.world.config_file(), &["events"]);
            let count = events.iter().filter(|event| event["event"]["type"] == "access").count();
            if count == at + 1 { Ok(()) } else { Err(format!("{events:?}")) }
        });
    }
    site.expect_strike(true);
    site.world.broker.resume();
    site.expect_access(|access| access.hex == "04FFFFF2");
    let told: Vec<String> = site.accesses().into_iter().map(|access| access.hex).collect();
    assert_eq!(told, hexes);
}

#[test]
fn an_operator_asks_who_was_turned_away_and_why() {
    let mut site = Site::new();
    site.open();
    for hex in ["04FFFFF1", ADA] {
        site.tap(hex);
        site.expect_access(|access| access.hex == hex);
    }
    let config = site.world.config_file();
    let run = |words: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_doorward"));
        let output = command.arg("--config").arg(&config).args(words).output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let (code, denied) = run(&["query", "events", "--denied", "--since", "08:00"]);
    assert_eq!(code, Some(0), "{denied}");
    assert!(
        denied.contains("card 04FFFFF1 at front: denied: no token has this card's identifier"),
        "{denied}"
    );
    assert!(!denied.contains(ADA) && !denied.contains("export_result"), "{denied}");
    let (_, none) = run(&["query", "events", "--denied", "--since", "2026-11-23T08:00:01Z"]);
    assert!(!none.contains("04FFFFF1"), "{none}");
    let number = denied.lines().nth(1).and_then(|line| line.split_whitespace().next()).expect("a line");
    // He has got his card since.
    site.world.source.put("token", "c-new", card("ada", "04FFFFF1"));
    site.world.source.publish();
    site.world.expect_equal_mirror();
    let (code, why) = run(&["why", "--event", number]);
    assert_eq!(code, Some(1), "what was said then counts: {why}");
    assert!(why.starts_with(&format!("DENIED    event {number}: card 04FFFFF1 at door front")), "{why}");
    assert!(why.contains("By the records of now:\n\nGRANTED"), "{why}");
    assert_eq!(run(&["why", "--event", "99999"]).0, Some(2));
    assert_eq!(run(&["query", "users", "--denied"]).0, Some(1));
}
