//! The audit: who ordered what of this panel, and what came of it. Bounded: the oldest give way.
//!
//! Not here: the orders themselves (the service's).

use super::refused::reason_cut;
use access::time::UtcTime;
use rusqlite::{Connection, params};

/// Entries kept; the oldest give way.
pub const AUDIT_MAX: i64 = 2_000;

/// One entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// When.
    pub at: UtcTime,
    /// Who: uid, gid and pid of a local process, or the command's id.
    pub who: String,
    /// What was ordered.
    pub order: String,
    /// What came of it.
    pub outcome: String,
}

/// Notes an order, in the transaction that carries it out. Long texts are cut.
///
/// # Errors
/// SQLite's.
pub fn note(conn: &Connection, entry: &Entry) -> rusqlite::Result<()> {
    const ADD: &str = "INSERT INTO audit (at, who, order_text, outcome) VALUES (?1, ?2, ?3, ?4)";
    const BOUND: &str = "DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?1";
    let Entry { at, who, order, outcome } = entry;
    let values = params![at.unix(), reason_cut(who), reason_cut(order), reason_cut(outcome)];
    conn.prepare_cached(ADD)?.execute(values)?;
    conn.prepare_cached(BOUND)?.execute([AUDIT_MAX])?;
    Ok(())
}

/// The newest entries, newest first, at most `limit`.
///
/// # Errors
/// SQLite's.
pub fn list(conn: &Connection, limit: u32) -> rusqlite::Result<Vec<Entry>> {
    const LIST: &str = "SELECT at, who, order_text, outcome FROM audit ORDER BY id DESC LIMIT ?1";
    let mut list = conn.prepare_cached(LIST)?;
    let found = list.query_map([limit], |row| {
        Ok(Entry {
            at: UtcTime::from_unix(row.get(0)?),
            who: row.get(1)?,
            order: row.get(2)?,
            outcome: row.get(3)?,
        })
    })?;
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::{AUDIT_MAX, Entry, list, note};
    use access::time::UtcTime;
    use rusqlite::Connection;

    #[test]
    fn the_oldest_entries_give_way() {
        let conn = Connection::open_in_memory().expect("memory");
        conn.execute_batch(include_str!("../../sql/schema.sql")).expect("the schema is valid");
        for at in 0..AUDIT_MAX + 3 {
            let entry = Entry {
                at: UtcTime::from_unix(at),
                who: "uid 0".into(),
                order: "apply".into(),
                outcome: "done".into(),
            };
            note(&conn, &entry).expect("noted");
        }
        let kept = list(&conn, u32::MAX).expect("listed");
        assert_eq!(kept.len(), usize::try_from(AUDIT_MAX).expect("small"));
        assert_eq!(kept.first().map(|entry| entry.at.unix()), Some(AUDIT_MAX + 2));
        assert_eq!(kept.last().map(|entry| entry.at.unix()), Some(3));
    }
}
