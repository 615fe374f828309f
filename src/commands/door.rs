//! `doorward door`: lockdown, and a door open to everyone for a time.
//!
//! Not here: doing it; the daemon does.

use super::client::Client;
use crate::cli::DoorVerb;
use crate::config;
use anyhow::Result;
use serde_json::json;
use std::path::Path;

/// Does what was asked.
///
/// # Errors
/// When the daemon refuses it or does not run.
pub fn door(file: &Path, verb: DoorVerb) -> Result<()> {
    let config = config::load(file)?;
    let (path, body) = match verb {
        DoorVerb::Lockdown { exempt } => ("/door/lockdown", json!({ "exempt": exempt })),
        DoorVerb::EndLockdown => ("/door/end-lockdown", json!({})),
        DoorVerb::Unlock { door, time } => ("/door/unlock", json!({ "door": door, "for_s": time })),
        DoorVerb::Lock { door } => ("/door/lock", json!({ "door": door })),
    };
    let answer = Client::new(&config).act(path, &body)?;
    println!("{}", answer["words"].as_str().unwrap_or("done"));
    Ok(())
}
