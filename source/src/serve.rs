//! The stream to the broker, and what gateways say back.
//!
//! One task owns the file and decides; another polls the connection. Everything that is published on
//! `changes` comes out of the file's `outgoing` in its order, so there is one path for new changes, for
//! those of an earlier life, and for checkpoints.
//!
//! - `session`: what one connection does with the file
//! - `answering`: who waits for an answer, and whose turn it is
//! - `window`: what was given to the broker and is not acknowledged
//! - `inbox`: events and states from gateways, read from the wire
//! - `link`: options, TLS, polling
//! - [`wake`]: how other processes make it look into the file
//!
//! Not here: numbering (`store`), what a request is answered with ([`crate::answers`]).

mod answering;
mod inbox;
pub(crate) mod link;
mod session;
pub mod wake;
mod window;

use crate::clock;
use crate::config::Config;
use crate::store::{Store, StoreError};
use link::{LINK_EVENTS_MAX, Link, Signal};
use session::Session;
use std::fmt;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixDatagram;
use tokio::signal::unix::{Signal as UnixSignal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep, timeout};

/// How often the file is looked into without being woken, in milliseconds.
pub const TICK_MS: u64 = 1000;
/// How long a retained `meta` is waited for after the subscription, in milliseconds. One that comes later
/// costs another epoch, no more.
pub const META_WAIT_MS: u64 = 1000;
/// First and longest pause between attempts to connect, in milliseconds, before jitter.
pub const BACKOFF_MS: (u64, u64) = (500, 30_000);
/// How long an ordered shutdown waits for the broker's acknowledgements, in milliseconds.
pub const SHUTDOWN_MS: u64 = 3000;

