//! What is read from OnGuard: look-ups, lists, and what a profile is refused for.

use super::*;

fn found(id: &str, as_wanted: Option<bool>) -> Answer {
    Answer::Found { native_id: Some(id.to_owned()), as_wanted }
}

#[tokio::test]
async fn a_look_up_finds_by_our_names_and_says_whether_it_is_as_wanted() {
    let world = world();
    let (id, first, second) = world.with_ada().await;
    let window = until("2026-12-31T23:00:00Z");
    let both = right(&[&first, &second], window);
    world.done(&permission(Act::Create, MAIN, Some(both.clone()), &id)).await;
    let as_told = [
        (person(Act::LookUp, Some(ada()), None), id.clone()),
        (badge(Act::LookUp, "5001", Some(Window::ALWAYS), None, &id), first.clone()),
        (permission(Act::LookUp, MAIN, Some(both), &id), MAIN.to_owned()),
    ];
    for (look_up, native) in &as_told {
        assert_eq!(world.answer(look_up).await, found(native, Some(true)));
        let blind = Step { content: None, ..look_up.clone() };
        assert_eq!(world.answer(&blind).await, found(native, None));
    }
    let missing = [
        Step { ids: Ids { ext_id: "DW-2".into(), ..Ids::default() }, ..as_told[0].0.clone() },
        badge(Act::LookUp, "5003", None, None, &id),
        badge(Act::LookUp, "not a number", None, None, &id),
        badge(Act::LookUp, "5001", None, None, "9"),
        permission(Act::LookUp, LAB, None, &id),
    ];
    for look_up in missing {
        assert_eq!(name(&world.answer(&look_up).await), "NotFound", "{look_up:?}");
    }
    world.end();
}

#[tokio::test]
async fn an_edit_by_hand_is_seen() {
    let world = world();
    let (id, first, second) = world.with_ada().await;
    let window = until("2026-12-31T23:00:00Z");
    let both = right(&[&first, &second], window);
    world.done(&permission(Act::Create, MAIN, Some(both.clone()), &id)).await;
    let look_ups = [
        (person(Act::LookUp, Some(ada()), None), id.as_str()),
        (badge(Act::LookUp, "5001", Some(Window::ALWAYS), None, &id), first.as_str()),
        (permission(Act::LookUp, MAIN, Some(both), &id), MAIN),
    ];
    let person_id: i64 = id.parse().expect("a number");
    type Edit = Box<dyn Fn(&mut Sim)>;
    let set = |kind: &'static str, name: &'static str, value: Value| -> Edit {
        Box::new(move |sim| drop(sim.instances(kind)[0].insert(name.to_owned(), value.clone())))
    };
    let earlier = json!("2026-06-01T00:00:00Z");
    let edits: [(usize, Edit); 10] = [
        (0, set("Lnl_Cardholder", "LASTNAME", json!("Byron"))),
        (0, set("Lnl_Cardholder", "EMAIL", Value::Null)),
        (0, set("Lnl_Cardholder", "OPHONE", json!("+44 2"))),
        (1, set("Lnl_Badge", "DEACTIVATE", earlier.clone())),
        (2, set("Lnl_AccessLevelAssignment", "DEACTIVATE", earlier.clone())),
        (2, set("Lnl_AccessLevelAssignment", "ACTIVATE", earlier)),
        (2, set("Lnl_AccessLevelAssignment", "DEACTIVATE", Value::Null)),
        (2, Box::new(|sim| drop(sim.instances("Lnl_AccessLevelAssignment").pop()))),
        (
            2,
            Box::new(move |sim| {
                let badge = sim.add("Lnl_Badge", &json!({ "PERSONID": person_id, "ID": 9 }));
                let moved = &mut sim.instances("Lnl_AccessLevelAssignment")[0];
                moved.insert("BADGEKEY".into(), badge["BADGEKEY"].clone());
            }),
        ),
        // A badge of somebody else's making: what hangs on it is not looked at.
        (
            3,
            Box::new(move |sim| {
                let badge = sim.add("Lnl_Badge", &json!({ "PERSONID": person_id, "ID": 9 }));
                let window = json!("2026-12-31T23:00:00Z");
                let key = badge["BADGEKEY"].clone();
                sim.add(
                    "Lnl_AccessLevelAssignment",
                    &json!({ "ACCESSLEVELID": 1, "BADGEKEY": key, "DEACTIVATE": window }),
                );
            }),
        ),
    ];
    let before = world.pacs.with(|sim| sim.clone());
    for (number, (touched, edit)) in edits.iter().enumerate() {
        world.pacs.with(|sim| edit(sim));
        for (at, (look_up, native)) in look_ups.iter().enumerate() {
            let expected = found(native, Some(at != *touched));
            assert_eq!(world.answer(look_up).await, expected, "edit {number}, look-up {at}");
        }
        world.pacs.with(|sim| *sim = before.clone());
    }
    // A PIN is a secret that OnGuard does not show: nothing follows from it.
    let other_pin = PersonFields { pin: Some(Secret::from(String::from("1"))), ..ada() };
    assert_eq!(world.answer(&person(Act::LookUp, Some(other_pin), None)).await, found(&id, Some(true)));
    world.end();
}

