//! Windows and clocks, by a clock that the scene moves.

use crate::world::{World, assignment, at, card, entitlement, user};
use access::time::UtcTime;

fn office(world: &mut World, from: &str, to: &str) {
    world.source.put("entitlement", "main", entitlement("ap-main", "Main entrance"));
    world.source.put("user", "ada", user("Ada", "Ek")).put("token", "c1", card("ada", "04A1B2C3"));
    world.source.put("assignment", "a1", assignment("ada", "main", from, to));
    world.source.publish();
    world.expect_equal_mirror();
}

#[test]
fn an_assignment_enters_when_its_window_opens_and_leaves_when_it_closes() {
    let mut world = World::new();
    let _gateway = world.gateway();
    office(&mut world, "2026-11-23T09:00:00Z", "2026-11-23T17:00:00Z");
    world.source.put("user", "bo", user("Bo", "Al")).put("token", "c2", card("bo", "04A1B2C4"));
    world.source.put("assignment", "a2", assignment("bo", "main", "", ""));
    world.source.publish();
    world.expect_permissions("PAbo", Some(&["ap-main"]));
    assert_eq!(world.pacs.world().persons.len(), 1, "an hour before nine Ada is nowhere");

    world.clock.advance_s(3599);
    world.source.put("user", "bo", user("Bo", "Al-Sayed"));
    world.source.publish();
    world.expect_pacs("Bo is renamed", |pacs| pacs.persons["PAbo"].fields["lastName"] == "Al-Sayed");
    assert_eq!(world.pacs.world().persons.len(), 1, "a second before nine she still is");

    world.clock.advance_s(1);
    world.expect_permissions("PAada", Some(&["ap-main"]));
    world.clock.advance_s(8 * 3600);
    // `valid_to` = now is closed.
    world.expect_permissions("PAada", None);
    world.expect_permissions("PAbo", Some(&["ap-main"]));
}

#[test]
fn a_clock_step_back_and_forward_over_an_edge_is_followed() {
    let mut world = World::new();
    let _gateway = world.gateway();
    office(&mut world, "2026-11-23T09:00:00Z", "2026-11-23T17:00:00Z");
    world.clock.step_to(at("2026-11-23T09:30:00Z"));
    world.expect_permissions("PAada", Some(&["ap-main"]));
    world.clock.step_to(at("2026-11-23T08:30:00Z"));
    world.expect_permissions("PAada", None);
    world.clock.step_to(at("2026-11-23T16:59:59Z"));
    world.expect_permissions("PAada", Some(&["ap-main"]));
    world.clock.step_to(at("2026-11-24T09:30:00Z"));
    world.expect_permissions("PAada", None);
}

/// The second that ends each window comes a little later in each round than the one before it: at some of them while
/// the export looks at who is due.
#[test]
fn an_edge_that_comes_while_the_export_looks_is_not_missed() {
    let mut world = World::new();
    let _gateway = world.gateway();
    for round in 0..60 {
        let end = UtcTime::from_unix(at("2026-11-23T10:00:00Z").unix() + 60 * (round + 1));
        office(&mut world, "", &end.to_string());
        world.expect_permissions("PAada", Some(&["ap-main"]));
        world.clock.step_to(UtcTime::from_unix(end.unix() - 1));
        (0..round * 500).for_each(|_| std::hint::spin_loop());
        world.clock.advance_s(1);
        world.expect_permissions("PAada", None);
    }
}

