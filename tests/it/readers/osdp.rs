//! An OSDP reader on a serial line: libosdp at both ends, with the secure channel.

use super::desk::{Desk, NAME, spec};
use crate::world::eventually;
use access::signal::Signal;
use doorward::reader::card::Technology;
use doorward::reader::line::State;
use doorward::reader::spec::{OsdpKey, Port, Spec};
use doorward_sim::readers::osdp::Peripheral;
use tempfile::TempDir;

const ADDRESS: u8 = 5;
const KEY: [u8; 16] = *b"0123456789:;<=>?";

fn at(folder: &TempDir, key: &[u8; 16]) -> Spec {
    let hex: String = key.iter().map(|byte| format!("{byte:02X}")).collect();
    let key = Some(OsdpKey::from_hex(&hex).expect("a key"));
    spec(NAME, Port::Osdp { device: folder.path().join("port"), baud: 9600, address: ADDRESS, key })
}

fn peripheral(folder: &TempDir) -> Peripheral {
    Peripheral::start(&folder.path().join("port"), ADDRESS, KEY).expect("a reader")
}

/// A reader, and a desk that is online with it.
pub(super) fn ready() -> (TempDir, Peripheral, Desk) {
    let folder = tempfile::tempdir().expect("a folder");
    let reader = peripheral(&folder);
    let desk = Desk::with(vec![at(&folder, &KEY)]);
    desk.expect_state(NAME, State::Ready);
    (folder, reader, desk)
}

#[test]
fn cards_come_through_the_secure_channel_as_bytes_or_as_bits() {
    let (_folder, reader, desk) = ready();
    reader.tap_raw(&[4, 1, 2, 3, 4, 5, 6]);
    let shown = desk.expect_card();
    assert_eq!((shown.uid.as_bytes(), shown.bits), (&[4, 1, 2, 3, 4, 5, 6][..], Some(56)));
    assert_eq!(shown.technology, Technology::Unknown);
    desk.expect_removed();
    reader.tap_wiegand(26, &[0x52, 0x3B, 0x0E, 0x40]);
    let shown = desk.expect_card();
    assert_eq!((shown.uid.as_bytes(), shown.bits), (&[0x52, 0x3B, 0x0E, 0x40][..], Some(26)));
    assert_eq!(shown.technology, Technology::Wiegand);
    desk.expect_removed();
}

#[test]
fn signals_light_the_led_and_sound_the_buzzer() {
    let (_folder, reader, desk) = ready();
    desk.signal(Signal::Bad);
    eventually("LED and buzzer", || {
        let commands = format!("{:?}", reader.commands());
        if commands.contains("Led(") && commands.contains("Red") && commands.contains("rep_count: 3") {
            Ok(())
        } else {
            Err(commands)
        }
    });
}

#[test]
fn a_cut_cable_is_noticed_and_the_reader_is_back_when_it_is_mended() {
    let (_folder, reader, desk) = ready();
    for uid in [[4, 1, 1, 1], [4, 2, 2, 2]] {
        reader.cut(true);
        assert!(desk.expect_state(NAME, State::Lost).contains("check cable"));
        reader.cut(false);
        desk.expect_state(NAME, State::Ready);
        reader.tap_raw(&uid);
        desk.expect_uid(&uid);
        desk.expect_removed();
    }
    assert_eq!(desk.standing(NAME).ended, 0, "its child has lived through it");
}

#[test]
fn an_adapter_that_is_pulled_and_plugged_is_opened_again() {
    let (folder, reader, desk) = ready();
    drop(reader);
    desk.expect_state(NAME, State::Lost);
    let reader = peripheral(&folder);
    desk.expect_state(NAME, State::Ready);
    reader.tap_raw(&[4, 1, 2, 3]);
    desk.expect_uid(&[4, 1, 2, 3]);
}

#[test]
fn a_reader_with_another_key_is_never_online_and_said_to_have_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let reader = peripheral(&folder);
    let desk = Desk::with(vec![at(&folder, &[7; 16])]);
    assert!(desk.expect_state(NAME, State::Unfit).contains("key"));
    reader.tap_raw(&[4, 1, 2, 3]);
    // A second round, in which the card would come if it could.
    let since = desk.standing(NAME).since;
    eventually("it tries again", || {
        let now = std::time::Duration::from_secs(4);
        // Real: libosdp has a clock of its own.
        std::thread::sleep(now);
        let standing = desk.standing(NAME);
        if standing.since == since && standing.state == State::Unfit {
            Ok(())
        } else {
            Err(format!("{standing:?}"))
        }
    });
    assert!(desk.is_quiet(), "no card came");
}
