//! Why something is to go, and what the brake has to say to it.

use super::*;
use crate::export::item::{Cause, Clearance};
use crate::export::plan::Grounds;
use std::collections::BTreeSet;

const ENDS: UtcTime = UtcTime::from_unix(5_000);

/// Nothing but edits.
fn edits() -> Grounds {
    Grounds { user_is_barred: false, ..grounds() }
}

fn barred(token: &str) -> Grounds {
    Grounds { barred_tokens: BTreeSet::from([token.to_owned()]), ..edits() }
}

fn at(passed: UtcTime) -> Grounds {
    Grounds { passed, ..edits() }
}

/// In the PACS with a right that ends at [`ENDS`].
fn visitor() -> Scene {
    let mut scene = Scene::settled(POST);
    let mut ends = ada(&["t1"], &["r1"]);
    ends.permissions.values_mut().for_each(|right| right.window.to = Some(ENDS));
    scene.becomes(Some(ends));
    scene.plays(&[("update r1", done())]);
    scene
}

fn cause(scene: &mut Scene, kind: ItemKind, item: &str) -> (Option<Cause>, Clearance) {
    scene.plan();
    let row = scene.rows.get(kind, item).expect("a row");
    (row.cause, row.clearance)
}

#[test]
fn a_cause_is_a_status_the_end_of_a_window_or_an_edit() {
    use ItemKind::{Credential, Permission, Person};
    let edit = (Some(Cause::Edit), Clearance::Pending);
    let (status, time) = ((Some(Cause::Status), Clearance::None), (Some(Cause::Time), Clearance::None));
    let leaves = || None;
    let loses_token = || Some(ada(&[], &["r1"]));
    let loses_right = || Some(ada(&["t1"], &[]));
    type Case = (
        &'static str,
        Grounds,
        Option<access::person::Person>,
        ItemKind,
        &'static str,
        (Option<Cause>, Clearance),
    );
    let table: [Case; 9] = [
        ("the user was deleted", edits(), leaves(), Person, "", edit),
        ("the user is locked", Grounds { user_is_barred: true, ..edits() }, leaves(), Person, "", status),
        ("its only token is revoked", barred("t1"), leaves(), Person, "", status),
        ("and its right goes for the same", barred("t1"), leaves(), Permission, "r1", status),
        ("its only window has ended", at(ENDS), leaves(), Person, "", time),
        ("a token was deleted", edits(), loses_token(), Credential, "t1", edit),
        ("a token is locked", barred("t1"), loses_token(), Credential, "t1", status),
        ("an assignment was deleted", edits(), loses_right(), Permission, "r1", edit),
        (
            "a window was set into the past",
            at(UtcTime::from_unix(4_999)),
            loses_right(),
            Permission,
            "r1",
            edit,
        ),
    ];
    for (what, grounds, wanted, kind, item, expected) in table {
        let mut scene = visitor();
        scene.grounds = grounds;
        scene.becomes(wanted);
        assert_eq!(cause(&mut scene, kind, item), expected, "{what}");
    }
}

#[test]
fn a_removal_by_edit_waits_for_its_clearance() {
    let mut scene = visitor();
    scene.grounds = edits();
    scene.becomes(Some(ada(&["t1", "t2"], &[])));
    scene.plays(&[("create t2", made("c2"))]);
    let plan = scene.verified();
    assert_eq!((plan.steps.len(), plan.is_pending, plan.held), (0, true, 1));
    assert_eq!(plan.wake_at, Some(ENDS), "then it needs none");
    scene.rows.edit(|row| {
        if row.clearance == Clearance::Pending {
            row.clearance = Clearance::Given;
        }
    });
    scene.plays(&[("remove r1", done())]);
    scene.rests();
}

#[test]
fn what_is_held_goes_when_its_window_has_ended_anyway() {
    let mut scene = visitor();
    scene.grounds = edits();
    scene.becomes(Some(ada(&["t1"], &[])));
    scene.plan();
    scene.rows.edit(|row| {
        if row.clearance == Clearance::Pending {
            row.clearance = Clearance::Held;
        }
    });
    assert_eq!(scene.steps(), Vec::<String>::new());
    scene.grounds = at(ENDS);
    scene.plays(&[("remove r1", done())]);
    scene.rests();
}

#[test]
fn what_is_wanted_again_needs_another_approval_if_it_is_to_go_once_more() {
    let mut scene = visitor();
    scene.grounds = edits();
    let before = scene.wanted.clone();
    scene.becomes(Some(ada(&["t1"], &[])));
    scene.plan();
    let held = scene.rows.get(ItemKind::Permission, "r1").map(|row| row.generation);
    scene.becomes(before);
    scene.rests();
    let row = scene.rows.get(ItemKind::Permission, "r1").expect("a row");
    assert_eq!((row.cause, row.clearance), (None, Clearance::None));
    assert!(Some(row.generation) > held, "its hash is another one");
}

#[test]
fn a_cause_becomes_milder_and_never_harder() {
    let mut scene = visitor();
    scene.grounds = barred("t1");
    scene.becomes(None);
    assert_eq!(cause(&mut scene, ItemKind::Person, "").0, Some(Cause::Status));
    // Deleted meanwhile: it was to go anyway.
    scene.grounds = edits();
    assert_eq!(cause(&mut scene, ItemKind::Person, "").0, Some(Cause::Status));
}
