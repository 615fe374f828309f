//! A helper of one's own (`command`), and how the gateway lives with one that misbehaves.

use super::desk::{Desk, Middleware, NAME, is_alive, spec};
use super::pcsc::UID4;
use crate::world::eventually;
use access::signal::Signal;
use doorward::config::PcscSignals;
use doorward::reader::line::{LINE_MAX_BYTES, State};
use doorward::reader::spec::{Port, Spec};
use doorward::reader::supervisor::{SIGNALS_MAX, SignalError};
use doorward_sim::readers::card::Card;
use std::path::Path;

const READY: &str = r#"echo '{"type":"health","state":"ready","detail":"helper","at_ms":1}'"#;
const CARD: &str = r#"echo '{"type":"presentation","reader":"x","uid":"04A1B2C3","technology":"unknown","noticed_ms":1,"read_ms":2}'"#;

fn helper(script: &str) -> Spec {
    let port = Port::Pcsc { reader: Some("any".into()), serial: None, signals: PcscSignals::Auto };
    let mut spec = spec(NAME, port);
    spec.command = ["/bin/sh", "-c", script].map(Into::into).to_vec();
    spec
}

#[test]
fn a_helper_of_ones_own_speaks_the_same_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    let heard = folder.path().join("heard");
    let desk = Desk::with(vec![helper(&format!("{READY}; {CARD}; cat > {}", heard.display()))]);
    desk.expect_state(NAME, State::Ready);
    let shown = desk.expect_card();
    assert_eq!((shown.reader.as_str(), shown.uid.as_bytes()), (NAME, &[4, 0xA1, 0xB2, 0xC3][..]));
    desk.signal(Signal::Good);
    eventually("it hears what it is to hold and to show", || {
        let heard = std::fs::read_to_string(&heard).unwrap_or_default();
        let lines: Vec<&str> = heard.lines().collect();
        match lines[..] {
            [open, signal] if open.contains("\"open\"") && signal.contains("\"good\"") => Ok(()),
            _ => Err(heard),
        }
    });
}

#[test]
fn the_packaged_helper_does_what_the_gateways_own_child_does() {
    let (middleware, reader, desk) = Middleware::with_reader();
    drop(desk);
    let mut spec = middleware.spec();
    spec.command = [&spec.command[..2], &[env!("CARGO_BIN_EXE_doorward-reader").into()]].concat();
    let desk = Desk::with(vec![spec]);
    desk.expect_state(NAME, State::Ready);
    reader.tap(&Card::classic_1k(&UID4));
    desk.expect_uid(&UID4);
    reader.remove();
    desk.expect_removed();
}

#[test]
fn a_child_that_dies_babbles_or_never_ends_a_line_is_replaced() {
    let long = format!("head -c {} /dev/zero | tr '\\0' x; cat", LINE_MAX_BYTES * 2);
    let table = [
        (format!("{READY}; kill -SEGV $$"), "signal: 11"),
        (format!("{READY}; exit 3"), "exit status: 3"),
        (format!("{READY}; echo hello; cat"), "none of the protocol"),
        (format!("{READY}; {long}"), "more than 4096 bytes"),
        ("exec /nonexistent".into(), "exit status: 127"),
    ];
    for (script, why) in table {
        let desk = Desk::with(vec![helper(&script)]);
        let mut said = Vec::new();
        eventually(why, || {
            said.push(desk.standing(NAME).detail);
            let ended = desk.standing(NAME).ended;
            if ended >= 2 && said.iter().any(|detail| detail.contains(why)) {
                Ok(())
            } else {
                Err(format!("{ended} {said:?}"))
            }
        });
    }
}

#[test]
fn a_child_that_says_nothing_is_killed() {
    let mut silent = helper(&format!("{READY}; exec sleep 1000"));
    silent.silence_max_ms = 200;
    let desk = Desk::with(vec![silent]);
    let mut first = None;
    eventually("it runs", || {
        first = desk.standing(NAME).process;
        first.map(|_| ()).ok_or_else(|| "no child".into())
    });
    let first = first.expect("a child");
    eventually("it is killed", || if is_alive(first) { Err("alive".into()) } else { Ok(()) });
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let mut missing = helper("");
    missing.command = vec!["/nonexistent/helper".into()];
    let desk = Desk::with(vec![missing]);
    assert!(desk.expect_state(NAME, State::Lost).contains("/nonexistent/helper"));
}

#[test]
fn a_child_that_takes_no_orders_holds_nobody_up() {
    // It never reads; the pipe fills at some point, then the queue of signals.
    let desk = Desk::with(vec![helper(&format!("while :; do {READY}; sleep 0.1; done"))]);
    desk.expect_state(NAME, State::Ready);
    let mut refused = None;
    for _ in 0..100_000 {
        refused = desk.readers().signal(NAME, Signal::Good).err();
        if refused.is_some() {
            break;
        }
    }
    assert_eq!(refused, Some(SignalError::Busy(NAME.into())), "at most {SIGNALS_MAX} wait");
    assert_eq!(desk.readers().signal("yard", Signal::Good), Err(SignalError::Unknown("yard".into())));
    desk.expect_state(NAME, State::Ready);
}

#[test]
fn no_child_outlives_the_order_to_stop() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // One obeys, the other has to be killed.
    let obedient = helper(&format!("{READY}; exec cat > /dev/null"));
    let mut stubborn = helper(&format!("{READY}; exec sleep 1000"));
    stubborn.opening.name = "stubborn".into();
    let clock: std::sync::Arc<dyn doorward::clock::Clock> =
        std::sync::Arc::new(doorward::clock::SystemClock::new(doorward::clock::SyncSource::Host));
    let processes = runtime.block_on(async {
        let (readers, mut events) =
            doorward::reader::supervisor::Readers::start(vec![obedient, stubborn], &clock);
        for _ in 0..2 {
            events.recv().await.expect("each says that it is ready");
        }
        let processes: Vec<u32> = readers.standing().iter().filter_map(|one| one.process).collect();
        readers.stop().await;
        processes
    });
    assert_eq!(processes.len(), 2);
    assert!(processes.iter().all(|process| !Path::new("/proc").join(process.to_string()).exists()));
}
