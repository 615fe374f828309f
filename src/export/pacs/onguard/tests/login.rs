//! The login: shared, renewed once, and never tried in a storm.

use super::*;
use std::rc::Rc;

/// An adapter that logs in again right after a refusal, or only much later.
fn with_password(pacs: &Double<Sim>, password: &str, pause_ms: u64) -> OnGuard {
    let settings = PacsSettings { password: Some(Secret::from(password.to_owned())), ..settings(pacs) };
    let profile = Profile::parse(Path::new("onguard.toml"), PROFILE).expect("it is shipped");
    let Api::Native { section, properties, .. } = profile.api else { panic!("it has an adapter") };
    OnGuard::with_pause(section, properties, &settings, pause_ms).expect("it fits")
}

async fn all_at_once(onguard: &Rc<OnGuard>, count: usize) -> Vec<Answer> {
    let tasks = tokio::task::LocalSet::new();
    let look_up =
        |onguard: Rc<OnGuard>| async move { onguard.execute(&person(Act::LookUp, None, None)).await };
    let running: Vec<_> = (0..count).map(|_| tasks.spawn_local(look_up(Rc::clone(onguard)))).collect();
    tasks.await;
    let mut answers = Vec::new();
    for one in running {
        answers.push(one.await.expect("it ends"));
    }
    answers
}

