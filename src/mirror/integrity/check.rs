//! Looking at rows, names and links.

use super::{part_of, part_words};
use crate::mirror::cards::{self, Cards};
use crate::mirror::ranges;
use crate::mirror::rows::{self, NameId};
use crate::mirror::standing::{self, Parts};
use access::time::UtcTime;
use contract::digest::{self, Digest};
use contract::id::{Kind, Version};
use contract::record::{self, Record};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::fmt;

/// Rows held in memory at a time.
const ROWS: u32 = 1_000;

/// A row that is not as it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    pub(super) id: NameId,
    pub(super) what: What,
    /// Kind and key, where they are known.
    pub(super) name: Option<(String, String)>,
}

/// What is wrong with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum What {
    /// The record does not give its digest.
    Altered,
    /// A record whose key is lost, or is not the one of its place.
    Nameless,
    /// A key whose record is lost.
    Lost,
    /// It does not lead where its record says.
    WrongLink,
    /// It leads somewhere without a record that says so.
    StrayLink,
    /// A record that was never counted.
    Extra,
    /// A tombstone whose version was never heard.
    Future,
    /// Notes of buckets with such versions.
    FutureBucket,
    /// The rows of its part do not add up, and none of them says why.
    Sum,
}

impl Fault {
    /// The part of the mirror it lies in.
    pub fn part(&self) -> usize {
        part_of(self.id)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", part_words(self.part()))?;
        match &self.name {
            Some((kind, key)) => write!(f, "{kind} {key}")?,
            None if self.what == What::Sum => f.write_str("its records")?,
            None if self.what == What::FutureBucket => f.write_str("some buckets")?,
            None => write!(f, "row {}", self.id)?,
        }
        f.write_str(match self.what {
            What::Altered => ": altered, it does not give its digest",
            What::Nameless => ": its key is lost",
            What::Lost => ": its record is lost",
            What::WrongLink => ": does not lead where its record says",
            What::StrayLink => ": leads somewhere without a record",
            What::Extra => ": extra, it was never counted",
            What::Future => ": deleted at a version that was never heard",
            What::FutureBucket => ": fetched at a version that was never heard",
            What::Sum => " do not add up: one or more are lost or extra",
        })
    }
}

/// How far a walk over one part has come, and what it has added up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cursor {
    part: usize,
    next: Option<NameId>,
    /// Sum of the digests computed from the rows.
    pub(super) sum: Digest,
    pub(super) records: u64,
    has_fault: bool,
}

impl Cursor {
    /// Records looked at so far.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// At the beginning of a part.
    pub fn of_part(part: usize) -> Cursor {
        let next = Some(*Parts::ids(part).start());
        Cursor { part, next, sum: Digest::ZERO, records: 0, has_fault: false }
    }
}

struct Looked {
    id: NameId,
    version: Version,
    digest: Digest,
    is_in_force: bool,
    body: Option<String>,
    name: Option<(String, String)>,
}

impl Looked {
    fn read(row: &Row<'_>) -> rusqlite::Result<Looked> {
        Ok(Looked {
            id: row.get(0)?,
            version: rows::version(row, 1)?.unwrap_or_default(),
            digest: rows::digest(row, 3)?.unwrap_or_default(),
            is_in_force: row.get(4)?,
            body: rows::text(row, 5)?,
            name: rows::named(row, 6)?,
        })
    }

    /// The digest of what is there now.
    fn actual(&self) -> Option<Digest> {
        let (kind, key) = self.name.as_ref()?;
        let body = self.body.as_deref()?;
        if self.is_in_force {
            // Kept in canonical form.
            return Some(digest::record(kind, key, body.as_bytes(), self.version));
        }
        let parsed = record::parse(kind, body);
        Some(digest::record(kind, key, &parsed.canonical, self.version))
    }

    fn fault(&self, what: What) -> Fault {
        Fault { id: self.id, what, name: self.name.clone() }
    }
}

/// Looks at the next `limit` records of a part; `None` when it is through.
///
/// # Errors
/// SQLite's.
pub fn check_rows(
    conn: &Connection,
    cursor: &mut Cursor,
    limit: u32,
) -> rusqlite::Result<Option<Vec<Fault>>> {
    const ROWS: &str =
        "SELECT r.id, r.epoch, r.seq, r.digest, r.refused IS NULL, r.body, n.kind, k.name, n.key
        FROM record r LEFT JOIN name n ON n.id = r.id LEFT JOIN kind k ON k.id = n.kind AND n.kind > 6
        WHERE r.id BETWEEN ?1 AND ?2 ORDER BY r.id LIMIT ?3";
    let Some(from) = cursor.next else { return Ok(None) };
    let end = *Parts::ids(cursor.part).end();
    let mut select = conn.prepare_cached(ROWS)?;
    let looked: Vec<Looked> =
        select.query_map(params![from, end, limit], Looked::read)?.collect::<rusqlite::Result<_>>()?;
    cursor.next = match looked.last() {
        Some(last) if looked.len() >= usize::try_from(limit).unwrap_or(usize::MAX) => {
            last.id.checked_add(1).filter(|next| *next <= end)
        }
        _ => None,
    };
    let mut faults = Vec::new();
    for row in &looked {
        cursor.records += 1;
        cursor.sum = cursor.sum.plus(row.actual().unwrap_or(row.digest));
        faults.extend(look(conn, row)?);
    }
    cursor.has_fault |= !faults.is_empty();
    Ok(Some(faults))
}

