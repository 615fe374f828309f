//! Making the root say what was found: what is not as it was written goes, and is fetched again.
//!
//! In its place it leaves a tombstone at the highest version heard: no older message brings it back, and every
//! answer of the source is newer.

use super::check::{Fault, What, check_whole};
use crate::mirror::apply::Room;
use crate::mirror::ranges;
use crate::mirror::rows;
use crate::mirror::standing::{self, OutOfSync, PARTS, Parts, Standing};
use crate::mirror::touched::Touched;
use crate::mirror::writer::Context;
use crate::mirror::{cards, due, outbox};
use contract::digest::Digest;
use contract::id::{Kind, Version};
use contract::messages::Event;
use rusqlite::Connection;

/// Faults that an event names.
const NAMED_MAX: usize = 32;

/// Looks at a part once more, in the writer's transaction, and takes out what is not as it was written: afterwards
/// the part's sum is that of its rows, so that the next comparison finds what is missing. Returns what was found.
///
/// # Errors
/// SQLite's.
pub fn mend(context: Context<'_>, part: usize) -> rusqlite::Result<(Vec<Fault>, Standing)> {
    let Context { conn, now, room } = context;
    let mut standing = standing::standing(conn)?;
    let (faults, _) = check_whole(conn, part)?;
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
    // Whose they were cannot be told any more.
    due::add(conn, &Touched::Everyone)?;
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
            cards::put(conn, fault.id, &[])?;
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
    due::add(context.conn, &Touched::Everyone)?;
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

#[cfg(test)]
mod tests {
    use super::reindex;
    use crate::mirror::apply::Room;
    use crate::mirror::integrity::sqlite_faults;
    use crate::mirror::writer::Context;
    use crate::mirror::{Mirror, outbox};
    use access::time::UtcTime;

    #[test]
    fn an_index_that_does_not_agree_with_its_table_is_found_and_made_again() {
        let folder = tempfile::tempdir().expect("folder");
        let site = "office".parse().expect("site");
        let conn = Mirror::at(folder.path()).open_writer(&site, || "stream".into()).expect("mirror");
        // While SQLite does not know of the index, the table gets a row.
        conn.execute_batch(
            "PRAGMA writable_schema = ON;
             CREATE TEMP TABLE kept AS SELECT * FROM sqlite_schema WHERE name = 'token_user';
             DELETE FROM sqlite_schema WHERE name = 'token_user';
             PRAGMA writable_schema = RESET;
             INSERT INTO token (id, user) VALUES (7, 8);
             PRAGMA writable_schema = ON;
             INSERT INTO sqlite_schema SELECT * FROM kept;
             PRAGMA writable_schema = RESET;",
        )
        .expect("SQL");
        assert!(sqlite_faults(&conn).expect("readable")[0].contains("token_user"));
        let context = Context { conn: &conn, now: UtcTime::from_unix(0), room: Room::Ample };
        reindex(context).expect("made again");
        assert_eq!(sqlite_faults(&conn).expect("readable"), [""; 0]);
        assert_eq!(outbox::waiting_after(&conn, 0, 10).expect("events").len(), 1, "and it is reported");
    }
}