#[tokio::test]
async fn an_assignment_in_another_state_is_put_right_and_not_doubled() {
    let world = world();
    let (id, first, second) = world.with_ada().await;
    let content = right(&[&first, &second], until("2026-12-31T23:00:00Z"));
    let key: i64 = first.parse().expect("a number");
    world.pacs.with(|sim| {
        let early = json!("2026-01-01T00:00:00Z");
        sim.add(
            "Lnl_AccessLevelAssignment",
            &json!({ "ACCESSLEVELID": 1, "BADGEKEY": key, "ACTIVATE": early }),
        );
    });
    world.asked();
    world.done(&permission(Act::Create, MAIN, Some(content.clone()), &id)).await;
    let changes: Vec<String> = world.asked().into_iter().filter(|one| !one.starts_with("GET")).collect();
    assert_eq!(changes, ["PUT Lnl_AccessLevelAssignment", "POST Lnl_AccessLevelAssignment"]);
    let look_up = permission(Act::LookUp, MAIN, Some(content), &id);
    assert_eq!(world.answer(&look_up).await, found(MAIN, Some(true)));
    world.end();
}

#[tokio::test]
async fn several_of_one_name_are_told_apart_and_the_extra_one_leaves_with_all_that_it_has() {
    let world = world();
    let (id, ..) = world.with_ada().await;
    let twin = world.pacs.with(|sim| {
        let twin = sim.add("Lnl_Cardholder", &json!({ "SSNO": "DW-1" }));
        let badge = sim.add("Lnl_Badge", &json!({ "PERSONID": twin["ID"], "ID": 9 }));
        sim.add("Lnl_AccessLevelAssignment", &json!({ "ACCESSLEVELID": 1, "BADGEKEY": badge["BADGEKEY"] }));
        twin["ID"].to_string()
    });
    let several = world.answer(&person(Act::LookUp, Some(ada()), Some(&id))).await;
    let Answer::Several { native_id, extra, .. } = several else { panic!("{several:?}") };
    assert_eq!((&native_id, &extra), (&id, &twin));
    world.done(&person(Act::RemoveExtra, None, Some(&extra))).await;
    let single = world.answer(&person(Act::LookUp, Some(ada()), Some(&id))).await;
    assert_eq!(single, found(&id, Some(true)));
    assert_eq!(world.pacs.with(|sim| sim.instances("Lnl_Badge").len()), 2, "hers are still there");
    world.end();
}

