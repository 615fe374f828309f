//! The rows against their digests: what the disk did to them by itself.
use super::rows;
use super::standing::{self, PARTS, Parts, Standing};
use contract::digest::Digest;
use rusqlite::Connection;

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
        let mut sum = Digest::ZERO;
        rows::each_digest(conn, &Parts::ids(part), |_, digest| sum = sum.plus(digest))?;
        parts.set(part, sum);
    }
    standing::store(conn, &mut standing, &mut parts)?;
    Ok(standing)
}
