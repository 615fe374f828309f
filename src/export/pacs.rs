//! Adapters: each carries out the steps of a plan in one kind of PACS API.
//!
//! - [`rest`]: JSON over HTTP, described by a profile
//!
//! Not here: when a step is sent, and what follows from its answer (`plan`, `rows`).

pub mod rest;

use super::http::{Failure, HttpError};

/// Why a PACS cannot be used, or did not give what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum PacsError {
    /// The settings contradict themselves.
    #[error(transparent)]
    Settings(#[from] HttpError),
    /// There was no answer.
    #[error("PACS, {what}: {source}; check pacs.base_url, the network and the PACS")]
    Failed {
        /// What was asked.
        what: &'static str,
        /// Why there is no answer.
        source: Failure,
    },
    /// It answered with an error.
    #[error("PACS, {what}: {status} {words}; check login, system id and profile")]
    Status {
        /// What was asked.
        what: &'static str,
        /// The HTTP status.
        status: u16,
        /// The PACS's words.
        words: String,
    },
    /// The answer has another form than the profile says.
    #[error("PACS, {what}: the answer has no {pointer}; correct {key} in the profile")]
    Form {
        /// What was asked.
        what: &'static str,
        /// The JSON pointer that leads nowhere.
        pointer: String,
        /// The profile's key.
        key: &'static str,
    },
}
