//! The forms in which other systems write a UID, side by side, so that a person finds the one that is printed on a card.
//! They are called as `card_number_format` calls them; what a reader has cut before is said.
//!
//! Not here: which of them the PACS wants, and the numbers of a site (docs/card-numbers.md).

use access::card::{CardNumberFormat, Layout, Wiegand, render};
use access::uid::RawId;

/// One form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Form {
    /// What it is called.
    pub(super) name: String,
    /// The UID in it.
    pub(super) text: String,
}

/// Each form that this UID has.
pub(super) fn all(uid: &RawId) -> Vec<Form> {
    let mut forms = Vec::new();
    let mut add = |name: String, format: CardNumberFormat, id: &RawId| {
        if let Ok(text) = render(format, id) {
            forms.push(Form { name, text });
        }
    };
    let whole = [
        ("hex", CardNumberFormat::Hex),
        ("hex_reversed", CardNumberFormat::HexReversed),
        ("decimal", CardNumberFormat::Decimal),
        ("decimal_reversed", CardNumberFormat::DecimalReversed),
    ];
    for (name, format) in whole {
        add(name.to_owned(), format, uid);
    }
    add("wiegand34".to_owned(), wiegand(Layout::Bits34), uid);
    add("wiegand34, reversed".to_owned(), wiegand(Layout::Bits34), &uid.reversed());
    for (bytes, piece) in pieces(uid) {
        for (order, piece) in [("", piece.clone()), (", reversed", piece.reversed())] {
            let name = |format: &str| format!("{format} of the {bytes}{order}");
            match piece.as_bytes().len() {
                3 => add(name("wiegand26"), wiegand(Layout::Bits26), &piece),
                _ => {
                    add(name("decimal"), CardNumberFormat::Decimal, &piece);
                    add(name("wiegand34"), wiegand(Layout::Bits34), &piece);
                }
            }
        }
    }
    forms
}

fn wiegand(layout: Layout) -> CardNumberFormat {
    CardNumberFormat::Wiegand(Wiegand { layout, facility: None, separator: Some('-'), cut: false })
}

/// What readers cut from it.
fn pieces(uid: &RawId) -> Vec<(&'static str, RawId)> {
    let bytes = uid.as_bytes();
    let mut pieces = Vec::new();
    for (length, first, last) in [(3, "first 3 bytes", "last 3 bytes"), (4, "first 4 bytes", "last 4 bytes")]
    {
        if bytes.len() > length {
            let cuts = [(first, &bytes[..length]), (last, &bytes[bytes.len() - length..])];
            pieces.extend(
                cuts.into_iter().filter_map(|(name, cut)| Some((name, RawId::from_bytes(cut).ok()?))),
            );
        }
    }
    pieces
}

/// Those that say what is `printed` on the card: leading zeros and what stands between digits do not count.
pub(super) fn matching<'a>(forms: &'a [Form], printed: &str) -> Vec<&'a Form> {
    let plain = |text: &str| {
        let text: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        text.trim_start_matches('0').to_ascii_uppercase()
    };
    forms.iter().filter(|form| plain(&form.text) == plain(printed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(hex: &str, printed: &str) -> Vec<String> {
        let forms = all(&RawId::from_hex(hex).expect("a UID"));
        matching(&forms, printed).into_iter().map(|form| form.name.clone()).collect()
    }

    #[test]
    fn what_is_printed_on_a_card_is_named() {
        for (hex, printed, name) in [
            ("A4B1C2D3", "2763113171", "decimal"),
            ("A4B1C2D3", "002763113171", "decimal"),
            ("A4B1C2D3", "3552752036", "decimal_reversed"),
            ("A4B1C2D3", "a4:b1:c2:d3", "hex"),
            ("A4B1C2D3", "D3C2B1A4", "hex_reversed"),
            ("A4B1C2D3", "164,45506", "wiegand26 of the first 3 bytes"),
            ("04223344556677", "1163503491966583", "decimal"),
            ("04223344556677", "33608038631023108", "decimal_reversed"),
            ("04223344556677", "4-8755", "wiegand26 of the first 3 bytes"),
            ("04223344556677", "69350212", "decimal of the first 4 bytes"),
            ("04223344556677", "1144201732", "decimal of the first 4 bytes, reversed"),
            ("04223344556677", "1146447479", "decimal of the last 4 bytes"),
        ] {
            assert!(
                named(hex, printed).contains(&name.to_owned()),
                "{hex} {printed}: {:?}",
                named(hex, printed)
            );
        }
        assert_eq!(named("A4B1C2D3", "4711"), [""; 0]);
    }

    #[test]
    fn leading_zeros_stay_in_hex_and_a_long_identifier_has_no_decimal() {
        let forms = all(&RawId::from_hex("000000A1").expect("a UID"));
        assert_eq!(forms[0], Form { name: "hex".into(), text: "000000A1".into() });
        let forms = all(&RawId::from_hex(&"01".repeat(17)).expect("bytes"));
        assert!(forms.iter().all(|form| form.name != "decimal"));
    }
}
