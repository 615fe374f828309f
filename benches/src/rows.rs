//! Contender (b): a loop by rusqlite that writes the same rows into the same schema, in transactions of 1,000.
//! No broker, no JSON, no digests: keys, versions and digests are ready before it begins.

use crate::data::{SITE, load};
use crate::watched::{CONNECTED, DONE, say, wait_for_end};
use anyhow::{Result, anyhow};
use contract::changes::{Act, parse_changes};
use contract::digest::{self, Digest};
use contract::id::SiteId;
use doorward::mirror::Mirror;
use std::path::Path;

/// Rows in a transaction.
const COMMIT_ROWS: usize = 1000;

const UPDATE: &str = "UPDATE record SET epoch = ?1, seq = ?2, digest = ?3, refused = NULL, body = ?4
    WHERE id = ?5";
const STAND: &str =
    "UPDATE mirror SET head_epoch = ?1, head_seq = ?2, floor_epoch = ?1, floor_seq = ?2, root = ?3,
    heard_epoch = ?1, heard_seq = ?2, heard_root = ?3, out_of_sync = NULL, whole = 1";

struct Row {
    id: i64,
    key: String,
    body: String,
    epoch: i64,
    seq: i64,
    digest: [u8; 16],
    root: [u8; 16],
}

pub(crate) fn run(folder: &Path, stream: &Path) -> Result<()> {
    let mut rows = Vec::new();
    for payload in load(stream)? {
        rows.push(row(&payload)?);
    }
    let site = SiteId::new(SITE).map_err(|rule| anyhow!(rule))?;
    let mut conn = Mirror::at(folder).open_writer(&site, || "bench".into())?;
    say(CONNECTED, 0);
    for part in rows.chunks(COMMIT_ROWS) {
        let tx = conn.transaction()?;
        for row in part {
            let changed =
                tx.prepare_cached(UPDATE)?.execute((row.epoch, row.seq, row.digest, &row.body, row.id))?;
            if changed != 1 {
                return Err(anyhow!("{} is not in the mirror", row.key));
            }
        }
        if let Some(last) = part.last() {
            tx.prepare_cached(STAND)?.execute((last.epoch, last.seq, last.root))?;
        }
        tx.commit()?;
    }
    say(DONE, rows.len().div_ceil(COMMIT_ROWS));
    wait_for_end();
    Ok(())
}

fn row(payload: &[u8]) -> Result<Row> {
    let message = parse_changes(payload).map_err(|reason| anyhow!(reason))?;
    let [change] = message.changes.as_slice() else { return Err(anyhow!("a message has one change")) };
    let Act::Upsert(record) = change.act else { return Err(anyhow!("a change is an upsert")) };
    // The source sends canonical JSON, so what was sent is what is stored.
    let digest: Digest = digest::record(&change.kind, &change.key, record.as_bytes(), message.version);
    Ok(Row {
        id: i64::try_from(digest::place(&change.kind, &change.key) >> 1)?,
        key: change.key.to_string(),
        body: record.to_string(),
        epoch: i64::try_from(message.version.epoch)?,
        seq: i64::try_from(message.version.seq)?,
        digest: digest.to_bytes(),
        root: message.root.to_bytes(),
    })
}