/// Why `serve` ended.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ServeError {
    #[error("{}: another `serve` publishes from this file; stop it first", db.display())]
    Running { db: PathBuf },
    #[error("{}: {reason}; check broker.{key} in the settings", path.display())]
    File { path: PathBuf, key: &'static str, reason: String },
    #[error("{}: cannot {what}: {source}", path.display())]
    Io { path: PathBuf, what: &'static str, source: std::io::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("writing JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl ServeError {
    fn file(path: &Path, key: &'static str, reason: &dyn fmt::Display) -> ServeError {
        ServeError::File { path: path.into(), key, reason: reason.to_string() }
    }
}

/// Publishes until SIGTERM or SIGINT. `ready_file` is written once the first checkpoint is acknowledged.
///
/// # Errors
/// When the file cannot be used, or a certificate or password cannot be read. A broker that cannot be
/// reached is none: it is tried again.
pub async fn serve(config: Config, ready_file: Option<PathBuf>) -> Result<(), ServeError> {
    let _lock = lock(&config.db)?;
    if let Some(path) = &ready_file {
        remove_stale(path)?;
    }
    let mut store = Store::open(&config.db, clock::now())?;
    store.claim_site(&config.site)?;
    let options = link::options(&config, &format!("doorward-source-{}", config.site))?;
    let mut control = Control::new(&config)?;
    let mut session = Session::new(store, config, ready_file);
    let mut failures = 0;
    loop {
        let (sender, mut signals) = mpsc::channel(LINK_EVENTS_MAX);
        session.connecting(Link::start(options.clone(), sender));
        if run_link(&mut session, &mut signals, &mut control).await? == Ended::Stopped {
            return session.finish();
        }
        failures = if session.was_subscribed() { 0 } else { failures + 1 };
        session.disconnected()?;
        let pause = backoff_ms(failures);
        tracing::info!(pause_ms = pause, "connecting again");
        tokio::select! {
            () = control.stopped() => return Ok(()),
            () = sleep(Duration::from_millis(pause)) => {}
        }
    }
}

#[derive(PartialEq, Eq)]
enum Ended {
    Lost,
    Stopped,
}

async fn run_link(
    session: &mut Session,
    signals: &mut mpsc::Receiver<Signal>,
    control: &mut Control,
) -> Result<Ended, ServeError> {
    let mut arrived = Vec::with_capacity(LINK_EVENTS_MAX);
    loop {
        tokio::select! {
            count = signals.recv_many(&mut arrived, LINK_EVENTS_MAX) => {
                if count == 0 || !session.handle(&mut arrived)? {
                    return Ok(Ended::Lost);
                }
            }
            due = control.next() => match due {
                Due::Look => session.look(),
                Due::Tick => session.tick()?,
                Due::Heartbeat => session.heartbeat()?,
                Due::Stop => {
                    shut_down(session, signals, control).await?;
                    return Ok(Ended::Stopped);
                }
            },
            () = session.meta_waited() => session.begin()?,
        }
        session.pump()?;
    }
}

/// Waits for what is under way, so that it is not published twice; a second signal ends it at once.
async fn shut_down(
    session: &mut Session,
    signals: &mut mpsc::Receiver<Signal>,
    control: &mut Control,
) -> Result<(), ServeError> {
    tracing::info!("stopping");
    let settle = async {
        let mut arrived = Vec::with_capacity(LINK_EVENTS_MAX);
        while !session.is_settled() {
            let count = signals.recv_many(&mut arrived, LINK_EVENTS_MAX).await;
            if count == 0 || !session.handle(&mut arrived)? {
                return Ok(());
            }
        }
        session.say_goodbye();
        // The poll task ends, and with it the channel, when the broker has closed the connection.
        while signals.recv().await.is_some_and(|signal| matches!(signal, Signal::Event(_))) {}
        Ok(())
    };
    tokio::select! {
        settled = timeout(Duration::from_millis(SHUTDOWN_MS), settle) => settled.unwrap_or(Ok(())),
        () = control.stopped() => Ok(()),
    }
}

/// What other processes and time ask for.
struct Control {
    wake: Option<UnixDatagram>,
    tick: Interval,
    heartbeat: Interval,
    checkpoint: UnixSignal,
    terminate: UnixSignal,
    interrupt: UnixSignal,
}

enum Due {
    Look,
    Tick,
    Heartbeat,
    Stop,
}

impl Control {
    fn new(config: &Config) -> Result<Control, ServeError> {
        let wake = wake::listen(&config.db)
            .inspect_err(|error| {
                let path = wake::socket_path(&config.db);
                tracing::warn!(path = %path.display(), %error, "no wake socket; changes go out within a second");
            })
            .ok();
        let on = |kind| {
            signal(kind).map_err(|source| ServeError::Io { path: config.db.clone(), what: "listen", source })
        };
        let every = |ms| {
            let mut every = interval(Duration::from_millis(ms));
            every.set_missed_tick_behavior(MissedTickBehavior::Delay);
            every
        };
        Ok(Control {
            wake,
            tick: every(TICK_MS),
            heartbeat: every(config.heartbeat_s.saturating_mul(1000)),
            checkpoint: on(SignalKind::user_defined1())?,
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Due {
        let mut datagram = [0; 16];
        let wake = self.wake.as_ref();
        let woken = async {
            match wake {
                Some(socket) => socket.recv(&mut datagram).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => Due::Stop,
            _ = self.interrupt.recv() => Due::Stop,
            _ = self.checkpoint.recv() => Due::Heartbeat,
            _ = self.heartbeat.tick() => Due::Heartbeat,
            _ = self.tick.tick() => Due::Tick,
            _ = woken => Due::Look,
        }
    }

    async fn stopped(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// One `serve` a file: two would publish the same messages twice.
fn lock(db: &Path) -> Result<File, ServeError> {
    let mut path = db.as_os_str().to_owned();
    path.push(".lock");
    let path = PathBuf::from(path);
    let failed = |source| ServeError::Io { path: path.clone(), what: "lock", source };
    let file = File::options().create(true).append(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ServeError::Running { db: db.into() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn remove_stale(path: &Path) -> Result<(), ServeError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(ServeError::Io { path: path.into(), what: "remove", source })
        }
        _ => Ok(()),
    }
}

/// Doubles up to the ceiling; half of it is chance, so that a restarted broker is not met by all at once.
fn backoff_ms(failures: u32) -> u64 {
    let (first, longest) = BACKOFF_MS;
    let full = first.saturating_mul(1 << failures.min(16)).min(longest);
    fastrand::u64(full / 2..=full)
}
