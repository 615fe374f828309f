//! One reading of time for everyone: the clock against the floor, and the floor raised when it may be.
//!
//! Not here: what trust means for access (`access::trust`).

use crate::clock::floor::Floor;
use crate::clock::{self, Clock, MonoMs, Wake};
use access::trust::{Time, Trust};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// How often the kernel is asked whether its clock is right: it does not tell by itself.
const LOOK_EVERY_MS: u64 = 10_000;

/// The clock and its floor.
#[derive(Clone)]
pub struct Timekeeper {
    clock: Arc<dyn Clock>,
    floor: Arc<Mutex<Floor>>,
    trust: watch::Sender<Trust>,
}

impl Timekeeper {
    /// Over `clock`, with the floor as it was read from its file.
    pub fn new(clock: Arc<dyn Clock>, floor: Floor) -> Timekeeper {
        let trust = clock::read(clock.as_ref(), floor.at()).trust;
        Timekeeper { clock, floor: Arc::new(Mutex::new(floor)), trust: watch::Sender::new(trust) }
    }

    /// The time, for one decision.
    pub fn time(&self) -> Time {
        clock::read(self.clock.as_ref(), self.floor.lock().unwrap_or_else(PoisonError::into_inner).at())
    }

    /// The monotonic clock.
    pub fn mono(&self) -> MonoMs {
        self.clock.mono()
    }

    /// The clock, to wait by.
    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// Changes when trust is gained or lost.
    pub fn trust(&self) -> watch::Receiver<Trust> {
        self.trust.subscribe()
    }

    /// Watches the clock for as long as the gateway runs.
    pub async fn watch(self) {
        loop {
            let observed =
                self.floor.lock().unwrap_or_else(PoisonError::into_inner).observe(self.clock.as_ref());
            match observed {
                Ok(true) => tracing::debug!(floor = %self.time().floor, "clock floor raised"),
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "the clock floor stays where it is"),
            }
            let now = self.time().trust;
            let changed = self.trust.send_if_modified(|known| std::mem::replace(known, now) != now);
            if changed {
                tracing::warn!(trust = ?now, "trust in the clock has changed");
            }
            let mono = Some(self.clock.mono().after_ms(LOOK_EVERY_MS));
            self.clock.wait(Wake { wall: None, mono }).await;
        }
    }
}
