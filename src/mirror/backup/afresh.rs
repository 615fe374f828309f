//! What another panel must not believe of a backup: the first one has lived on, and said and heard more.
//!
//! - Its events went on by their numbers, which mean something else by now: a new stream begins. What waited may have been
//!   received since, and comes again as the new stream's: twice is better than never.
//! - Its enrollments were settled since, or will never be: they grant nothing any more, and are not told again, since a
//!   source that accepts them would make a card good that was barred meanwhile.
//! - Its records give what was taken away since: until they are compared with the source nothing is given by them.
//! - Its doors that were open to everyone are locked.
//!
//! What takes access away stays: revocations, the lockdown, each until somebody ends it.
//!
//! Not here: the ledger, who exports (the export's).

use crate::mirror::due;
use crate::mirror::outbox;
use crate::mirror::standing::{self, Restored};
use crate::mirror::touched::Touched;
use rusqlite::{Connection, params};

/// What was done to it, for people.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Afresh {
    /// Events that the source did not have at the time; they are sent again.
    pub events: u64,
    /// Enrollments that it had not settled; they are void.
    pub enrollments: u64,
    /// Tokens that stay revoked until the source settles them.
    pub revocations: u64,
    /// The lockdown goes on.
    pub lockdown: bool,
}

/// Makes the rows those of another panel: in a transaction, once.
///
/// # Errors
/// SQLite's.
pub fn begin(conn: &Connection, stream: &str, doors_open: bool) -> rusqlite::Result<Afresh> {
    const LOCK: &str = "DELETE FROM unlocked";
    const ENROLLED: &str = "DELETE FROM overlay WHERE what = 'enrollment'";
    const REVOKED: &str = "SELECT count(*) FROM overlay WHERE what = 'revocation'";
    const SHUT: &str = "SELECT EXISTS (SELECT 1 FROM lockdown)";
    const DOUBT: &str = "UPDATE mirror SET whole = 0, restored = ?1";
    standing::forget_proof(conn)?;
    let restored = if doors_open { Restored::DoorsOpen } else { Restored::Yes };
    conn.execute(DOUBT, params![restored.number()])?;
    conn.execute(LOCK, [])?;
    let enrollments = conn.execute(ENROLLED, [])?;
    outbox::begin_stream(conn, stream)?;
    due::add(conn, &Touched::Everyone)?;
    Ok(Afresh {
        events: outbox::waiting(conn)?.waiting,
        enrollments: u64::try_from(enrollments).unwrap_or(u64::MAX),
        revocations: conn.query_row(REVOKED, [], |row| row.get::<_, i64>(0))?.unsigned_abs(),
        lockdown: conn.query_row(SHUT, [], |row| row.get(0))?,
    })
}
