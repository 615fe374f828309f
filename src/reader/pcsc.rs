//! PC/SC: any reader that pcscd knows. Waits for the middleware's events; asks nothing of a card but its UID, and its
//! version where it takes APDUs.
//!
//! What the middleware is known for, and is met here: a context is dead for ever after `CommError` though it calls itself
//! valid; an empty list of readers makes the wait return at once; the "new reader" event may not come; dropping a card
//! resets it; names end in numbers that change.

mod signals;
mod tap;

use super::child::{Output, RETRY_MS};
use super::line::{Found, HEARTBEAT_MS, Instant, Missed, Presentation, Reason, Report, State, Unreadable};
use super::octets::Octets;
use super::presence::{Change, Counted};
use crate::config::PcscSignals;
use access::signal::Signal;
use access::uid::RawId;
use pcsc::{Attribute, Context, Disposition, Error, Protocols, ReaderState, Scope, ShareMode};
use std::ffi::{CStr, CString};
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// How often the list of readers is read again: the event that announces a new one cannot be relied on.
const RELIST_MS: u64 = HEARTBEAT_MS;
/// How often a state whose counter and presence disagree is asked for again, and how long each time: the daemon sets one
/// right after the other.
const DISAGREEMENTS_MAX: u32 = 10;
const DISAGREEMENT_MS: u64 = 5;
/// Most characters of a serial number that a reader may tell.
const SERIAL_MAX_BYTES: usize = 64;

/// Which reader is wanted.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// The beginning of its name.
    pub(super) reader: Option<&'a str>,
    /// Its serial number.
    pub(super) serial: Option<&'a str>,
}

/// Holds the reader for ever.
pub(super) fn drive(
    wanted: &Wanted<'_>,
    how: PcscSignals,
    output: &mut Output,
    signals: Receiver<Signal>,
) -> ! {
    let shown = signals::start(how, signals);
    loop {
        // A context that has lost the daemon never finds it again, so each turn has a new one.
        let ended =
            Context::establish(Scope::System).and_then(|context| session(&context, wanted, &shown, output));
        let Err(error) = ended;
        let detail = match error {
            Error::NoService | Error::CommError | Error::ServiceStopped => {
                "pcscd does not answer: start it (`systemctl start pcscd.socket`), and let this user ask it (polkit)".into()
            }
            Error::SecurityViolation => {
                "pcscd refuses this user: install systemd/doorward.rules for polkit (docs/readers.md)".into()
            }
            other => format!("PC/SC: {other}"),
        };
        shown.forget();
        output.health(State::Lost, &detail);
        output.pause_ms(RETRY_MS);
    }
}

/// Until the daemon fails.
fn session(
    context: &Context,
    wanted: &Wanted<'_>,
    shown: &signals::Shown,
    output: &mut Output,
) -> Result<std::convert::Infallible, Error> {
    loop {
        let names = context.list_readers_owned()?;
        match choose(context, wanted, &names) {
            Choice::One(name) => {
                shown.remember(name);
                watch(context, name, &names, output)?;
                shown.forget();
            }
            Choice::None => {
                let detail =
                    format!("no reader {wanted}; is it plugged in? `doorward readers` shows what is there");
                output.health(State::Lost, &detail);
            }
            Choice::Many(count) => {
                let detail = format!("{count} readers are {wanted}; tell them apart by `serial`");
                output.health(State::Unfit, &detail);
            }
        }
        // Finite: without a reader there is nothing to wait for, and a wait for nothing returns at once.
        output.pause_ms(RETRY_MS);
    }
}

impl std::fmt::Display for Wanted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.reader, self.serial) {
            (Some(reader), Some(serial)) => write!(f, "{reader:?} with serial {serial:?}"),
            (Some(reader), None) => write!(f, "{reader:?}"),
            (None, Some(serial)) => write!(f, "with serial {serial:?}"),
            (None, None) => f.write_str("of any kind"),
        }
    }
}

enum Choice<'a> {
    One(&'a CStr),
    None,
    Many(usize),
}

fn choose<'a>(context: &Context, wanted: &Wanted<'_>, names: &'a [CString]) -> Choice<'a> {
    let fits = |name: &&CString| {
        let text = name.to_string_lossy();
        wanted.reader.is_none_or(|wanted| text.starts_with(wanted))
            && wanted.serial.is_none_or(|serial| {
                text.contains(&format!("({serial})")) || serial_of(context, name).as_deref() == Some(serial)
            })
    };
    let fitting: Vec<&CString> = names.iter().filter(fits).collect();
    match fitting[..] {
        [] => Choice::None,
        [one] => Choice::One(one),
        _ => Choice::Many(fitting.len()),
    }
}

/// The serial number that the reader tells, if it does.
fn serial_of(context: &Context, name: &CStr) -> Option<String> {
    let card = context.connect(name, ShareMode::Direct, Protocols::UNDEFINED).ok()?;
    let mut buffer = [0; SERIAL_MAX_BYTES];
    let told = card.get_attribute(Attribute::VendorIfdSerialNo, &mut buffer);
    let serial = told.ok().map(|told| String::from_utf8_lossy(told).trim_end_matches('\0').trim().to_owned());
    // Dropping it would reset a card that another program reads.
    let _ = card.disconnect(Disposition::LeaveCard);
    serial.filter(|serial| !serial.is_empty())
}

