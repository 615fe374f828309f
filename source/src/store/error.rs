//! Why the source's file could not be used.

use super::OUTGOING_MAX;
use super::commands::WAITING_MAX;
use super::layout::SCHEMA_VERSION;
use std::path::PathBuf;

/// Why the file could not be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum StoreError {
    #[error("{}: cannot open: {source}; check that its directory exists and may be written", path.display())]
    Create { path: PathBuf, source: std::io::Error },
    #[error("{}: cannot open: {source}; check that it is a file of doorward-source", path.display())]
    Open { path: PathBuf, source: rusqlite::Error },
    #[error(
        "the file has layout {found}, this program knows {SCHEMA_VERSION}; use the program that wrote it"
    )]
    Layout { found: i64 },
    #[error("the file belongs to site {found}, not {asked}; name another file with `db`")]
    OtherSite { found: String, asked: String },
    #[error("{OUTGOING_MAX} messages wait for the broker; run `doorward-source serve` until they are out")]
    Backlog,
    #[error("{WAITING_MAX} commands wait for the broker; run `doorward-source serve` until they are out")]
    Commands,
    #[error("epochs are exhausted: {found} is in use; a foreign `meta` is retained at the broker, remove it")]
    EpochsExhausted { found: u64 },
    #[error("writing JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("SQLite: {0}")]
    Sql(#[from] rusqlite::Error),
}
