//! A user comes, is found, changes and leaves.

use super::*;
use ItemKind::{Credential, Permission};

const FROM: i64 = 1_767_225_600;
const TO: i64 = 1_900_000_000;
const NUMBER: &str = "077705923";

#[tokio::test]
async fn a_user_comes_is_found_changes_and_leaves() {
    let world = world();
    let group = world.group(352);
    let (both, until) = (window(Some(FROM), Some(TO)), window(None, Some(TO + 60)));
    let ada_href = world.ada().await;
    let child = |kind, act, native: Option<&str>, content| {
        let ext_id = if kind == Credential { NUMBER } else { group.as_str() };
        of(&ada_href, step(kind, act, ext_id, native, content))
    };
    assert_eq!(world.run(child(Credential, Act::Create, None, Some(card(both)))).await, done());
    assert_eq!(world.run(child(Permission, Act::Create, None, Some(right(both)))).await, done());
    let made = world.dump();
    assert_eq!(made[0]["@Doorward ID"], NAME);
    assert_eq!(made[0]["description"], "Analytical Engines");
    assert_eq!(made[0]["userCodeDigits"], 4);
    assert_eq!(made[0]["cards"][0]["until"], "2030-03-17T17:46:40Z");
    assert_eq!(made[0]["accessGroups"][1]["accessGroup"]["name"], "Main entrance");

    let found = world.look_up(person(Act::LookUp, None, Some(ada()))).await;
    assert_eq!(found, (ada_href.clone(), Some(true)));
    let (card_href, as_wanted) = world.look_up(child(Credential, Act::LookUp, None, Some(card(both)))).await;
    assert_eq!(as_wanted, Some(true));
    let (old_href, as_wanted) = world.look_up(child(Permission, Act::LookUp, None, Some(right(both)))).await;
    assert_eq!(as_wanted, Some(true));

    let bare = PersonFields { email: None, properties: Default::default(), pin: None, ..ada() };
    assert_eq!(world.run(person(Act::Update, Some(&ada_href), Some(bare.clone()))).await, done());
    assert_eq!(world.run(child(Credential, Act::Update, Some(&card_href), Some(card(until)))).await, done());
    let updated = world.run(child(Permission, Act::Update, Some(&old_href), Some(right(until)))).await;
    let Answer::Done { native_id: Some(new_href) } = updated else { panic!("{updated:?}") };
    assert_ne!(new_href, old_href, "a membership that was updated has another address");
    let changed = world.dump();
    assert_eq!(changed[0].get("@Email"), None);
    assert_eq!(changed[0]["userCodeDigits"], 0);
    for item in [&changed[0]["cards"][0], &changed[0]["accessGroups"][1]] {
        assert_eq!((item.get("from"), &item["until"]), (None, &"2030-03-17T17:47:40Z".into()), "{item}");
    }
    assert_eq!(world.look_up(person(Act::LookUp, Some(&ada_href), Some(bare))).await.1, Some(true));

    assert_eq!(world.run(child(Permission, Act::Remove, Some(&new_href), None)).await, done());
    assert_eq!(world.run(child(Credential, Act::Remove, Some(&card_href), None)).await, done());
    assert_eq!(world.dump()[0]["accessGroups"].as_array().map(Vec::len), Some(1));
    assert_eq!(world.run(person(Act::Remove, Some(&ada_href), None)).await, done());
    assert_eq!(world.dump(), serde_json::json!([]));
    let login = "authorization: GGL-API-KEY …\n";
    let story: Vec<String> = world.centre.take_requests().iter().map(Recorded::to_string).collect();
    assert!(story.iter().all(|request| request.contains(login)));
    insta::assert_snapshot!("full_life", story.join("\n").replace(login, ""));
}

