//! The card number: raw bytes rendered the way one PACS wants them.
//!
//! A rendering does not cut: where two cards would share a number there is no number, since a PACS that takes
//! one for the other opens the wrong door. The one exception is asked for by name ([`Wiegand::cut`]).
//! docs/card-numbers.md has the formats with their vectors, and a test reads them there.
//!
//! Not here: which identifier is rendered, and what becomes of two cards of one number.

#[cfg(test)]
mod tests;
mod wiegand;

use crate::uid::RawId;
use alloc::string::String;
use core::fmt;
pub use wiegand::{Layout, SEPARATORS, Wiegand};

/// Longest `linear` rendering in digits; 128 bits have 39.
pub const LINEAR_MAX_DIGITS: u8 = 39;

/// How a PACS writes card numbers. Reversed is the order of bytes, never of digits or bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CardNumberFormat {
    /// Upper-case hexadecimal, two digits a byte, leading zeros kept.
    Hex,
    /// As `Hex`, the last byte first.
    HexReversed,
    /// The bytes as one big-endian number, decimal, without leading zeros.
    Decimal,
    /// As `Decimal`, the last byte first: the bytes as one little-endian number.
    DecimalReversed,
    /// As `Decimal`, filled with zeros to exactly this many digits.
    Linear {
        /// Digits, 1 to [`LINEAR_MAX_DIGITS`].
        digits: u8,
    },
    /// Facility and number of a Wiegand card format.
    Wiegand(Wiegand),
}

/// Renders `id`.
///
/// # Errors
/// A sentence saying why this identifier has no number in this format.
pub fn render(format: CardNumberFormat, id: &RawId) -> Result<String, &'static str> {
    let mut rendered = String::new();
    write(format, id, &mut rendered)?;
    Ok(rendered)
}

/// As [`render`], into `out`: for those who allocate nothing. What is in `out` after an error means nothing.
///
/// # Errors
/// As [`render`]; or `out` had no room.
pub fn write(format: CardNumberFormat, id: &RawId, out: &mut dyn fmt::Write) -> Result<(), &'static str> {
    const NO_ROOM: &str = "the number is longer than the room for it";
    match format {
        CardNumberFormat::Hex => write!(out, "{id}"),
        CardNumberFormat::HexReversed => write!(out, "{}", id.reversed()),
        CardNumberFormat::Decimal => write!(out, "{}", number(id)?),
        CardNumberFormat::DecimalReversed => write!(out, "{}", number(&id.reversed())?),
        CardNumberFormat::Linear { digits } => {
            let number = number(id)?;
            if number.checked_ilog10().unwrap_or(0) >= u32::from(digits) {
                return Err("the number has more digits than the PACS takes; raise card_number_digits");
            }
            write!(out, "{number:0width$}", width = usize::from(digits))
        }
        CardNumberFormat::Wiegand(wiegand) => wiegand.write(id, out)?,
    }
    .map_err(|fmt::Error| NO_ROOM)
}

fn number(id: &RawId) -> Result<u128, &'static str> {
    let bytes = id.as_bytes();
    if bytes.len() > size_of::<u128>() {
        return Err("an identifier of more than 16 bytes has no decimal form; use hex");
    }
    Ok(bytes.iter().fold(0, |sum, byte| sum << 8 | u128::from(*byte)))
}
