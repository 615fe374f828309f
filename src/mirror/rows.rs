//! Named SQL of keys, records, tombstones and the links out of records.

use access::time::{UtcTime, Window};
use contract::digest::{self, Digest};
use contract::id::{Kind, Version};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// The integer of a key: the leading 63 bits of the hash that names its bucket.
pub(super) type NameId = i64;

/// The integer of a key.
pub(super) fn name_id(kind: &str, key: &str) -> NameId {
    id_of_place(digest::place(kind, key))
}

/// The integer of a key by its hash.
pub(super) fn id_of_place(place: u64) -> NameId {
    i64::try_from(place >> 1).unwrap_or(NameId::MAX)
}

/// Kinds of later versions that are remembered; more are refused.
pub(super) const FOREIGN_KINDS_MAX: i64 = 64;

/// What is stored under a key.
pub(super) struct Stored {
    /// Of the record or the tombstone.
    pub(super) version: Option<Version>,
    /// Of the record.
    pub(super) digest: Option<Digest>,
    pub(super) is_tombstone: bool,
    /// Whether the key has its name.
    pub(super) is_named: bool,
}

/// A row's new content.
pub(super) struct NewRecord<'a> {
    pub(super) version: Version,
    pub(super) digest: Digest,
    pub(super) refused: Option<&'a str>,
    pub(super) body: &'a str,
}

