//! What people have ordered of this panel's doors, and what stands across a restart: lockdown, and doors that are open to
//! everyone for a time.
//!
//! Not here: whether it may be ordered (the service's orders), and moving a strike.

use super::rows::text;
use access::id::Key;
use access::text::Text;
use access::time::UtcTime;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeSet;

/// Nobody passes any more, but by entitlements of some classes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shut {
    /// Those classes. What the disk has made unreadable exempts nobody.
    pub exempt: BTreeSet<Text>,
    /// Who has ordered it.
    pub who: String,
}

/// The lockdown, if there is one.
///
/// # Errors
/// SQLite's.
pub fn lockdown(conn: &Connection) -> rusqlite::Result<Option<Shut>> {
    const READ: &str = "SELECT exempt, who FROM lockdown";
    let row = conn.prepare_cached(READ)?.query_row([], |row| Ok((text(row, 0)?, text(row, 1)?)));
    Ok(row.optional()?.map(|(exempt, who)| Shut {
        exempt: exempt.and_then(|list| serde_json::from_str(&list).ok()).unwrap_or_default(),
        who: who.unwrap_or_default(),
    }))
}

/// Begins a lockdown, or changes whom it exempts. Doors that are open to everyone are locked.
///
/// # Errors
/// SQLite's.
pub fn shut(conn: &Connection, shut: &Shut, now: UtcTime) -> rusqlite::Result<()> {
    const SHUT: &str = "INSERT INTO lockdown (one, exempt, who, at) VALUES (1, ?1, ?2, ?3)
        ON CONFLICT DO UPDATE SET exempt = excluded.exempt, who = excluded.who, at = excluded.at";
    const LOCK: &str = "DELETE FROM unlocked";
    // Plain texts; serialising cannot fail.
    let exempt = serde_json::to_string(&shut.exempt).unwrap_or_else(|_| "[]".into());
    conn.prepare_cached(SHUT)?.execute(params![exempt, shut.who, now.unix()])?;
    conn.prepare_cached(LOCK)?.execute([]).map(drop)
}

/// Ends the lockdown; false when there was none.
///
/// # Errors
/// SQLite's.
pub fn end_lockdown(conn: &Connection) -> rusqlite::Result<bool> {
    const END: &str = "DELETE FROM lockdown";
    Ok(conn.prepare_cached(END)?.execute([])? > 0)
}

/// Opens a door to everyone until then.
///
/// # Errors
/// SQLite's.
pub fn unlock(conn: &Connection, door: &Key, until: UtcTime, who: &str) -> rusqlite::Result<()> {
    const UNLOCK: &str = "INSERT INTO unlocked (door, until, who) VALUES (?1, ?2, ?3)
        ON CONFLICT DO UPDATE SET until = excluded.until, who = excluded.who";
    conn.prepare_cached(UNLOCK)?.execute(params![door.as_str(), until.unix(), who]).map(drop)
}

/// Locks it again; false when it was not open to everyone.
///
/// # Errors
/// SQLite's.
pub fn lock(conn: &Connection, door: &Key) -> rusqlite::Result<bool> {
    const LOCK: &str = "DELETE FROM unlocked WHERE door = ?1";
    Ok(conn.prepare_cached(LOCK)?.execute([door.as_str()])? > 0)
}

/// Doors that are open to everyone, and until when.
///
/// # Errors
/// SQLite's.
pub fn unlocked(conn: &Connection) -> rusqlite::Result<Vec<(Key, UtcTime)>> {
    const READ: &str = "SELECT door, until FROM unlocked";
    let mut read = conn.prepare_cached(READ)?;
    let rows = read.query_map([], |row| {
        let until: Option<i64> = row.get(1)?;
        Ok(text(row, 0)?.and_then(|door| Key::new(&door).ok()).zip(until.map(UtcTime::from_unix)))
    })?;
    rows.filter_map(Result::transpose).collect()
}
