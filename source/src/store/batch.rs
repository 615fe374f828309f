//! How changes fill messages: in order, a key once, bounded in count and bytes. No IO.

use super::buckets::Share;
use crate::change::Change;
use contract::changes::{ChangeOut, ChangesOut, Op};
use contract::digest::Digest;
use contract::id::Version;
use contract::{CHANGES_MAX, MESSAGE_MAX_BYTES};
use serde_json::value::RawValue;
use std::collections::HashSet;

/// Changes in a message unless told otherwise.
pub const BATCH_DEFAULT: usize = 100;
/// More than a message has besides its changes, in bytes.
const ENVELOPE_BYTES: usize = 256;
/// More than a change has besides kind, key and record, in bytes.
const CHANGE_BYTES: usize = 64;

/// A message being filled: each change with the share of what it replaces.
#[derive(Debug)]
pub struct Filling<'a> {
    changes: Vec<(&'a Change, Option<Share>)>,
    keys: HashSet<(&'a str, &'a str)>,
    bytes: usize,
    batch: usize,
}

impl<'a> Filling<'a> {
    /// An empty message for at most `batch` changes (at least 1, at most the contract's [`CHANGES_MAX`]).
    pub fn new(batch: usize) -> Filling<'a> {
        let batch = batch.clamp(1, CHANGES_MAX);
        Filling { changes: Vec::new(), keys: HashSet::new(), bytes: ENVELOPE_BYTES, batch }
    }

    /// Whether `change` may go into this message. A change always fits an empty one: records are bounded.
    pub fn has_room_for(&self, change: &Change) -> bool {
        self.changes.len() < self.batch
            && self.bytes + size_bytes(change) <= MESSAGE_MAX_BYTES
            && !self.keys.contains(&(change.kind(), change.key()))
    }

    /// Takes `change`, which replaces what had the share `old`.
    pub(super) fn push(&mut self, change: &'a Change, old: Option<Share>) {
        self.bytes += size_bytes(change);
        self.keys.insert((change.kind(), change.key()));
        self.changes.push((change, old));
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// What is in it, in order.
    pub(super) fn changes(&self) -> impl Iterator<Item = (&'a Change, Option<Share>)> + '_ {
        self.changes.iter().copied()
    }

    /// The message as published; without changes, a checkpoint.
    ///
    /// # Errors
    /// Never for checked changes: their records are JSON.
    pub fn payload(&self, version: Version, root: Digest) -> Result<Vec<u8>, serde_json::Error> {
        let mut changes = Vec::with_capacity(self.changes.len());
        for (change, _) in &self.changes {
            let record: Option<&RawValue> = change.record().map(serde_json::from_str).transpose()?;
            let op = if record.is_some() { Op::Upsert } else { Op::Delete };
            changes.push(ChangeOut { op, kind: change.kind(), key: change.key(), record });
        }
        serde_json::to_vec(&ChangesOut { epoch: version.epoch, seq: version.seq, root, changes })
    }
}

fn size_bytes(change: &Change) -> usize {
    CHANGE_BYTES + change.kind().len() + change.key().len() + change.record().map_or(0, str::len)
}

#[cfg(test)]
mod tests {
    use super::Filling;
    use crate::change::{Change, Check};
    use contract::MESSAGE_MAX_BYTES;
    use contract::digest::Digest;
    use contract::id::{INTEGER_MAX, Version};

    fn change(key: &str, bytes: usize) -> Change {
        let record = format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes));
        Change::upsert("user", key, &record, Check::Canonical).expect("canonical")
    }

    #[test]
    fn a_full_message_stays_within_the_bound() {
        let changes: Vec<Change> = (0..40).map(|n| change(&format!("u-{n}"), 16_000)).collect();
        let mut filling = Filling::new(1000);
        for change in &changes {
            if filling.has_room_for(change) {
                filling.push(change, None);
            }
        }
        let top = INTEGER_MAX.unsigned_abs();
        let payload = filling.payload(Version { epoch: top, seq: top }, Digest::ZERO).expect("JSON");
        assert!(payload.len() <= MESSAGE_MAX_BYTES, "{}", payload.len());
        assert!(payload.len() > MESSAGE_MAX_BYTES - 17_000, "{}", payload.len());
    }

    #[test]
    fn a_key_goes_into_a_message_once() {
        let (first, second, other) = (change("a", 1), change("a", 2), change("b", 1));
        let mut filling = Filling::new(10);
        filling.push(&first, None);
        assert!(!filling.has_room_for(&second));
        assert!(filling.has_room_for(&other));
    }
}
