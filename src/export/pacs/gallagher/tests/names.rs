//! Whose cardholder it is: names, twins, addresses, lists.

use super::*;

#[tokio::test]
async fn of_several_of_one_name_the_known_one_stays_and_the_other_can_be_removed() {
    let world = world();
    world.centre.with(|centre| centre.make(NAME).first_name = "Twin".into());
    let known = world.ada().await;
    let answer = world.run(person(Act::LookUp, Some(&known), Some(ada()))).await;
    let Answer::Several { native_id, extra, words } = answer else { panic!("{answer:?}") };
    assert_eq!(native_id, known);
    assert!(words.contains("2 items") && words.contains(NAME), "{words}");
    assert_eq!(world.run(person(Act::RemoveExtra, Some(&extra), None)).await, done());
    assert_eq!(kind(&world.run(person(Act::RemoveExtra, Some(&extra), None)).await), "NotFound");
    assert_eq!(world.look_up(person(Act::LookUp, Some(&known), None)).await.0, known);
    // Without a known one, all go.
    world.centre.with(|centre| centre.make(NAME).first_name = "Twin".into());
    assert_eq!(world.run(person(Act::Remove, None, None)).await, done());
    assert_eq!(world.dump(), serde_json::json!([]));
}

#[tokio::test]
async fn of_several_memberships_of_one_group_all_go_and_an_extra_goes_alone() {
    let world = world();
    let group = world.group(352);
    let ada_href = world.ada().await;
    let rights = |act, native: Option<&str>| {
        of(&ada_href, step(ItemKind::Permission, act, &group, native, Some(right(Window::ALWAYS))))
    };
    world.run(rights(Act::Create, None)).await;
    let double = |centre: &mut CommandCentre| {
        let ada = centre.edit(NAME).expect("she is there");
        let twin = ada.groups[1].clone();
        ada.groups.push(twin);
    };
    world.centre.with(double);
    // The copy has the address of its twin until one of them is updated.
    assert_eq!(kind(&world.run(rights(Act::Update, None)).await), "Done");
    let answer = world.run(rights(Act::LookUp, None)).await;
    if let Answer::Several { extra, .. } = &answer {
        assert_eq!(world.run(rights(Act::RemoveExtra, Some(extra))).await, done());
    }
    assert_eq!(kind(&answer), "Several");
    assert_eq!(kind(&world.run(rights(Act::LookUp, None)).await), "Found");
    world.centre.with(double);
    assert_eq!(kind(&world.run(rights(Act::Remove, None)).await), "Done");
    assert_eq!(kind(&world.run(rights(Act::LookUp, None)).await), "NotFound");
}

#[tokio::test]
async fn somebody_elses_cardholder_is_never_touched() {
    let world = world();
    let ada_href = world.ada().await;
    // The same letters in another case, and a longer name: a search may find both.
    world.centre.with(|centre| {
        centre.edit(NAME).expect("she is there").fields.insert(sim::EXTERNAL_ID.into(), "dw-1".into())
    });
    world.centre.with(|centre| centre.make("DW-11").first_name = "Eleven".into());
    let before = world.dump();
    for act in [Act::LookUp, Act::Update, Act::Remove, Act::RemoveExtra] {
        let answer = world.run(person(act, Some(&ada_href), Some(ada()))).await;
        assert_eq!(kind(&answer), "NotFound", "{act:?}");
    }
    for act in [Act::Create, Act::Update, Act::Remove, Act::LookUp] {
        let card = step(ItemKind::Credential, act, "1", None, Some(card(Window::ALWAYS)));
        assert_eq!(kind(&world.run(of(&ada_href, card)).await), "NotFound", "{act:?}");
    }
    assert_eq!(world.dump(), before);
}

#[tokio::test]
async fn a_cardholder_that_lost_its_name_is_neither_touched_nor_made_again() {
    let world = world();
    let ada_href = world.ada().await;
    world.centre.with(|centre| centre.edit(NAME).expect("she is there").groups.clear());
    let before = world.dump();
    for act in [Act::LookUp, Act::Update, Act::Remove] {
        let answer = world.run(person(act, Some(&ada_href), Some(ada()))).await;
        assert_eq!(kind(&answer), "Refused", "{act:?}");
        assert!(answer.words().is_some_and(|words| words.contains("@Doorward ID = DW-1")), "{answer:?}");
    }
    assert_eq!(world.dump(), before);
}

