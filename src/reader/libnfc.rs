//! A PN532 on a serial line, on I2C or on SPI, by libnfc.
//!
//! What libnfc is known for, and is met here: no card is `Ok` with a UID of no bytes; a poll by the chip itself has no
//! time-out of the host's, so it is asked again and again with a finite one; it locks no port, so we do; it leaks a little
//! at each opening, and an ATS of a length that is none makes it crash, which is why this is a process of its own.
//!
//! Not here: USB readers (pcscd has them), ISO/IEC 14443 B, writing.

use super::card::{self, Facts};
use super::child::{Output, RETRY_MS};
use super::line::{Instant, Presentation, Reason, Report, State, Unreadable};
use super::octets::Octets;
use super::port::hold;
use super::presence::Polled;
use access::uid::RawId;
use nfc1::target_info::{Iso14443a, TargetInfo};
use nfc1::{BaudRate, Context, Device, Error, Modulation, ModulationType, Property, Timeout};
use std::path::Path;
use std::time::Duration;

/// The pause between two looks while nothing is there, in milliseconds: a card is held for some hundred.
const IDLE_MS: u64 = 120;
/// The pause while a card is there, in milliseconds: it is gone after [`super::presence::VAIN_LOOKS_MAX`] vain looks.
const CARD_MS: u64 = 50;
/// Looks in a row that the chip does not answer, after which it is opened anew.
const UNANSWERED_MAX: u32 = 2;
/// How long a card may take for one part of its version, in milliseconds.
const VERSION_MS: u64 = 200;
/// Longest part of a version, with its status.
const PART_MAX_BYTES: usize = 32;
/// SAK, bit 6: the card speaks ISO/IEC 14443-4.
const SAK_ISO_DEP: u8 = 0x20;
const CARDS: Modulation =
    Modulation { modulation_type: ModulationType::Iso14443a, baud_rate: BaudRate::Baud106 };

/// Holds the reader for ever.
pub(super) fn drive(device: &Path, baud: u32, output: &mut Output) -> ! {
    // Not anew after each failure: a card that lay there before the cable was pulled is not shown again.
    let mut presence = Polled::default();
    loop {
        let (state, detail) = match hold(device) {
            Ok(_held) => session(device, baud, &mut presence, output),
            Err(refused) => refused,
        };
        output.health(state, &detail);
        output.pause_ms(RETRY_MS);
    }
}

/// libnfc's name for the chip at `device`: the kernel's name of the bus says which it is. Only a serial line has a speed of
/// ours; I2C has the bus's, SPI the driver's.
fn connection(device: &Path, baud: u32) -> String {
    let shown = device.display();
    let name = device.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    if name.starts_with("i2c-") {
        format!("pn532_i2c:{shown}")
    } else if name.starts_with("spidev") {
        format!("pn532_spi:{shown}")
    } else {
        format!("pn532_uart:{shown}:{baud}")
    }
}

/// Until the chip does not answer any more; what to say then.
fn session(device: &Path, baud: u32, presence: &mut Polled, output: &mut Output) -> (State, String) {
    let shown = device.display();
    let lost = |error: Error| {
        (
            State::Lost,
            format!(
                "the chip at {shown} does not answer ({error}); check cable, power, speed and its switches (HSU, I2C, SPI)"
            ),
        )
    };
    let mut context = match Context::new() {
        Ok(context) => context,
        Err(error) => return lost(error),
    };
    let opened = context.open_with_connstring(&connection(device, baud)).and_then(|mut chip| {
        chip.initiator_init()?;
        // Otherwise a look lasts until a card comes.
        chip.set_property_bool(Property::InfiniteSelect, false)?;
        Ok(chip)
    });
    let mut chip = match opened {
        Ok(chip) => chip,
        Err(error) => return lost(error),
    };
    let detail = format!("PN532 at {shown}");
    let mut unanswered = 0;
    loop {
        match look(&mut chip, presence, output) {
            Ok(()) => {
                unanswered = 0;
                output.health(State::Ready, &detail);
            }
            Err(error) => {
                unanswered += 1;
                if unanswered >= UNANSWERED_MAX || error == Error::Io {
                    return lost(error);
                }
            }
        }
        output.pause_ms(if presence.is_empty() { IDLE_MS } else { CARD_MS });
    }
}

