//! What arrives becomes rows, by the contract's order rules for gateways (docs/contract.md).
//!
//! Every valid change newer than what is known of its key is applied at once, gap or not; the root of the
//! newest message proves the whole or says that something is missing; digests and buckets bring what is.
//!
//! - `key`: what one key's record does to the rows
//! - `answers`: digests and buckets
//!
//! Not here: when to ask the source (`feed::sync`), acknowledgement (the service's, after the commit).

mod answers;
mod key;

use super::covered::Covered;
use super::due;
use super::list;
use super::overlay::enrolled;
use super::refused;
use super::rows::{self, NewRecord, kind_id};
use super::standing::{self, OutOfSync, Parts, Restored, Standing};
use super::touched::Touched;
use access::time::UtcTime;
use contract::changes::{Act, Change, parse_changes};
use contract::digest::{self, Digest};
use contract::id::Version;
use contract::record::{self, Parsed};
use contract::repair::Bits;
use key::Spot;
use rusqlite::Connection;

/// Why a record grants nothing while the disk is full ([`Batch::suspend`]).
const SUSPENDED: &str = "its successor waits for room on the disk";

/// How much of a batch may be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Room {
    /// All of it.
    Ample,
    /// The disk is full: only what takes access away, into the space kept for it.
    NarrowingOnly,
}

/// What a batch did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Applied {
    /// Whether every message is on disk, so that all may be acknowledged.
    pub complete: bool,
    /// Users whose export may have changed.
    pub touched: Touched,
    /// Changes that took effect.
    pub applied: u64,
    /// Changes that were older than what is known.
    pub stale: u64,
    /// Records and messages refused.
    pub refused: u64,
    /// What was learned about the mirror as a whole, in order.
    pub findings: Vec<Finding>,
    /// Where the mirror stands now.
    pub standing: Standing,
}

/// What a message says about the mirror as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// The newest root is ours.
    Proven,
    /// The newest root is another.
    Unequal,
    /// The source is behind what it once said: it was restored from a backup.
    Behind,
    /// A page of digests was compared.
    Page {
        /// The version at which the source read it.
        as_of: Version,
        /// How the source divides keys.
        bits: Bits,
        /// Its first bucket.
        from: u32,
        /// How many buckets.
        count: u32,
        /// Those that differ.
        differing: Vec<u32>,
    },
    /// A bucket was taken over.
    Bucket {
        /// How the source divides keys.
        bits: Bits,
        /// Which.
        bucket: u32,
        /// Records in it.
        records: u32,
    },
}

/// Looks again at what an older program refused, in one transaction; what this one understands comes into
/// force. Returns how many did.
///
/// # Errors
/// SQLite's.
pub fn reconsider_refused(conn: &mut Connection, now: UtcTime) -> rusqlite::Result<u64> {
    let tx = conn.transaction()?;
    let mut batch = Batch::begin(&tx, now, Room::Ample)?;
    for id in rows::refused_ids(&tx)? {
        let Some(refused) = list::record_by_id(&tx, id)? else { continue };
        if refused.refused.as_deref() == Some(SUSPENDED) {
            continue;
        }
        let parsed = record::parse(&refused.kind, &refused.body);
        let digest = digest::record(&refused.kind, &refused.key, &parsed.canonical, refused.version);
        // Of a key that was said twice only a stand-in is kept, which is no record.
        if parsed.record.is_ok() && rows::digest_of(&tx, id)? == Some(digest) {
            let body = std::str::from_utf8(&parsed.canonical).unwrap_or_default();
            let new = NewRecord { version: refused.version, digest, refused: None, body };
            rows::put_record(&tx, id, &new, true)?;
            let spot = Spot { id, kind: &refused.kind, key: &refused.key };
            batch.touch(&spot, parsed.record.as_ref().ok())?;
            batch.out.applied += 1;
        }
    }
    let understood = batch.out.applied;
    due::add(&tx, &batch.out.touched)?;
    tx.commit()?;
    Ok(understood)
}

/// Messages on their way into one transaction, in the order they arrived, with one `now`.
pub struct Batch<'a> {
    conn: &'a Connection,
    now: UtcTime,
    room: Room,
    before: Standing,
    standing: Standing,
    parts: Parts,
    covered: Covered,
    has_tombstones: bool,
    has_suspended: bool,
    has_enrolled: bool,
    out: Applied,
}

