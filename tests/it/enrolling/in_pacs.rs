//! What whoever enrolls a card is told of the PACS: the last step.

use super::{Door, UID7};
use crate::world::{eventually, user};
use doorward_sim::readers::card::Card;
use doorward_sim::{Fault, FaultKind, Match};
use serde_json::Value;

/// Both taps of a card for `user`, and the step that follows.
fn told(door: &Door, user: &str) -> Value {
    let mut installer = door.installer(&["--user", user]);
    let last = door.two_taps(&mut installer, &Card::ntag(&UID7));
    assert_eq!(last["step"], "enrolled", "{last}");
    let told = installer.step();
    assert_eq!(told["step"], "pacs");
    // Whatever the PACS makes of it, the card is enrolled.
    assert!(installer.ended().0);
    told
}

fn expect(told: &Value, outcome: &str, words: &str) {
    assert_eq!(told["outcome"], outcome, "{told}");
    assert!(told["words"].as_str().is_some_and(|said| said.contains(words)), "{words}: {told}");
}

#[test]
fn a_token_that_the_pacs_has_is_said_to_be_there_and_not_before() {
    let door = Door::new();
    let told = told(&door, "ada");
    expect(&told, "has", "the PACS has the token");
    assert_eq!(door.tokens_in_pacs().len(), 1, "it was there when that was said");
}

#[test]
fn what_the_pacs_refuses_is_told_in_its_own_words() {
    let door = Door::new();
    let refusal = FaultKind::Status { status: 422, words: "no licence for another card".into() };
    let matching = Match::any().method("POST").path("/credentials");
    door.world.pacs.inject(Fault::forever(matching, refusal)).expect("room");
    expect(&told(&door, "ada"), "held", "no licence for another card");
}

#[test]
fn a_person_whom_the_pacs_refuses_is_the_reason_for_the_token() {
    let door = Door::new();
    let refusal = FaultKind::Status { status: 422, words: "that name is taken".into() };
    let matching = Match::any().method("POST").path("/persons");
    door.world.pacs.inject(Fault::forever(matching, refusal)).expect("room");
    expect(&told(&door, "ada"), "held", "that name is taken");
}

#[test]
fn a_pacs_that_does_not_answer_in_time_is_waited_for_ten_seconds_and_the_export_goes_on() {
    let door = Door::new();
    door.world.pacs.pause().expect("it pauses");
    let mut installer = door.installer(&["--user", "ada"]);
    let last = door.two_taps(&mut installer, &Card::ntag(&UID7));
    assert_eq!(last["step"], "enrolled", "{last}");
    // Far beyond the ten: when the wait began is nobody's to know.
    let moved = std::thread::scope(|scope| {
        let told = scope.spawn(|| installer.step());
        let mut moved_s = 0;
        while !told.is_finished() {
            door.world.clock.advance_s(1);
            moved_s += 1;
            // Real: the services run by their own thread, and have to notice.
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        expect(&told.join().expect("a step"), "late", "the export goes on trying");
        moved_s
    });
    assert!(moved >= 10, "it was waited for {moved} s");
    door.world.pacs.resume().expect("the same port");
    eventually("the token is there after all", || {
        door.world.clock.advance_s(10);
        let tokens = door.tokens_in_pacs();
        if tokens.len() == 1 { Ok(()) } else { Err(format!("{tokens:?}")) }
    });
}

#[test]
fn a_person_without_a_permission_is_said_to_have_no_business_there() {
    let mut door = Door::new();
    door.world.source.put("user", "bo", user("Bo", "Al"));
    door.world.source.publish();
    door.world.expect_equal_mirror();
    expect(&told(&door, "bo"), "not_wanted", "no assignment of it is in force");
}

#[test]
fn a_panel_that_does_not_export_says_who_does() {
    let door = Door::new();
    door.world.source.name_exporter(Some("panel-9"), None, 1);
    door.world.source.expect_state("it exports no more", |state| state["export"]["exporting"] == false);
    expect(&told(&door, "ada"), "elsewhere", "panel-9 exports");
    assert_eq!(door.tokens_in_pacs().len(), 0, "nothing was sent");
}
