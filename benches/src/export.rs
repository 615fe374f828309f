//! The export: a site's people, from nothing into a simulated PACS that takes some milliseconds for each answer; beside
//! it, in the same run, a bare client that sends the same requests and notes nothing. Then a plan for a large site that
//! has not changed.
//!
//! - `town`: mirrors, PACS and the gateway over both
//! - `recorder`: the requests of one run, as they went over the wire
//! - [`replay`]: the bare client, a process of its own
//! - `planning`: the plan
//! - `report`: the table and the targets
//!
//! Not here: faults, which belong to the tests.

mod planning;
mod recorder;
pub(crate) mod replay;
mod report;
mod town;

use anyhow::{Result, bail};
use clap::Args;
use planning::Planned;
use std::fs;
use std::path::Path;
use town::{Exported, Town};

/// A site this many times smaller shows whether memory depends on the number of persons.
const SMALLER: usize = 4;

/// What to measure the export with.
#[derive(Args, Debug)]
pub(crate) struct Export {
    /// Users of the site, each with a token and two assignments
    #[arg(long, default_value_t = 10_000)]
    users: usize,
    /// Times that gateway and bare client run, in turns
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Requests in flight
    #[arg(long, default_value_t = 16)]
    in_flight: usize,
    /// Milliseconds from a request to its answer
    #[arg(long, default_value_t = 5)]
    latency_ms: u64,
    /// Users of the site that is planned for
    #[arg(long, default_value_t = 250_000)]
    plan_users: usize,
}

/// What was found.
struct Found {
    persons: usize,
    requests: usize,
    exported: Vec<Exported>,
    /// Seconds of the bare client, and its CPU time in ns.
    replayed: Vec<(f64, u64)>,
    /// A smaller site.
    smaller: (usize, Exported),
    planned: Planned,
}

/// Measures and reports.
pub(crate) fn measure(args: &Export, doorward: &Path, folder: &Path) -> Result<()> {
    if args.rounds == 0 || args.users < SMALLER || args.in_flight == 0 || args.plan_users == 0 {
        bail!("--rounds, --users, --in-flight and --plan-users are at least 1");
    }
    eprintln!("planning for {} users", args.plan_users);
    let planned = planning::measure(args, doorward, folder)?;
    let small = Town::new(doorward, folder, args.users / SMALLER)?;
    eprintln!("a site of {} users", small.users);
    let smaller = (small.users, small.export(args, None)?);
    let town = Town::new(doorward, folder, args.users)?;
    let requests = folder.join("requests.jsonl");
    eprintln!("recording the requests");
    let count = record(&town, args, &requests)?;
    let (mut exported, mut replayed) = (Vec::new(), Vec::new());
    for round in 1..=args.rounds {
        eprintln!("round {round} of {}: bare client", args.rounds);
        replayed.push(town.replay(args, &requests)?);
        eprintln!("round {round} of {}: doorward run", args.rounds);
        exported.push(town.export(args, None)?);
    }
    let found = Found { persons: town.users, requests: count, exported, replayed, smaller, planned };
    report::print(args, &found, folder)?;
    fs::remove_dir_all(folder)?;
    Ok(())
}

/// One run that is not measured; returns how many requests it took.
fn record(town: &Town, args: &Export, file: &Path) -> Result<usize> {
    let mut recorder = None;
    town.export(args, Some(&mut recorder))?;
    recorder.map_or_else(|| bail!("nothing was recorded"), |recorder| recorder.save(file))
}
