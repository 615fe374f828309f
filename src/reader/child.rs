//! The process that holds one reader: reads orders from its standard input, reports on its standard output.
//!
//! It ends when its standard input ends, by a thread of its own: whatever hangs in a driver, no child outlives its
//! parent.
//!
//! Not here: starting and watching children ([`super::supervisor`]); what each driver does.

use super::line::{Found, HEARTBEAT_MS, Health, LINE_MAX_BYTES, Order, Report, State};
#[cfg(any(feature = "pcsc", feature = "libnfc", feature = "osdp"))]
use super::spec::Port;
use super::spec::{CHILD_VERB, Opening};
use crate::clock::{Clock, SyncSource, SystemClock};
use access::signal::Signal;
use rustix::io::fcntl_dupfd_cloexec;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// Most signals that wait for a driver.
const SIGNALS_MAX: usize = 16;
/// How long a driver waits before it tries again what has failed.
#[cfg(any(feature = "pcsc", feature = "libnfc", feature = "osdp"))]
pub(super) const RETRY_MS: u64 = 300;

/// Why a child ends other than by its parent's order.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// A pipe.
    #[error(
        "the pipe to the parent: {0}; this verb is for the gateway itself: start `doorward run` or `doorward read`"
    )]
    Pipe(#[from] std::io::Error),
    /// The first line is none.
    #[error("{0}; this verb is for the gateway itself: start `doorward run` or `doorward read`")]
    Order(#[from] super::line::LineError),
    /// The first line is another.
    #[error(
        "the first line opens no reader; this verb is for the gateway itself: start `doorward run` or `doorward read`"
    )]
    NotOpened,
}

/// What the parent hears.
pub(super) struct Output {
    pipe: File,
    clock: SystemClock,
    #[cfg_attr(
        not(any(feature = "pcsc", feature = "libnfc", feature = "osdp")),
        expect(dead_code, reason = "drivers name it, and this build has none")
    )]
    name: String,
    health: (State, String),
    last_ms: u64,
}

impl Output {
    /// Takes standard output for itself: what C libraries print there goes to standard error from now on.
    fn take(name: &str) -> std::io::Result<Output> {
        const BESIDE_STANDARD: i32 = 3;
        let pipe = fcntl_dupfd_cloexec(std::io::stdout().as_fd(), BESIDE_STANDARD)?;
        rustix::stdio::dup2_stdout(std::io::stderr().as_fd())?;
        let clock = SystemClock::new(SyncSource::Host);
        let health = (State::Starting, String::new());
        Ok(Output { pipe: File::from(pipe), clock, name: name.into(), health, last_ms: 0 })
    }

    /// The reader's name.
    #[cfg(any(feature = "pcsc", feature = "libnfc", feature = "osdp"))]
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Milliseconds of the clock that the parent reads as well.
    pub(super) fn now_ms(&self) -> u64 {
        self.clock.mono().0
    }

    /// Says `report`. A parent that cannot be told any more is gone, and this process with it.
    pub(super) fn say(&mut self, report: &Report) {
        if self.pipe.write_all(report.render().as_bytes()).is_err() {
            end_now(1);
        }
        self.last_ms = self.now_ms();
    }

    /// Says how the reader is, if that has changed or a heartbeat is due.
    pub(super) fn health(&mut self, state: State, detail: &str) {
        let now_ms = self.now_ms();
        let is_new = self.health.0 != state || self.health.1 != detail;
        if is_new {
            self.health = (state, detail.into());
        }
        if is_new || now_ms.saturating_sub(self.last_ms) >= HEARTBEAT_MS {
            self.say(&Report::Health(Health::new(state, detail, now_ms)));
        }
    }

    /// A heartbeat, if one is due: the reader is as it was.
    pub(super) fn beat(&mut self) {
        let (state, detail) = self.health.clone();
        self.health(state, &detail);
    }

    /// Waits without growing silent.
    pub(super) fn pause_ms(&mut self, ms: u64) {
        std::thread::sleep(Duration::from_millis(ms.min(HEARTBEAT_MS)));
        self.beat();
    }
}

