//! `doorward who`: who may pass a door.

use super::answer;
use super::table::table;
use crate::cli::How;
use crate::service::answering::who::Passing;
use access::id::Key;
use access::time::UtcTime;
use anyhow::Result;
use std::io::Write;
use std::path::Path;

/// Prints the answer; true if anybody may pass.
///
/// # Errors
/// When the configuration or the mirror cannot be read.
pub fn who(file: &Path, door: &Key, how: How, limit: u32) -> Result<bool> {
    answer::ask(file, how.at, |answering| {
        if how.json {
            let summary = answering.who(door, limit, &mut json_line)?;
            println!("{}", serde_json::to_string(&summary)?);
            return Ok(summary.count > 0);
        }
        let mut rows = Vec::new();
        let summary = answering.who(door, limit, &mut |one| {
            let Passing { user, token, by, entitlement, until, .. } = one;
            rows.push([
                user.to_string(),
                token.to_string(),
                by.to_string(),
                entitlement.to_string(),
                end(until),
            ]);
            true
        })?;
        rows.sort_unstable();
        print!("{}", table(["USER", "TOKEN", "BY ASSIGNMENT", "OF ENTITLEMENT", "UNTIL"], &rows));
        let door = answer::named(door, summary.door_name.as_ref());
        let more = if summary.complete { "" } else { ", and more; see --limit" };
        let missing = if summary.door_name.is_none() { ", which is not there" } else { "" };
        println!("\n{} cards may pass door {door}{missing}{more}", summary.count);
        print!("{}", answer::basis(&summary.basis));
        Ok(summary.count > 0)
    })
}

/// Prints one line for a program, as soon as it is known; false when nobody reads any more.
pub(super) fn json_line(one: Passing) -> bool {
    let line = serde_json::to_string(&one).unwrap_or_default();
    writeln!(std::io::stdout(), "{line}").is_ok()
}

/// Until when, for a table.
pub(super) fn end(until: Option<UtcTime>) -> String {
    until.map_or_else(String::new, |until| until.to_string())
}
