//! The only reader of a clock.
//!
//! Everything else takes `access::trust::Time` or [`MonoMs`] as an argument. The floor file ([`floor`]) lives here as
//! well: an instant that has certainly passed.
//!
//! Not here: whether the clock is to be believed, when the floor is raised, and what untrusted time means for access
//! (`access::trust`).

pub mod floor;
pub mod relay;
mod system;

use access::time::UtcTime;
use access::trust::Reading;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

pub use system::{SyncSource, SystemClock, kernel_says_synchronised};

/// Milliseconds of a clock that never steps. Meaningless across restarts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct MonoMs(pub u64);

impl MonoMs {
    /// Later by `ms`.
    #[must_use]
    pub fn after_ms(self, ms: u64) -> MonoMs {
        MonoMs(self.0.saturating_add(ms))
    }
}

/// When to wake: at whichever comes first, or when the wall clock is stepped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wake {
    /// By the wall clock.
    pub wall: Option<UtcTime>,
    /// By the monotonic clock.
    pub mono: Option<MonoMs>,
}

/// A future that a clock resolves.
pub type Waiting<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What the gateway knows of time. [`SystemClock`] in service, [`ManualClock`] in tests.
pub trait Clock: Send + Sync {
    /// Both clocks at one moment, and whether the wall clock is synchronised, as far as anyone can tell.
    fn reading(&self) -> Reading;
    /// Resolves at `wake`, and when the wall clock is stepped after `seen`; without times, only then. What was decided by
    /// `seen` is decided again then, also if the step comes before the wait.
    fn wait_since(&self, seen: Reading, wake: Wake) -> Waiting<'_>;
    /// The wall clock.
    fn now(&self) -> UtcTime {
        self.reading().now
    }
    /// The monotonic clock.
    fn mono(&self) -> MonoMs {
        MonoMs(self.reading().mono_ms)
    }
    /// Whether the wall clock is synchronised.
    fn is_synchronised(&self) -> bool {
        self.reading().is_synchronised
    }
    /// As [`Clock::wait_since`] this moment.
    fn wait(&self, wake: Wake) -> Waiting<'_> {
        self.wait_since(self.reading(), wake)
    }
}

/// A clock that stands still until it is moved: time for tests, demonstrations and simulations.
#[derive(Clone)]
pub struct ManualClock {
    shown: Arc<Mutex<Shown>>,
    moved: Arc<tokio::sync::watch::Sender<u64>>,
}

#[derive(Clone, Copy)]
struct Shown {
    now: UtcTime,
    mono: MonoMs,
    synchronised: bool,
}

impl ManualClock {
    /// A synchronised clock that shows `now`.
    pub fn new(now: UtcTime) -> ManualClock {
        let shown = Shown { now, mono: MonoMs(1_000_000), synchronised: true };
        ManualClock {
            shown: Arc::new(Mutex::new(shown)),
            moved: Arc::new(tokio::sync::watch::Sender::new(0)),
        }
    }

    /// Time passes on both clocks.
    pub fn advance_s(&self, seconds: u32) {
        self.change(|shown| {
            shown.now = UtcTime::from_unix(shown.now.unix() + i64::from(seconds));
            shown.mono = shown.mono.after_ms(u64::from(seconds) * 1000);
        });
    }

    /// A moment passes, which the wall clock with its seconds does not show.
    pub fn advance_ms(&self, ms: u64) {
        self.change(|shown| shown.mono = shown.mono.after_ms(ms));
    }

    /// The wall clock is stepped; the monotonic one is not.
    pub fn step_to(&self, now: UtcTime) {
        self.change(|shown| shown.now = now);
    }

    /// Synchronisation is gained or lost.
    pub fn set_synchronised(&self, synchronised: bool) {
        self.change(|shown| shown.synchronised = synchronised);
    }

    fn change(&self, how: impl FnOnce(&mut Shown)) {
        how(&mut self.shown.lock().unwrap_or_else(PoisonError::into_inner));
        self.moved.send_modify(|count| *count += 1);
    }

    fn shown(&self) -> Shown {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn reading(&self) -> Reading {
        let Shown { now, mono, synchronised } = self.shown();
        Reading { mono_ms: mono.0, now, is_synchronised: synchronised }
    }

    fn wait_since(&self, seen: Reading, wake: Wake) -> Waiting<'_> {
        let mut moved = self.moved.subscribe();
        let before = Shown { now: seen.now, mono: MonoMs(seen.mono_ms), synchronised: seen.is_synchronised };
        Box::pin(async move {
            loop {
                let shown = self.shown();
                let due = wake.wall.is_some_and(|at| shown.now >= at)
                    || wake.mono.is_some_and(|at| shown.mono >= at);
                let wall_ms = (shown.now.unix() - before.now.unix()) * 1000;
                let stepped = wall_ms.unsigned_abs() != shown.mono.0 - before.mono.0 || wall_ms < 0;
                if due
                    || stepped
                    || shown.synchronised != before.synchronised
                    || moved.changed().await.is_err()
                {
                    return;
                }
            }
        })
    }
}
