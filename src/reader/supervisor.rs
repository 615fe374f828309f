//! The parent's side: one task a reader, which starts its child, hears it, kills it when it falls silent and starts
//! another.
//!
//! Everything is bounded: events, signals, the length of a line, the pause between two children. What happens in a child
//! never reaches further than its [`Standing`].
//!
//! Not here: what follows from a presentation.

mod keeper;
mod lines;

use super::line::{Health, Missed, Presentation, State, Unreadable};
use super::spec::Spec;
use crate::clock::{Clock, MonoMs};
use access::signal::Signal;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Most events that wait for whoever takes them; more are dropped, and counted in [`Standing::dropped`].
pub const EVENTS_MAX: usize = 64;
/// Most signals that wait for one child.
pub const SIGNALS_MAX: usize = 16;
/// The pause before the second child, in milliseconds; it doubles with each one that fails...
pub const BACKOFF_MIN_MS: u64 = 100;
/// ...up to this, so that a reader is back three seconds after its cause has gone, at the latest.
pub const BACKOFF_MAX_MS: u64 = 2000;
/// A child that has lived so long was a good one, and the next pause is the shortest again.
pub const GOOD_LIFE_MS: u64 = 10_000;

/// Something happened at a reader.
#[derive(Clone, PartialEq, Debug)]
pub struct ReaderEvent {
    /// The reader's name.
    pub reader: String,
    /// The key of the door beside which it hangs.
    pub door: Option<String>,
    /// When the parent heard of it.
    pub heard: MonoMs,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub enum What {
    /// A card was shown.
    Presentation(Presentation),
    /// The card has been taken away.
    Removed,
    /// A card was there and could not be read.
    Unreadable(Unreadable),
    /// Cards came and went unread.
    Missed(Missed),
    /// The reader is well, or not, as it was not before.
    Health(Health),
}

/// Where a reader stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Its name.
    pub reader: String,
    /// `pcsc`, `libnfc` or `osdp`.
    pub kind: &'static str,
    /// The key of the door beside which it hangs.
    pub door: Option<String>,
    /// Whether it works.
    pub state: State,
    /// What is wrong and what to do, or what is there.
    pub detail: String,
    /// Since when it has been in this state.
    pub since: MonoMs,
    /// Its child, while there is one.
    pub process: Option<u32>,
    /// Children that have ended against our will.
    pub ended: u64,
    /// Taps that nobody could read because they were too short.
    pub missed_taps: u64,
    /// Events that nobody took in time.
    pub dropped: u64,
}

/// Why a signal is not on its way.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignalError {
    /// No such reader.
    #[error("there is no reader {0:?}; `doorward readers` shows all")]
    Unknown(String),
    /// Too many wait already, or its task has ended.
    #[error("the reader {0:?} takes no signal now")]
    Busy(String),
}

type Board = Arc<Mutex<BTreeMap<String, Standing>>>;

/// All readers of this panel.
#[derive(Debug)]
pub struct Readers {
    signals: BTreeMap<String, mpsc::Sender<Signal>>,
    board: Board,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Readers {
    /// Starts a child for each reader. Must be called within a runtime that has IO and time. `clock` stamps events;
    /// children are watched by the kernel's clock in any case.
    pub fn start(specs: Vec<Spec>, clock: &Arc<dyn Clock>) -> (Readers, mpsc::Receiver<ReaderEvent>) {
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let stop = watch::Sender::new(false);
        let board = Board::default();
        let (mut signals, mut tasks) = (BTreeMap::new(), JoinSet::new());
        for spec in specs {
            let (sender, wanted) = mpsc::channel(SIGNALS_MAX);
            signals.insert(spec.name().to_owned(), sender);
            let sink = Sink::new(&spec, &board, &events, clock);
            tasks.spawn(keeper::keep(spec, sink, wanted, stop.subscribe()));
        }
        (Readers { signals, board, stop, tasks }, receiver)
    }

    /// Has a reader show something; it does so a little later.
    ///
    /// # Errors
    /// When there is no such reader, or it has too much to show already.
    pub fn signal(&self, name: &str, signal: Signal) -> Result<(), SignalError> {
        let sender = self.signals.get(name).ok_or_else(|| SignalError::Unknown(name.into()))?;
        sender.try_send(signal).map_err(|_| SignalError::Busy(name.into()))
    }

    /// Where each reader stands, by name.
    pub fn standing(&self) -> Vec<Standing> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Ends every child and waits until they are gone.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Where one reader's task puts what it hears.
struct Sink {
    name: String,
    door: Option<String>,
    board: Board,
    events: mpsc::Sender<ReaderEvent>,
    clock: Arc<dyn Clock>,
}

impl Sink {
    fn new(spec: &Spec, board: &Board, events: &mpsc::Sender<ReaderEvent>, clock: &Arc<dyn Clock>) -> Sink {
        let standing = Standing {
            reader: spec.name().into(),
            kind: spec.opening.port.kind(),
            door: spec.door.clone(),
            state: State::Starting,
            detail: "its child starts".into(),
            since: clock.mono(),
            process: None,
            ended: 0,
            missed_taps: 0,
            dropped: 0,
        };
        let sink = Sink {
            name: spec.name().into(),
            door: spec.door.clone(),
            board: board.clone(),
            events: events.clone(),
            clock: clock.clone(),
        };
        board.lock().unwrap_or_else(PoisonError::into_inner).insert(sink.name.clone(), standing);
        sink
    }

    fn note(&self, change: impl FnOnce(&mut Standing)) {
        if let Some(standing) = self.board.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&self.name)
        {
            change(standing);
        }
    }

    /// Passes `what` on. Nobody may hold up a child's output, or it would look as if the child hung.
    fn tell(&self, what: What) {
        let event = ReaderEvent {
            reader: self.name.clone(),
            door: self.door.clone(),
            heard: self.clock.mono(),
            what,
        };
        if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
            tracing::warn!(reader = self.name, ?event.what, "nobody takes the reader's events; one is dropped");
            self.note(|standing| standing.dropped += 1);
        }
    }

    /// Passes a state on if it is another one.
    fn health(&self, health: Health) {
        let mut is_new = false;
        let now = self.clock.mono();
        self.note(|standing| {
            is_new = standing.state != health.state || standing.detail != health.detail;
            if standing.state != health.state {
                standing.since = now;
            }
            standing.state = health.state;
            standing.detail.clone_from(&health.detail);
        });
        if is_new {
            tracing::info!(reader = self.name, state = health.state.as_str(), health.detail, "the reader");
            self.tell(What::Health(health));
        }
    }

    /// As [`Sink::health`], in our own words.
    fn lost(&self, detail: &str) {
        self.health(Health::new(State::Lost, detail, self.clock.mono().0));
    }
}
