//! The shared vectors (docs/contract/vectors), whose expected values another implementation computed, and what
//! that one says of records that nobody chose.

use contract::changes::{Act, parse_changes};
use contract::digest::{self, Digest};
use contract::id::Version;
use contract::record::{self, Parsed};
use contract::repair::Bits;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/contract/vectors")
}

fn vectors<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let text = std::fs::read_to_string(folder().join(name)).expect(name);
    let vectors: Vec<T> = serde_json::from_str(&text).expect(name);
    assert!(!vectors.is_empty(), "{name} is empty");
    vectors
}

/// A record as sent, and what has to come of it.
#[derive(Deserialize)]
struct Sent {
    what: String,
    /// Why it is refused, if it is.
    class: Option<String>,
    kind: String,
    key: String,
    version: Version,
    sent: String,
    counted: String,
    digest: Digest,
    place: String,
    buckets: BTreeMap<u8, u32>,
}

impl Sent {
    /// Compares all that is computed; returns what came of the record.
    fn check(&self) -> Parsed<'_> {
        let what = &self.what;
        let parsed = record::parse(&self.kind, &self.sent);
        assert_eq!(String::from_utf8_lossy(&parsed.canonical), self.counted, "{what}");
        let digest = digest::record(&self.kind, &self.key, &parsed.canonical, self.version);
        assert_eq!(digest, self.digest, "{what}");
        let place = digest::place(&self.kind, &self.key);
        assert_eq!(format!("{place:016x}"), self.place, "{what}");
        for (bits, bucket) in &self.buckets {
            let bits = Bits::new(*bits).expect("bits");
            assert_eq!(bits.bucket(place), *bucket, "{what}: {} bits", bits.get());
        }
        assert_eq!(self.buckets.len(), 5, "{what}");
        parsed
    }
}

#[test]
fn records() {
    for vector in vectors::<Sent>("records.json") {
        assert!(vector.class.is_none(), "{}", vector.what);
        let parsed = vector.check();
        assert!(parsed.record.is_ok(), "{}: {:?}", vector.what, parsed.record);
        let again = record::parse(&vector.kind, &vector.counted);
        assert_eq!(again, parsed, "{}: what is canonical is its own canonical form", vector.what);
    }
}

#[test]
fn refused_records() {
    let mut classes = BTreeMap::new();
    for vector in vectors::<Sent>("refused.json") {
        let parsed = vector.check();
        let reason = parsed.record.expect_err(&vector.what);
        let class = vector.class.clone().expect("a refused record has a class");
        let opaque = parsed.canonical == digest::opaque(vector.sent.as_bytes());
        let expected = match class.as_str() {
            "no_canonical_form" => opaque,
            "too_long" => opaque && reason.contains("more than"),
            "unknown_kind" => !opaque && reason.contains("not known"),
            "breaks_a_rule" => !opaque && !reason.contains("not known"),
            _ => false,
        };
        assert!(expected, "{}: {class}: {reason}", vector.what);
        *classes.entry(class).or_insert(0) += 1;
    }
    assert_eq!(classes.len(), 4, "{classes:?}");
}

#[derive(Deserialize)]
struct Message {
    what: String,
    sent: String,
    keys: Vec<Effect>,
    misshapen: Vec<usize>,
}

/// What a message does to one key.
#[derive(Deserialize, PartialEq, Debug)]
struct Effect {
    kind: String,
    key: String,
    digest: Option<Digest>,
    #[serde(default)]
    deleted: bool,
}

#[test]
fn messages() {
    for vector in vectors::<Message>("messages.json") {
        let message = parse_changes(vector.sent.as_bytes()).expect(&vector.what);
        let effect = |change: &contract::changes::Change<'_>| {
            let counted = match &change.act {
                Act::Upsert(sent) => Some(record::parse(&change.kind, sent).canonical.into_owned()),
                Act::Refuse(sent, _) => Some(digest::opaque(sent.as_bytes())),
                Act::Delete => None,
            };
            let digest =
                counted.map(|counted| digest::record(&change.kind, &change.key, &counted, message.version));
            Effect {
                kind: change.kind.to_string(),
                key: change.key.to_string(),
                deleted: digest.is_none(),
                digest,
            }
        };
        let found: Vec<Effect> = message.changes.iter().map(effect).collect();
        assert_eq!(found, vector.keys, "{}", vector.what);
        let misshapen: Vec<usize> = message.misshapen.iter().map(|(at, _)| *at).collect();
        assert_eq!(misshapen, vector.misshapen, "{}", vector.what);
    }
}

#[derive(Deserialize)]
struct History {
    what: String,
    steps: Vec<Step>,
    /// Of all buckets after the last step, by bits.
    digests: BTreeMap<u8, Vec<Digest>>,
}

/// An upsert, or without a record a delete; and the root after it.
#[derive(Deserialize)]
struct Step {
    kind: String,
    key: String,
    version: Version,
    sent: Option<String>,
    root: Digest,
}

