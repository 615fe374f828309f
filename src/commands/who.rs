//! `doorward who` and `doorward where`: who may pass a door, and which doors a user's cards open.

use super::answer;
use super::table::table;
use crate::cli::How;
use crate::service::answering::Answering;
use crate::service::answering::who::{Each, Passing, Summary};
use access::id::Key;
use anyhow::Result;
use std::io::Write;
use std::path::Path;

/// Prints who may pass the door; true if anybody may.
///
/// # Errors
/// When the configuration or the mirror cannot be read.
pub fn who(file: &Path, door: &Key, how: How, limit: u32) -> Result<bool> {
    let ask = |answering: &Answering<'_>, each: Each<'_>| answering.who(door, limit, each);
    let sum = |Summary { count, door_name, .. }: &Summary| {
        let missing = if door_name.is_none() { ", which is not there" } else { "" };
        format!("{count} cards may pass door {}{missing}", answer::named(door, door_name.as_ref()))
    };
    print(file, how, "USER", |one| one.user.to_string(), ask, sum)
}

/// Prints which doors the user's cards open; true if there are any.
///
/// # Errors
/// When the configuration or the mirror cannot be read.
pub fn whither(file: &Path, user: &Key, how: How, limit: u32) -> Result<bool> {
    let ask = |answering: &Answering<'_>, each: Each<'_>| answering.whither(user, limit, each);
    let sum = |Summary { count, .. }: &Summary| format!("{count} openings for user {user}");
    print(file, how, "DOOR", |one| one.door.to_string(), ask, sum)
}

/// Asks, and prints a line for each card at each door: for a program as soon as it is known, for people as a table whose
/// first column is what was asked for.
fn print(
    file: &Path,
    how: How,
    title: &'static str,
    first: impl Fn(&Passing) -> String,
    ask: impl Fn(&Answering<'_>, Each<'_>) -> rusqlite::Result<Summary>,
    sum: impl Fn(&Summary) -> String,
) -> Result<bool> {
    answer::ask(file, how.at, |answering| {
        if how.json {
            let summary = ask(answering, &mut json_line)?;
            println!("{}", serde_json::to_string(&summary)?);
            return Ok(summary.count > 0);
        }
        let mut rows = Vec::new();
        let summary = ask(answering, &mut |one| {
            let Passing { token, by, entitlement, until, .. } = &one;
            let until = until.map_or_else(String::new, |until| until.to_string());
            rows.push([first(&one), token.to_string(), by.to_string(), entitlement.to_string(), until]);
            true
        })?;
        rows.sort_unstable();
        print!("{}", table([title, "TOKEN", "BY ASSIGNMENT", "OF ENTITLEMENT", "UNTIL"], &rows));
        let more = if summary.complete { "" } else { ", and more; see --limit" };
        println!("\n{}{more}", sum(&summary));
        print!("{}", answer::basis(&summary.basis));
        Ok(summary.count > 0)
    })
}

/// Prints one line for a program; false when nobody reads any more.
fn json_line(one: Passing) -> bool {
    let line = serde_json::to_string(&one).unwrap_or_default();
    writeln!(std::io::stdout(), "{line}").is_ok()
}