pub(super) fn sql(n: u64) -> i64 {
    // Versions are checked to be within 2^53 - 1 at the edge.
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// Reads a column as text; none if there is none, or the disk has made something else of it.
pub(super) fn text(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<String>> {
    Ok(text_ref(row, at)?.map(str::to_owned))
}

/// As [`text`], without a copy.
pub(super) fn text_ref<'r>(row: &'r Row<'_>, at: usize) -> rusqlite::Result<Option<&'r str>> {
    let bytes = row.get_ref(at)?.as_bytes_or_null().ok().flatten();
    Ok(bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()))
}

/// Reads two adjacent columns as a version.
pub(super) fn version(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Version>> {
    let (epoch, seq) = (integer(row, at)?, integer(row, at + 1)?);
    Ok(epoch.zip(seq).and_then(|(epoch, seq)| Version::new(unsigned(epoch), unsigned(seq))))
}

/// Reads a column as an integer; none if there is none, or the disk has made something else of it.
fn integer(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<i64>> {
    Ok(row.get_ref(at)?.as_i64_or_null().ok().flatten())
}

/// Reads a column as a digest.
pub(super) fn digest(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Digest>> {
    let bytes = row.get_ref(at)?.as_bytes_or_null().ok().flatten();
    Ok(bytes.and_then(|bytes| bytes.try_into().ok()).map(Digest::from_bytes))
}

/// The number of a kind, given one to a foreign kind while there is room.
pub(super) fn kind_id(conn: &Connection, kind: &str) -> rusqlite::Result<Option<i64>> {
    if let Some(known) = Kind::parse(kind) {
        return Ok(Some(known_kind(known)));
    }
    const FIND: &str = "SELECT id FROM kind WHERE name = ?1";
    const ADD: &str = "INSERT INTO kind (name) SELECT ?1 WHERE (SELECT count(*) FROM kind) < ?2";
    let found = conn.prepare_cached(FIND)?.query_row([kind], |row| row.get(0)).optional()?;
    if found.is_some() {
        return Ok(found);
    }
    let added = conn.prepare_cached(ADD)?.execute(params![kind, FOREIGN_KINDS_MAX + 6])?;
    Ok((added > 0).then(|| conn.last_insert_rowid()))
}

/// The numbers that `sql/schema.sql` gives to this version's kinds.
pub(super) fn known_kind(kind: Kind) -> i64 {
    match kind {
        Kind::User => 1,
        Kind::Token => 2,
        Kind::Entitlement => 3,
        Kind::Assignment => 4,
        Kind::Schedule => 5,
        Kind::Door => 6,
    }
}

/// What is stored under a key. `None`: another key has its integer, which no two keys in use ever share unless
/// somebody made them to. A name that the disk has changed counts as none.
pub(super) fn find(conn: &Connection, id: NameId, kind: i64, key: &str) -> rusqlite::Result<Option<Stored>> {
    const FIND: &str = "SELECT n.kind = ?2 AND n.key = ?3, r.epoch, r.seq, r.digest, t.epoch, t.seq, r.id,
          n.kind, k.name, n.key
        FROM (SELECT ?1 AS id) i LEFT JOIN name n ON n.id = i.id LEFT JOIN record r ON r.id = i.id
        LEFT JOIN tombstone t ON t.id = i.id LEFT JOIN kind k ON k.id = n.kind AND n.kind > 6";
    let read = |row: &Row<'_>| {
        let is_named: bool = row.get::<_, Option<bool>>(0)?.unwrap_or(false);
        if !is_named && named(row, 7)?.is_some_and(|(kind, key)| name_id(&kind, &key) == id) {
            return Ok(None);
        }
        let tombstone = version(row, 4)?;
        let has_record = integer(row, 6)?.is_some();
        Ok(Some(Stored {
            version: version(row, 1)?.or(tombstone),
            digest: has_record.then_some(digest(row, 3)?.unwrap_or_default()),
            is_tombstone: tombstone.is_some(),
            is_named,
        }))
    };
    conn.prepare_cached(FIND)?.query_row(params![id, kind, key], read)
}

pub(super) fn put_name(conn: &Connection, id: NameId, kind: i64, key: &str) -> rusqlite::Result<()> {
    const PUT: &str = "INSERT OR REPLACE INTO name (id, kind, key) VALUES (?1, ?2, ?3)";
    conn.prepare_cached(PUT)?.execute(params![id, kind, key])?;
    Ok(())
}

pub(super) fn delete_name(conn: &Connection, id: NameId) -> rusqlite::Result<()> {
    const DELETE: &str = "DELETE FROM name WHERE id = ?1";
    conn.prepare_cached(DELETE)?.execute([id])?;
    Ok(())
}

/// The string of a key that has a record or a tombstone.
pub(super) fn key_of(conn: &Connection, id: NameId) -> rusqlite::Result<Option<String>> {
    const KEY: &str = "SELECT key FROM name WHERE id = ?1";
    Ok(conn.prepare_cached(KEY)?.query_row([id], |row| text(row, 0)).optional()?.flatten())
}

/// Reads three adjacent columns, kind's number, kind's name and key, as kind and key. The numbers of this version's
/// kinds are known by heart.
pub(super) fn named(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<(String, String)>> {
    let number = integer(row, at)?;
    let known = Kind::ALL.into_iter().find(|kind| number == Some(known_kind(*kind)));
    let kind = match known {
        Some(kind) => Some(kind.as_str().to_owned()),
        None => text(row, at + 1)?,
    };
    Ok(kind.zip(text(row, at + 2)?))
}

pub(super) fn put_record(
    conn: &Connection,
    id: NameId,
    new: &NewRecord<'_>,
    exists: bool,
) -> rusqlite::Result<()> {
    const INSERT: &str = "INSERT OR REPLACE INTO record (epoch, seq, digest, refused, body, id) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    const UPDATE: &str =
        "UPDATE record SET epoch = ?1, seq = ?2, digest = ?3, refused = ?4, body = ?5 WHERE id = ?6";
    let statement = if exists { UPDATE } else { INSERT };
    let (epoch, seq) = (sql(new.version.epoch), sql(new.version.seq));
    conn.prepare_cached(statement)?.execute(params![
        epoch,
        seq,
        new.digest.to_bytes(),
        new.refused,
        new.body,
        id
    ])?;
    Ok(())
}

/// The body of a record that grants something.
pub(super) fn body_in_force(conn: &Connection, id: NameId) -> rusqlite::Result<Option<String>> {
    const BODY: &str = "SELECT body FROM record WHERE id = ?1 AND refused IS NULL";
    Ok(conn.prepare_cached(BODY)?.query_row([id], |row| text(row, 0)).optional()?.flatten())
}

/// The record grants nothing from now on; what the root has of it stays.
pub(super) fn suspend(conn: &Connection, id: NameId, why: &str) -> rusqlite::Result<()> {
    const SUSPEND: &str = "UPDATE record SET refused = ?1 WHERE id = ?2";
    const NOTE: &str = "INSERT OR IGNORE INTO suspended (id) VALUES (?1)";
    conn.prepare_cached(SUSPEND)?.execute(params![why, id])?;
    conn.prepare_cached(NOTE)?.execute([id])?;
    Ok(())
}

/// Records that were suspended and have not come into force again, as far as is known.
pub(super) fn suspended_ids(conn: &Connection) -> rusqlite::Result<Vec<NameId>> {
    const IDS: &str = "SELECT id FROM suspended";
    let mut ids = conn.prepare_cached(IDS)?;
    let rows = ids.query_map([], |row| row.get(0))?;
    rows.collect()
}

/// Whether there are any; asked once a batch.
pub(super) fn has_suspended(conn: &Connection) -> rusqlite::Result<bool> {
    const ANY: &str = "SELECT EXISTS (SELECT 1 FROM suspended)";
    conn.prepare_cached(ANY)?.query_row([], |row| row.get(0))
}

/// They are looked after.
pub(super) fn clear_suspended(conn: &Connection) -> rusqlite::Result<()> {
    const CLEAR: &str = "DELETE FROM suspended";
    conn.prepare_cached(CLEAR)?.execute([])?;
    Ok(())
}

pub(super) fn refused_ids(conn: &Connection) -> rusqlite::Result<Vec<NameId>> {
    const IDS: &str = "SELECT id FROM record WHERE refused IS NOT NULL";
    let mut ids = conn.prepare(IDS)?;
    let rows = ids.query_map([], |row| row.get(0))?;
    rows.collect()
}

pub(super) fn digest_of(conn: &Connection, id: NameId) -> rusqlite::Result<Option<Digest>> {
    const DIGEST: &str = "SELECT digest FROM record WHERE id = ?1";
    conn.prepare_cached(DIGEST)?.query_row([id], |row| digest(row, 0))
}

pub(super) fn delete_record(conn: &Connection, id: NameId) -> rusqlite::Result<()> {
    const DELETE: &str = "DELETE FROM record WHERE id = ?1";
    conn.prepare_cached(DELETE)?.execute([id])?;
    Ok(())
}

pub(super) fn put_tombstone(conn: &Connection, id: NameId, version: Version) -> rusqlite::Result<()> {
    const PUT: &str = "INSERT OR REPLACE INTO tombstone (id, epoch, seq) VALUES (?1, ?2, ?3)";
    conn.prepare_cached(PUT)?.execute(params![id, sql(version.epoch), sql(version.seq)])?;
    Ok(())
}

pub(super) fn delete_tombstone(conn: &Connection, id: NameId) -> rusqlite::Result<()> {
    const DELETE: &str = "DELETE FROM tombstone WHERE id = ?1";
    conn.prepare_cached(DELETE)?.execute([id])?;
    Ok(())
}

/// A proof makes tombstones needless: whatever is at or below it is judged by the floor.
pub(super) fn clear_tombstones(conn: &Connection) -> rusqlite::Result<()> {
    const NAMES: &str = "DELETE FROM name WHERE id IN (SELECT id FROM tombstone)";
    const CLEAR: &str = "DELETE FROM tombstone";
    conn.prepare_cached(NAMES)?.execute([])?;
    conn.prepare_cached(CLEAR)?.execute([])?;
    Ok(())
}

/// Whether there are tombstones at all; asked once a batch.
pub(super) fn has_tombstones(conn: &Connection) -> rusqlite::Result<bool> {
    const ANY: &str = "SELECT EXISTS (SELECT 1 FROM tombstone)";
    conn.prepare_cached(ANY)?.query_row([], |row| row.get(0))
}

fn edges(window: Window) -> (Option<i64>, Option<i64>) {
    (window.from.map(UtcTime::unix), window.to.map(UtcTime::unix))
}

pub(super) fn put_token(
    conn: &Connection,
    id: NameId,
    user: Option<NameId>,
    window: Window,
) -> rusqlite::Result<()> {
    const PUT: &str = "INSERT OR REPLACE INTO token (id, user, valid_from, valid_to) VALUES (?1, ?2, ?3, ?4)";
    let (from, to) = edges(window);
    conn.prepare_cached(PUT)?.execute(params![id, user, from, to])?;
    Ok(())
}

pub(super) fn put_assignment(
    conn: &Connection,
    id: NameId,
    user: NameId,
    entitlement: NameId,
    window: Window,
) -> rusqlite::Result<()> {
    const PUT: &str = "INSERT OR REPLACE INTO assignment (id, user, entitlement, valid_from, valid_to)
        VALUES (?1, ?2, ?3, ?4, ?5)";
    let (from, to) = edges(window);
    conn.prepare_cached(PUT)?.execute(params![id, user, entitlement, from, to])?;
    Ok(())
}

/// Takes the links out of a record away; returns the user they led to.
pub(super) fn unlink(conn: &Connection, kind: Kind, id: NameId) -> rusqlite::Result<Option<NameId>> {
    const TOKEN: &str = "DELETE FROM token WHERE id = ?1 RETURNING user";
    const ASSIGNMENT: &str = "DELETE FROM assignment WHERE id = ?1 RETURNING user";
    let statement = match kind {
        Kind::Token => TOKEN,
        Kind::Assignment => ASSIGNMENT,
        Kind::User | Kind::Entitlement | Kind::Schedule | Kind::Door => return Ok(None),
    };
    Ok(conn.prepare_cached(statement)?.query_row([id], |row| row.get(0)).optional()?.flatten())
}

/// Users to whom an entitlement is assigned, at most `limit`.
pub(super) fn users_of_entitlement(
    conn: &Connection,
    id: NameId,
    limit: usize,
) -> rusqlite::Result<Vec<String>> {
    const USERS: &str = "SELECT DISTINCT n.key FROM assignment a JOIN name n ON n.id = a.user
        WHERE a.entitlement = ?1 LIMIT ?2";
    let mut users = conn.prepare_cached(USERS)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = users.query_map(params![id, limit], |row| text(row, 0))?;
    rows.filter_map(Result::transpose).collect()
}

/// Whether there is nothing at all: no record, no tombstone.
pub(super) fn is_empty(conn: &Connection) -> rusqlite::Result<bool> {
    const ANY: &str = "SELECT NOT EXISTS (SELECT 1 FROM record) AND NOT EXISTS (SELECT 1 FROM tombstone)";
    conn.prepare_cached(ANY)?.query_row([], |row| row.get(0))
}
