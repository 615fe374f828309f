//! The entitlements that the PACS defines, as imported, and those that it has ceased to define.
//!
//! Not here: what an import changes (`service::importing`), and the source's records of entitlements.

use super::standing;
use access::time::UtcTime;
use contract::messages::PacsEntitlement;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeSet;

/// An entitlement of the PACS, as remembered from its imports.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Known {
    /// As the PACS last defined it.
    pub entitlement: PacsEntitlement,
    /// Since when the PACS defines it no longer; none while it does.
    pub vanished_at: Option<UtcTime>,
    /// When an import missed it that looked like an accident.
    pub missed_at: Option<UtcTime>,
}

/// What the imports come to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Entitlements that the PACS defines.
    pub defined: u64,
    /// Entitlements that it has ceased to define while something here is assigned to them.
    pub vanished: u64,
    /// Of these, some by name.
    pub names: Vec<String>,
    /// Assignments that are held for it.
    pub held_assignments: u64,
    /// Entitlements that an import missed which looked like an accident: the next import decides.
    pub missed: u64,
}

/// All that are remembered, in the order of their references.
///
/// # Errors
/// SQLite's.
pub fn known(conn: &Connection) -> rusqlite::Result<Vec<Known>> {
    const LIST: &str = "SELECT pacs_ref, type, display_name, vanished_at, missed_at FROM pacs_entitlement
        ORDER BY pacs_ref";
    let mut list = conn.prepare_cached(LIST)?;
    let found = list.query_map([], read)?;
    found.collect()
}

/// What is remembered of one.
///
/// # Errors
/// SQLite's.
pub fn find(conn: &Connection, pacs_ref: &str) -> rusqlite::Result<Option<Known>> {
    const FIND: &str = "SELECT pacs_ref, type, display_name, vanished_at, missed_at FROM pacs_entitlement
        WHERE pacs_ref = ?1";
    conn.prepare_cached(FIND)?.query_row([pacs_ref], read).optional()
}

/// Whether nothing was ever imported, or only an empty list.
///
/// # Errors
/// SQLite's.
pub fn is_empty(conn: &Connection) -> rusqlite::Result<bool> {
    const ANY: &str = "SELECT 1 FROM pacs_entitlement LIMIT 1";
    Ok(!conn.prepare_cached(ANY)?.exists([])?)
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Known> {
    let instant = |at| row.get::<_, Option<i64>>(at).map(|at| at.map(UtcTime::from_unix));
    Ok(Known {
        entitlement: PacsEntitlement { pacs_ref: row.get(0)?, kind: row.get(1)?, display_name: row.get(2)? },
        vanished_at: instant(3)?,
        missed_at: instant(4)?,
    })
}

/// Whether the PACS has defined it and defines it no longer.
///
/// # Errors
/// SQLite's.
pub(super) fn has_vanished(conn: &Connection, pacs_ref: &str) -> rusqlite::Result<bool> {
    const HAS: &str = "SELECT 1 FROM pacs_entitlement WHERE pacs_ref = ?1 AND vanished_at IS NOT NULL";
    conn.prepare_cached(HAS)?.exists([pacs_ref])
}

/// References of those among the vanished that an assignment names; `None` when the mirror cannot tell, since
/// assignments may be still to come.
///
/// # Errors
/// SQLite's.
pub fn assigned(conn: &Connection) -> rusqlite::Result<Option<BTreeSet<String>>> {
    // The inner query goes along the index: as many entitlements as there are, not as many assignments.
    const ASSIGNED: &str = "SELECT json_extract(r.body, '$.pacs_ref')
        FROM (SELECT DISTINCT entitlement FROM assignment) a JOIN record r ON r.id = a.entitlement
        WHERE r.refused IS NULL AND json_valid(r.body)";
    if !standing::standing(conn)?.whole {
        return Ok(None);
    }
    let mut assigned = conn.prepare_cached(ASSIGNED)?;
    let found = assigned.query_map([], |row| row.get::<_, Option<String>>(0))?;
    found.filter_map(Result::transpose).collect::<rusqlite::Result<_>>().map(Some)
}

/// Turns what is remembered from `before` into `after`; writes the differences alone.
///
/// # Errors
/// SQLite's.
pub fn save(conn: &Connection, before: &[Known], after: &[Known]) -> rusqlite::Result<()> {
    const FORGET: &str = "DELETE FROM pacs_entitlement WHERE pacs_ref = ?1";
    const PUT: &str =
        "INSERT OR REPLACE INTO pacs_entitlement (pacs_ref, type, display_name, vanished_at, missed_at)
        VALUES (?1, ?2, ?3, ?4, ?5)";
    let (before, after): (BTreeSet<&Known>, BTreeSet<&Known>) =
        (before.iter().collect(), after.iter().collect());
    let kept: BTreeSet<&str> = after.iter().map(|known| known.entitlement.pacs_ref.as_str()).collect();
    for gone in before.iter().filter(|known| !kept.contains(known.entitlement.pacs_ref.as_str())) {
        conn.prepare_cached(FORGET)?.execute([&gone.entitlement.pacs_ref])?;
    }
    for new in after.difference(&before) {
        let PacsEntitlement { pacs_ref, kind, display_name } = &new.entitlement;
        let instants = [new.vanished_at, new.missed_at].map(|at| at.map(UtcTime::unix));
        conn.prepare_cached(PUT)?.execute(params![pacs_ref, kind, display_name, instants[0], instants[1]])?;
    }
    Ok(())
}

/// What the imports come to, with at most `names` names.
///
/// # Errors
/// SQLite's.
pub fn summary(conn: &Connection, names: usize) -> rusqlite::Result<Summary> {
    const HELD: &str = "SELECT count(*) FROM assignment a JOIN record r ON r.id = a.entitlement
        JOIN pacs_entitlement p ON p.pacs_ref = json_extract(r.body, '$.pacs_ref')
        WHERE p.vanished_at IS NOT NULL AND r.refused IS NULL AND json_valid(r.body)";
    let mut summary = Summary::default();
    for known in known(conn)? {
        summary.missed += u64::from(known.missed_at.is_some());
        if known.vanished_at.is_none() {
            summary.defined += 1;
            continue;
        }
        summary.vanished += 1;
        if summary.names.len() < names {
            summary.names.push(known.entitlement.display_name);
        }
    }
    if summary.vanished > 0 {
        let held: i64 = conn.prepare_cached(HELD)?.query_row([], |row| row.get(0))?;
        summary.held_assignments = held.unsigned_abs();
    }
    Ok(summary)
}
