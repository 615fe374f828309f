//! Users come, change and leave.

use super::*;

#[tokio::test]
async fn a_user_with_two_badges_and_two_levels_comes_changes_and_leaves() {
    let world = built(Options::default(), &with_pin(), TIMEOUT_MS);
    let mut story = String::new();
    let ada_id = world.made(&person(Act::Create, Some(ada()), None)).await;
    let first = world.made(&badge(Act::Create, "077705923", Some(Window::ALWAYS), None, &ada_id)).await;
    let year = until("2026-12-31T23:00:00Z");
    let lab = Window { from: Some(at("2026-03-01T08:00:00Z")), to: Some(at("2026-03-01T17:00:00Z")) };
    let give =
        |level, badges: &[&str], window| permission(Act::Create, level, Some(right(badges, window)), &ada_id);
    assert_eq!(world.made(&give(MAIN, &[&first], Window::ALWAYS)).await, MAIN);
    assert_eq!(world.made(&give(LAB, &[&first], lab)).await, LAB);
    let lab_shown = json!({ "ACTIVATE": "2026-03-01T08:00:00Z", "DEACTIVATE": "2026-03-01T17:00:00Z" });
    let expected = json!({ "DW-1": {
        "FIRSTNAME": "Ada", "LASTNAME": "Lovelace", "EMAIL": "ada@example.org", "OPHONE": "+44 1", "PIN": PIN,
        "badges": { "77705923": {
            "TYPE": 1, "STATUS": 1, "levels": { "Main entrance": {}, "Laboratory": lab_shown },
        } },
    } });
    assert_eq!(world.dump(), expected);
    world.tell(&mut story, "She comes with a badge and two levels, one of them for a day.");

    let second = world.made(&badge(Act::Create, "5002", Some(year), None, &ada_id)).await;
    let update =
        |level, badges: &[&str], window| permission(Act::Update, level, Some(right(badges, window)), &ada_id);
    world.done(&update(MAIN, &[&first, &second], Window::ALWAYS)).await;
    world.done(&update(LAB, &[&first, &second], year)).await;
    let levels = json!({ "Main entrance": {}, "Laboratory": { "DEACTIVATE": "2026-12-31T23:00:00Z" } });
    let badges = world.dump()["DW-1"]["badges"].clone();
    assert_eq!((&badges["77705923"]["levels"], &badges["5002"]["levels"]), (&levels, &levels));
    world.tell(
        &mut story,
        "A second badge gets the levels by the updates of the permissions; one window moves.",
    );

    let mut married = ada();
    (married.family_name, married.email, married.pin) = ("King".into(), None, None);
    world.done(&person(Act::Update, Some(married), Some(&ada_id))).await;
    world.done(&badge(Act::Update, "5002", Some(Window::ALWAYS), Some(&second), &ada_id)).await;
    let shown = world.dump()["DW-1"].clone();
    assert_eq!(shown["LASTNAME"], "King");
    assert!(shown.get("EMAIL").is_none() && shown.get("PIN").is_none(), "what is gone is emptied: {shown}");
    assert!(shown["badges"]["5002"].get("DEACTIVATE").is_none(), "so is an edge: {shown}");
    world.tell(&mut story, "Her name changes, e-mail and PIN are emptied; a badge loses its end.");

    world.done(&badge(Act::Remove, "077705923", None, Some(&first), &ada_id)).await;
    world.done(&update(MAIN, &[&second], Window::ALWAYS)).await;
    world.done(&permission(Act::Remove, MAIN, None, &ada_id)).await;
    assert_eq!(
        world.dump()["DW-1"]["badges"]["5002"]["levels"],
        json!({ "Laboratory": levels["Laboratory"] })
    );
    world.tell(&mut story, "The first badge leaves with its levels, then a level leaves the other badge.");

    world.done(&person(Act::Remove, None, Some(&ada_id))).await;
    assert_eq!(world.dump(), json!({}));
    world.tell(&mut story, "She leaves with all that she has.");

    assert!(!story.contains(PASSWORD) && !story.contains(PIN) && !story.contains("queue"));
    insta::assert_snapshot!("full_life", story);
    world.end();
}

#[tokio::test]
async fn everything_that_hangs_on_a_person_leaves_whether_the_pacs_takes_it_along_or_not() {
    for (cascades, remove_by) in [(true, "body"), (false, "body"), (false, "filter")] {
        let profile = PROFILE.replacen("remove_by = \"body\"", &format!("remove_by = {remove_by:?}"), 1);
        let world = built(Options { cascades, ..Options::default() }, &profile, TIMEOUT_MS);
        let (ada, first, second) = world.with_ada().await;
        let both = right(&[&first, &second], Window::ALWAYS);
        world.done(&permission(Act::Create, MAIN, Some(both), &ada)).await;
        // Somebody else gave her a level and a badge.
        let person_id: i64 = ada.parse().expect("a number");
        let foreign = world.pacs.with(|sim| {
            let badge = sim.add("Lnl_Badge", &json!({ "PERSONID": person_id, "ID": 9 }));
            sim.add(
                "Lnl_AccessLevelAssignment",
                &json!({ "ACCESSLEVELID": 2, "BADGEKEY": badge["BADGEKEY"] }),
            );
            badge["BADGEKEY"].clone()
        });
        assert!(foreign.is_number());
        world.done(&person(Act::Remove, None, Some(&ada))).await;
        for kind in ["Lnl_Cardholder", "Lnl_Badge", "Lnl_AccessLevelAssignment"] {
            assert_eq!(
                world.pacs.with(|sim| sim.instances(kind).len()),
                0,
                "{kind}, {cascades}, {remove_by}"
            );
        }
        let again = world.answer(&person(Act::Remove, None, Some(&ada))).await;
        assert_eq!(name(&again), "NotFound");
        world.end();
    }
}

