//! Why the gateway cannot start.

use crate::board::BoardError;
use crate::clock::floor::FloorError;
use crate::config::ConfigError;
use crate::export::pacs::PacsError;
use crate::export::profile::ProfileError;
use crate::mirror::OpenError;
use crate::tls::TlsError;
use std::path::PathBuf;

/// Why the gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration, or a secret that it names.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The board.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// The mirror.
    #[error(transparent)]
    Mirror(#[from] OpenError),
    /// The clock floor.
    #[error(transparent)]
    Floor(#[from] FloorError),
    /// TLS material.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The PACS profile.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The PACS settings.
    #[error(transparent)]
    Pacs(#[from] PacsError),
    /// The PACS profile is not complete.
    #[error("profile {file}: these keys are not filled in: {}; fill them in from the vendor's description", .keys.join(", "))]
    Lacking {
        /// The profile.
        file: PathBuf,
        /// Dotted keys.
        keys: Vec<String>,
    },
    /// This program itself, which is each reader's child.
    #[error("this program: where it is cannot be told: {0}; is /proc mounted?")]
    Program(std::io::Error),
    /// The system has no thread to spare.
    #[error("no thread for the doors: {0}; free some memory")]
    Thread(std::io::Error),
    /// The gateway's id is no key.
    #[error("gateway: {0}; correct `gateway`")]
    Gateway(&'static str),
    /// The state directory.
    #[error("state directory {folder}: {source}; make it, writable by the service")]
    State {
        /// The folder.
        folder: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// Somebody is there already.
    #[error("state directory {folder}: another doorward runs over it; stop that one first")]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
}
