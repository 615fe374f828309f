//! What is ours, and what is somebody else's.

use super::*;

fn look_up(name: &str) -> Step {
    step(ItemKind::Person, Act::LookUp, (name, None), None)
}

#[tokio::test]
async fn a_name_may_look_like_a_filter() {
    let (double, scim) = world(Habits::default());
    let names = ["PA1", r#"a" or externalId eq "PA1"#, r"back\slash", "space & ümlaut % + #", r#"" and "#];
    for name in names {
        let mut create = create_person();
        create.ids.ext_id = name.into();
        let id = made(&scim, &create).await;
        let found = scim.execute(&look_up(name)).await;
        assert_eq!(found, Answer::Found { native_id: Some(id), as_wanted: None }, "{name}");
    }
    assert!(matches!(scim.execute(&look_up("PA")).await, Answer::NotFound { .. }));
    assert_eq!(double.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_server_that_passes_over_filters_gives_us_nobody_elses() {
    let (double, scim) = world(Habits { ignores_filters: true, page_max: 3, ..Habits::default() });
    double.with(|server| {
        for at in 0..10 {
            server.add("Users", json!({ "externalId": format!("PA1{at}") }));
        }
    });
    assert!(matches!(scim.execute(&look_up("PA1")).await, Answer::NotFound { .. }));
    let id = made(&scim, &create_person()).await;
    let found = Answer::Found { native_id: Some(id), as_wanted: None };
    assert_eq!(scim.execute(&look_up("PA1")).await, found);
    double.with(|server| {
        for _ in 0..NAMED_MAX {
            server.add("Users", json!({}));
        }
    });
    let answer = scim.execute(&look_up("PA1")).await;
    assert!(matches!(&answer, Answer::NotSent { words } if words.contains("filters")), "{answer:?}");
}

#[tokio::test]
async fn a_list_that_is_not_there_says_nothing_of_what_is_in_it() {
    let (double, scim) = world(Habits::default());
    let (mut section, properties) = section();
    section["users"]["endpoint"] = "/Persons".into();
    let other = Scim::new(section, &properties, &settings(&double.url(), TOKEN)).expect("it fits");
    made(&scim, &create_person()).await;
    let answer = other.execute(&look_up("PA1")).await;
    assert!(matches!(answer, Answer::Refused { status: 404, .. }), "{answer:?}");
    assert_eq!(double.violations().len(), 1, "it is no path of the API");
}

#[tokio::test]
async fn several_of_one_name_are_told_and_the_others_removed_with_all_that_hangs_on_them() {
    let (double, scim) = world(Habits { page_max: 2, ..Habits::default() });
    let kept = made(&scim, &create_person()).await;
    made(&scim, &create_card(&kept)).await;
    let extra = made(&scim, &create_person()).await;
    made(&scim, &create_card(&extra)).await;
    for at in ["e1", "e2", "e3"] {
        made(&scim, &with(right(None), step(ItemKind::Permission, Act::Create, (at, None), Some(&extra))))
            .await;
    }
    let known = step(ItemKind::Person, Act::LookUp, ("PA1", Some(kept.as_str())), None);
    let answer = scim.execute(&known).await;
    assert!(
        matches!(&answer, Answer::Several { native_id, extra: other, .. } if *native_id == kept && *other == extra)
    );
    let remove = step(ItemKind::Person, Act::RemoveExtra, ("PA1", Some(extra.as_str())), None);
    // Something has gone by then, so the whole is neither as before nor done.
    double.fault(Fault::on("DELETE", "/Users", FaultKind::status(429)));
    assert!(matches!(scim.execute(&remove).await, Answer::Unknown { .. }));
    assert_eq!(scim.execute(&remove).await, Answer::Done { native_id: None });
    let left = double.with(|server| {
        (server.all("Users").len(), server.all("Tokens").len(), server.all("Assignments").len())
    });
    assert_eq!(left, (1, 1, 0));
    assert_eq!(scim.execute(&known).await, Answer::Found { native_id: Some(kept), as_wanted: None });
    assert_eq!(double.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn an_id_that_has_become_somebody_elses_is_left_alone() {
    let (double, scim) = world(Habits::default());
    let id = made(&scim, &create_person()).await;
    let card_id = made(&scim, &create_card(&id)).await;
    double.with(|server| {
        server.edit("Users", "PA1", |one| one["externalId"] = "PA2".into());
        server.edit("Tokens", "t1", |one| one["externalId"] = "t2".into());
    });
    let before = changes(&double);
    let (own, own_card) = (("PA1", Some(id.as_str())), ("t1", Some(card_id.as_str())));
    for step in [
        with(ada("Lovelace"), step(ItemKind::Person, Act::Update, own, None)),
        step(ItemKind::Person, Act::Remove, own, None),
        step(ItemKind::Person, Act::RemoveExtra, own, None),
        step(ItemKind::Credential, Act::Remove, own_card, Some(&id)),
        with(card("1", None), step(ItemKind::Credential, Act::Update, own_card, Some(&id))),
        create_card(&id),
    ] {
        let answer = scim.execute(&step).await;
        assert!(matches!(answer, Answer::NotFound { .. }), "{step:?}: {answer:?}");
    }
    assert_eq!(changes(&double), before);
}

#[tokio::test]
async fn without_an_id_nothing_is_sent() {
    let (double, scim) = world(Habits::default());
    for step in [
        step(ItemKind::Person, Act::Remove, ("PA1", None), None),
        step(ItemKind::Person, Act::Remove, ("PA1", Some("")), None),
        step(ItemKind::Credential, Act::LookUp, ("t1", None), None),
        step(ItemKind::Permission, Act::LookUp, ("e1", None), None),
        with(card("1", None), step(ItemKind::Credential, Act::Create, ("t1", None), None)),
    ] {
        assert!(matches!(scim.execute(&step).await, Answer::NotSent { .. }), "{step:?}");
    }
    assert!(double.requests().is_empty());
    for strange in ["..", "../Users", "1/x", "1?x", "1#"] {
        let remove = step(ItemKind::Person, Act::Remove, ("PA1", Some(strange)), None);
        assert!(matches!(scim.execute(&remove).await, Answer::NotFound { .. }), "{strange}");
    }
}

#[tokio::test]
async fn what_was_found_is_compared_with_what_is_wanted() {
    let (double, scim) = world(Habits::default());
    let id = made(&scim, &create_person()).await;
    let until = "2026-11-23T17:00:00Z";
    let wanted =
        with(card("1", Some(until)), step(ItemKind::Credential, Act::Create, ("t1", None), Some(&id)));
    made(&scim, &wanted).await;
    let as_wanted = async |step: &Step| match scim.execute(&Step { act: Act::LookUp, ..step.clone() }).await {
        Answer::Found { as_wanted, .. } => as_wanted,
        other => panic!("{other:?}"),
    };
    let edits: [(&str, &str, Value, bool); 9] = [
        ("Users", "/displayName", "of others".into(), true),
        ("Users", "/name/familyName", "Bryon".into(), false),
        ("Users", "/active", false.into(), false),
        ("Users", "/title", "Countess".into(), false),
        ("Users", "/name", Value::Null, true),
        ("Tokens", "/cardNumber", "2".into(), false),
        ("Tokens", "/validTo", "2026-11-23T18:00:00.000+01:00".into(), true),
        ("Tokens", "/validTo", Value::Null, false),
        ("Tokens", "/validFrom", "2026-11-23T08:00:00Z".into(), false),
    ];
    for (endpoint, pointer, value, expected) in edits {
        let (named, step) =
            if endpoint == "Users" { ("PA1", create_person()) } else { ("t1", wanted.clone()) };
        let backup = double.with(|server| server.clone());
        assert_eq!(as_wanted(&step).await, Some(true), "{pointer}");
        double.with(|server| {
            server.edit(endpoint, named, |one| {
                let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
                one.pointer_mut(parent).expect("a parent")[name] = value.clone();
            });
        });
        assert_eq!(as_wanted(&step).await, Some(expected), "{pointer} = {value}");
        double.with(|server| server.restore(backup));
    }
    let blind = step(ItemKind::Person, Act::LookUp, ("PA1", None), None);
    assert_eq!(as_wanted(&blind).await, None);
}

#[tokio::test]
async fn an_update_leaves_what_others_wrote_and_takes_away_what_is_no_longer_ours() {
    let (double, scim) = world(Habits::default());
    let id = made(&scim, &create_person()).await;
    double.with(|server| {
        server.edit("Users", "PA1", |one| {
            one["displayName"] = "Countess".into();
            one["emails"] = json!([{ "type": "home", "value": "h@example.org" }, one["emails"][0].clone()]);
        });
    });
    let bare = Content::Person(PersonFields {
        given_name: "Ada".into(),
        family_name: String::new(),
        organization: None,
        email: None,
        pin: None,
        properties: BTreeMap::new(),
    });
    let update = with(bare, step(ItemKind::Person, Act::Update, ("PA1", Some(id.as_str())), None));
    assert_eq!(scim.execute(&update).await, Answer::Done { native_id: None });
    let expected = json!({
        "userName": "PA1",
        "active": true,
        "name": { "givenName": "Ada" },
        "displayName": "Countess",
        "emails": [{ "type": "home", "value": "h@example.org" }],
        "Tokens": {},
        "Assignments": {},
    });
    assert_eq!(double.with(|server| server.dump())["PA1"], expected);
    assert_eq!(double.violations(), Vec::<String>::new());
}
