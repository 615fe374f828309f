//! The steps of the demo, each a function that tells, does, and checks.

pub(crate) mod burst;
pub(crate) mod door;
pub(crate) mod enroll;
pub(crate) mod offline;
pub(crate) mod outages;
pub(crate) mod people;
pub(crate) mod start;
pub(crate) mod window;

use crate::screen::shown;
use crate::stage::Stage;
use crate::witness::Act;
use anyhow::{Result, ensure};
use contract::id::Version;
use serde_json::{Value, json};
use std::time::Instant;

/// A line for `doorward-source import`.
fn upsert(kind: &str, key: &str, record: &Value) -> String {
    json!({"op": "upsert", "kind": kind, "key": key, "record": record}).to_string()
}

fn user(given: &str, family: &str) -> Value {
    json!({"status": "active", "given_name": given, "family_name": family})
}

fn card(user: &str, status: &str, hex: &str) -> Value {
    let identifiers = json!([{"type": "mifare", "hex": hex}]);
    json!({"user": user, "kind": "card", "status": status, "identifiers": identifiers})
}

fn assignment(user: &str, entitlement: &str) -> Value {
    json!({"user": user, "entitlement": entitlement})
}

/// The times of one change on its way to `act`.
fn latency(stage: &Stage, version: Version, act: Result<Act>) -> Result<String> {
    let act = act?;
    let witness = stage.witness()?;
    let (published, mirrored) = (witness.published(version)?, witness.mirrored(version)?);
    let since = |at: Instant| shown(at.saturating_duration_since(published));
    Ok(format!("published → mirrored {} → in the PACS {}", since(mirrored), since(act.at)))
}

/// Nothing measured; an error unless `holds`.
fn only_if(holds: bool, otherwise: &str) -> Result<String> {
    ensure!(holds, "{otherwise}");
    Ok(String::new())
}
