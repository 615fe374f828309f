//! A reader on an RS-485 bus, by OSDP (IEC 60839-11-5) with its secure channel, by libosdp.
//!
//! libosdp notices a cut cable after eight seconds, and tries again after five minutes (a constant of it). So this watches
//! the bytes itself, and makes a new control panel of it whenever nothing has come for half a second. Each one leaks a few
//! hundred bytes of libosdp's and its crate's; after enough of them this process ends, and another is started.
//!
//! Not here: several readers on one bus, keypads, pairing (giving a reader its first key).

mod channel;
mod shown;

use super::child::{Output, RETRY_MS};
use super::line::{Instant, Presentation, Reason, Report, State, Unreadable};
use super::port::hold;
use super::spec::OsdpKey;
use crate::reader::card::{Technology, identifier};
use access::signal::Signal;
use channel::Wire;
use libosdp::{
    ControlPanel, ControlPanelBuilder, OsdpError, OsdpEvent, OsdpEventCardRead, OsdpFlag, PdInfoBuilder,
};
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

/// The pause after an answer, in milliseconds. libosdp wants a turn in 50 so that no answer waits for one; here an answer
/// ends the pause. It would ask again after 50; a card need not be noticed sooner than this, and each time costs.
const PAUSE_MS: u64 = 120;
/// Steps that libosdp takes from an answer to its next question, or to none: it takes one in a turn.
const STEPS_MAX: u32 = 3;
/// Nothing has come for so long: the cable is cut, or the reader has no power. It answers every poll within 200 ms.
const SILENCE_MS: u64 = 500;
/// Nothing has come to a control panel's first question for so long: it asks again only after a second, so another panel
/// does.
const UNANSWERED_MS: u64 = 300;
/// A reader that answers, and is not online with its secure channel after so long, has another key.
const ONLINE_MS: u64 = 3000;
/// Control panels in a row that hear nothing, after which the port is opened anew: its name may lead elsewhere by now.
const SILENT_PANELS_MAX: u32 = 10;
/// Control panels after which this process makes way for another, for what they leak.
const PANELS_MAX: u32 = 5000;
/// Most events of one turn; a reader answers one poll at a time.
const EVENTS_MAX: usize = 16;

/// Where the reader is.
pub(super) struct Bus<'a> {
    pub(super) device: &'a Path,
    pub(super) baud: u32,
    pub(super) address: u8,
    pub(super) key: Option<&'a OsdpKey>,
}

/// Holds the reader until this process has leaked enough.
pub(super) fn drive(bus: &Bus<'_>, output: &mut Output, signals: &Receiver<Signal>) -> ! {
    let mut panels = 0;
    loop {
        let (state, detail) = match hold(bus.device) {
            Ok(port) => {
                let opened = Wire::new(port, bus.baud);
                opened.map_or_else(
                    |error| {
                        (State::Unfit, format!("{}: {error}; is it a serial port?", bus.device.display()))
                    },
                    |wire| session(bus, &wire, &mut panels, output, signals),
                )
            }
            Err(refused) => refused,
        };
        output.health(state, &detail);
        if panels >= PANELS_MAX {
            eprintln!("doorward {}: makes way for another, for what libosdp leaks", super::spec::CHILD_VERB);
            std::process::exit(0);
        }
        output.pause_ms(RETRY_MS);
    }
}

/// Until the port fails; what to say then.
fn session(
    bus: &Bus<'_>,
    wire: &Wire,
    panels: &mut u32,
    output: &mut Output,
    signals: &Receiver<Signal>,
) -> (State, String) {
    let shown = bus.device.display();
    let silence = format!(
        "no reader answers at {shown}, address {}; check cable, power, address and speed",
        bus.address
    );
    let mut silent_panels = 0;
    while *panels < PANELS_MAX && silent_panels < SILENT_PANELS_MAX {
        *panels += 1;
        let events = Events::default();
        let mut panel = match panel(bus, wire, &events) {
            Ok(panel) => panel,
            Err(error) => return (State::Unfit, format!("{shown}: libosdp: {error}")),
        };
        match serve(bus, wire, &mut panel, &events, output, signals) {
            End::Failed => return (State::Lost, format!("{shown}: the port has failed; is it plugged in?")),
            End::Silent => {
                silent_panels += 1;
                output.health(State::Lost, &silence);
                continue;
            }
            End::Refused => {
                let detail =
                    "the reader is there, and its key is another: give its base key, or pair it anew";
                output.health(State::Unfit, detail);
            }
            End::Offline => output.health(State::Lost, "the reader has begun anew"),
        }
        silent_panels = 0;
    }
    (State::Lost, silence)
}

