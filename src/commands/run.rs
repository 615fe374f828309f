//! `doorward run`: wires everything and shuts it down in order.

use crate::board::{Board, BoardError, Lines, Outputs};
use crate::clock::{Clock, SyncSource, SystemClock};
use crate::config::{self, Config};
use crate::service::supervising::Supervisor;
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
    // Before anything that can fail or wait, a wrong configuration included: whatever the last process left behind,
    // outputs rest.
    let taken = take_lines(file);
    start_log();
    let config = config::load(file)?;
    let (board, lines) = taken?;
    let outputs = lines.outputs();
    let second_signal = outputs.share();
    let ended = serve(file, config, board, lines, second_signal);
    rest(outputs);
    ended
}

/// The board's lines with its name, by the one key of the configuration that names its file.
fn take_lines(file: &Path) -> Result<(String, Lines), BoardError> {
    // A configuration that cannot be read is complained about when it is read as a whole.
    let Some(path) = config::places(file).ok().and_then(|places| places.board) else {
        return Ok(("none".into(), Lines::none()));
    };
    let board = Board::load(&path)?;
    // Of this clock the board reads only the monotonic side, which needs no word on synchronisation.
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(SyncSource::Host));
    Ok((board.name().into(), board.take_at_rest(&clock)?))
}

fn rest(mut outputs: Outputs) {
    if let Err(error) = outputs.rest() {
        tracing::error!(%error, "an output may not be at rest");
    }
}

fn serve(file: &Path, config: Config, board: String, lines: Lines, second_signal: Outputs) -> Result<()> {
    for warning in config::warnings(&config) {
        tracing::warn!("{warning}");
    }
    for input in &lines.without_edges {
        tracing::info!(input, "the chip reports no edges: the input is read all the time");
    }
    let clock: Arc<dyn Clock> = Arc::new(config.clock.system());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
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
                rest(second_signal);
                std::process::exit(1);
            });
        };
        service::run(&setup, clock, lines, Supervisor::from_environment()?, asked).await?;
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

#[cfg(test)]
mod tests {
    use super::take_lines;

    #[test]
    fn outputs_rest_though_the_configuration_is_wrong() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let board = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("boards/virtual.toml");
        let file = folder.path().join("config.toml");
        let text = format!("board = \"{}\"\nsite = 7\n[brocker\nhost =\n", board.display());
        std::fs::write(&file, text).expect("written");
        assert!(crate::config::load(&file).is_err());
        let (name, mut lines) = take_lines(&file).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(name, "virtual");
        assert!(lines.door(None).strike.is_some());
        let (name, mut lines) = take_lines(&folder.path().join("none.toml")).expect("nothing to take");
        assert_eq!(name, "none");
        assert!(lines.door(None).strike.is_none());
    }
}
