//! Scenes: what is asked of the PACS, answer by answer.

mod caps;
mod causes;
mod gone;
mod review;
mod scene;
mod unfinished;

pub(in crate::export) use scene::expect_forgettable;

use super::*;
use crate::export::item::{Answer, SEEN_FOR_MS};
use access::time::UtcTime;
use scene::*;

#[test]
fn a_user_enters_person_first_and_leaves_person_last() {
    let mut scene = Scene::settled(POST);
    scene.becomes(None);
    assert_eq!(scene.steps(), ["remove t1", "remove r1"]);
    scene.plays(&[("remove t1", done()), ("remove r1", done()), ("remove person", done())]);
    scene.rests();
    let gone = |row: &Row| row.state == State::Absent && row.ours;
    assert!(scene.rows.iter().all(gone), "a PACS that is restored from a backup brings them back");
    let mut blind = Scene::settled(BLIND);
    blind.becomes(None);
    blind.plays(&[("remove t1", done()), ("remove r1", done()), ("remove person", done())]);
    blind.rests();
    assert_eq!(blind.rows.iter().count(), 0, "one that cannot be asked is not remembered");
}

#[test]
fn removals_go_before_additions() {
    let mut scene = Scene::settled(POST);
    scene.becomes(Some(ada(&["t2"], &["r1", "r2"])));
    assert_eq!(scene.steps(), ["remove t1", "create t2", "create r2"]);
}

#[test]
fn data_that_changed_is_updated_and_nothing_else() {
    let mut scene = Scene::settled(POST);
    let mut changed = ada(&["t1"], &["r1"]);
    changed.given_name = "Augusta".into();
    scene.becomes(Some(changed.clone()));
    assert_eq!(scene.steps(), ["update person"]);
    scene.plays(&[("update person", done())]);
    scene.rests();
    let to = Some(UtcTime::from_unix(2_000));
    changed.permissions.values_mut().for_each(|right| right.window.to = to);
    scene.becomes(Some(changed));
    scene.plays(&[("update r1", done())]);
    scene.rests();
    assert_eq!(scene.rows.get(ItemKind::Permission, "r1").and_then(|row| row.until), to);
}

#[test]
fn where_the_pacs_is_not_told_of_windows_a_new_end_is_a_note() {
    let mut scene = Scene::settled(Caps { native_windows: false, ..POST });
    let to = Some(UtcTime::from_unix(2_000));
    let mut changed = ada(&["t1"], &["r1"]);
    changed.permissions.values_mut().for_each(|right| right.window.to = to);
    scene.becomes(Some(changed));
    let plan = scene.plan();
    assert_eq!((plan.steps.len(), plan.notes.len()), (0, 1));
    assert_eq!(plan.notes[0].until, to);
    assert!(!scene.plan().has_notes(), "once noted it is known");
}

#[test]
fn an_addition_whose_answer_is_lost_does_not_outlive_its_window() {
    for (caps, confirmed) in [(POST, "find r2"), (PUT, "remove r2")] {
        let mut scene = Scene::settled(caps);
        scene.becomes(Some(ada(&["t1"], &["r1", "r2"])));
        scene.plays(&[("create r2", lost())]);
        // The window closes: what can be removed is removed at once, and again when nothing can bring it.
        scene.becomes(Some(ada(&["t1"], &["r1"])));
        scene.plays(&[(confirmed, missing())]);
        assert_eq!(scene.sleeps(), LIMITS.late_ms);
        if caps.look_up {
            scene.plays(&[("find r2", made("late")), ("remove r2", done())]);
        } else {
            scene.plays(&[("remove r2", done())]);
        }
        scene.rests();
    }
}

#[test]
fn a_token_whose_creation_was_lost_is_found_and_removed_when_it_is_revoked() {
    let mut scene = Scene::settled(POST);
    scene.becomes(Some(ada(&["t1", "t2"], &["r1"])));
    scene.plays(&[("create t2", lost())]);
    scene.becomes(Some(ada(&["t1"], &["r1"])));
    scene.plays(&[("find t2", made("c2")), ("remove t2", done())]);
    scene.sleeps();
    scene.plays(&[("find t2", missing())]);
    scene.rests();
}

