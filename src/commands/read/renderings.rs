//! The forms in which other systems write a UID, side by side, so that a person finds the one that is printed on a card.
//!
//! Not here: the forms themselves (`access::uid`), and which of them the PACS wants (docs/card-numbers.md).

use access::card::{CardNumberFormat, Layout, render};
use access::uid::form::{Form, Order, Part, Writing};
use access::uid::{RawId, Technology, Uid};

/// Those that are shown: the likely ones.
const SHOWN: [Writing; 3] = [
    Writing::Hex { separator: None },
    Writing::Decimal,
    Writing::Wiegand { layout: Layout::Bits34, separator: Some('-') },
];
const WIEGAND_26: Writing = Writing::Wiegand { layout: Layout::Bits26, separator: Some('-') };

/// Each form with its name; of an identifier that is no UID the plain ones.
pub(super) fn all(id: &RawId) -> Vec<(String, String)> {
    let Some(uid) = Uid::new(id.as_bytes(), Technology::Other) else { return plain(id) };
    let mut shown = Vec::new();
    for part in Part::ALL {
        for order in Order::ALL {
            let writings: &[Writing] = match part {
                Part::Whole | Part::First4 | Part::Last4 => &SHOWN,
                Part::First3 | Part::Last3 => &[WIEGAND_26],
            };
            for writing in writings {
                let form = Form { part, order, writing: *writing };
                if let Ok(text) = form.render(&uid) {
                    shown.push((form.to_string(), text.as_str().to_owned()));
                }
            }
        }
    }
    shown
}

fn plain(id: &RawId) -> Vec<(String, String)> {
    let forms = [
        ("hex", CardNumberFormat::Hex),
        ("hex, reversed", CardNumberFormat::HexReversed),
        ("decimal", CardNumberFormat::Decimal),
        ("decimal, reversed", CardNumberFormat::DecimalReversed),
    ];
    let shown =
        forms.into_iter().filter_map(|(name, format)| Some((name.to_owned(), render(format, id).ok()?)));
    shown.collect()
}

/// Names of the forms that say what is printed on the card.
pub(super) fn matching(id: &RawId, printed: &str) -> Vec<String> {
    match Uid::new(id.as_bytes(), Technology::Other) {
        Some(uid) => uid.matching(printed).iter().map(ToString::to_string).collect(),
        None => plain(id).into_iter().filter(|(_, text)| text == printed).map(|(name, _)| name).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(hex: &str) -> RawId {
        RawId::from_hex(hex).expect("hex")
    }

    #[test]
    fn what_is_shown_names_itself_when_it_is_printed() {
        for hex in ["A4B1C2D3", "04223344556677", "01020304050607080910"] {
            for (name, text) in all(&id(hex)) {
                assert!(matching(&id(hex), &text).contains(&name), "{hex}: {name} {text}");
            }
        }
        assert_eq!(matching(&id("A4B1C2D3"), "4711"), [""; 0]);
    }

    #[test]
    fn what_is_no_uid_is_shown_plainly() {
        let shown = all(&id("000001"));
        assert_eq!(shown[0], ("hex".to_owned(), "000001".to_owned()));
        assert_eq!(matching(&id("000001"), "1"), ["decimal"]);
        assert!(all(&id(&"01".repeat(17))).iter().all(|(name, _)| !name.contains("decimal")));
    }
}