fn look(conn: &Connection, row: &Looked) -> rusqlite::Result<Option<Fault>> {
    let is_its_own = |(kind, key): &(String, String)| rows::name_id(kind, key) == row.id;
    if !row.name.as_ref().is_some_and(is_its_own) {
        return Ok(Some(row.fault(What::Nameless)));
    }
    if row.actual() != Some(row.digest) {
        return Ok(Some(row.fault(What::Altered)));
    }
    if !is_as_judged(conn, row)? {
        return Ok(Some(row.fault(What::Altered)));
    }
    let (link, cards) = wanted_links(row);
    let is_right = stored_link(conn, row.id)? == link && cards::of_token(conn, row.id)? == cards;
    Ok((!is_right).then(|| row.fault(What::WrongLink)))
}

/// Whether the record is in force if and only if this program understands it, or a full disk has suspended it.
fn is_as_judged(conn: &Connection, row: &Looked) -> rusqlite::Result<bool> {
    const SUSPENDED: &str = "SELECT 1 FROM suspended WHERE id = ?1";
    let (Some((kind, _)), Some(body)) = (&row.name, &row.body) else { return Ok(false) };
    let is_understood = record::typed(kind, body).is_ok();
    if row.is_in_force || !is_understood {
        return Ok(row.is_in_force == is_understood);
    }
    // What a record says twice, or as a list, is refused though its text may be read.
    let is_refused = record::parse(kind, body).record.is_err();
    Ok(is_refused || conn.prepare_cached(SUSPENDED)?.exists([row.id])?)
}

/// Where a token or an assignment leads, and its window.
#[derive(PartialEq, Eq)]
pub(super) struct Link {
    is_token: bool,
    user: Option<NameId>,
    entitlement: Option<NameId>,
    edges: (Option<i64>, Option<i64>),
}

fn stored_link(conn: &Connection, id: NameId) -> rusqlite::Result<Option<Link>> {
    const TOKEN: &str = "SELECT user, NULL, valid_from, valid_to FROM token WHERE id = ?1";
    const ASSIGNMENT: &str = "SELECT user, entitlement, valid_from, valid_to FROM assignment WHERE id = ?1";
    let read = |is_token: bool| {
        move |row: &Row<'_>| {
            let edges = (row.get(2)?, row.get(3)?);
            Ok(Link { is_token, user: row.get(0)?, entitlement: row.get(1)?, edges })
        }
    };
    let token = conn.prepare_cached(TOKEN)?.query_row([id], read(true)).optional()?;
    let assignment = conn.prepare_cached(ASSIGNMENT)?.query_row([id], read(false)).optional()?;
    Ok(token.or(assignment))
}

/// Where a record leads, and by which cards it is found.
fn wanted_links(row: &Looked) -> (Option<Link>, Cards) {
    let nowhere = (None, Cards::new());
    let Some((kind, _)) = row.name.as_ref().filter(|_| row.is_in_force) else { return nowhere };
    if ![Kind::Token.as_str(), Kind::Assignment.as_str()].contains(&kind.as_str()) {
        return nowhere;
    }
    let Some(body) = row.body.as_deref() else { return nowhere };
    let user_id = |key: &access::id::Key| rows::name_id(Kind::User.as_str(), key.as_str());
    let edges = |window: access::time::Window| (window.from.map(UtcTime::unix), window.to.map(UtcTime::unix));
    match record::typed(kind, body) {
        Ok(Record::Token(token)) => {
            let user = token.user.as_ref().map(user_id);
            let link = Link { is_token: true, user, entitlement: None, edges: edges(token.window) };
            (Some(link), cards::wanted(&token.identifiers))
        }
        Ok(Record::Assignment(assignment)) => {
            let entitlement = rows::name_id(Kind::Entitlement.as_str(), assignment.entitlement.as_str());
            let link = Link {
                is_token: false,
                user: Some(user_id(&assignment.user)),
                entitlement: Some(entitlement),
                edges: edges(assignment.window),
            };
            (Some(link), Cards::new())
        }
        _ => nowhere,
    }
}

