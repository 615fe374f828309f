//! How changes become rows, root and messages, within one transaction.

use super::batch::Filling;
use super::buckets::{Place, Share, change_share};
use super::{
    Applied, Change, Digest, INSERT_OUTGOING, StoreError, TRANSACTION_MESSAGES_MAX, UPDATE_HEAD, Version,
    head, integer,
};
use contract::digest;
use rusqlite::{OptionalExtension, Row as SqlRow, Transaction, params};

const SELECT_RECORD: &str = "SELECT body, digest FROM record WHERE place = ?1 AND kind = ?2 AND key = ?3";
const UPSERT_RECORD: &str = "INSERT INTO record (place, kind, key, epoch, seq, body, digest) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET \
    epoch = excluded.epoch, seq = excluded.seq, body = excluded.body, digest = excluded.digest";
const DELETE_RECORD: &str = "DELETE FROM record WHERE place = ?1 AND kind = ?2 AND key = ?3";

/// Fills messages until the transaction has enough of them; returns how many changes it took. `watch` is told
/// the same after each message.
pub(super) fn apply_some(
    tx: &Transaction<'_>,
    changes: &[Change],
    batch: usize,
    applied: &mut Applied,
    watch: &mut dyn FnMut(u64),
) -> Result<usize, StoreError> {
    let mut filling = Filling::new(batch);
    let mut messages = 0;
    for (at, change) in changes.iter().enumerate() {
        if !filling.has_room_for(change) {
            applied.versions.push(commit_message(tx, &filling)?);
            filling = Filling::new(batch);
            messages += 1;
            watch(u64::try_from(at).unwrap_or(u64::MAX));
            if messages == TRANSACTION_MESSAGES_MAX {
                return Ok(at);
            }
        }
        // The key is not in the message being filled, so the table has its newest state.
        let stored = stored(tx, change)?;
        if stored.as_ref().map(|(body, _)| body.as_str()) == change.record() {
            applied.unchanged += 1;
        } else {
            filling.push(change, stored.map(|(body, digest)| share(change, &body, digest)));
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
    Ok(select.query_row(params![place(change).stored(), change.kind(), change.key()], row).optional()?)
}

fn place(change: &Change) -> Place {
    Place::new(digest::place(change.kind(), change.key()))
}

fn share(change: &Change, body: &str, digest: Digest) -> Share {
    let body_bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
    Share::of(change.kind(), change.key(), body_bytes, digest)
}

fn commit_message(tx: &Transaction<'_>, filling: &Filling<'_>) -> Result<Version, StoreError> {
    let before = head(tx)?;
    let Some(next) = Version::new(before.version.epoch, before.version.seq + 1) else {
        return Err(StoreError::EpochsExhausted { found: before.version.epoch });
    };
    let (epoch, seq) = (integer(next.epoch), integer(next.seq));
    let mut root = before.root;
    for (change, old) in filling.changes() {
        let old = old.unwrap_or_default();
        let (place, kind, key) = (place(change), change.kind(), change.key());
        let new = match change.record() {
            None => {
                tx.prepare_cached(DELETE_RECORD)?.execute(params![place.stored(), kind, key])?;
                Share::default()
            }
            Some(body) => {
                let digest = digest::record(kind, key, body.as_bytes(), next);
                let row = params![place.stored(), kind, key, epoch, seq, body, digest.to_bytes()];
                tx.prepare_cached(UPSERT_RECORD)?.execute(row)?;
                share(change, body, digest)
            }
        };
        root = root.minus(old.digest()).plus(new.digest());
        change_share(tx, place.finest(), new, old)?;
    }
    let payload = filling.payload(next, root)?;
    tx.prepare_cached(UPDATE_HEAD)?.execute(params![epoch, seq, root.to_bytes()])?;
    tx.prepare_cached(INSERT_OUTGOING)?.execute(params![epoch, seq, 0_i64, payload])?;
    Ok(next)
}