/// Watches one reader until it, or the list of readers, is another.
fn watch(context: &Context, name: &CStr, names: &[CString], output: &mut Output) -> Result<(), Error> {
    let mut states = [ReaderState::new(name, pcsc::State::UNAWARE)];
    let mut presence = Counted::default();
    let detail = name.to_string_lossy().into_owned();
    loop {
        match context.get_status_change(Duration::from_millis(RELIST_MS), &mut states) {
            Ok(()) => {}
            // What it says is as new as after an event: while its counter stands at zero it does not tell of taps that
            // have come and gone.
            Err(Error::Timeout) => {
                if context.list_readers_owned()? != names {
                    return Ok(());
                }
                output.beat();
                if !states[0].event_state().intersects(pcsc::State::PRESENT | pcsc::State::EMPTY) {
                    continue;
                }
            }
            Err(Error::UnknownReader | Error::ReaderUnavailable) => return lost(output),
            Err(other) => return Err(other),
        }
        let event = states[0].event_state();
        if event.intersects(pcsc::State::UNKNOWN | pcsc::State::UNAVAILABLE | pcsc::State::IGNORE) {
            return lost(output);
        }
        let noticed_ms = output.now_ms();
        states[0].sync_current_state();
        let change = change(context, &mut presence, &mut states)?;
        output.health(State::Ready, &detail);
        if change.removed {
            output.say(&Report::Removed(Instant { at_ms: noticed_ms }));
        }
        if change.missed_taps > 0 {
            output.say(&Report::Missed(Missed { taps: change.missed_taps, at_ms: noticed_ms }));
        }
        if change.resting {
            output.say(&unreadable(Reason::Resting, noticed_ms));
        }
        if change.tapped {
            match tap::read(context, name, states[0].atr(), output) {
                Ok(card) => {
                    let report = presentation(card, noticed_ms, output);
                    output.say(&report);
                }
                Err(tap::Failure::Card(reason)) => {
                    let report = unreadable(reason, output.now_ms());
                    output.say(&report);
                }
                Err(tap::Failure::Reader) => return lost(output),
                Err(tap::Failure::Service(error)) => return Err(error),
            }
        }
    }
}

/// What has happened, by a state whose counter and presence agree.
fn change(context: &Context, presence: &mut Counted, states: &mut [ReaderState; 1]) -> Result<Change, Error> {
    let said = |state: &ReaderState| {
        let counter = u16::try_from(state.event_count() & 0xFFFF).unwrap_or_default();
        (state.event_state().contains(pcsc::State::PRESENT), counter)
    };
    for _ in 0..DISAGREEMENTS_MAX {
        let (is_present, counter) = said(&states[0]);
        if let Some(change) = presence.look(is_present, counter) {
            return Ok(change);
        }
        match context.get_status_change(Duration::from_millis(DISAGREEMENT_MS), states) {
            Ok(()) | Err(Error::Timeout) => states[0].sync_current_state(),
            Err(other) => return Err(other),
        }
    }
    let (is_present, counter) = said(&states[0]);
    Ok(presence.believe(is_present, counter))
}

fn lost(output: &mut Output) -> Result<(), Error> {
    output.health(State::Lost, "the reader is gone; is it plugged in?");
    Ok(())
}

fn unreadable(reason: Reason, at_ms: u64) -> Report {
    Report::Unreadable(Unreadable { reason, at_ms })
}

fn presentation(card: tap::Read, noticed_ms: u64, output: &Output) -> Report {
    let facts = super::card::Facts { atr: Some(&card.atr), version: card.version.as_deref(), sak_atqa: None };
    let technology = super::card::technology(&facts);
    let Ok(uid) = RawId::from_bytes(&card.uid) else { return unreadable(Reason::NoUid, output.now_ms()) };
    Report::Presentation(Box::new(Presentation {
        reader: output.name().into(),
        uid,
        bits: None,
        technology,
        atr: Octets::new(&card.atr),
        sak: None,
        atqa: None,
        ats: None,
        version: card.version.as_deref().and_then(Octets::new),
        noticed_ms,
        read_ms: output.now_ms(),
    }))
}

/// Every reader that pcscd has.
pub(super) fn list() -> Result<Vec<Found>, String> {
    let context =
        Context::establish(Scope::System).map_err(|error| format!("pcscd does not answer: {error}"))?;
    let names = context.list_readers_owned().map_err(|error| format!("pcscd lists no readers: {error}"))?;
    let found = |name: &CString| Found {
        reader: without_index(&name.to_string_lossy()).into(),
        serial: serial_of(&context, name),
    };
    Ok(names.iter().map(found).collect())
}

/// `name` without the numbers of reader and slot.
fn without_index(name: &str) -> &str {
    let is_number = |word: &str| word.len() == 2 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let cut = |name: &'_ str| match name.rsplit_once(' ') {
        Some((rest, last)) if is_number(last) => rest.len(),
        _ => name.len(),
    };
    let once = &name[..cut(name)];
    &once[..cut(once)]
}

#[cfg(test)]
mod tests {
    use super::without_index;

    #[test]
    fn a_name_is_bound_without_the_numbers_that_change() {
        assert_eq!(without_index("ACS ACR122U PICC Interface 00 01"), "ACS ACR122U PICC Interface");
        assert_eq!(without_index("HID OMNIKEY 5022 (OKCM0021) 00 00"), "HID OMNIKEY 5022 (OKCM0021)");
        assert_eq!(without_index("Plain"), "Plain");
    }
}
