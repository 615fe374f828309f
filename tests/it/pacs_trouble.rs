//! The PACS fails in every way it can; in the end it holds what the rules say.

use crate::world::{World, assignment, card, entitlement, user};
use contract::messages::{Event, ExportResult};
use doorward_sim::{Fault, FaultKind, Match, What};

fn hire(world: &mut World, id: &str, hex: &str) {
    world.source.put("entitlement", "main", entitlement("ap-main", "Main entrance"));
    world.source.put("user", id, user("Given", id)).put("token", &format!("card-{id}"), card(id, hex));
    world.source.put("assignment", &format!("{id}.main"), assignment(id, "main", "", ""));
    world.source.publish();
}

/// Lets time pass until lost requests can no longer run and everything has had its next turn.
fn let_time_pass(world: &World) {
    for _ in 0..30 {
        world.clock.advance_s(20);
        std::thread::yield_now();
    }
}

#[test]
fn a_pacs_that_is_down_for_the_whole_run_catches_up_once_it_is_back() {
    let mut world = World::new();
    world.pacs.pause().expect("it listens");
    let _gateway = world.gateway();
    for at in 0..5 {
        hire(&mut world, &format!("u{at}"), &format!("04A1B2C{at}"));
    }
    world.source.delete("assignment", "u3.main");
    world.source.publish();
    world.expect_equal_mirror();
    world.source.expect_state("the backlog shows", |state| state["export"]["reachable"] == false);
    world.pacs.resume().expect("the same port");
    crate::world::eventually("everyone is there", || {
        world.clock.advance_s(10);
        let persons: Vec<String> = world.pacs.world().persons.keys().cloned().collect();
        if persons == ["PAu0", "PAu1", "PAu2", "PAu4"] { Ok(()) } else { Err(format!("{persons:?}")) }
    });
    world.expect_no_effect_twice();
}

#[test]
fn one_refused_user_holds_nobody_else_and_goes_through_once_its_data_changes() {
    let mut world = World::new();
    let words = "surname contains a banned character";
    let refusal = FaultKind::Status { status: 422, words: words.into() };
    world
        .pacs
        .inject(Fault::forever(Match::any().method("POST").path("/persons").body("Bad-Name"), refusal))
        .expect("room");
    let _gateway = world.gateway();
    hire(&mut world, "good1", "04A1B2C1");
    world.source.put("user", "bad", user("Given", "Bad-Name"));
    world.source.put("token", "card-bad", card("bad", "04A1B2C2")).put(
        "assignment",
        "bad.main",
        assignment("bad", "main", "", ""),
    );
    world.source.publish();
    hire(&mut world, "good2", "04A1B2C3");
    world.expect_permissions("PAgood1", Some(&["ap-main"]));
    world.expect_permissions("PAgood2", Some(&["ap-main"]));
    world.source.expect_event("the PACS's own words", |event| {
        matches!(event, Event::ExportResult { user, result: ExportResult::Refused, words: Some(w), .. } if user == "bad" && w.contains(words))
    });
    world.clock.advance_s(2);
    world.source.expect_state("held is counted", |state| state["export"]["held"].as_u64() >= Some(1));
    assert!(!world.pacs.world().persons.contains_key("PAbad"));
    world.source.put("user", "bad", user("Given", "Better-Name"));
    world.source.publish();
    world.expect_permissions("PAbad", Some(&["ap-main"]));
}

#[test]
fn an_add_whose_answer_is_lost_leaves_nothing_behind_when_its_window_closes() {
    let mut world = World::new();
    lose_answers(&world, "/permissions");
    let _gateway = world.gateway();
    world.source.put("entitlement", "main", entitlement("ap-main", "Main entrance"));
    world.source.put("entitlement", "lab", entitlement("ap-lab", "Lab"));
    world.source.put("user", "ada", user("Ada", "Ek")).put("token", "c1", card("ada", "04A1B2C3"));
    world.source.put("assignment", "a1", assignment("ada", "main", "", "2026-11-23T08:00:30Z"));
    world.source.put("assignment", "a2", assignment("ada", "lab", "", ""));
    world.source.publish();
    world.expect_pacs("both adds have run, though nobody heard", |pacs| {
        crate::world::permissions(pacs, "PAada").is_some_and(|all| all.contains(&"ap-main"))
    });
    // The window closes before the gateway has found out.
    world.clock.advance_s(30);
    expect_in_the_end(&world, "PAada", Some(&["ap-lab"]));
    world.expect_no_effect_twice();
}

