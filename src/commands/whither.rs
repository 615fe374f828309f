//! `doorward where`: which doors a user's cards open.

use super::answer;
use super::table::table;
use super::who::{end, json_line};
use crate::cli::How;
use crate::service::answering::who::Passing;
use access::id::Key;
use anyhow::Result;
use std::path::Path;

/// Prints the answer; true if there is any.
///
/// # Errors
/// When the configuration or the mirror cannot be read.
pub fn whither(file: &Path, user: &Key, how: How, limit: u32) -> Result<bool> {
    answer::ask(file, how.at, |answering| {
        if how.json {
            let summary = answering.whither(user, limit, &mut json_line)?;
            println!("{}", serde_json::to_string(&summary)?);
            return Ok(summary.count > 0);
        }
        let mut rows = Vec::new();
        let summary = answering.whither(user, limit, &mut |one| {
            let Passing { door, token, by, entitlement, until, .. } = one;
            rows.push([
                door.to_string(),
                token.to_string(),
                by.to_string(),
                entitlement.to_string(),
                end(until),
            ]);
            true
        })?;
        print!("{}", table(["DOOR", "TOKEN", "BY ASSIGNMENT", "OF ENTITLEMENT", "UNTIL"], &rows));
        let more = if summary.complete { "" } else { ", and more; see --limit" };
        println!("\n{} openings for user {user}{more}", summary.count);
        print!("{}", answer::basis(&summary.basis));
        Ok(summary.count > 0)
    })
}
