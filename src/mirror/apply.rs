//! Changes become rows, by the contract's order rules (docs: `sync-rules`, gateway 1 and 2).
//!
//! Every valid change newer than what is known of its key is applied at once, gap or not; the root of the
//! newest message proves the whole or says that something is missing.
//!
//! Not here: buckets and digests (repair), acknowledgement (the service's, after the commit).

use super::refused::{self, reason_cut};
use super::rows::{self, NameId, NewRecord, Stored};
use super::standing::{self, OutOfSync, Standing};
use super::touched::{Haste, TOUCHED_USERS_MAX, Touched};
use super::{list, outbox, rows::kind_id};
use access::id::Key;
use access::time::UtcTime;
use access::token::TokenStatus;
use access::user::UserStatus;
use contract::changes::{Act, Change, parse_changes};
use contract::digest::{self, Digest};
use contract::id::{Kind, Version};
use contract::messages::Event;
use contract::record::{self, Parsed, Record};
use rusqlite::Connection;

/// Why a record grants nothing while the disk is full ([`Run::suspend`]).
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
    /// Where the mirror stands now.
    pub standing: Standing,
}

/// Looks again at what an older program refused, in one transaction; what this one understands comes into
/// force. Returns how many did.
///
/// # Errors
/// SQLite's.
pub fn reconsider_refused(conn: &mut Connection, now: UtcTime) -> rusqlite::Result<u64> {
    let tx = conn.transaction()?;
    let mut run = Run::new(&tx, now, Room::Ample)?;
    for id in rows::refused_ids(&tx)? {
        let refused = list::record_by_id(&tx, id)?;
        if refused.refused.as_deref() == Some(SUSPENDED) {
            continue;
        }
        let parsed = record::parse(&refused.kind, &refused.body);
        let digest = digest::record(&refused.kind, &refused.key, &parsed.canonical, refused.version);
        // Of a key that was said twice only a stand-in is kept, which is no record.
        if parsed.record.is_ok() && rows::digest_of(&tx, id)? == Some(digest) {
            let change = Change { kind: refused.kind.into(), key: refused.key.into(), act: Act::Delete };
            let body = std::str::from_utf8(&parsed.canonical).unwrap_or_default();
            let new = NewRecord { version: refused.version, digest, refused: None, body };
            rows::put_record(&tx, id, &new, true)?;
            run.touch(&change, id, parsed.record.as_ref().ok())?;
            run.out.applied += 1;
        }
    }
    let understood = run.out.applied;
    tx.commit()?;
    Ok(understood)
}

/// Applies the payloads of `changes` messages in the order they arrived, with one `now`.
///
/// # Errors
/// SQLite's; nothing of the batch is kept then (the writer rolls back).
pub fn batch(conn: &Connection, payloads: &[&[u8]], now: UtcTime, room: Room) -> rusqlite::Result<Applied> {
    let mut run = Run::new(conn, now, room)?;
    let before = run.standing;
    for payload in payloads {
        run.message(payload)?;
    }
    if run.standing != before {
        standing::store(conn, &run.standing)?;
    }
    run.out.standing = run.standing;
    Ok(run.out)
}

struct Run<'a> {
    conn: &'a Connection,
    now: UtcTime,
    room: Room,
    standing: Standing,
    has_tombstones: bool,
    out: Applied,
}

