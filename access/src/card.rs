//! The card number: raw bytes rendered the way one PACS wants them.
//!
//! A rendering never cuts: where two cards would share a number there is no number, since a PACS that takes
//! one for the other opens the wrong door.

use crate::uid::RawId;
use alloc::format;
use alloc::string::{String, ToString};

/// Longest `linear` rendering in digits; 128 bits have 39.
pub const LINEAR_MAX_DIGITS: u8 = 39;

/// How a PACS writes card numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CardNumberFormat {
    /// Upper-case hexadecimal, two digits a byte, leading zeros kept.
    Hex,
    /// The bytes as one big-endian number, decimal, without leading zeros.
    Decimal,
    /// As `Decimal`, filled with zeros to exactly this many digits.
    Linear {
        /// Digits, 1 to [`LINEAR_MAX_DIGITS`].
        digits: u8,
    },
}

/// Renders `id`.
///
/// # Errors
/// A sentence saying why this identifier has no number in this format.
pub fn render(format: CardNumberFormat, id: &RawId) -> Result<String, &'static str> {
    match format {
        CardNumberFormat::Hex => Ok(id.to_string()),
        CardNumberFormat::Decimal => Ok(number(id)?.to_string()),
        CardNumberFormat::Linear { digits } => {
            let rendered = format!("{:0width$}", number(id)?, width = usize::from(digits));
            if rendered.len() > usize::from(digits) {
                return Err("the number has more digits than the PACS takes; raise card_number_digits");
            }
            Ok(rendered)
        }
    }
}

fn number(id: &RawId) -> Result<u128, &'static str> {
    let bytes = id.as_bytes();
    if bytes.len() > size_of::<u128>() {
        return Err("an identifier of more than 16 bytes has no decimal form; use hex");
    }
    Ok(bytes.iter().fold(0, |sum, byte| sum << 8 | u128::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::CardNumberFormat::{self, Decimal, Hex, Linear};
    use super::{RawId, render};

    #[test]
    fn vectors() {
        let table: [(CardNumberFormat, &str, Result<&str, ()>); 12] = [
            (Hex, "04a1b2c3", Ok("04A1B2C3")),
            (Hex, "00000001", Ok("00000001")),
            (Hex, "04A1B2C3D4E580", Ok("04A1B2C3D4E580")),
            (Decimal, "04a1b2c3", Ok("77705923")),
            (Decimal, "00000001", Ok("1")),
            (Decimal, "ffffffff", Ok("4294967295")),
            (Decimal, "04A1B2C3D4E580", Ok("1303689068602752")),
            (Linear { digits: 9 }, "04a1b2c3", Ok("077705923")),
            (Linear { digits: 10 }, "ffffffff", Ok("4294967295")),
            (Linear { digits: 9 }, "ffffffff", Err(())),
            (Decimal, "ffffffffffffffffffffffffffffffff", Ok("340282366920938463463374607431768211455")),
            (Decimal, "0100000000000000000000000000000000", Err(())),
        ];
        for (format, hex, expected) in table {
            let id = RawId::from_hex(hex).expect(hex);
            assert_eq!(render(format, &id).as_deref().map_err(|_| ()), expected, "{format:?} {hex}");
        }
    }
}