#[test]
fn a_lost_creation_is_looked_up_once_it_is_settled_and_not_made_twice() {
    let mut scene = Scene::settled(POST);
    scene.becomes(Some(ada(&["t1", "t2"], &["r1"])));
    scene.plays(&[("create t2", lost())]);
    assert_eq!(scene.sleeps(), LIMITS.late_ms);
    scene.plays(&[("find t2", made("c2")), ("update t2", done())]);
    scene.rests();
}

#[test]
fn a_collision_is_looked_up_and_made_anew_only_if_nothing_is_found() {
    let mut scene = Scene::new(POST, Some(ada(&["t1"], &[])));
    scene.plays(&[("create person", conflict())]);
    scene.sleeps();
    scene.plays(&[("find person", made("p1")), ("update person", done()), ("create t1", conflict())]);
    scene.sleeps();
    scene.plays(&[("find t1", missing()), ("create t1", made("c1"))]);
    scene.rests();
}

#[test]
fn without_look_up_a_known_id_is_repeated() {
    let mut scene = Scene::settled(BLIND);
    let mut changed = ada(&["t1"], &["r1"]);
    changed.credentials.values_mut().for_each(|card| card.card_number = "2".into());
    scene.becomes(Some(changed));
    scene.plays(&[("update t1", lost())]);
    scene.sleeps();
    scene.plays(&[("update t1", done())]);
    scene.rests();
}

#[test]
fn without_look_up_an_unknown_child_is_fenced() {
    let mut scene = Scene::settled(BLIND);
    scene.becomes(Some(ada(&["t1", "t2"], &["r1"])));
    scene.plays(&[("create t2", lost())]);
    assert_eq!(scene.sleeps(), LIMITS.late_ms);
    assert_eq!(scene.steps(), ["remove person"], "what would be added now would go again at once");
    let script = ["create t1", "create t2", "create r1"].map(|step| (step, made("n")));
    scene.plays(&[("remove person", done()), ("create person", made("p2"))]);
    scene.plays(&script);
    scene.rests();
}

#[test]
fn an_unknown_child_that_is_to_go_is_fenced_at_once_and_only_once() {
    let mut scene = Scene::settled(BLIND);
    scene.becomes(Some(ada(&["t1", "t2"], &["r1"])));
    scene.plays(&[("create t2", lost())]);
    scene.becomes(Some(ada(&["t1"], &["r1"])));
    scene.plays(&[("remove person", done()), ("create person", made("p2"))]);
    scene.plays(&["create t1", "create r1"].map(|step| (step, made("n"))));
    scene.sleeps();
    scene.rests();
}

#[test]
fn without_look_up_an_unknown_person_is_held_and_an_operator_can_free_it() {
    let mut scene = Scene::new(BLIND, Some(ada(&["t1"], &[])));
    scene.plays(&[("create person", lost())]);
    scene.sleeps();
    let plan = scene.plan();
    assert_eq!((plan.steps.len(), plan.wake, plan.waiting, plan.held), (0, None, 2, 1));
    scene.rows.declare_person_absent(scene.now);
    scene.plays(&[("create person", made("p1")), ("create t1", made("c1"))]);
    scene.rests();
}

#[test]
fn without_look_up_a_collision_holds_a_child_before_it_is_fenced_and_a_person_before_it_is_tried_again() {
    let mut scene = Scene::settled(BLIND);
    scene.becomes(Some(ada(&["t1", "t2"], &[])));
    scene.plays(&[("remove r1", done()), ("create t2", conflict())]);
    assert!(scene.sleeps() >= LIMITS.hold_min_ms);
    scene.plays(&[("remove person", done()), ("create person", made("p2")), ("create t1", made("c2"))]);
    scene.plays(&[("create t2", made("c3"))]);
    scene.rests();
    let mut scene = Scene::new(BLIND, Some(ada(&[], &[])));
    scene.plays(&[("create person", conflict())]);
    assert!(scene.sleeps() >= LIMITS.hold_min_ms);
    scene.plays(&[("create person", made("p1"))]);
    scene.rests();
}

#[test]
fn a_child_without_a_person_has_the_person_checked_and_rebuilt() {
    let mut scene = Scene::settled(POST);
    scene.becomes(Some(ada(&["t1"], &["r1", "r2"])));
    scene.plays(&[("create r2", missing()), ("find person", missing()), ("create person", made("p2"))]);
    scene.plays(&["create t1", "create r1"].map(|step| (step, made("n"))));
    scene.sleeps();
    scene.plays(&[("create r2", made("m2"))]);
    scene.rests();
}

