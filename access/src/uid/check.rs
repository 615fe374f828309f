//! Whether a UID may be enrolled, with every reason against it.
//!
//! Rules for four bytes: NXP AN10927, "MIFARE product and handling of UIDs". Seven and ten bytes are unique by
//! themselves; their first byte names the maker (ISO/IEC 14443-3).
//!
//! Not here: whether the card is enrolled already, and whether it is a copy. A UID can be copied, and nothing in it
//! shows that.

use super::look_alike::{Alike, LookAlike, look_alike};
use super::{Technology, UID_LENGTHS_BYTES, Uid};
use core::fmt;

/// Most refusals and most warnings in a verdict, each.
pub const FINDINGS_MAX: usize = 8;

/// What the site's readers do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Site {
    /// Whether any sends Wiegand 26, and so three bytes of a UID.
    pub wiegand26: bool,
}

/// Why a card is not enrolled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The reader sent no bytes.
    Empty,
    /// No UID has this many bytes.
    Length {
        /// How many were sent.
        bytes: usize,
    },
    /// Every byte is zero.
    AllZero,
    /// Four bytes, the first `08`: made anew at each tap.
    Random,
    /// Four bytes, the first `88`: the cascade tag, so the reader gave up after the first part of a longer UID.
    CascadeTag,
    /// Four bytes, the first `F8`: reserved.
    Reserved,
    /// It is all the same as another card's UID to a reader that reverses bytes.
    LooksLike(Uid, LookAlike),
}

/// What one should know of a card that is enrolled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Warning {
    /// Four bytes are not promised to be unique: numbers are used again.
    Reused,
    /// Four bytes, the first `xF`: fixed, and known not to be unique.
    NotUnique,
    /// Four bytes, the last `08`: random, if the reader reverses bytes.
    RandomIfReversed,
    /// Four bytes from a card whose UID has seven: the reader has truncated it, or the card made them up.
    TooShortFor(Technology),
    /// Some readers take it for another card.
    LooksLike(Uid, LookAlike),
}

/// What [`check`] found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    /// Why the card is not enrolled; at most [`FINDINGS_MAX`].
    pub refusals: heapless::Vec<Refusal, FINDINGS_MAX>,
    /// What one should know; at most [`FINDINGS_MAX`].
    pub warnings: heapless::Vec<Warning, FINDINGS_MAX>,
    /// Look-alikes found beyond those that are listed.
    pub unlisted_look_alikes: usize,
}

impl Verdict {
    /// Whether the card may be enrolled. What is refused is never left unlisted without another refusal.
    pub fn may_enroll(&self) -> bool {
        self.refusals.is_empty()
    }

    fn refuse(&mut self, refusal: Refusal) {
        if self.refusals.push(refusal).is_err() {
            self.unlisted_look_alikes += 1;
        }
    }

    fn warn(&mut self, warning: Warning) {
        if self.warnings.push(warning).is_err() {
            self.unlisted_look_alikes += 1;
        }
    }
}

/// Judges what a reader sent, beside the UIDs that are `known` already. Those with the same bytes are passed over.
pub fn check<'a>(
    bytes: &[u8],
    technology: Technology,
    site: Site,
    known: impl IntoIterator<Item = &'a Uid>,
) -> Verdict {
    let mut verdict = Verdict::default();
    let Some(uid) = Uid::new(bytes, technology) else {
        verdict.refuse(match bytes.len() {
            0 => Refusal::Empty,
            bytes => Refusal::Length { bytes },
        });
        return verdict;
    };
    if bytes.iter().all(|byte| *byte == 0) {
        verdict.refuse(Refusal::AllZero);
    }
    if let [first, .., last] = *bytes
        && bytes.len() == UID_LENGTHS_BYTES[0]
    {
        four_bytes(first, last, technology, &mut verdict);
    }
    for other in known {
        let Some(found) = look_alike(&uid, other) else { continue };
        match found.alike {
            Alike::Whole => verdict.refuse(Refusal::LooksLike(other.clone(), found)),
            Alike::FourBytes => verdict.warn(Warning::LooksLike(other.clone(), found)),
            Alike::ThreeBytes if site.wiegand26 => verdict.warn(Warning::LooksLike(other.clone(), found)),
            Alike::ThreeBytes => {}
        }
    }
    verdict
}

fn four_bytes(first: u8, last: u8, technology: Technology, verdict: &mut Verdict) {
    match first {
        0x08 => verdict.refuse(Refusal::Random),
        0x88 => verdict.refuse(Refusal::CascadeTag),
        0xF8 => verdict.refuse(Refusal::Reserved),
        _ if first & 0x0F == 0x0F => verdict.warn(Warning::NotUnique),
        _ => verdict.warn(Warning::Reused),
    }
    if last == 0x08 && first != 0x08 {
        verdict.warn(Warning::RandomIfReversed);
    }
    if matches!(technology, Technology::Ultralight | Technology::Desfire) && verdict.may_enroll() {
        verdict.warn(Warning::TooShortFor(technology));
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Empty => f.write_str("the reader sent no UID; tap the card again"),
            Refusal::Length { bytes } => {
                write!(f, "the reader sent {bytes} bytes, and a UID has 4, 7 or 10; check the reader's settings")
            }
            Refusal::AllZero => f.write_str("the UID is all zeros, which is no card's; check the reader"),
            Refusal::Random => f.write_str(
                "a UID of 4 bytes that begins with 08 is random and another at each tap; switch random IDs off \
                 on the card, or enroll it by an identifier that is stored on it",
            ),
            Refusal::CascadeTag => f.write_str(
                "a UID of 4 bytes that begins with 88 is the first part of a longer one; set the reader to send \
                 the whole UID",
            ),
            Refusal::Reserved => {
                f.write_str("a UID of 4 bytes that begins with F8 is reserved and no card's; take another card")
            }
            Refusal::LooksLike(other, found) => {
                write!(f, "the card {other} gives the same number ({} for it, ", found.second)?;
                write!(f, "{} for this one); give out one of the two only", found.first)
            }
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::Reused => f.write_str("a UID of 4 bytes may be used again for another card"),
            Warning::NotUnique => {
                f.write_str("a UID of 4 bytes whose first ends in F is fixed but not unique: others may have it")
            }
            Warning::RandomIfReversed => f.write_str(
                "the UID ends with 08: if the reader sends its bytes reversed it is random; tap the card again \
                 and compare",
            ),
            Warning::TooShortFor(technology) => {
                write!(f, "{} has a UID of 7 bytes and the reader sent 4: ", technology.as_str())?;
                f.write_str("check that it does not truncate them")
            }
            Warning::LooksLike(other, found) => {
                write!(f, "some readers take it for the card {other} ({} for this one, ", found.first)?;
                write!(f, "{} for that one)", found.second)
            }
        }
    }
}
