//! What a card says of itself: no bytes make the parsers stumble, and what they find lies within those bytes.
#![no_main]

use doorward::reader::card::{Facts, historical_bytes, is_ats, takes_apdus, technology, version_of};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(historical) = historical_bytes(bytes) {
        assert!(historical.len() <= 15 && historical.len() < bytes.len());
    }
    if is_ats(bytes) {
        assert_eq!(usize::from(bytes[0]), bytes.len());
    }
    takes_apdus(bytes);
    let (first, rest) = bytes.split_at(bytes.len() / 2);
    technology(&Facts { atr: Some(first), sak_atqa: None, version: Some(rest) });
    let parts: Vec<&[u8]> = bytes.chunks(7).collect();
    if let Some(version) = version_of(&parts) {
        assert_eq!(version, bytes);
    }
});