#[tokio::test]
async fn every_step_may_be_repeated() {
    let world = world();
    let group = world.group(352);
    let ada_href = world.ada().await;
    let cards = |act, content| of(&ada_href, step(Credential, act, NUMBER, None, content));
    let rights = |act, content| of(&ada_href, step(Permission, act, &group, None, content));
    for (step, again) in [
        (cards(Act::Create, Some(card(Window::ALWAYS))), "Conflict"),
        (rights(Act::Create, Some(right(Window::ALWAYS))), "Conflict"),
        (cards(Act::Update, Some(card(window(None, Some(TO))))), "Done"),
        (rights(Act::Update, Some(right(window(None, Some(TO))))), "Done"),
        (person(Act::Update, None, Some(ada())), "Done"),
        (cards(Act::Remove, None), "NotFound"),
        (rights(Act::Remove, None), "NotFound"),
        (person(Act::Remove, None, None), "NotFound"),
    ] {
        assert_eq!(kind(&world.run(step.clone()).await), "Done", "{step:?}");
        let once = world.dump();
        assert_eq!(kind(&world.run(step.clone()).await), again, "{step:?}");
        let twice = world.dump();
        let plain = |dump: &Value| {
            let mut dump = dump.clone();
            // The address of a membership is not what it opens.
            for person in dump.as_array_mut().expect("a list") {
                let groups = person["accessGroups"].as_array_mut().expect("a list");
                groups.iter_mut().for_each(|group| group["href"] = Value::Null);
            }
            dump
        };
        assert_eq!(plain(&once), plain(&twice), "{step:?}");
    }
    for step in [cards(Act::Create, Some(card(Window::ALWAYS))), rights(Act::Remove, None)] {
        assert_eq!(kind(&world.run(step).await), "NotFound", "the person is gone");
    }
}

#[tokio::test]
async fn edits_by_hand_are_seen_in_every_field() {
    let world = world();
    let group = world.group(352);
    let ada_href = world.ada().await;
    let cards = |act, content| of(&ada_href, step(Credential, act, NUMBER, None, content));
    let rights = |act, content| of(&ada_href, step(Permission, act, &group, None, content));
    let with_end = || window(None, Some(TO));
    world.run(cards(Act::Create, Some(card(with_end())))).await;
    world.run(rights(Act::Create, Some(right(with_end())))).await;
    let as_wanted = async |wanted: Step| world.look_up(wanted).await.1;
    type Edit = fn(&mut sim::Cardholder);
    let of_person: [Edit; 6] = [
        |ada| ada.first_name = "Eve".into(),
        |ada| ada.last_name = String::new(),
        |ada| ada.authorised = false,
        |ada| ada.description = "Elsewhere".into(),
        |ada| drop(ada.fields.insert("Email".into(), "eve@example.org".into())),
        |ada| drop(ada.fields.remove("Phone")),
    ];
    let of_card: [Edit; 3] = [
        |ada| ada.cards[0].until = None,
        |ada| ada.cards[0].from = Some("2026-01-01T00:00:00Z".into()),
        |ada| ada.cards[0].status = "Lost".into(),
    ];
    let of_right: [Edit; 3] = [
        |ada| ada.groups[1].until = Some("2099-01-01T00:00:00Z".into()),
        |ada| ada.groups[1].from = Some("2026-01-01T00:00:00Z".into()),
        |ada| ada.groups[1].until = Some("2030-03-17T17:46:40+13:00".into()),
    ];
    let looks: [(&[Edit], Step); 3] = [
        (&of_person, person(Act::LookUp, None, Some(ada()))),
        (&of_card, cards(Act::LookUp, Some(card(with_end())))),
        (&of_right, rights(Act::LookUp, Some(right(with_end())))),
    ];
    for (edits, look) in looks {
        for (at, edit) in edits.iter().enumerate() {
            assert_eq!(as_wanted(look.clone()).await, Some(true), "{look:?}");
            let before = world.centre.with(|centre| centre.clone());
            world.centre.with(|centre| edit(centre.edit(NAME).expect("she is there")));
            assert_eq!(as_wanted(look.clone()).await, Some(false), "edit {at} of {look:?}");
            world.centre.with(|centre| *centre = before);
        }
        assert_eq!(as_wanted(Step { content: None, ..look }).await, None);
    }
}

#[tokio::test]
async fn a_long_name_is_cut_as_the_server_does_and_is_as_wanted() {
    let world = world();
    let long = PersonFields { given_name: "Ä".repeat(60), ..ada() };
    assert_eq!(kind(&world.run(person(Act::Create, None, Some(long.clone()))).await), "Done");
    assert_eq!(world.look_up(person(Act::LookUp, None, Some(long))).await.1, Some(true));
}
