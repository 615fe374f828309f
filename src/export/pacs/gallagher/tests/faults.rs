//! What each answer, and each missing one, means.

use super::*;
use serde_json::json;
use std::time::Duration;

fn status(status: u16, words: &str) -> FaultKind {
    FaultKind::Status { status, headers: Vec::new(), body: json!({ "message": words }) }
}

#[tokio::test]
async fn a_lost_answer_to_a_change_is_unknown_and_nothing_is_repeated() {
    let world = world();
    let ada_href = world.ada().await;
    let create =
        of(&ada_href, step(ItemKind::Credential, Act::Create, "077705923", None, Some(card(Window::ALWAYS))));
    for (fault, is_done) in [
        (FaultKind::CutBefore, false),
        (FaultKind::CutAfter, true),
        (FaultKind::StatusAfter { status: 500 }, true),
        (FaultKind::StatusAfter { status: 202 }, true),
        (FaultKind::Slow { ms: TIMEOUT_MS * 2 }, true),
    ] {
        world.centre.take_requests();
        world.centre.fault(Fault::on("PATCH", "", fault.clone()));
        assert_eq!(kind(&world.run(create.clone()).await), "Unknown", "{fault:?}");
        assert_eq!(world.methods(), ["GET", "PATCH"], "{fault:?}");
        let cards =
            world.centre.with(|centre| std::mem::take(&mut centre.edit(NAME).expect("she is there").cards));
        assert_eq!(cards.len(), usize::from(is_done), "{fault:?}");
    }
    world.centre.fault(Fault::on("PATCH", "", FaultKind::Late { ms: 20 }));
    assert_eq!(kind(&world.run(create.clone()).await), "Unknown");
    let is_done = |centre: &CommandCentre| !centre.of_name(NAME)[0].cards.is_empty();
    assert!(world.centre.wait_until(Duration::from_secs(10), is_done));
    let look_up = Step { act: Act::LookUp, ..create };
    assert_eq!(world.look_up(look_up).await.1, Some(true), "what was done late is found by its number");
}

#[tokio::test]
async fn a_lost_answer_to_a_new_cardholder_is_unknown_and_a_look_up_finds_it() {
    let world = world();
    let create = person(Act::Create, None, Some(ada()));
    for (method, fault) in [("POST", FaultKind::CutAfter), ("GET", FaultKind::CutBefore)] {
        world.adapter.probe().await.expect("it answers");
        world.centre.fault(Fault::on(method, "/api/cardholders", fault));
        assert_eq!(kind(&world.run(create.clone()).await), "Unknown");
        assert_eq!(world.look_up(person(Act::LookUp, None, Some(ada()))).await.1, Some(true));
        assert_eq!(world.run(person(Act::Remove, None, None)).await, done());
    }
    world.centre.fault(Fault::on("POST", "", FaultKind::StatusAfter { status: 201 }));
    let answer = world.run(create).await;
    assert!(answer.words().is_some_and(|words| words.contains("does not say where")), "{answer:?}");
}

#[tokio::test]
async fn a_lost_answer_before_any_change_means_that_nothing_was_sent() {
    let world = world();
    for fault in [FaultKind::CutBefore, FaultKind::CutAfter, FaultKind::Slow { ms: TIMEOUT_MS * 2 }] {
        world.centre.fault(Fault::next(fault.clone()));
        assert_eq!(kind(&world.run(person(Act::Create, None, Some(ada()))).await), "NotSent", "{fault:?}");
    }
    assert_eq!(world.methods(), ["GET", "GET", "GET"], "not even the root was read");
    let ada_href = world.ada().await;
    for (fault, answer) in [
        (FaultKind::CutBefore, "NotSent"),
        (status(500, "bad"), "TryLater"),
        (status(404, "gone"), "NotFound"),
        (FaultKind::Status { status: 200, headers: Vec::new(), body: Value::Null }, "NotSent"),
    ] {
        world.centre.take_requests();
        world.centre.fault(Fault::on("GET", "/api/cardholders/", fault.clone()));
        let remove = of(&ada_href, step(ItemKind::Credential, Act::Remove, "1", None, None));
        assert_eq!(kind(&world.run(remove).await), answer, "{fault:?}");
        assert_eq!(world.methods(), ["GET"], "{fault:?}");
    }
}

#[tokio::test]
async fn each_status_of_a_change_has_its_meaning() {
    let world = world();
    let ada_href = world.ada().await;
    let update = person(Act::Update, Some(&ada_href), Some(ada()));
    for (code, meaning) in [
        (400, "Refused"),
        (422, "Refused"),
        (302, "Refused"),
        (404, "NotFound"),
        (401, "TryLater"),
        (403, "TryLater"),
        (408, "TryLater"),
        (409, "TryLater"),
        (425, "TryLater"),
        (429, "TryLater"),
        (500, "Unknown"),
        (503, "Unknown"),
        (202, "Unknown"),
    ] {
        world.centre.fault(Fault::on("PATCH", "", status(code, "bad")));
        let answer = world.run(update.clone()).await;
        assert_eq!(kind(&answer), meaning, "{code}: {answer:?}");
        assert!(code == 202 || answer.words() == Some("bad"), "{answer:?}");
    }
    world.centre.fault(Fault::on("POST", "", status(409, "bad")));
    assert_eq!(kind(&world.run(person(Act::Create, None, Some(ada()))).await), "Conflict");
    world.centre.fault(Fault::on("POST", "", status(404, "bad")));
    assert_eq!(kind(&world.run(person(Act::Create, None, Some(ada()))).await), "TryLater");
    world.centre.take_requests();
    world.look_up(person(Act::LookUp, None, None)).await;
    assert_eq!(world.methods(), ["GET", "GET"], "the list is looked for anew");
}

