//! Four benchmarks. Durable ingest: single-change messages, queued in mosquitto, into a mirror that already holds many users;
//! beside it, in the same run, (a) a bare rumqttc subscriber that throws messages away, (b) a rusqlite loop
//! that writes the same rows, (c) a Python program as people write it today. First sync: a whole site onto an
//! empty disk, beside a bulk load ([`first`]). Export: a whole site into an empty PACS, beside a bare HTTP client
//! ([`export`]). Decisions: cards at doors, beside the bare statement and beside engines for policies ([`decisions`]).
//!
//! - [`data`]: users, the stream, the files that each contender starts from
//! - [`broker`]: a private mosquitto, and clients that prepare its sessions
//! - [`contender`]: how each contender is started and known to be done
//! - [`bare`], [`rows`]: contenders (a) and (b), processes of their own so that their CPU and memory can be told
//! - [`watched`]: a process and what it says of itself
//! - [`meter`]: CPU, memory and bytes written, from `/proc` and `/sys`
//! - [`report`]: the table and the targets
//! - [`first`]: the first sync
//! - [`export`]: the export
//! - [`decisions`]: who may pass
//!
//! It reports, and never fails because of a number. Not here: a timed test.

mod bare;
mod broker;
mod contender;
mod data;
mod decisions;
mod export;
mod first;
mod meter;
mod report;
mod rows;
mod watched;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use contender::{Bench, Contender};
use decisions::{Decisions, Who};
use export::Export;
use first::FirstSync;
use std::path::{Path, PathBuf};

/// Measure durable ingest, or a first sync.
#[derive(Parser, Debug)]
#[command(
    name = "benches/run",
    about = "Durable ingest, a first sync, or the export, beside what it is to be compared with"
)]
struct Cli {
    /// The gateway's program
    #[arg(long, value_name = "FILE", default_value = "target/release/doorward")]
    doorward: PathBuf,
    /// The source's program
    #[arg(long, value_name = "FILE", default_value = "target/release/doorward-source")]
    source: PathBuf,
    /// Where everything is kept while it runs; on the disk that is to be measured
    #[arg(long, value_name = "FOLDER", default_value = "target/bench")]
    folder: PathBuf,
    /// Times that each contender runs, in turns
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Users that the mirror holds before
    #[arg(long, default_value_t = 100_000)]
    users: usize,
    /// Messages, each with one change of one user
    #[arg(long, default_value_t = 20_000)]
    messages: usize,
    /// The broker's `max_inflight_messages`: how many it sends without an acknowledgement
    #[arg(long, default_value_t = 20_000)]
    in_flight: u16,
    /// The gateway's ceiling of messages in a transaction
    #[arg(long, default_value_t = 4096)]
    updates_per_poll: u32,
    /// Only these, in this order
    #[arg(long, value_enum, value_name = "NAME")]
    only: Vec<Contender>,
    #[command(subcommand)]
    part: Option<Part>,
}

/// The other benchmark, and what the benchmarks start themselves as.
#[derive(Subcommand, Debug)]
enum Part {
    /// Measure a first sync instead: a whole site onto an empty disk
    FirstSync(FirstSync),
    /// Measure the export instead: a whole site into an empty PACS, and a plan for those who have not changed
    Export(Export),
    /// Measure decisions instead: may this card pass this door
    Decisions(Decisions),
    /// Somebody who decides
    #[command(hide = true)]
    Decide { who: Who, site: PathBuf, users: u64, questions: usize },
    /// The bare client of the export
    #[command(hide = true)]
    Replay { url: String, requests: PathBuf, in_flight: usize },
    /// The bulk load of a first sync
    #[command(hide = true)]
    Bulk { folder: PathBuf, source: PathBuf },
    /// Contender (a)
    #[command(hide = true)]
    Bare { port: u16, messages: usize },
    /// Contender (b)
    #[command(hide = true)]
    Rows { folder: PathBuf, stream: PathBuf },
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    match &cli.part {
        Some(Part::Bare { port, messages }) => bare::run(*port, *messages),
        Some(Part::Rows { folder, stream }) => rows::run(folder, stream),
        Some(Part::Bulk { folder, source }) => first::bulk::run(folder, source),
        Some(Part::FirstSync(args)) => {
            let folder = own_folder(&cli.folder, "first-sync")?;
            first::measure(args, program(&cli.doorward)?, program(&cli.source)?, &folder)
        }
        Some(Part::Export(args)) => {
            let folder = own_folder(&cli.folder, "export")?;
            export::measure(args, &program(&cli.doorward)?, &folder)
        }
        Some(Part::Decisions(args)) => {
            let folder = own_folder(&cli.folder, "decisions")?;
            decisions::measure(args, &program(&cli.doorward)?, &folder)
        }
        Some(Part::Decide { who, site, users, questions }) => {
            decisions::answer(*who, site, *users, *questions)
        }
        Some(Part::Replay { url, requests, in_flight }) => export::replay::run(url, requests, *in_flight),
        None => measure(&cli),
    }
}

fn program(path: &Path) -> Result<PathBuf> {
    path.canonicalize().with_context(|| format!("{}: no such program; benches/run builds it", path.display()))
}

fn measure(cli: &Cli) -> Result<()> {
    if cli.rounds == 0 || cli.messages == 0 || cli.users == 0 {
        bail!("--rounds, --messages and --users are at least 1");
    }
    let folder = contender::fresh(&own_folder(&cli.folder, "ingest")?)?;
    let doorward = program(&cli.doorward)?;
    eprintln!("preparing {} users and {} messages", cli.users, cli.messages);
    let data = data::prepare(&folder, cli.users, cli.messages)?;
    let python = contender::find_python();
    let bench = Bench {
        folder,
        doorward,
        python,
        data,
        in_flight: cli.in_flight,
        updates_per_poll: cli.updates_per_poll,
    };
    let contenders = if cli.only.is_empty() { Contender::ALL.to_vec() } else { cli.only.clone() };
    let mut results: Vec<_> = contenders.iter().map(|contender| (*contender, Vec::new())).collect();
    for round in 1..=cli.rounds {
        for (contender, measured) in &mut results {
            eprintln!("round {round} of {}: {}", cli.rounds, contender.title());
            measured.push(bench.run(*contender).with_context(|| contender.title().to_string())?);
        }
    }
    report::print(&bench, &results)?;
    std::fs::remove_dir_all(&bench.folder)
        .with_context(|| format!("cannot remove {}", bench.folder.display()))
}

/// The folder of one benchmark.
fn own_folder(folder: &Path, benchmark: &str) -> Result<PathBuf> {
    // Only what has our mark is written to, so that a mistyped --folder costs nothing.
    const MARK: &str = ".doorward-bench";
    if folder.exists() && !folder.join(MARK).exists() && folder.read_dir()?.next().is_some() {
        bail!("{} is not empty and not left by this benchmark; choose another --folder", folder.display());
    }
    let own = folder.join(benchmark);
    std::fs::create_dir_all(&own).with_context(|| format!("cannot make {}", own.display()))?;
    std::fs::write(folder.join(MARK), "")?;
    Ok(own.canonicalize()?)
}
