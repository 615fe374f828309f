//! The file alone: numbers, root, and what is queued.

use access::time::UtcTime;
use contract::changes::parse_changes;
use contract::digest::{self, Digest};
use doorward_source::change::{Change, Check};
use doorward_source::store::Store;

const NOW: UtcTime = UtcTime::from_unix(1_800_000_000);

fn door(key: &str, name: &str) -> Change {
    let record = format!(r#"{{"name":"{name}","grants":[]}}"#);
    Change::upsert("door", key, &record, Check::Full).expect("good")
}

fn recomputed(store: &Store) -> Digest {
    let rows = store.rows(None, None).expect("rows");
    let digests = rows.iter().map(|r| digest::record(&r.kind, &r.key, r.record.as_bytes(), r.version));
    digests.fold(Digest::ZERO, Digest::plus)
}

#[test]
fn a_key_twice_in_a_list_takes_two_messages_and_the_later_one_stands() {
    let mut store = Store::open_in_memory(NOW).expect("memory");
    let gone = Change::delete("door", "b", Check::Full).expect("good");
    let list = [door("a", "One"), door("b", "B"), door("a", "Two"), gone, door("a", "Two")];
    let applied = store.apply(&list, 100).expect("applied");
    let seqs: Vec<u64> = applied.versions.iter().map(|version| version.seq).collect();
    assert_eq!((seqs, applied.changed, applied.unchanged), (vec![1, 2], 4, 1));
    let rows = store.rows(None, None).expect("rows");
    assert_eq!((rows.len(), rows[0].record.as_str()), (1, r#"{"grants":[],"name":"Two"}"#));
    assert_eq!(store.root().expect("root"), recomputed(&store));
    let last = store.outgoing_after(0, 10).expect("outgoing").pop().expect("some");
    assert_eq!(parse_changes(&last.payload).expect("valid").root, recomputed(&store));
}

#[test]
fn a_row_of_checkpoints_shrinks_to_one_and_the_beginning_of_an_epoch_stays() {
    let mut store = Store::open_in_memory(NOW).expect("memory");
    store.apply(&[door("a", "A")], 1).expect("applied");
    for _ in 0..3 {
        store.begin_epoch(None, NOW).expect("begun");
    }
    store.apply(&[door("b", "B")], 1).expect("applied");
    store.checkpoint().expect("queued");
    store.checkpoint().expect("queued");
    let outgoing = store.outgoing_after(0, 10).expect("outgoing");
    let first = outgoing[0].version.epoch;
    let numbers: Vec<(u64, u64)> =
        outgoing.iter().map(|m| (m.version.epoch - first, m.version.seq)).collect();
    assert_eq!(numbers, [(0, 1), (3, 0), (3, 1), (3, 1)]);
}

#[test]
fn an_epoch_is_above_the_stored_one_the_one_heard_and_the_clock() {
    let mut store = Store::open_in_memory(NOW).expect("memory");
    let mut begin =
        |heard, now| store.begin_epoch(heard, UtcTime::from_unix(now)).expect("begun").version.epoch;
    assert_eq!(begin(None, 0), 1_800_000_001);
    assert_eq!(begin(Some(1_900_000_000), 0), 1_900_000_001);
    assert_eq!(begin(Some(5), 1_950_000_000), 1_950_000_000);
    assert!(store.begin_epoch(Some((1 << 53) - 1), NOW).is_err());
}

#[test]
fn many_may_make_and_write_the_file_at_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("source.db");
    std::thread::scope(|scope| {
        for n in 0..8 {
            let path = &path;
            scope.spawn(move || {
                let mut store = Store::open(path, NOW).expect("open");
                store.apply(&[door(&format!("d-{n}"), "D")], 1).expect("applied");
            });
        }
    });
    let store = Store::open(&path, NOW).expect("open");
    assert_eq!(store.head().expect("head").version.seq, 8);
    assert_eq!(store.root().expect("root"), recomputed(&store));
}
