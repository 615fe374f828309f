//! The limit: one prepared statement that joins the links of the same file, with the door's grants beside them in memory.
//! It asks for windows, and whether the user is there at all; it reads no record's text, and can give no reason.

use super::asked::Decide;
use super::site::{DOORS, NOW, grants, right_key};
use anyhow::{Context, Result};
use contract::digest;
use rusqlite::{Connection, params};

const GRANTS: &str = "CREATE TEMP TABLE door_grant (door INTEGER NOT NULL, entitlement INTEGER NOT NULL,
    PRIMARY KEY (door, entitlement)) WITHOUT ROWID";
const PASSES: &str =
    "SELECT a.id FROM card c JOIN token t ON t.id = c.token JOIN record u ON u.id = t.user
    JOIN assignment a ON a.user = t.user
    JOIN temp.door_grant g ON g.door = ?2 AND g.entitlement = a.entitlement
    WHERE c.uid = ?1 AND u.refused IS NULL AND ifnull(t.valid_from, ?3) <= ?3 AND (t.valid_to IS NULL OR t.valid_to > ?3)
    AND ifnull(a.valid_from, ?3) <= ?3 AND (a.valid_to IS NULL OR a.valid_to > ?3) LIMIT 1";

pub(super) fn decide(conn: &Connection) -> Result<Decide<'_>> {
    conn.execute(GRANTS, [])?;
    for door in 0..DOORS {
        for (right, _) in grants(door) {
            let id = i64::try_from(digest::place("entitlement", &right_key(right)) >> 1)?;
            conn.execute(
                "INSERT INTO temp.door_grant (door, entitlement) VALUES (?1, ?2)",
                params![i64::try_from(door)?, id],
            )?;
        }
    }
    let mut passes = conn.prepare(PASSES)?;
    Ok(Box::new(move |question| {
        let door = i64::try_from(question.door).context("a door")?;
        Ok(passes.exists(params![question.uid.as_slice(), door, NOW.unix()])?)
    }))
}