/// Holds the reader that the first line names until standard input ends.
///
/// # Errors
/// When the first line names none.
pub fn run() -> Result<(), ChildError> {
    let mut input = BufReader::new(std::io::stdin());
    let opening = match first(&mut input)? {
        Order::Open(opening) => opening,
        Order::List(_) => return list(input),
        Order::Signal(_) => return Err(ChildError::NotOpened),
    };
    let mut output = Output::take(&opening.name)?;
    let signals = listen(input)?;
    output.health(State::Starting, "the driver starts");
    drive(&opening, &mut output, signals)
}

fn first(input: &mut impl BufRead) -> Result<Order, ChildError> {
    let line = next(input)?.ok_or(ChildError::NotOpened)?;
    Ok(Order::parse(&line)?)
}

/// One line without its end; `None` at the end of input.
fn next(input: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let most = u64::try_from(LINE_MAX_BYTES + 1).unwrap_or(u64::MAX);
    input.take(most).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    Ok(Some(line))
}

/// Passes signals on, and ends the process when there are no more to come.
fn listen(mut input: BufReader<std::io::Stdin>) -> std::io::Result<Receiver<Signal>> {
    let (sender, signals) = sync_channel(SIGNALS_MAX);
    std::thread::Builder::new().name("orders".into()).spawn(move || {
        while let Ok(Some(line)) = next(&mut input) {
            pass_on(&line, &sender);
        }
        end_now(0);
    })?;
    Ok(signals)
}

fn pass_on(line: &[u8], signals: &SyncSender<Signal>) {
    match Order::parse(line) {
        // A driver that has sixteen to show already has no use for another: what it shows is late as it is.
        Ok(Order::Signal(show)) => drop(signals.try_send(show.signal)),
        Ok(Order::Open(_) | Order::List(_)) => {
            eprintln!("doorward {}: opened twice", CHILD_VERB)
        }
        Err(error) => eprintln!("doorward {}: {error}", CHILD_VERB),
    }
}

/// Ends the process without asking libraries: one of them may hold a lock for ever.
#[expect(
    unsafe_code,
    reason = "there is no safe way to end without running the exit handlers of C libraries"
)]
fn end_now(status: i32) -> ! {
    // SAFETY: _exit takes no pointer and does not return.
    unsafe { libc::_exit(status) }
}

fn drive(opening: &Opening, output: &mut Output, signals: Receiver<Signal>) -> ! {
    match &opening.port {
        #[cfg(feature = "pcsc")]
        Port::Pcsc { reader, serial, signals: how } => {
            let wanted = super::pcsc::Wanted { reader: reader.as_deref(), serial: serial.as_deref() };
            super::pcsc::drive(&wanted, *how, output, signals)
        }
        #[cfg(feature = "libnfc")]
        Port::Libnfc { device, baud } => super::libnfc::drive(device, *baud, output),
        #[cfg(feature = "osdp")]
        Port::Osdp { device, baud, address, key } => {
            let bus = super::osdp::Bus { device, baud: *baud, address: *address, key: key.as_ref() };
            super::osdp::drive(&bus, output, &signals)
        }
        #[cfg(not(all(feature = "pcsc", feature = "libnfc", feature = "osdp")))]
        port => {
            drop(signals);
            let detail = format!("this build has no {}; use one that has, or a `command`", port.kind());
            loop {
                output.health(State::Unfit, &detail);
                output.pause_ms(HEARTBEAT_MS);
            }
        }
    }
}

/// Says which PC/SC readers there are.
fn list(mut input: BufReader<std::io::Stdin>) -> Result<(), ChildError> {
    let mut output = Output::take("")?;
    std::thread::Builder::new().name("orders".into()).spawn(move || {
        let _ = input.read_to_end(&mut Vec::new());
        end_now(0);
    })?;
    #[cfg(feature = "pcsc")]
    let found = super::pcsc::list();
    #[cfg(not(feature = "pcsc"))]
    let found: Result<Vec<Found>, String> = Err("this build has no pcsc".into());
    match found {
        Ok(found) => {
            found.into_iter().for_each(|found: Found| output.say(&Report::Found(found)));
            output.health(State::Ready, "that is all");
        }
        Err(why) => output.health(State::Lost, &why),
    }
    Ok(())
}