#[tokio::test]
async fn a_cardholder_that_does_not_keep_our_name_is_undone_and_refused() {
    let world = world();
    let text = filled(&world.centre.url()).replace(sim::FIELDS_GROUP, "/api/access_groups/354");
    let profile = Profile::parse(Path::new("gallagher.toml"), &text).expect("it has the form");
    let adapter = open(profile, &settings(&world.centre.url(), KEY)).expect("it fits");
    let create = person(Act::Create, None, Some(ada()));
    let answer = adapter.execute(&create).await;
    assert!(matches!(answer, Answer::Refused { .. }), "{answer:?}");
    assert!(answer.words().is_some_and(|words| words.contains("person_access_group")), "{answer:?}");
    assert_eq!(world.dump(), serde_json::json!([]));
    world.centre.fault(Fault::on("DELETE", "", FaultKind::CutBefore));
    assert_eq!(kind(&adapter.execute(&create).await), "Unknown", "it is there, without our name");
}

#[tokio::test]
async fn an_address_on_another_host_is_refused_and_nothing_is_sent_there() {
    let world = world();
    world.adapter.probe().await.expect("it answers");
    world.centre.take_requests();
    for strange in
        ["https://elsewhere.example/api/cardholders/1", "http://127.0.0.1:1/api/cardholders/1", "", "1"]
    {
        for act in [Act::Update, Act::Remove, Act::RemoveExtra] {
            let answer = world.run(person(act, Some(strange), Some(ada()))).await;
            assert_eq!(kind(&answer), "NotSent", "{strange} {act:?}");
        }
        let child = of(strange, step(ItemKind::Credential, Act::Remove, "1", None, None));
        assert_eq!(kind(&world.run(child).await), "NotSent", "{strange}");
    }
    assert!(world.centre.requests().is_empty());
    // The double writes its addresses with the host that it was asked by.
    let alias = world.centre.url().replace("127.0.0.1", "localhost");
    let root = FaultKind::Status {
        status: 200,
        headers: Vec::new(),
        body: serde_json::json!({ "features": { "cardholders": { "cardholders": { "href": format!("{alias}/api/cardholders") } } } }),
    };
    world.centre.fault(Fault::on("GET", "/api", root));
    let fresh = adapter(&world.centre.url(), &world.centre.url(), KEY).expect("it fits");
    let answer = fresh.execute(&person(Act::LookUp, None, None)).await;
    assert!(answer.words().is_some_and(|words| words.contains("localhost")), "{answer:?}");
}

