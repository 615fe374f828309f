//! The bulk load: a process that writes the mirror's final rows by rusqlite, in the order of their ids, with the
//! pragmas of the mirror's own writer. No broker, no JSON, no digests: all that is ready before it begins.

use crate::data::{SITE, open};
use crate::watched::{CONNECTED, DONE, say, wait_for_end};
use access::time::{UtcTime, Window};
use access::token::Identifier;
use anyhow::{Result, anyhow};
use contract::digest;
use contract::id::{Kind, SiteId};
use contract::record::{self, Record};
use doorward::mirror::Mirror;
use rusqlite::{Connection, Row as SqlRow, params};
use std::path::Path;

/// Records in a transaction.
pub(super) const COMMIT_RECORDS: usize = 10_000;

const SOURCE_RECORDS: &str = "SELECT place, kind, key, epoch, seq, digest, body FROM record ORDER BY place";
const SOURCE_HEAD: &str = "SELECT epoch, seq, root FROM source";
const NAME: &str = "INSERT INTO name (id, kind, key) VALUES (?1, ?2, ?3)";
const RECORD: &str = "INSERT INTO record (id, epoch, seq, digest, body) VALUES (?1, ?2, ?3, ?4, ?5)";
const TOKEN: &str = "INSERT INTO token (id, user, valid_from, valid_to) VALUES (?1, ?2, ?3, ?4)";
const CARD: &str = "INSERT OR IGNORE INTO card (token, uid) VALUES (?1, ?2)";
const ASSIGNMENT: &str =
    "INSERT INTO assignment (id, user, entitlement, valid_from, valid_to) VALUES (?1, ?2, ?3, ?4, ?5)";
const STAND: &str = "UPDATE mirror SET head_epoch = ?1, head_seq = ?2, floor_epoch = ?1, floor_seq = ?2,
    root = ?3, heard_epoch = ?1, heard_seq = ?2, heard_root = ?3, out_of_sync = NULL, whole = 1";

struct Row {
    id: i64,
    kind: i64,
    key: String,
    epoch: i64,
    seq: i64,
    digest: [u8; 16],
    body: String,
    link: Link,
}

enum Link {
    None,
    Token(Option<i64>, Window, Vec<Identifier>),
    Assignment(i64, i64, Window),
}

pub(crate) fn run(folder: &Path, source: &Path) -> Result<()> {
    let file = open(source)?;
    let rows = read(&file)?;
    let head = file.query_row(SOURCE_HEAD, [], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, [u8; 16]>(2)?))
    })?;
    drop(file);
    let site = SiteId::new(SITE).map_err(|rule| anyhow!(rule))?;
    let mut conn = Mirror::at(folder).open_writer(&site, || "bench".into())?;
    say(CONNECTED, 0);
    for part in rows.chunks(COMMIT_RECORDS) {
        let tx = conn.transaction()?;
        for row in part {
            write(&tx, row)?;
        }
        tx.prepare_cached(STAND)?.execute(head)?;
        tx.commit()?;
    }
    say(DONE, rows.len().div_ceil(COMMIT_RECORDS));
    wait_for_end();
    Ok(())
}

fn write(conn: &Connection, row: &Row) -> Result<()> {
    conn.prepare_cached(NAME)?.execute((row.id, row.kind, &row.key))?;
    conn.prepare_cached(RECORD)?.execute((row.id, row.epoch, row.seq, row.digest, &row.body))?;
    let edges = |window: &Window| (window.from.map(UtcTime::unix), window.to.map(UtcTime::unix));
    match &row.link {
        Link::None => {}
        Link::Token(user, window, identifiers) => {
            let (from, to) = edges(window);
            conn.prepare_cached(TOKEN)?.execute((row.id, user, from, to))?;
            for identifier in identifiers {
                conn.prepare_cached(CARD)?.execute((row.id, identifier.hex.as_bytes()))?;
            }
        }
        Link::Assignment(user, entitlement, window) => {
            let (from, to) = edges(window);
            conn.prepare_cached(ASSIGNMENT)?.execute(params![row.id, user, entitlement, from, to])?;
        }
    }
    Ok(())
}

fn read(file: &Connection) -> Result<Vec<Row>> {
    let mut select = file.prepare(SOURCE_RECORDS)?;
    let mut found = select.query([])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        rows.push(self::row(row)?);
    }
    Ok(rows)
}

fn row(row: &SqlRow<'_>) -> Result<Row> {
    let (kind, body): (String, String) = (row.get(1)?, row.get(6)?);
    let link = match record::typed(&kind, &body).map_err(|reason| anyhow!(reason))? {
        Record::Token(token) => {
            let user = token.user.map(|user| id(Kind::User, user.as_str())).transpose()?;
            Link::Token(user, token.window, token.identifiers)
        }
        Record::Assignment(one) => Link::Assignment(
            id(Kind::User, one.user.as_str())?,
            id(Kind::Entitlement, one.entitlement.as_str())?,
            one.window,
        ),
        Record::User(_) | Record::Entitlement(_) | Record::Schedule(_) | Record::Door(_) => Link::None,
    };
    let kinds = Kind::ALL.map(Kind::as_str);
    // The schema numbers the kinds in the contract's order, from 1.
    let kind = kinds.iter().position(|known| *known == kind).map_or(0, |at| at + 1);
    Ok(Row {
        id: row.get(0)?,
        kind: i64::try_from(kind)?,
        key: row.get(2)?,
        epoch: row.get(3)?,
        seq: row.get(4)?,
        digest: row.get(5)?,
        body,
        link,
    })
}

/// As the mirror numbers keys.
fn id(kind: Kind, key: &str) -> Result<i64> {
    Ok(i64::try_from(digest::place(kind.as_str(), key) >> 1)?)
}
