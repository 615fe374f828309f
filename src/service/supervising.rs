//! Tells systemd how the gateway is: ready once a decision over the mirror has been made, alive for as long as they are made.
//!
//! A timer alone would go on when nobody can be let in any more, so each word follows an answered canary (`door`).
//!
//! Not here: the unit (`systemd/doorward.service`).

use super::door::canary::Canary;
use super::timekeeping::Timekeeper;
use crate::clock::Wake;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use tokio::sync::{mpsc, oneshot};

/// Questions that wait.
pub const CANARIES_MAX: usize = 1;
/// How soon it is asked again before the gateway is ready, or when an answer was wrong.
const AGAIN_MS: u64 = 1_000;
/// So many questions are asked in the time that systemd waits.
const QUESTIONS_PER_WATCHDOG: u64 = 3;

/// Whom to tell.
#[derive(Debug, Default)]
pub struct Supervisor {
    socket: Option<UnixDatagram>,
    watchdog_ms: Option<u64>,
}

/// It cannot be told.
#[derive(Debug, thiserror::Error)]
#[error("NOTIFY_SOCKET: {0}; start the gateway by its unit, or without that variable")]
pub struct NoSupervisor(io::Error);

impl Supervisor {
    /// As the environment names it (`sd_notify(3)`, `sd_watchdog_enabled(3)`); nobody, if it does not.
    ///
    /// # Errors
    /// When it names a socket that cannot be reached.
    pub fn from_environment() -> Result<Supervisor, NoSupervisor> {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(Supervisor::default()) };
        let connected = || {
            let address = match name.as_bytes() {
                [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
                _ => SocketAddr::from_pathname(&name)?,
            };
            let socket = UnixDatagram::unbound()?;
            socket.connect_addr(&address)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        let socket = Some(connected().map_err(NoSupervisor)?);
        let number = |name: &str| std::env::var(name).ok().and_then(|word| word.parse::<u64>().ok());
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog_ms = number("WATCHDOG_USEC").filter(|_| is_ours).map(|us| us / 1_000);
        Ok(Supervisor { socket, watchdog_ms })
    }

    /// That it does its work.
    pub fn ready(&self) {
        self.say("READY=1");
    }

    /// That it still does.
    pub fn alive(&self) {
        self.say("WATCHDOG=1");
    }

    /// That the end has begun.
    pub fn stopping(&self) {
        self.say("STOPPING=1");
    }

    fn say(&self, words: &str) {
        let Some(socket) = &self.socket else { return };
        // Its queue is full, or it is gone: the next word follows.
        if let Err(error) = socket.send(words.as_bytes()) {
            tracing::warn!(%error, words, "systemd was not told");
        }
    }

    /// Asks one canary after the other until `shutdown` resolves.
    pub(super) async fn attend_until(
        &self,
        shutdown: impl Future<Output = ()>,
        canaries: mpsc::Sender<Canary>,
        time: Timekeeper,
    ) {
        tokio::select! { () = shutdown => {}, () = self.attend(canaries, time) => {} }
    }

    /// For as long as the gateway runs.
    async fn attend(&self, canaries: mpsc::Sender<Canary>, time: Timekeeper) {
        if self.socket.is_none() {
            return std::future::pending().await;
        }
        let mut is_ready = false;
        loop {
            let wait_ms = match ask(&canaries).await {
                Ok(()) => {
                    self.say(if is_ready { "WATCHDOG=1" } else { "READY=1\nWATCHDOG=1" });
                    is_ready = true;
                    let Some(watchdog_ms) = self.watchdog_ms else { return std::future::pending().await };
                    watchdog_ms / QUESTIONS_PER_WATCHDOG
                }
                Err(why) => {
                    tracing::error!(
                        why,
                        "no decision can be made; if that stays, systemd starts the gateway anew"
                    );
                    AGAIN_MS
                }
            };
            let mono = Some(time.mono().after_ms(wait_ms));
            time.clock().wait(Wake { wall: None, mono }).await;
        }
    }
}

async fn ask(canaries: &mpsc::Sender<Canary>) -> Result<(), String> {
    let (answer, answered) = oneshot::channel();
    canaries.send(answer).await.map_err(|_| "the doors have ended")?;
    answered.await.map_err(|_| "the doors have not answered")?
}
