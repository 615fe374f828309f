//! What the commands that answer questions about passing have in common.

use super::table::clean;
use crate::clock::SystemClock;
use crate::config::{self, Config};
use crate::mirror::Mirror;
use crate::service::answering::{Answering, Basis, When};
use crate::service::setup::Setup;
use access::time::UtcTime;
use access::trust::{Time, Trust};
use anyhow::Result;
use std::path::Path;
use std::sync::Arc;

/// Opens the mirror and has `ask` answer about `at`, or about now, from one snapshot of it.
pub(super) fn ask<T>(
    file: &Path,
    at: Option<UtcTime>,
    ask: impl FnOnce(&Answering<'_>) -> Result<T>,
) -> Result<T> {
    let config = config::load(file)?;
    let mut conn = Mirror::at(&config.state_dir).open_reader()?;
    let clock = clock(&config, file)?;
    let tx = conn.transaction()?;
    ask(&Answering::new(&tx, &config, clock, at)?)
}

/// The time, and how the clock stands in a word: by what the kernel says of its clock, and the floor.
fn clock(config: &Config, file: &Path) -> Result<(Time, &'static str)> {
    let clock = Arc::new(SystemClock::new(config.clock.sync));
    let time = Setup::new(config.clone(), file).time(clock)?;
    let word = match time.trust {
        Trust::Trusted => "trusted",
        Trust::Untrusted => "untrusted",
    };
    Ok((time, word))
}

/// What the answer rests on, in lines below it.
pub(super) fn basis(basis: &Basis) -> String {
    let Basis { at, when, mirror, clock, notes } = basis;
    let proof = if mirror.in_sync { "equal to the source" } else { "not proven" };
    let when = match when {
        When::Now => "",
        When::Past => ", in the past",
        When::Future => ", in the future",
        When::Unknown => ", before or after now",
    };
    let mut lines = format!("asked     about {at}{when}\n");
    lines += &format!("mirror    {}/{}, {proof}, root {}\n", mirror.epoch, mirror.seq, mirror.root);
    lines += &format!("clock     {}, {}\n", clock.trust, clock.now);
    notes.iter().for_each(|note| lines += &format!("note      {note}\n"));
    lines
}

/// `KEY (NAME)`, where there is a name.
pub(super) fn named(key: &access::id::Key, name: Option<&access::text::Text>) -> String {
    name.map_or_else(|| key.to_string(), |name| format!("{key} ({})", clean(name.as_str())))
}
