//! Buckets: their sums kept with the records, and both read for answers, each answer one snapshot.
//!
//! Not here: into how many ([`divide`]), in what order answers go out ([`crate::answers`]).

use super::divide::{self, Sizes};
use super::{Store, StoreError, head, integer, natural, version};
use contract::digest::Digest;
use contract::id::Version;
use contract::repair::{Bits, BucketOut, Digests, HeldOut};
use contract::{BITS_MAX, DIGESTS_PAGE_MAX};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// More than a record has in a bucket's message besides kind, key and body, in bytes.
const HELD_BYTES: u64 = 80;
/// SQLite's integers have a sign, so a place is stored without its last bit.
const STORED_BITS: u32 = 63;

const SELECT_BITS: &str = "SELECT bits FROM source";
const UPDATE_BITS: &str = "UPDATE source SET bits = ?1";
const SELECT_SIZES: &str = "SELECT place, bytes FROM bucket";
const SELECT_SIZE: &str = "SELECT coalesce(sum(bytes), 0) FROM bucket WHERE place BETWEEN ?1 AND ?2";
const SELECT_DIGESTS: &str = "SELECT place, digest FROM bucket WHERE place BETWEEN ?1 AND ?2";
const SELECT_BUCKET: &str =
    "SELECT kind, key, epoch, seq, body FROM record WHERE place BETWEEN ?1 AND ?2 ORDER BY place, kind, key";
const SELECT_SHARE: &str = "SELECT bytes, digest FROM bucket WHERE place = ?1";
const UPSERT_SHARE: &str = "INSERT INTO bucket (place, bytes, digest) VALUES (?1, ?2, ?3) \
    ON CONFLICT DO UPDATE SET bytes = excluded.bytes, digest = excluded.digest";
const DELETE_SHARE: &str = "DELETE FROM bucket WHERE place = ?1";

/// Where a record lies in the file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Place(i64);

impl Place {
    /// From [`contract::digest::place`].
    pub(super) fn new(place: u64) -> Place {
        Place(integer(place >> 1))
    }

    /// As in `record.place`.
    pub(super) fn stored(self) -> i64 {
        self.0
    }

    /// As in `bucket.place`.
    pub(super) fn finest(self) -> i64 {
        self.0 >> (STORED_BITS - u32::from(BITS_MAX))
    }
}

/// The places of bucket `index`, of `width` bits each, when keys are divided by `bits`.
fn places(width: u32, bits: Bits, index: u32) -> RangeInclusive<i64> {
    let each = 1_u64 << (width - u32::from(bits.get()));
    let first = u64::from(index).saturating_mul(each);
    integer(first)..=integer(first.saturating_add(each - 1))
}

/// What records add to a finest bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Share {
    bytes: u64,
    digest: Digest,
}

impl Share {
    /// Of one record whose canonical JSON has `body_bytes`.
    pub(super) fn of(kind: &str, key: &str, body_bytes: u64, digest: Digest) -> Share {
        let name_bytes = u64::try_from(kind.len() + key.len()).unwrap_or(u64::MAX);
        Share { bytes: HELD_BYTES.saturating_add(name_bytes).saturating_add(body_bytes), digest }
    }

    /// Its part in the root.
    pub(super) fn digest(self) -> Digest {
        self.digest
    }

    /// With `other` in it, too.
    pub(super) fn add(&mut self, other: Share) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.digest = self.digest.plus(other.digest);
    }
}

/// Adds what `shares` say, by finest bucket.
pub(super) fn add_shares(tx: &Transaction<'_>, shares: &BTreeMap<i64, Share>) -> Result<(), StoreError> {
    for (place, share) in shares {
        change_share(tx, *place, *share, Share::default())?;
    }
    Ok(())
}

/// Puts `new` into a finest bucket, for `old`.
pub(super) fn change_share(
    tx: &Transaction<'_>,
    place: i64,
    new: Share,
    old: Share,
) -> Result<(), StoreError> {
    let held = tx
        .prepare_cached(SELECT_SHARE)?
        .query_row([place], |row| {
            Ok(Share { bytes: natural(row, 0)?, digest: Digest::from_bytes(row.get(1)?) })
        })
        .optional()?;
    let mut share = held.unwrap_or_default();
    share.add(new);
    let bytes = share.bytes.saturating_sub(old.bytes);
    if bytes == 0 {
        tx.prepare_cached(DELETE_SHARE)?.execute([place])?;
        return Ok(());
    }
    let digest = share.digest.minus(old.digest).to_bytes();
    tx.prepare_cached(UPSERT_SHARE)?.execute(params![place, integer(bytes), digest])?;
    Ok(())
}

/// What there is to send of one bucket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Filled {
    /// The message as published.
    Payload(Vec<u8>),
    /// It would be larger than a message may be.
    TooBig {
        /// What its records take.
        bytes: u64,
    },
}

