//! Answers that do not come: what is said of each request of each step, and that a repeated step leads to the
//! end that one undisturbed step leads to.

use super::*;
use ItemKind::{Credential, Permission};
use std::time::Duration;

/// Longest wait for what is carried out late.
const LATE_MAX: Duration = Duration::from_secs(10);

/// A step from a world that is as it should be before it, the requests that it takes, and whether each
/// changes something.
struct Scene {
    step: fn() -> Step,
    requests: &'static [(&'static str, &'static str, bool)],
}

const USER: &str = "user-0001";
const TOKEN_OF_CARD: &str = "card-0002";

const SCENES: [Scene; 8] = [
    Scene { step: || person(Act::Update, Some(USER)), requests: &[("PUT", "/users/user-0001", true)] },
    Scene {
        step: || person(Act::Remove, Some(USER)),
        requests: &[("PUT", "/users/user-0001", true), ("DELETE", "/users/user-0001", true)],
    },
    Scene { step: || person(Act::LookUp, Some(USER)), requests: &[("GET", "/users?", false)] },
    Scene {
        step: || child(Credential, Act::Create, OTHER_CARD, None, USER),
        requests: &[("POST", "/import", true), ("PUT", "/nfc_cards", true)],
    },
    Scene {
        step: || child(Credential, Act::Remove, CARD, Some(TOKEN_OF_CARD), USER),
        requests: &[("GET", "/users/user-0001", false), ("PUT", "/nfc_cards/delete", true)],
    },
    Scene {
        step: || child(Credential, Act::LookUp, CARD, None, USER),
        requests: &[("GET", "/users/user-0001", false), ("GET", "/tokens/card-0002", false)],
    },
    Scene {
        step: || child(Permission, Act::Create, "lab", None, USER),
        requests: &[("GET", "/access_policies", false), ("PUT", "/access_policies", true)],
    },
    Scene {
        step: || child(Permission, Act::Remove, "main", Some("main"), USER),
        requests: &[("GET", "/access_policies", false), ("PUT", "/access_policies", true)],
    },
];

/// One user with a card and two policies.
fn peopled() -> (Double<Sim>, Unifi) {
    let (double, unifi) = world();
    double.with(|sim| {
        let user = sim.enrol("Ada", "Lovelace", "DW-1");
        sim.add_card(CARD, CARD, Some(&user));
        sim.users.get_mut(&user).expect("it is there").policies = vec!["main".into(), "club".into()];
    });
    (double, unifi)
}

fn dump(double: &Double<Sim>) -> Value {
    use doorward_sim::double::Api as _;
    double.with(|sim| sim.dump())
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_nothing_is_repeated_until_the_step_is() {
    for scene in SCENES {
        let step = (scene.step)();
        let (undisturbed, unifi) = peopled();
        let answer = unifi.execute(&step).await;
        assert!(matches!(kind_of(&answer), "Done" | "Found"), "{answer:?}");
        assert_eq!(undisturbed.requests().len(), scene.requests.len(), "{step:?}");
        let end = dump(&undisturbed);
        for (at, (method, path, changes)) in scene.requests.iter().enumerate() {
            for fault in [FaultKind::CutBefore, FaultKind::CutAfter, FaultKind::StatusAfter { status: 502 }] {
                let (double, unifi) = peopled();
                double.fault(Fault::on(method, path, fault.clone()));
                let answer = unifi.execute(&step).await;
                let expected = if *changes { "Unknown" } else { "NotSent" };
                let place = format!("{method} {path} {fault:?} of {step:?}: {answer:?}");
                assert_eq!(kind_of(&answer), expected, "{place}");
                assert_eq!(double.requests().len(), at + 1, "{place}");
                let again = unifi.execute(&step).await;
                let over = step.act == Act::Remove && dump(&double) == end;
                assert!(matches!(kind_of(&again), "Done" | "Found") || over, "{place}, then {again:?}");
                assert_eq!(dump(&double), end, "{place}");
                assert_eq!(double.faults_left(), 0);
            }
        }
    }
}

#[tokio::test]
async fn a_user_whose_making_was_lost_is_found_by_its_name() {
    let (double, unifi) = world();
    for fault in [FaultKind::CutBefore, FaultKind::CutAfter] {
        let was_made = fault == FaultKind::CutAfter;
        double.fault(Fault::next(fault));
        assert_eq!(kind_of(&unifi.execute(&person(Act::Create, None)).await), "Unknown");
        let answer = unifi.execute(&person(Act::LookUp, None)).await;
        assert_eq!(kind_of(&answer), if was_made { "Found" } else { "NotFound" });
        assert_eq!(double.with(|sim| sim.users.len()), usize::from(was_made));
    }
}

#[tokio::test]
async fn what_is_carried_out_late_is_found_then() {
    let (double, unifi) = world();
    double.fault(Fault::next(FaultKind::Late { ms: 50 }));
    assert_eq!(kind_of(&unifi.execute(&person(Act::Create, None)).await), "Unknown");
    assert!(double.wait_until(LATE_MAX, |sim| !sim.users.is_empty()));
    let Answer::Found { native_id: Some(user), as_wanted: Some(true) } =
        unifi.execute(&person(Act::LookUp, None)).await
    else {
        panic!("it is found")
    };
    double.fault(Fault::on("PUT", "access_policies", FaultKind::Late { ms: 50 }));
    let create = child(Permission, Act::Create, "main", None, &user);
    assert_eq!(kind_of(&unifi.execute(&create).await), "Unknown");
    assert!(double.wait_until(LATE_MAX, |sim| sim.users.values().any(|user| user.policies == ["main"])));
    let look_up = child(Permission, Act::LookUp, "main", None, &user);
    assert_eq!(unifi.execute(&look_up).await, found("main", Some(true)));
}

#[tokio::test]
async fn an_answer_that_is_too_slow_is_lost_and_one_that_is_slow_is_not() {
    let double = Double::start(sim());
    let (section, properties) = section();
    let hasty = PacsSettings { timeout_ms: 200, ..settings(&double) };
    let unifi = Unifi::new(section, properties, &hasty).expect("it fits");
    double.fault(Fault::next(FaultKind::Slow { ms: 10_000 }));
    let answer = unifi.execute(&person(Act::Create, None)).await;
    assert!(matches!(&answer, Answer::Unknown { words } if words.contains("200 ms")), "{answer:?}");
    assert_eq!(double.with(|sim| sim.users.len()), 1, "it was carried out");
    double.fault(Fault::next(FaultKind::Slow { ms: 10_000 }));
    assert_eq!(kind_of(&unifi.execute(&person(Act::LookUp, None)).await), "NotSent");
    let patient = adapter(&double, &[]);
    double.fault(Fault::next(FaultKind::Slow { ms: 20 }));
    assert_eq!(kind_of(&patient.execute(&person(Act::LookUp, None)).await), "Found");
}

#[tokio::test]
async fn a_console_that_is_away_was_not_asked() {
    let (double, unifi) = world();
    drop(double);
    for step in [person(Act::Create, None), person(Act::LookUp, None), person(Act::Remove, Some(USER))] {
        assert_eq!(kind_of(&unifi.execute(&step).await), "NotSent");
    }
    let kinds = [ACCESS_POLICY.to_owned()];
    let error = unifi.entitlements(&kinds).await.expect_err("nobody answers").to_string();
    assert!(error.contains("not sent"), "{error}");
}
