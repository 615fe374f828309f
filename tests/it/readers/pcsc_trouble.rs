//! What goes wrong between pcscd and us, and that a reader is back by itself.

use super::desk::{ACR122, Desk, Middleware, NAME, expect_another_child, is_alive, listed};
use super::pcsc::{UID4, UID7};
use doorward::reader::line::{Reason, State};
use doorward_sim::readers::card::Card;
use doorward_sim::readers::hardware::Hardware;
use rustix::process::{Pid, Signal, kill_process};

pub(super) fn kill(process: u32) {
    let process = Pid::from_raw(i32::try_from(process).expect("a process")).expect("a process");
    kill_process(process, Signal::KILL).expect("it runs");
}

#[test]
fn a_reader_is_back_when_pcscd_is_killed_and_started_again() {
    let (mut middleware, reader, desk) = Middleware::with_reader();
    for _ in 0..2 {
        reader.tap(&Card::classic_1k(&UID4));
        desk.expect_uid(&UID4);
        reader.remove();
        desk.expect_removed();
        middleware.pcscd.kill();
        assert!(desk.expect_state(NAME, State::Lost).contains("pcscd"));
        middleware.pcscd.start_again().expect("pcscd");
        desk.expect_state(NAME, State::Ready);
    }
    assert_eq!(desk.standing(NAME).ended, 0, "its child has lived through it");
}

#[test]
fn a_card_that_rests_while_pcscd_is_started_again_is_not_shown_twice() {
    let (mut middleware, reader, desk) = Middleware::with_reader();
    reader.tap(&Card::classic_1k(&UID4));
    desk.expect_uid(&UID4);
    middleware.pcscd.kill();
    desk.expect_state(NAME, State::Lost);
    middleware.pcscd.start_again().expect("pcscd");
    desk.expect_unreadable(Reason::Resting);
    reader.remove();
    desk.expect_removed();
    reader.tap(&Card::ultralight(&UID7));
    desk.expect_uid(&UID7);
}

#[test]
fn a_reader_is_back_when_it_was_unplugged() {
    let (_middleware, reader, desk) = Middleware::with_reader();
    reader.tap(&Card::classic_1k(&UID4));
    desk.expect_uid(&UID4);
    reader.unplug();
    desk.expect_state(NAME, State::Lost);
    reader.plug();
    desk.expect_state(NAME, State::Ready);
    reader.tap(&Card::classic_1k(&UID4));
    desk.expect_uid(&UID4);
}

#[test]
fn a_reader_that_comes_later_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let reader = Hardware::start(&folder.path().join("reader"), "SN-1").expect("a reader");
    let pcscd = doorward_sim::readers::pcscd::Pcscd::start(folder.path(), &[]).expect("pcscd");
    let mut middleware = Middleware { folder, pcscd };
    let desk = Desk::with(vec![middleware.spec()]);
    assert!(desk.expect_state(NAME, State::Lost).contains(ACR122));
    // pcscd reads its list only when it starts; readers at the USB come by other ways, which no test has.
    middleware.pcscd.list(&[listed(&reader, ACR122)]).expect("written");
    middleware.pcscd.start_again().expect("pcscd");
    desk.expect_state(NAME, State::Ready);
    reader.tap(&Card::classic_1k(&UID4));
    desk.expect_uid(&UID4);
}

#[test]
fn a_child_that_hangs_in_pcscd_is_killed_and_the_reader_is_back_when_pcscd_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let reader = Hardware::start(&folder.path().join("reader"), "SN-1").expect("a reader");
    let pcscd =
        doorward_sim::readers::pcscd::Pcscd::start(folder.path(), &[listed(&reader, ACR122)]).expect("pcscd");
    let middleware = Middleware { folder, pcscd };
    let mut spec = middleware.spec();
    spec.silence_max_ms = 2500;
    let desk = Desk::with(vec![spec]);
    desk.expect_state(NAME, State::Ready);
    let first = desk.standing(NAME).process.expect("a child");
    middleware.pcscd.freeze(true).expect("it runs");
    expect_another_child(&desk, NAME, first);
    assert!(!is_alive(first), "the child that hung");
    middleware.pcscd.freeze(false).expect("it runs");
    desk.expect_state(NAME, State::Ready);
    reader.tap(&Card::classic_1k(&UID4));
    desk.expect_uid(&UID4);
}

#[test]
fn a_child_that_is_killed_has_a_successor() {
    let (_middleware, reader, desk) = Middleware::with_reader();
    let first = desk.standing(NAME).process.expect("a child");
    kill(first);
    expect_another_child(&desk, NAME, first);
    desk.expect_state(NAME, State::Ready);
    reader.tap(&Card::classic_1k(&UID4));
    desk.expect_uid(&UID4);
    assert_eq!(desk.standing(NAME).ended, 1);
}
