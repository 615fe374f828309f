//! Cards at a PC/SC reader: a real pcscd, a driver that plays the reader.

use super::desk::{ACR122, Desk, Middleware, NAME, is, listed};
use crate::world::{eventually, free_port};
use access::signal::Signal;
use doorward::reader::card::Technology;
use doorward::reader::line::{Missed, Reason, State};
use doorward::reader::supervisor::What;
use doorward_sim::readers::card::Card;
use doorward_sim::readers::hardware::Hardware;
use doorward_sim::readers::pcscd::{Listed, Pcscd};
use doorward_sim::readers::vpcd::Laid;

pub(super) const UID4: [u8; 4] = [0xA4, 0xB1, 0xC2, 0xD3];
pub(super) const UID7: [u8; 7] = [0x04, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77];

#[test]
fn each_kind_of_card_is_shown_with_its_bytes() {
    let (_middleware, reader, desk) = Middleware::with_reader();
    let cards = [
        (Card::mini(&UID4), Technology::MifareClassicMini),
        (Card::classic_1k(&UID4), Technology::MifareClassic1k),
        (Card::classic_4k(&[0, 0, 0, 0xA1]), Technology::MifareClassic4k),
        (Card::ultralight(&UID7), Technology::MifareUltralight),
        (Card::ntag(&UID7), Technology::MifareUltralight),
        (Card::desfire(&UID7), Technology::MifareDesfire),
        (Card::classic_1k(&[4, 1, 2, 3, 4, 5, 6, 7, 8, 9]), Technology::MifareClassic1k),
    ];
    for (card, technology) in cards {
        reader.tap(&card);
        let shown = desk.expect_card();
        is(&shown, technology, card.uid());
        assert_eq!(shown.reader, NAME);
        assert_eq!(shown.atr.expect("an ATR").as_bytes(), card.atr());
        assert_eq!(shown.version.is_some(), technology == Technology::MifareDesfire);
        assert!(shown.noticed_ms <= shown.read_ms);
        reader.remove();
        desk.expect_removed();
    }
}

#[test]
fn a_card_with_a_random_uid_shows_another_one_at_each_tap() {
    let (_middleware, reader, desk) = Middleware::with_reader();
    let card = Card::desfire_random_id();
    let tap = || {
        reader.tap(&card);
        let shown = desk.expect_card();
        reader.remove();
        desk.expect_removed();
        shown
    };
    let (first, second) = (tap(), tap());
    for shown in [&first, &second] {
        assert_eq!((shown.technology, shown.uid.as_bytes()[0]), (Technology::MifareDesfire, 0x08));
    }
    assert_ne!(first.uid, second.uid);
}

#[test]
fn a_mute_card_is_said_to_be_one_once_and_the_next_is_read() {
    let (_middleware, reader, desk) = Middleware::with_reader();
    reader.tap_mute(&Card::classic_1k(&UID4));
    desk.expect_unreadable(Reason::Mute);
    reader.remove();
    desk.expect_removed();
    reader.tap(&Card::classic_1k(&UID4));
    desk.expect_uid(&UID4);
}

#[test]
fn a_card_pulled_in_the_middle_is_torn_wherever_that_is() {
    let (_middleware, reader, desk) = Middleware::with_reader();
    // UID, and the three parts of the version.
    for apdu in 0..4 {
        reader.tap_torn(&Card::desfire(&UID7), apdu);
        desk.expect_unreadable(Reason::Torn);
        desk.expect_removed();
    }
    reader.tap(&Card::desfire(&UID7));
    desk.expect_uid(&UID7);
}

#[test]
fn of_taps_in_quick_succession_each_is_shown_or_counted() {
    const TAPS: u32 = 20;
    let (_middleware, reader, desk) = Middleware::with_reader();
    for tap in 0..TAPS {
        reader.tap(&Card::classic_1k(&[0xA4, 0, 0, u8::try_from(tap).unwrap()]));
        reader.remove();
    }
    let mut counted = 0;
    while counted < TAPS {
        let event = desk.next();
        match event.what {
            What::Presentation(_) | What::Unreadable(_) => counted += 1,
            What::Missed(Missed { taps, .. }) => counted += taps,
            What::Removed | What::Health(_) => {}
        }
    }
    assert_eq!(counted, TAPS);
    // And none twice: the next one is the next card.
    reader.tap(&Card::ultralight(&UID7));
    let is_removal = |what: &What| matches!(what, What::Removed);
    let next = std::iter::repeat_with(|| desk.next().what).find(|what| !is_removal(what));
    assert!(matches!(&next, Some(What::Presentation(shown)) if shown.uid.as_bytes() == UID7), "{next:?}");
}

