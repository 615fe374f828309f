//! Making the root say what was found: what is not as it was written grants nothing, and is fetched again.

use super::check::{Cursor, Fault, What, check_part, check_rows};
use crate::mirror::outbox;
use crate::mirror::rows;
use crate::mirror::standing::{self, OutOfSync, PARTS, Parts, Standing};
use access::time::UtcTime;
use contract::digest::Digest;
use contract::id::Kind;
use contract::messages::Event;
use rusqlite::Connection;

/// Why an altered record grants nothing.
const ALTERED: &str = "altered on the disk; it is fetched again";
/// Faults that an event names.
const NAMED_MAX: usize = 32;
/// Records looked at in one go.
const ROWS: u32 = 1_000;

/// Looks at a part once more, in the writer's transaction, and sets right what can be: afterwards the part's sum
/// is that of its rows, so that the next comparison finds what differs. Returns what was found.
///
/// # Errors
/// SQLite's.
pub fn mend(conn: &Connection, part: usize, now: UtcTime) -> rusqlite::Result<(Vec<Fault>, Standing)> {
    let mut cursor = Cursor::of_part(part);
    let mut faults = Vec::new();
    while let Some(found) = check_rows(conn, &mut cursor, ROWS)? {
        faults.extend(found);
    }
    faults.extend(check_part(conn, &cursor)?);
    faults.retain(Fault::is_news);
    let mut standing = standing::standing(conn)?;
    if faults.is_empty() {
        return Ok((faults, standing));
    }
    for fault in &faults {
        set_right(conn, fault)?;
    }
    let mut parts = standing::parts(conn)?;
    parts.set(part, sum(conn, part)?);
    standing.out_of_sync = Some(OutOfSync::Damaged);
    standing::store(conn, &mut standing, &mut parts)?;
    let found = faults.iter().take(NAMED_MAX).map(Fault::to_string).collect();
    outbox::push(conn, now, &Event::MirrorDamaged { found, count: faults.len() as u64 })?;
    Ok((faults, standing))
}

fn set_right(conn: &Connection, fault: &Fault) -> rusqlite::Result<()> {
    match fault.what {
        What::Altered | What::WrongLink => {
            unlink(conn, fault)?;
            // Whatever it is now, it is not what the source holds.
            rows::disown(conn, fault.id, Digest::ZERO, ALTERED)?;
        }
        What::Nameless => {
            unlink(conn, fault)?;
            rows::delete_record(conn, fault.id)?;
            rows::delete_name(conn, fault.id)?;
        }
        What::Lost => {
            unlink(conn, fault)?;
            rows::delete_name(conn, fault.id)?;
        }
        What::StrayLink => unlink(conn, fault)?,
        What::Disowned | What::Extra | What::Sum => {}
    }
    Ok(())
}

fn unlink(conn: &Connection, fault: &Fault) -> rusqlite::Result<()> {
    rows::unlink(conn, Kind::Token, fault.id)?;
    rows::unlink(conn, Kind::Assignment, fault.id)?;
    Ok(())
}

fn sum(conn: &Connection, part: usize) -> rusqlite::Result<Digest> {
    let mut sum = Digest::ZERO;
    rows::each_digest(conn, &Parts::ids(part), |_, digest| sum = sum.plus(digest))?;
    Ok(sum)
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
