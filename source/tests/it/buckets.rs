//! Answers from the file alone, beside what follows from its rows; and the way from layout 1.

use crate::asked::{Sums, holds};
use access::time::UtcTime;
use contract::MESSAGE_MAX_BYTES;
use contract::digest::Digest;
use contract::id::Version;
use contract::repair::{Bits, Want, parse_bucket, parse_digests};
use contract::topics::GatewayTopic;
use doorward_source::answers::Answers;
use doorward_source::change::{Change, Check};
use doorward_source::store::Store;
use doorward_source::store::buckets::Filled;
use proptest::prelude::*;
use rusqlite::{Connection, params};
use std::path::Path;

const NOW: UtcTime = UtcTime::from_unix(1_800_000_000);
const LAYOUT_1: &str = include_str!("layout_1.sql");

fn bits(n: u8) -> Bits {
    Bits::new(n).expect("at most 16")
}

/// A record with a text of `bytes`.
fn wide(key: &str, bytes: usize) -> Change {
    let record = format!(r#"{{"text":"{}"}}"#, "x".repeat(bytes));
    Change::upsert("note", key, &record, Check::Canonical).expect("canonical")
}

fn filled(records: impl IntoIterator<Item = Change>) -> Store {
    let mut store = Store::open_in_memory(NOW).expect("memory");
    let list: Vec<Change> = records.into_iter().collect();
    store.apply(&list, 1000).expect("applied");
    store
}

/// Whatever was changed, all divisions agree with the rows.
fn agrees(store: &Store) {
    let rows = store.rows(None, None).expect("rows");
    let head = store.head().expect("head");
    for n in [0, 1, 5, 12, 16] {
        let sums = Sums::of(&rows, bits(n));
        for from in (0..bits(n).buckets()).step_by(1024) {
            let page = store.digests_page(bits(n), from).expect("a page");
            assert_eq!((page.as_of(), page.from), (head.version, from));
            sums.agree(&page);
        }
        if n == 5 {
            for index in 0..32 {
                let Filled::Payload(payload) = store.bucket(bits(n), index).expect("read") else {
                    panic!("bucket {index} is too big")
                };
                let bucket = parse_bucket(&payload).expect("valid");
                assert_eq!((bucket.as_of, bucket.bucket), (head.version, index));
                holds(&rows, &bucket);
            }
        }
    }
    assert_eq!(store.digests_page(bits(0), 0).expect("a page").digests, [head.root]);
}

#[test]
fn sums_follow_every_insertion_change_and_deletion() {
    let mut store = filled((0..600).map(|n| wide(&format!("n-{n}"), 10)));
    agrees(&store);
    let changed: Vec<Change> = (0..300).map(|n| wide(&format!("n-{n}"), 200)).collect();
    store.apply(&changed, 7).expect("applied");
    agrees(&store);
    let gone = |n| Change::delete("note", &format!("n-{n}"), Check::Canonical).expect("a key");
    store.apply(&(0..600).map(gone).collect::<Vec<_>>(), 100).expect("applied");
    agrees(&store);
    assert_eq!(store.root().expect("root"), Digest::ZERO);
}

/// What is answered: the digests' bits, and how many buckets.
fn answered(store: &mut Store, want: Want) -> (Vec<(u8, u32)>, Vec<u32>) {
    let (mut pages, mut buckets) = (Vec::new(), Vec::new());
    let mut answers = Answers::to(want);
    while let Some(answer) = answers.next(store).expect("read") {
        if answer.topic == GatewayTopic::Digests {
            let page = parse_digests(&answer.payload).expect("valid");
            pages.push((page.bits.get(), page.from));
        } else {
            buckets.push(parse_bucket(&answer.payload).expect("valid").bucket);
        }
    }
    (pages, buckets)
}

#[test]
fn every_want_is_answered_at_the_current_division() {
    let mut store = filled((0..2000).map(|n| wide(&format!("n-{n}"), 10_000)));
    let now = store.settle_bits().expect("settled");
    assert_eq!(now, bits(10));
    assert_eq!(answered(&mut store, Want::Digests), (vec![(10, 0)], vec![]));
    assert_eq!(answered(&mut store, Want::All { from: 1020, count: 32 }).1, [1020, 1021, 1022, 1023]);
    assert_eq!(answered(&mut store, Want::All { from: 1024, count: 32 }), (vec![(10, 0)], vec![]));
    assert_eq!(answered(&mut store, Want::All { from: 0, count: u32::MAX }).1.len(), 256);
    let buckets = vec![3, 900, 17];
    assert_eq!(answered(&mut store, Want::Buckets { bits: now, buckets: buckets.clone() }).1, buckets);
    let other = Want::Buckets { bits: bits(9), buckets: vec![3] };
    assert_eq!(answered(&mut store, other), (vec![(10, 0)], vec![]));
}

#[test]
fn a_bucket_that_outgrows_its_message_turns_the_rest_of_the_answer_into_digests() {
    // Eight large records whose places begin with the same bits, and some room for others.
    let keys = (0..).map(|n| format!("n-{n}")).filter(|key| {
        let place = contract::digest::place("note", key);
        bits(3).bucket(place) == 2
    });
    let keys: Vec<String> = keys.take(9).collect();
    let mut store = filled((0..40).map(|n| wide(&format!("small-{n}"), 2_000)));
    assert_eq!(store.settle_bits().expect("settled"), bits(2));
    let at = bits(2);
    let mut answers = Answers::to(Want::Buckets { bits: at, buckets: vec![0, 1, 2] });
    assert_eq!(answers.next(&mut store).expect("read").expect("one").topic, GatewayTopic::Bucket);
    store.apply(&keys.iter().map(|key| wide(key, 16_000)).collect::<Vec<_>>(), 1).expect("applied");
    let second = answers.next(&mut store).expect("read").expect("one");
    assert_eq!(second.topic, GatewayTopic::Digests);
    let page = parse_digests(&second.payload).expect("valid");
    assert!(page.bits > at && page.bits == store.bits().expect("bits"), "{:?}", page.bits);
    agrees_at(&store, page.bits);
}

fn agrees_at(store: &Store, at: Bits) {
    let rows = store.rows(None, None).expect("rows");
    for index in 0..at.buckets() {
        let Filled::Payload(payload) = store.bucket(at, index).expect("read") else {
            panic!("bucket {index} is too big")
        };
        holds(&rows, &parse_bucket(&payload).expect("valid"));
    }
}

#[test]
fn what_fits_in_no_bucket_is_left_out_and_the_rest_is_answered() {
    // Nine keys of one finest bucket, found by trying.
    let finest = bits(16);
    let keys = (0..).map(|n| format!("n-{n}"));
    let keys: Vec<String> =
        keys.filter(|key| finest.bucket(contract::digest::place("note", key)) == 7).take(9).collect();
    let mut store = filled(keys.iter().map(|key| wide(key, 16_000)));
    assert_eq!(store.settle_bits().expect("settled"), finest);
    assert!(matches!(store.bucket(finest, 7).expect("read"), Filled::TooBig { bytes } if bytes > 140_000));
    let want = Want::Buckets { bits: finest, buckets: vec![6, 7, 8] };
    assert_eq!(answered(&mut store, want), (vec![], vec![6, 8]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// With the longest versions there can be, so that the messages are as large as their records allow.
    #[test]
    fn every_bucket_is_one_message_whatever_the_sizes(sizes in prop::collection::vec(0_usize..16_300, 1..120)) {
        let mut store = Store::open_in_memory(NOW).expect("memory");
        store.begin_epoch(Some((1 << 53) - 3), NOW).expect("begun");
        let list: Vec<Change> =
            sizes.iter().enumerate().map(|(n, bytes)| wide(&format!("n-{n}"), *bytes)).collect();
        store.apply(&list, 1000).expect("applied");
        let at = store.settle_bits().expect("settled");
        let mut records = 0;
        for index in 0..at.buckets() {
            let Filled::Payload(payload) = store.bucket(at, index).expect("read") else {
                panic!("bucket {index} is too big at {at:?}")
            };
            prop_assert!(payload.len() <= MESSAGE_MAX_BYTES, "{} bytes", payload.len());
            records += parse_bucket(&payload).expect("valid").records.len();
        }
        prop_assert_eq!(records, sizes.len());
    }
}

#[test]
fn a_file_below_what_was_seen_rises_above_it() {
    let mut store = filled([wide("a", 1)]);
    let head = store.head().expect("head").version;
    assert!(!store.is_below(head).expect("read"));
    let seen = Version { epoch: head.epoch, seq: head.seq + 5 };
    assert!(store.is_below(seen).expect("read"));
    let first = store.begin_epoch(Some(seen.epoch), UtcTime::from_unix(0)).expect("begun");
    assert!(first.version > seen && !store.is_below(seen).expect("read"));
}

/// A file as the first layout's program left it.
pub(crate) fn layout_1(path: &Path, records: u32) -> Digest {
    #[expect(clippy::disallowed_methods, reason = "a file of another program")]
    let db = Connection::open(path).expect("a file");
    db.pragma_update(None, "journal_mode", "WAL").expect("WAL");
    db.execute_batch("BEGIN").expect("begun");
    db.execute_batch(LAYOUT_1).expect("tables");
    let mut root = Digest::ZERO;
    let version = Version { epoch: 1_700_000_000, seq: 9 };
    for n in 0..records {
        let (key, body) = (format!("u-{n}"), format!(r#"{{"name":"{n} Ö"}}"#));
        let digest = contract::digest::record("note", &key, body.as_bytes(), version);
        root = root.plus(digest);
        let row = params!["note", key, 1_700_000_000_i64, 9_i64, body, digest.to_bytes()];
        db.prepare_cached("INSERT INTO record VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
            .expect("SQL")
            .execute(row)
            .expect("a row");
    }
    let row = params![1_700_000_000_i64, 9_i64, root.to_bytes()];
    db.execute("INSERT INTO source VALUES (1, 'office', ?1, ?2, ?3)", row).expect("the row");
    db.execute("INSERT INTO gateway VALUES ('main-panel', 5, '{\"online\":false,\"software\":\"x\"}')", [])
        .expect("a gateway");
    db.pragma_update(None, "user_version", 1).expect("numbered");
    db.execute_batch("COMMIT").expect("committed");
    root
}

/// Columns of all tables, and the indexes.
fn shape(path: &Path) -> Vec<String> {
    #[expect(clippy::disallowed_methods, reason = "looks at what the program made")]
    let db = Connection::open(path).expect("a file");
    let mut select = db
        .prepare(
            "SELECT m.name || '.' || x.name || ' ' || x.type || ' ' || x.\"notnull\" || ' ' || x.pk || ' ' || \
             coalesce(x.dflt_value, '') FROM sqlite_master m, pragma_table_xinfo(m.name) x \
             UNION ALL SELECT name FROM sqlite_master WHERE type = 'index' ORDER BY 1",
        )
        .expect("SQL");
    let lines = select.query_map([], |row| row.get(0)).expect("read");
    lines.collect::<Result<_, _>>().expect("read")
}

#[test]
fn a_file_of_layout_1_has_its_rows_numbers_and_sums_afterwards() {
    let dir = tempfile::tempdir().expect("a directory");
    let (old, fresh) = (dir.path().join("old.db"), dir.path().join("fresh.db"));
    let root = layout_1(&old, 1000);
    let mut steps = Vec::new();
    let store = Store::open_watched(&old, NOW, &mut |done, of| steps.push((done, of))).expect("open");
    assert_eq!((steps.len(), steps[999]), (1000, (999, 1000)));
    let head = store.head().expect("head");
    assert_eq!((head.version.to_string().as_str(), head.root), ("1700000000/9", root));
    assert_eq!(store.rows(None, None).expect("rows").len(), 1000);
    assert_eq!(store.record("note", "u-7").expect("read").as_deref(), Some(r#"{"name":"7 Ö"}"#));
    assert_eq!(store.gateways().expect("read").len(), 1);
    assert_eq!(store.site().expect("read").expect("bound").as_str(), "office");
    agrees(&store);
    drop(store);
    drop(Store::open(&fresh, NOW).expect("open"));
    assert_eq!(shape(&old), shape(&fresh));
}