#[tokio::test]
async fn too_many_requests_say_when_to_come_back_if_they_do() {
    let world = world();
    let ada_href = world.ada().await;
    let steps = [
        ("PATCH", person(Act::Update, Some(&ada_href), Some(ada()))),
        ("GET", person(Act::LookUp, None, None)),
    ];
    for (method, step) in steps {
        for (headers, after_ms) in
            [(vec![("Retry-After".to_owned(), "7".to_owned())], Some(7_000)), (Vec::new(), None)]
        {
            let body = json!({ "message": "slow down" });
            world.centre.fault(Fault::on(
                method,
                "/api/cardholders",
                FaultKind::Status { status: 429, headers, body },
            ));
            let words = "slow down".to_owned();
            assert_eq!(world.run(step.clone()).await, Answer::TryLater { status: 429, words, after_ms });
        }
    }
}

#[tokio::test]
async fn a_cardholder_that_an_operator_holds_is_tried_later() {
    let world = world();
    let ada_href = world.ada().await;
    let group = world.group(352);
    world.centre.with(|centre| centre.hold(NAME, true));
    let steps = [
        person(Act::Update, Some(&ada_href), Some(ada())),
        person(Act::Remove, Some(&ada_href), None),
        of(&ada_href, step(ItemKind::Permission, Act::Create, &group, None, Some(right(Window::ALWAYS)))),
    ];
    let before = world.dump();
    for step in &steps {
        let answer = world.run(step.clone()).await;
        assert!(matches!(answer, Answer::TryLater { status: 409, .. }), "{answer:?}");
        assert!(answer.words().is_some_and(|words| words.contains("WORKSTATION-1")), "{answer:?}");
    }
    assert_eq!(world.dump(), before);
    world.centre.with(|centre| centre.hold(NAME, false));
    assert_eq!(world.run(steps[0].clone()).await, done());
}

#[tokio::test]
async fn a_wrong_key_is_tried_later_and_shows_nowhere() {
    let world = world();
    let wrong = adapter(&world.centre.url(), &world.centre.url(), "8642-GUESS").expect("it fits");
    let answer = wrong.execute(&person(Act::LookUp, None, None)).await;
    assert!(matches!(answer, Answer::TryLater { status: 401, .. }), "{answer:?}");
    let error = wrong.probe().await.expect_err("a wrong key").to_string();
    assert!(error.contains("401") && !error.contains("8642"), "{error}");
    world.adapter.probe().await.expect("the right one");
    let ada_href = world.ada().await;
    let told = format!("{KEY} may not set 1234");
    world.centre.fault(Fault::on("PATCH", "", status(400, &told)));
    let answer = world.run(person(Act::Update, Some(&ada_href), Some(ada()))).await;
    assert_eq!(answer.words(), Some("… may not set …"));
    let shown: String = world.centre.requests().iter().map(Recorded::to_string).collect();
    assert!(shown.contains("GGL-API-KEY …") && !shown.contains("1234"), "{shown}");
}

#[tokio::test]
async fn a_number_that_somebody_else_holds_is_refused() {
    let world = world();
    let other = "DW-2";
    world.centre.with(|centre| centre.make(other).first_name = "Eve".into());
    let ada_href = world.ada().await;
    let create = |href: &str| {
        of(href, step(ItemKind::Credential, Act::Create, "077705923", None, Some(card(Window::ALWAYS))))
    };
    assert_eq!(world.run(create(&ada_href)).await, done());
    let look_up = step(ItemKind::Person, Act::LookUp, other, None, None);
    let (eve, _) = world.look_up(look_up).await;
    let mut second = create(&eve);
    second.ids.person_ext_id = Some(other.into());
    let answer = world.run(second).await;
    assert!(matches!(answer, Answer::Refused { status: 400, .. }), "{answer:?}");
}

#[tokio::test]
async fn a_search_that_the_server_does_not_heed_ends() {
    let world = world();
    world.adapter.probe().await.expect("it answers");
    for page in 0..10 {
        let next = format!("{}/api/cardholders?skip={}", world.centre.url(), page + 1);
        let body = json!({ "results": [{ "href": next, "@Doorward ID": "DW-9" }], "next": { "href": next } });
        world.centre.fault(Fault::on(
            "GET",
            "/api/cardholders",
            FaultKind::Status { status: 200, headers: Vec::new(), body },
        ));
    }
    let answer = world.run(person(Act::LookUp, None, None)).await;
    assert!(answer.words().is_some_and(|words| words.contains("external_id_pdf")), "{answer:?}");
    let strange = step(ItemKind::Person, Act::LookUp, "DW\"1", None, None);
    assert_eq!(kind(&world.run(strange).await), "Refused");
}