/// Cards that libosdp has told of.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<OsdpEventCardRead>>>);

impl Events {
    fn put(&self, event: OsdpEvent) {
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let OsdpEvent::CardRead(card) = event
            && events.len() < EVENTS_MAX
        {
            events.push(card);
        }
    }

    fn take(&self) -> Vec<OsdpEventCardRead> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn panel(bus: &Bus<'_>, wire: &Wire, events: &Events) -> Result<ControlPanel, OsdpError> {
    let mut reader = PdInfoBuilder::new()
        .name("reader")?
        .address(i32::from(bus.address))?
        .baud_rate(i32::try_from(bus.baud).unwrap_or_default())?
        .flag(OsdpFlag::EnforceSecure);
    if let Some(key) = bus.key {
        reader = reader.secure_channel_key(*key.as_bytes());
    }
    let mut panel = ControlPanelBuilder::new().add_channel(Box::new(wire.channel()), vec![reader]).build()?;
    let events = events.clone();
    panel.set_event_callback(move |_, event| {
        events.put(event);
        0
    });
    Ok(panel)
}

/// Why a control panel is given up.
enum End {
    /// The port.
    Failed,
    /// Nothing comes.
    Silent,
    /// Something comes, and it is never online.
    Refused,
    /// It was online.
    Offline,
}

fn serve(
    bus: &Bus<'_>,
    wire: &Wire,
    panel: &mut ControlPanel,
    events: &Events,
    output: &mut Output,
    signals: &Receiver<Signal>,
) -> End {
    let began_ms = output.now_ms();
    let mut heard_ms = began_ms;
    let mut has_heard = false;
    let mut was_online = false;
    let ready = format!("OSDP at {}, address {}", bus.device.display(), bus.address);
    loop {
        let has_said = turn(panel, wire);
        let now_ms = output.now_ms();
        let hears = wire.take_heard();
        if hears {
            heard_ms = now_ms;
            has_heard = true;
        }
        if wire.has_failed() {
            return End::Failed;
        }
        // The secure channel as well: a reader that is online without it could be anyone.
        let is_online = panel.is_online(0) && panel.is_sc_active(0);
        let cards = events.take();
        if is_online {
            was_online = true;
            output.health(State::Ready, &ready);
            cards.iter().for_each(|card| tell(card, output));
        }
        if now_ms.saturating_sub(heard_ms) >= if has_heard { SILENCE_MS } else { UNANSWERED_MS } {
            // After a handshake that has failed libosdp itself falls silent.
            return if has_heard && !was_online { End::Refused } else { End::Silent };
        }
        if was_online && !is_online {
            return End::Offline;
        }
        if !is_online && now_ms.saturating_sub(began_ms) >= ONLINE_MS {
            return End::Refused;
        }
        // Whoever is offline shows nothing; a signal is not kept for later.
        for command in signals.try_iter().flat_map(shown::commands) {
            if is_online {
                let _ = panel.send_command(0, command);
            }
        }
        if has_said || hears {
            wire.wait_ms(PAUSE_MS);
            output.beat();
        } else {
            // What lies there is no answer, and libosdp reads it in its own time: to wait for it would be to spin.
            output.pause_ms(PAUSE_MS);
        }
    }
}

/// Lets libosdp do what is due; whether it has said something.
fn turn(panel: &mut ControlPanel, wire: &Wire) -> bool {
    for _ in 0..STEPS_MAX {
        panel.refresh();
        if wire.take_said() {
            return true;
        }
    }
    false
}

/// The bus tells of a card when the reader has read it, and not of its removal: the reader itself counts one tap once.
fn tell(card: &OsdpEventCardRead, output: &mut Output) {
    let at_ms = output.now_ms();
    let report = match identifier(card.nr_bits, &card.data) {
        Some((uid, bits)) => Report::Presentation(Box::new(Presentation {
            reader: output.name().into(),
            uid,
            bits: Some(bits),
            technology: match card.format {
                libosdp::OsdpCardFormats::Wiegand => Technology::Wiegand,
                libosdp::OsdpCardFormats::Unspecified => Technology::Unknown,
            },
            atr: None,
            sak: None,
            atqa: None,
            ats: None,
            version: None,
            noticed_ms: at_ms,
            read_ms: at_ms,
        })),
        None => Report::Unreadable(Unreadable { reason: Reason::NoUid, at_ms }),
    };
    output.say(&report);
    output.say(&Report::Removed(Instant { at_ms }));
}
