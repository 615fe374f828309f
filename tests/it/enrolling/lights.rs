//! What the lights and the buzzer of the panel's board show while a card is enrolled, through the running service.

use super::{Door, UID7};
use crate::world::eventually;
use doorward::board::virtual_lines::VirtualLines;
use doorward::board::{Level, Role};
use doorward_sim::readers::card::Card;

/// A door at whose panel there is the virtual board, and what can be seen of it.
fn door() -> (Door, VirtualLines) {
    let mut seen = None;
    let door = Door::with(|world| {
        let (lines, board) = world.board();
        seen = Some(board);
        lines
    });
    (door, seen.expect("a board"))
}

/// Waits until exactly these outputs are on.
fn expect_on(lines: &VirtualLines, when: &str, wanted: &[Role]) {
    eventually(when, || {
        let levels = lines.levels().into_iter();
        // Every output of this board rests low.
        let on: Vec<Role> =
            levels.filter(|(_, _, level)| *level == Level::High).map(|(role, ..)| role).collect();
        if on == wanted { Ok(()) } else { Err(format!("{on:?}, not {wanted:?}")) }
    });
}

#[test]
fn the_board_shows_that_a_card_is_awaited_that_it_is_to_come_again_and_that_it_is_known() {
    let (mut door, lines) = door();
    expect_on(&lines, "nothing is going on", &[]);
    let mut installer = door.installer(&["--user", "ada"]);
    for _ in 0..2 {
        expect_on(&lines, "armed", &[Role::GreenLed]);
        door.world.clock.advance_ms(150);
        expect_on(&lines, "armed, between two blinks", &[]);
        door.world.clock.advance_ms(850);
    }
    door.tap(&Card::ntag(&UID7));
    assert_eq!(installer.step()["step"], "tapped");
    expect_on(&lines, "again", &[Role::GreenLed, Role::Buzzer]);
    door.world.clock.advance_ms(80);
    expect_on(&lines, "again, between two blinks", &[]);
    door.world.clock.advance_ms(80);
    expect_on(&lines, "again, the second blink", &[Role::GreenLed]);
    door.take_away();
    assert_eq!(installer.step()["step"], "again");
    door.tap(&Card::ntag(&UID7));
    assert_eq!(installer.step()["step"], "enrolled");
    expect_on(&lines, "good", &[Role::GreenLed, Role::Buzzer]);
    door.world.clock.advance_ms(200);
    expect_on(&lines, "good, its sound is over", &[Role::GreenLed]);
    door.world.clock.advance_ms(1_300);
    expect_on(&lines, "it is over", &[]);

    // The service ends while a light is on.
    let _waiting = door.installer(&["--user", "ada"]);
    door.gateway.take().expect("it runs").stop();
    assert!(lines.are_at_rest(), "{:?}", lines.levels());
    let moved: Vec<_> = lines.edges().into_iter().filter(|edge| edge.role == Role::Strike).collect();
    assert!(moved.is_empty(), "no signal moves the lock: {moved:?}");
}

#[test]
fn the_board_shows_a_refusal_in_red() {
    let (door, lines) = door();
    let mut installer = door.installer(&["--user", "ada"]);
    door.tap(&Card::desfire_random_id());
    assert_eq!(installer.step()["step"], "refused");
    expect_on(&lines, "bad", &[Role::RedLed, Role::Buzzer]);
    door.world.clock.advance_s(1);
    expect_on(&lines, "it is over", &[]);
}