#[test]
fn roots_and_buckets() {
    for History { what, steps, digests } in vectors("roots.json") {
        let mut rows: BTreeMap<(String, String), Digest> = BTreeMap::new();
        let mut root = Digest::ZERO;
        for (at, step) in steps.into_iter().enumerate() {
            let name = (step.kind, step.key);
            if let Some(old) = rows.remove(&name) {
                root = root.minus(old);
            }
            if let Some(sent) = step.sent {
                let counted = record::parse(&name.0, &sent).canonical;
                let digest = digest::record(&name.0, &name.1, &counted, step.version);
                root = root.plus(digest);
                rows.insert(name, digest);
            }
            assert_eq!(root, step.root, "{what}: step {at}");
        }
        for (bits, expected) in digests {
            let bits = Bits::new(bits).expect("bits");
            let mut found = vec![Digest::ZERO; expected.len()];
            for ((kind, key), digest) in &rows {
                let bucket = bits.bucket(digest::place(kind, key)) as usize;
                found[bucket] = found[bucket].plus(*digest);
            }
            assert_eq!(found, expected, "{what}: {} bits", bits.get());
            assert_eq!(found.into_iter().fold(Digest::ZERO, Digest::plus), root, "{what}");
        }
    }
}

fn check(folder: &Path) -> Output {
    let mut command = Command::new("python3");
    command.arg(folder.join("check.py")).output().expect("python3 is installed; `make setup` installs it")
}

/// Python's standard library agrees: an implementation that shares no line with this crate.
#[test]
fn an_independent_program_agrees() {
    let output = check(&folder());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.lines().count(), 4, "{said}");
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        8 => any::<String>().prop_map(Value::from),
        4 => (-(1_i64 << 53)..=1 << 53).prop_map(Value::from),
        2 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(5, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map(any::<String>(), inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Records that nobody chose, most of them with a canonical form.
#[test]
fn the_independent_program_agrees_on_any_record() {
    let mut runner = TestRunner::deterministic();
    let mut refused = 0;
    let strategy = btree_map(any::<String>(), values(), 0..4);
    let vectors: Vec<Value> = (0..500)
        .map(|n| {
            let members = strategy.new_tree(&mut runner).expect("a record").current();
            let sent = serde_json::to_string_pretty(&members).expect("JSON");
            let key = format!("u-{n}");
            let counted = record::parse("user", &sent).canonical.into_owned();
            refused += usize::from(counted == digest::opaque(sent.as_bytes()));
            let place = digest::place("user", &key);
            let buckets: BTreeMap<String, u32> = [0, 1, 4, 14, 16]
                .map(|bits| (bits.to_string(), Bits::new(bits).expect("bits").bucket(place)))
                .into();
            json!({
                "what": sent, "kind": "user", "key": key, "version": [n, n], "sent": sent,
                "counted": String::from_utf8(counted.clone()).expect("UTF-8"),
                "digest": digest::record("user", &key, &counted, Version { epoch: n, seq: n }),
                "place": format!("{place:016x}"), "buckets": buckets,
            })
        })
        .collect();
    assert!((50..450).contains(&refused), "{refused} of 500 are refused");
    let copy = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("any");
    std::fs::create_dir_all(&copy).expect("a folder");
    std::fs::copy(folder().join("check.py"), copy.join("check.py")).expect("a copy");
    for name in ["refused.json", "messages.json", "roots.json"] {
        std::fs::write(copy.join(name), "[]").expect("write");
    }
    std::fs::write(copy.join("records.json"), Value::from(vectors).to_string()).expect("write");
    let output = check(&copy);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// It would say so if it did not.
#[test]
fn the_independent_program_sees_a_wrong_vector() {
    let copy = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("vectors");
    std::fs::create_dir_all(&copy).expect("a folder");
    for file in std::fs::read_dir(folder()).expect("vectors") {
        let file = file.expect("a file");
        if file.file_type().expect("a type").is_file() {
            std::fs::copy(file.path(), copy.join(file.file_name())).expect("a copy");
        }
    }
    let wrongs = [
        ("records.json", "62020ef67e9d6cad125efb9d96614869", "62020ef67e9d6cad125efb9d9661486a"),
        ("messages.json", "\"misshapen\": []", "\"misshapen\": [0]"),
        ("roots.json", "\"digests\": {\"0\": [\"0", "\"digests\": {\"0\": [\"1"),
    ];
    for (name, from, to) in wrongs {
        let path = copy.join(name);
        let right = std::fs::read_to_string(&path).expect("vectors");
        let wrong = right.replacen(from, to, 1);
        assert_ne!(wrong, right, "{name}");
        std::fs::write(&path, wrong).expect("write");
        assert_eq!(check(&copy).status.code(), Some(1), "{name}");
        std::fs::write(&path, right).expect("write");
    }
}
