//! The schema files are what the types say.

use crate::{complaints, docs, read};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Set, the test writes the files instead of comparing them.
const REWRITE: &str = "DOORWARD_REWRITE_SCHEMAS";

#[test]
fn the_files_are_what_the_types_say() {
    let folder = docs("contract/schemas");
    let mut names = BTreeSet::new();
    for (name, schema) in contract::schema::all() {
        let text = serde_json::to_string_pretty(&schema).expect("JSON") + "\n";
        let path = folder.join(format!("{name}.json"));
        if std::env::var_os(REWRITE).is_some() {
            std::fs::write(&path, &text).expect("write");
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(found, text, "{name}.json is out of step; run this test with {REWRITE}=1");
        names.insert(format!("{name}.json"));
    }
    let files = std::fs::read_dir(folder).expect("docs/contract/schemas");
    let found: BTreeSet<_> =
        files.map(|file| file.expect("a file").file_name().into_string().expect("UTF-8")).collect();
    assert_eq!(found, names, "a file of no message and no kind");
}

/// What a schema must catch: otherwise a validator's silence means nothing.
#[test]
fn schemas_refuse_what_is_wrong() {
    let root = "0".repeat(32);
    let changes = |changes: Value| json!({ "epoch": 1, "seq": 1, "root": root, "changes": changes });
    let table = [
        ("meta", json!({ "epoch": 1, "head_seq": 1 })),
        ("meta", json!({ "epoch": 1_u64 << 53, "head_seq": 1, "minor": 0 })),
        ("meta", json!({ "epoch": 1, "head_seq": 1, "minor": 0, "exporter": "Panel 1" })),
        ("changes", json!({ "epoch": 1, "seq": 1, "root": "abcd", "changes": [] })),
        ("changes", changes(json!([{ "op": "put", "kind": "user", "key": "u", "record": {} }]))),
        ("changes", changes(json!([{ "op": "upsert", "kind": "user", "key": "u" }]))),
        ("changes", changes(json!([{ "op": "delete", "kind": "user", "key": "u", "record": {} }]))),
        ("changes", changes(json!([{ "op": "delete", "kind": "User", "key": "u" }]))),
        ("changes", changes(json!([{ "op": "delete", "kind": "user", "key": "a/b" }]))),
        ("changes", changes(json!(vec![json!({ "op": "delete", "kind": "user", "key": "u" }); 1025]))),
        ("request", json!({ "high": [1], "want": { "type": "digests" } })),
        ("request", json!({ "high": [1, 2], "want": { "type": "everything" } })),
        ("request", json!({ "high": [1, 2], "want": { "type": "buckets", "bits": 17, "buckets": [] } })),
        (
            "request",
            json!({ "high": [1, 2], "want": { "type": "buckets", "bits": 16, "buckets": vec![1; 257] } }),
        ),
        ("digests", json!({ "epoch": 1, "as_of_seq": 1, "bits": 0, "from": 0, "digests": [] })),
        (
            "bucket",
            json!({ "epoch": 1, "as_of_seq": 1, "bits": 0, "bucket": 0, "records": [{ "kind": "user" }] }),
        ),
        (
            "events",
            json!({ "stream": "s", "seq": 1, "at": "2026-11-23T07:00:00+01:00", "event": { "type": "refused_message", "topic": "changes", "bytes": 1, "reason": "r" } }),
        ),
        ("command", json!({ "id": "c", "expires": "2026-11-23T07:00:00Z", "command": { "type": "open" } })),
        ("user", json!({ "status": "ACTIVE", "given_name": "A", "family_name": "B" })),
        ("user", json!({ "status": "active", "given_name": "A", "family_name": "B", "pin": null })),
        ("user", json!({ "status": "active", "given_name": "a\nb", "family_name": "B" })),
        (
            "token",
            json!({ "kind": "card", "status": "ACTIVE", "identifiers": [{ "type": "mifare", "hex": "04A" }] }),
        ),
        ("assignment", json!({ "user": "u", "entitlement": "e", "valid_to": "2026-13-01T00:00:00Z" })),
        (
            "schedule",
            json!({ "zone": "UTC", "weekly": [{ "days": ["mon"], "from": "7:00", "to": "18:00" }] }),
        ),
        ("door", json!({ "name": "D", "grants": [{ "schedule": "s" }] })),
    ];
    for (schema, value) in table {
        assert!(!complaints(schema, &value).is_empty(), "{schema} lets {value} through");
    }
}

/// A later minor version adds members; nobody may stumble over them.
#[test]
fn schemas_let_unknown_members_through() {
    let meta = json!({ "epoch": 1, "head_seq": 1, "minor": 1, "later": { "a": [1] } });
    assert_eq!(complaints("meta", &meta), [""; 0]);
    let user = json!({ "status": "active", "given_name": "A", "family_name": "B", "badge_colour": "red" });
    assert_eq!(complaints("user", &user), [""; 0]);
}

/// A schema may let through what is refused (it counts no bytes and knows no calendar), but never the reverse.
#[test]
fn schemas_let_through_every_record_that_a_gateway_takes() {
    let vectors: Vec<Value> = serde_json::from_str(&read("contract/vectors/records.json")).expect("JSON");
    assert!(!vectors.is_empty());
    for vector in vectors {
        let record: Value = serde_json::from_str(vector["sent"].as_str().expect("text")).expect("JSON");
        let kind = vector["kind"].as_str().expect("text");
        assert_eq!(complaints(kind, &record), [""; 0], "{}", vector["what"]);
    }
}

/// How far schemas go: of the records that break a rule of their kind, these are left to the gateway.
#[test]
fn schemas_see_most_of_what_breaks_a_rule() {
    let vectors: Vec<Value> = serde_json::from_str(&read("contract/vectors/refused.json")).expect("JSON");
    let unseen = vectors.iter().filter(|vector| vector["class"] == "breaks_a_rule").filter(|vector| {
        let record: Value = serde_json::from_str(vector["sent"].as_str().expect("text")).expect("JSON");
        complaints(vector["kind"].as_str().expect("text"), &record).is_empty()
    });
    let unseen: Vec<_> = unseen.map(|vector| vector["what"].as_str().expect("text")).collect();
    let expected = [
        "a name of 257 bytes",
        "a day that does not exist",
        "a window that never opens",
        "an interval that begins at 24:00",
        "a schedule without a zone",
    ];
    assert_eq!(unseen, expected);
}
