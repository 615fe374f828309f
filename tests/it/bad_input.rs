//! Bad input: a clear reason is kept and reported, the stream goes on, and the older version of a refused
//! record stops granting.

mod records;

use crate::world::{World, assignment, card, entitlement, eventually, user};
use contract::messages::Event;
use contract::{digest, record};
use doorward::mirror::{Mirror, list};
use records::bad_records;
use serde_json::json;

#[test]
fn a_bad_record_is_refused_by_name_and_its_older_version_stops_granting() {
    let mut world = World::new();
    let _gateway = world.gateway();
    let cases = bad_records();
    // An older, good version under each key that the bad one is to replace.
    for (at, (_, kind, _, _)) in cases.iter().enumerate() {
        let good = match *kind {
            "user" => user("Good", "User"),
            "token" => card("u", "04A1B2C3"),
            "assignment" => assignment("u", "e", "", ""),
            "entitlement" => entitlement("ap-main", "Main"),
            "schedule" => json!({ "zone": "UTC", "weekly": [] }),
            "door" => json!({ "name": "Main", "grants": [] }),
            _ => continue,
        };
        world.source.put(kind, &format!("k{at}"), good);
    }
    world.source.publish();
    world.expect_equal_mirror();
    for (at, (_, kind, sent, _)) in cases.iter().enumerate() {
        let key = format!("k{at}");
        let version = world.source.use_version();
        let parsed = record::parse(kind, sent);
        world.source.count_refused(kind, &key, digest::record(kind, &key, &parsed.canonical, version));
        let root = world.source.head().1;
        let message = format!(
            r#"{{"epoch":{},"seq":{},"root":"{root}","changes":[{{"op":"upsert","kind":"{kind}","key":"{key}","record":{sent}}}]}}"#,
            version.epoch, version.seq
        );
        world.source.publish_raw(message.into_bytes());
    }
    // Refused records are in the root, so that the mirror is proven all the same.
    world.expect_equal_mirror();
    let conn = Mirror::at(&world.folder.path().join("state")).open_reader().expect("reader");
    let refused = list::refused_records(&conn, 1000).expect("list");
    for (at, (what, kind, _, word)) in cases.iter().enumerate() {
        let key = format!("k{at}");
        let row = refused.iter().find(|row| row.key == key && row.kind == *kind);
        let reason = row.and_then(|row| row.refused.clone()).unwrap_or_else(|| panic!("{what}: not refused"));
        assert!(reason.contains(word), "{what}: {reason}");
        world.source.expect_event(what, |event| {
            matches!(event, Event::RefusedRecord { key: k, reason: r, .. } if *k == key && r.contains(word))
        });
    }
    assert_eq!(refused.len(), cases.len());
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one case a line")]
fn a_message_without_a_valid_envelope_is_kept_with_its_reason_and_the_stream_goes_on() {
    let mut world = World::new();
    let _gateway = world.gateway();
    let root = "0".repeat(32);
    let with = |changes: &str| format!(r#"{{"epoch":999,"seq":1,"root":"{root}","changes":{changes}}}"#);
    let many: Vec<String> =
        (0..1025).map(|n| format!(r#"{{"op":"delete","kind":"user","key":"k{n}"}}"#)).collect();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nothing", Vec::new(), "EOF"),
        ("noise", (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect(), "bytes"),
        ("invalid UTF-8", b"{\"epoch\":1\xff}".to_vec(), "UTF-8"),
        ("not JSON", b"hello".to_vec(), "expected"),
        ("half a message", br#"{"epoch":1000,"seq":1,"#.to_vec(), "EOF"),
        ("an array", b"[]".to_vec(), "invalid"),
        ("something after the message", (with("[]") + "x").into_bytes(), "trailing"),
        ("no epoch", with("[]").replace(r#""epoch":999,"#, "").into_bytes(), "epoch"),
        ("epoch as text", with("[]").replace("999", "\"999\"").into_bytes(), "invalid type"),
        ("epoch as a float", with("[]").replace("999", "999.5").into_bytes(), "floating"),
        ("a negative seq", with("[]").replace("\"seq\":1", "\"seq\":-1").into_bytes(), "invalid value"),
        ("epoch out of range", with("[]").replace("999", "9007199254740992").into_bytes(), "2^53"),
        ("seq twice", with("[]").replace("\"seq\":1", "\"seq\":1,\"seq\":2").into_bytes(), "duplicate"),
        ("a short root", with("[]").replace(&root, "abcd").into_bytes(), "32 lower-case"),
        ("a root in capitals", with("[]").replace(&root, &"A".repeat(32)).into_bytes(), "32 lower-case"),
        ("no changes", with("[]").replace(r#","changes":[]"#, "").into_bytes(), "changes"),
        ("changes as an object", with("{}").into_bytes(), "invalid type"),
        ("too many changes", with(&format!("[{}]", many.join(","))).into_bytes(), "1024"),
        ("deep nesting", "[".repeat(100_000).into_bytes(), "invalid"),
        ("a change that is a number", with("[5]").into_bytes(), "change 0"),
        ("a change without a kind", with(r#"[{"op":"delete","key":"k"}]"#).into_bytes(), "kind"),
        ("a change without a key", with(r#"[{"op":"delete","kind":"user"}]"#).into_bytes(), "key"),
        ("a kind with capitals", with(r#"[{"op":"delete","kind":"User","key":"k"}]"#).into_bytes(), "a-z"),
        (
            "a key with a slash",
            with(r#"[{"op":"delete","kind":"user","key":"a/b"}]"#).into_bytes(),
            "characters",
        ),
        (
            "a key with a space",
            with(r#"[{"op":"delete","kind":"user","key":"a b"}]"#).into_bytes(),
            "characters",
        ),
        (
            "a key with a quotation mark",
            with(r#"[{"op":"delete","kind":"user","key":"a\"b"}]"#).into_bytes(),
            "characters",
        ),
        (
            "a key with a letter beyond ASCII",
            with(r#"[{"op":"delete","kind":"user","key":"åsa"}]"#).into_bytes(),
            "characters",
        ),
        ("an empty key", with(r#"[{"op":"delete","kind":"user","key":""}]"#).into_bytes(), "1 to 64"),
        (
            "a key too long",
            with(&format!(r#"[{{"op":"delete","kind":"user","key":"{}"}}]"#, "k".repeat(65))).into_bytes(),
            "1 to 64",
        ),
        (
            "a key as a number",
            with(r#"[{"op":"delete","kind":"user","key":7}]"#).into_bytes(),
            "invalid type",
        ),
    ];
    let count = cases.len();
    for (_, payload, _) in &cases {
        world.source.publish_raw(payload.clone());
    }
    world.source.put("user", "after", user("Still", "Here"));
    world.source.publish();
    world.expect_equal_mirror();
    let conn = Mirror::at(&world.folder.path().join("state")).open_reader().expect("reader");
    let mut kept = list::refused_messages(&conn, 1000).expect("list");
    kept.reverse();
    assert_eq!(kept.len(), count, "one each: {kept:#?}");
    for ((what, payload, word), message) in cases.iter().zip(&kept) {
        assert!(message.reason.contains(word), "{what}: {}", message.reason);
        assert_eq!(message.bytes, payload.len() as u64, "{what}");
        world.source.expect_event(
            what,
            |event| matches!(event, Event::RefusedMessage { reason, .. } if *reason == message.reason),
        );
    }
}

#[test]
fn a_message_that_says_two_things_of_one_key_opens_nothing_by_either() {
    let mut world = World::new();
    let _gateway = world.gateway();
    world.source.put("entitlement", "main", entitlement("ap-main", "Main"));
    world.source.put("user", "ada", user("Ada", "Ek")).put("token", "c1", card("ada", "04A1B2C3"));
    world.source.put("assignment", "a1", assignment("ada", "main", "", ""));
    world.source.publish();
    world.expect_permissions("PAada", Some(&["ap-main"]));
    let version = world.source.use_version();
    let root = world.source.head().1;
    let twice = format!(
        r#"{{"epoch":{},"seq":{},"root":"{root}","changes":[
            {{"op":"upsert","kind":"user","key":"ada","record":{{"status":"active","given_name":"A","family_name":"B"}}}},
            {{"op":"upsert","kind":"user","key":"bo","record":{{"status":"active","given_name":"Bo","family_name":"Al"}}}},
            {{"op":"delete","kind":"user","key":"ada"}}]}}"#,
        version.epoch, version.seq
    );
    world.source.publish_raw(twice.into_bytes());
    world.expect_permissions("PAada", None);
    world.source.expect_event("the key is named", |event| {
        matches!(event, Event::RefusedRecord { key, reason, .. } if key == "ada" && reason.contains("twice"))
    });
    let conn = Mirror::at(&world.folder.path().join("state")).open_reader().expect("reader");
    let bo = list::records(&conn, contract::id::Kind::User, Some("bo"), 10).expect("list");
    assert_eq!(bo.len(), 1, "the rest of the message counts");
}

#[test]
fn an_upsert_without_a_record_and_an_unknown_op_refuse_the_key() {
    let mut world = World::new();
    let _gateway = world.gateway();
    for (at, change) in [
        r#"{"op":"upsert","kind":"user","key":"k0"}"#,
        r#"{"op":"delete","kind":"user","key":"k1","record":{}}"#,
        r#"{"op":"merge","kind":"user","key":"k2","record":{}}"#,
    ]
    .into_iter()
    .enumerate()
    {
        world.source.put("user", &format!("k{at}"), user("Good", "User"));
        world.source.publish();
        let version = world.source.use_version();
        let message = format!(
            r#"{{"epoch":{},"seq":{},"root":"{}","changes":[{change}]}}"#,
            version.epoch,
            version.seq,
            "0".repeat(32)
        );
        world.source.publish_raw(message.into_bytes());
    }
    let conn = || Mirror::at(&world.folder.path().join("state")).open_reader();
    eventually("all three are refused", || {
        let refused = conn().map(|conn| list::refused_records(&conn, 10).expect("list"));
        match refused {
            Ok(refused) if refused.len() == 3 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}

#[test]
fn stale_duplicated_and_older_messages_change_nothing() {
    let mut world = World::new();
    let _gateway = world.gateway();
    world.source.put("user", "ada", user("Ada", "First"));
    let first = world.source.next_message();
    world.source.put("user", "ada", user("Ada", "Second"));
    let second = world.source.next_message();
    // Out of order, and twice.
    for message in [&second, &first, &second, &first] {
        world.source.publish_raw(message.clone());
    }
    world.source.checkpoint();
    world.expect_equal_mirror();
    // An epoch that is over counts key by key: newer than nothing, it is applied; older than what is known, not.
    world.source.new_epoch();
    world.source.put("user", "ada", user("Ada", "Third"));
    world.source.publish();
    world.source.publish_raw(second);
    world.source.checkpoint();
    world.expect_equal_mirror();
    let conn = Mirror::at(&world.folder.path().join("state")).open_reader().expect("reader");
    let ada = list::records(&conn, contract::id::Kind::User, Some("ada"), 10).expect("list");
    assert!(ada[0].body.contains("Third"), "{ada:?}");
}

#[test]
fn a_command_or_hint_that_makes_no_sense_is_refused_with_its_reason() {
    let mut world = World::new();
    let _gateway = world.gateway();
    let commands: [(&[u8], &str); 3] = [
        (b"{", "EOF"),
        (
            br#"{"id":"1","expires":"2026-11-23T09:00:00Z","command":{"type":"open_all_doors"}}"#,
            "open_all_doors",
        ),
        (
            br#"{"id":"1","expires":"tomorrow","command":{"type":"events_received","stream":"s","seq":1}}"#,
            "instant",
        ),
    ];
    world.source.put("user", "first", user("Is", "Connected"));
    world.source.publish();
    world.expect_equal_mirror();
    for (payload, word) in commands {
        world.source.publish_command(payload.to_vec());
        world.source.expect_event(word, |event| {
            matches!(event, Event::RefusedMessage { topic, reason, .. } if topic == "command" && reason.contains(word))
        });
    }
}