/// Looks at a whole part; returns what was found, and what was added up on the way.
///
/// # Errors
/// SQLite's.
pub(super) fn check_whole(conn: &Connection, part: usize) -> rusqlite::Result<(Vec<Fault>, Cursor)> {
    let mut cursor = Cursor::of_part(part);
    let mut faults = Vec::new();
    while let Some(found) = check_rows(conn, &mut cursor, ROWS)? {
        faults.extend(found);
    }
    faults.extend(check_part(conn, &cursor)?);
    Ok((faults, cursor))
}

/// Looks at what a walk over all its rows cannot see: names and links without records, and the sum.
///
/// # Errors
/// SQLite's.
pub fn check_part(conn: &Connection, walked: &Cursor) -> rusqlite::Result<Vec<Fault>> {
    const LOST: &str = "SELECT n.id, n.kind, k.name, n.key FROM name n
        LEFT JOIN kind k ON k.id = n.kind AND n.kind > 6
        WHERE n.id BETWEEN ?1 AND ?2 AND NOT EXISTS (SELECT 1 FROM record r WHERE r.id = n.id)
        AND NOT EXISTS (SELECT 1 FROM tombstone t WHERE t.id = n.id)";
    const STRAY: &str = "SELECT l.id FROM
        (SELECT id FROM token WHERE id BETWEEN ?1 AND ?2 UNION SELECT id FROM assignment WHERE id BETWEEN ?1 AND ?2
         UNION SELECT token FROM card WHERE token BETWEEN ?1 AND ?2) l
        WHERE NOT EXISTS (SELECT 1 FROM record r WHERE r.id = l.id)";
    let ids = Parts::ids(walked.part);
    let bounds = [*ids.start(), *ids.end()];
    let mut lost = conn.prepare_cached(LOST)?;
    let lost = lost.query_map(bounds, |row| {
        Ok(Fault { id: row.get(0)?, what: What::Lost, name: rows::named(row, 1)? })
    })?;
    let mut stray = conn.prepare_cached(STRAY)?;
    let stray =
        stray.query_map(bounds, |row| Ok(Fault { id: row.get(0)?, what: What::StrayLink, name: None }))?;
    let mut faults: Vec<Fault> = lost.collect::<rusqlite::Result<_>>()?;
    let stray: Vec<Fault> = stray.collect::<rusqlite::Result<_>>()?;
    // What a lost record led to is no fault of its own.
    let is_known = |fault: &Fault| faults.iter().any(|lost| lost.id == fault.id);
    let stray: Vec<Fault> = stray.into_iter().filter(|fault| !is_known(fault)).collect();
    faults.extend(stray);
    faults.extend(from_the_future(conn, walked.part)?);
    let has_cause = walked.has_fault || !faults.is_empty();
    faults.extend(check_sum(conn, walked.part, has_cause)?);
    Ok(faults)
}

/// Tombstones, and notes of buckets, with a version that was never heard: they would keep news out.
fn from_the_future(conn: &Connection, part: usize) -> rusqlite::Result<Vec<Fault>> {
    let high = standing::standing(conn)?.high();
    let ids = Parts::ids(part);
    let tombstones = ranges::tombstones_in_range(conn, &ids)?.into_iter();
    let fault = |id: NameId, what: What| Fault { id, what, name: None };
    let future = tombstones.filter(|(_, version)| *version > high).map(|(id, _)| fault(id, What::Future));
    let mut faults: Vec<Fault> = future.collect();
    // Buckets belong to no part; the first one looks after them.
    if part == 0 && ranges::has_buckets_above(conn, high)? {
        faults.push(fault(*ids.start(), What::FutureBucket));
    }
    Ok(faults)
}

/// The stored digests against the stored sum. One record too many has the difference for its digest.
fn check_sum(conn: &Connection, part: usize, has_cause: bool) -> rusqlite::Result<Option<Fault>> {
    const NAME: &str = "SELECT n.kind, k.name, n.key FROM name n
        LEFT JOIN kind k ON k.id = n.kind AND n.kind > 6 WHERE n.id = ?1";
    let ids = Parts::ids(part);
    let mut sum = Digest::ZERO;
    ranges::each_digest(conn, &ids, |_, digest| sum = sum.plus(digest))?;
    let expected = standing::parts(conn)?.sum(part);
    if sum == expected {
        return Ok(None);
    }
    let mut extra = None;
    ranges::each_digest(conn, &ids, |id, digest| {
        if digest == sum.minus(expected) {
            extra = Some(id);
        }
    })?;
    if let Some(id) = extra {
        let name =
            conn.prepare_cached(NAME)?.query_row([id], |row| rows::named(row, 0)).optional()?.flatten();
        return Ok(Some(Fault { id, what: What::Extra, name }));
    }
    Ok((!has_cause).then(|| Fault { id: *ids.start(), what: What::Sum, name: None }))
}
