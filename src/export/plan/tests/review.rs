//! The difference as people see it: whatever the plan has to do is in it, with the reason why it waits.

use super::scene::*;
use super::*;
use crate::export::item::Clearance;

/// `+ t2 Nothing`, `- person Brake`
fn differences(scene: &mut Scene) -> Vec<String> {
    // Notes first, as the export commits them.
    let waiting = scene.plan().waiting;
    let found = review(scene.wanted.as_ref(), &scene.rows, scene.now, &scene.caps);
    assert_eq!(found.len(), waiting, "as many as the plan has: {found:?}");
    let spelled = |difference: &Difference| {
        let sign = match difference.change {
            Change::Add => '+',
            Change::Change => '~',
            Change::Remove => '-',
        };
        let item = if difference.id.kind == ItemKind::Person { "person" } else { &difference.id.item };
        format!("{sign} {item} {:?}", difference.wait)
    };
    found.iter().map(spelled).collect()
}

#[test]
fn children_wait_for_their_person() {
    let mut scene = Scene::new(POST, Some(ada(&["t1"], &["r1"])));
    assert_eq!(differences(&mut scene), ["+ person Nothing", "+ t1 Person", "+ r1 Person"]);
    scene.plays(&[("create person", made("p1"))]);
    assert_eq!(differences(&mut scene), ["+ t1 Nothing", "+ r1 Nothing"]);
    scene.plays(&[("create t1", made("c1")), ("create r1", made("m1"))]);
    assert_eq!(differences(&mut scene), [""; 0]);
}

#[test]
fn new_data_is_a_change_and_another_name_is_another_person() {
    let mut scene = Scene::settled(POST);
    let mut changed = ada(&["t1"], &["r1", "r2"]);
    changed.given_name = "Augusta".into();
    scene.becomes(Some(changed.clone()));
    assert_eq!(differences(&mut scene), ["~ person Nothing", "+ r2 Nothing"]);
    changed.ext_id = "PB1".into();
    scene.becomes(Some(changed));
    assert_eq!(differences(&mut scene), ["- person Nothing", "- t1 Nothing", "- r1 Nothing"]);
}

#[test]
fn a_lost_request_a_refusal_and_a_back_off_say_until_when() {
    let mut scene = Scene::settled(POST);
    scene.becomes(Some(ada(&["t1", "t2", "t3"], &["r1"])));
    scene.plays(&[("create t2", lost()), ("create t3", refused())]);
    let late = 1_000 + LIMITS.late_ms;
    let found = differences(&mut scene);
    assert_eq!(found[0], format!("+ t2 Unsettled(MonoMs({late}))"));
    assert!(found[1].starts_with("+ t3 Refused(\"no\", MonoMs("), "{found:?}");
    scene.now = MonoMs(late);
    let found = differences(&mut scene);
    assert_eq!(found[0], "+ t2 Nothing");
    assert!(found[1].starts_with("+ t3 Refused("), "its words stay until it is asked again: {found:?}");
    // A removal that fails is tried again soon, and for ever.
    let mut scene = Scene::settled(POST);
    scene.becomes(Some(ada(&["t1"], &[])));
    scene.plays(&[("remove r1", refused())]);
    let found = differences(&mut scene);
    assert!(found[0].starts_with("- r1 Refused(\"no\", MonoMs("), "{found:?}");
}

#[test]
fn what_waits_for_a_word_says_so() {
    let mut scene = Scene::settled(POST);
    scene.becomes(Some(ada(&["t1"], &[])));
    for (clearance, expected) in [
        (Clearance::None, "- r1 Nothing"),
        (Clearance::Pending, "- r1 Unjudged"),
        (Clearance::Held, "- r1 Brake"),
        (Clearance::Given, "- r1 Nothing"),
    ] {
        let held = |row: &mut Row| {
            if row.id.kind == ItemKind::Permission {
                row.clearance = clearance;
            }
        };
        scene.rows.edit(held);
        let found = review(scene.wanted.as_ref(), &scene.rows, scene.now, &scene.caps);
        assert_eq!(found.len(), 1);
        assert_eq!(format!("- {} {:?}", found[0].id.item, found[0].wait), expected);
    }
    let mut changed = ada(&["t1"], &["r1"]);
    changed.given_name = "Augusta".into();
    scene.rows.edit(|row| row.ours = row.id.kind != ItemKind::Person);
    let found = review(Some(&changed), &scene.rows, scene.now, &scene.caps);
    assert_eq!((found.len(), &found[0].wait), (1, &Wait::Adoption));
}

#[test]
fn what_is_on_its_way_is_not_asked_for_twice_but_shown() {
    let mut scene = Scene::settled(PUT);
    scene.becomes(Some(ada(&["t1"], &["r1", "r2"])));
    let step = scene.plan().steps.remove(0);
    scene.rows.intend(&step, &POST);
    let found = review(scene.wanted.as_ref(), &scene.rows, scene.now, &scene.caps);
    assert_eq!((found.len(), &found[0].wait), (1, &Wait::UnderWay));
}
