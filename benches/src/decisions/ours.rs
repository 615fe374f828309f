//! The gateway's own code: facts from the mirror, then the rules.

use super::asked::Decide;
use super::site::{DOORS, NOW, door_key};
use access::decide::{Decision, Presentation, decide as judge};
use access::id::Key;
use access::token::Identifier;
use access::trust::{Time, Trust};
use access::uid::RawId;
use anyhow::{Context, Result, anyhow};
use doorward::mirror::passing::Doors;
use rusqlite::Connection;

pub(super) fn decide(conn: &Connection) -> Decide<'_> {
    let mut doors = Doors::default();
    let keys: Vec<Option<Key>> = (0..DOORS).map(|door| Key::new(&door_key(door)).ok()).collect();
    let time = Time { now: NOW, trust: Trust::Trusted, floor: NOW };
    Box::new(move |question| -> Result<bool> {
        let door = keys.get(usize::try_from(question.door)?).and_then(Option::as_ref).context("a door")?;
        let hex = RawId::from_bytes(&question.uid).map_err(|rule| anyhow!(rule))?;
        let (record, facts) = doors.facts(conn, &hex, door)?;
        let kind = "mifare".to_owned().try_into().map_err(|rule: &str| anyhow!(rule))?;
        let shown = Presentation { identifier: Identifier { kind, hex } };
        let decision = judge(&facts, &shown, record.as_deref(), &time);
        Ok(matches!(decision, Decision::Granted { .. }))
    })
}
