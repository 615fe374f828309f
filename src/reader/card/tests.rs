//! Cards as they are commonly seen, and bytes that are none.

use super::*;
use proptest::prelude::*;

/// The ATR of a storage card whose name has these two bytes (PC/SC part 3, 3.1.3.2.3.1).
fn storage(standard: u8, name: [u8; 2]) -> Vec<u8> {
    let mut atr = vec![0x3B, 0x8F, 0x80, 0x01, 0x80, 0x4F, 0x0C, 0xA0, 0, 0, 3, 6, standard];
    atr.extend(name);
    atr.extend([0; 4]);
    atr.push(atr[1..].iter().fold(0, |sum, byte| sum ^ byte));
    atr
}

const DESFIRE_ATR: [u8; 6] = [0x3B, 0x81, 0x80, 0x01, 0x80, 0x80];
const EV2: [u8; 28] = [
    4, 1, 1, 0x12, 0, 0x18, 5, 4, 1, 1, 2, 1, 0x18, 5, 4, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0xBA, 0, 0, 0,
    0, 0x30, 0x21,
];

#[test]
fn each_card_is_known_by_what_it_says() {
    let atr = |atr: Vec<u8>| technology(&Facts { atr: Some(&atr), ..Facts::default() });
    let sak = |sak, atqa| technology(&Facts { sak_atqa: Some((sak, atqa)), ..Facts::default() });
    let version = |version: &[u8]| technology(&Facts { version: Some(version), ..Facts::default() });
    let table = [
        (atr(storage(3, [0, 0x01])), "mifare-classic-1k"),
        (atr(storage(3, [0, 0x02])), "mifare-classic-4k"),
        (atr(storage(3, [0, 0x03])), "mifare-ultralight"),
        (atr(storage(3, [0, 0x26])), "mifare-classic-mini"),
        (atr(storage(3, [0, 0x99])), "iso-14443-a"),
        (atr(storage(6, [0, 0x99])), "iso-14443-b"),
        (atr(storage(0x0B, [0, 0x14])), "iso-15693"),
        (atr(storage(0x11, [0, 0x3B])), "felica"),
        (atr(DESFIRE_ATR.to_vec()), "iso-dep"),
        (sak(0x00, [0x00, 0x44]), "mifare-ultralight"),
        (sak(0x09, [0x00, 0x04]), "mifare-classic-mini"),
        (sak(0x08, [0x00, 0x04]), "mifare-classic-1k"),
        (sak(0x18, [0x00, 0x02]), "mifare-classic-4k"),
        (sak(0x11, [0x00, 0x02]), "mifare-plus"),
        (sak(0x20, [0x03, 0x44]), "iso-dep"),
        (sak(0x00, [0x00, 0x01]), "iso-14443-a"),
        (version(&EV2), "mifare-desfire"),
        (version(&[4, 0x81, 1, 0x42, 0, 0x18, 5]), "mifare-desfire"),
        (version(&[4, 2, 2, 0x22, 0, 0x16, 4]), "mifare-plus"),
        (version(&[4, 8, 1, 0x30, 0, 0x13, 5]), "mifare-desfire-light"),
        (version(&[0, 4, 4, 2, 1, 0, 0x0F, 3]), "ntag"),
        (version(&[0, 4, 3, 1, 1, 0, 0x0B, 3]), "mifare-ultralight"),
        (version(&[5, 1, 1, 0x12, 0, 0x18, 5]), "unknown"),
        (technology(&Facts::default()), "unknown"),
    ];
    for (at, (found, expected)) in table.into_iter().enumerate() {
        assert_eq!(found.as_str(), expected, "row {at}");
        assert_eq!(serde_json::to_value(found).expect("a word"), expected, "one word for one thing");
    }
}

#[test]
fn what_get_version_says_wins_over_sak_and_atr() {
    let facts = Facts { atr: Some(&DESFIRE_ATR), sak_atqa: Some((0x08, [0, 4])), version: Some(&EV2) };
    assert_eq!(technology(&facts), Technology::MifareDesfire);
}

#[test]
fn only_a_whole_atr_has_historical_bytes() {
    assert_eq!(historical_bytes(&DESFIRE_ATR), Some(&[0x80][..]));
    assert_eq!(
        historical_bytes(&[0x3B, 0x02, 0x14, 0x50]),
        Some(&[0x14, 0x50][..]),
        "T=0 alone has no check byte"
    );
    let whole = storage(3, [0, 1]);
    for end in 0..whole.len() {
        assert_eq!(historical_bytes(&whole[..end]), None, "cut at {end}");
    }
    for at in 0..whole.len() {
        let mut bent = whole.clone();
        bent[at] ^= 0x01;
        assert_ne!(historical_bytes(&bent), historical_bytes(&whole), "a flipped bit in byte {at}");
    }
    assert!(!takes_apdus(&whole) && takes_apdus(&DESFIRE_ATR) && !takes_apdus(&[]));
}

#[test]
fn an_ats_is_as_long_as_it_says() {
    let table: [(&[u8], bool); 7] = [
        (&[0x06, 0x75, 0x77, 0x81, 0x02, 0x80], true),
        (&[0x01], true),
        (&[0x02, 0x05], true),
        (&[0x00], false),
        (&[], false),
        (&[0x07, 0x75, 0x77, 0x81, 0x02, 0x80], false),
        (&[0x03, 0x75, 0x77], false),
    ];
    for (ats, expected) in table {
        assert_eq!(is_ats(ats), expected, "{ats:02X?}");
    }
}

#[test]
fn a_version_has_three_parts_or_one() {
    assert_eq!(version_of(&[&EV2[..7], &EV2[7..14], &EV2[14..]]).as_deref(), Some(&EV2[..]));
    assert!(version_of(&[&[0; 8]]).is_some());
    assert!(version_of(&[&EV2[..7], &EV2[7..14]]).is_none());
    assert!(version_of(&[]).is_none());
}

proptest! {
    #[test]
    fn no_bytes_make_the_parsers_stumble(atr in prop::collection::vec(any::<u8>(), 0..300), version in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Some(historical) = historical_bytes(&atr) {
            prop_assert!(historical.len() <= 15);
        }
        is_ats(&atr);
        technology(&Facts { atr: Some(&atr), sak_atqa: None, version: Some(&version) });
    }
}

#[test]
fn bits_are_counted_from_the_first_and_what_is_beyond_them_is_nothing() {
    let shown = |bits, data: &[u8]| identifier(bits, data).map(|(uid, bits)| (uid.to_string(), bits));
    assert_eq!(shown(26, &[0x52, 0x3B, 0x0E, 0x7F]), Some(("523B0E40".into(), 26)));
    assert_eq!(shown(56, &[4, 1, 2, 3, 4, 5, 6]), Some(("04010203040506".into(), 56)));
    for (bits, length) in [(0, 0), (0, 4), (26, 3), (257, 33), (usize::MAX, 4)] {
        assert_eq!(shown(bits, &vec![1; length]), None, "{bits} bits in {length} bytes");
    }
}