#[tokio::test]
async fn a_level_on_a_badge_that_somebody_else_made_is_left_alone_by_an_update() {
    let world = world();
    let (ada, first, _) = world.with_ada().await;
    let person_id: i64 = ada.parse().expect("a number");
    world.pacs.with(|sim| {
        let badge = sim.add("Lnl_Badge", &json!({ "PERSONID": person_id, "ID": 9 }));
        sim.add("Lnl_AccessLevelAssignment", &json!({ "ACCESSLEVELID": 1, "BADGEKEY": badge["BADGEKEY"] }));
    });
    world.done(&permission(Act::Update, MAIN, Some(right(&[&first], Window::ALWAYS)), &ada)).await;
    let badges = world.dump()["DW-1"]["badges"].clone();
    assert_eq!(badges["9"]["levels"], json!({ "Main entrance": {} }));
    assert_eq!(badges["5001"]["levels"], json!({ "Main entrance": {} }));
    assert_eq!(badges["5002"]["levels"], json!({}));
    world.end();
}

#[tokio::test]
async fn a_repeated_permission_asks_and_changes_nothing() {
    let world = world();
    let (ada, first, second) = world.with_ada().await;
    let window = until("2026-12-31T23:00:00Z");
    let give = permission(Act::Create, MAIN, Some(right(&[&first, &second], window)), &ada);
    world.done(&give).await;
    world.asked();
    world.done(&give).await;
    assert!(world.asked().iter().all(|one| one.starts_with("GET")), "all is there");
    world.end();
}

#[tokio::test]
async fn a_permission_without_a_badge_is_refused_and_none_is_left_of_it() {
    let world = world();
    let id = world.made(&person(Act::Create, Some(ada()), None)).await;
    let give = |act, badges| permission(act, MAIN, Some(right(badges, Window::ALWAYS)), &id);
    world.asked();
    let refused = world.answer(&give(Act::Create, &[])).await;
    assert!(matches!(&refused, Answer::Refused { words, .. } if words.contains("badge")), "{refused:?}");
    assert!(world.asked().is_empty());
    for (act, badges) in [(Act::Update, &[][..]), (Act::Update, &["999"]), (Act::Create, &["999"])] {
        assert_eq!(name(&world.answer(&give(act, badges)).await), "NotFound", "{act:?} {badges:?}");
    }
    // Somebody else's badge for her has it: then it is there, and left alone.
    let person_id: i64 = id.parse().expect("a number");
    world.pacs.with(|sim| {
        let badge = sim.add("Lnl_Badge", &json!({ "PERSONID": person_id, "ID": 9 }));
        sim.add("Lnl_AccessLevelAssignment", &json!({ "ACCESSLEVELID": 1, "BADGEKEY": badge["BADGEKEY"] }));
    });
    world.done(&give(Act::Update, &[])).await;
    assert!(world.asked().iter().all(|one| one.starts_with("GET")));
    world.end();
}

#[tokio::test]
async fn a_permission_with_a_badge_that_is_missing_is_refused_and_its_other_badge_keeps_it() {
    let world = world();
    let (id, first, second) = world.with_ada().await;
    world.done(&permission(Act::Create, MAIN, Some(right(&[&first], Window::ALWAYS)), &id)).await;
    world.pacs.with(|sim| drop(sim.instances("Lnl_Badge").pop()));
    world.asked();
    let both = right(&[&first, &second], until("2026-12-31T23:00:00Z"));
    let answer = world.answer(&permission(Act::Update, MAIN, Some(both), &id)).await;
    assert!(matches!(&answer, Answer::Refused { words, .. } if words.contains(&second)), "{answer:?}");
    assert!(world.asked().iter().all(|one| one.starts_with("GET")));
    assert_eq!(world.dump()["DW-1"]["badges"]["5001"]["levels"], json!({ "Main entrance": {} }));
    world.end();
}

#[tokio::test]
async fn substitutes_for_open_edges_are_written_and_read_back_as_open() {
    let profile = PROFILE.replacen("# open_from", "open_from", 1).replacen("# open_until", "open_until", 1);
    let world = built(Options::default(), &profile, TIMEOUT_MS);
    let ada = world.made(&person(Act::Create, Some(ada()), None)).await;
    let key = world.made(&badge(Act::Create, "5001", Some(Window::ALWAYS), None, &ada)).await;
    let give = permission(Act::Create, MAIN, Some(right(&[&key], Window::ALWAYS)), &ada);
    world.done(&give).await;
    let ever = json!({ "ACTIVATE": "2000-01-01T00:00:00Z", "DEACTIVATE": "2099-12-31T23:59:59Z" });
    let shown = world.dump()["DW-1"]["badges"]["5001"].clone();
    assert_eq!(shown["levels"]["Main entrance"], ever);
    assert_eq!(shown["DEACTIVATE"], ever["DEACTIVATE"]);
    let found = world.answer(&badge(Act::LookUp, "5001", Some(Window::ALWAYS), None, &ada)).await;
    assert_eq!(found, Answer::Found { native_id: Some(key), as_wanted: Some(true) });
    let found = world.answer(&Step { act: Act::LookUp, ..give }).await;
    assert_eq!(found, Answer::Found { native_id: Some(MAIN.into()), as_wanted: Some(true) });
    world.end();
}