#[test]
fn an_add_whose_answer_is_lost_leaves_nothing_behind_when_its_token_is_revoked() {
    let mut world = World::new();
    lose_answers(&world, "/credentials");
    let _gateway = world.gateway();
    hire(&mut world, "ada", "04A1B2C3");
    world.expect_pacs("the card is there, though nobody heard", |pacs| {
        pacs.persons.get("PAada").is_some_and(|ada| ada.credentials.contains_key("card-ada"))
    });
    let mut revoked = card("ada", "04A1B2C3");
    revoked["status"] = "REVOKED".into();
    world.source.put("token", "card-ada", revoked);
    world.source.publish();
    expect_in_the_end(&world, "PAada", None);
    world.expect_no_effect_twice();
}

#[test]
fn an_add_that_runs_late_after_its_revocation_is_taken_back() {
    let mut world = World::new();
    let late = FaultKind::Late { ms: 600 };
    world.pacs.inject(Fault::once(Match::any().method("POST").path("/credentials"), late)).expect("room");
    let _gateway = world.gateway();
    hire(&mut world, "ada", "04A1B2C3");
    world.source.flush();
    world.source.delete("token", "card-ada");
    world.source.publish();
    world.expect_equal_mirror();
    expect_in_the_end(&world, "PAada", None);
}

#[test]
fn five_hundreds_cut_connections_and_conflicts_end_in_what_the_rules_say() {
    let mut world = World::new();
    let faults = [
        FaultKind::Status { status: 500, words: "out of order".into() },
        FaultKind::StatusAfter { status: 500, words: "done, but do not tell".into() },
        FaultKind::CutBefore,
        FaultKind::CutAfter,
        FaultKind::Status { status: 409, words: "an operator holds it".into() },
        FaultKind::Status { status: 429, words: "slow down".into() },
    ];
    for (at, fault) in faults.into_iter().enumerate() {
        let every = u32::try_from(at).expect("few");
        world.pacs.inject(Fault::times(2, Match::any().method("POST"), fault).skip(every * 3)).expect("room");
    }
    let _gateway = world.gateway();
    for at in 0..8 {
        hire(&mut world, &format!("u{at}"), &format!("04A1B2C{at}"));
    }
    world.expect_equal_mirror();
    for at in 0..8 {
        expect_in_the_end(&world, &format!("PAu{at}"), Some(&["ap-main"]));
    }
    for at in 0..4 {
        world.source.delete("user", &format!("u{at}"));
    }
    world.source.publish();
    world.expect_equal_mirror();
    for at in 0..8 {
        expect_in_the_end(&world, &format!("PAu{at}"), (at >= 4).then_some(["ap-main"].as_slice()));
    }
    world.expect_no_effect_twice();
    crate::world::eventually("the ledger has nothing left to do", || {
        world.clock.advance_s(10);
        let status = crate::world::status(&world.config_file())?;
        if status["export"]["backlog"] == 0 { Ok(()) } else { Err(status.to_string()) }
    });
    let credentials = world.pacs.effects().iter().filter(|effect| effect.what == What::Credential).count();
    assert!(credentials >= 12, "eight cards came, four went: {credentials}");
}

fn lose_answers(world: &World, path: &str) {
    world
        .pacs
        .inject(Fault::times(2, Match::any().method("POST").path(path), FaultKind::CutAfter))
        .expect("room");
}

/// Time passes until the person has exactly these permissions, and still has them after much more time.
fn expect_in_the_end(world: &World, person: &str, expected: Option<&[&str]>) {
    crate::world::eventually(&format!("{person} ends with {expected:?}"), || {
        world.clock.advance_s(1);
        // The gateway's threads and the PACS answer in real time; the clock must not run away from them.
        std::thread::sleep(std::time::Duration::from_millis(5));
        let pacs = world.pacs.world();
        let found = crate::world::permissions(&pacs, person);
        if found.as_deref() == expected { Ok(()) } else { Err(format!("{found:?}")) }
    });
    let_time_pass(world);
    let pacs = world.pacs.world();
    assert_eq!(crate::world::permissions(&pacs, person).as_deref(), expected, "{person}, long after");
}
