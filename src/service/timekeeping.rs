//! One reading of time for everyone: the clock as it stands, and the floor raised when it may be.
//!
//! Not here: the rules by which it stands (`access::trust`).

use crate::clock::floor::{Floor, FloorError};
use crate::clock::{Clock, MonoMs, Wake};
use access::time::UtcTime;
use access::trust::{Limits, Reading, Standing, Time, Trust, Watch};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// How often the kernel is asked whether its clock is right: it does not tell by itself.
const LOOK_EVERY_MS: u64 = 10_000;

/// The clock and its floor.
#[derive(Clone)]
pub struct Timekeeper {
    clock: Arc<dyn Clock>,
    kept: Arc<Mutex<Kept>>,
    trust: watch::Sender<Trust>,
}

struct Kept {
    floor: Floor,
    watch: Watch,
}

impl Timekeeper {
    /// Over `clock`, with the floor as it was read from its file.
    pub fn new(clock: Arc<dyn Clock>, floor: Floor, limits: Limits) -> Timekeeper {
        let mut watch = Watch::new(limits, floor.at());
        let trust = watch.time(&clock.reading()).trust;
        let kept = Arc::new(Mutex::new(Kept { floor, watch }));
        Timekeeper { clock, kept, trust: watch::Sender::new(trust) }
    }

    /// The time, for one decision.
    pub fn time(&self) -> Time {
        // Read under the lock: readings have to come in the order of the monotonic clock.
        let mut kept = self.kept();
        kept.watch.time(&self.clock.reading())
    }

    /// How the clock stands.
    pub fn standing(&self) -> Standing {
        let mut kept = self.kept();
        kept.watch.observe(&self.clock.reading())
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

    /// Puts the floor somewhere else, by somebody's order: back, where a lying time server has raised it.
    ///
    /// # Errors
    /// When the file cannot be written; the floor then stays.
    pub fn reset_floor(&self, to: UtcTime) -> Result<(), FloorError> {
        let mut kept = self.kept();
        kept.floor.set(to)?;
        kept.watch.set_floor(to);
        let trust = kept.watch.time(&self.clock.reading()).trust;
        drop(kept);
        self.tell(trust);
        Ok(())
    }

    /// Watches the clock for as long as the gateway runs.
    pub async fn watch(self) {
        loop {
            let (trust, seen) = self.look();
            self.tell(trust);
            let mono = Some(MonoMs(seen.mono_ms).after_ms(LOOK_EVERY_MS));
            self.clock.wait_since(seen, Wake { wall: None, mono }).await;
        }
    }

    fn look(&self) -> (Trust, Reading) {
        let mut kept = self.kept();
        let reading = self.clock.reading();
        let trust = kept.watch.observe(&reading).trust();
        if let Some(due) = kept.watch.floor_due(&reading) {
            match kept.floor.set(due) {
                Ok(()) => {
                    kept.watch.set_floor(due);
                    tracing::debug!(floor = %due, "clock floor raised");
                }
                Err(error) => tracing::error!(%error, "the clock floor stays where it is"),
            }
        }
        (trust, reading)
    }

    fn tell(&self, trust: Trust) {
        if self.trust.send_if_modified(|known| std::mem::replace(known, trust) != trust) {
            tracing::warn!(?trust, "trust in the clock has changed");
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn keeper(clock: &ManualClock, folder: &std::path::Path) -> Timekeeper {
        Timekeeper::new(Arc::new(clock.clone()), Floor::open(folder).expect("floor"), Limits::default())
    }

    #[test]
    fn a_poisoned_floor_shuts_windows_until_somebody_puts_it_back() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let clock = ManualClock::new(UtcTime::from_unix(1_800_000_000));
        Floor::open(folder.path()).expect("open").set(UtcTime::from_unix(1_900_000_000)).expect("set");
        let time = keeper(&clock, folder.path());
        let told = time.trust();
        assert_eq!(time.time().trust, Trust::Untrusted, "it shows what has passed already");
        time.reset_floor(UtcTime::from_unix(1_793_491_200)).expect("reset");
        assert_eq!(time.time().trust, Trust::Trusted);
        assert_eq!(*told.borrow(), Trust::Trusted, "everyone is told");
        assert_eq!(Floor::open(folder.path()).expect("open").at(), UtcTime::from_unix(1_793_491_200));
    }

    #[test]
    fn the_floor_follows_a_clock_that_was_right_for_long_enough_and_outlives_the_process() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let clock = ManualClock::new(UtcTime::from_unix(1_800_000_000));
        let time = keeper(&clock, folder.path());
        time.look();
        clock.advance_s(Limits::default().sustained_s);
        time.look();
        assert_eq!(time.time().floor, UtcTime::from_unix(1_800_000_600));
        clock.step_to(UtcTime::from_unix(0));
        assert_eq!(keeper(&clock, folder.path()).time().trust, Trust::Untrusted, "1970 after the restart");
    }
}
