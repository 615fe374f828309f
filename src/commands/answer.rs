//! What the commands that answer questions about passing have in common.

use super::table::clean;
use crate::config::{self, Config};
use crate::mirror::Mirror;
use crate::service::answering::{Answering, Basis, Now, When};
use access::time::UtcTime;
use anyhow::Result;
use std::path::Path;

/// Opens the mirror and has `ask` answer about `at`, or about now, from one snapshot of it.
pub(super) fn ask<T>(
    file: &Path,
    at: Option<UtcTime>,
    ask: impl FnOnce(&Answering<'_>) -> Result<T>,
) -> Result<T> {
    let config = config::load(file)?;
    let mut conn = Mirror::at(&config.state_dir).open_reader()?;
    let now = now(&config, file)?;
    let tx = conn.transaction()?;
    ask(&Answering::new(&tx, &config, now, at)?)
}

/// As the daemon has it; without one, by what the kernel says of its clock, and the floor.
fn now(config: &Config, file: &Path) -> Result<Now> {
    let clock = super::clock::standing(config, file)?;
    Ok(Now { time: clock.time(), clock: clock.word(), age: clock.news })
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
