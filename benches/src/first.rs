//! First sync: a panel with an empty disk beside a source of many users; beside it, in the same run, a bulk load
//! of the same rows. Then the repair of a small drift, and what proving costs.
//!
//! - `site`: the users, and the source's file
//! - `sync`: broker, source and gateway, from the empty disk to equal roots, and the repair
//! - [`bulk`]: the same rows by rusqlite, a process of its own
//! - `share`: digests and root, as a share of what taking records over costs
//! - `report`: the table and the targets
//!
//! Not here: live changes (`contender`).

pub(crate) mod bulk;
mod report;
mod share;
pub(crate) mod site;
mod sync;

use crate::contender::{Measured, child, fresh, part};
use anyhow::{Context, Result, bail};
use clap::Args;
use doorward::mirror::Mirror;
use share::Share;
use site::Template;
use std::fs;
use std::path::{Path, PathBuf};
use sync::{Programs, Synced};

/// A site this many times smaller shows whether memory depends on the number of records.
const SMALLER: usize = 4;

/// What to measure a first sync with.
#[derive(Args, Debug)]
pub(crate) struct FirstSync {
    /// Users of the site, each with a token and two assignments
    #[arg(long, default_value_t = 250_000)]
    users: usize,
    /// Times that first sync and bulk load run, in turns
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Records that drift before the repair
    #[arg(long, default_value_t = 100)]
    drift: usize,
    /// The broker's `max_inflight_messages`; docs/brokers sets as many
    #[arg(long, default_value_t = 1000)]
    in_flight: u16,
    /// The gateway's ceiling of messages in a transaction
    #[arg(long, default_value_t = 4096)]
    updates_per_poll: u32,
    /// Keep the sources' files for another run, and take those of an earlier one
    #[arg(long)]
    reuse: bool,
}

/// What was found.
struct Found {
    template: Template,
    synced: Vec<Synced>,
    bulk: Vec<Measured>,
    /// A smaller site.
    smaller: (Template, Synced),
    /// By buckets, by single changes.
    shares: [Share; 2],
}

/// Measures and reports.
pub(crate) fn measure(args: &FirstSync, doorward: PathBuf, source: PathBuf, folder: &Path) -> Result<()> {
    if args.rounds == 0 || args.users < SMALLER || args.drift == 0 || args.drift > args.users {
        bail!("--rounds, --users and --drift are at least 1, and no more drifts than there is");
    }
    let programs = Programs {
        doorward,
        source,
        in_flight: args.in_flight,
        updates_per_poll: args.updates_per_poll,
        drift: args.drift,
    };
    let template = site::template(folder, args.users, args.reuse)?;
    let small = site::template(folder, args.users / SMALLER, args.reuse)?;
    eprintln!("a site of {} records", small.records);
    let smaller = sync::run(&programs, folder, &small, 0).context("the smaller site")?;
    let (mut synced, mut loaded) = (Vec::new(), Vec::new());
    for round in 1..=args.rounds {
        eprintln!("round {round} of {}: bulk load of {} records", args.rounds, template.records);
        loaded.push(load(folder, &template).context("bulk load")?);
        eprintln!("round {round} of {}: first sync of {} records", args.rounds, template.records);
        synced.push(sync::run(&programs, folder, &template, round).context("first sync")?);
    }
    eprintln!("what proving costs");
    let shares = share::measure(folder, &template)?;
    let found = Found { template, synced, bulk: loaded, smaller: (small, smaller), shares };
    report::print(&programs, &found, folder)?;
    fs::remove_dir_all(folder.join("place"))?;
    if !args.reuse {
        fs::remove_file(&found.template.path)?;
        fs::remove_file(&found.smaller.0.path)?;
    }
    Ok(())
}

fn load(folder: &Path, template: &Template) -> Result<Measured> {
    let place = fresh(&folder.join("place"))?;
    let mut command = part("bulk");
    command.args([&place, &template.path]);
    child(&mut command, Some(Mirror::at(&place).path()), None)
}
