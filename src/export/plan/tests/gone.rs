//! What is gone: what still has to be looked for, and what has to be on disk.

use super::scene::*;
use super::*;

#[test]
fn what_is_forgotten_is_not_looked_for() {
    let mut scene = Scene::settled(POST);
    scene.becomes(Some(ada(&["t1"], &[])));
    // Somebody else's that was there once, and is to be read back.
    let now = scene.now;
    scene.rows.edit(|row| {
        if row.id.item == "r1" {
            (row.state, row.ours, row.check_at) = (State::Absent, false, Some(now));
        }
        row.looked_at = None;
    });
    let plan = scene.plan();
    assert_eq!(plan.forget.iter().map(|id| id.item.as_str()).collect::<Vec<_>>(), ["r1"]);
    assert_eq!(plan.steps, [], "nobody is seen for its sake");
}

#[test]
fn what_left_with_its_person_is_written_down_when_the_person_alone_was_looked_for() {
    let mut scene = Scene::settled(POST);
    // Everything was removed, while something earlier might still run; by now it cannot.
    scene.becomes(None);
    scene.rows.edit(|row| {
        (row.state, row.prev, row.unsettled_until) = (State::Maybe, State::Absent, Some(MonoMs(0)))
    });
    let mut step = scene.plan().steps.into_iter().next().expect("the person is looked for");
    step.act = Act::LookUp;
    let before = scene.rows.get(ItemKind::Person, "").cloned();
    let person = Step { item: before.clone().expect("a person").id, ..step };
    let settled = scene.rows.settle(&person, &missing(), scene.now, (&scene.caps, &LIMITS), 1_000);
    let written = Rows::worth_writing(&person, before.as_ref(), settled);
    let gone = |item: &str| written.iter().any(|row| row.id.item == item && row.state == State::Absent);
    assert!(gone("") && gone("t1") && gone("r1"), "{written:?}");
}
