//! A message on the stream: bounded, a key at most once, each record as it should be, and what is in order reads
//! back when a source writes it.
#![no_main]

use contract::CHANGES_MAX;
use contract::changes::{Act, ChangeOut, ChangesOut, Op, parse_changes};
use contract::id::Kind;
use doorward_fuzz::check_record;
use serde_json::value::RawValue;
use std::collections::HashSet;

libfuzzer_sys::fuzz_target!(|payload: &[u8]| {
    let Ok(message) = parse_changes(payload) else { return };
    assert!(message.changes.len() + message.misshapen.len() <= CHANGES_MAX);
    let mut keys = HashSet::new();
    for change in &message.changes {
        assert!(Kind::is_well_formed(&change.kind) && access::id::Key::check(&change.key).is_ok());
        assert!(keys.insert((&change.kind, &change.key)), "a key twice");
        match &change.act {
            Act::Upsert(sent) => check_record(&change.kind, sent),
            Act::Delete => {}
            Act::Refuse(_, reason) => assert!(!reason.is_empty()),
        }
    }
    let raw = |text: &str| RawValue::from_string(text.into()).expect("was in a message");
    let records: Vec<Option<Box<RawValue>>> = message
        .changes
        .iter()
        .map(|change| if let Act::Upsert(sent) = change.act { Some(raw(sent)) } else { None })
        .collect();
    let changes = message.changes.iter().zip(&records).map(|(change, record)| ChangeOut {
        op: if record.is_some() { Op::Upsert } else { Op::Delete },
        kind: &change.kind,
        key: &change.key,
        record: record.as_deref(),
    });
    let (epoch, seq) = (message.version.epoch, message.version.seq);
    let out = ChangesOut { epoch, seq, root: message.root, changes: changes.collect() };
    let Ok(text) = serde_json::to_vec(&out) else { panic!("a message can be written") };
    // The same things in the same order; what was refused above is a delete here.
    let again = match parse_changes(&text) {
        Ok(again) => again,
        Err(why) => return assert!(why.contains("bytes"), "{why}"),
    };
    assert_eq!((again.version, again.root), (message.version, message.root));
    assert!(again.misshapen.is_empty() && again.changes.len() == message.changes.len());
    for (again, change) in again.changes.iter().zip(&message.changes) {
        assert_eq!((&again.kind, &again.key), (&change.kind, &change.key));
        match (&again.act, &change.act) {
            (Act::Upsert(again), Act::Upsert(sent)) => assert_eq!(again, sent),
            (Act::Delete, Act::Delete | Act::Refuse(..)) => {}
            (again, act) => panic!("{act:?} became {again:?}"),
        }
    }
});