#[test]
fn untrusted_time_opens_nothing_closes_nothing_and_still_obeys_changes() {
    let mut world = World::new();
    let _gateway = world.gateway();
    office(&mut world, "2026-11-23T09:00:00Z", "2026-11-23T17:00:00Z");
    world.source.put("user", "bo", user("Bo", "Al")).put("token", "c2", card("bo", "04A1B2C4"));
    world.source.put(
        "assignment",
        "a2",
        assignment("bo", "main", "2026-11-23T07:00:00Z", "2026-11-23T12:00:00Z"),
    );
    world.source.publish();
    world.expect_permissions("PAbo", Some(&["ap-main"]));
    raise_floor(&world);

    world.clock.set_synchronised(false);
    world.clock.advance_s(3 * 3600);
    world.source.put("user", "cy", user("Cy", "Ng")).put("token", "c3", card("cy", "04A1B2C5"));
    world.source.put("assignment", "a3", assignment("cy", "main", "", ""));
    world.source.publish();
    // A window without edges needs no clock.
    world.expect_permissions("PAcy", Some(&["ap-main"]));
    let pacs = world.pacs.world();
    assert!(!pacs.persons.contains_key("PAada"), "nine o'clock came by a clock that nobody believes");
    assert!(pacs.persons.contains_key("PAbo"), "what stands may stand while it holds at the floor");

    let with_window = |hex: &str| {
        let mut card = card("bo", hex);
        card["valid_to"] = "2026-12-31T00:00:00Z".into();
        card
    };
    world.source.put("token", "c4", with_window("04B1B2C4"));
    world.source.put("user", "bo", user("Bo", "Al-Sayed"));
    world.source.publish();
    // A change of data is obeyed; a card whose window needs the clock is not given.
    world.expect_pacs("Bo is renamed", |pacs| pacs.persons["PAbo"].fields["lastName"] == "Al-Sayed");
    assert!(!world.pacs.world().persons["PAbo"].credentials.contains_key("c4"));

    world.source.delete("assignment", "a2");
    world.source.publish();
    world.expect_permissions("PAbo", None);

    world.clock.set_synchronised(true);
    world.expect_permissions("PAada", Some(&["ap-main"]));
}

#[test]
fn a_card_that_is_replaced_while_the_clock_is_not_believed_opens_nothing_any_more() {
    let mut world = World::new();
    let _gateway = world.gateway();
    office(&mut world, "", "");
    let with_window = |hex: &str| {
        let mut card = card("ada", hex);
        card["valid_to"] = "2026-12-31T00:00:00Z".into();
        card
    };
    world.source.put("token", "c2", with_window("04B1B2C4"));
    world.source.publish();
    world.expect_pacs("both cards", |pacs| {
        pacs.persons.get("PAada").is_some_and(|ada| ada.credentials.len() == 2)
    });
    raise_floor(&world);
    world.clock.set_synchronised(false);
    world.source.put("token", "c2", with_window("04B1B2C5"));
    world.source.publish();
    world.expect_pacs("the old card is gone", |pacs| pacs.persons["PAada"].credentials.len() == 1);
    world.clock.set_synchronised(true);
    world.expect_pacs("the new one comes with the time", |pacs| {
        pacs.persons["PAada"].credentials.get("c2").is_some_and(|card| card["cardNumber"] == "04B1B2C5")
    });
}

#[test]
fn a_panel_that_wakes_in_1970_opens_no_window_and_keeps_its_floor() {
    let mut world = World::new();
    let gateway = world.gateway();
    office(&mut world, "2026-11-23T07:00:00Z", "2026-11-23T08:10:00Z");
    world.expect_permissions("PAada", Some(&["ap-main"]));
    raise_floor(&world);
    // Past eight ten, by a clock that is believed: the window is closed, and the floor says so.
    world.clock.advance_s(3700);
    world.expect_permissions("PAada", None);
    world.clock.advance_s(3700);
    world.source.expect_state("the floor follows", |state| state["clock"] == "trusted");
    gateway.stop();

    world.clock.step_to(UtcTime::from_unix(0));
    let _gateway = world.gateway();
    world.source.put("user", "bo", user("Bo", "Al")).put("token", "c2", card("bo", "04A1B2C4"));
    world.source.put("assignment", "a2", assignment("bo", "main", "", ""));
    world.source.put(
        "assignment",
        "a3",
        assignment("ada", "main", "1969-01-01T00:00:00Z", "2026-11-23T08:30:00Z"),
    );
    world.source.publish();
    world.expect_permissions("PAbo", Some(&["ap-main"]));
    assert!(
        !world.pacs.world().persons.contains_key("PAada"),
        "1970 is inside that window, and not believed"
    );
    world.source.expect_state("the clock is named", |state| state["clock"] == "untrusted");
}