impl Store {
    /// How keys are divided, as settled last.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn bits(&self) -> Result<Bits, StoreError> {
        bits(&self.db)
    }

    /// Divides anew if the data has outgrown the number in use, or shrunk far below it.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn settle_bits(&mut self) -> Result<Bits, StoreError> {
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Deferred)?;
        let at = head(&tx)?.version;
        let current = bits(&tx)?;
        if self.settled_at == Some(at) {
            return Ok(current);
        }
        let sizes = sizes(&tx)?;
        drop(tx);
        let chosen = divide::choose(current, &sizes);
        if chosen != current {
            self.db.prepare_cached(UPDATE_BITS)?.execute([chosen.get()])?;
            tracing::info!(bits = chosen.get(), was = current.get(), "keys are divided anew");
        }
        self.settled_at = Some(at);
        Ok(chosen)
    }

    /// One page of digests from the bucket `from` on, at most [`DIGESTS_PAGE_MAX`], as of the head at the
    /// same instant. Beyond the last bucket there are none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn digests_page(&self, bits: Bits, from: u32) -> Result<Digests, StoreError> {
        let tx = self.db.unchecked_transaction()?;
        let as_of = head(&tx)?.version;
        let left = bits.buckets().saturating_sub(from);
        let count = left.min(u32::try_from(DIGESTS_PAGE_MAX).unwrap_or(u32::MAX));
        let mut digests = vec![Digest::ZERO; usize::try_from(count).unwrap_or_default()];
        let finer = u32::from(BITS_MAX - bits.get());
        if count > 0 {
            let first = *places(u32::from(BITS_MAX), bits, from).start();
            let last = *places(u32::from(BITS_MAX), bits, from + count - 1).end();
            let mut select = tx.prepare_cached(SELECT_DIGESTS)?;
            let mut rows = select.query([first, last])?;
            while let Some(row) = rows.next()? {
                let (place, digest): (i64, _) = (row.get(0)?, Digest::from_bytes(row.get(1)?));
                let at = usize::try_from((place - first) >> finer).unwrap_or(usize::MAX);
                if let Some(sum) = digests.get_mut(at) {
                    *sum = sum.plus(digest);
                }
            }
        }
        Ok(Digests { epoch: as_of.epoch, as_of_seq: as_of.seq, bits, from, digests })
    }

    /// Everything in one bucket, as of the head at the same instant.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn bucket(&self, bits: Bits, index: u32) -> Result<Filled, StoreError> {
        let tx = self.db.unchecked_transaction()?;
        let finest = places(u32::from(BITS_MAX), bits, index);
        let bytes = tx
            .prepare_cached(SELECT_SIZE)?
            .query_row([finest.start(), finest.end()], |row| natural(row, 0))?;
        if bytes > divide::RECORDS_MAX_BYTES {
            return Ok(Filled::TooBig { bytes });
        }
        let as_of = head(&tx)?.version;
        let stored = places(STORED_BITS, bits, index);
        let mut held: Vec<(String, String, Version, Box<RawValue>)> = Vec::new();
        let mut select = tx.prepare_cached(SELECT_BUCKET)?;
        let mut rows = select.query([stored.start(), stored.end()])?;
        while let Some(row) = rows.next()? {
            let body = RawValue::from_string(row.get(4)?)?;
            held.push((row.get(0)?, row.get(1)?, version(row, 2)?, body));
        }
        let records = held
            .iter()
            .map(|(kind, key, version, record)| HeldOut { kind, key, version: *version, record })
            .collect();
        let out = BucketOut { epoch: as_of.epoch, as_of_seq: as_of.seq, bits, bucket: index, records };
        Ok(Filled::Payload(serde_json::to_vec(&out)?))
    }

    /// Whether somebody has seen a later version than this file's: then it was restored from a backup, and
    /// wants an epoch above both.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn is_below(&self, high: Version) -> Result<bool, StoreError> {
        Ok(self.head()?.version < high)
    }
}

fn bits(db: &Connection) -> Result<Bits, StoreError> {
    let stored: i64 = db.prepare_cached(SELECT_BITS)?.query_row([], |row| row.get(0))?;
    let checked = u8::try_from(stored).ok().and_then(Bits::new);
    checked.ok_or(StoreError::Sql(rusqlite::Error::IntegralValueOutOfRange(0, stored)))
}

fn sizes(db: &Connection) -> Result<Sizes, StoreError> {
    let mut select = db.prepare_cached(SELECT_SIZES)?;
    let rows = select.query_map([], |row| Ok((row.get::<_, u16>(0)?, natural(row, 1)?)))?;
    Ok(Sizes::new(rows.collect::<Result<Vec<_>, _>>()?))
}
