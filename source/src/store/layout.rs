//! Opening the source's file: pragmas, the layout, and the way from an older one.
//!
//! Not here: what the tables are for (`schema.sql`).

use super::buckets::{self, Place, Share};
use super::{Store, StoreError, count_records, natural};
use access::time::UtcTime;
use contract::digest::{self, Digest};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// How long a writer waits for another, in milliseconds.
pub const BUSY_MS: u64 = 30_000;
/// SQLite does not wait by itself where two processes make the file, or recover it, at the same time: how
/// often opening is tried, and the pause between in milliseconds.
const OPEN_TRIES: u32 = 100;
const OPEN_PAUSE_MS: u64 = 50;
/// Pages kept in memory, in KiB. Records lie by hashes, so a transaction of an import touches pages all over the
/// file; with SQLite's own 2 MiB they would be written and read again before its end.
const CACHE_KIB: i64 = 64 * 1024;
/// Layout of the file, in `PRAGMA user_version`.
pub(super) const SCHEMA_VERSION: i64 = 3;
/// The layout before records lay in the order of buckets.
const LAYOUT_1: i64 = 1;
/// The layout before the exporter was written down.
const LAYOUT_2: i64 = 2;

const SCHEMA: &str = include_str!("schema.sql");
const FROM_1: &str = include_str!("layout_2.sql");
const FROM_2: &str = include_str!("layout_3.sql");
const DROP_1: &str = "DROP TABLE record_1";
const SELECT_KEYS_1: &str = "SELECT kind, key FROM record_1";
const SELECT_SHARE_1: &str =
    "SELECT length(CAST(body AS BLOB)), digest FROM record_1 WHERE kind = ?1 AND key = ?2";
const COPY_1: &str = "INSERT INTO record (place, kind, key, epoch, seq, body, digest) \
    SELECT ?1, kind, key, epoch, seq, body, digest FROM record_1 WHERE kind = ?2 AND key = ?3";
const INSERT_SOURCE: &str = "INSERT INTO source (one, site, epoch, seq, root) VALUES (1, NULL, ?1, 0, ?2)";

/// Told how far long work has come: so much is done, of so much.
pub type Watch<'a> = dyn FnMut(u64, u64) + 'a;

impl Store {
    /// Opens the file, or makes it, readable by its owner alone since records hold PINs. A file of an older
    /// layout is brought up to this one, in one transaction.
    ///
    /// # Errors
    /// When it cannot be opened, or is another program's or a later version's.
    pub fn open(path: &Path, now: UtcTime) -> Result<Store, StoreError> {
        Store::open_watched(path, now, &mut |_, _| {})
    }

    /// As [`Store::open`]; `watch` is told how far the records of an older layout are moved, in records.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_watched(path: &Path, now: UtcTime, watch: &mut Watch<'_>) -> Result<Store, StoreError> {
        OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(|source| StoreError::Create { path: path.into(), source })?;
        let mut tries = 1;
        loop {
            match prepared_at(path, now, watch) {
                Err(StoreError::Sql(error)) if is_busy(&error) && tries < OPEN_TRIES => tries += 1,
                Err(StoreError::Sql(source)) => {
                    return Err(StoreError::Open { path: path.into(), source });
                }
                opened => return opened,
            }
            std::thread::sleep(Duration::from_millis(OPEN_PAUSE_MS));
        }
    }

    /// Does `act` unless another process is writing; none: it was, and nothing was done. An import writes for
    /// minutes with hardly a gap, and what is live must not stand behind it.
    ///
    /// # Errors
    /// Those of `act`, but for the file being busy.
    pub fn at_once<T>(
        &mut self,
        act: impl FnOnce(&mut Store) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        self.db.busy_timeout(Duration::ZERO)?;
        let done = act(self);
        self.db.busy_timeout(Duration::from_millis(BUSY_MS))?;
        match done {
            Err(StoreError::Sql(error)) if is_busy(&error) => Ok(None),
            done => done.map(Some),
        }
    }

    /// A store that is gone when dropped, for tests and benchmarks.
    ///
    /// # Errors
    /// When SQLite has no memory.
    pub fn open_in_memory(now: UtcTime) -> Result<Store, StoreError> {
        prepared(Connection::open_in_memory()?, now, &mut |_, _| {})
    }
}

fn prepared_at(path: &Path, now: UtcTime, watch: &mut Watch<'_>) -> Result<Store, StoreError> {
    #[expect(clippy::disallowed_methods, reason = "the one home of the source's connection")]
    let db = Connection::open(path)?;
    db.busy_timeout(Duration::from_millis(BUSY_MS))?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "cache_size", -CACHE_KIB)?;
    // A change that was printed as accepted, or acknowledged to a gateway, survives a power cut.
    db.pragma_update(None, "synchronous", "FULL")?;
    prepared(db, now, watch)
}

fn prepared(mut db: Connection, now: UtcTime, watch: &mut Watch<'_>) -> Result<Store, StoreError> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match found {
        0 => {
            tx.execute_batch(SCHEMA)?;
            // An epoch no earlier life of this site can have used, even if its file was lost.
            tx.execute(INSERT_SOURCE, params![now.unix().max(1), Digest::ZERO.to_bytes()])?;
        }
        LAYOUT_1 => {
            from_layout_1(&tx, watch)?;
            tx.execute_batch(FROM_2)?;
        }
        LAYOUT_2 => tx.execute_batch(FROM_2)?,
        SCHEMA_VERSION => {}
        found => return Err(StoreError::Layout { found }),
    }
    if found != SCHEMA_VERSION {
        tx.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    }
    tx.commit()?;
    Ok(Store { db, settled_at: None })
}

/// Moves the records, in the order of their new places: in any other, each would touch a page of its own.
fn from_layout_1(tx: &Transaction<'_>, watch: &mut Watch<'_>) -> Result<(), StoreError> {
    let all = count_records(tx)?;
    tracing::info!(records = all, "bringing the file to layout 2");
    tx.execute_batch(FROM_1)?;
    let mut keys: Vec<(Place, String, String)> = Vec::new();
    {
        let mut select = tx.prepare(SELECT_KEYS_1)?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let (kind, key): (String, String) = (row.get(0)?, row.get(1)?);
            keys.push((Place::new(digest::place(&kind, &key)), kind, key));
        }
    }
    keys.sort_unstable();
    let mut shares: BTreeMap<i64, Share> = BTreeMap::new();
    for (done, (place, kind, key)) in (0..).zip(&keys) {
        watch(done, all);
        tx.prepare_cached(COPY_1)?.execute(params![place.stored(), kind, key])?;
        let (body_bytes, digest) = tx
            .prepare_cached(SELECT_SHARE_1)?
            .query_row([kind, key], |row| Ok((natural(row, 0)?, Digest::from_bytes(row.get(1)?))))?;
        shares.entry(place.finest()).or_default().add(Share::of(kind, key, body_bytes, digest));
    }
    buckets::add_shares(tx, &shares)?;
    tx.execute_batch(DROP_1)?;
    Ok(())
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
}