#[tokio::test]
async fn requests_share_one_login() {
    let world = world();
    let onguard = Rc::new(with_password(&world.pacs, PASSWORD, 30_000));
    let answers = all_at_once(&onguard, 16).await;
    assert!(answers.iter().all(|answer| name(answer) == "NotFound"), "{answers:?}");
    assert_eq!(world.pacs.with(|sim| sim.logins()), (1, 0));
    world.pacs.with(Sim::end_sessions);
    let answers = all_at_once(&onguard, 16).await;
    assert!(answers.iter().all(|answer| name(answer) == "NotFound"), "{answers:?}");
    assert_eq!(world.pacs.with(|sim| sim.logins()), (2, 0), "it is renewed once for all");
    world.end();
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_and_not_again_before_the_pause() {
    let world = world();
    let onguard = Rc::new(with_password(&world.pacs, "guess", 30_000));
    for _ in 0..2 {
        for answer in all_at_once(&onguard, 16).await {
            let Answer::TryLater { status, words, after_ms } = answer else { panic!("{answer:?}") };
            assert_eq!((status, after_ms), (401, Some(30_000)));
            assert!(words.contains("login") && words.contains("not valid"), "{words}");
        }
    }
    assert_eq!(world.pacs.with(|sim| sim.logins()), (0, 1));
    let error = onguard.probe().await.expect_err("it has no login").to_string();
    assert!(error.contains("401") && error.contains("login") && !error.contains("guess"), "{error}");
    world.end();
}

#[tokio::test]
async fn after_the_pause_a_refused_login_is_tried_again() {
    let world = world();
    // Timers count whole milliseconds, so that even no pause is a short one.
    let onguard = with_password(&world.pacs, "guess", 0);
    let look_up = person(Act::LookUp, None, None);
    assert_eq!(name(&onguard.execute(&look_up).await), "TryLater");
    world.pacs.with(|sim| sim.options.password = "guess".into());
    let until_found = async {
        while name(&onguard.execute(&look_up).await) != "NotFound" {
            tokio::task::yield_now().await;
        }
    };
    let deadline = std::time::Duration::from_millis(TIMEOUT_MS);
    tokio::time::timeout(deadline, until_found).await.expect("it is tried again");
    assert_eq!(world.pacs.with(|sim| sim.logins()), (1, 1));
    world.end();
}

#[tokio::test]
async fn a_login_that_ends_in_the_middle_of_a_step_is_renewed_and_nothing_is_done_twice() {
    for requests in 1..8 {
        let world = world();
        let (id, first, second) = world.with_ada().await;
        world.pacs.with(|sim| {
            sim.end_sessions();
            sim.options.session_requests = Some(requests);
        });
        let both = right(&[&first, &second], Window::ALWAYS);
        world.done(&permission(Act::Create, MAIN, Some(both), &id)).await;
        world.done(&person(Act::Remove, None, Some(&id))).await;
        assert_eq!(world.dump(), json!({}), "a login for {requests}");
        world.end();
    }
}

#[tokio::test]
async fn a_401_in_spite_of_a_new_login_is_for_later_and_certain_only_while_nothing_was_done() {
    let world = world();
    let (id, first, second) = world.with_ada().await;
    let both = permission(Act::Create, MAIN, Some(right(&[&first, &second], Window::ALWAYS)), &id);
    let refuse = |times| {
        (0..times).for_each(|_| {
            world.pacs.fault(Fault::on("POST", "Assignment", FaultKind::status(401)));
        })
    };
    refuse(2);
    assert_eq!(name(&world.answer(&both).await), "TryLater");
    assert_eq!(world.pacs.with(|sim| sim.instances("Lnl_AccessLevelAssignment").len()), 0);
    // Any other request still goes: the login itself is good.
    let look_up = person(Act::LookUp, None, Some(&id));
    assert_eq!(name(&world.answer(&look_up).await), "Found");
    // Once the first badge has it, the rest is not certain.
    let first_only = permission(Act::Create, MAIN, Some(right(&[&first], Window::ALWAYS)), &id);
    world.done(&first_only).await;
    let change =
        permission(Act::Update, MAIN, Some(right(&[&first, &second], until("2027-01-01T00:00:00Z"))), &id);
    refuse(2);
    assert_eq!(name(&world.answer(&change).await), "Unknown");
    world.end();
}

#[tokio::test]
async fn a_login_without_an_answer_means_that_nothing_was_sent() {
    let world = world();
    for kind in [FaultKind::CutBefore, FaultKind::CutAfter, FaultKind::status(503)] {
        world.pacs.fault(Fault::on("POST", "/authentication", kind));
        let answer = world.answer(&person(Act::Create, Some(ada()), None)).await;
        assert!(matches!(&answer, Answer::NotSent { words } if words.contains("login")), "{answer:?}");
    }
    let no_token = FaultKind::Status { status: 200, headers: Vec::new(), body: json!({}) };
    world.pacs.fault(Fault::on("POST", "/authentication", no_token));
    let answer = world.answer(&person(Act::Create, Some(ada()), None)).await;
    assert!(matches!(&answer, Answer::NotSent { words } if words.contains("session_token")), "{answer:?}");
    assert_eq!(world.dump(), json!({}));
    world.done(&person(Act::Create, Some(ada()), None)).await;
    world.end();
}

#[tokio::test]
async fn a_renewal_that_gets_no_answer_leaves_a_step_in_doubt_only_after_a_change() {
    let world = world();
    let (id, first, second) = world.with_ada().await;
    world.pacs.with(Sim::end_sessions);
    world.pacs.fault(Fault::on("POST", "/authentication", FaultKind::CutBefore));
    let both = permission(Act::Create, MAIN, Some(right(&[&first, &second], Window::ALWAYS)), &id);
    assert_eq!(name(&world.answer(&both).await), "NotSent");
    // Three lists and one change, then the next login ends and its renewal is cut.
    world.pacs.with(|sim| sim.options.session_requests = Some(4));
    world.pacs.fault(Fault::on("POST", "/authentication", FaultKind::Slow { ms: 0 }));
    world.pacs.fault(Fault::on("POST", "/authentication", FaultKind::CutBefore));
    let answer = world.answer(&both).await;
    assert!(matches!(&answer, Answer::Unknown { words } if words.contains("done in part")), "{answer:?}");
    assert_eq!(world.pacs.with(|sim| sim.instances("Lnl_AccessLevelAssignment").len()), 1);
    world.done(&both).await;
    assert_eq!(world.pacs.with(|sim| sim.instances("Lnl_AccessLevelAssignment").len()), 2);
    world.end();
}
