//! A card that is left lying on the reader: one presentation, however long it lies there.

use super::{Door, Installer, UID7};
use contract::messages::Event;
use doorward_sim::readers::card::Card;
use serde_json::Value;
use std::time::Duration;

/// How long the card lies there by the gateway's clock, in seconds.
const RESTS_S: u64 = 60;
/// How long it does by the clock of pcscd and of the reader's process, which have no other: some of their looks.
const LOOKS_MS: u64 = 2_500;

fn rest(door: &Door) {
    for _ in 0..RESTS_S {
        door.world.clock.advance_s(1);
        // Real: what they do in the meantime they do by themselves.
        std::thread::sleep(Duration::from_millis(LOOKS_MS / RESTS_S));
    }
}

fn step(installer: &mut Installer, wanted: &str) -> Value {
    let step = installer.step();
    assert_eq!(step["step"], wanted, "{step}");
    step
}

#[test]
fn a_card_that_rests_for_a_minute_is_one_tap_and_the_enrollment_that_waits_for_its_removal_says_it_is_over() {
    let door = Door::new();
    let card = Card::desfire(&UID7);
    let mut installer = door.installer(&["--user", "ada"]);
    door.tap(&card);
    step(&mut installer, "tapped");
    rest(&door);
    // No second tap in between, though the card was there all the time.
    let late = step(&mut installer, "timed_out");
    assert!(late["words"].as_str().is_some_and(|words| words.contains("not taken away")), "{late}");
    let (done, complaint) = installer.ended();
    assert!(!done && complaint.contains("nothing was changed"), "{complaint}");

    // Still there: nobody has shown it for this one, which is said at once and at the end.
    let mut installer = door.installer(&["--user", "ada", "--single"]);
    let lies = step(&mut installer, "unread");
    assert!(lies["words"].as_str().is_some_and(|words| words.contains("take it away")), "{lies}");
    rest(&door);
    let late = step(&mut installer, "timed_out");
    assert!(late["words"].as_str().is_some_and(|words| words.contains("lay there all the time")), "{late}");

    // Its removal was not missed: the next tap is one, and the first of two.
    let mut installer = door.installer(&["--user", "ada"]);
    step(&mut installer, "unread");
    door.take_away();
    let last = door.two_taps(&mut installer, &card);
    assert_eq!(last["step"], "enrolled", "{last}");
    door.enrollment(last["token"].as_str().expect("a token"));
    let told = door.world.source.events();
    let enrollments = told.iter().filter(|message| matches!(message.event, Event::Enrollment(_)));
    assert_eq!(enrollments.count(), 1, "of the one card that was shown twice");
}
