//! The ways in which readers and PACS write a UID: which of its bytes, in which order, and how.
//!
//! Numbers are those of [`crate::card`]. What is more here is what happens before the PACS: readers that turn the
//! bytes round and readers that drop some.
//!
//! Not here: formats that change bits within a byte, parity, and numbers that a maker printed by another rule.

use super::{RawId, Technology, UID_LENGTHS_BYTES, UID_MAX_BYTES, Uid};
use crate::card::{self, CardNumberFormat, LINEAR_MAX_DIGITS, Layout, SEPARATORS, Wiegand};
use core::fmt;

/// Longest rendering in characters: a linear number; ten bytes with separators have 29.
pub const RENDERED_MAX_CHARS: usize = LINEAR_MAX_DIGITS as usize;
/// Most forms that [`Uid::matching`] lists.
pub const MATCHES_MAX: usize = 24;
/// What may stand between the bytes of a hexadecimal rendering.
pub const HEX_SEPARATORS: [char; 4] = [':', '-', '.', ' '];

/// A rendering.
pub type Rendered = heapless::String<RENDERED_MAX_CHARS>;

/// Which bytes of the UID are left, counted as the card sends them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Part {
    /// All.
    Whole,
    /// The first four of a longer UID.
    First4,
    /// The last four of a longer UID.
    Last4,
    /// The first three: what fits Wiegand 26.
    First3,
    /// The last three.
    Last3,
}

impl Part {
    /// All of them.
    pub const ALL: [Part; 5] = [Part::Whole, Part::First4, Part::Last4, Part::First3, Part::Last3];

    /// These bytes of `bytes`; `None` where that would be all of them, or more.
    pub fn of(self, bytes: &[u8]) -> Option<&[u8]> {
        let (first, count) = match self {
            Part::Whole => return Some(bytes),
            Part::First4 => (true, 4),
            Part::Last4 => (false, 4),
            Part::First3 => (true, 3),
            Part::Last3 => (false, 3),
        };
        let spare = bytes.len().checked_sub(count).filter(|spare| *spare > 0)?;
        Some(if first { &bytes[..count] } else { &bytes[spare..] })
    }

    const fn as_str(self) -> &'static str {
        match self {
            Part::Whole => "all bytes",
            Part::First4 => "the first 4 bytes",
            Part::Last4 => "the last 4 bytes",
            Part::First3 => "the first 3 bytes",
            Part::Last3 => "the last 3 bytes",
        }
    }
}

/// Which of the bytes comes first, and so is the most significant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Order {
    /// The one that the card sends first.
    AsSent,
    /// The one that it sends last.
    Reversed,
}

impl Order {
    /// Both.
    pub const ALL: [Order; 2] = [Order::AsSent, Order::Reversed];
}

/// How the bytes become text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Writing {
    /// Hexadecimal, two upper-case digits a byte, with nothing between the bytes or one of [`HEX_SEPARATORS`].
    Hex {
        /// What stands between the bytes.
        separator: Option<char>,
    },
    /// One number, decimal, without leading zeros.
    Decimal,
    /// As `Decimal`, filled with zeros to this many digits.
    Linear {
        /// Digits, 1 to [`LINEAR_MAX_DIGITS`].
        digits: u8,
    },
    /// Facility and number, with nothing between them or one of [`SEPARATORS`]. Of 3 bytes in Wiegand 26 and of 4 in
    /// Wiegand 34; the two of 37 bits keep the low 35 of a longer UID.
    Wiegand {
        /// The fields.
        layout: Layout,
        /// What stands between them.
        separator: Option<char>,
    },
}

/// One way to write a UID.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Form {
    /// Which bytes are left.
    pub part: Part,
    /// Their order.
    pub order: Order,
    /// How they are written.
    pub writing: Writing,
}

/// Why a text is no UID.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotUid {
    /// The form has dropped some of the UID, so that many cards have this text.
    Incomplete,
    /// No UID of this length is written so.
    NotThisForm,
}

impl NotUid {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            NotUid::Incomplete => {
                "this form leaves out some of the UID, so many cards share it; tap the card"
            }
            NotUid::NotThisForm => "no UID of this length is written so; check the digits and the form",
        }
    }
}

