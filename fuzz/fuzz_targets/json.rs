//! Strict JSON: what is accepted has one spelling, and serde_json agrees about its meaning.
#![no_main]

use contract::json::{parse, write};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(value) = parse(text) else { return };
    let mut canonical = Vec::new();
    write(&value, &mut canonical);
    let spelled = std::str::from_utf8(&canonical).expect("UTF-8");
    assert_eq!(parse(spelled).expect("own output"), value);
    let theirs: serde_json::Value = serde_json::from_str(text).expect("accepted by both");
    assert_eq!(serde_json::from_str::<serde_json::Value>(spelled).expect("own output"), theirs);
});
