//! `doorward next`: what begins and ends soon.

use super::answer;
use super::table::table;
use crate::service::answering::next::{Coming, Next};
use access::id::Key;
use anyhow::Result;
use std::path::Path;

/// Prints the answer; true if there is anything.
///
/// # Errors
/// When the configuration or the mirror cannot be read.
pub fn next(file: &Path, hours: u32, as_json: bool, limit: u32) -> Result<bool> {
    let next = answer::ask(file, None, |answering| Ok(answering.next(hours, limit)?))?;
    if as_json {
        println!("{}", serde_json::to_string(&next)?);
        return Ok(!next.edges.is_empty());
    }
    let rows: Vec<[String; 3]> = next.edges.iter().map(row).collect();
    print!("{}", table(["AT", "WHAT", "WHOSE"], &rows));
    let Next { edges, until, complete, basis } = &next;
    let more = if *complete { "" } else { ", and more; see --limit" };
    println!("\n{} edges up to {until}{more}", edges.len());
    print!("{}", answer::basis(basis));
    Ok(!edges.is_empty())
}

fn row(coming: &Coming) -> [String; 3] {
    let Coming { at, what, of, key, user, entitlement, doors, wall } = coming;
    let wall = wall.as_ref().map_or_else(String::new, |wall| format!(" ({wall})"));
    let entitlement = entitlement.as_ref().map(|key| format!("entitlement {key}"));
    let doors = doors.iter().map(Key::to_string).collect::<Vec<_>>().join(", ");
    let doors = Some(doors).filter(|doors| !doors.is_empty()).map(|doors| format!("doors {doors}"));
    let user = user.as_ref().map(|user| format!("user {user}"));
    let whose: Vec<String> = [user, entitlement, doors].into_iter().flatten().collect();
    [format!("{at}{wall}"), format!("{of} {key} {what}"), whose.join(", ")]
}
