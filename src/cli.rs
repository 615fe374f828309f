//! The command line.

use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// The gateway of a door panel.
#[derive(Parser, Debug)]
#[command(
    name = "doorward",
    version,
    about = "The gateway of a door panel: mirrors who may pass, tells the PACS, answers offline"
)]
pub struct Cli {
    /// The configuration file.
    #[arg(long, global = true, default_value = "/etc/doorward/config.toml", value_name = "FILE")]
    pub config: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Run the gateway until SIGTERM or SIGINT
    Run,
    /// Do what `run` does up to the point where it would act, and say what was found
    Check,
    /// Show what the mirror holds; works with the daemon running or stopped
    Query {
        /// What to show
        what: What,
        /// A key, or text to look for
        filter: Option<String>,
        /// JSON for programs
        #[arg(long)]
        json: bool,
        /// Most rows shown
        #[arg(long, default_value_t = 1000)]
        limit: u32,
    },
    /// Show where the mirror and the export stand; works with the daemon running or stopped
    Status {
        /// JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Compute every digest again from the rows, and compare with the source's last word
    Verify {
        /// JSON for programs
        #[arg(long)]
        json: bool,
    },
}

/// What `query` shows.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum What {
    Users,
    Tokens,
    Entitlements,
    Assignments,
    Schedules,
    Doors,
    Events,
    Refused,
}
