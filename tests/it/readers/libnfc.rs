//! A PN532 on a serial line, by the real libnfc: the chip's side is played over a pseudo-terminal.

use super::desk::{Desk, NAME, expect_another_child, is, spec};
use super::pcsc::{UID4, UID7};
use crate::world::eventually;
use doorward::reader::card::Technology;
use doorward::reader::line::{Reason, State};
use doorward::reader::spec::{Port, Spec};
use doorward_sim::readers::card::Card;
use doorward_sim::readers::pn532::Pn532;
use rustix::fs::{FlockOperation, flock};
use rustix::termios::{InputModes, OptionalActions, tcgetattr, tcsetattr};
use tempfile::TempDir;

const UID10: [u8; 10] = [0x04, 1, 2, 3, 4, 5, 6, 7, 8, 9];

fn at(folder: &TempDir) -> Spec {
    spec(NAME, Port::Libnfc { device: folder.path().join("port"), baud: 115_200 })
}

/// A chip, and a desk that waits for cards at it.
pub(super) fn ready() -> (TempDir, Pn532, Desk) {
    let folder = tempfile::tempdir().expect("a folder");
    let chip = Pn532::start(&folder.path().join("port")).expect("a chip");
    let desk = Desk::with(vec![at(&folder)]);
    desk.expect_state(NAME, State::Ready);
    (folder, chip, desk)
}

/// Waits until the chip was asked for a card so many times more.
fn expect_looks(chip: &Pn532, more: u64) {
    let enough = chip.looks() + more;
    eventually("the chip is asked", || {
        let looks = chip.looks();
        if looks >= enough { Ok(()) } else { Err(format!("{looks} of {enough}")) }
    });
}

#[test]
fn a_uid_of_each_length_is_shown_with_what_the_card_said() {
    let (_folder, chip, desk) = ready();
    let cards = [
        (Card::mini(&UID4), Technology::MifareClassicMini),
        (Card::classic_1k(&[0, 0, 0, 0xA1]), Technology::MifareClassic1k),
        (Card::classic_4k(&UID7), Technology::MifareClassic4k),
        (Card::ultralight(&UID7), Technology::MifareUltralight),
        (Card::ntag(&UID7), Technology::MifareUltralight),
        (Card::classic_1k(&UID10), Technology::MifareClassic1k),
        (Card::desfire(&UID7), Technology::MifareDesfire),
    ];
    for (card, technology) in cards {
        chip.tap(&card);
        let shown = desk.expect_card();
        is(&shown, technology, card.uid());
        assert_eq!(shown.sak.expect("SAK").as_bytes(), [card.sak()]);
        assert_eq!(shown.atqa.expect("ATQA").as_bytes(), card.atqa());
        assert_eq!(shown.ats.map(|ats| ats.as_bytes().to_vec()), card.ats());
        assert_eq!(shown.version.is_some(), technology == Technology::MifareDesfire);
        chip.remove();
        desk.expect_removed();
    }
}

#[test]
fn a_card_that_rests_is_one_event_and_another_one_is_the_next() {
    let (_folder, chip, desk) = ready();
    chip.tap(&Card::classic_1k(&UID4));
    desk.expect_uid(&UID4);
    expect_looks(&chip, 20);
    // Laid on it at once, so that there was never none.
    chip.tap(&Card::ultralight(&UID7));
    desk.expect_removed();
    desk.expect_uid(&UID7);
}

#[test]
fn a_random_uid_is_one_event_as_long_as_it_rests() {
    let (_folder, chip, desk) = ready();
    let card = Card::desfire_random_id();
    chip.tap(&card);
    let first = desk.expect_card();
    assert_eq!((first.technology, first.uid.as_bytes()[0]), (Technology::MifareDesfire, 0x08));
    // The field has failed for a moment, and the card has drawn another one.
    chip.tap(&card);
    expect_looks(&chip, 3);
    chip.remove();
    desk.expect_removed();
    chip.tap(&card);
    assert_ne!(desk.expect_card().uid, first.uid);
}