impl<'a> Batch<'a> {
    /// Begins with what is on disk; `conn` is in a transaction, which the writer ends or rolls back.
    ///
    /// # Errors
    /// SQLite's, as for everything below: nothing of the batch is kept then.
    pub fn begin(conn: &'a Connection, now: UtcTime, room: Room) -> rusqlite::Result<Batch<'a>> {
        let standing = standing::standing(conn)?;
        let out = Applied {
            complete: true,
            touched: Touched::nobody(),
            applied: 0,
            stale: 0,
            refused: 0,
            findings: Vec::new(),
            standing,
        };
        Ok(Batch {
            conn,
            now,
            room,
            before: standing,
            standing,
            parts: standing::parts(conn)?,
            covered: Covered::load(conn)?,
            has_tombstones: rows::has_tombstones(conn)?,
            has_suspended: rows::has_suspended(conn)?,
            has_enrolled: enrolled::has_any(conn)?,
            out,
        })
    }

    /// Ends the batch: what it did, with where the mirror stands written down.
    ///
    /// # Errors
    /// SQLite's.
    pub fn end(mut self) -> rusqlite::Result<Applied> {
        if self.standing != self.before {
            standing::store(self.conn, &mut self.standing, &mut self.parts)?;
        }
        due::add(self.conn, &self.out.touched)?;
        self.out.standing = self.standing;
        Ok(self.out)
    }

    /// A `changes` message (rule 1).
    ///
    /// # Errors
    /// SQLite's.
    pub fn changes(&mut self, payload: &[u8]) -> rusqlite::Result<()> {
        let message = match parse_changes(payload) {
            Ok(message) => message,
            Err(reason) => return self.refuse_message("changes", payload, &reason),
        };
        for (at, reason) in &message.misshapen {
            self.refuse_message("changes", payload, &format!("change {at}: {reason}"))?;
        }
        for change in &message.changes {
            self.change(change, message.version, payload)?;
        }
        if self.room == Room::NarrowingOnly {
            // The message comes again when there is room, and is compared then. It has been heard, though: an
            // older message that arrives later must not prove a mirror that already holds parts of this one.
            self.standing.head = self.standing.head.max(message.version);
            self.out.complete = false;
            return Ok(());
        }
        self.judge(message.version, message.root)
    }

    /// A `meta` that says where the source stands (rule 2).
    pub fn meta(&mut self, version: Version) {
        if version < self.standing.high() {
            self.found(Finding::Behind);
        }
    }

    /// Moves the head, and lets the newest message's root prove the mirror or not.
    fn judge(&mut self, version: Version, root: Digest) -> rusqlite::Result<()> {
        let high = self.standing.high();
        self.standing.head = self.standing.head.max(version);
        if version < high {
            return Ok(());
        }
        (self.standing.heard, self.standing.heard_root) = (version, root);
        if self.standing.root == root {
            self.standing.floor = version;
            self.standing.out_of_sync = None;
            self.standing.whole = true;
            self.standing.restored = Restored::No;
            if self.has_tombstones {
                rows::clear_tombstones(self.conn)?;
                self.has_tombstones = false;
            }
            if !self.covered.is_empty() {
                self.covered.clear(self.conn)?;
            }
            if self.has_suspended {
                self.restore_suspended()?;
            }
            self.found(Finding::Proven);
        } else {
            let skipped = version.epoch == high.epoch && version.seq > high.seq.saturating_add(1);
            let known_gap = version.epoch == high.epoch && self.standing.out_of_sync == Some(OutOfSync::Gap);
            let why = if skipped || known_gap { OutOfSync::Gap } else { OutOfSync::UnequalRoot };
            self.standing.out_of_sync = Some(why);
            self.found(Finding::Unequal);
        }
        Ok(())
    }

    fn change(&mut self, change: &Change<'_>, version: Version, payload: &[u8]) -> rusqlite::Result<()> {
        let spot = Spot::of(&change.kind, &change.key);
        if version <= self.as_of(&spot)? {
            self.out.stale += 1;
            return Ok(());
        }
        let Some(kind_id) = kind_id(self.conn, spot.kind)? else {
            let reason = format!("kind {:?}: too many kinds that this version does not know", spot.kind);
            return self.refuse_message("changes", payload, &reason);
        };
        let Some(stored) = rows::find(self.conn, spot.id, kind_id, spot.key)? else {
            return self.refuse_message("changes", payload, &spot.collision());
        };
        // A version that was never heard is the disk's work; the scrub finds it.
        if stored.version.is_some_and(|known| version <= known && known <= self.standing.high()) {
            self.out.stale += 1;
            return Ok(());
        }
        match &change.act {
            Act::Delete => self.delete(&spot, &stored, version),
            Act::Upsert(sent) => {
                let parsed = record::parse(spot.kind, sent);
                self.upsert(&spot, &stored, version, &parsed, sent)
            }
            Act::Refuse(sent, reason) => {
                let canonical = digest::opaque(sent.as_bytes()).into();
                let parsed = Parsed { canonical, record: Err(reason.clone()) };
                self.upsert(&spot, &stored, version, &parsed, sent)
            }
        }
    }

    /// The version at and below which nothing about this key is news.
    fn as_of(&self, spot: &Spot<'_>) -> rusqlite::Result<Version> {
        let floor = self.standing.floor;
        if self.covered.is_empty() {
            return Ok(floor);
        }
        Ok(floor.max(self.covered.as_of(self.conn, spot.id, self.standing.high())?))
    }

    /// The same finding many times in a row says no more than once.
    fn found(&mut self, finding: Finding) {
        if self.out.findings.last() != Some(&finding) {
            self.out.findings.push(finding);
        }
    }

    fn refuse_message(&mut self, topic: &str, payload: &[u8], reason: &str) -> rusqlite::Result<()> {
        if self.room == Room::NarrowingOnly {
            self.out.complete = false;
            return Ok(());
        }
        self.out.refused += 1;
        refused::keep(self.conn, topic, payload, reason, self.now)
    }
}
