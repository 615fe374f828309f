//! The source's file: rows, root, numbers and undelivered messages, always committed together.
//!
//! Safe for several processes at once: `import` and `set` number the stream themselves in their own
//! transaction, whether or not `serve` runs.
//!
//! Who exports is in [`exporter`].
//!
//! Not here: what came from gateways ([`inbound`]) and waits for them ([`commands`]), how messages are filled
//! ([`batch`]) and applied (`apply`), what repair reads ([`buckets`]), opening (`layout`), MQTT.

mod apply;
pub mod batch;
pub mod buckets;
pub mod commands;
mod divide;
mod error;
pub mod exporter;
pub mod inbound;
mod layout;

use crate::change::Change;
use access::time::UtcTime;
use batch::Filling;
use buckets::Place;
use contract::digest::{self, Digest};
use contract::id::{SiteId, Version};
pub use error::StoreError;
pub use layout::{BUSY_MS, Watch};
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, Transaction, TransactionBehavior, params};

/// Most messages that wait for the broker; beyond it changes are refused, since the disk is finite.
pub const OUTGOING_MAX: u64 = 1_000_000;
/// Most messages in one transaction, so that a large import lets other writers in.
pub const TRANSACTION_MESSAGES_MAX: usize = 256;

const SELECT_HEAD: &str = "SELECT epoch, seq, root FROM source";
const UPDATE_HEAD: &str = "UPDATE source SET epoch = ?1, seq = ?2, root = ?3";
const SELECT_SITE: &str = "SELECT site FROM source";
const UPDATE_SITE: &str = "UPDATE source SET site = ?1";
const SELECT_ROWS: &str = "SELECT kind, key, epoch, seq, body FROM record \
    WHERE (?1 IS NULL OR kind = ?1) AND (?2 IS NULL OR key = ?2) ORDER BY kind, key";
const SELECT_ROW: &str = "SELECT kind, key, epoch, seq, body FROM record \
    WHERE kind = ?1 AND key = ?2 AND place = ?3";
const SELECT_BODY: &str = "SELECT body FROM record WHERE place = ?1 AND kind = ?2 AND key = ?3";
const COUNT_RECORDS: &str = "SELECT count(*) FROM record";
const SELECT_TOKENS_WITH: &str =
    "SELECT key, body FROM record WHERE kind = 'token' AND instr(upper(body), ?1) > 0 ORDER BY key";
const COUNT_KINDS: &str = "SELECT kind, count(*) FROM record GROUP BY kind ORDER BY kind";
const INSERT_OUTGOING: &str =
    "INSERT INTO outgoing (epoch, seq, is_checkpoint, payload) VALUES (?1, ?2, ?3, ?4)";
const DELETE_LAST_CHECKPOINTS: &str = "DELETE FROM outgoing WHERE is_checkpoint = 1 \
    AND id > (SELECT coalesce(max(id), 0) FROM outgoing WHERE is_checkpoint = 0)";
const SELECT_OUTGOING: &str =
    "SELECT id, epoch, seq, payload FROM outgoing WHERE id > ?1 ORDER BY id LIMIT ?2";
const DELETE_OUTGOING: &str = "DELETE FROM outgoing WHERE id = ?1";
const COUNT_OUTGOING: &str = "SELECT count(*) FROM outgoing";

/// Where the stream stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// The last message.
    pub version: Version,
    /// The root after it.
    pub root: Digest,
}

/// What `apply` did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Applied {
    /// One version a message, in order.
    pub versions: Vec<Version>,
    /// Changes in them.
    pub changed: u64,
    /// Changes that would have changed nothing.
    pub unchanged: u64,
}

/// A row, as every gateway should hold it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The record's kind.
    pub kind: String,
    /// Its key.
    pub key: String,
    /// Of its last change.
    pub version: Version,
    /// Canonical JSON.
    pub record: String,
}

/// A message that the broker has not acknowledged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// Place in the order of publishing.
    pub id: i64,
    /// As in the payload.
    pub version: Version,
    /// The message as published on `changes`.
    pub payload: Vec<u8>,
}

/// The open file.
#[derive(Debug)]
pub struct Store {
    db: Connection,
    /// The head at which the division was last looked at.
    settled_at: Option<Version>,
}

