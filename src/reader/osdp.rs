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
use crate::reader::card::Technology;
use access::signal::Signal;
use access::uid::RawId;
use channel::Wire;
use libosdp::{
    ControlPanel, ControlPanelBuilder, OsdpError, OsdpEvent, OsdpEventCardRead, OsdpFlag, PdInfoBuilder,
};
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

/// How often libosdp is given a turn, in milliseconds; it wants one in 50 at the latest.
const REFRESH_MS: u64 = 20;
/// Nothing has come for so long: the cable is cut, or the reader has no power. It answers every poll within 200 ms.
const SILENCE_MS: u64 = 500;
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
        panel.refresh();
        let now_ms = output.now_ms();
        if wire.take_heard() {
            heard_ms = now_ms;
            has_heard = true;
        }
        if wire.has_failed() {
            return End::Failed;
        }
        for card in events.take() {
            tell(&card, output);
        }
        // The secure channel as well: a reader that is online without it could be anyone.
        let is_online = panel.is_online(0) && panel.is_sc_active(0);
        if is_online {
            was_online = true;
            output.health(State::Ready, &ready);
        }
        if now_ms.saturating_sub(heard_ms) >= SILENCE_MS {
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
        output.pause_ms(REFRESH_MS);
    }
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

/// The bytes that hold `bits`, what is beyond them cleared.
fn identifier(bits: usize, data: &[u8]) -> Option<(RawId, u16)> {
    let mut bytes = data.get(..bits.div_ceil(8))?.to_vec();
    let over = bytes.len() * 8 - bits;
    if let Some(last) = bytes.last_mut() {
        *last &= u8::MAX << over;
    }
    Some((RawId::from_bytes(&bytes).ok()?, u16::try_from(bits).ok()?))
}

#[cfg(test)]
mod tests {
    use super::identifier;

    #[test]
    fn bits_are_counted_from_the_first_and_what_is_beyond_them_is_nothing() {
        let shown = |bits, data: &[u8]| identifier(bits, data).map(|(uid, bits)| (uid.to_string(), bits));
        assert_eq!(shown(26, &[0x52, 0x3B, 0x0E, 0x7F]), Some(("523B0E40".into(), 26)));
        assert_eq!(shown(56, &[4, 1, 2, 3, 4, 5, 6]), Some(("04010203040506".into(), 56)));
        for (bits, length) in [(0, 0), (0, 4), (26, 3), (257, 33), (usize::MAX, 4)] {
            assert_eq!(shown(bits, &vec![1; length]), None, "{bits} bits in {length} bytes");
        }
    }
}
