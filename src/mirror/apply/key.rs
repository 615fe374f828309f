//! What one key's record does to the rows: replaced, deleted, refused, suspended.
//!
//! Not here: whether it is news (`apply`, `answers`).

use super::{Batch, Room, SUSPENDED};
use crate::mirror::overlay::enrolled;
use crate::mirror::refused::reason_cut;
use crate::mirror::rows::{self, NameId, NewRecord, Stored};
use crate::mirror::touched::{Haste, TOUCHED_USERS_MAX};
use crate::mirror::{cards, list, outbox};
use access::token::TokenStatus;
use access::user::UserStatus;
use contract::digest;
use contract::id::{Kind, Version};
use contract::messages::Event;
use contract::record::{self, Parsed, Record};

/// A key that a message speaks of.
pub(super) struct Spot<'s> {
    pub(super) id: NameId,
    pub(super) kind: &'s str,
    pub(super) key: &'s str,
}

impl<'s> Spot<'s> {
    pub(super) fn of(kind: &'s str, key: &'s str) -> Spot<'s> {
        Spot { id: rows::name_id(kind, key), kind, key }
    }

    /// Why nothing can be stored under it.
    pub(super) fn collision(&self) -> String {
        format!("{} {}: its hash begins like another key's; give it another key", self.kind, self.key)
    }
}

