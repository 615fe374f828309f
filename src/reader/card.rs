//! What a card says of itself: ATR, SAK and ATQA, ATS, GetVersion, or the bits that a reader makes of it. Pure parsers of
//! foreign bytes.
//!
//! SAK and ATQA can be set by whoever personalises a DESFire EV3 or a Plus EV2, so they are only a hint (NXP AN10833);
//! what GetVersion answers wins.
//!
//! Not here: what a UID is worth (`access`), asking the card (the drivers).

use access::uid::RawId;
use serde::{Deserialize, Serialize};

/// Longest ATR in bytes (ISO/IEC 7816-3, 8.2).
pub const ATR_MAX_BYTES: usize = 33;
/// Longest ATS in bytes, its length byte included (ISO/IEC 14443-4, 5.2): TL 255 is reserved.
pub const ATS_MAX_BYTES: usize = 254;
/// A whole answer to DESFire's GetVersion in bytes: hardware 7, software 7, production 14.
pub const VERSION_MAX_BYTES: usize = 28;

/// What kind of card it is, as far as it can be told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "names of products")]
pub enum Technology {
    MifareClassicMini,
    #[serde(rename = "mifare-classic-1k")]
    MifareClassic1k,
    #[serde(rename = "mifare-classic-4k")]
    MifareClassic4k,
    /// Ultralight, or NTAG where only GetVersion would tell.
    MifareUltralight,
    Ntag,
    MifarePlus,
    MifareDesfire,
    MifareDesfireLight,
    /// ISO/IEC 14443-4 of an unknown make: a payment card, a telephone, a passport.
    IsoDep,
    /// ISO/IEC 14443-3 A of an unknown make.
    #[serde(rename = "iso-14443-a")]
    Iso14443a,
    /// ISO/IEC 14443-3 B.
    #[serde(rename = "iso-14443-b")]
    Iso14443b,
    /// ISO/IEC 15693.
    #[serde(rename = "iso-15693")]
    Iso15693,
    Felica,
    /// The reader gives bits as of a Wiegand line, and not what card it was.
    Wiegand,
    Unknown,
}

impl Technology {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Technology::MifareClassicMini => "mifare-classic-mini",
            Technology::MifareClassic1k => "mifare-classic-1k",
            Technology::MifareClassic4k => "mifare-classic-4k",
            Technology::MifareUltralight => "mifare-ultralight",
            Technology::Ntag => "ntag",
            Technology::MifarePlus => "mifare-plus",
            Technology::MifareDesfire => "mifare-desfire",
            Technology::MifareDesfireLight => "mifare-desfire-light",
            Technology::IsoDep => "iso-dep",
            Technology::Iso14443a => "iso-14443-a",
            Technology::Iso14443b => "iso-14443-b",
            Technology::Iso15693 => "iso-15693",
            Technology::Felica => "felica",
            Technology::Wiegand => "wiegand",
            Technology::Unknown => "unknown",
        }
    }
}

/// What was learnt of a card; each driver learns some of it.
#[derive(Clone, Copy, Default, Debug)]
pub struct Facts<'a> {
    /// The answer to reset, as PC/SC makes it up for a contactless card.
    pub atr: Option<&'a [u8]>,
    /// Select acknowledge and answer to request.
    pub sak_atqa: Option<(u8, [u8; 2])>,
    /// The answer to GetVersion.
    pub version: Option<&'a [u8]>,
}

/// The kind of card that `facts` speak of: GetVersion first, then what the reader says, then SAK.
pub fn technology(facts: &Facts<'_>) -> Technology {
    let by_version = facts.version.and_then(by_version);
    let by_atr = || facts.atr.and_then(by_atr);
    let by_sak = || facts.sak_atqa.map(|(sak, atqa)| by_sak(sak, atqa));
    by_version.or_else(by_atr).or_else(by_sak).unwrap_or(Technology::Unknown)
}

/// The kind by the hardware part of GetVersion: vendor 04 is NXP, the low half of the next byte is the family, whose
/// upper half says on what silicon it runs (NXP's data sheets of the families, "GetVersion").
fn by_version(version: &[u8]) -> Option<Technology> {
    // Ultralight EV1 and NTAG put a fixed 00 before it, and answer with eight bytes in all.
    let hardware = if version.len() == 8 { version.get(1..)? } else { version };
    let [0x04, family, ..] = hardware else { return None };
    match family & 0x0F {
        0x1 => Some(Technology::MifareDesfire),
        0x2 => Some(Technology::MifarePlus),
        0x3 => Some(Technology::MifareUltralight),
        0x4 => Some(Technology::Ntag),
        0x8 => Some(Technology::MifareDesfireLight),
        _ => None,
    }
}

