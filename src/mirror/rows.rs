//! Named SQL of keys, records, tombstones and the links out of records.

use access::time::{UtcTime, Window};
use contract::digest::Digest;
use contract::id::{Kind, Version};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// The integer of a key.
pub(super) type NameId = i64;

/// Kinds of later versions that are remembered; more are refused.
pub(super) const FOREIGN_KINDS_MAX: i64 = 64;

/// What is stored under a key.
pub(super) struct Stored {
    pub(super) id: NameId,
    /// Of the record or the tombstone.
    pub(super) version: Option<Version>,
    /// Of the record.
    pub(super) digest: Option<Digest>,
    pub(super) is_tombstone: bool,
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

/// Reads two adjacent columns as a version.
pub(super) fn version(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Version>> {
    let (epoch, seq): (Option<i64>, Option<i64>) = (row.get(at)?, row.get(at + 1)?);
    Ok(epoch.zip(seq).map(|(epoch, seq)| Version { epoch: unsigned(epoch), seq: unsigned(seq) }))
}

/// Reads a column as a digest.
pub(super) fn digest(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Digest>> {
    let bytes: Option<[u8; 16]> = row.get(at)?;
    Ok(bytes.map(Digest::from_bytes))
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

/// What is stored under a key, if the key has ever been heard of.
pub(super) fn find(conn: &Connection, kind: i64, key: &str) -> rusqlite::Result<Option<Stored>> {
    const FIND: &str = "SELECT n.id, r.epoch, r.seq, r.digest, t.epoch, t.seq FROM name n
        LEFT JOIN record r ON r.id = n.id LEFT JOIN tombstone t ON t.id = n.id
        WHERE n.kind = ?1 AND n.key = ?2";
    let read = |row: &Row<'_>| {
        let tombstone = version(row, 4)?;
        Ok(Stored {
            id: row.get(0)?,
            version: version(row, 1)?.or(tombstone),
            digest: digest(row, 3)?,
            is_tombstone: tombstone.is_some(),
        })
    };
    conn.prepare_cached(FIND)?.query_row(params![kind, key], read).optional()
}

/// The integer of a key, drawn if it is new.
pub(super) fn name_id(conn: &Connection, kind: i64, key: &str) -> rusqlite::Result<NameId> {
    const FIND: &str = "SELECT id FROM name WHERE kind = ?1 AND key = ?2";
    let found = conn.prepare_cached(FIND)?.query_row(params![kind, key], |row| row.get(0)).optional()?;
    match found {
        Some(id) => Ok(id),
        None => add_name(conn, kind, key),
    }
}

pub(super) fn add_name(conn: &Connection, kind: i64, key: &str) -> rusqlite::Result<NameId> {
    const ADD: &str = "INSERT INTO name (kind, key) VALUES (?1, ?2)";
    conn.prepare_cached(ADD)?.execute(params![kind, key])?;
    Ok(conn.last_insert_rowid())
}

/// The string of a key.
pub(super) fn key_of(conn: &Connection, id: NameId) -> rusqlite::Result<String> {
    const KEY: &str = "SELECT key FROM name WHERE id = ?1";
    conn.prepare_cached(KEY)?.query_row([id], |row| row.get(0))
}

pub(super) fn put_record(
    conn: &Connection,
    id: NameId,
    new: &NewRecord<'_>,
    exists: bool,
) -> rusqlite::Result<()> {
    const INSERT: &str =
        "INSERT INTO record (epoch, seq, digest, refused, body, id) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
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
    conn.prepare_cached(BODY)?.query_row([id], |row| row.get(0)).optional()
}

/// The record grants nothing from now on; what the root has of it stays.
pub(super) fn suspend(conn: &Connection, id: NameId, why: &str) -> rusqlite::Result<()> {
    const SUSPEND: &str = "UPDATE record SET refused = ?1 WHERE id = ?2";
    conn.prepare_cached(SUSPEND)?.execute(params![why, id])?;
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
    const CLEAR: &str = "DELETE FROM tombstone";
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
    let rows = users.query_map(params![id, i64::try_from(limit).unwrap_or(i64::MAX)], |row| row.get(0))?;
    rows.collect()
}

/// Forgets keys that nothing refers to any more; run at start.
pub(super) fn sweep_names(conn: &Connection) -> rusqlite::Result<usize> {
    const SWEEP: &str = "DELETE FROM name WHERE
        NOT EXISTS (SELECT 1 FROM record r WHERE r.id = name.id)
        AND NOT EXISTS (SELECT 1 FROM tombstone t WHERE t.id = name.id)
        AND NOT EXISTS (SELECT 1 FROM token t WHERE t.user = name.id)
        AND NOT EXISTS (SELECT 1 FROM assignment a WHERE a.user = name.id)
        AND NOT EXISTS (SELECT 1 FROM assignment a WHERE a.entitlement = name.id)";
    conn.execute(SWEEP, [])
}
