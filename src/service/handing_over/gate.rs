//! Between the export and whoever hands its ledger over: whether requests are begun, whether any is under way, and
//! whose rows have changed.
//!
//! Not here: why (`handing_over`).

use access::id::Key;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use tokio::sync::Notify;

/// The gate; shared by tasks of one thread.
#[derive(Default)]
pub struct Gate {
    is_stopped: Cell<bool>,
    still: Notify,
    changed: RefCell<Option<BTreeSet<Key>>>,
}

impl Gate {
    /// Whether requests may be begun.
    pub fn is_open(&self) -> bool {
        !self.is_stopped.get()
    }

    /// No more are begun.
    pub(super) fn stop(&self) {
        self.is_stopped.set(true);
    }

    /// They are again; says whether they were not.
    pub(super) fn go_on(&self) -> bool {
        self.is_stopped.replace(false)
    }

    /// None is under way. Said by the export while the gate is closed.
    pub fn is_still(&self) {
        self.still.notify_one();
    }

    /// Resolves once none is under way.
    pub(super) async fn still(&self) {
        self.still.notified().await;
    }

    /// From now on it is noted whose rows change; or no more.
    pub(super) fn follow(&self, begin: bool) {
        *self.changed.borrow_mut() = begin.then(BTreeSet::new);
    }

    /// Rows of `user` have changed, or are about to.
    pub fn note(&self, user: &Key) {
        if let Some(changed) = &mut *self.changed.borrow_mut()
            && !changed.contains(user)
        {
            changed.insert(user.clone());
        }
    }

    /// Whose rows have changed.
    pub(super) fn changed(&self) -> BTreeSet<Key> {
        self.changed.borrow().clone().unwrap_or_default()
    }
}
