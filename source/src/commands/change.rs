//! `set`, `delete`: number, commit, wake `serve`.

use anyhow::{Result, anyhow};
use contract::RECORD_MAX_BYTES;
use doorward_source::change::{Change, Check};
use doorward_source::serve::wake::wake;
use doorward_source::store::Store;
use std::io::Read;
use std::path::Path;

/// Sets one record, from `json` or with `-` from the standard input.
pub(crate) fn set(store: &mut Store, db: &Path, kind: &str, key: &str, json: &str) -> Result<()> {
    let mut read = String::new();
    let json = if json == "-" {
        // One byte more than is allowed, so that too much is seen as too much.
        let limit = u64::try_from(RECORD_MAX_BYTES)? + 1;
        std::io::stdin().take(limit).read_to_string(&mut read)?;
        read.trim()
    } else {
        json
    };
    let change =
        Change::upsert(kind, key, json, Check::Full).map_err(|reason| refused(kind, key, &reason))?;
    apply_one(store, db, change)
}

/// Deletes one record.
pub(crate) fn delete(store: &mut Store, db: &Path, kind: &str, key: &str) -> Result<()> {
    let change = Change::delete(kind, key, Check::Full).map_err(|reason| refused(kind, key, &reason))?;
    apply_one(store, db, change)
}

fn refused(kind: &str, key: &str, reason: &str) -> anyhow::Error {
    anyhow!("{kind} {key}: {reason}; nothing was changed")
}

fn apply_one(store: &mut Store, db: &Path, change: Change) -> Result<()> {
    let applied = store.apply(&[change], 1)?;
    wake(db);
    match applied.versions.first() {
        Some(version) => println!("{version}"),
        None => println!("unchanged"),
    }
    Ok(())
}
