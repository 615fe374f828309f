//! What the server and the [`crate::Handle`] share: the state behind one lock, and the ways to wait for a change.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use crate::clock::Clock;
use crate::effects::{Effect, Stamp, Via};
use crate::faults::Faults;
use crate::world::{State, World};

/// How many late acts may wait to be executed.
pub(crate) const LATE_ACTS_MAX: usize = 10_000;

/// The state and the faults; every request takes them together.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) state: State,
    pub(crate) faults: Faults,
}

/// Shared by the server's thread and the handle.
#[derive(Debug)]
pub(crate) struct Shared {
    inner: Mutex<Inner>,
    changed: Condvar,
    effects: watch::Sender<u64>,
    /// One permit for each act that may still be executed late.
    pub(crate) late: Arc<Semaphore>,
    clock: Clock,
}

impl Shared {
    pub(crate) fn new(state: State) -> Self {
        Self {
            inner: Mutex::new(Inner { state, faults: Faults::default() }),
            changed: Condvar::new(),
            effects: watch::Sender::new(0),
            late: Arc::new(Semaphore::new(LATE_ACTS_MAX)),
            clock: Clock::start(),
        }
    }

    /// Looks at the state, or changes the faults.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut Inner) -> R) -> R {
        look(&mut self.lock())
    }

    /// Changes the state and wakes whoever waits for that.
    pub(crate) fn act<R>(&self, via: Via, act: impl FnOnce(&mut State, Stamp) -> R) -> R {
        let mut inner = self.lock();
        let result = act(&mut inner.state, Stamp { at_ms: self.clock.ms(), via });
        // Under the lock, so that the number never goes backwards.
        let total = inner.state.effects.total();
        self.effects.send_if_modified(|held| std::mem::replace(held, total) != total);
        drop(inner);
        self.changed.notify_all();
        result
    }

    /// Blocks until `done` is true of the state, at most for `timeout`; says whether it became true.
    pub(crate) fn wait_until(
        &self,
        timeout: Duration,
        mut done: impl FnMut(&World, &[Effect]) -> bool,
    ) -> bool {
        let waiting = |inner: &mut Inner| !done(&inner.state.world, inner.state.effects.as_slice());
        let outcome = self.changed.wait_timeout_while(self.lock(), timeout, waiting);
        !outcome.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Waits until there were at least `wanted` effects, at most for `timeout`; says whether there were.
    pub(crate) async fn wait_for_effects(&self, wanted: u64, timeout: Duration) -> bool {
        let mut effects = self.effects.subscribe();
        tokio::time::timeout(timeout, effects.wait_for(|total| *total >= wanted)).await.is_ok()
    }

    /// A panic under the lock comes from a test's own closure, which cannot have changed anything.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