#[test]
fn a_refusal_holds_its_item_alone_until_its_data_change() {
    let mut scene = Scene::settled(POST);
    let mut changed = ada(&["t1", "t2"], &["r1"]);
    changed.given_name = "?".into();
    scene.becomes(Some(changed));
    scene.plays(&[("update person", refused()), ("create t2", made("c2"))]);
    let plan = scene.plan();
    assert_eq!((plan.steps.len(), plan.held), (0, 1));
    scene.becomes(Some(ada(&["t1", "t2"], &["r1"])));
    scene.rests();
    assert!(scene.rows.iter().all(|row| row.hold_reason.is_none()), "what is as it should be is not held");
    let mut changed = ada(&["t1", "t2"], &["r1"]);
    changed.given_name = "Augusta".into();
    scene.becomes(Some(changed));
    scene.plays(&[("update person", done())]);
    scene.rests();
}

#[test]
fn a_removal_does_not_wait_for_what_an_addition_waits_for() {
    let mut scene = Scene::settled(POST);
    let mut changed = ada(&["t1"], &["r1"]);
    changed.credentials.values_mut().for_each(|card| card.card_number = "2".into());
    scene.becomes(Some(changed));
    scene.plays(&[("update t1", refused())]);
    scene.becomes(Some(ada(&[], &["r1"])));
    scene.plays(&[("remove t1", done())]);
    scene.rests();
}

#[test]
fn a_leaving_person_is_not_kept_by_a_stuck_child() {
    let mut scene = Scene::settled(POST);
    scene.becomes(None);
    scene.plays(&[("remove t1", refused()), ("remove r1", done()), ("remove person", done())]);
    scene.rests();
    let mut careful = Scene::settled(Caps { remove_person_cascades: false, ..POST });
    careful.becomes(None);
    careful.plays(&[("remove t1", refused()), ("remove r1", done())]);
    careful.sleeps();
    careful.plays(&[("remove t1", done()), ("remove person", done())]);
    careful.rests();
}

#[test]
fn a_removal_is_tried_for_ever() {
    let mut scene = Scene::settled(POST);
    scene.becomes(Some(ada(&[], &["r1"])));
    for _ in 0..50 {
        scene.plays(&[("remove t1", refused())]);
        assert!(scene.sleeps() <= LIMITS.retry_max_ms);
    }
    scene.plays(&[("remove t1", done())]);
    scene.rests();
}

#[test]
fn children_are_in_doubt_while_their_persons_removal_is() {
    let mut scene = Scene::settled(PUT);
    scene.becomes(None);
    scene.plays(&[("remove t1", refused()), ("remove r1", refused()), ("remove person", lost())]);
    scene.becomes(Some(ada(&["t1"], &["r1"])));
    assert_eq!(scene.sleeps(), LIMITS.late_ms);
    scene.plays(&[("update person", done()), ("update t1", done()), ("update r1", done())]);
    scene.rests();
}

#[test]
fn keep_adds_nothing_and_obeys_changes_of_data() {
    let mut scene = Scene::settled(POST);
    let mut kept = ada(&["t1", "t2"], &["r1"]);
    kept.need = Need::Keep;
    kept.credentials.values_mut().for_each(|card| card.need = Need::Keep);
    scene.becomes(Some(kept.clone()));
    scene.rests();
    kept.given_name = "Augusta".into();
    scene.becomes(Some(kept.clone()));
    scene.plays(&[("update person", done())]);
    scene.rests();
    // The card that is there is not the token's any more; the new one waits for the time.
    kept.credentials.values_mut().for_each(|card| card.card_number = "77".into());
    scene.becomes(Some(kept.clone()));
    scene.plays(&[("remove t1", done())]);
    scene.rests();
    kept.permissions.clear();
    scene.becomes(Some(kept.clone()));
    scene.plays(&[("remove r1", done())]);
    let mut fresh = Scene::new(POST, Some(kept));
    fresh.rests();
}

#[test]
fn a_person_under_another_prefix_is_another_person() {
    let mut scene = Scene::settled(POST);
    let mut renamed = ada(&["t1"], &[]);
    renamed.ext_id = "PB1".into();
    scene.becomes(Some(renamed));
    scene.plays(&[("remove t1", done()), ("remove r1", done()), ("remove person", done())]);
    scene.plays(&[("create person", made("p2")), ("create t1", made("c2"))]);
    scene.rests();
    assert_eq!(scene.rows.person().map(|row| row.ext_id.as_str()), Some("PB1"));
}

