//! `doorward board`: the installer's look at the wiring, with the gateway stopped.
//!
//! In service only `run` moves an output. What is here takes a line only while no gateway holds it.

mod pulse;
mod watch;

use crate::board::Board;
use crate::board::inspection::{Inspected, inspect};
use crate::cli::BoardVerb;
use crate::clock::{Clock, SyncSource, SystemClock};
use crate::commands::table::table;
use crate::config::{self, Places};
use crate::service::lock;
use anyhow::{Result, bail};
use std::path::Path;
use std::sync::Arc;

/// Does what `verb` says with the board file, or with the board of the configuration.
///
/// # Errors
/// When the board is wrong, or the gateway runs.
pub fn board(config: &Path, file: Option<&Path>, verb: BoardVerb) -> Result<()> {
    let places = match file {
        // Without a configuration there is no gateway to be in the way, as far as anyone can tell.
        Some(file) => match config::places(config) {
            Ok(places) => Places { board: Some(file.into()), ..places },
            Err(_) => Places { board: Some(file.into()), state_dir: "/".into() },
        },
        None => config::places(config)?,
    };
    let Some(path) = &places.board else {
        if verb == BoardVerb::Rest {
            println!("{}: no board, so nothing to put at rest", config.display());
            return Ok(());
        }
        bail!("{}: names no board; write `board`, or give --board FILE", config.display());
    };
    let board = Board::load(path)?;
    match verb {
        BoardVerb::Check => check(&board),
        BoardVerb::Watch { json } => watch::watch(&board, json),
        BoardVerb::Pulse { role, door, ms, yes } => {
            stopped(&places)?;
            pulse::pulse(&board, role, door.as_deref(), ms, yes)
        }
        BoardVerb::Rest => {
            stopped(&places)?;
            rest(&board)
        }
    }
}

/// Two programs must not move one lock. The kernel sees to it for real lines; this holds for all.
fn stopped(places: &Places) -> Result<()> {
    if lock::is_held(&places.state_dir) {
        bail!("the gateway runs and holds the board's lines; stop it first: systemctl stop doorward");
    }
    Ok(())
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new(SyncSource::Host))
}

/// Takes every output at rest, and lets go of it again.
fn rest(board: &Board) -> Result<()> {
    let lines = board.take_outputs(&clock())?;
    println!("{}: {} outputs at rest", board.name(), board.spec().outputs.len());
    drop(lines);
    Ok(())
}

fn check(board: &Board) -> Result<()> {
    println!("{}: {}\n", board.name(), board.description());
    let chips = board.chips();
    let inspected = inspect(board.spec(), &chips);
    let rows: Vec<[String; 5]> = inspected.iter().map(row).collect();
    print!("{}", table(["ROLE", "DOOR", "LINE", "FOUND", "STATE"], &rows));
    let wrong = inspected.iter().filter(|one| one.found.is_err()).count();
    if wrong > 0 {
        bail!("board {}: {wrong} of {} lines cannot be used as they are", board.name(), inspected.len());
    }
    Ok(())
}

fn row(one: &Inspected<'_>) -> [String; 5] {
    let place = one.place.map_or_else(|| "virtual".into(), ToString::to_string);
    let (found, state) = match &one.found {
        Ok(None) => (String::new(), "in the gateway's process alone".into()),
        Ok(Some(found)) => {
            let name = if found.line.name.is_empty() { "unnamed" } else { &found.line.name };
            let found = format!("{} {} {name}", found.chip.name, found.offset);
            let state = if one.is_ours() { "held by the running gateway" } else { "free" };
            (found, state.into())
        }
        Err(flaw) => (String::new(), format!("WRONG: {}: {}; {}", flaw.key, flaw.problem, flaw.remedy)),
    };
    [one.role.into(), one.door.map(ToString::to_string).unwrap_or_default(), place, found, state]
}

/// The lines of `board` that cannot be used as they are, for `doorward check`.
pub(super) fn complaints(board: &Board) -> Vec<String> {
    let chips = board.chips();
    inspect(board.spec(), &chips).iter().filter_map(Inspected::complaint).collect()
}