#[test]
fn a_card_that_rests_is_one_event_though_another_program_reads_it() {
    let (middleware, reader, desk) = Middleware::with_reader();
    reader.tap(&Card::classic_1k(&UID4));
    desk.expect_uid(&UID4);
    // The other program finds the card there, which nobody has shown to it.
    let other = Desk::with(vec![middleware.spec()]);
    other.expect_unreadable(Reason::Resting);
    reader.remove();
    other.expect_removed();
    reader.tap(&Card::ultralight(&UID7));
    other.expect_uid(&UID7);
    // Nothing has come in between.
    desk.expect_removed();
    desk.expect_uid(&UID7);
}

#[test]
fn readers_of_one_make_are_told_apart_by_their_serial_number() {
    let folder = tempfile::tempdir().expect("a folder");
    let readers = ["SN-1", "SN-2"]
        .map(|serial| Hardware::start(&folder.path().join(serial), serial).expect("a reader"));
    let list = [listed(&readers[0], ACR122), listed(&readers[1], ACR122)];
    let pcscd = Pcscd::start(folder.path(), &list).expect("pcscd");
    let middleware = Middleware { folder, pcscd };
    let desk = Desk::with(vec![
        middleware.spec_of("any", Some(ACR122), None),
        middleware.spec_of("second", None, Some("SN-2")),
        middleware.spec_of("first", Some("ACS"), Some("SN-1")),
        middleware.spec_of("third", None, Some("SN-3")),
    ]);
    assert!(desk.expect_state("any", State::Unfit).contains("`serial`"));
    assert!(desk.expect_state("third", State::Lost).contains("SN-3"));
    desk.expect_state("first", State::Ready);
    desk.expect_state("second", State::Ready);
    readers[1].tap(&Card::classic_1k(&UID4));
    let event = desk.next();
    assert_eq!((event.reader.as_str(), event.door.as_deref()), ("second", Some("front")));
    assert!(matches!(event.what, What::Presentation(_)), "{event:?}");
}

#[test]
fn signals_reach_the_reader_and_one_that_refuses_them_still_reads() {
    let (_middleware, reader, desk) = Middleware::with_reader();
    for (count, signal) in
        [Signal::Armed, Signal::Good, Signal::Bad, Signal::Again, Signal::Error].into_iter().enumerate()
    {
        desk.signal(signal);
        eventually("the reader shows it", || {
            let escapes = reader.escapes();
            if escapes.len() > count { Ok(()) } else { Err(format!("{escapes:02X?}")) }
        });
    }
    let escapes = reader.escapes();
    assert!(escapes.iter().all(|escape| escape.starts_with(&[0xFF, 0x00, 0x40])), "{escapes:02X?}");
    reader.take_escapes(false);
    desk.signal(Signal::Good);
    reader.tap(&Card::classic_1k(&UID4));
    desk.expect_uid(&UID4);
}

#[test]
fn a_card_at_a_reader_whose_driver_others_wrote_is_shown_as_well() {
    let folder = tempfile::tempdir().expect("a folder");
    // It takes the next port, too.
    let port = free_port();
    let pcscd = Pcscd::start(folder.path(), &[Listed::vpcd("Virtual PCD", port)]).expect("pcscd");
    let middleware = Middleware { folder, pcscd };
    // Its second slot has the same make.
    let desk = Desk::with(vec![middleware.spec_of(NAME, Some("Virtual PCD 00 00"), None)]);
    desk.expect_state(NAME, State::Ready);
    let laid = Laid::on(port, &Card::desfire(&UID7)).expect("vpcd listens");
    is(&desk.expect_card(), Technology::MifareDesfire, &UID7);
    drop(laid);
    desk.expect_removed();
}
