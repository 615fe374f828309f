//! What goes wrong on the way, and what may be said of it.

use super::*;
use std::time::Duration;

fn name(answer: &Answer) -> String {
    format!("{answer:?}").split([' ', '{']).next().unwrap_or_default().to_owned()
}

fn error(status: u16, kind: &str, detail: &str) -> FaultKind {
    let body = json!({ "scimType": kind, "detail": detail });
    FaultKind::Status { status, headers: Vec::new(), body }
}

#[tokio::test]
async fn each_status_of_a_change_has_its_meaning() {
    let (double, scim) = world(Habits::default());
    let id = made(&scim, &create_person()).await;
    let own = ("PA1", Some(id.as_str()));
    let steps = [
        ("POST", create_person()),
        ("PUT", with(ada("Lovelace"), step(ItemKind::Person, Act::Update, own, None))),
        ("DELETE", step(ItemKind::Person, Act::Remove, own, None)),
    ];
    let table = [
        (400, "invalidValue", ["Refused", "Refused", "Refused"]),
        (400, "uniqueness", ["Conflict", "Refused", "Refused"]),
        (409, "uniqueness", ["Conflict", "Refused", "Refused"]),
        (409, "", ["Conflict", "TryLater", "TryLater"]),
        (412, "", ["TryLater", "TryLater", "TryLater"]),
        (404, "", ["Refused", "NotFound", "NotFound"]),
        (401, "", ["TryLater", "TryLater", "TryLater"]),
        (403, "", ["TryLater", "TryLater", "TryLater"]),
        (429, "", ["TryLater", "TryLater", "TryLater"]),
        (413, "", ["Refused", "Refused", "Refused"]),
        (202, "", ["Unknown", "Unknown", "Unknown"]),
        (500, "", ["Unknown", "Unknown", "Unknown"]),
        (501, "", ["Unknown", "Unknown", "Unknown"]),
        (503, "", ["Unknown", "Unknown", "Unknown"]),
    ];
    let before = double.with(|server| server.dump());
    for (status, kind, meanings) in table {
        for ((method, step), meaning) in steps.iter().zip(meanings) {
            double.fault(Fault::on(method, "", error(status, kind, "the server's words")));
            let answer = scim.execute(step).await;
            assert_eq!(name(&answer), meaning, "{method} {status} {kind}: {answer:?}");
            assert!(status == 202 || answer.words() == Some("the server's words"), "{answer:?}");
        }
    }
    assert_eq!(double.with(|server| server.dump()), before);
    assert_eq!(double.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_read_that_fails_changes_nothing() {
    let (double, scim) = world(Habits::default());
    let id = made(&scim, &create_person()).await;
    let own = ("PA1", Some(id.as_str()));
    let steps = [
        create_card(&id),
        with(ada("Lovelace"), step(ItemKind::Person, Act::Update, own, None)),
        step(ItemKind::Person, Act::Remove, own, None),
        step(ItemKind::Person, Act::LookUp, own, None),
    ];
    let faults = [
        (error(500, "", "down"), "NotSent"),
        (error(503, "", "down"), "NotSent"),
        (FaultKind::CutBefore, "NotSent"),
        (FaultKind::Slow { ms: TIMEOUT_MS * 2 }, "NotSent"),
        (error(401, "", "who?"), "TryLater"),
        (error(429, "", "slowly"), "TryLater"),
        (error(400, "invalidFilter", "no such filter"), "Refused"),
    ];
    let before = changes(&double);
    for (fault, meaning) in faults {
        for step in &steps {
            double.fault(Fault::on("GET", "", fault.clone()));
            let answer = scim.execute(step).await;
            assert_eq!(name(&answer), meaning, "{fault:?} {:?}: {answer:?}", step.act);
        }
    }
    assert_eq!(changes(&double), before);
}

#[tokio::test]
async fn retry_after_is_told_when_it_is_given() {
    let (double, scim) = world(Habits::default());
    let after = async |headers: &[(&str, &str)]| {
        let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        double.fault(Fault::on("POST", "", FaultKind::Status { status: 429, headers, body: json!({}) }));
        match scim.execute(&create_person()).await {
            Answer::TryLater { status: 429, after_ms, .. } => after_ms,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(after(&[("retry-after", "7")]).await, Some(7_000));
    assert_eq!(after(&[]).await, None);
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_nothing_is_repeated() {
    for fault in
        [FaultKind::CutAfter, FaultKind::Slow { ms: TIMEOUT_MS * 2 }, FaultKind::StatusAfter { status: 502 }]
    {
        let (double, scim) = world(Habits::default());
        double.fault(Fault::on("POST", "", fault));
        assert!(matches!(scim.execute(&create_person()).await, Answer::Unknown { .. }));
        assert_eq!(changes(&double), 1);
        let look_up = step(ItemKind::Person, Act::LookUp, ("PA1", None), None);
        let Answer::Found { native_id: Some(id), .. } = scim.execute(&look_up).await else {
            panic!("it is there")
        };
        // Whatever a lost request did, the repeated step leads to the same end.
        let own = ("PA1", Some(id.as_str()));
        let update = with(ada("Lovelace"), step(ItemKind::Person, Act::Update, own, None));
        double.fault(Fault::on("PUT", "", FaultKind::CutAfter));
        assert!(matches!(scim.execute(&update).await, Answer::Unknown { .. }));
        assert_eq!(scim.execute(&update).await, Answer::Done { native_id: None });
        let remove = step(ItemKind::Person, Act::Remove, own, None);
        double.fault(Fault::on("DELETE", "", FaultKind::CutAfter));
        assert!(matches!(scim.execute(&remove).await, Answer::Unknown { .. }));
        assert!(matches!(scim.execute(&remove).await, Answer::NotFound { .. }));
    }
}

#[tokio::test]
async fn a_success_without_an_id_is_unknown() {
    let (double, scim) = world(Habits::default());
    for body in [json!({}), json!({ "id": "" }), json!("made")] {
        double.fault(Fault::on("POST", "", FaultKind::Status { status: 201, headers: Vec::new(), body }));
        assert!(matches!(scim.execute(&create_person()).await, Answer::Unknown { .. }));
    }
}

#[tokio::test]
async fn a_second_user_of_the_name_is_a_conflict_where_the_server_says_so() {
    let (double, scim) = world(Habits { names_are_unique: true, ..Habits::default() });
    made(&scim, &create_person()).await;
    assert!(matches!(scim.execute(&create_person()).await, Answer::Conflict { .. }));
    assert_eq!(double.with(|server| server.all("Users").len()), 1);
}

#[tokio::test]
async fn a_resource_that_changed_in_between_is_tried_later() {
    let (double, scim) = world(Habits::default());
    let id = made(&scim, &create_person()).await;
    let own = ("PA1", Some(id.as_str()));
    // The request arrives late, and somebody was faster: what was read is no longer what is there.
    double.fault(Fault::on("PUT", "", FaultKind::Late { ms: 50 }));
    let update = with(ada("Lovelace"), step(ItemKind::Person, Act::Update, own, None));
    assert!(matches!(scim.execute(&update).await, Answer::Unknown { .. }));
    double.with(|server| server.edit("Users", "PA1", |one| one["title"] = "Countess".into()));
    assert!(double.wait_until(Duration::from_secs(10), |server| server.answered.contains(&412)));
    let family = |server: &mut Server| server.dump()["PA1"]["name"]["familyName"].clone();
    assert_eq!(double.with(family), "Byron");
    assert_eq!(scim.execute(&update).await, Answer::Done { native_id: None });
    assert_eq!(double.with(family), "Lovelace");
}

#[tokio::test]
async fn a_late_removal_after_a_restore_that_gave_the_id_anew_removes_nobody_else() {
    for has_etags in [true, false] {
        let (double, scim) = world(Habits { has_etags, ..Habits::default() });
        let backup = double.with(|server| server.clone());
        let id = made(&scim, &create_person()).await;
        double.fault(Fault::on("DELETE", "", FaultKind::Late { ms: 50 }));
        let remove = step(ItemKind::Person, Act::Remove, ("PA1", Some(id.as_str())), None);
        assert!(matches!(scim.execute(&remove).await, Answer::Unknown { .. }));
        let anew = double.with(|server| {
            server.restore(backup);
            server.add("Users", json!({ "externalId": "PA2" }))
        });
        assert_eq!(anew, id);
        let answered = |server: &Server| server.answered.iter().any(|status| [412, 204].contains(status));
        assert!(double.wait_until(Duration::from_secs(10), answered));
        // Without ETags nothing can prevent it: the id is all that the request names.
        assert_eq!(double.with(|server| server.all("Users").len()), usize::from(has_etags));
    }
}

#[tokio::test]
async fn a_server_without_etags_is_not_sent_any() {
    let (double, scim) = world(Habits { has_etags: false, ..Habits::default() });
    let id = made(&scim, &create_person()).await;
    let own = ("PA1", Some(id.as_str()));
    scim.execute(&with(ada("Lovelace"), step(ItemKind::Person, Act::Update, own, None))).await;
    assert_eq!(
        scim.execute(&step(ItemKind::Person, Act::Remove, own, None)).await,
        Answer::Done { native_id: None }
    );
    assert!(double.requests().iter().all(|request| !request.headers.contains_key("if-match")));
}

#[tokio::test]
async fn etags_can_be_switched_off() {
    let double = Double::start(Server::new(Habits::default()));
    let (section, properties) = section_of(&PROFILE.replacen("etags = true", "etags = false", 1));
    let scim = Scim::new(section, &properties, &settings(&double.url(), TOKEN)).expect("it fits");
    let id = made(&scim, &create_person()).await;
    made(&scim, &create_card(&id)).await;
    let remove = step(ItemKind::Person, Act::Remove, ("PA1", Some(id.as_str())), None);
    assert_eq!(scim.execute(&remove).await, Answer::Done { native_id: None });
    assert_eq!(double.with(|server| server.all("Tokens").len()), 0);
    assert!(double.requests().iter().all(|request| !request.headers.contains_key("if-match")));
}

#[tokio::test]
async fn secrets_are_taken_out_of_the_words() {
    let (double, scim) = world(Habits::default());
    double.fault(Fault::on("POST", "", error(400, "", &format!("pin 8642 is weak, {TOKEN} too"))));
    let create = create_person();
    assert_eq!(scim.execute(&create).await.words(), Some("pin … is weak, … too"));
    assert!(!format!("{create:?}").contains("8642"));
}

#[tokio::test]
async fn a_server_that_is_down_was_sent_nothing() {
    let (double, scim) = world(Habits::default());
    drop(double);
    assert!(matches!(scim.execute(&create_person()).await, Answer::NotSent { .. }));
}
