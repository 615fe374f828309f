//! Digests and buckets: what the source says when it is asked (rules 3 and 4).

use super::key::{Spot, narrows};
use super::{Batch, Finding, Room};
use crate::mirror::cards;
use crate::mirror::ranges::{self, InRange};
use crate::mirror::rows::{self, NameId, Stored, kind_id};
use crate::mirror::touched::Touched;
use contract::digest::{self, Digest};
use contract::id::{Kind, Version};
use contract::record;
use contract::repair::{Bits, Bucket, Digests, Held, parse_bucket, parse_digests};
use std::collections::HashMap;

/// Records removed in one transaction because a bucket does not hold them: a source that was replaced by a small one
/// must not make us read and remove everything at once.
const REMOVALS_MAX: usize = 10_000;

impl Batch<'_> {
    /// A `digests` message (rule 3): what is equal is known at its version, what differs is to be fetched.
    ///
    /// # Errors
    /// SQLite's.
    pub fn digests(&mut self, payload: &[u8]) -> rusqlite::Result<()> {
        let page = match parse_digests(payload) {
            Ok(page) => page,
            Err(reason) => return self.refuse_message("digests", payload, &reason),
        };
        if self.room == Room::NarrowingOnly {
            // It takes nothing away; repair asks again when there is room.
            return Ok(());
        }
        let own = self.own_digests(&page)?;
        let as_of = page.as_of();
        let mut differing = Vec::new();
        for ((bucket, theirs), own) in (page.from..).zip(&page.digests).zip(own) {
            if *theirs != own {
                differing.push(bucket);
            } else if as_of >= self.standing.floor {
                self.cover(page.bits, bucket, as_of)?;
            }
        }
        let count = u32::try_from(page.digests.len()).unwrap_or(u32::MAX);
        self.found(Finding::Page { as_of, bits: page.bits, from: page.from, count, differing });
        Ok(())
    }

    /// Our digests of the page's buckets.
    fn own_digests(&self, page: &Digests) -> rusqlite::Result<Vec<Digest>> {
        let mut own = vec![Digest::ZERO; page.digests.len()];
        let count = u32::try_from(own.len()).unwrap_or(u32::MAX);
        let last = page.from.saturating_add(count.saturating_sub(1));
        let ids = *ranges::ids(page.bits, page.from).start()..=*ranges::ids(page.bits, last).end();
        ranges::each_digest(self.conn, &ids, |id, digest| {
            let at = ranges::bucket_of(page.bits, id).saturating_sub(page.from);
            if let Some(sum) = usize::try_from(at).ok().and_then(|at| own.get_mut(at)) {
                *sum = sum.plus(digest);
            }
        })?;
        Ok(own)
    }

    /// A bucket is as the source had it at `version`.
    fn cover(&mut self, bits: Bits, bucket: u32, version: Version) -> rusqlite::Result<()> {
        if self.standing.out_of_sync.is_none() && version <= self.standing.floor {
            // A late answer: the proof says as much.
            return Ok(());
        }
        self.standing.head = self.standing.head.max(version);
        self.covered.note(self.conn, bits, bucket, version, self.standing.high())?;
        if self.has_tombstones {
            ranges::clear_tombstones_up_to(self.conn, &ranges::ids(bits, bucket), version)?;
            self.has_tombstones = rows::has_tombstones(self.conn)?;
        }
        Ok(())
    }

    /// A `bucket` message (rule 4): everything the source holds in it, so what is missing there goes.
    ///
    /// # Errors
    /// SQLite's.
    pub fn bucket(&mut self, payload: &[u8]) -> rusqlite::Result<()> {
        let bucket = match parse_bucket(payload) {
            Ok(bucket) => bucket,
            Err(reason) => return self.refuse_message("bucket", payload, &reason),
        };
        let known = Known::read(self, &bucket)?;
        if let Some(collision) = collision(&bucket, &known) {
            return self.refuse_message("bucket", payload, &collision);
        }
        for record in &bucket.records {
            let id = rows::id_of_place(record.place);
            if self.may_replace(&known, id, bucket.as_of)? {
                self.take_over(record, id, &known, payload)?;
            }
        }
        for row in &known.others {
            if self.may_replace(&known, row.id, bucket.as_of)? {
                self.remove(row)?;
            }
        }
        if known.has_more {
            // The rest goes in the next transactions: the message comes again until nothing is left.
            self.standing.head = self.standing.head.max(bucket.as_of);
            self.out.complete = false;
            return Ok(());
        }
        // On a full disk what opens something was left out; what is older must not come into force meanwhile, also
        // of keys that are not in the bucket at all. A comparison finds what is missing when there is room.
        self.cover(bucket.bits, bucket.bucket, bucket.as_of)?;
        if self.room == Room::Ample {
            let records = u32::try_from(bucket.records.len()).unwrap_or(u32::MAX);
            self.found(Finding::Bucket { bits: bucket.bits, bucket: bucket.bucket, records });
        }
        Ok(())
    }

    /// Whether what the bucket says of this key is newer than what is known of it. A version that was never heard
    /// is the disk's work.
    fn may_replace(&self, known: &Known, id: NameId, as_of: Version) -> rusqlite::Result<bool> {
        let high = self.standing.high().max(as_of);
        let covered = match known.even_as_of {
            Some(version) => version,
            None => self.standing.floor.max(self.covered.as_of(self.conn, id, high)?),
        };
        let is_older = |version: Version| version <= as_of || version > high;
        Ok(covered <= as_of && known.version(id).is_none_or(is_older))
    }

    fn take_over(
        &mut self,
        held: &Held<'_>,
        id: NameId,
        known: &Known,
        payload: &[u8],
    ) -> rusqlite::Result<()> {
        let spot = Spot { id, kind: &held.kind, key: &held.key };
        let parsed = record::parse(spot.kind, held.record);
        let row = known.records.get(&id);
        let is_same = row.is_some_and(|row| {
            row.name.is_some()
                && row.is_in_force == parsed.record.is_ok()
                && row.digest == digest::record(spot.kind, spot.key, &parsed.canonical, held.version)
        });
        if is_same {
            return Ok(());
        }
        let stored = Stored {
            version: known.version(id),
            digest: row.map(|row| row.digest),
            is_tombstone: known.tombstones.contains_key(&id),
            is_named: row.is_some_and(|row| row.name.is_some()),
        };
        if self.room == Room::NarrowingOnly && !narrows(&parsed) {
            return self.suspend(&spot, &parsed);
        }
        if kind_id(self.conn, spot.kind)?.is_none() {
            let reason = format!("kind {:?}: too many kinds that this version does not know", spot.kind);
            return self.refuse_message("bucket", payload, &reason);
        }
        self.upsert(&spot, &stored, held.version, &parsed, held.record)
    }

    /// The source holds no such record at the bucket's version.
    fn remove(&mut self, row: &InRange) -> rusqlite::Result<()> {
        match &row.name {
            Some((kind, key)) => self.touch(&Spot { id: row.id, kind, key }, None)?,
            None => {
                // The disk lost its name: whatever it led to has to be looked at.
                rows::unlink(self.conn, Kind::Token, row.id)?;
                cards::put(self.conn, row.id, &[])?;
                rows::unlink(self.conn, Kind::Assignment, row.id)?;
                self.out.touched = Touched::Everyone;
            }
        }
        self.count_out(row.id, row.digest);
        rows::delete_record(self.conn, row.id)?;
        rows::delete_name(self.conn, row.id)?;
        self.out.applied += 1;
        Ok(())
    }
}

