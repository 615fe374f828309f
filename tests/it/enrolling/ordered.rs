//! The source orders an enrollment: nobody stands at a screen.

use super::{Door, UID7};
use crate::world::eventually;
use access::id::Key;
use contract::command::Command;
use contract::messages::Event;
use doorward_sim::readers::card::Card;

#[test]
fn the_source_has_a_card_enrolled_and_reads_what_came_of_it() {
    let door = Door::new();
    let enroll = |user: &str, single| Command::Enroll {
        user: Key::new(user).expect("a key"),
        kind: None,
        reader: None,
        timeout_s: Some(60),
        single,
    };
    door.order("enroll-1", enroll("ada", true));
    door.order("enroll-1", enroll("ada", true));
    // Nothing tells when the reader is armed: the card comes for a while, and goes, until it is told of.
    let mut looks = 0;
    eventually("the card is enrolled", || {
        match looks % 60 {
            0 => door.tap(&Card::ntag(&UID7)),
            50 => door.take_away(),
            _ => {}
        }
        looks += 1;
        let is_told = |event: &Event| matches!(event, Event::Enrollment(it) if it.command.as_deref() == Some("enroll-1"));
        if door.world.source.events().iter().any(|message| is_told(&message.event)) {
            Ok(())
        } else {
            Err("not yet".into())
        }
    });
    door.take_away();
    door.expect_result("enroll-1", true, "until the source settles it");
    door.world.expect_permissions("PAada", Some(&["ap-main"]));
    door.order("enroll-2", enroll("nobody", true));
    door.expect_result("enroll-2", false, "no user nobody");
    door.order("enroll-3", enroll("ada", false));
    door.order("cancel-1", Command::EnrollCancel { reader: None });
    door.expect_result("enroll-3", false, "called off");
}
