//! Which UIDs can name a card at all, and what is to be known of those that can.
//!
//! A UID is not a secret and can be copied; none of this proves that a card is the one it was.
//!
//! Not here: how two UIDs can be taken for each other ([`likeness`](super::likeness)).

use super::RawId;
use core::fmt;

/// Why a card cannot be enrolled by these bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// ISO/IEC 14443-3 knows UIDs of 4, 7 and 10 bytes.
    Length(usize),
    /// All bytes are zero: a reader's way to say that it has read nothing.
    AllZero,
    /// 4 bytes that begin with `08`: drawn anew each time the card is powered (NXP AN10927).
    Random,
    /// 4 bytes that begin with the cascade tag `88`: the beginning of a longer UID that the reader has cut
    /// (ISO/IEC 14443-3).
    CascadeTag,
    /// 4 bytes that begin with `F8`: reserved (NXP AN10927).
    Reserved,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Length(bytes) => {
                write!(f, "{bytes} bytes are no UID, which has 4, 7 or 10; correct what the reader sends")
            }
            Refusal::AllZero => write!(f, "a UID of zeros alone: the reader has read nothing"),
            Refusal::Random => write!(
                f,
                "a random UID (08...): the card shows another one each time, so it cannot be enrolled by it"
            ),
            Refusal::CascadeTag => {
                write!(
                    f,
                    "a cut UID (88...): the reader sends the beginning of a longer one; correct its settings"
                )
            }
            Refusal::Reserved => write!(f, "a reserved UID (F8...): no card of today has one"),
        }
    }
}

/// What is to be known of a card that can be enrolled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Warning {
    /// 4 bytes: makers have used each of them more than once (NXP AN10927).
    Reused,
    /// 4 bytes whose first one ends in `F`: fixed, and given to many cards (NXP AN10927).
    NotUnique,
    /// 4 bytes that end in `08`: a random UID, if this reader sends the last byte first.
    PerhapsReversed,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Warning::Reused => "a UID of 4 bytes: another card may have the same",
            Warning::NotUnique => "a UID that is fixed and not unique (xF...): other cards have the same",
            Warning::PerhapsReversed => {
                "it ends in 08: if this reader sends the last byte first, the UID is random and another one each time"
            }
        })
    }
}

/// Judges the bytes of a card.
///
/// # Errors
/// Why it cannot be enrolled by them.
pub fn check(uid: &RawId) -> Result<heapless::Vec<Warning, 3>, Refusal> {
    let bytes = uid.as_bytes();
    if bytes.iter().all(|byte| *byte == 0) {
        return Err(Refusal::AllZero);
    }
    let &[first, _, _, last] = bytes else {
        return if matches!(bytes.len(), 7 | 10) {
            Ok(heapless::Vec::new())
        } else {
            Err(Refusal::Length(bytes.len()))
        };
    };
    match first {
        0x08 => return Err(Refusal::Random),
        0x88 => return Err(Refusal::CascadeTag),
        0xF8 => return Err(Refusal::Reserved),
        _ => {}
    }
    let found = [
        (first & 0x0F == 0x0F, Warning::NotUnique),
        (first & 0x0F != 0x0F, Warning::Reused),
        (last == 0x08, Warning::PerhapsReversed),
    ];
    Ok(found.into_iter().filter(|(is_so, _)| *is_so).map(|(_, warning)| warning).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn judged(hex: &str) -> Result<heapless::Vec<Warning, 3>, Refusal> {
        check(&RawId::from_hex(hex).expect("hex"))
    }

    #[test]
    fn what_names_no_card_is_refused_with_the_reason() {
        for (hex, refusal) in [
            ("08A1B2C3", Refusal::Random),
            ("88042233", Refusal::CascadeTag),
            ("F8A1B2C3", Refusal::Reserved),
            ("00000000", Refusal::AllZero),
            ("00000000000000", Refusal::AllZero),
            ("A1", Refusal::Length(1)),
            ("A1B2C3", Refusal::Length(3)),
            ("A1B2C3D4E5", Refusal::Length(5)),
            ("A1B2C3D4E5F6A7B8", Refusal::Length(8)),
        ] {
            assert_eq!(judged(hex), Err(refusal), "{hex}");
        }
    }

    #[test]
    fn what_names_one_is_taken_with_what_is_to_be_known() {
        for (hex, warnings) in [
            ("A4B1C2D3", &[Warning::Reused][..]),
            ("1FB1C2D3", &[Warning::NotUnique]),
            ("A4B1C208", &[Warning::Reused, Warning::PerhapsReversed]),
            ("000000A1", &[Warning::Reused]),
            ("04223344556677", &[]),
            // Only a UID of 4 bytes is random, cut or reserved by its first one.
            ("08223344556677", &[]),
            ("04010203040506070809", &[]),
        ] {
            assert_eq!(judged(hex).as_deref(), Ok(warnings), "{hex}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_and_only_three_lengths_are_taken(
            bytes in proptest::collection::vec(any::<u8>(), 1..=crate::uid::IDENTIFIER_MAX_BYTES),
        ) {
            let verdict = check(&RawId::from_bytes(&bytes).expect("bytes"));
            prop_assert!(verdict.is_err() || matches!(bytes.len(), 4 | 7 | 10));
            prop_assert_eq!(verdict.is_ok_and(|warnings| warnings.is_empty()),
                matches!(bytes.len(), 7 | 10) && bytes.iter().any(|byte| *byte != 0));
        }
    }
}
