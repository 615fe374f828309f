//! What one joint tells the others: level-triggered, so that a missed or doubled notice does no harm.

use crate::clock::MonoMs;
use crate::mirror::standing::Standing;
use crate::mirror::touched::Touched;
use contract::messages::{DoorState, ReaderState, RepairState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, watch};

/// What the gateway is doing, as far as `state` and the log want to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Level {
    /// Connected to the broker.
    pub online: bool,
    /// Where the mirror stands.
    pub standing: Standing,
    /// The first sync or repair under way.
    pub repair: Option<RepairState>,
    /// The disk takes nothing but revocations.
    pub disk_full: bool,
    /// The PACS answered last time.
    pub pacs_reachable: bool,
    /// Nothing is sent to the PACS but probes.
    pub circuit_open: bool,
    /// Counts changes of the ledger, so that each is noticed.
    pub ledger_changes: u64,
    /// Counts changes of readers and doors.
    pub reader_changes: u64,
}

/// The notice board.
#[derive(Clone)]
pub struct Notices {
    level: watch::Sender<Level>,
    touched: Arc<Mutex<Touched>>,
    touches: Arc<AtomicU64>,
    readers: Arc<Mutex<Vec<ReaderState>>>,
    pacs_known: Arc<AtomicBool>,
    compare: Arc<AtomicBool>,
    work: Arc<Notify>,
    events: Arc<Notify>,
    comparison: Arc<Notify>,
    doors: Arc<Notify>,
    door_states: Arc<Mutex<(Vec<DoorState>, bool)>>,
    started: MonoMs,
    proven_ms: Arc<AtomicU64>,
    is_proven: Arc<AtomicBool>,
}

impl Notices {
    /// At start: offline, everyone to be looked at.
    pub fn new(standing: Standing, started: MonoMs) -> Notices {
        let level = Level {
            online: false,
            standing,
            repair: None,
            disk_full: false,
            pacs_reachable: false,
            circuit_open: false,
            ledger_changes: 0,
            reader_changes: 0,
        };
        Notices {
            level: watch::Sender::new(level),
            touched: Arc::new(Mutex::new(Touched::Everyone)),
            touches: Arc::new(AtomicU64::new(0)),
            readers: Arc::default(),
            pacs_known: Arc::new(AtomicBool::new(false)),
            compare: Arc::new(AtomicBool::new(false)),
            work: Arc::new(Notify::new()),
            events: Arc::new(Notify::new()),
            comparison: Arc::new(Notify::new()),
            doors: Arc::new(Notify::new()),
            door_states: Arc::default(),
            started,
            proven_ms: Arc::default(),
            is_proven: Arc::default(),
        }
    }

    /// The level, and its changes.
    pub fn watch(&self) -> watch::Receiver<Level> {
        self.level.subscribe()
    }

    fn change(&self, how: impl FnOnce(&mut Level)) {
        self.level.send_if_modified(|level| {
            let before = *level;
            how(level);
            *level != before
        });
    }

    /// The broker took us, or lost us.
    pub fn online(&self, online: bool) {
        self.change(|level| level.online = online);
    }

    /// The mirror stands here now.
    pub fn standing(&self, standing: Standing) {
        let mut is_whole_now = false;
        self.change(|level| {
            is_whole_now = standing.whole && !level.standing.whole;
            level.standing = standing;
        });
        if is_whole_now {
            // What was withheld because it might still come is gone after all.
            self.touched(Touched::Everyone);
        }
    }

    /// A first sync or repair has come this far, or there is none.
    pub fn repair(&self, state: Option<RepairState>) {
        self.change(|level| level.repair = state);
    }

    /// The disk is full, or has room.
    pub fn disk_full(&self, full: bool) {
        self.change(|level| level.disk_full = full);
    }

    /// The PACS answered, or did not.
    pub fn pacs_reachable(&self, reachable: bool) {
        self.change(|level| level.pacs_reachable = reachable);
    }

    /// The circuit breaker has opened, or closed.
    pub fn circuit_open(&self, open: bool) {
        self.change(|level| level.circuit_open = open);
    }

    /// A row of the ledger changed.
    pub fn ledger_changed(&self) {
        self.change(|level| level.ledger_changes += 1);
    }

    /// The readers are so.
    pub fn readers(&self, states: Vec<ReaderState>) {
        let mut known = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if *known != states {
            *known = states;
            drop(known);
            self.change(|level| level.reader_changes += 1);
        }
    }

    /// How the readers are.
    pub fn known_readers(&self) -> Vec<ReaderState> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The PACS has answered as its profile says, so that a "not found" may be believed.
    pub fn pacs_is_known(&self) {
        if !self.pacs_known.swap(true, Ordering::Relaxed) {
            self.touched(Touched::Everyone);
        }
    }

    /// Whether it has, since the start.
    pub fn is_pacs_known(&self) -> bool {
        self.pacs_known.load(Ordering::Relaxed)
    }

    /// These users' export may have changed.
    pub fn touched(&self, more: Touched) {
        if more == Touched::nobody() {
            return;
        }
        self.touches.fetch_add(1, Ordering::Relaxed);
        let mut known = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        known.merge(more);
        drop(known);
        self.work.notify_one();
    }

    /// Counts how often anybody was touched: while it stands, what was read of anybody holds.
    pub fn touches(&self) -> u64 {
        self.touches.load(Ordering::Relaxed)
    }

    /// Takes what was touched since the last call.
    pub fn take_touched(&self) -> Touched {
        let mut known = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *known, Touched::nobody())
    }

    /// Resolves once somebody was touched.
    pub async fn work(&self) {
        self.work.notified().await;
    }

    /// The mirror was found damaged: it is to be compared with the source.
    pub fn compare(&self) {
        self.compare.store(true, Ordering::Relaxed);
        self.comparison.notify_one();
    }

    /// Whether a comparison is wanted, once.
    pub fn take_comparison(&self) -> bool {
        self.compare.swap(false, Ordering::Relaxed)
    }

    /// Resolves once a comparison is wanted.
    pub async fn comparison(&self) {
        self.comparison.notified().await;
    }

    /// The mirror was proven.
    pub fn proven(&self, at: MonoMs) {
        self.proven_ms.store(at.0, Ordering::Relaxed);
        self.is_proven.store(true, Ordering::Relaxed);
    }

    /// When it was, in this life.
    pub fn proven_at(&self) -> Option<MonoMs> {
        let is_proven = self.is_proven.load(Ordering::Relaxed);
        is_proven.then(|| MonoMs(self.proven_ms.load(Ordering::Relaxed)))
    }

    /// When the gateway has started.
    pub fn started_at(&self) -> MonoMs {
        self.started
    }

    /// The doors are so.
    pub fn door_states(&self, states: Vec<DoorState>, lockdown: bool) {
        let mut known = self.door_states.lock().unwrap_or_else(PoisonError::into_inner);
        if *known != (states.clone(), lockdown) {
            *known = (states, lockdown);
            drop(known);
            self.change(|level| level.reader_changes += 1);
        }
    }

    /// How the doors are, and whether the panel is in lockdown.
    pub fn known_doors(&self) -> (Vec<DoorState>, bool) {
        self.door_states.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Something was ordered of the doors.
    pub fn doors(&self) {
        self.doors.notify_one();
    }

    /// Resolves once something was ordered of the doors.
    pub async fn doors_ordered(&self) {
        self.doors.notified().await;
    }

    /// An event was added, or received by the source.
    pub fn events(&self) {
        self.events.notify_one();
    }

    /// Resolves once there may be something to send.
    pub async fn some_events(&self) {
        self.events.notified().await;
    }
}