/// One look: which card is there, and what has happened since the last look.
fn look(chip: &mut Device, presence: &mut Polled, output: &mut Output) -> Result<(), Error> {
    let seen = match chip.initiator_select_passive_target(&CARDS) {
        Ok(target) => match target.target_info {
            // No card is a target of nothing.
            TargetInfo::Iso14443a(card) if card.uid_len > 0 && card.uid_len <= card.uid.len() => Some(card),
            _ => None,
        },
        // Two cards at once, or one that is on its way: no card that could be read.
        Err(Error::RfTransmissionError | Error::TargetReleased) => None,
        Err(error) => return Err(error),
    };
    let noticed_ms = output.now_ms();
    let change = presence.look(seen.as_ref().map(|card| &card.uid[..card.uid_len]));
    if change.removed {
        output.say(&Report::Removed(Instant { at_ms: noticed_ms }));
    }
    if change.resting {
        output.say(&Report::Unreadable(Unreadable { reason: Reason::Resting, at_ms: noticed_ms }));
    }
    let Some(card) = seen else { return Ok(()) };
    if change.tapped {
        let report = presentation(chip, &card, noticed_ms, output);
        output.say(&report);
    }
    // Released, so that the next look finds it again; a card that has gone meanwhile cannot be.
    let _ = chip.initiator_deselect_target();
    Ok(())
}

fn presentation(chip: &mut Device, seen: &Iso14443a, noticed_ms: u64, output: &Output) -> Report {
    let version = if seen.sak & SAK_ISO_DEP != 0 { version(chip) } else { None };
    let facts = Facts { atr: None, sak_atqa: Some((seen.sak, seen.atqa)), version: version.as_deref() };
    let technology = card::technology(&facts);
    let Ok(uid) = RawId::from_bytes(&seen.uid[..seen.uid_len]) else {
        return Report::Unreadable(Unreadable { reason: Reason::NoUid, at_ms: noticed_ms });
    };
    Report::Presentation(Box::new(Presentation {
        reader: output.name().into(),
        uid,
        bits: None,
        technology,
        atr: None,
        sak: Octets::new(&[seen.sak]),
        atqa: Octets::new(&seen.atqa),
        ats: ats(seen),
        version: version.as_deref().and_then(Octets::new),
        noticed_ms,
        read_ms: output.now_ms(),
    }))
}

/// The ATS with its length byte, which libnfc leaves out.
fn ats(seen: &Iso14443a) -> Option<Octets<{ card::ATS_MAX_BYTES }>> {
    let rest = seen.ats.get(..seen.ats_len).filter(|rest| !rest.is_empty())?;
    let length = u8::try_from(rest.len() + 1).ok()?;
    let ats = [&[length], rest].concat();
    if card::is_ats(&ats) { Octets::new(&ats) } else { None }
}

/// The version, if the card answers with one.
fn version(chip: &mut Device) -> Option<Vec<u8>> {
    let mut parts: Vec<Vec<u8>> = Vec::new();
    // GetVersion, then "more, please" twice, wrapped as ISO/IEC 7816-4 has it.
    for (command, status) in [(0x60, 0xAF), (0xAF, 0xAF), (0xAF, 0x00)] {
        let timeout = Timeout::Duration(Duration::from_millis(VERSION_MS));
        let mut answer =
            chip.initiator_transceive_bytes(&[0x90, command, 0, 0, 0], PART_MAX_BYTES, timeout).ok()?;
        if !answer.ends_with(&[0x91, status]) {
            return None;
        }
        answer.truncate(answer.len() - 2);
        parts.push(answer);
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    card::version_of(&parts)
}

#[cfg(test)]
mod tests {
    use super::connection;
    use std::path::Path;

    #[test]
    fn the_name_of_the_device_says_which_bus_it_is() {
        for (device, expected) in [
            ("/dev/ttyS1", "pn532_uart:/dev/ttyS1:115200"),
            ("/dev/serial/by-id/usb-i2c-if00", "pn532_uart:/dev/serial/by-id/usb-i2c-if00:115200"),
            ("/dev/i2c-1", "pn532_i2c:/dev/i2c-1"),
            ("/dev/spidev0.0", "pn532_spi:/dev/spidev0.0"),
        ] {
            assert_eq!(connection(Path::new(device), 115_200), expected);
        }
    }
}