impl<'a> Run<'a> {
    fn new(conn: &'a Connection, now: UtcTime, room: Room) -> rusqlite::Result<Run<'a>> {
        let standing = standing::standing(conn)?;
        let has_tombstones = rows::has_tombstones(conn)?;
        let touched = Touched::nobody();
        let out = Applied { complete: true, touched, applied: 0, stale: 0, refused: 0, standing };
        Ok(Run { conn, now, room, standing, has_tombstones, out })
    }

    fn message(&mut self, payload: &[u8]) -> rusqlite::Result<()> {
        let message = match parse_changes(payload) {
            Ok(message) => message,
            Err(reason) => return self.refuse_message(payload, &reason),
        };
        for (at, reason) in &message.misshapen {
            self.refuse_message(payload, &format!("change {at}: {reason}"))?;
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

    /// Moves the head, and lets the newest message's root prove the mirror or not.
    fn judge(&mut self, version: Version, root: Digest) -> rusqlite::Result<()> {
        let high = self.standing.head.max(self.standing.floor);
        self.standing.head = self.standing.head.max(version);
        if version < high {
            return Ok(());
        }
        if self.standing.root == root {
            self.standing.floor = version;
            self.standing.out_of_sync = None;
            if self.has_tombstones {
                rows::clear_tombstones(self.conn)?;
                self.has_tombstones = false;
            }
        } else {
            let skipped = version.epoch == high.epoch && version.seq > high.seq.saturating_add(1);
            let known_gap = version.epoch == high.epoch && self.standing.out_of_sync == Some(OutOfSync::Gap);
            let why = if skipped || known_gap { OutOfSync::Gap } else { OutOfSync::UnequalRoot };
            self.standing.out_of_sync = Some(why);
        }
        Ok(())
    }

    fn change(&mut self, change: &Change<'_>, version: Version, payload: &[u8]) -> rusqlite::Result<()> {
        if version <= self.standing.floor {
            self.out.stale += 1;
            return Ok(());
        }
        let Some(kind_id) = kind_id(self.conn, &change.kind)? else {
            let reason = format!("kind {:?}: too many kinds that this version does not know", change.kind);
            return self.refuse_message(payload, &reason);
        };
        let stored = rows::find(self.conn, kind_id, &change.key)?;
        if stored.as_ref().and_then(|stored| stored.version).is_some_and(|known| version <= known) {
            self.out.stale += 1;
            return Ok(());
        }
        match &change.act {
            Act::Delete => self.delete(change, kind_id, stored, version),
            Act::Upsert(sent) => {
                let parsed = record::parse(&change.kind, sent);
                self.upsert(change, kind_id, stored, version, parsed, sent)
            }
            Act::Refuse(sent, reason) => {
                let parsed =
                    Parsed { canonical: digest::opaque(sent.as_bytes()), record: Err(reason.clone()) };
                self.upsert(change, kind_id, stored, version, parsed, sent)
            }
        }
    }

    fn delete(
        &mut self,
        change: &Change<'_>,
        kind_id: i64,
        stored: Option<Stored>,
        version: Version,
    ) -> rusqlite::Result<()> {
        let id = match &stored {
            Some(stored) => stored.id,
            None => rows::add_name(self.conn, kind_id, &change.key)?,
        };
        self.touch(change, id, None)?;
        if let Some(old) = stored.and_then(|stored| stored.digest) {
            self.standing.root = self.standing.root.minus(old);
            rows::delete_record(self.conn, id)?;
        }
        rows::put_tombstone(self.conn, id, version)?;
        self.has_tombstones = true;
        self.out.applied += 1;
        Ok(())
    }

    fn upsert(
        &mut self,
        change: &Change<'_>,
        kind_id: i64,
        stored: Option<Stored>,
        version: Version,
        parsed: Parsed,
        sent: &str,
    ) -> rusqlite::Result<()> {
        if self.room == Room::NarrowingOnly && !narrows(&parsed) {
            return self.suspend(change, stored.as_ref(), &parsed);
        }
        let new_digest = digest::record(&change.kind, &change.key, &parsed.canonical, version);
        let canonical = std::str::from_utf8(&parsed.canonical).unwrap_or_default();
        let refused = parsed.record.as_ref().err().map(|reason| reason_cut(reason));
        // A refused record keeps the bytes its digest covers, since a later program may understand them; where
        // those are not the record itself (too long, or said twice), its stand-in is kept.
        let rereads = |text: &str| record::parse(&change.kind, text).canonical == parsed.canonical;
        let keep_sent = refused.is_some() && sent.len() <= contract::RECORD_MAX_BYTES && rereads(sent);
        let body = if keep_sent { sent } else { canonical };
        let id = match &stored {
            Some(stored) => stored.id,
            None => rows::add_name(self.conn, kind_id, &change.key)?,
        };
        if let Some(stored) = &stored {
            if let Some(old) = stored.digest {
                self.standing.root = self.standing.root.minus(old);
            }
            if stored.is_tombstone {
                rows::delete_tombstone(self.conn, id)?;
            }
        }
        self.standing.root = self.standing.root.plus(new_digest);
        let exists = stored.is_some_and(|stored| stored.digest.is_some());
        let new = NewRecord { version, digest: new_digest, refused, body };
        rows::put_record(self.conn, id, &new, exists)?;
        self.touch(change, id, parsed.record.as_ref().ok())?;
        match refused {
            None => self.out.applied += 1,
            Some(reason) => self.note_refused(change, version, reason)?,
        }
        Ok(())
    }

    /// There is no room for the new record, but what the old one gives may be what it takes away: the old one
    /// stays, version and all, and grants nothing until the new one comes again and finds room.
    fn suspend(
        &mut self,
        change: &Change<'_>,
        stored: Option<&Stored>,
        parsed: &Parsed,
    ) -> rusqlite::Result<()> {
        let Some(stored) = stored else { return Ok(()) };
        let Some(body) = rows::body_in_force(self.conn, stored.id)? else { return Ok(()) };
        let (Ok(old), Ok(new)) = (record::typed(&change.kind, &body), &parsed.record) else { return Ok(()) };
        if takes_away(&old, new) {
            rows::suspend(self.conn, stored.id, SUSPENDED)?;
            self.touch(change, stored.id, None)?;
        }
        Ok(())
    }

    /// Replaces the links out of a record, and notes whose export may have changed.
    fn touch(&mut self, change: &Change<'_>, id: NameId, record: Option<&Record>) -> rusqlite::Result<()> {
        let Some(kind) = Kind::parse(&change.kind) else { return Ok(()) };
        let haste = if record.is_none_or(closes) { Haste::AtOnce } else { Haste::InTurn };
        if let Some(user) = rows::unlink(self.conn, kind, id)? {
            // What it gave before may be gone, whatever it gives now.
            self.out.touched.add(rows::key_of(self.conn, user)?, Haste::AtOnce);
        }
        match record {
            Some(Record::Token(token)) => {
                let user = token.user.as_ref().map(|user| self.name(Kind::User, user)).transpose()?;
                rows::put_token(self.conn, id, user, token.window)?;
                if let Some(user) = &token.user {
                    self.out.touched.add(user.to_string(), haste);
                }
            }
            Some(Record::Assignment(assignment)) => {
                let user = self.name(Kind::User, &assignment.user)?;
                let entitlement = self.name(Kind::Entitlement, &assignment.entitlement)?;
                rows::put_assignment(self.conn, id, user, entitlement, assignment.window)?;
                self.out.touched.add(assignment.user.to_string(), haste);
            }
            Some(Record::User(_) | Record::Entitlement(_) | Record::Schedule(_) | Record::Door(_)) | None => {
            }
        }
        match kind {
            Kind::User => self.out.touched.add(change.key.to_string(), haste),
            Kind::Entitlement => {
                for user in rows::users_of_entitlement(self.conn, id, TOUCHED_USERS_MAX + 1)? {
                    self.out.touched.add(user, haste);
                }
            }
            Kind::Token | Kind::Assignment | Kind::Schedule | Kind::Door => {}
        }
        Ok(())
    }

    fn name(&self, kind: Kind, key: &Key) -> rusqlite::Result<NameId> {
        rows::name_id(self.conn, rows::known_kind(kind), key.as_str())
    }

    fn note_refused(&mut self, change: &Change<'_>, version: Version, reason: &str) -> rusqlite::Result<()> {
        self.out.refused += 1;
        tracing::warn!(kind = %change.kind, key = %change.key, %version, reason, "record refused; its older version grants nothing now");
        let event = Event::RefusedRecord {
            kind: change.kind.to_string(),
            key: change.key.to_string(),
            version,
            reason: reason.into(),
        };
        outbox::push(self.conn, self.now, &event)
    }

    fn refuse_message(&mut self, payload: &[u8], reason: &str) -> rusqlite::Result<()> {
        if self.room == Room::NarrowingOnly {
            self.out.complete = false;
            return Ok(());
        }
        self.out.refused += 1;
        refused::keep(self.conn, "changes", payload, reason, self.now)
    }
}

/// Whether a record in itself opens nothing, so that it may be written into the last of the disk.
fn narrows(parsed: &Parsed) -> bool {
    parsed.record.as_ref().map_or(true, closes)
}

fn closes(record: &Record) -> bool {
    match record {
        Record::User(user) => user.status != UserStatus::Active,
        Record::Token(token) => token.status != TokenStatus::Active,
        Record::Entitlement(_) | Record::Assignment(_) | Record::Schedule(_) | Record::Door(_) => false,
    }
}

/// Whether `new` may give less than `old` gives; neither closes by itself.
fn takes_away(old: &Record, new: &Record) -> bool {
    match (old, new) {
        // Names, addresses and the like open nothing.
        (Record::User(_), Record::User(_)) => false,
        (Record::Entitlement(old), Record::Entitlement(new)) => {
            (&old.pacs_ref, &old.kind) != (&new.pacs_ref, &new.kind)
        }
        (old, new) => old != new,
    }
}
