//! Reading one card: connect, UID, version, and leave it as it was.

use crate::reader::card;
use crate::reader::child::Output;
use crate::reader::line::Reason;
use pcsc::{Card, Context, Disposition, Error, Protocols, ShareMode};
use std::ffi::CStr;

/// How often a card that was torn off is tried again while it is there: a hand that moves is no second tap.
const ATTEMPTS_MAX: u32 = 3;
/// How often a card that another program holds is asked for, and how long in between.
const HELD_ATTEMPTS_MAX: u32 = 20;
const HELD_MS: u64 = 50;
/// Longest answer of a card to a short APDU in bytes.
const ANSWER_MAX_BYTES: usize = 258;
/// "Get data": the UID (PC/SC part 3, 3.2.2.1.3).
const GET_UID: [u8; 5] = [0xFF, 0xCA, 0x00, 0x00, 0x00];
/// DESFire's GetVersion and "more, please", wrapped as ISO/IEC 7816-4 has it.
const GET_VERSION: [u8; 5] = [0x90, 0x60, 0x00, 0x00, 0x00];
const MORE: [u8; 5] = [0x90, 0xAF, 0x00, 0x00, 0x00];
/// A version has three parts.
const VERSION_PARTS_MAX: usize = 3;

/// What a card gave.
pub(super) struct Read {
    pub(super) uid: Vec<u8>,
    pub(super) atr: Vec<u8>,
    pub(super) version: Option<Vec<u8>>,
}

/// Why it gave nothing.
pub(super) enum Failure {
    /// It is the card's doing.
    Card(Reason),
    /// The reader is gone.
    Reader,
    /// The daemon is.
    Service(Error),
}

/// Reads the card that lies on the reader.
///
/// `atr` is what the event has told of it; one more question to the daemon would cost a tenth of a tap.
pub(super) fn read(context: &Context, name: &CStr, atr: &[u8], output: &mut Output) -> Result<Read, Failure> {
    let (mut attempts, mut held) = (0, 0);
    loop {
        let failure = match once(context, name, atr) {
            Ok(read) => return Ok(read),
            Err(failure) => failure,
        };
        match failure {
            Failure::Card(Reason::Held) if held < HELD_ATTEMPTS_MAX => {
                held += 1;
                output.pause_ms(HELD_MS);
            }
            Failure::Card(Reason::Torn) if attempts < ATTEMPTS_MAX => attempts += 1,
            Failure::Card(_) | Failure::Reader | Failure::Service(_) => return Err(failure),
        }
    }
}

fn once(context: &Context, name: &CStr, atr: &[u8]) -> Result<Read, Failure> {
    let card = context.connect(name, ShareMode::Shared, Protocols::ANY).map_err(failure)?;
    let read = ask(&card, atr);
    // Dropping it would reset the card, and another program may be reading it.
    let _ = card.disconnect(Disposition::LeaveCard);
    read
}

fn ask(card: &Card, atr: &[u8]) -> Result<Read, Failure> {
    // A card that was mute at first has told nothing by then.
    let atr =
        if atr.is_empty() { card.status2_owned().map_err(failure)?.atr().to_vec() } else { atr.to_vec() };
    let uid = match transmit(card, &GET_UID)? {
        (uid, [0x90, 0x00]) if !uid.is_empty() => uid,
        _ => return Err(Failure::Card(Reason::NoUid)),
    };
    let version = if card::takes_apdus(&atr) { version(card)? } else { None };
    Ok(Read { uid, atr, version })
}

/// The version, if the card answers with one.
fn version(card: &Card) -> Result<Option<Vec<u8>>, Failure> {
    let mut parts: Vec<Vec<u8>> = Vec::new();
    let mut command = GET_VERSION;
    while parts.len() < VERSION_PARTS_MAX {
        let (part, status) = transmit(card, &command)?;
        parts.push(part);
        match status {
            [0x91, 0xAF] => command = MORE,
            [0x91, 0x00] => break,
            _ => return Ok(None),
        }
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    Ok(card::version_of(&parts))
}

/// The answer's data and status word.
fn transmit(card: &Card, apdu: &[u8]) -> Result<(Vec<u8>, [u8; 2]), Failure> {
    let mut buffer = [0; ANSWER_MAX_BYTES];
    let answer = card.transmit(apdu, &mut buffer).map_err(failure)?;
    let (data, status) = answer.split_last_chunk::<2>().ok_or(Failure::Card(Reason::Torn))?;
    Ok((data.to_vec(), *status))
}

fn failure(error: Error) -> Failure {
    match error {
        Error::UnpoweredCard | Error::UnresponsiveCard | Error::UnsupportedCard => {
            Failure::Card(Reason::Mute)
        }
        Error::SharingViolation => Failure::Card(Reason::Held),
        Error::ReaderUnavailable | Error::UnknownReader => Failure::Reader,
        Error::NoService | Error::CommError | Error::ServiceStopped | Error::InvalidHandle => {
            Failure::Service(error)
        }
        // Taken away (NoSmartcard, RemovedCard, NotTransacted), reset by another program, or garbled.
        _ => Failure::Card(Reason::Torn),
    }
}