impl Form {
    /// Whether a UID of `length` bytes can be had back from this form.
    pub fn is_lossless(self, length: usize) -> bool {
        let kept = match self.writing {
            Writing::Hex { .. } | Writing::Decimal | Writing::Linear { .. } => true,
            Writing::Wiegand { layout: Layout::Bits34, .. } => length == 4,
            Writing::Wiegand { layout: Layout::Bits26 | Layout::Bits37 | Layout::Bits37Plain, .. } => false,
        };
        self.part == Part::Whole && kept
    }

    /// Writes `uid` in this form.
    ///
    /// # Errors
    /// A sentence saying why this UID is not written so.
    pub fn render(self, uid: &Uid) -> Result<Rendered, &'static str> {
        let bytes =
            self.part.of(uid.as_bytes()).ok_or("the UID has no more bytes than this form leaves of it")?;
        let bytes = self.ordered(bytes);
        let id = RawId::from_bytes(&bytes)?;
        let mut out = Rendered::new();
        let format = match self.writing {
            Writing::Hex { separator: Some(separator) } => {
                if !HEX_SEPARATORS.contains(&separator) {
                    return Err("bytes are not separated so; take one of : - . and the space");
                }
                return spaced(&bytes, separator, &mut out).map(|()| out).map_err(|fmt::Error| "too long");
            }
            Writing::Hex { separator: None } => CardNumberFormat::Hex,
            Writing::Decimal => CardNumberFormat::Decimal,
            Writing::Linear { digits } => CardNumberFormat::Linear { digits },
            Writing::Wiegand { layout, separator } => {
                let cut = matches!(layout, Layout::Bits37 | Layout::Bits37Plain);
                if separator.is_some_and(|separator| !SEPARATORS.contains(&separator)) {
                    return Err(
                        "facility and number are not separated so; take one of - : , . / and the space",
                    );
                }
                CardNumberFormat::Wiegand(Wiegand { layout, facility: None, separator, cut })
            }
        };
        card::write(format, &id, &mut out).map(|()| out)
    }

    /// The UID of `length` bytes that is written `text` in this form. Hexadecimal digits may be lower-case;
    /// otherwise only what [`Form::render`] writes is read.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn parse(self, text: &str, length: usize, technology: Technology) -> Result<Uid, NotUid> {
        if !UID_LENGTHS_BYTES.contains(&length) {
            return Err(NotUid::NotThisForm);
        }
        if !self.is_lossless(length) {
            return Err(NotUid::Incomplete);
        }
        let value = match self.writing {
            Writing::Hex { separator } => hex(text, separator),
            Writing::Decimal | Writing::Linear { .. } => decimal(text),
            Writing::Wiegand { separator, .. } => fields(text, separator),
        };
        let value = value.ok_or(NotUid::NotThisForm)?.to_be_bytes();
        let bytes = self.ordered(&value[value.len() - length..]);
        let uid = Uid::new(&bytes, technology).ok_or(NotUid::NotThisForm)?;
        // What was too large, filled up otherwise or separated elsewhere does not come out again.
        let same = self.render(&uid).is_ok_and(|again| again.eq_ignore_ascii_case(text));
        if same { Ok(uid) } else { Err(NotUid::NotThisForm) }
    }

    fn ordered(self, bytes: &[u8]) -> heapless::Vec<u8, UID_MAX_BYTES> {
        let mut ordered: heapless::Vec<u8, UID_MAX_BYTES> = bytes.iter().copied().collect();
        if self.order == Order::Reversed {
            ordered.reverse();
        }
        ordered
    }
}

fn spaced(bytes: &[u8], separator: char, out: &mut dyn fmt::Write) -> fmt::Result {
    for (at, byte) in bytes.iter().enumerate() {
        if at > 0 {
            out.write_char(separator)?;
        }
        write!(out, "{byte:02X}")?;
    }
    Ok(())
}

fn hex(text: &str, separator: Option<char>) -> Option<u128> {
    let mut digits = text.chars().filter(|c| Some(*c) != separator);
    digits.try_fold(0_u128, |sum, c| Some(sum.checked_mul(16)? | u128::from(c.to_digit(16)?)))
}

