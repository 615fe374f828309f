//! Facility and number, as the Wiegand card formats have them.
//!
//! The identifier's bytes are the fields themselves, facility first, most significant bit first, and nothing
//! else: no parity bits, no filling but the zeros that complete the first byte. That is what a credential stores
//! that was encoded with such a number. A UID is something else; see [`Wiegand::cut`].
//!
//! Not here: parity, which only the wire between reader and controller has.

use crate::uid::RawId;
use core::fmt;

/// What may stand between facility and number.
pub const SEPARATORS: [char; 6] = ['-', ':', ',', '.', '/', ' '];

/// Which bits of a format are facility and number. Widths as published for the formats of HID: H10301, H10306,
/// H10304 and H10302.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Layout {
    /// 26 bits on the wire (H10301): 8 of facility, 16 of number.
    Bits26,
    /// 34 bits on the wire (H10306): 16 of facility, 16 of number.
    Bits34,
    /// 37 bits on the wire (H10304): 16 of facility, 19 of number.
    Bits37,
    /// 37 bits on the wire (H10302): no facility, 35 of number.
    Bits37Plain,
}

impl Layout {
    /// All of them.
    pub const ALL: [Layout; 4] = [Layout::Bits26, Layout::Bits34, Layout::Bits37, Layout::Bits37Plain];

    const fn facility_bits(self) -> u32 {
        match self {
            Layout::Bits26 => 8,
            Layout::Bits34 | Layout::Bits37 => 16,
            Layout::Bits37Plain => 0,
        }
    }

    const fn number_bits(self) -> u32 {
        match self {
            Layout::Bits26 | Layout::Bits34 => 16,
            Layout::Bits37 => 19,
            Layout::Bits37Plain => 35,
        }
    }

    /// Digits of the largest number.
    pub(crate) const fn number_digits(self) -> usize {
        match self {
            Layout::Bits26 | Layout::Bits34 => 5,
            Layout::Bits37 => 6,
            Layout::Bits37Plain => 11,
        }
    }

    /// The largest facility; `None` where the format has no such field.
    pub const fn facility_max(self) -> Option<u16> {
        match self {
            Layout::Bits26 => Some(0xFF),
            Layout::Bits34 | Layout::Bits37 => Some(0xFFFF),
            Layout::Bits37Plain => None,
        }
    }
}

/// How facility and number become one text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Wiegand {
    /// The fields.
    pub layout: Layout,
    /// The facility of all cards. Then the identifier holds the number alone; otherwise it holds both.
    pub facility: Option<u16>,
    /// What stands between the two. Without it the number is filled with zeros to the digits of the largest one,
    /// since `1` and `23` must not read as `12` and `3`.
    pub separator: Option<char>,
    /// Of an identifier that is too long, take the low bits, as a reader does that sends a UID in this format.
    /// Two cards may then share a number, so this is only for those who have said so.
    pub cut: bool,
}

impl Wiegand {
    /// The inner result is that of `out`.
    ///
    /// # Errors
    /// A sentence saying why this identifier has no number in this format.
    pub(super) fn write(self, id: &RawId, out: &mut dyn fmt::Write) -> Result<fmt::Result, &'static str> {
        let Wiegand { layout, facility, separator, .. } = self;
        if facility.is_some_and(|facility| layout.facility_max().is_none_or(|max| facility > max)) {
            return Err("the format has no such facility; correct card_number_facility");
        }
        let facility_bits = if facility.is_some() { 0 } else { layout.facility_bits() };
        let fields = self.fields(id, facility_bits + layout.number_bits())?;
        let number = low_bits(fields, layout.number_bits());
        let facility = match (facility, facility_bits) {
            (Some(facility), _) => Some(u64::from(facility)),
            (None, 0) => None,
            (None, _) => Some(fields >> layout.number_bits()),
        };
        Ok(match (facility, separator) {
            (None, _) => write!(out, "{number}"),
            (Some(facility), Some(separator)) => write!(out, "{facility}{separator}{number}"),
            (Some(facility), None) => {
                write!(out, "{facility}{number:0width$}", width = layout.number_digits())
            }
        })
    }

    /// The identifier as a number of `bits`.
    fn fields(self, id: &RawId, bits: u32) -> Result<u64, &'static str> {
        let bytes = id.as_bytes();
        let wanted = bits.div_ceil(8) as usize;
        let Some(spare) = bytes.len().checked_sub(wanted) else {
            return Err("the identifier is shorter than the fields of this Wiegand format");
        };
        let value = bytes[spare..].iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let fields = low_bits(value, bits);
        if (spare > 0 || fields != value) && !self.cut {
            return Err(
                "the identifier is longer than the fields of this Wiegand format; take the identifier that \
                 holds just the fields, or set card_number_cut and accept that cards may share a number",
            );
        }
        Ok(fields)
    }
}

/// At most 40 bits are ever asked for.
fn low_bits(value: u64, bits: u32) -> u64 {
    value & ((1 << bits) - 1)
}