impl Store {
    /// Binds the file to `site`, once and for all.
    ///
    /// # Errors
    /// When it belongs to another site.
    pub fn claim_site(&mut self, site: &SiteId) -> Result<(), StoreError> {
        match self.site()? {
            None => self.db.execute(UPDATE_SITE, [site.as_str()]).map(|_| ()).map_err(StoreError::from),
            Some(found) if found == *site => Ok(()),
            Some(found) => Err(StoreError::OtherSite { found: found.to_string(), asked: site.to_string() }),
        }
    }

    /// The site that the file is bound to, once it was served.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn site(&self) -> Result<Option<SiteId>, StoreError> {
        let found: Option<String> = self.db.query_row(SELECT_SITE, [], |row| row.get(0))?;
        Ok(found.and_then(|site| SiteId::new(&site).ok()))
    }

    /// Where the stream stands.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn head(&self) -> Result<Head, StoreError> {
        head(&self.db)
    }

    /// The sum of all rows' digests.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn root(&self) -> Result<Digest, StoreError> {
        Ok(self.head()?.root)
    }

    /// Numbers `changes` and commits rows, root and messages together. A message takes at most `batch`
    /// changes and a key once; what changes nothing is left out. Large lists take several transactions:
    /// each is whole, and applying the list again completes it.
    ///
    /// # Errors
    /// When the file cannot be written, or too many messages wait already.
    pub fn apply(&mut self, changes: &[Change], batch: usize) -> Result<Applied, StoreError> {
        self.apply_watched(changes, batch, &mut |_, _| {})
    }

    /// As [`Store::apply`]; `watch` is told how far it has come, in changes.
    ///
    /// # Errors
    /// As [`Store::apply`].
    pub fn apply_watched(
        &mut self,
        changes: &[Change],
        batch: usize,
        watch: &mut Watch<'_>,
    ) -> Result<Applied, StoreError> {
        let mut applied = Applied::default();
        let of = length(changes);
        let mut rest = changes;
        let waiting = count(&self.db)?;
        while !rest.is_empty() {
            let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let added = u64::try_from(applied.versions.len()).unwrap_or(u64::MAX);
            if waiting.saturating_add(added) >= OUTGOING_MAX {
                return Err(StoreError::Backlog);
            }
            let before = of - length(rest);
            let taken =
                apply::apply_some(&tx, rest, batch, &mut applied, &mut |taken| watch(before + taken, of))?;
            tx.commit()?;
            rest = &rest[taken..];
            watch(of - length(rest), of);
        }
        Ok(applied)
    }

    /// Takes a new epoch, above the stored one, `heard` (a retained `meta`'s) and the clock, and queues its
    /// first checkpoint in the same transaction. Returns the checkpoint's place.
    ///
    /// # Errors
    /// When the file cannot be written or there is no higher epoch.
    pub fn begin_epoch(&mut self, heard: Option<u64>, now: UtcTime) -> Result<Outgoing, StoreError> {
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let Head { version, root } = head(&tx)?;
        let clock = u64::try_from(now.unix()).unwrap_or(0);
        let above = version.epoch.max(heard.unwrap_or(0));
        let Some(version) = Version::new(clock.max(above.saturating_add(1)), 0) else {
            return Err(StoreError::EpochsExhausted { found: above });
        };
        tx.prepare_cached(UPDATE_HEAD)?.execute(params![integer(version.epoch), 0_i64, root.to_bytes()])?;
        let queued = queue_checkpoint(&tx, Head { version, root })?;
        tx.commit()?;
        Ok(queued)
    }

    /// Queues a checkpoint: the last number and the root, in their place in the stream.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn checkpoint(&mut self) -> Result<Outgoing, StoreError> {
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let queued = queue_checkpoint(&tx, head(&tx)?)?;
        tx.commit()?;
        Ok(queued)
    }

    /// Messages not yet acknowledged, after the place `after` (0: from the first), at most `limit`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn outgoing_after(&self, after: i64, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut select = self.db.prepare_cached(SELECT_OUTGOING)?;
        let rows = select.query_map([after, limit], |row| {
            Ok(Outgoing { id: row.get(0)?, version: version(row, 1)?, payload: row.get(3)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many messages the broker has not acknowledged.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn outgoing_count(&self) -> Result<u64, StoreError> {
        count(&self.db)
    }

    /// The broker has these messages.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn acknowledge(&mut self, ids: &[i64]) -> Result<(), StoreError> {
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for id in ids {
            tx.prepare_cached(DELETE_OUTGOING)?.execute([id])?;
        }
        Ok(tx.commit()?)
    }

    /// Rows in order of kind and key, all or those named.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn rows(&self, kind: Option<&str>, key: Option<&str>) -> Result<Vec<Row>, StoreError> {
        let read = |row: &SqlRow<'_>| {
            let (kind, key) = (row.get(0)?, row.get(1)?);
            Ok(Row { kind, key, version: version(row, 2)?, record: row.get(4)? })
        };
        let rows: Result<Vec<Row>, _> = if let (Some(kind), Some(key)) = (kind, key) {
            let place = Place::new(digest::place(kind, key)).stored();
            let mut select = self.db.prepare_cached(SELECT_ROW)?;
            select.query_map(params![kind, key, place], read)?.collect()
        } else {
            let mut select = self.db.prepare_cached(SELECT_ROWS)?;
            select.query_map(params![kind, key], read)?.collect()
        };
        Ok(rows?)
    }

    /// The canonical JSON of one record.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn record(&self, kind: &str, key: &str) -> Result<Option<String>, StoreError> {
        let place = Place::new(digest::place(kind, key)).stored();
        let mut select = self.db.prepare_cached(SELECT_BODY)?;
        Ok(select.query_row(params![place, kind, key], |row| row.get(0)).optional()?)
    }

    /// Tokens in whose record these hexadecimal digits stand, in either case, with their records.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn tokens_with(&self, hex: &str) -> Result<Vec<(String, String)>, StoreError> {
        let mut select = self.db.prepare_cached(SELECT_TOKENS_WITH)?;
        let rows = select.query_map([hex.to_ascii_uppercase()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many rows of each kind there are.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn kinds(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let mut select = self.db.prepare_cached(COUNT_KINDS)?;
        let rows = select.query_map([], |row| Ok((row.get(0)?, natural(row, 1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Of checkpoints in a row only the newest is worth sending. One with changes behind it stays: it may be the
/// beginning of their epoch.
fn queue_checkpoint(tx: &Transaction<'_>, head: Head) -> Result<Outgoing, StoreError> {
    let Head { version, root } = head;
    let payload = Filling::new(1).payload(version, root)?;
    tx.prepare_cached(DELETE_LAST_CHECKPOINTS)?.execute([])?;
    let row = params![integer(version.epoch), integer(version.seq), 1_i64, payload];
    tx.prepare_cached(INSERT_OUTGOING)?.execute(row)?;
    Ok(Outgoing { id: tx.last_insert_rowid(), version, payload })
}

fn head(db: &Connection) -> Result<Head, StoreError> {
    let mut select = db.prepare_cached(SELECT_HEAD)?;
    Ok(select
        .query_row([], |row| Ok(Head { version: version(row, 0)?, root: Digest::from_bytes(row.get(2)?) }))?)
}

fn count(db: &Connection) -> Result<u64, StoreError> {
    Ok(db.prepare_cached(COUNT_OUTGOING)?.query_row([], |row| natural(row, 0))?)
}

fn count_records(db: &Connection) -> Result<u64, StoreError> {
    Ok(db.query_row(COUNT_RECORDS, [], |row| natural(row, 0))?)
}

fn length(changes: &[Change]) -> u64 {
    u64::try_from(changes.len()).unwrap_or(u64::MAX)
}

/// Numbers of the contract are below 2^53, so nothing is cut.
fn integer(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn natural(row: &SqlRow<'_>, column: usize) -> Result<u64, rusqlite::Error> {
    let n: i64 = row.get(column)?;
    u64::try_from(n).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, n))
}

fn version(row: &SqlRow<'_>, column: usize) -> Result<Version, rusqlite::Error> {
    Ok(Version { epoch: natural(row, column)?, seq: natural(row, column + 1)? })
}
