//! What each answer, and each lack of one, means.

use super::*;

/// What the steps of a permission ask: badges, the two badges' assignments, then the changes.
const ASSIGNMENTS: &str = "Lnl_AccessLevelAssignment";

#[tokio::test]
async fn each_status_has_its_meaning() {
    let world = built(Options::default(), &with_pin(), TIMEOUT_MS);
    let create = person(Act::Create, Some(ada()), None);
    let table = [
        (400, "Refused"),
        (405, "Refused"),
        (422, "Refused"),
        (302, "Refused"),
        (404, "NotFound"),
        (410, "NotFound"),
        (409, "Conflict"),
        (403, "TryLater"),
        (408, "TryLater"),
        (425, "TryLater"),
        (429, "TryLater"),
        (202, "Unknown"),
        (500, "Unknown"),
        (503, "Unknown"),
    ];
    for (status, meaning) in table {
        let body =
            json!({ "error": { "code": "x", "message": format!("no {PIN}, no {PASSWORD}, no session-1") } });
        let fault = FaultKind::Status { status, headers: Vec::new(), body };
        world.pacs.fault(Fault::on("POST", "Lnl_Cardholder", fault));
        let answer = world.answer(&create).await;
        assert_eq!(name(&answer), meaning, "{status}: {answer:?}");
        assert!(status == 202 || answer.words() == Some("no …, no …, no …"), "{answer:?}");
    }
    assert_eq!(world.dump(), json!({}), "nothing is repeated behind the ledger's back");
    world.end();
}

#[tokio::test]
async fn retry_after_is_passed_on() {
    let world = world();
    for (headers, expected) in
        [(vec![("retry-after".to_owned(), "7".to_owned())], Some(7_000)), (vec![], None)]
    {
        for (method, step) in [
            ("POST", person(Act::Create, Some(ada()), None)),
            ("GET", person(Act::LookUp, None, None)),
            ("GET", person(Act::Remove, None, Some("7"))),
        ] {
            let body = json!({ "error": { "message": "too many" } });
            let fault = FaultKind::Status { status: 429, headers: headers.clone(), body };
            world.pacs.fault(Fault::on(method, "Lnl_Cardholder", fault));
            let answer = world.answer(&step).await;
            let words = "too many".to_owned();
            assert_eq!(answer, Answer::TryLater { status: 429, words, after_ms: expected });
        }
    }
    world.end();
}

