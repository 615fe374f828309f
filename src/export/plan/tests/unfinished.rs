//! While the mirror is not whole.

use super::*;
use crate::export::plan::Known;
use access::user::UserStatus;

const NOW: UtcTime = UtcTime::from_unix(1_000_000);

/// What leaves when the mirror has nothing to say for the user's items; the right's window ends at `until`.
fn leaving(known: &Known, until: Option<UtcTime>) -> Vec<String> {
    let mut scene = Scene::settled(POST);
    let mut wanted = ada(&["t1"], &["r1"]);
    wanted.permissions.values_mut().for_each(|right| right.window.to = until);
    scene.becomes(Some(wanted));
    if until.is_some() {
        scene.plays(&[("update r1", done())]);
    }
    scene.becomes(None);
    let mut left = Vec::new();
    loop {
        let mut plan = scene.plan();
        plan.withhold(&scene.rows, known, NOW);
        let Some(step) = plan.steps.first() else { return left };
        left.push(named(step));
        scene.rows.intend(step);
        scene.rows.settle(step, &done(), scene.now, &LIMITS, 1_000);
    }
}

fn known(status: Option<UserStatus>, is_gone: bool, tokens: &[&str]) -> Known {
    Known { status, is_gone, tokens: tokens.iter().map(|token| (*token).to_owned()).collect() }
}

#[test]
fn nobody_leaves_because_rows_are_still_to_come_and_what_says_no_is_obeyed() {
    let everything = ["remove t1", "remove r1", "remove person"];
    let table = [
        ("nothing came yet", known(None, false, &[]), None, vec![]),
        ("only the user came", known(Some(UserStatus::Active), false, &[]), None, vec![]),
        ("only the token came", known(None, false, &["t1"]), None, vec!["remove t1"]),
        ("the user was deleted", known(None, true, &[]), None, everything.to_vec()),
        ("the user is locked", known(Some(UserStatus::Locked), false, &[]), None, everything.to_vec()),
        ("the right's window is open", known(None, false, &[]), Some(UtcTime::from_unix(1_000_001)), vec![]),
        ("the right's window has closed", known(None, false, &[]), Some(NOW), vec!["remove r1"]),
    ];
    for (what, known, until, expected) in table {
        assert_eq!(leaving(&known, until), expected, "{what}");
    }
}

#[test]
fn a_person_whose_every_token_says_no_leaves() {
    let known = known(Some(UserStatus::Active), false, &["t1"]);
    let mut scene = Scene::settled(POST);
    scene.becomes(None);
    scene.plays(&[("remove t1", done())]);
    let mut plan = scene.plan();
    plan.withhold(&scene.rows, &known, NOW);
    assert_eq!(plan.steps, [], "the right may still come with another token; it waits");
}
