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
        let mut plan = scene.verified();
        plan.withhold(None, &scene.rows, known, NOW);
        let Some(step) = plan.steps.first() else { return left };
        left.push(named(step));
        scene.rows.intend(step, &POST);
        scene.rows.settle(step, &done(), scene.now, (&POST, &LIMITS), 1_000);
    }
}

fn known(status: Option<UserStatus>, is_gone: bool, denied: &[&str]) -> Known {
    Known { status, is_gone, denied_tokens: denied.iter().map(|token| (*token).to_owned()).collect() }
}

#[test]
fn nobody_leaves_because_rows_are_still_to_come_and_what_says_no_is_obeyed() {
    let everything = ["remove t1", "remove r1", "remove person"];
    let table = [
        ("nothing came yet", known(None, false, &[]), None, vec![]),
        ("only the user came", known(Some(UserStatus::Active), false, &[]), None, vec![]),
        ("the token is revoked", known(Some(UserStatus::Active), false, &["t1"]), None, vec!["remove t1"]),
        ("it is somebody else's", known(None, false, &["t1"]), None, vec!["remove t1"]),
        ("another token is revoked", known(None, false, &["t2"]), None, vec![]),
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
fn a_card_that_was_replaced_is_replaced() {
    let mut scene = Scene::settled(POST);
    let mut replaced = ada(&["t1"], &["r1"]);
    for card in replaced.credentials.values_mut() {
        card.card_number = "2".into();
        card.need = access::trust::Need::Keep;
    }
    scene.becomes(Some(replaced.clone()));
    let mut plan = scene.plan();
    plan.withhold(Some(&replaced), &scene.rows, &known(Some(UserStatus::Active), false, &[]), NOW);
    assert_eq!(plan.steps.iter().map(named).collect::<Vec<_>>(), ["remove t1"]);
}

#[test]
fn what_is_withheld_is_not_counted_by_the_brake_either() {
    let mut scene = Scene::settled(POST);
    scene.grounds.user_is_barred = false;
    let nothing_came = known(None, false, &[]);
    let rows = scene.rows.clone();
    let mut plan = plan(None, &rows, scene.now, &POST, &scene.grounds);
    assert!(plan.is_pending && !plan.notes.is_empty());
    plan.withhold(None, &rows, &nothing_came, NOW);
    assert_eq!((plan.is_pending, plan.notes), (false, vec![]));
}