#[test]
fn after_a_restart_nothing_is_added_until_the_past_is_settled() {
    let mut scene = Scene::settled(POST);
    scene.becomes(Some(ada(&["t1", "t2"], &[])));
    let plan = scene.plan();
    scene.rows.intend(plan.steps.last().expect("create t2"), &POST);
    // Killed here; the clock starts anew.
    scene.now = MonoMs(7);
    scene.rows.re_arm(scene.now, LIMITS.late_ms);
    scene.plays(&[("remove r1", done())]);
    assert_eq!(scene.sleeps(), LIMITS.late_ms);
    scene.plays(&[("find t2", missing()), ("create t2", made("c2"))]);
    scene.rests();
}

#[test]
fn before_anything_is_made_it_is_looked_for() {
    let mut scene = Scene::new(POST, Some(ada(&["t1"], &[])));
    scene.plays(&[("find person", missing()), ("create person", made("p1")), ("create t1", made("c1"))]);
    scene.rests();
    let mut doubling = Scene::new(Caps { names_are_unique: false, ..POST }, Some(ada(&["t1"], &[])));
    doubling.plays(&[("find person", missing()), ("create person", made("p1"))]);
    doubling.plays(&[("find t1", missing()), ("create t1", made("c1"))]);
    doubling.rests();
}

#[test]
fn a_person_that_was_there_before_us_is_left_alone_until_someone_approves() {
    let mut scene = Scene::new(POST, Some(ada(&["t1"], &["r1"])));
    scene.plays(&[("find person", Answer::Found { native_id: Some("p9".into()), as_wanted: Some(false) })]);
    let plan = scene.plan();
    assert_eq!((plan.steps.len(), plan.held), (0, 1), "{plan:?}");
    scene.rows.edit(|row| row.ours = true);
    scene.plays(&[("update person", done()), ("create t1", made("c1")), ("create r1", made("m1"))]);
    scene.rests();
    let mut unwanted = Scene::new(POST, Some(ada(&[], &[])));
    unwanted.plays(&[("find person", Answer::Found { native_id: Some("p9".into()), as_wanted: None })]);
    unwanted.becomes(None);
    unwanted.rests();
    assert_eq!(unwanted.rows.iter().count(), 0, "it is nobody's business here");
}

#[test]
fn an_id_that_was_not_seen_lately_is_verified_first_and_so_is_its_persons() {
    let mut scene = Scene::settled(POST);
    scene.now = scene.now.after_ms(SEEN_FOR_MS);
    scene.becomes(Some(ada(&[], &["r1"])));
    let found = |id: &str| Answer::Found { native_id: Some(id.into()), as_wanted: None };
    scene.plays(&[("find person", found("p1")), ("find t1", found("c1")), ("remove t1", done())]);
    scene.rests();
}

#[test]
fn a_restored_pacs_brings_back_what_is_removed_again() {
    let mut scene = Scene::settled(POST);
    scene.becomes(None);
    scene.plays(&[("remove t1", done()), ("remove r1", done()), ("remove person", done())]);
    scene.rests();
    scene.now = scene.now.after_ms(SEEN_FOR_MS);
    scene.rows.check(scene.now);
    let found = |id: &str| Answer::Found { native_id: Some(id.into()), as_wanted: None };
    scene.plays(&[("find person", found("p1")), ("find t1", found("c1")), ("remove t1", done())]);
    scene.plays(&[("find r1", missing()), ("remove person", done())]);
    scene.rests();
}

#[test]
fn of_several_all_but_the_ledgers_own_go() {
    let mut scene = Scene::settled(POST);
    scene.rows.check(scene.now);
    let several = Answer::Several { native_id: "p1".into(), extra: "p2".into(), words: "two".into() };
    let found = |id: &str| Answer::Found { native_id: Some(id.into()), as_wanted: Some(true) };
    scene.plays(&[("find person", several), ("removeextra person", done()), ("find person", found("p1"))]);
    scene.plays(&[("find t1", found("c1")), ("find r1", found("m1")), ("update person", done())]);
    scene.rests();
}