#[tokio::test]
async fn lists_are_read_to_their_last_page() {
    let world = with_options(Options { page_size_max: 3, ..Options::default() });
    let ids: Vec<String> = world.pacs.with(|sim| {
        let made = (0..10).map(|n| sim.add("Lnl_Cardholder", &json!({ "SSNO": format!("DW-{n}") })));
        let ids = made.map(|key| key["ID"].to_string()).collect();
        sim.add("Lnl_Cardholder", &json!({ "LASTNAME": "of somebody else" }));
        ids
    });
    let mut seen = Vec::new();
    let mut after = None;
    let mut pages = 0;
    loop {
        let page = world.onguard.persons(after.as_deref()).await.expect("a page").expect("there is a list");
        seen.extend(page.persons.iter().map(|one| (one.ext_id.clone(), one.native_id.clone())));
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let expected: Vec<_> = ids.iter().enumerate().map(|(n, id)| (format!("DW-{n}"), id.clone())).collect();
    assert_eq!((seen, pages), (expected, 4));
    // One person has more badges than a page, and loses them all.
    let owner: i64 = ids[0].parse().expect("a number");
    world.pacs.with(|sim| {
        for number in 0..7 {
            sim.add("Lnl_Badge", &json!({ "PERSONID": owner, "ID": number }));
        }
    });
    let leaving = step(ItemKind::Person, Act::Remove, None, ("DW-0", Some(&ids[0]), None));
    world.done(&leaving).await;
    assert_eq!(world.pacs.with(|sim| sim.instances("Lnl_Badge").len()), 0);
    world.end();
}

#[tokio::test]
async fn a_filter_that_the_pacs_passes_over_makes_us_take_nobody_elses() {
    let world = with_options(Options { is_blind: true, page_size_max: 2, ..Options::default() });
    let (id, first, _) = world.with_ada().await;
    let other = world.pacs.with(|sim| {
        let other = sim.add("Lnl_Cardholder", &json!({ "SSNO": "DW-2" }));
        let badge = sim.add("Lnl_Badge", &json!({ "PERSONID": other["ID"], "ID": 9 }));
        sim.add("Lnl_AccessLevelAssignment", &json!({ "ACCESSLEVELID": 1, "BADGEKEY": badge["BADGEKEY"] }));
        other["ID"].to_string()
    });
    let give = permission(Act::Create, MAIN, Some(right(&[&first], Window::ALWAYS)), &id);
    world.done(&give).await;
    assert_eq!(world.answer(&person(Act::LookUp, Some(ada()), None)).await, found(&id, Some(true)));
    assert_eq!(world.answer(&Step { act: Act::LookUp, ..give }).await, found(MAIN, Some(true)));
    world.done(&permission(Act::Remove, MAIN, None, &id)).await;
    world.done(&person(Act::Remove, None, Some(&id))).await;
    let left = world.dump();
    assert_eq!(left["DW-2"]["badges"]["9"]["levels"], json!({ "Main entrance": {} }), "{other}: {left}");
    world.end();
}

#[tokio::test]
async fn a_native_id_that_is_somebody_elses_by_now_is_left_alone() {
    let world = world();
    let (id, first, _) = world.with_ada().await;
    world.pacs.with(|sim| drop(sim.instances("Lnl_Cardholder")[0].insert("SSNO".into(), json!("DW-7"))));
    for step in [
        person(Act::Update, Some(ada()), Some(&id)),
        person(Act::Remove, None, Some(&id)),
        badge(Act::Remove, "5009", None, Some(&first), &id),
        badge(Act::Update, "5001", Some(Window::ALWAYS), Some(&first), "9"),
    ] {
        world.asked();
        let answer = world.answer(&step).await;
        assert!(
            matches!(&answer, Answer::Refused { words, .. } if words.contains("left alone")),
            "{answer:?}"
        );
        assert!(world.asked().iter().all(|one| one.starts_with("GET")));
    }
    world.end();
}

#[tokio::test]
async fn access_levels_are_imported_and_a_probe_asks_little() {
    let world = with_options(Options { page_size_max: 1, ..Options::default() });
    world.onguard.probe().await.expect("it answers");
    assert_eq!(world.asked(), ["POST login", "GET Lnl_AccessLevel"]);
    let all = world.onguard.entitlements(&["AccessLevel".to_owned()]).await.expect("a list");
    let shown: Vec<_> = all.iter().map(|one| (one.pacs_ref.as_str(), one.display_name.as_str())).collect();
    assert_eq!(shown, [(MAIN, "Main entrance"), (LAB, "Laboratory")]);
    assert!(all.iter().all(|one| one.kind == "AccessLevel"));
    assert!(world.onguard.entitlements(&["Other".to_owned()]).await.expect("a list").is_empty());
    // A list in another form is an error, and never an empty one.
    let other = FaultKind::Status { status: 200, headers: Vec::new(), body: json!({ "item_list": [] }) };
    world.pacs.fault(Fault::on("GET", "Lnl_AccessLevel", other));
    let error = world.onguard.entitlements(&["AccessLevel".to_owned()]).await.expect_err("no total_pages");
    assert!(error.to_string().contains("onguard.answers.total_pages"), "{error}");
    world.end();
}

#[test]
fn the_shipped_profile_is_valid_and_a_section_with_mistakes_says_which() {
    let settings = PacsSettings {
        base_url: format!("http://127.0.0.1:1{BASE}"),
        username: Some("panel".into()),
        password: Some(Secret::from(String::from(PASSWORD))),
        system_id: Some("doorward-test".into()),
        timeout_ms: TIMEOUT_MS,
        tls: None,
    };
    let caps = adapter(PROFILE, &settings).expect("it is shipped").caps();
    assert!(caps.look_up && caps.native_windows && caps.permissions_on_credentials);
    assert!(!caps.names_are_unique && !caps.addressed_by_ext_id);
    let table = [
        ("page_size = 100", "page_size = 0", "page_size"),
        ("empty = \"null\"", "empty = \"none\"", "none"),
        ("number = \"ID\"", "number = \"ID=1 or ID\"", "letters, digits"),
        ("items = \"/item_list\"", "items = \"item_list\"", "JSON pointer"),
        ("key = [\"ACCESSLEVELID\", \"BADGEKEY\"]", "key = []", "assignment.key"),
        ("type = \"Lnl_AccessLevel\"", "kind = \"Lnl_AccessLevel\"", "kind"),
    ];
    for (old, new, words) in table {
        assert!(PROFILE.contains(old), "{old}");
        let error = adapter(&PROFILE.replacen(old, new, 1), &settings).map(drop).expect_err(new).to_string();
        assert!(error.contains("[onguard]") && error.contains(words), "{error}");
    }
    type Lack = fn(&mut PacsSettings);
    let lacks: [(&str, Lack); 3] = [
        ("username", |settings| settings.username = None),
        ("password", |settings| settings.password = None),
        ("system_id", |settings| settings.system_id = None),
    ];
    for (key, lack) in lacks {
        let mut settings = settings.clone();
        lack(&mut settings);
        let error = adapter(PROFILE, &settings).map(drop).expect_err(key).to_string();
        assert!(error.contains(&format!("pacs.{key}")), "{error}");
    }
}
