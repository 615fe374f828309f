//! Commands of the source that were carried out: each is carried out once.
//!
//! An id is forgotten once its command would have expired by the floor, which is an instant that has certainly
//! passed: by a clock that is wrong, or stepped back, it could be carried out again.
//!
//! Not here: whether a command has expired, and what it does (the service's).

use access::time::UtcTime;
use rusqlite::{Connection, params};

/// Commands remembered. Beyond it none is taken until one expires: to forget one would be to carry it out twice.
pub const COMMANDS_SEEN_MAX: i64 = 1_000;

/// Whether the command was carried out.
///
/// # Errors
/// SQLite's.
pub fn is_seen(conn: &Connection, id: &str) -> rusqlite::Result<bool> {
    const FIND: &str = "SELECT 1 FROM command_seen WHERE id = ?1";
    conn.prepare_cached(FIND)?.exists([id])
}

/// Remembers the command; false when there is no room for one more.
///
/// # Errors
/// SQLite's.
pub fn keep(conn: &Connection, id: &str, expires: UtcTime, floor: UtcTime) -> rusqlite::Result<bool> {
    const FORGET: &str = "DELETE FROM command_seen WHERE expires < ?1";
    const COUNT: &str = "SELECT count(*) FROM command_seen";
    const KEEP: &str = "INSERT OR IGNORE INTO command_seen (id, expires) VALUES (?1, ?2)";
    conn.prepare_cached(FORGET)?.execute([floor.unix()])?;
    let count: i64 = conn.prepare_cached(COUNT)?.query_row([], |row| row.get(0))?;
    if count >= COMMANDS_SEEN_MAX {
        return Ok(false);
    }
    conn.prepare_cached(KEEP)?.execute(params![id, expires.unix()])?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::{COMMANDS_SEEN_MAX, is_seen, keep};
    use access::time::UtcTime;
    use rusqlite::Connection;

    #[test]
    fn ids_are_kept_until_they_have_certainly_expired_and_never_pushed_out() {
        let conn = Connection::open_in_memory().expect("memory");
        conn.execute_batch(include_str!("../../sql/schema.sql")).expect("the schema is valid");
        let at = UtcTime::from_unix;
        for n in 0..COMMANDS_SEEN_MAX {
            assert!(keep(&conn, &format!("c{n}"), at(1_000 + n), at(0)).expect("kept"));
        }
        assert!(!keep(&conn, "one more", at(9_000), at(1_000)).expect("full"));
        assert!(is_seen(&conn, "c0").expect("read"), "its last second is not over");
        assert!(keep(&conn, "one more", at(9_000), at(1_001)).expect("room"));
        assert!(!is_seen(&conn, "c0").expect("read"));
        assert!(is_seen(&conn, "c1").expect("read") && is_seen(&conn, "one more").expect("read"));
    }
}
