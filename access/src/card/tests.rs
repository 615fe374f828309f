//! What must hold of any bytes. The vectors are in docs/card-numbers.md; the gateway's test reads them there,
//! since it knows the settings by name.

use super::CardNumberFormat::{self, Decimal, DecimalReversed, Hex, HexReversed, Linear};
use super::{Layout, SEPARATORS, Wiegand, render};
use crate::uid::{IDENTIFIER_MAX_BYTES, RawId};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn raw_id(bytes: core::ops::RangeInclusive<usize>) -> impl Strategy<Value = RawId> {
    vec(any::<u8>(), bytes).prop_map(|bytes| RawId::from_bytes(&bytes).expect("as many as it takes"))
}

/// Any format, nonsense included; `cut` only if asked for.
fn format(cut: bool) -> impl Strategy<Value = CardNumberFormat> {
    let separator = proptest::option::of(select(&SEPARATORS[..]));
    let facility = proptest::option::of(prop_oneof![0..=255_u16, any::<u16>()]);
    let wiegand = (select(&Layout::ALL[..]), facility, separator)
        .prop_map(move |(layout, facility, separator)| Wiegand { layout, facility, separator, cut });
    prop_oneof![
        select(&[Hex, HexReversed, Decimal, DecimalReversed][..]),
        (0..=60_u8).prop_map(|digits| Linear { digits }),
        wiegand.prop_map(CardNumberFormat::Wiegand),
    ]
}

/// Few lengths and many small bytes, so that pairs often fit the formats, and often nearly agree.
fn pair() -> impl Strategy<Value = (RawId, RawId)> {
    let byte = prop_oneof![3 => 0..=3_u8, 1 => any::<u8>()];
    let bytes = |length: usize| vec(byte.clone(), length);
    let pairs: Vec<_> = (1..=8).map(|length| (bytes(length), bytes(length)).boxed()).collect();
    let id = |bytes: Vec<u8>| RawId::from_bytes(&bytes).expect("1 to 8 bytes");
    proptest::strategy::Union::new(pairs).prop_map(move |(a, b)| (id(a), id(b)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn two_identifiers_of_one_length_never_share_a_number_that_is_not_cut(
        format in format(false),
        (a, b) in pair(),
    ) {
        if let (Ok(first), Ok(second)) = (render(format, &a), render(format, &b)) {
            prop_assert_eq!(first == second, a == b, "{:?}: {:?} and {:?}", format, a, b);
        }
    }

    #[test]
    fn reversing_twice_is_the_identity(id in raw_id(1..=IDENTIFIER_MAX_BYTES)) {
        prop_assert_eq!(id.reversed().reversed(), id.clone());
        let twice = render(Hex, &id).map(|_| render(HexReversed, &id.reversed()));
        prop_assert_eq!(twice, Ok(render(Hex, &id)));
        prop_assert_eq!(render(DecimalReversed, &id.reversed()), render(Decimal, &id));
    }

    #[test]
    fn nothing_panics_and_no_number_is_empty(
        format in prop_oneof![format(false), format(true)],
        id in raw_id(1..=IDENTIFIER_MAX_BYTES),
    ) {
        if let Ok(number) = render(format, &id) {
            prop_assert!(!number.is_empty() && number.is_ascii());
        }
    }

    #[test]
    fn a_cut_number_is_that_of_the_low_bytes_and_what_fits_is_not_cut(
        layout in select(&Layout::ALL[..]),
        id in raw_id(1..=12),
    ) {
        let wiegand = |cut| CardNumberFormat::Wiegand(Wiegand { layout, facility: None, separator: None, cut });
        if let Ok(whole) = render(wiegand(false), &id) {
            prop_assert_eq!(render(wiegand(true), &id), Ok(whole));
        }
        let longer = [&[0xA5], id.as_bytes()].concat();
        if let Ok(cut) = render(wiegand(true), &id) {
            let longer = RawId::from_bytes(&longer).expect("up to 13 bytes");
            prop_assert_eq!(render(wiegand(true), &longer), Ok(cut));
            prop_assert!(render(wiegand(false), &longer).is_err());
        }
    }
}

/// Facility and number as a credential of 26 bits stores them.
fn fields(facility: &str, number: &str) -> Option<RawId> {
    let (facility, number) = (facility.parse::<u8>().ok()?, number.parse::<u16>().ok()?);
    let [high, low] = number.to_be_bytes();
    RawId::from_bytes(&[facility, high, low]).ok()
}

/// Random pairs hardly ever spell the same digits, so these are made to: one row of digits, parted everywhere.
#[test]
fn the_same_digits_parted_elsewhere_are_another_card() {
    let separators = SEPARATORS.into_iter().map(Some).chain([None]);
    for separator in separators {
        let wiegand = Wiegand { layout: Layout::Bits26, facility: None, separator, cut: false };
        for digits in ["111", "1234", "1023", "10023", "12345", "2555555"] {
            let cards: Vec<RawId> =
                (1..digits.len()).filter_map(|at| fields(&digits[..at], &digits[at..])).collect();
            let distinct: BTreeSet<&RawId> = cards.iter().collect();
            let numbers: BTreeSet<_> = cards
                .iter()
                .map(|id| render(CardNumberFormat::Wiegand(wiegand), id).expect("it fits"))
                .collect();
            assert!(distinct.len() >= 2, "{digits}");
            assert_eq!(numbers.len(), distinct.len(), "{separator:?} {digits}: {numbers:?}");
        }
    }
}

#[test]
fn a_fixed_facility_that_the_format_has_not_gives_no_number() {
    for (layout, facility, fits) in [
        (Layout::Bits26, 255, true),
        (Layout::Bits26, 256, false),
        (Layout::Bits34, 65_535, true),
        (Layout::Bits37Plain, 0, false),
    ] {
        let wiegand = Wiegand { layout, facility: Some(facility), separator: None, cut: true };
        let id = RawId::from_bytes(&[0, 0, 0, 0, 1]).expect("5 bytes");
        assert_eq!(render(CardNumberFormat::Wiegand(wiegand), &id).is_ok(), fits, "{layout:?} {facility}");
    }
}
