//! `doorward export`.

use crate::service::planning::{LINES_DEFAULT, LINES_MAX};
use clap::Subcommand;

/// What `export` does. The daemon exports by itself; orders go to it over its socket.
#[derive(Subcommand, Debug)]
pub enum ExportVerb {
    /// Show what is to be added (+), changed (~) and removed (-), why, and why it waits; sends nothing
    Plan {
        /// JSON lines for programs, the sums last
        #[arg(long)]
        json: bool,
        /// Most items shown; the rest is counted
        #[arg(long, default_value_t = LINES_DEFAULT, value_parser = clap::value_parser!(u32).range(..=i64::from(LINES_MAX)))]
        limit: u32,
        /// Plan for everyone, also for those to whom nothing has happened since they were found at rest
        #[arg(long)]
        everyone: bool,
    },
    /// Look at everyone again now
    Apply,
    /// Show where the export stands: what is held, what is found, what the PACS refuses
    Status {
        /// JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Let through what is held, if it is still what the hash names
    Approve {
        /// The hash that `plan` or `status` shows
        hash: String,
    },
    /// Try again at once what has failed or was refused
    Retry {
        /// Of this user only
        user: Option<String>,
        /// Of this item of the user only: person, a token's key, or an entitlement's pacs_ref
        item: Option<String>,
    },
}