#[tokio::test]
async fn a_collision_is_a_conflict() {
    let world = world();
    let (id, ..) = world.with_ada().await;
    let again = badge(Act::Create, "5001", Some(Window::ALWAYS), None, &id);
    let answer = world.answer(&again).await;
    assert!(matches!(&answer, Answer::Conflict { words } if words.contains("in use")), "{answer:?}");
    let odd = badge(Act::Create, "12A4", Some(Window::ALWAYS), None, &id);
    let answer = world.answer(&odd).await;
    assert!(matches!(&answer, Answer::Refused { words, .. } if words.contains("no number")), "{answer:?}");
    world.end();
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_what_has_no_id_is_not_sent() {
    let world = world();
    let gone = [
        person(Act::Update, Some(ada()), Some("999")),
        person(Act::Remove, None, Some("999")),
        badge(Act::Update, "1", Some(Window::ALWAYS), Some("999"), "998"),
        badge(Act::Remove, "1", None, Some("999"), "998"),
        permission(Act::Remove, MAIN, None, "999"),
        permission(Act::Update, MAIN, Some(right(&["998"], Window::ALWAYS)), "999"),
    ];
    for step in gone {
        assert_eq!(name(&world.answer(&step).await), "NotFound", "{step:?}");
    }
    world.asked();
    let nameless = |kind, act, content| step(kind, act, content, ("DW-1", None, None));
    let empty = |kind, act| step(kind, act, None, ("DW-1", Some(""), Some("")));
    for step in [
        nameless(ItemKind::Person, Act::Remove, None),
        nameless(ItemKind::Person, Act::Update, Some(Content::Person(ada()))),
        nameless(ItemKind::Credential, Act::Remove, None),
        nameless(ItemKind::Credential, Act::LookUp, None),
        nameless(ItemKind::Permission, Act::Remove, None),
        nameless(ItemKind::Permission, Act::LookUp, None),
        empty(ItemKind::Person, Act::Remove),
        empty(ItemKind::Credential, Act::Remove),
        empty(ItemKind::Permission, Act::Remove),
    ] {
        assert_eq!(name(&world.answer(&step).await), "NotSent", "{step:?}");
    }
    assert!(world.asked().is_empty());
    world.end();
}

/// A step that asks and changes more than once, from a fresh world.
async fn scenes(world: &World) -> Vec<(&'static str, Step)> {
    let (id, first, second) = world.with_ada().await;
    let both = |window| Some(right(&[&first, &second], window));
    world.done(&permission(Act::Create, LAB, both(Window::ALWAYS), &id)).await;
    vec![
        ("gives a level", permission(Act::Create, MAIN, both(Window::ALWAYS), &id)),
        ("moves a window", permission(Act::Update, LAB, both(until("2027-01-01T00:00:00Z")), &id)),
        ("takes a level", permission(Act::Remove, LAB, None, &id)),
        ("takes a badge", badge(Act::Remove, "5001", None, Some(&first), &id)),
        ("takes a person", person(Act::Remove, None, Some(&id))),
    ]
}

/// How a step goes that meets no fault.
struct Straight {
    scene: usize,
    requests: Vec<String>,
    /// What is there afterwards.
    dump: Value,
}

async fn straight(scene: usize) -> Straight {
    let world = world();
    let step = scenes(&world).await.swap_remove(scene).1;
    world.asked();
    world.done(&step).await;
    let straight = Straight { scene, requests: world.asked(), dump: world.dump() };
    world.end();
    straight
}

/// Lets the request with this number fail, and checks what is said of it; then the repetition ends as if
/// nothing had happened.
async fn fails_at(straight: &Straight, request: usize, kind: &FaultKind) {
    let world = world();
    let (what, step) = scenes(&world).await.swap_remove(straight.scene);
    let (before, failing) = (&straight.requests[..request], &straight.requests[request]);
    let (method, of) = failing.split_once(' ').expect("a method and a type");
    let of = format!("{of}&");
    // A fault meets the first request that fits, so those before it get one, too, that changes nothing.
    for _ in before.iter().filter(|one| *one == failing) {
        world.pacs.fault(Fault::on(method, &of, FaultKind::Slow { ms: 0 }));
    }
    world.pacs.fault(Fault::on(method, &of, kind.clone()));
    let answer = world.answer(&step).await;
    let context = format!("{what}, request {request} ({failing}), {kind:?}: {answer:?}");
    assert_eq!(world.pacs.faults_left(), 0, "{context}");
    let is_asking = method == "GET" && before.iter().all(|one| one.starts_with("GET"));
    assert_eq!(name(&answer), if is_asking { "NotSent" } else { "Unknown" }, "{context}");
    match world.answer(&step).await {
        Answer::Done { .. } => {}
        Answer::NotFound { .. } if step.act == Act::Remove => {}
        other => panic!("{context}, then {other:?}"),
    }
    assert_eq!(world.dump(), straight.dump, "{context}");
    world.end();
}

#[tokio::test]
async fn a_lost_answer_is_unknown_only_once_something_may_have_been_done_and_a_repetition_ends_the_same() {
    for scene in 0..5 {
        let straight = straight(scene).await;
        assert!(straight.requests.len() > 2, "{:?}", straight.requests);
        for request in 0..straight.requests.len() {
            for kind in [FaultKind::CutBefore, FaultKind::CutAfter, FaultKind::StatusAfter { status: 502 }] {
                fails_at(&straight, request, &kind).await;
            }
        }
    }
}

#[tokio::test]
async fn a_definite_no_is_passed_on_before_the_first_change_and_unknown_after_it() {
    let world = world();
    let (id, first, second) = world.with_ada().await;
    let both = permission(Act::Create, MAIN, Some(right(&[&first, &second], Window::ALWAYS)), &id);
    for (status, before) in [(400, "Refused"), (409, "Conflict"), (429, "TryLater"), (404, "NotFound")] {
        world.pacs.fault(Fault::on("POST", ASSIGNMENTS, FaultKind::status(status)));
        assert_eq!(name(&world.answer(&both).await), before, "{status}");
        world.pacs.fault(Fault::on("POST", ASSIGNMENTS, FaultKind::Slow { ms: 0 }));
        world.pacs.fault(Fault::on("POST", ASSIGNMENTS, FaultKind::status(status)));
        let answer = world.answer(&both).await;
        assert_eq!(name(&answer), "Unknown", "{status}: {answer:?}");
        world.pacs.with(|sim| sim.instances(ASSIGNMENTS).clear());
    }
    world.end();
}

#[tokio::test]
async fn a_list_that_is_not_found_says_nothing_of_the_item() {
    let world = world();
    for (act, expected) in [(Act::Remove, "NotSent"), (Act::LookUp, "Unknown")] {
        for fault in [404, 410, 500, 202] {
            world.pacs.fault(Fault::on("GET", "Lnl_Cardholder", FaultKind::status(fault)));
            let answer = world.answer(&person(act, None, Some("7"))).await;
            assert_eq!(name(&answer), expected, "{fault}: {answer:?}");
        }
        let nameless = json!({ "item_list": [{ "property_value_map": {} }], "total_pages": 1 });
        for (body, words) in [(json!({ "items": [] }), "onguard.answers.items"), (nameless, "has no")] {
            let odd = FaultKind::Status { status: 200, headers: Vec::new(), body };
            world.pacs.fault(Fault::on("GET", "Lnl_Cardholder", odd));
            let answer = world.answer(&person(act, None, Some("7"))).await;
            assert_eq!(name(&answer), expected, "{answer:?}");
            assert!(answer.words().is_some_and(|told| told.contains(words)), "{answer:?}");
        }
    }
    world.end();
}

#[tokio::test]
async fn a_success_without_the_key_is_unknown() {
    let world = world();
    let bare = |body| FaultKind::Status { status: 200, headers: Vec::new(), body };
    for body in
        [json!({}), json!({ "property_value_map": {} }), json!({ "property_value_map": { "ID": "" } })]
    {
        world.pacs.fault(Fault::on("POST", "Lnl_Cardholder", bare(body)));
        assert_eq!(name(&world.answer(&person(Act::Create, Some(ada()), None)).await), "Unknown");
    }
    world.end();
}

#[tokio::test]
async fn an_answer_that_is_too_slow_is_unknown_and_what_comes_late_is_found() {
    let world = built(Options::default(), PROFILE, 400);
    world.onguard.probe().await.expect("it answers");
    world.pacs.fault(Fault::on("POST", "Lnl_Cardholder", FaultKind::Slow { ms: 60_000 }));
    let create = person(Act::Create, Some(ada()), None);
    let answer = world.answer(&create).await;
    assert!(matches!(&answer, Answer::Unknown { words } if words.contains("400 ms")), "{answer:?}");
    world.pacs.with(|sim| sim.instances("Lnl_Cardholder").clear());
    world.pacs.fault(Fault::on("POST", "Lnl_Cardholder", FaultKind::Late { ms: 10 }));
    assert_eq!(name(&world.answer(&create).await), "Unknown");
    let deadline = std::time::Duration::from_secs(10);
    let came = |sim: &Sim| !doorward_sim::double::Api::dump(sim).as_object().is_none_or(|all| all.is_empty());
    assert!(world.pacs.wait_until(deadline, came));
    assert_eq!(name(&world.answer(&person(Act::LookUp, Some(ada()), None)).await), "Found");
    world.end();
}