#[tokio::test]
async fn lists_are_read_page_by_page_to_the_end() {
    let world = world();
    world.centre.with(|centre| {
        centre.limit_pages(2);
        for number in 0..5 {
            centre.make(&format!("DW-{number}"));
        }
        centre.make("");
    });
    let (mut after, mut names, mut pages) = (None, Vec::new(), 0);
    loop {
        let page = world.adapter.persons(after.as_deref()).await.expect("a page").expect("it lists persons");
        names.extend(page.persons.into_iter().map(|person| person.ext_id));
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((names.join(" ").as_str(), pages), ("DW-0 DW-1 DW-2 DW-3 DW-4", 3));
    let groups = world.adapter.entitlements(&[ACCESS_GROUP.into()]).await.expect("a list");
    let names: Vec<&str> = groups.iter().map(|group| group.display_name.as_str()).collect();
    assert_eq!(names, ["Main entrance", "Laboratory", "Workshop"], "without the group of all persons");
    assert_eq!(groups[0].pacs_ref, world.group(352));
    assert!(world.adapter.entitlements(&["AccessProfile".into()]).await.expect("a list").is_empty());
}

#[tokio::test]
async fn a_list_that_breaks_off_or_goes_in_circles_is_an_error() {
    let world = world();
    world.centre.with(|centre| centre.limit_pages(2));
    let wanted = [ACCESS_GROUP.to_owned()];
    world.centre.fault(Fault::on("GET", "skip=2", FaultKind::CutBefore));
    world.adapter.entitlements(&wanted).await.expect_err("half a list");
    let page = |body| FaultKind::Status { status: 200, headers: Vec::new(), body };
    let first = "/api/access_groups?sort=id&top=1000&fields=href,name";
    let circle =
        serde_json::json!({ "results": [], "next": { "href": format!("{}{first}", world.centre.url()) } });
    for body in [circle, serde_json::json!({}), serde_json::json!({ "results": [{ "name": "x" }] })] {
        world.centre.fault(Fault::on("GET", "access_groups", page(body)));
        world.adapter.entitlements(&wanted).await.expect_err("no list");
    }
    let elsewhere = serde_json::json!({ "results": [], "next": { "href": "https://elsewhere.example/api" } });
    world.centre.fault(Fault::on("GET", "api/cardholders", page(elsewhere)));
    let error = world.adapter.persons(None).await.expect_err("another host").to_string();
    assert!(error.contains("elsewhere.example"), "{error}");
}

#[tokio::test]
async fn the_group_that_carries_our_name_is_neither_given_nor_taken() {
    let world = world();
    let (ada_href, group) = (world.ada().await, world.group(300));
    for act in [Act::Create, Act::Remove] {
        let step = of(&ada_href, step(ItemKind::Permission, act, &group, None, Some(right(Window::ALWAYS))));
        assert_eq!(kind(&world.run(step).await), "Refused", "{act:?}");
    }
    assert_eq!(world.dump()[0]["@Doorward ID"], NAME);
}

#[test]
fn a_profile_that_is_not_filled_in_says_what_is_missing() {
    let text = include_str!("../../../../../profiles/gallagher.toml");
    let profile = |text: &str| Profile::parse(Path::new("gallagher.toml"), text).expect("it is shipped");
    let refused = |text: &str, settings: &PacsSettings| {
        open(profile(text), settings).map(drop).expect_err("it must be refused").to_string()
    };
    let site = settings("http://pacs.example:8904", KEY);
    assert!(refused(text, &site).contains("is empty: write what your Command Centre has"));
    let filled = filled("http://pacs.example:8904");
    let strange = refused(&filled.replace("[gallagher]", "[gallagher]\ncard_tipe = 1"), &site);
    assert!(strange.contains("[gallagher]") && strange.contains("card_tipe"), "{strange}");
    assert!(refused(&filled.replace("\"@Doorward ID\"", "\"Doorward ID\""), &site).contains("write @"));
    let keyless = PacsSettings { password: None, ..site.clone() };
    assert!(refused(&filled, &keyless).contains("pacs.password"));
    let broken = PacsSettings { password: Some(Secret::from(String::from("a\nb"))), ..site };
    assert!(refused(&filled, &broken).contains("pacs.password"));
    assert!(profile(text).unverified.iter().any(|key| key == "gallagher.division"));
}

#[tokio::test]
async fn what_the_operator_of_the_api_may_not_see_is_not_taken_for_gone() {
    let world = world();
    let (ada_href, group) = (world.ada().await, world.group(352));
    let remove = of(&ada_href, step(ItemKind::Permission, Act::Remove, &group, None, None));
    let hidden = serde_json::json!([{ "href": "x", "accessGroup": { "name": "?" } }]);
    for groups in [None, Some(hidden)] {
        let mut body = serde_json::json!({ "@Doorward ID": NAME });
        if let Some(groups) = groups {
            body["accessGroups"] = groups;
        }
        let shown = FaultKind::Status { status: 200, headers: Vec::new(), body };
        world.centre.fault(Fault::on("GET", "/api/cardholders/", shown));
        let answer = world.run(remove.clone()).await;
        assert!(matches!(answer, Answer::Refused { .. }), "{answer:?}");
        assert!(answer.words().is_some_and(|words| words.contains("may not see")), "{answer:?}");
    }
    assert_eq!(kind(&world.run(remove).await), "NotFound", "all is seen again");
}

#[tokio::test]
async fn a_card_of_another_type_with_our_number_is_not_ours() {
    let world = world();
    let ada_href = world.ada().await;
    let kind_of =
        |id: u64| serde_json::json!({ "href": format!("{}/api/card_types/{id}", world.centre.url()) });
    let other = serde_json::json!({ "href": "x", "number": "7", "type": kind_of(601) });
    let body = serde_json::json!({ "@Doorward ID": NAME, "cards": [other] });
    let shown = FaultKind::Status { status: 200, headers: Vec::new(), body };
    world.centre.fault(Fault::on("GET", "/api/cardholders/", shown));
    let remove = of(&ada_href, step(ItemKind::Credential, Act::Remove, "7", None, None));
    assert_eq!(kind(&world.run(remove).await), "NotFound");
}
