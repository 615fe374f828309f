//! What proving costs: the CPU time of taking a first sync over, and of what in it serves digests and root alone,
//! in one process and on the same bytes.

use super::site::{self, Template};
use crate::data::SITE;
use crate::watched::cpu_ns;
use access::time::UtcTime;
use anyhow::{Result, anyhow, bail};
use contract::changes::{Act, parse_changes};
use contract::digest::{self, Digest};
use contract::id::{SiteId, Version};
use contract::json;
use contract::repair::parse_bucket;
use doorward::mirror::Mirror;
use doorward::mirror::apply::{Applied, Batch, Room};
use doorward_source::store::Store;
use doorward_source::store::buckets::Filled;
use rusqlite::Connection;
use std::fs;
use std::hint::black_box;
use std::path::Path;

/// Buckets in a transaction: what a gateway's window brings at a time.
const COMMIT_BUCKETS: u32 = 16;
/// Messages with one change each, after the first sync.
const CHANGES: usize = 20_000;
/// Of these in a transaction.
const COMMIT_CHANGES: usize = 1000;
/// The transactions' time; any instant does.
const NOW: UtcTime = UtcTime::from_unix(1_795_000_000);

/// CPU times in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Share {
    pub(crate) records: u64,
    /// Messages into rows, with the commit.
    pub(crate) ingest_ns: u64,
    /// SHA-256 over the records, and the sums.
    pub(crate) digest_ns: u64,
    /// The look whether a record is spelled canonically.
    pub(crate) canonical_ns: u64,
    /// The hashes of keys. They number the rows as well, so they are no part of the proof's cost.
    pub(crate) place_ns: u64,
}

impl Share {
    /// Digests, canonical form and root, of the whole.
    pub(crate) fn of_ingest(&self) -> f64 {
        (self.digest_ns + self.canonical_ns) as f64 / self.ingest_ns as f64
    }
}

/// Of a first sync by buckets, and of single changes behind it.
pub(crate) fn measure(folder: &Path, template: &Template) -> Result<[Share; 2]> {
    let folder = folder.join("share");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir(&folder)?;
    let file = folder.join("source.db");
    fs::copy(&template.path, &file)?;
    let site = SiteId::new(SITE).map_err(|rule| anyhow!(rule))?;
    let mut conn = Mirror::at(&folder).open_writer(&site, || "bench".into())?;
    let mut store = Store::open(&file, NOW)?;
    let first = buckets(&store, &mut conn, template)?;
    site::change_one_by_one(&mut store, template.users, CHANGES)?;
    let second = changes(&store, &mut conn)?;
    drop((store, conn));
    fs::remove_dir_all(&folder)?;
    Ok([first, second])
}

fn buckets(store: &Store, conn: &mut Connection, template: &Template) -> Result<Share> {
    let mut share = Share::default();
    let bits = store.bits()?;
    for from in (0..bits.buckets()).step_by(COMMIT_BUCKETS as usize) {
        let mut payloads = Vec::new();
        for bucket in from..bits.buckets().min(from + COMMIT_BUCKETS) {
            match store.bucket(bits, bucket)? {
                Filled::Payload(payload) => payloads.push(payload),
                Filled::TooBig { bytes } => bail!("bucket {bucket} has {bytes} bytes"),
            }
        }
        let began_ns = cpu_ns();
        let applied = write(conn, &payloads, |batch, payload| batch.bucket(payload))?;
        share.ingest_ns += cpu_ns() - began_ns;
        if applied.refused > 0 {
            bail!("the mirror refused what the source made: {applied:?}");
        }
        for payload in &payloads {
            let bucket = parse_bucket(payload).map_err(|reason| anyhow!(reason))?;
            let records: Vec<_> =
                bucket.records.iter().map(|one| (&*one.kind, &*one.key, one.version, one.record)).collect();
            share.add(&records, false);
        }
    }
    let root: [u8; 16] = conn.query_row("SELECT root FROM mirror", [], |row| row.get(0))?;
    if Digest::from_bytes(root) != template.head.root {
        bail!("the mirror is not what the source has");
    }
    Ok(share)
}

fn changes(store: &Store, conn: &mut Connection) -> Result<Share> {
    let mut share = Share::default();
    let payloads: Vec<Vec<u8>> =
        store.outgoing_after(0, usize::MAX)?.into_iter().map(|message| message.payload).collect();
    for part in payloads.chunks(COMMIT_CHANGES) {
        let began_ns = cpu_ns();
        write(conn, part, |batch, payload| batch.changes(payload))?;
        share.ingest_ns += cpu_ns() - began_ns;
        for payload in part {
            let message = parse_changes(payload).map_err(|reason| anyhow!(reason))?;
            let records: Vec<_> = message
                .changes
                .iter()
                .filter_map(|one| match one.act {
                    Act::Upsert(record) => Some((&*one.kind, &*one.key, message.version, record)),
                    Act::Delete | Act::Refuse(..) => None,
                })
                .collect();
            share.add(&records, true);
        }
    }
    Ok(share)
}

/// Takes one message over.
type Take = fn(&mut Batch<'_>, &[u8]) -> rusqlite::Result<()>;

fn write(conn: &mut Connection, payloads: &[Vec<u8>], take: Take) -> Result<Applied> {
    let tx = conn.transaction()?;
    let mut batch = Batch::begin(&tx, NOW, Room::Ample)?;
    for payload in payloads {
        take(&mut batch, payload)?;
    }
    let applied = batch.end()?;
    tx.commit()?;
    Ok(applied)
}

impl Share {
    /// Does once more what the mirror did for the proof of these records. `replaced`: older ones left the sums.
    fn add(&mut self, records: &[(&str, &str, Version, &str)], replaced: bool) {
        self.records += records.len() as u64;
        let began_ns = cpu_ns();
        let mut root = Digest::ZERO;
        let mut part = Digest::ZERO;
        for (kind, key, version, record) in records {
            let digest = digest::record(kind, key, record.as_bytes(), *version);
            (root, part) = (root.plus(digest), part.plus(digest));
            if replaced {
                (root, part) = (root.minus(black_box(digest)), part.minus(black_box(digest)));
            }
        }
        black_box((root, part));
        self.digest_ns += cpu_ns() - began_ns;
        let began_ns = cpu_ns();
        for (_, _, _, record) in records {
            black_box(json::look(record));
        }
        self.canonical_ns += cpu_ns() - began_ns;
        let began_ns = cpu_ns();
        for (kind, key, _, _) in records {
            black_box(digest::place(kind, key));
        }
        self.place_ns += cpu_ns() - began_ns;
    }
}