#[test]
fn an_ats_of_a_length_that_is_none_costs_the_child_at_most() {
    let (_folder, chip, desk) = ready();
    for (length, rest) in [(0, 0), (0, 40), (0xFF, 254), (0x80, 3)] {
        chip.tap_with_ats(&Card::desfire(&UID7), length, rest);
        expect_looks(&chip, 4);
        chip.remove();
        expect_looks(&chip, 4);
    }
    eventually("the reader is back", || {
        let standing = desk.standing(NAME);
        if standing.state == State::Ready { Ok(()) } else { Err(format!("{standing:?}")) }
    });
    // Whatever came of those, the next card is read as it is.
    chip.tap(&Card::ultralight(&UID4));
    loop {
        if let doorward::reader::supervisor::What::Presentation(shown) = desk.next().what
            && shown.uid.as_bytes() == UID4
        {
            break;
        }
    }
}

#[test]
fn a_chip_that_falls_silent_is_lost_and_back_when_it_answers() {
    let (_folder, chip, desk) = ready();
    chip.set_silent(true);
    assert!(desk.expect_state(NAME, State::Lost).contains("does not answer"));
    chip.set_silent(false);
    desk.expect_state(NAME, State::Ready);
    chip.tap(&Card::classic_1k(&UID4));
    desk.expect_uid(&UID4);
}

#[test]
fn a_card_that_rests_while_the_cable_is_pulled_is_not_shown_twice() {
    let (folder, chip, desk) = ready();
    chip.tap(&Card::classic_1k(&UID4));
    desk.expect_uid(&UID4);
    let first = desk.standing(NAME).process;
    drop(chip);
    assert!(desk.expect_state(NAME, State::Lost).contains("port"));
    let chip = Pn532::start(&folder.path().join("port")).expect("a chip");
    chip.tap(&Card::classic_1k(&UID4));
    desk.expect_state(NAME, State::Ready);
    if desk.standing(NAME).process == first {
        expect_looks(&chip, 3);
    } else {
        // libnfc has fallen with the cable; the new child finds a card that nobody has shown to it.
        desk.expect_unreadable(Reason::Resting);
    }
    chip.remove();
    desk.expect_removed();
    chip.tap(&Card::ultralight(&UID7));
    desk.expect_uid(&UID7);
}

#[test]
fn a_port_that_another_program_holds_is_named_and_taken_when_it_is_free() {
    let folder = tempfile::tempdir().expect("a folder");
    let chip = Pn532::start(&folder.path().join("port")).expect("a chip");
    let held = std::fs::File::open(chip.link()).expect("the port");
    flock(&held, FlockOperation::LockExclusive).expect("nobody else has it");
    let desk = Desk::with(vec![at(&folder)]);
    assert!(desk.expect_state(NAME, State::Busy).contains("fuser"));
    drop(held);
    desk.expect_state(NAME, State::Ready);
}

#[test]
fn a_child_that_dies_in_the_middle_has_a_successor_that_holds_the_port() {
    let (_folder, chip, desk) = ready();
    let first = desk.standing(NAME).process.expect("a child");
    super::pcsc_trouble::kill(first);
    expect_another_child(&desk, NAME, first);
    desk.expect_state(NAME, State::Ready);
    chip.tap(&Card::classic_1k(&UID4));
    desk.expect_uid(&UID4);
}

#[test]
fn a_port_that_a_killed_program_has_left_marked_is_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let chip = Pn532::start(&folder.path().join("port")).expect("a chip");
    // As libnfc of a static build leaves it.
    let port = std::fs::File::options().read(true).write(true).open(chip.link()).expect("the port");
    let mut settings = tcgetattr(&port).expect("its settings");
    settings.input_modes |= InputModes::from_bits_retain(0x8000_0000);
    tcsetattr(&port, OptionalActions::Now, &settings).expect("a mark");
    drop(port);
    let desk = Desk::with(vec![at(&folder)]);
    desk.expect_state(NAME, State::Ready);
    chip.tap(&Card::classic_1k(&UID4));
    desk.expect_uid(&UID4);
}
