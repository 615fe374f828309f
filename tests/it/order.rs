//! Promises of the mirror under any order of delivery, by property: loss, duplication, delay and restarts.

use contract::digest::{self, Digest};
use contract::id::Version;
use contract::record;
use doorward::mirror::Mirror;
use doorward::mirror::apply::{Applied, Batch, Room};
use doorward::mirror::list;
use doorward::mirror::standing;
use proptest::prelude::*;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// One change of one of a few keys: a user who comes, changes, is refused, or goes.
#[derive(Clone, Debug)]
enum Change {
    Put(u8, bool),
    Bad(u8),
    Delete(u8),
}

/// What happens to the stream.
#[derive(Clone, Debug)]
enum Step {
    /// The source changes something and publishes it.
    Publish(Change),
    /// Message `n` (modulo what there is) is delivered, perhaps not for the first time.
    Deliver(usize),
    /// It is delivered while the disk is full: not acknowledged, so it comes again.
    DeliverInNeed(usize),
    /// The source starts again.
    NewEpoch,
    /// The gateway does.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0..4_u8;
    let change = prop_oneof![
        4 => (key.clone(), any::<bool>()).prop_map(|(key, active)| Change::Put(key, active)),
        1 => key.clone().prop_map(Change::Bad),
        2 => key.prop_map(Change::Delete),
    ];
    let step = prop_oneof![
        6 => change.prop_map(Step::Publish),
        8 => any::<usize>().prop_map(Step::Deliver),
        3 => any::<usize>().prop_map(Step::DeliverInNeed),
        1 => Just(Step::NewEpoch),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..60)
}

#[derive(Default)]
struct Source {
    version: Version,
    rows: BTreeMap<String, Digest>,
    messages: Vec<(Version, String, Option<Value>, Vec<u8>)>,
}

impl Source {
    fn root(&self) -> Digest {
        self.rows.values().fold(Digest::ZERO, |root, digest| root.plus(*digest))
    }

    fn publish(&mut self, change: &Change) {
        self.version.seq += 1;
        let (key, record) = match change {
            Change::Put(key, active) => {
                let status = if *active { "active" } else { "locked" };
                let family = format!("at {}", self.version);
                (
                    format!("k{key}"),
                    Some(json!({ "status": status, "given_name": "A", "family_name": family })),
                )
            }
            Change::Bad(key) => (format!("k{key}"), Some(json!({ "status": "gone fishing", "weight": 7.5 }))),
            Change::Delete(key) => (format!("k{key}"), None),
        };
        let change = match &record {
            Some(record) => {
                let sent = record.to_string();
                let parsed = record::parse("user", &sent);
                let digest = digest::record("user", &key, &parsed.canonical, self.version);
                self.rows.insert(key.clone(), digest);
                json!({ "op": "upsert", "kind": "user", "key": key, "record": record })
            }
            None => {
                self.rows.remove(&key);
                json!({ "op": "delete", "kind": "user", "key": key })
            }
        };
        let message = self.message(&[change]);
        self.messages.push((self.version, key, record, message));
    }

    fn message(&self, changes: &[Value]) -> Vec<u8> {
        let Version { epoch, seq } = self.version;
        json!({ "epoch": epoch, "seq": seq, "root": self.root(), "changes": changes })
            .to_string()
            .into_bytes()
    }
}

fn apply(conn: &Connection, payload: &[u8], room: Room) -> Applied {
    let mut batch = Batch::begin(conn, access::time::UtcTime::from_unix(0), room).expect("begun");
    batch.changes(payload).expect("applied");
    batch.end().expect("ended")
}

fn deliver(conn: &Connection, payload: &[u8]) {
    apply(conn, payload, Room::Ample);
}

/// On a full disk what closes counts at once, and nothing is acknowledged. Returns whether the message counts.
fn deliver_in_need(conn: &Connection, payload: &[u8], record: Option<&Value>) -> bool {
    assert!(!apply(conn, payload, Room::NarrowingOnly).complete, "it has to come again");
    record.is_none_or(|record| record["status"] != "active")
}

/// Each key is what the newest delivered message about it said, and the root is the sum of what is there.
fn check(conn: &Connection, newest: &BTreeMap<String, (Version, Option<Value>)>) {
    let rows = list::records(conn, contract::id::Kind::User, None, 100).expect("list");
    let mut root = Digest::ZERO;
    for row in &rows {
        let parsed = record::parse("user", &row.body);
        root = root.plus(digest::record("user", &row.key, &parsed.canonical, row.version));
        let (version, record) = &newest[&row.key];
        assert_eq!(row.version, *version, "{}", row.key);
        let record = record.as_ref().expect("not deleted").to_string();
        assert_eq!(record::parse("user", &record).canonical, parsed.canonical);
        assert_eq!(row.refused.is_some(), record.contains("fishing"));
    }
    let expected = newest.values().filter(|(_, record)| record.is_some()).count();
    assert_eq!(rows.len(), expected, "nothing is left of what was deleted");
    assert_eq!(standing::standing(conn).expect("standing").root, root, "the root is the sum of the rows");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_key_is_ever_wider_than_the_newest_message_about_it(steps in steps()) {
        let folder = tempfile::tempdir().expect("folder");
        let site = "office".parse().expect("site");
        let open = || Mirror::at(folder.path()).open_writer(&site, || "stream".into()).expect("mirror");
        let mut conn = open();
        let mut source = Source { version: Version { epoch: 1, seq: 0 }, ..Source::default() };
        let mut newest: BTreeMap<String, (Version, Option<Value>)> = BTreeMap::new();
        for step in &steps {
            match step {
                Step::Publish(change) => source.publish(change),
                Step::NewEpoch => source.version = Version { epoch: source.version.epoch + 1, seq: 0 },
                Step::Restart => conn = open(),
                Step::Deliver(_) | Step::DeliverInNeed(_) if source.messages.is_empty() => {}
                Step::DeliverInNeed(at) => {
                    let (version, key, record, payload) = &source.messages[at % source.messages.len()];
                    let proven = standing::standing(&conn).expect("standing").floor;
                    let counts = deliver_in_need(&conn, payload, record.as_ref()) && *version > proven;
                    if counts && newest.get(key).is_none_or(|(known, _)| known < version) {
                        newest.insert(key.clone(), (*version, record.clone()));
                    }
                }
                Step::Deliver(at) => {
                    let (version, key, record, payload) = &source.messages[at % source.messages.len()];
                    // What is at or below a proof is known already, heard or not.
                    let proven = standing::standing(&conn).expect("standing").floor;
                    deliver(&conn, payload);
                    if *version > proven && newest.get(key).is_none_or(|(known, _)| known < version) {
                        newest.insert(key.clone(), (*version, record.clone()));
                    }
                }
            }
            check(&conn, &newest);
        }
        // When everything has arrived, in whatever order, a checkpoint proves the mirror.
        for (version, key, record, payload) in source.messages.iter().rev() {
            let proven = standing::standing(&conn).expect("standing").floor;
            deliver(&conn, payload);
            if *version > proven && newest.get(key).is_none_or(|(known, _)| known < version) {
                newest.insert(key.clone(), (*version, record.clone()));
            }
        }
        deliver(&conn, &source.message(&[]));
        check(&conn, &newest);
        let standing = standing::standing(&conn).expect("standing");
        prop_assert_eq!(standing.out_of_sync, None);
        prop_assert_eq!((standing.floor, standing.root), (source.version, source.root()));
    }
}