/// The kind by SAK and ATQA (ATQA in the order of transmission reversed, as it is commonly printed): a hint.
fn by_sak(sak: u8, atqa: [u8; 2]) -> Technology {
    match sak {
        0x00 if atqa == [0x00, 0x44] => Technology::MifareUltralight,
        0x09 => Technology::MifareClassicMini,
        0x08 | 0x88 => Technology::MifareClassic1k,
        0x18 => Technology::MifareClassic4k,
        0x10 | 0x11 => Technology::MifarePlus,
        // Bit 6: ISO/IEC 14443-4. With this ATQA usually a DESFire, and so is what copies one; GetVersion would say.
        _ if sak & 0x20 != 0 => Technology::IsoDep,
        _ => Technology::Iso14443a,
    }
}

/// The kind by an ATR in the form that PC/SC part 3, 3.1.3.2.3 prescribes.
fn by_atr(atr: &[u8]) -> Option<Technology> {
    let historical = historical_bytes(atr)?;
    // 80: compact TLV; 4F: application identifier; A0 00 00 03 06: the PC/SC workgroup.
    let [0x80, 0x4F, _, 0xA0, 0x00, 0x00, 0x03, 0x06, standard, name @ ..] = historical else {
        return Some(Technology::IsoDep);
    };
    let name = name.get(..2).map_or(0, |name| u16::from(name[0]) << 8 | u16::from(name[1]));
    Some(match (standard, name) {
        (0x03, 0x0001) => Technology::MifareClassic1k,
        (0x03, 0x0002) => Technology::MifareClassic4k,
        (0x03, 0x0003) => Technology::MifareUltralight,
        (0x03, 0x0026) => Technology::MifareClassicMini,
        (0x03, _) => Technology::Iso14443a,
        (0x05..=0x07, _) => Technology::Iso14443b,
        (0x09..=0x0C, _) => Technology::Iso15693,
        (0x11, _) => Technology::Felica,
        _ => Technology::Unknown,
    })
}

/// Whether `atr` tells of a card that takes APDUs itself; for a storage card the reader answers in its place.
pub fn takes_apdus(atr: &[u8]) -> bool {
    by_atr(atr) == Some(Technology::IsoDep)
}

/// The historical bytes of `atr`, if it is well formed (ISO/IEC 7816-3, 8.2): lengths fit, and the check byte, where
/// there must be one, is right.
pub fn historical_bytes(atr: &[u8]) -> Option<&[u8]> {
    if atr.len() > ATR_MAX_BYTES || !matches!(atr.first(), Some(0x3B | 0x3F)) {
        return None;
    }
    let format = *atr.get(1)?;
    let count = usize::from(format & 0x0F);
    let (mut at, mut present, mut has_check) = (2, format >> 4, false);
    loop {
        let interface_bytes = present.count_ones() as usize;
        if present & 0b1000 == 0 {
            at += interface_bytes;
            break;
        }
        // TDi is the last of its group: protocol, and which bytes come next.
        at += interface_bytes;
        let next = *atr.get(at - 1)?;
        has_check |= next & 0x0F != 0;
        present = next >> 4;
    }
    let historical = atr.get(at..at + count)?;
    let rest = &atr[at + count..];
    let checked = atr[1..].iter().fold(0, |sum, byte| sum ^ byte) == 0;
    let is_whole = if has_check { rest.len() == 1 && checked } else { rest.is_empty() };
    is_whole.then_some(historical)
}

/// Whether `ats`, its length byte first, is well formed (ISO/IEC 14443-4, 5.2): its length is as it says, and what its
/// format byte announces is there.
pub fn is_ats(ats: &[u8]) -> bool {
    let Some((&length, rest)) = ats.split_first() else { return false };
    if usize::from(length) != ats.len() || ats.len() > ATS_MAX_BYTES {
        return false;
    }
    let announced = rest.first().map_or(0, |format| ((format >> 4) & 0b0111).count_ones() as usize);
    rest.is_empty() || rest.len() > announced
}

/// The answer to GetVersion from its parts, if it is one that is known: DESFire's three parts, or a single one.
pub fn version_of(parts: &[&[u8]]) -> Option<Vec<u8>> {
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    matches!(lengths[..], [7, 7, 14] | [8]).then(|| parts.concat())
}

/// The identifier of a reader on a bus, which gives `bits` and the bytes that hold them: what is beyond the bits is cleared.
/// None if there are no bits, more than the bytes hold, or more than an identifier may have.
pub fn identifier(bits: usize, data: &[u8]) -> Option<(RawId, u16)> {
    let mut bytes = data.get(..bits.div_ceil(8))?.to_vec();
    let over = bytes.len() * 8 - bits;
    if let Some(last) = bytes.last_mut() {
        *last &= u8::MAX << over;
    }
    Some((RawId::from_bytes(&bytes).ok()?, u16::try_from(bits).ok()?))
}

#[cfg(test)]
mod tests;