fn collision(bucket: &Bucket<'_>, known: &Known) -> Option<String> {
    let among_them = bucket
        .records
        .windows(2)
        .find(|pair| rows::id_of_place(pair[0].place) == rows::id_of_place(pair[1].place));
    let with_ours = bucket.records.iter().find(|held| {
        let row = known.records.get(&rows::id_of_place(held.place));
        row.and_then(|row| row.name.as_ref())
            .is_some_and(|(kind, key)| *kind != held.kind || *key != held.key)
    });
    let held = among_them.map(|pair| &pair[0]).or(with_ours)?;
    Some(Spot { id: 0, kind: &held.kind, key: &held.key }.collision())
}

/// What is stored in a bucket before it is taken over.
struct Known {
    /// Of keys that the message holds.
    records: HashMap<NameId, InRange>,
    /// Of keys that it does not hold, at most [`REMOVALS_MAX`].
    others: Vec<InRange>,
    /// There are more of these.
    has_more: bool,
    tombstones: HashMap<NameId, Version>,
    /// The version up to which nothing is news, where it is the same for all its keys.
    even_as_of: Option<Version>,
}

impl Known {
    fn read(batch: &Batch<'_>, bucket: &Bucket<'_>) -> rusqlite::Result<Known> {
        let ids = ranges::ids(bucket.bits, bucket.bucket);
        let mut known = Known {
            records: HashMap::new(),
            others: Vec::new(),
            has_more: false,
            tombstones: HashMap::new(),
            even_as_of: None,
        };
        let is_held =
            |id| bucket.records.binary_search_by_key(&id, |held| rows::id_of_place(held.place)).is_ok();
        ranges::each_in_range(batch.conn, &ids, |row| {
            if is_held(row.id) {
                known.records.insert(row.id, row);
            } else if known.others.len() < REMOVALS_MAX {
                known.others.push(row);
            } else {
                known.has_more = true;
            }
        })?;
        if batch.has_tombstones {
            known.tombstones = ranges::tombstones_in_range(batch.conn, &ids)?.into_iter().collect();
        }
        if batch.covered.is_even_within(bucket.bits) {
            let high = batch.standing.high();
            let covered = batch.covered.as_of(batch.conn, *ids.start(), high)?;
            known.even_as_of = Some(batch.standing.floor.max(covered));
        }
        Ok(known)
    }

    /// Of the record or the tombstone.
    fn version(&self, id: NameId) -> Option<Version> {
        let record = self.records.get(&id).map(|row| row.version);
        let other =
            || self.others.binary_search_by_key(&id, |row| row.id).ok().map(|at| self.others[at].version);
        record.or_else(other).or_else(|| self.tombstones.get(&id).copied())
    }
}
