//! Making the root say what was found: what is not as it was written goes, and is fetched again.
//!
//! In its place it leaves a tombstone at the highest version heard: no older message brings it back, and every
//! answer of the source is newer.

use super::check::{Cursor, Fault, What, check_part, check_rows};
use crate::mirror::apply::Room;
use crate::mirror::outbox;
use crate::mirror::ranges;
use crate::mirror::rows;
use crate::mirror::standing::{self, OutOfSync, PARTS, Parts, Standing};
use crate::mirror::writer::Context;
use contract::digest::Digest;
use contract::id::{Kind, Version};
use contract::messages::Event;
use rusqlite::Connection;

/// Faults that an event names.
const NAMED_MAX: usize = 32;
/// Records looked at in one go.
const ROWS: u32 = 1_000;

/// Looks at a part once more, in the writer's transaction, and takes out what is not as it was written: afterwards
/// the part's sum is that of its rows, so that the next comparison finds what is missing. Returns what was found.
///
/// # Errors
/// SQLite's.
pub fn mend(context: Context<'_>, part: usize) -> rusqlite::Result<(Vec<Fault>, Standing)> {
    let Context { conn, now, room } = context;
    let mut standing = standing::standing(conn)?;
    let mut cursor = Cursor::of_part(part);
    let mut faults = Vec::new();
    while let Some(found) = check_rows(conn, &mut cursor, ROWS)? {
        faults.extend(found);
    }
    faults.extend(check_part(conn, &cursor)?);
    if faults.is_empty() {
        return Ok((faults, standing));
    }
    for fault in &faults {
        set_right(conn, fault, standing.high())?;
    }
    let mut parts = standing::parts(conn)?;
    parts.set(part, sum(conn, part)?);
    standing.out_of_sync = Some(OutOfSync::Damaged);
    standing::store(conn, &mut standing, &mut parts)?;
    if room == Room::Ample {
        let found = faults.iter().take(NAMED_MAX).map(Fault::to_string).collect();
        outbox::push(conn, now, &Event::MirrorDamaged { found, count: faults.len() as u64 })?;
    }
    Ok((faults, standing))
}

fn set_right(conn: &Connection, fault: &Fault, high: Version) -> rusqlite::Result<()> {
    match fault.what {
        What::Altered | What::WrongLink | What::Nameless | What::Lost | What::Extra | What::StrayLink => {
            rows::unlink(conn, Kind::Token, fault.id)?;
            rows::unlink(conn, Kind::Assignment, fault.id)?;
            rows::delete_record(conn, fault.id)?;
            rows::put_tombstone(conn, fault.id, high)
        }
        What::Future => rows::put_tombstone(conn, fault.id, high),
        What::FutureBucket => ranges::clear_buckets_above(conn, high),
        What::Sum => Ok(()),
    }
}

fn sum(conn: &Connection, part: usize) -> rusqlite::Result<Digest> {
    let mut sum = Digest::ZERO;
    ranges::each_digest(conn, &Parts::ids(part), |_, digest| sum = sum.plus(digest))?;
    Ok(sum)
}

/// Makes all indices again from their tables.
///
/// # Errors
/// SQLite's.
pub fn reindex(context: Context<'_>) -> rusqlite::Result<()> {
    context.conn.execute_batch("REINDEX")?;
    let found = vec!["an index did not agree with its table; all were made again".to_owned()];
    outbox::push(context.conn, context.now, &Event::MirrorDamaged { found, count: 1 })
}

/// Adds the root up again from the rows' digests, unless it is proven.
///
/// # Errors
/// SQLite's.
pub fn recount(conn: &Connection) -> rusqlite::Result<Standing> {
    let mut standing = standing::standing(conn)?;
    if standing.out_of_sync.is_none() {
        return Ok(standing);
    }
    let mut parts = Parts::empty();
    for part in 0..PARTS {
        parts.set(part, sum(conn, part)?);
    }
    standing::store(conn, &mut standing, &mut parts)?;
    Ok(standing)
}
