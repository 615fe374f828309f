//! The short way for canonical text finds what the long way finds.

use super::{parse, parse_by_value};
use crate::{RECORD_MAX_BYTES, digest};
use proptest::prelude::*;
use std::borrow::Cow;

/// A sound record of each kind, as a source sends it.
const SOUND: [(&str, &str); 6] = [
    (
        "user",
        r#"{"attributes":{"room":"B-1"},"emails":{"work":"a@b.example"},"family_name":"O\"Hara","given_name":"Åsa","pin":"4711","status":"active"}"#,
    ),
    (
        "token",
        r#"{"identifiers":[{"hex":"04A1B2C3","type":"mifare"}],"kind":"card","status":"ACTIVE","user":"u-1","valid_from":"2026-01-01T00:00:00Z","valid_to":"2027-01-01T00:00:00Z"}"#,
    ),
    ("entitlement", r#"{"class":"staff","display_name":"Main","pacs_ref":"ap-1","type":"AccessProfile"}"#),
    ("assignment", r#"{"entitlement":"e-1","user":"u-1","valid_from":"2026-01-01T00:00:00Z"}"#),
    (
        "schedule",
        r#"{"holidays":[{"date":"2026-12-24","intervals":[{"from":"08:00","to":"24:00"}]}],"weekly":[{"days":["mon"],"from":"08:00","to":"17:00"}],"zone":"UTC"}"#,
    ),
    ("door", r#"{"controlled_by":"pacs","grants":[{"entitlement":"e-1","schedule":"s-1"}],"name":"Main"}"#),
];

#[test]
fn canonical_text_is_taken_as_it_is() {
    for (kind, sent) in SOUND {
        let parsed = parse(kind, sent);
        assert_eq!(parsed, parse_by_value(kind, sent), "{kind}");
        assert!(parsed.record.is_ok(), "{:?}", parsed.record);
        assert_eq!(parsed.canonical, sent.as_bytes());
        // The days of a schedule are an array of strings: rare enough for the long way.
        assert_eq!(matches!(parsed.canonical, Cow::Borrowed(_)), kind != "schedule", "{kind}");
    }
}

#[test]
fn another_spelling_means_the_same() {
    for (kind, sent) in SOUND {
        let other = sent.replace(':', " : ").replace(" : 00", ":00").replace('a', "\\u0061");
        assert_ne!(other, sent);
        assert_eq!(parse(kind, &other), parse(kind, sent), "{other}");
    }
}

#[test]
fn canonical_text_is_refused_for_the_same_reasons() {
    let table = [
        ("user", r#"{"family_name":"B","given_name":"A"}"#, "missing field `status`"),
        ("user", r#"{"family_name":7,"given_name":"A","status":"active"}"#, "family_name: invalid type"),
        ("user", r#"["active","A","B"]"#, "record: an object is expected"),
        ("user", r#""u""#, "record: an object is expected"),
        (
            "token",
            r#"{"identifiers":[["mifare","04A1B2C3"]],"kind":"card","status":"ACTIVE"}"#,
            "identifiers[0]: an object is expected",
        ),
        (
            "token",
            r#"{"identifiers":["04A1B2C3"],"kind":"card","status":"ACTIVE"}"#,
            "identifiers[0]: an object is expected",
        ),
        (
            "user",
            r#"{"family_name":"B","given_name":"A","grants":[["e-1"]],"status":"active"}"#,
            "grants[0]: an object is expected",
        ),
        ("elevator", r#"{"name":"Lift"}"#, "not known to this version"),
    ];
    for (kind, sent, word) in table {
        let parsed = parse(kind, sent);
        assert_eq!(parsed, parse_by_value(kind, sent), "{sent}");
        assert_eq!(parsed.canonical, sent.as_bytes(), "{sent}");
        let reason = parsed.record.expect_err(sent);
        assert!(reason.contains(word), "{sent}: {reason}");
    }
}

#[test]
fn what_is_too_long_is_hashed_as_sent() {
    let of = |length: usize| format!(r#"{{"x":"{}"}}"#, "x".repeat(length - 8));
    let longest = of(RECORD_MAX_BYTES);
    assert_eq!(parse("user", &longest).canonical, longest.as_bytes());
    let longer = of(RECORD_MAX_BYTES + 1);
    let parsed = parse("user", &longer);
    assert_eq!(parsed.canonical, digest::opaque(longer.as_bytes()));
    assert!(parsed.record.is_err_and(|reason| reason.contains("more than 16384")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn both_ways_agree_whatever_is_changed(
        (kind, sent) in prop::sample::select(&SOUND[..]),
        places in prop::collection::vec((any::<prop::sample::Index>(), 0..3_usize, r#"[]{}\[:, "0-9aefntu\\é.-]{0,2}"#), 1..3),
    ) {
        let mut chars: Vec<char> = sent.chars().collect();
        for (at, removed, inserted) in places {
            let at = at.index(chars.len());
            let end = (at + removed).min(chars.len());
            chars.splice(at..end, inserted.chars());
        }
        let sent = String::from_iter(chars);
        prop_assert_eq!(parse(kind, &sent), parse_by_value(kind, &sent));
    }
}
