//! `doorward backup`: what another panel needs, in one file.
//!
//! Not here: making it (`service::backing_up`).

use crate::cli::BackupArgs;
use crate::clock::Clock;
use crate::config;
use crate::service::backing_up::{self, Along, Taken};
use anyhow::Result;
use std::path::Path;

/// Writes it, and says what is in it.
///
/// # Errors
/// When it cannot be made; nothing is there then.
pub fn backup(file: &Path, args: &BackupArgs) -> Result<()> {
    let config = config::load(file)?;
    let along = if args.with_secrets {
        Along::Secrets
    } else if args.with_config {
        Along::Config
    } else {
        Along::State
    };
    let now = config.clock.system().now();
    let Taken { names, left } = backing_up::make(&config, file, &args.file, along, now)?;
    println!("{}: the backup of {} of {}", args.file.display(), config.gateway, config.site);
    if !names.is_empty() {
        println!("with {}", names.join(", "));
    }
    for path in left {
        println!("without {}: it lies elsewhere; keep it yourself", path.display());
    }
    println!("It holds names, cards and PINs: keep it where only those look who may.");
    Ok(())
}