impl Batch<'_> {
    pub(super) fn delete(
        &mut self,
        spot: &Spot<'_>,
        stored: &Stored,
        version: Version,
    ) -> rusqlite::Result<()> {
        self.name(spot, stored)?;
        self.touch(spot, None)?;
        if let Some(old) = stored.digest {
            self.count_out(spot.id, old);
            rows::delete_record(self.conn, spot.id)?;
        }
        rows::put_tombstone(self.conn, spot.id, version)?;
        self.has_tombstones = true;
        self.out.applied += 1;
        Ok(())
    }

    pub(super) fn upsert(
        &mut self,
        spot: &Spot<'_>,
        stored: &Stored,
        version: Version,
        parsed: &Parsed,
        sent: &str,
    ) -> rusqlite::Result<()> {
        if self.room == Room::NarrowingOnly && !narrows(parsed) {
            return self.suspend(spot, parsed);
        }
        let new_digest = digest::record(spot.kind, spot.key, &parsed.canonical, version);
        let canonical = std::str::from_utf8(&parsed.canonical).unwrap_or_default();
        let refused = parsed.record.as_ref().err().map(|reason| reason_cut(reason));
        // A refused record keeps the bytes its digest covers, since a later program may understand them; where
        // those are not the record itself (too long, or said twice), its stand-in is kept.
        let rereads = |text: &str| record::parse(spot.kind, text).canonical == parsed.canonical;
        let keep_sent = refused.is_some() && sent.len() <= contract::RECORD_MAX_BYTES && rereads(sent);
        let body = if keep_sent { sent } else { canonical };
        self.name(spot, stored)?;
        if let Some(old) = stored.digest {
            self.count_out(spot.id, old);
        }
        if stored.is_tombstone {
            rows::delete_tombstone(self.conn, spot.id)?;
        }
        self.count_in(spot.id, new_digest);
        let new = NewRecord { version, digest: new_digest, refused, body };
        rows::put_record(self.conn, spot.id, &new, stored.digest.is_some())?;
        self.touch(spot, parsed.record.as_ref().ok())?;
        match refused {
            None => self.out.applied += 1,
            Some(reason) => self.note_refused(spot, version, reason)?,
        }
        Ok(())
    }

    /// There is no room for the new record, but what the old one gives may be what it takes away: the old one
    /// stays, version and all, and grants nothing until the new one comes again and finds room.
    pub(super) fn suspend(&mut self, spot: &Spot<'_>, parsed: &Parsed) -> rusqlite::Result<()> {
        let Some(body) = rows::body_in_force(self.conn, spot.id)? else { return Ok(()) };
        let (Ok(old), Ok(new)) = (record::typed(spot.kind, &body), &parsed.record) else { return Ok(()) };
        if takes_away(&old, new) {
            rows::suspend(self.conn, spot.id, SUSPENDED)?;
            self.has_suspended = true;
            self.touch(spot, None)?;
        }
        Ok(())
    }

    /// The mirror is proven, so whatever was to replace what is suspended is not what the source holds any more.
    pub(super) fn restore_suspended(&mut self) -> rusqlite::Result<()> {
        let ids = rows::suspended_ids(self.conn)?;
        for id in ids {
            let Some(row) = list::record_by_id(self.conn, id)? else { continue };
            if row.refused.as_deref() != Some(SUSPENDED) {
                continue;
            }
            let parsed = record::parse(&row.kind, &row.body);
            let digest = digest::record(&row.kind, &row.key, &parsed.canonical, row.version);
            let new = NewRecord { version: row.version, digest, refused: None, body: &row.body };
            rows::put_record(self.conn, id, &new, true)?;
            self.touch(&Spot { id, kind: &row.kind, key: &row.key }, parsed.record.as_ref().ok())?;
        }
        self.has_suspended = false;
        rows::clear_suspended(self.conn)
    }

    /// What is written has its name; what finds no room leaves none behind.
    fn name(&self, spot: &Spot<'_>, stored: &Stored) -> rusqlite::Result<()> {
        match rows::kind_id(self.conn, spot.kind)? {
            Some(kind_id) if !stored.is_named => rows::put_name(self.conn, spot.id, kind_id, spot.key),
            Some(_) | None => Ok(()),
        }
    }

    /// A record enters the root.
    pub(super) fn count_in(&mut self, id: NameId, digest: digest::Digest) {
        self.standing.root = self.standing.root.plus(digest);
        self.parts.add(id, digest);
    }

    /// A record leaves the root.
    pub(super) fn count_out(&mut self, id: NameId, digest: digest::Digest) {
        self.standing.root = self.standing.root.minus(digest);
        self.parts.take(id, digest);
    }

    /// Replaces the links out of a record, and notes whose export may have changed.
    pub(super) fn touch(&mut self, spot: &Spot<'_>, record: Option<&Record>) -> rusqlite::Result<()> {
        let Some(kind) = Kind::parse(spot.kind) else { return Ok(()) };
        if kind == Kind::Token
            && self.has_enrolled
            && let Some(user) = enrolled::supersede(self.conn, spot.key)?
        {
            self.out.touched.add(user, Haste::AtOnce);
        }
        let haste = if record.is_none_or(closes) { Haste::AtOnce } else { Haste::InTurn };
        if let Some(user) = rows::unlink(self.conn, kind, spot.id)?
            // A user without a record is not exported, whatever leads to it.
            && let Some(user) = rows::key_of(self.conn, user)?
        {
            // What it gave before may be gone, whatever it gives now.
            self.out.touched.add(user, Haste::AtOnce);
        }
        match record {
            Some(Record::Token(token)) => {
                let user = token.user.as_ref().map(|user| rows::name_id(Kind::User.as_str(), user.as_str()));
                rows::put_token(self.conn, spot.id, user, token.window)?;
                cards::put(self.conn, spot.id, &token.identifiers)?;
                if let Some(user) = &token.user {
                    self.out.touched.add(user.to_string(), haste);
                }
            }
            Some(Record::Assignment(assignment)) => {
                let user = rows::name_id(Kind::User.as_str(), assignment.user.as_str());
                let entitlement = rows::name_id(Kind::Entitlement.as_str(), assignment.entitlement.as_str());
                rows::put_assignment(self.conn, spot.id, user, entitlement, assignment.window)?;
                self.out.touched.add(assignment.user.to_string(), haste);
            }
            Some(Record::User(_) | Record::Entitlement(_) | Record::Schedule(_) | Record::Door(_)) | None => {
            }
        }
        match kind {
            Kind::Token if record.is_none() => cards::put(self.conn, spot.id, &[])?,
            Kind::User => self.out.touched.add(spot.key.to_string(), haste),
            Kind::Entitlement => {
                for user in rows::users_of_entitlement(self.conn, spot.id, TOUCHED_USERS_MAX + 1)? {
                    self.out.touched.add(user, haste);
                }
            }
            Kind::Token | Kind::Assignment | Kind::Schedule | Kind::Door => {}
        }
        Ok(())
    }

    fn note_refused(&mut self, spot: &Spot<'_>, version: Version, reason: &str) -> rusqlite::Result<()> {
        self.out.refused += 1;
        tracing::warn!(kind = %spot.kind, key = %spot.key, %version, reason, "record refused; its older version grants nothing now");
        let event = Event::RefusedRecord {
            kind: spot.kind.into(),
            key: spot.key.into(),
            version,
            reason: reason.into(),
        };
        outbox::push(self.conn, self.now, &event)
    }
}

/// Whether a record in itself opens nothing, so that it may be written into the last of the disk.
pub(super) fn narrows(parsed: &Parsed) -> bool {
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
