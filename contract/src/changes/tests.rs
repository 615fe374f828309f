//! One reading finds what a reading change by change finds; a key said twice grants nothing.

use super::{Act, Changes, in_order, one_by_one, parse_changes};
use proptest::prelude::*;

fn message(changes: &[&str]) -> String {
    let root = "0".repeat(32);
    format!(r#"{{"epoch":999,"seq":1,"root":"{root}","changes":[{}]}}"#, changes.join(","))
}

fn read(text: &str) -> Changes<'_> {
    parse_changes(text.as_bytes()).expect(text)
}

#[test]
fn each_change_keeps_its_own_text() {
    let text = message(&[
        r#"{"op":"upsert","kind":"user","key":"u","record": { "a" : 1 }}"#,
        r#"{"op":"delete","kind":"token","key":"\u0074"}"#,
        r#"{"op":"upsert","kind":"later_kind","key":"k","record":null}"#,
        r#"{"op":"delete","kind":"User","key":"k"}"#,
        r#"{"op":"move","kind":"door","key":"d"}"#,
    ]);
    let Changes { changes, misshapen, version, .. } = read(&text);
    assert_eq!((version.epoch, version.seq), (999, 1));
    let names: Vec<_> = changes.iter().map(|change| format!("{}/{}", change.kind, change.key)).collect();
    assert_eq!(names, ["user/u", "token/t", "later_kind/k", "door/d"]);
    assert!(matches!(changes[0].act, Act::Upsert(r#"{ "a" : 1 }"#)));
    assert!(matches!(changes[1].act, Act::Delete));
    // A null is no record, and the change is kept as it came.
    assert!(
        matches!(&changes[2].act, Act::Refuse(sent, why) if sent.contains("null") && why.contains("without"))
    );
    assert!(
        matches!(&changes[3].act, Act::Refuse(sent, why) if sent.starts_with('{') && why.contains("move"))
    );
    assert_eq!(misshapen.len(), 1);
    assert!(misshapen[0].0 == 3 && misshapen[0].1.contains("a-z"), "{misshapen:?}");
}

#[test]
fn a_key_said_twice_is_refused_once_and_in_its_first_place() {
    let upsert = r#"{"op":"upsert","kind":"user","key":"a","record":{"n":1}}"#;
    let delete = r#"{"op":"delete","kind":"user","key":"a"}"#;
    let other = r#"{"op":"delete","kind":"token","key":"a"}"#;
    let again = r#"{"op":"delete","kind":"user","key":"\u0061"}"#;
    for (changes, expected) in [
        ([upsert, other, delete, again], r#"{"n":1}"#),
        // Which of two meanings comes second does not matter, so a stand-in for a delete is empty.
        ([delete, other, again, upsert], ""),
    ] {
        let text = message(&changes);
        let changes = read(&text).changes;
        assert_eq!(changes.len(), 2, "{changes:?}");
        let (first, second) = (&changes[0], &changes[1]);
        assert_eq!((first.kind.as_ref(), first.key.as_ref()), ("user", "a"));
        assert!(
            matches!(&first.act, Act::Refuse(sent, why) if *sent == expected && why.contains("twice")),
            "{first:?}"
        );
        assert!(second.kind == "token" && matches!(second.act, Act::Delete));
    }
}

#[test]
fn too_many_changes_are_no_message_sound_or_not() {
    let sound: Vec<String> = (0..=crate::CHANGES_MAX)
        .map(|n| format!(r#"{{"op":"delete","kind":"user","key":"k{n}"}}"#))
        .collect();
    let sound: Vec<&str> = sound.iter().map(String::as_str).collect();
    let unsound = vec!["1"; crate::CHANGES_MAX + 1];
    for changes in [sound, unsound] {
        let why = parse_changes(message(&changes).as_bytes()).expect_err("too many");
        assert!(why.contains("more than 1024"), "{why}");
        let fewer = message(&changes[1..]);
        let fewer = read(&fewer);
        assert_eq!(fewer.changes.len() + fewer.misshapen.len(), crate::CHANGES_MAX);
    }
}

/// What a change may be, and whether it is in order.
const PIECES: [(&str, bool); 12] = [
    (r#"{"op":"upsert","kind":"user","key":"u","record":{"a":[1,2.5,null]}}"#, true),
    (r#" {"record":7,"later":[{}],"key":"\u0041","kind":"\u0061","op":"upser\u0074"} "#, true),
    (r#"{"op":"delete","kind":"token","key":"t"}"#, true),
    (r#"{"op":"delete","kind":"token","key":"t","record":null}"#, true),
    (r#"{"op":"delete","kind":"token","key":"t","record":{}}"#, false),
    (r#"{"op":"upsert","kind":"user","key":"u"}"#, false),
    (r#"{"op":"Upsert","kind":"user","key":"u","record":{}}"#, false),
    (r#"{"op":"delete","kind":"","key":"t"}"#, false),
    (r#"{"op":"delete","kind":"user","key":"a b"}"#, false),
    (r#"{"op":"delete","kind":"user","key":"k","key":"k"}"#, false),
    (r#"{"op":"delete","kind":7,"key":"k"}"#, false),
    ("5", false),
];

proptest! {
    #[test]
    fn one_reading_finds_what_a_reading_change_by_change_finds(
        chosen in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..8),
    ) {
        let pieces: Vec<&str> = chosen.iter().map(|(piece, _)| *piece).collect();
        let text = message(&pieces);
        let (slow, misshapen) = one_by_one(&text).expect("an envelope");
        prop_assert_eq!(slow.changes.len() + misshapen.len(), pieces.len());
        let quick = in_order(&text);
        prop_assert_eq!(quick.is_some(), chosen.iter().all(|(_, in_order)| *in_order));
        if let Some(quick) = quick {
            prop_assert!(misshapen.is_empty());
            prop_assert_eq!(format!("{:?}", quick.changes), format!("{:?}", slow.changes));
        }
    }
}
