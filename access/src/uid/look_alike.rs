//! Two cards that some reader or PACS would take for one.
//!
//! Readers differ in which end of a UID comes first, and some drop bytes of a long one. So two UIDs look alike when
//! any reading of the one is a reading of the other. Numbers are compared, not texts: zeros in front are lost.
//!
//! Not here: two cards of the same bytes; those are one card, or a copy of it.

use super::Uid;
use super::form::{Form, Order, Part, Writing};
use crate::card::Layout;

/// How much of two UIDs is alike; the gravest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Alike {
    /// All of both: one is the other reversed, or differs in zeros at an end.
    Whole,
    /// Four bytes: a reader that sends no more than 32 bits takes them for one.
    FourBytes,
    /// Three bytes: so does Wiegand 26.
    ThreeBytes,
}

impl Alike {
    /// All of them.
    pub const ALL: [Alike; 3] = [Alike::Whole, Alike::FourBytes, Alike::ThreeBytes];

    /// The parts of a UID of `length` bytes that are read so.
    const fn parts(self, length: usize) -> &'static [Part] {
        match self {
            Alike::FourBytes if length > 4 => &[Part::First4, Part::Last4],
            Alike::Whole | Alike::FourBytes => &[Part::Whole],
            Alike::ThreeBytes => &[Part::First3, Part::Last3],
        }
    }

    const fn writing(self) -> Writing {
        match self {
            Alike::Whole | Alike::FourBytes => Writing::Decimal,
            Alike::ThreeBytes => Writing::Wiegand { layout: Layout::Bits26, separator: Some('-') },
        }
    }
}

/// What two UIDs share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LookAlike {
    /// How much.
    pub alike: Alike,
    /// The form in which the first one gives the number.
    pub first: Form,
    /// The form in which the second one gives the same number.
    pub second: Form,
}

impl LookAlike {
    /// The same, seen from the other UID.
    pub const fn swapped(self) -> LookAlike {
        LookAlike { alike: self.alike, first: self.second, second: self.first }
    }
}

/// What `a` and `b` share at worst; `None` for the same bytes, and where no reader takes one for the other.
pub fn look_alike(a: &Uid, b: &Uid) -> Option<LookAlike> {
    if a.as_bytes() == b.as_bytes() {
        return None;
    }
    // Of several ways the same one is named from either side.
    if b.as_bytes() < a.as_bytes() {
        return look_alike(b, a).map(LookAlike::swapped);
    }
    Alike::ALL.into_iter().find_map(|alike| {
        readings(a, alike).find_map(|(first, number)| {
            let (second, _) = readings(b, alike).find(|(_, other)| *other == number)?;
            Some(LookAlike { alike, first, second })
        })
    })
}

/// Each reading of `uid` with its number.
fn readings(uid: &Uid, alike: Alike) -> impl Iterator<Item = (Form, u128)> {
    let bytes = uid.as_bytes();
    alike.parts(bytes.len()).iter().flat_map(move |part| {
        Order::ALL.into_iter().filter_map(move |order| {
            let bytes = part.of(bytes)?;
            let add = |sum: u128, byte: &u8| sum << 8 | u128::from(*byte);
            let number = match order {
                Order::AsSent => bytes.iter().fold(0, add),
                Order::Reversed => bytes.iter().rev().fold(0, add),
            };
            Some((Form { part: *part, order, writing: alike.writing() }, number))
        })
    })
}
