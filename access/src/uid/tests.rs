//! What must hold of any UID, and tables for the rules. The vectors of docs/card-numbers.md are read there.

use super::check::{FINDINGS_MAX, Refusal, Site, Verdict, Warning, check};
use super::form::{Form, HEX_SEPARATORS, MATCHES_MAX, NotUid, Order, Part, Rendered, Writing, forms};
use super::look_alike::{Alike, look_alike};
use super::{RawId, Technology, Uid};
use crate::card::{Layout, SEPARATORS};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const DOCUMENT: &str = include_str!("../../../docs/card-numbers.md");

fn uid(hex: &str) -> Uid {
    let raw = RawId::from_hex(hex).expect(hex);
    Uid::new(raw.as_bytes(), Technology::Other).expect(hex)
}

fn technology() -> impl Strategy<Value = Technology> {
    select(&Technology::ALL[..])
}

fn any_uid() -> impl Strategy<Value = Uid> {
    let byte = prop_oneof![3 => any::<u8>(), 1 => 0..=1_u8];
    let bytes = prop_oneof![vec(byte.clone(), 4), vec(byte.clone(), 7), vec(byte, 10)];
    (bytes, technology()).prop_map(|(bytes, technology)| Uid::new(&bytes, technology).expect("a length"))
}

/// Bytes so few and small that two UIDs often share a part, either way round.
fn close_uid() -> impl Strategy<Value = Uid> {
    let byte = 0..=1_u8;
    let bytes = prop_oneof![vec(byte.clone(), 4), vec(byte.clone(), 7), vec(byte, 10)];
    bytes.prop_map(|bytes| Uid::new(&bytes, Technology::Other).expect("a length"))
}

