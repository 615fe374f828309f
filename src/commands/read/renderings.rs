//! The forms in which other systems write a UID, side by side, so that a person finds the one that is printed on a card.
//!
//! Not here: which of them the PACS wants (`card_number_format`).

use access::uid::RawId;

/// Most bytes of which a decimal number is made: 16, since it is computed in 128 bits.
const DECIMAL_MAX_BYTES: usize = 16;

/// Each form with its name.
pub(super) fn all(uid: &RawId, bits: Option<u16>) -> Vec<(&'static str, String)> {
    let reversed = uid.reversed();
    let mut forms = vec![("hex", uid.to_string()), ("hex reversed", reversed.to_string())];
    forms.extend(decimal(uid.as_bytes()).map(|text| ("decimal", text)));
    forms.extend(decimal(reversed.as_bytes()).map(|text| ("decimal reversed", text)));
    let length = uid.as_bytes().len();
    forms.push(("length", bits.map_or_else(|| format!("{length} bytes"), |bits| format!("{bits} bits"))));
    forms
}

/// `bytes` as one number, the first byte the highest.
fn decimal(bytes: &[u8]) -> Option<String> {
    (bytes.len() <= DECIMAL_MAX_BYTES)
        .then(|| bytes.iter().fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte)).to_string())
}

#[cfg(test)]
mod tests {
    use super::all;
    use access::uid::RawId;

    #[test]
    fn one_uid_has_two_orders_and_two_numbers() {
        let uid = RawId::from_hex("A4B1C2D3").expect("a UID");
        let forms = all(&uid, None);
        let texts: Vec<&str> = forms.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["A4B1C2D3", "D3C2B1A4", "2763113171", "3552752036", "4 bytes"]);
    }

    #[test]
    fn leading_zeros_stay_in_hex_and_a_long_identifier_has_no_decimal() {
        let texts = |hex: &str| all(&RawId::from_hex(hex).expect("a UID"), Some(26)).len();
        assert_eq!(all(&RawId::from_hex("000000A1").expect("a UID"), None)[0].1, "000000A1");
        assert_eq!((texts("00A1"), texts(&"01".repeat(17))), (5, 3));
    }
}
