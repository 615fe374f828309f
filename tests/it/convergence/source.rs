//! A source by the rules, in a few lines: rows, numbers, answers. It can be restored from a backup.

use contract::digest::{self, Digest};
use contract::id::Version;
use contract::record;
use contract::repair::{Bits, Request, Want};
use contract::topics::GatewayTopic;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A row: what was sent, and at which version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Row {
    pub(super) version: Version,
    pub(super) record: String,
    digest: Digest,
}

pub(super) type Rows = BTreeMap<String, Row>;
/// Topics and payloads.
pub(super) type Answers = Vec<(GatewayTopic, Vec<u8>)>;

/// What a backup holds.
#[derive(Clone, Default)]
pub(super) struct Disk {
    pub(super) version: Version,
    pub(super) rows: Rows,
}

#[derive(Default)]
pub(super) struct Source {
    pub(super) disk: Disk,
    pub(super) bits: u8,
    /// What the rows were at each version.
    pub(super) history: BTreeMap<Version, Rows>,
    /// An epoch was taken above a request's since the last heartbeat.
    has_risen: bool,
}

/// The kind of all rows here.
pub(super) const KIND: &str = "token";

impl Source {
    pub(super) fn dividing_by(bits: u8) -> Source {
        Source { bits, ..Source::default() }
    }

    /// A start: an epoch above the stored one, the retained meta's and the clock's.
    pub(super) fn start(&mut self, retained: u64, clock: u64) {
        let epoch = (self.disk.version.epoch + 1).max(retained + 1).max(clock);
        self.disk.version = Version { epoch, seq: 0 };
        self.note();
    }

    fn note(&mut self) {
        self.history.insert(self.disk.version, self.disk.rows.clone());
    }

    pub(super) fn root(&self) -> Digest {
        self.disk.rows.values().fold(Digest::ZERO, |root, row| root.plus(row.digest))
    }

    /// Commits changes under the next number; returns the message.
    pub(super) fn change(&mut self, changes: &[(String, Option<String>)]) -> Vec<u8> {
        self.disk.version.seq += 1;
        let version = self.disk.version;
        let mut told = Vec::new();
        for (key, record) in changes {
            match record {
                Some(record) => {
                    let canonical = record::parse(KIND, record).canonical;
                    let digest = digest::record(KIND, key, &canonical, version);
                    self.disk.rows.insert(key.clone(), Row { version, record: record.clone(), digest });
                    let value: Value = serde_json::from_str(record).expect("JSON");
                    told.push(json!({ "op": "upsert", "kind": KIND, "key": key, "record": value }));
                }
                None => {
                    self.disk.rows.remove(key);
                    told.push(json!({ "op": "delete", "kind": KIND, "key": key }));
                }
            }
        }
        self.note();
        self.message(&told)
    }

    pub(super) fn checkpoint(&self) -> Vec<u8> {
        self.message(&[])
    }

    pub(super) fn heartbeat(&mut self) {
        self.has_risen = false;
    }

    fn message(&self, changes: &[Value]) -> Vec<u8> {
        let Version { epoch, seq } = self.disk.version;
        json!({ "epoch": epoch, "seq": seq, "root": self.root(), "changes": changes })
            .to_string()
            .into_bytes()
    }

    pub(super) fn meta(&self) -> Vec<u8> {
        let Version { epoch, seq } = self.disk.version;
        json!({ "epoch": epoch, "head_seq": seq, "minor": 0 }).to_string().into_bytes()
    }

    /// Answers a request; the first message is a checkpoint when a new epoch had to be taken.
    pub(super) fn answer(&mut self, request: &Request) -> (Option<Vec<u8>>, Answers) {
        let mut risen = None;
        if request.high > self.disk.version && !self.has_risen {
            self.has_risen = true;
            let epoch = self.disk.version.epoch.max(request.high.epoch) + 1;
            self.disk.version = Version { epoch, seq: 0 };
            self.note();
            risen = Some(self.checkpoint());
        }
        let bits = Bits::new(self.bits).expect("few");
        let buckets: Vec<u32> = match &request.want {
            Want::Buckets { bits: asked, buckets } if *asked == bits => buckets.clone(),
            Want::All { from, count } => (*from..from.saturating_add(*count).min(bits.buckets())).collect(),
            Want::Digests | Want::Buckets { .. } => return (risen, self.digests(bits)),
        };
        (risen, buckets.into_iter().map(|bucket| (GatewayTopic::Bucket, self.bucket(bits, bucket))).collect())
    }

    /// In pages of three, so that there are several.
    fn digests(&self, bits: Bits) -> Answers {
        let Version { epoch, seq } = self.disk.version;
        let mut sums = vec![Digest::ZERO; bits.buckets() as usize];
        for (key, row) in &self.disk.rows {
            let sum = &mut sums[bits.bucket(digest::place(KIND, key)) as usize];
            *sum = sum.plus(row.digest);
        }
        let page = |(at, digests): (usize, &[Digest])| {
            let page =
                json!({ "epoch": epoch, "as_of_seq": seq, "bits": bits, "from": at * 3, "digests": digests });
            (GatewayTopic::Digests, page.to_string().into_bytes())
        };
        sums.chunks(3).enumerate().map(page).collect()
    }

    fn bucket(&self, bits: Bits, bucket: u32) -> Vec<u8> {
        let Version { epoch, seq } = self.disk.version;
        let held = self.disk.rows.iter().filter(|(key, _)| bits.bucket(digest::place(KIND, key)) == bucket);
        let records: Vec<Value> = held
            .map(|(key, row)| {
                let record: Value = serde_json::from_str(&row.record).expect("JSON");
                json!({ "kind": KIND, "key": key, "version": row.version, "record": record })
            })
            .collect();
        json!({ "epoch": epoch, "as_of_seq": seq, "bits": bits, "bucket": bucket, "records": records })
            .to_string()
            .into_bytes()
    }
}
