//! How changes become rows, root and messages, within one transaction.

use super::batch::Filling;
use super::{
    Applied, Change, Digest, INSERT_OUTGOING, StoreError, TRANSACTION_MESSAGES_MAX, UPDATE_HEAD, Version,
    head, integer,
};
use contract::digest;
use rusqlite::{OptionalExtension, Row as SqlRow, Transaction, params};

const SELECT_RECORD: &str = "SELECT body, digest FROM record WHERE kind = ?1 AND key = ?2";
const UPSERT_RECORD: &str = "INSERT INTO record (kind, key, epoch, seq, body, digest) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET \
    epoch = excluded.epoch, seq = excluded.seq, body = excluded.body, digest = excluded.digest";
const DELETE_RECORD: &str = "DELETE FROM record WHERE kind = ?1 AND key = ?2";

/// Fills messages until the transaction has enough of them; returns how many changes it took.
pub(super) fn apply_some(
    tx: &Transaction<'_>,
    changes: &[Change],
    batch: usize,
    applied: &mut Applied,
) -> Result<usize, StoreError> {
    let mut filling = Filling::new(batch);
    let mut messages = 0;
    for (at, change) in changes.iter().enumerate() {
        if !filling.has_room_for(change) {
            applied.versions.push(commit_message(tx, &filling)?);
            filling = Filling::new(batch);
            messages += 1;
            if messages == TRANSACTION_MESSAGES_MAX {
                return Ok(at);
            }
        }
        // The key is not in the message being filled, so the table has its newest state.
        let stored = stored(tx, change)?;
        if stored.as_ref().map(|(body, _)| body.as_str()) == change.record() {
            applied.unchanged += 1;
        } else {
            filling.push(change, stored.map(|(_, digest)| digest));
            applied.changed += 1;
        }
    }
    if !filling.is_empty() {
        applied.versions.push(commit_message(tx, &filling)?);
    }
    Ok(changes.len())
}

fn stored(tx: &Transaction<'_>, change: &Change) -> Result<Option<(String, Digest)>, StoreError> {
    let mut select = tx.prepare_cached(SELECT_RECORD)?;
    let row = |row: &SqlRow<'_>| Ok((row.get(0)?, Digest::from_bytes(row.get(1)?)));
    Ok(select.query_row([change.kind(), change.key()], row).optional()?)
}

fn commit_message(tx: &Transaction<'_>, filling: &Filling<'_>) -> Result<Version, StoreError> {
    let before = head(tx)?;
    let Some(next) = Version::new(before.version.epoch, before.version.seq + 1) else {
        return Err(StoreError::EpochsExhausted { found: before.version.epoch });
    };
    let (epoch, seq) = (integer(next.epoch), integer(next.seq));
    let mut root = before.root;
    for (change, old) in filling.changes() {
        root = root.minus(old.unwrap_or(Digest::ZERO));
        let (kind, key) = (change.kind(), change.key());
        match change.record() {
            None => {
                tx.prepare_cached(DELETE_RECORD)?.execute([kind, key])?;
            }
            Some(body) => {
                let digest = digest::record(kind, key, body.as_bytes(), next);
                root = root.plus(digest);
                let row = params![kind, key, epoch, seq, body, digest.to_bytes()];
                tx.prepare_cached(UPSERT_RECORD)?.execute(row)?;
            }
        }
    }
    let payload = filling.payload(next, root)?;
    tx.prepare_cached(UPDATE_HEAD)?.execute(params![epoch, seq, root.to_bytes()])?;
    tx.prepare_cached(INSERT_OUTGOING)?.execute(params![epoch, seq, 0_i64, payload])?;
    Ok(next)
}