/// Any form, nonsense included.
fn form() -> impl Strategy<Value = Form> {
    let separator = prop_oneof![
        Just(None),
        select(&HEX_SEPARATORS[..]).prop_map(Some),
        select(&SEPARATORS[..]).prop_map(Some),
        any::<char>().prop_map(Some),
    ];
    let layout = select(&Layout::ALL[..]);
    let writing = prop_oneof![
        separator.clone().prop_map(|separator| Writing::Hex { separator }),
        Just(Writing::Decimal),
        any::<u8>().prop_map(|digits| Writing::Linear { digits }),
        (layout, separator).prop_map(|(layout, separator)| Writing::Wiegand { layout, separator }),
    ];
    (select(&Part::ALL[..]), select(&Order::ALL[..]), writing).prop_map(|(part, order, writing)| Form {
        part,
        order,
        writing,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn what_a_lossless_form_writes_is_read_back(uid in any_uid(), form in form()) {
        let length = uid.as_bytes().len();
        if let Ok(text) = form.render(&uid) {
            let back = form.parse(&text, length, uid.technology());
            if form.is_lossless(length) {
                prop_assert_eq!(back, Ok(uid.clone()), "{}: {}", form, text);
            } else {
                prop_assert_eq!(back, Err(NotUid::Incomplete));
            }
        }
    }

    #[test]
    fn what_is_read_is_written_the_same(
        text in "[0-9a-fA-F:., -]{0,40}|[0-9]{1,12}|.{0,12}",
        form in form(),
        length in 0..=12_usize,
    ) {
        if let Ok(uid) = form.parse(&text, length, Technology::Other) {
            prop_assert_eq!(uid.as_bytes().len(), length);
            let again = form.render(&uid).expect("what is read can be written");
            prop_assert!(again.eq_ignore_ascii_case(&text), "{again} for {text}");
        }
    }

    #[test]
    fn looking_alike_is_symmetric_and_true(a in close_uid(), b in close_uid()) {
        let found = look_alike(&a, &b);
        prop_assert_eq!(look_alike(&b, &a).map(|found| found.swapped()), found);
        if let Some(found) = found {
            prop_assert_eq!(found.first.render(&a).expect("own"), found.second.render(&b).expect("own"));
            prop_assert!(a.as_bytes() != b.as_bytes());
        }
    }

    /// The readings that matter are written out by [`Form::render`], which knows nothing of look-alikes.
    #[test]
    fn what_shares_a_decimal_number_looks_alike(a in close_uid(), b in close_uid()) {
        let numbers = |uid: &Uid| -> Vec<(Form, Rendered)> {
            let decimal = forms().filter(|form| form.writing == Writing::Decimal);
            let part = |form: &Form| !matches!(form.part, Part::First3 | Part::Last3);
            decimal.filter(part).filter_map(|form| Some((form, form.render(uid).ok()?))).collect()
        };
        let (of_a, of_b) = (numbers(&a), numbers(&b));
        let whole = |form: &Form| form.part == Part::Whole;
        let shared: Vec<_> = of_a
            .iter()
            .flat_map(|(form, number)| of_b.iter().filter(move |(_, other)| other == number).map(move |(other, _)| (form, other)))
            .collect();
        let found = look_alike(&a, &b).map(|found| found.alike);
        if a.as_bytes() == b.as_bytes() {
            prop_assert_eq!(found, None);
        } else if shared.iter().any(|(first, second)| whole(first) && whole(second)) {
            prop_assert_eq!(found, Some(Alike::Whole));
        } else if found == Some(Alike::FourBytes) {
            prop_assert!(!shared.is_empty());
        }
    }

    #[test]
    fn a_check_never_panics_and_says_everything(
        bytes in vec(any::<u8>(), 0..=40),
        technology in technology(),
        wiegand26 in any::<bool>(),
        known in vec(close_uid(), 0..20),
    ) {
        let verdict = check(&bytes, technology, Site { wiegand26 }, &known);
        prop_assert_eq!(verdict.may_enroll(), verdict.refusals.is_empty());
        let short = bytes.len() == 4;
        prop_assert!(!short || !verdict.refusals.is_empty() || !verdict.warnings.is_empty());
        for words in verdict.refusals.iter().map(ToString::to_string) {
            prop_assert!(words.len() > 20, "{words}");
        }
        for words in verdict.warnings.iter().map(ToString::to_string) {
            prop_assert!(words.len() > 20, "{words}");
        }
    }
}

proptest! {
    // Each case writes a UID in every form and looks each of them up again.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn each_form_finds_what_it_has_written(uid in any_uid()) {
        for form in forms() {
            let Ok(text) = form.render(&uid) else { continue };
            let found = uid.matching(&text.to_lowercase());
            prop_assert!(!found.is_empty() && found.len() < MATCHES_MAX, "{form}: {text}: {found:?}");
            for found in found {
                prop_assert_eq!(found.render(&uid), Ok(text.clone()));
            }
        }
    }
}

fn judged(hex: &str, technology: Technology, known: &[Uid], wiegand26: bool) -> Verdict {
    let raw = RawId::from_hex(hex).ok();
    let bytes = raw.as_ref().map_or(&[][..], RawId::as_bytes);
    check(bytes, technology, Site { wiegand26 }, known)
}

#[test]
fn what_may_be_enrolled_and_what_may_not() {
    use Technology::{Classic1k, Desfire, Other, Ultralight};
    type Row = (&'static str, Technology, &'static [Refusal], &'static [Warning]);
    let table: [Row; 19] = [
        ("A4B1C2D3", Classic1k, &[], &[Warning::Reused]),
        ("04A1B2C3", Classic1k, &[], &[Warning::Reused]),
        ("0FA1B2C3", Classic1k, &[], &[Warning::NotUnique]),
        ("FFFFFFFF", Other, &[], &[Warning::NotUnique]),
        ("08A1B2C3", Other, &[Refusal::Random], &[]),
        ("08A1B2C3", Desfire, &[Refusal::Random], &[]),
        ("A1B2C308", Other, &[], &[Warning::Reused, Warning::RandomIfReversed]),
        ("0800C308", Other, &[Refusal::Random], &[]),
        ("88042233", Other, &[Refusal::CascadeTag], &[]),
        ("F8042233", Other, &[Refusal::Reserved], &[]),
        ("00000000", Other, &[Refusal::AllZero], &[Warning::Reused]),
        ("00000000000000", Other, &[Refusal::AllZero], &[]),
        ("04223344556677", Ultralight, &[], &[]),
        // What means something in four bytes means nothing in seven.
        ("08223344556608", Other, &[], &[]),
        ("04112233445566778899", Desfire, &[], &[]),
        ("04223344", Ultralight, &[], &[Warning::Reused, Warning::TooShortFor(Ultralight)]),
        ("", Other, &[Refusal::Empty], &[]),
        ("042233", Other, &[Refusal::Length { bytes: 3 }], &[]),
        ("8804223344556677", Other, &[Refusal::Length { bytes: 8 }], &[]),
    ];
    for (hex, technology, refusals, warnings) in table {
        let verdict = judged(hex, technology, &[], true);
        assert_eq!((&verdict.refusals[..], &verdict.warnings[..]), (refusals, warnings), "{hex}");
        assert_eq!(verdict.may_enroll(), refusals.is_empty(), "{hex}");
    }
}

/// Own UID, another's, what they share, and by which forms.
const ALIKE: [(&str, &str, Option<Alike>, &str, &str); 12] = [
    ("A4B1C2D3", "D3C2B1A4", Some(Alike::Whole), "decimal, all bytes", "decimal, all bytes, reversed"),
    (
        "04223344556677",
        "77665544332204",
        Some(Alike::Whole),
        "decimal, all bytes",
        "decimal, all bytes, reversed",
    ),
    // Zeros in front are lost in any decimal number.
    ("00000004223344", "04223344", Some(Alike::Whole), "decimal, all bytes", "decimal, all bytes"),
    (
        "04223344556677",
        "04223344",
        Some(Alike::FourBytes),
        "decimal, the first 4 bytes",
        "decimal, all bytes",
    ),
    ("04223344556677", "44556677", Some(Alike::FourBytes), "decimal, the last 4 bytes", "decimal, all bytes"),
    (
        "04223344556677",
        "77665544",
        Some(Alike::FourBytes),
        "decimal, the last 4 bytes",
        "decimal, all bytes, reversed",
    ),
    (
        "04223344556677",
        "04223344998877",
        Some(Alike::FourBytes),
        "decimal, the first 4 bytes",
        "decimal, the first 4 bytes",
    ),
    (
        "04223344556677",
        "01223344556677",
        Some(Alike::FourBytes),
        "decimal, the last 4 bytes",
        "decimal, the last 4 bytes",
    ),
    (
        "A4B1C2D3",
        "A4B1C299",
        Some(Alike::ThreeBytes),
        "Wiegand 26 with '-', the first 3 bytes",
        "Wiegand 26 with '-', the first 3 bytes",
    ),
    (
        "A4B1C2D3",
        "D3C2B199",
        Some(Alike::ThreeBytes),
        "Wiegand 26 with '-', the last 3 bytes",
        "Wiegand 26 with '-', the first 3 bytes, reversed",
    ),
    ("A4B1C2D3", "A4B1C2D3", None, "", ""),
    ("A4B1C2D3", "A4B199D3", None, "", ""),
];

#[test]
fn cards_that_look_alike_are_refused_warned_of_or_passed_over() {
    for (own, known, alike, first, second) in ALIKE {
        let found = look_alike(&uid(own), &uid(known));
        assert_eq!(found.map(|found| found.alike), alike, "{own} {known}");
        if let Some(found) = found {
            assert_eq!(
                (found.first.to_string(), found.second.to_string()),
                (first.into(), second.into()),
                "{own} {known}"
            );
        }
        for wiegand26 in [false, true] {
            let verdict = judged(own, Technology::Other, &[uid(known)], wiegand26);
            let refused = verdict.refusals.iter().any(|refusal| matches!(refusal, Refusal::LooksLike(..)));
            let warned = verdict.warnings.iter().any(|warning| matches!(warning, Warning::LooksLike(..)));
            assert_eq!(refused, alike == Some(Alike::Whole), "{own} {known}");
            let three = wiegand26 && alike == Some(Alike::ThreeBytes);
            assert_eq!(warned, three || alike == Some(Alike::FourBytes), "{own} {known}");
        }
    }
}

#[test]
fn a_verdict_lists_so_many_and_counts_the_rest() {
    let known: Vec<Uid> = (0..20_u8).map(|n| uid(&format!("0422334455{n:02X}99"))).collect();
    let verdict = judged("0422334455FFAA", Technology::Other, &known, false);
    assert_eq!(verdict.warnings.len(), FINDINGS_MAX);
    assert_eq!(verdict.warnings.len() + verdict.unlisted_look_alikes, known.len());
    assert!(verdict.may_enroll());
}

#[test]
fn what_stands_on_a_card_names_the_form() {
    let table = [
        ("A4B1C2D3", "2763113171", "decimal, all bytes"),
        ("A4B1C2D3", "3552752036", "decimal, all bytes, reversed"),
        ("A4B1C2D3", " a4:b1:c2:d3\n", "hex with ':', all bytes"),
        ("A4B1C2D3", "d3c2b1a4", "hex, all bytes, reversed"),
        ("A4B1C2D3", "164-45506", "Wiegand 26 with '-', the first 3 bytes"),
        ("A4B1C2D3", "16445506", "Wiegand 26, the first 3 bytes"),
        ("A4B1C2D3", "42161/49875", "Wiegand 34 with '/', all bytes"),
        ("04223344556677", "69350212", "decimal, the first 4 bytes"),
        ("04223344556677", "0069350212", "linear of 10 digits, the first 4 bytes"),
        ("04223344556677", "1146447479", "decimal, the last 4 bytes"),
        ("04223344556677", "2763113171", ""),
        ("04223344556677", "", ""),
    ];
    for (hex, printed, expected) in table {
        let found: Vec<String> = uid(hex).matching(printed).iter().map(ToString::to_string).collect();
        let expected: Vec<&str> = if expected.is_empty() { Vec::new() } else { [expected].into() };
        assert_eq!(found, expected, "{hex} {printed}");
    }
    // Bytes that read the same either way leave nothing to tell apart, and are named once.
    assert_eq!(uid("A4B1B1A4").matching("A4B1B1A4").len(), 1);
    // The worst case: every number is zero.
    let zero = uid("00000000000000");
    for digits in 1..=39 {
        assert!(zero.matching(&"0".repeat(digits)).len() < MATCHES_MAX, "{digits}");
    }
}

/// Rows of the document: UID, how it is shown, what is shown.
#[test]
fn what_the_document_says_a_card_shows_is_what_is_rendered() {
    let heading = "| UID | Form | What is shown |";
    let table = DOCUMENT.split_once(heading).expect(heading).1;
    let lines = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let mut rows = 0;
    for line in lines {
        let cells: Vec<&str> =
            line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let own = uid(cells[0]);
        let found: Vec<String> = own.matching(cells[2]).iter().map(ToString::to_string).collect();
        assert_eq!(found, [cells[1]], "{line}");
        rows += 1;
    }
    assert!(rows >= 10, "{rows}");
}