fn decimal(text: &str) -> Option<u128> {
    text.chars().try_fold(0_u128, |sum, c| sum.checked_mul(10)?.checked_add(u128::from(c.to_digit(10)?)))
}

/// Facility and number of Wiegand 34, as the four bytes they are.
fn fields(text: &str, separator: Option<char>) -> Option<u128> {
    let (facility, number) = match separator {
        Some(separator) => text.split_once(separator)?,
        None => text.split_at_checked(text.len().checked_sub(Layout::Bits34.number_digits())?)?,
    };
    let field = |text| u16::try_from(decimal(text)?).ok();
    Some(u128::from(field(facility)?) << 16 | u128::from(field(number)?))
}

/// Every form that does not depend on a number of digits.
pub fn forms() -> impl Iterator<Item = Form> {
    parts().flat_map(|(part, order)| writings().map(move |writing| Form { part, order, writing }))
}

fn parts() -> impl Iterator<Item = (Part, Order)> {
    Part::ALL.into_iter().flat_map(|part| Order::ALL.into_iter().map(move |order| (part, order)))
}

fn writings() -> impl Iterator<Item = Writing> {
    let hex = HEX_SEPARATORS.into_iter().map(Some);
    let wiegand = Layout::ALL.into_iter().flat_map(|layout| {
        // Without a facility nothing is separated.
        let apart = SEPARATORS.into_iter().map(Some).filter(move |_| layout.facility_max().is_some());
        core::iter::once(None).chain(apart).map(move |separator| Writing::Wiegand { layout, separator })
    });
    core::iter::once(None)
        .chain(hex)
        .map(|separator| Writing::Hex { separator })
        .chain(core::iter::once(Writing::Decimal))
        .chain(wiegand)
}

impl Uid {
    /// The forms in which this UID is written as it stands on the card, at most [`MATCHES_MAX`]. Of two forms that
    /// cannot differ for this UID the simpler one is named. Zeros in front of a decimal number are taken for the
    /// length of a linear one.
    pub fn matching(&self, printed: &str) -> heapless::Vec<Form, MATCHES_MAX> {
        let printed = printed.trim();
        let linear =
            u8::try_from(printed.len()).ok().filter(|_| printed.len() > 1 && printed.starts_with('0'));
        let linear = linear.map(|digits| Writing::Linear { digits });
        parts()
            .filter(|(part, order)| self.differs(*part, *order))
            .flat_map(|(part, order)| {
                writings().chain(linear).map(move |writing| Form { part, order, writing })
            })
            .filter(|form| form.render(self).is_ok_and(|own| own.eq_ignore_ascii_case(printed)))
            .take(MATCHES_MAX)
            .collect()
    }

    /// Whether this part in this order is not that of an earlier one.
    fn differs(&self, part: Part, order: Order) -> bool {
        let Some(bytes) = part.of(self.as_bytes()) else { return false };
        let own = Form { part, order, writing: Writing::Decimal }.ordered(bytes);
        parts().take_while(|earlier| *earlier != (part, order)).all(|(part, order)| {
            let form = Form { part, order, writing: Writing::Decimal };
            part.of(self.as_bytes()).is_none_or(|bytes| form.ordered(bytes) != own)
        })
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.writing {
            Writing::Hex { separator: None } => f.write_str("hex")?,
            Writing::Hex { separator: Some(separator) } => write!(f, "hex with '{separator}'")?,
            Writing::Decimal => f.write_str("decimal")?,
            Writing::Linear { digits } => write!(f, "linear of {digits} digits")?,
            Writing::Wiegand { layout, separator } => {
                f.write_str(match layout {
                    Layout::Bits26 => "Wiegand 26",
                    Layout::Bits34 => "Wiegand 34",
                    Layout::Bits37 => "Wiegand 37",
                    Layout::Bits37Plain => "Wiegand 37 without facility",
                })?;
                if let Some(separator) = separator {
                    write!(f, " with '{separator}'")?;
                }
            }
        }
        write!(f, ", {}", self.part.as_str())?;
        if self.order == Order::Reversed { f.write_str(", reversed") } else { Ok(()) }
    }
}
