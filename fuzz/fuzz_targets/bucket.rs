//! A bucket: its records belong to it, stand in order, a key at most once, and read back when a source writes them.
#![no_main]

use contract::digest;
use contract::id::Kind;
use contract::repair::{BucketOut, HeldOut, parse_bucket};
use doorward_fuzz::check_record;
use serde_json::value::RawValue;
use std::collections::HashSet;

libfuzzer_sys::fuzz_target!(|payload: &[u8]| {
    let Ok(bucket) = parse_bucket(payload) else { return };
    assert!(bucket.bucket < bucket.bits.buckets());
    assert!(bucket.records.is_sorted_by_key(|held| held.place));
    let mut keys = HashSet::new();
    for held in &bucket.records {
        assert!(Kind::is_well_formed(&held.kind) && access::id::Key::check(&held.key).is_ok());
        assert!(keys.insert((&held.kind, &held.key)), "a key twice");
        assert_eq!(digest::place(&held.kind, &held.key), held.place);
        assert_eq!(bucket.bits.bucket(held.place), bucket.bucket);
        assert!(held.version <= bucket.as_of);
        check_record(&held.kind, held.record);
    }
    let raw = |text: &str| RawValue::from_string(text.into()).expect("was in a message");
    let records: Vec<Box<RawValue>> = bucket.records.iter().map(|held| raw(held.record)).collect();
    let held = bucket.records.iter().zip(&records).map(|(held, record)| HeldOut {
        kind: &held.kind,
        key: &held.key,
        version: held.version,
        record,
    });
    let (epoch, as_of_seq) = (bucket.as_of.epoch, bucket.as_of.seq);
    let out =
        BucketOut { epoch, as_of_seq, bits: bucket.bits, bucket: bucket.bucket, records: held.collect() };
    let text = serde_json::to_vec(&out).expect("a bucket can be written");
    let again = match parse_bucket(&text) {
        Ok(again) => again,
        Err(why) => return assert!(why.contains("bytes"), "{why}"),
    };
    assert_eq!((again.as_of, again.bits, again.bucket), (bucket.as_of, bucket.bits, bucket.bucket));
    assert_eq!(again.records.len(), bucket.records.len());
    for (again, held) in again.records.iter().zip(&bucket.records) {
        assert_eq!((&again.kind, &again.key), (&held.kind, &held.key));
        assert_eq!((again.place, again.version, again.record), (held.place, held.version, held.record));
    }
});
