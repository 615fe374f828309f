//! What questions have in common, and what `doorward query` shows.

use super::value::instant;
use access::time::UtcTime;
use clap::{Args, ValueEnum};

/// How a question about passing is asked.
#[derive(Args, Clone, Copy, Debug)]
pub struct How {
    /// At this instant instead of now, e.g. 2026-11-23T08:00:00Z or 2026-11-23T09:00:00+01:00
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub at: Option<UtcTime>,
    /// JSON for programs
    #[arg(long)]
    pub json: bool,
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
    Audit,
}
