//! `doorward run`: wires everything and shuts it down in order.

use crate::board::Board;
use crate::board::indicators::Indicators;
use crate::clock::{Clock, SystemClock};
use crate::config;
use crate::service::{self, setup::Setup};
use anyhow::{Context, Result};
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Runs the gateway until SIGTERM or SIGINT; a second signal ends it at once.
///
/// # Errors
/// When something cannot be opened.
pub fn run(file: &Path) -> Result<()> {
    let config = config::load(file)?;
    // Before anything that can fail or wait: whatever the last process left behind, outputs rest.
    let mut board = config.board.as_deref().map(Board::load).transpose()?;
    let indicators = board.as_mut().map_or(Indicators::new(None, None, None), |board| {
        board.rest();
        board.take_indicators()
    });
    start_log();
    for warning in config::warnings(&config) {
        tracing::warn!("{warning}");
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(config.clock.sync));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let board = board.as_ref().map_or("none", |board| board.name());
    tracing::info!(version = env!("CARGO_PKG_VERSION"), site = %config.site, gateway = %config.gateway, board, "starting");
    let setup = Setup::new(config, file);
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("no signals")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("no signals")?;
        let asked = async move {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            tokio::task::spawn_local(async move {
                tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
                tracing::warn!("second signal: ending at once");
                std::process::exit(1);
            });
        };
        service::run(&setup, clock, indicators, asked).await?;
        tracing::info!("stopped");
        Ok(())
    })
}

/// The log goes to stderr, for the journal. `DOORWARD_LOG` is a level for our own modules: `debug`, say.
fn start_log() {
    let level =
        std::env::var("DOORWARD_LOG").ok().and_then(|word| word.parse().ok()).unwrap_or(LevelFilter::INFO);
    let targets = Targets::new().with_default(LevelFilter::WARN).with_target("doorward", level);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    tracing_subscriber::registry().with(targets).with(lines).init();
}
