//! Figures, not checks: how long a tap takes beside the middleware's own time, and what a child costs.
//!
//! `cargo test -p doorward --all-features --test it readers::measure -- --ignored --nocapture what_a_tap_costs`

use super::desk::{Desk, Middleware, NAME};
use super::osdp::ready as osdp;
use super::pcsc::{UID4, UID7};
use doorward::reader::line::State;
use doorward_sim::readers::card::Card;
use doorward_sim::readers::pcscd::SOCKET_VARIABLE;
use rustix::time::{ClockId, clock_gettime};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const TAPS: usize = 1000;
/// Both cards give a UID; the second is asked for its version as well.
const BARE: &str = "readers::measure::a_bare_client";

fn now_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec * 1_000_000 + now.tv_nsec / 1000).expect("after start")
}

fn shown(what: &str, mut taps_us: Vec<u64>) {
    taps_us.sort_unstable();
    let at = |percent: usize| taps_us[(taps_us.len() - 1) * percent / 100];
    println!("{what}: p50 {} us, p99 {} us, worst {} us, {} taps", at(50), at(99), at(100), taps_us.len());
}

/// Waits, connects, asks for the UID and says so: the least that any client of pcscd does.
#[test]
#[ignore = "a program of its own, started by the measurement"]
fn a_bare_client() {
    let context = pcsc::Context::establish(pcsc::Scope::System).expect("pcscd");
    let name = context.list_readers_owned().expect("readers").remove(0);
    let mut states = [pcsc::ReaderState::new(name.clone(), pcsc::State::UNAWARE)];
    loop {
        context.get_status_change(None, &mut states).expect("an event");
        states[0].sync_current_state();
        if states[0].event_state().contains(pcsc::State::PRESENT) {
            let card = context.connect(&name, pcsc::ShareMode::Shared, pcsc::Protocols::ANY).expect("a card");
            let mut buffer = [0; 64];
            card.transmit(&[0xFF, 0xCA, 0, 0, 0], &mut buffer).expect("a UID");
            println!("at {}", now_us());
            let _ = card.disconnect(pcsc::Disposition::LeaveCard);
        } else {
            println!("empty");
        }
    }
}

/// Nanoseconds on a processor so far, of all threads.
fn busy_ns(process: u32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("threads");
    let one = |thread: &Path| {
        let text = std::fs::read_to_string(thread.join("schedstat")).expect("schedstat");
        text.split(' ').next().expect("a number").parse::<u64>().expect("a number")
    };
    threads.map(|thread| one(&thread.expect("a thread").path())).sum()
}

fn anonymous_kib(process: u32) -> String {
    let text = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).expect("smaps");
    text.lines()
        .find(|line| line.starts_with("Anonymous:"))
        .expect("a line")
        .split_whitespace()
        .collect::<Vec<_>>()[1]
        .into()
}

fn cost(what: &str, desk: &Desk) {
    const IDLE_S: u64 = 10;
    let process = desk.standing(NAME).process.expect("a child");
    let before = busy_ns(process);
    // Real: it is the processor that is measured.
    std::thread::sleep(Duration::from_secs(IDLE_S));
    let busy_us = (busy_ns(process) - before) / 1000;
    println!(
        "{what}: {} KiB anonymous, idle {} us of processor in a second",
        anonymous_kib(process),
        busy_us / IDLE_S
    );
}

#[test]
#[ignore = "a minute, and figures rather than a verdict"]
fn what_a_tap_costs() {
    let (middleware, reader, desk) = Middleware::with_reader();
    cost("pcsc child", &desk);
    for (what, card) in [("classic", Card::classic_1k(&UID4)), ("desfire with version", Card::desfire(&UID7))]
    {
        let tap = |_| {
            let began = now_us();
            reader.tap(&card);
            desk.expect_card();
            let took = now_us() - began;
            reader.remove();
            desk.expect_removed();
            took
        };
        shown(&format!("doorward, {what}"), (0..TAPS).map(tap).collect());
    }
    drop(desk);
    let mut bare = Command::new(std::env::current_exe().expect("this program"));
    bare.args(["--exact", BARE, "--ignored", "--nocapture"]).env(SOCKET_VARIABLE, middleware.pcscd.socket());
    let mut bare = bare.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines =
        BufReader::new(bare.stdout.take().expect("a pipe")).lines().map(|line| line.expect("text"));
    let mut next = |word: &str| loop {
        let line = lines.next().expect("a line");
        if let Some(rest) = line.find(word).map(|at| line[at + word.len()..].trim().to_owned()) {
            return rest;
        }
    };
    next("empty");
    let card = Card::classic_1k(&UID4);
    let tap = |_| {
        let began = now_us();
        reader.tap(&card);
        let took = next("at ").parse::<u64>().expect("a number") - began;
        reader.remove();
        next("empty");
        took
    };
    shown("a bare client, classic", (0..TAPS).map(tap).collect());
    let _ = bare.kill();
    let _ = bare.wait();
}

#[test]
#[ignore = "half a minute, and figures rather than a verdict"]
fn what_a_restart_costs() {
    let (mut middleware, _reader, desk) = Middleware::with_reader();
    let restart = |_| {
        middleware.pcscd.kill();
        desk.expect_state(NAME, State::Lost);
        let began = now_us();
        middleware.pcscd.start_again().expect("pcscd");
        desk.expect_state(NAME, State::Ready);
        now_us() - began
    };
    shown("pcsc, from the start of pcscd to ready", (0..10).map(restart).collect());
    let kill = |_| {
        let before = desk.standing(NAME).process.expect("a child");
        let began = now_us();
        super::pcsc_trouble::kill(before);
        super::desk::expect_another_child(&desk, NAME, before);
        desk.expect_state(NAME, State::Ready);
        now_us() - began
    };
    shown("pcsc, from the death of the child to ready", (0..10).map(kill).collect());
}

#[test]
#[ignore = "half a minute, and figures rather than a verdict"]
fn what_a_cut_cable_costs() {
    let (_folder, reader, desk) = osdp();
    cost("osdp child", &desk);
    let mend = |_| {
        reader.cut(true);
        desk.expect_state(NAME, State::Lost);
        let began = now_us();
        reader.cut(false);
        desk.expect_state(NAME, State::Ready);
        now_us() - began
    };
    shown("osdp, from the mended cable to ready", (0..10).map(mend).collect());
    let (_folder, chip, desk) = super::libnfc::ready();
    cost("libnfc child", &desk);
    let tap = |_| {
        let began = now_us();
        chip.tap(&Card::classic_1k(&UID4));
        desk.expect_card();
        let took = now_us() - began;
        chip.remove();
        desk.expect_removed();
        took
    };
    shown("libnfc, from the tap to the card", (0..100).map(tap).collect());
}