#[test]
fn a_clock_that_loses_its_server_is_believed_for_a_while_and_not_at_all_once_it_is_moved() {
    let mut world = World::new();
    let config = world.config_file();
    let text = std::fs::read_to_string(&config).expect("the configuration");
    std::fs::write(&config, text.replace("holdover_s = 0", "holdover_s = 7200")).expect("write");
    let _gateway = world.gateway();
    office(&mut world, "2026-11-23T09:00:00Z", "2026-11-23T17:00:00Z");
    world.clock.set_synchronised(false);
    world.source.expect_state("it is believed", |state| state["clock"] == "holdover");
    world.clock.advance_s(3600);
    // Nine o'clock, by a clock that nobody has confirmed for an hour.
    world.expect_permissions("PAada", Some(&["ap-main"]));
    let shown = clock(&world);
    assert_eq!(
        (&shown["standing"], &shown["holdover_left_s"]),
        (&"holdover".into(), &3600.into()),
        "{shown}"
    );

    world.source.put("user", "bo", user("Bo", "Al")).put("token", "c2", card("bo", "04A1B2C4"));
    world.source.put("assignment", "a2", assignment("bo", "main", "2026-11-23T12:00:00Z", ""));
    world.source.publish();
    world.expect_equal_mirror();
    world.clock.step_to(at("2026-11-23T12:30:00Z"));
    world.source.expect_state("it is not any more", |state| state["clock"] == "untrusted");
    let shown = clock(&world);
    assert!(shown["doubt"].as_str().is_some_and(|words| words.contains("moved")), "{shown}");
    world.clock.step_to(at("2026-11-23T09:00:10Z"));
    assert_eq!(clock(&world)["standing"], "untrusted", "nobody knows which of the two was right");
    assert!(!world.pacs.world().persons.contains_key("PAbo"), "noon came by a hand");
    world.clock.set_synchronised(true);
    world.clock.step_to(at("2026-11-23T12:00:01Z"));
    world.expect_permissions("PAbo", Some(&["ap-main"]));
}

#[test]
fn a_floor_that_a_lying_server_has_raised_is_put_back_by_an_order_that_is_audited() {
    let mut world = World::new();
    world.write("state/clock-floor", "2031-01-01T00:00:00Z\n");
    let _gateway = world.gateway();
    office(&mut world, "2026-11-23T08:00:00Z", "");
    let shown = clock(&world);
    assert_eq!((&shown["standing"], &shown["synchronised"]), (&"untrusted".into(), &true.into()), "{shown}");
    assert!(!world.pacs.world().persons.contains_key("PAada"));
    let reset = |words: &[&str]| {
        let words = [&["clock", "reset-floor"], words].concat();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_doorward"));
        let output = { output }.arg("--config").arg(world.config_file()).args(words).output().expect("runs");
        (
            output.status.success(),
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    };
    let (done, words) = reset(&["--to", "2032-01-01T00:00:00Z"]);
    assert!(!done && words.contains("only be put back"), "{words}");
    let (done, words) = reset(&[]);
    assert!(done && words.contains("was 2031-01-01T00:00:00Z and is 2026-11-01T00:00:00Z"), "{words}");
    world.expect_permissions("PAada", Some(&["ap-main"]));
    assert_eq!(clock(&world)["standing"], "trusted");
    let audit = crate::world::query(&world.config_file(), &["audit"]);
    let entry =
        audit.iter().find(|entry| entry["order"].as_str().is_some_and(|order| order.contains("floor")));
    let entry = entry.unwrap_or_else(|| panic!("{audit:?}"));
    assert!(entry["who"].as_str().is_some_and(|who| who.starts_with("uid ")), "{entry}");
}

/// `doorward clock --json`.
fn clock(world: &World) -> serde_json::Value {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_doorward"));
    let output = command.arg("--config").arg(world.config_file()).args(["clock", "--json"]).output();
    let output = output.expect("doorward runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Synchronised for long enough, the clock raises the floor.
fn raise_floor(world: &World) {
    let floor = world.folder.path().join("state/clock-floor");
    crate::world::eventually("the floor is raised", || {
        world.clock.advance_s(11);
        let text = std::fs::read_to_string(&floor).map_err(|error| error.to_string())?;
        if text.starts_with("2026-11-23") { Ok(()) } else { Err(text) }
    });
}
