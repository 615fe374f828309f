//! Joins mirror and export: brings the PACS to what the rules say, one user at a time, several users at once.
//!
//! For each user: what should be (mirror, rules, time) against what the PACS acknowledged (ledger); the intent
//! is committed before a request leaves, its outcome before the next one does. Nothing is queued but user
//! keys: a user that is looked at twice costs a query, one that is never looked at would cost a promise.
//!
//! Removals by edit are first noted, then judged by the brake when everyone who was touched has been looked at. While
//! the PACS does not answer, one probe now and then takes the place of everyone's requests.
//!
//! - `whom`: whose turn comes, and what of it is noted
//! - `work`: one user's work
//! - `cards`, `collisions`: card numbers that two tokens share
//!
//! Who is as the rules say is noted on disk, so that the next start looks at the others alone.
//!
//! Not here: the rules of an item (`export::item`), what comes first (`export::plan`).

pub(super) mod cards;
mod collisions;
pub(super) mod whom;
mod work;

use super::agenda::Agenda;
use super::agenda::progress::{Found, Progress};
use super::handing_over::gate::Gate;
use super::notices::Notices;
use super::timekeeping::Timekeeper;
use crate::clock::{MonoMs, Wake};
use crate::export::brake::Limit;
use crate::export::breaker::Breaker;
use crate::export::item::Limits;
use crate::export::ledger;
use crate::export::pacs::Adapter;
use crate::export::plan::Caps;
use crate::mirror::touched::{Haste, TOUCHED_USERS_MAX, Touched};
use crate::mirror::{Urgency, WriteError, Writer, due};
use access::id::Key;
use access::person::Settings;
use collisions::Collisions;
use rusqlite::Connection;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// A removal by edit waits at most this long for everyone to be looked at before it is judged.
const JUDGEMENT_MAX_MS: u64 = 10_000;
/// Users worked on for each request that may be in flight: while one's note goes to disk, another's request is out.
pub(super) const USERS_PER_REQUEST: usize = 2;
/// How long a user waits whose rows found no room on the disk, or could not be read.
const DISK_RETRY_MS: u64 = 5_000;
/// How long requests under way may take to end in an ordered shutdown.
const SHUTDOWN_MAX_MS: u64 = 2_500;

/// What one user's work needs.
pub struct Exporting {
    /// To write.
    pub writer: Writer,
    /// To read; read-only.
    pub conn: Rc<Connection>,
    /// The time.
    pub time: Timekeeper,
    /// What wakes it, and whom to tell.
    pub notices: Notices,
    /// The PACS.
    pub pacs: Rc<dyn Adapter>,
    /// What it can do.
    pub caps: Caps,
    /// Its times.
    pub limits: Limits,
    /// How it wants its persons.
    pub settings: Settings,
    /// Stops it while the ledger changes hands.
    pub gate: Rc<Gate>,
    /// Requests in flight at the same time.
    pub in_flight: Semaphore,
    /// Users worked on at the same time.
    pub users_at_once: usize,
    /// How many may lose something to edits before someone has to approve.
    pub brake: Limit,
    /// Whether the PACS answers.
    pub breaker: Cell<Breaker>,
    /// Card numbers that two tokens share.
    pub collisions: RefCell<Collisions>,
    /// Since when removals wait for the brake's judgement.
    pub pending_since: Cell<Option<MonoMs>>,
    /// Names settings and program: what others have found to be at rest is looked at again.
    pub basis: [u8; 16],
}

/// How a user's work ended.
struct Done {
    user: String,
    /// When to look again, if nothing happens before.
    again: Option<MonoMs>,
    /// Whether something is left to do.
    found: Found,
}

/// Whose turn it is, and what has come of it.
struct Turns {
    agenda: Agenda,
    progress: Progress,
    running: JoinSet<Done>,
}

impl Exporting {
    /// Runs until `stop` says so, then lets requests under way end.
    pub async fn run(self: Rc<Self>, mut stop: watch::Receiver<bool>) {
        self.re_arm().await;
        if let Err(error) = self.recall_held() {
            tracing::error!(%error, "which tokens are held cannot be read; they are found anew");
        }
        let mut turns =
            Turns { agenda: self.first_agenda(), progress: Progress::default(), running: JoinSet::new() };
        let mut trust = self.time.trust();
        while !*stop.borrow() {
            if !self.may_send() {
                if self.rest_while_another_exports(&mut turns, &mut stop).await {
                    continue;
                }
                break;
            }
            let seen = self.time.clock().reading();
            turns.agenda.add(self.notices.take_touched());
            let collected = self.collect(&mut turns).await;
            while self.breaker.get().is_closed()
                && turns.running.len() < self.users_at_once
                && let Some(user) = turns.agenda.next(self.time.mono())
            {
                let (this, stop) = (self.clone(), stop.clone());
                turns.running.spawn_local(async move { this.user(user, stop).await });
            }
            self.note(&mut turns).await;
            if self.is_judgement_due(&turns.agenda) {
                self.judge().await;
                continue;
            }
            let idle = turns.running.len() < self.users_at_once && self.breaker.get().is_closed();
            let wake = collected.and_then(|()| self.wake(&turns.agenda, idle)).unwrap_or_else(|error| {
                tracing::error!(%error, "the mirror cannot be read; looking again in {DISK_RETRY_MS} ms");
                Wake { wall: None, mono: Some(self.time.mono().after_ms(DISK_RETRY_MS)) }
            });
            tokio::select! {
                Some(done) = turns.running.join_next(), if !turns.running.is_empty() => turns.ended(done),
                () = self.notices.work() => {}
                () = self.time.clock().wait_since(seen, wake) => {}
                () = self.probe(), if !self.breaker.get().is_closed() => {}
                changed = trust.changed() => if changed.is_ok() { self.trust_changed(&mut turns.agenda) },
                changed = stop.changed() => if changed.is_err() { break },
            }
        }
        let rest = async {
            while let Some(done) = turns.running.join_next().await {
                turns.ended(done)
            }
        };
        if tokio::time::timeout(Duration::from_millis(SHUTDOWN_MAX_MS), rest).await.is_err() {
            tracing::warn!("requests to the PACS were cut off; the ledger holds them as unsettled");
        }
        self.note(&mut turns).await;
    }

    /// Whatever was under way when the last process ended may still run.
    async fn re_arm(&self) {
        loop {
            let (now, late_ms, basis) = (self.time.mono(), self.limits.late_ms, self.basis);
            let re_armed = self.writer.run(Urgency::Narrowing, move |context| {
                ledger::brake::re_arm(context.conn, now)?;
                due::rest_on(context.conn, &basis)?;
                whom::list_the_restless(context.conn)?;
                Ok(ledger::re_arm(context.conn, now, late_ms)?)
            });
            match re_armed.await {
                Ok(_) | Err(WriteError::Stopped) => return,
                Err(error) => {
                    tracing::error!(%error, "the ledger cannot be re-armed; nothing is exported until it can")
                }
            }
            let mono = Some(self.time.mono().after_ms(DISK_RETRY_MS));
            self.time.clock().wait(Wake { wall: None, mono }).await;
        }
    }

    /// When to look again if nothing else happens: the next edge of any window, or the next user's turn.
    fn wake(&self, agenda: &Agenda, idle: bool) -> rusqlite::Result<Wake> {
        let wall = whom::next_edge(&self.conn, agenda)?;
        let mono = if !idle {
            None
        } else if agenda.wants_page().is_some() {
            Some(self.time.mono())
        } else {
            agenda.next_turn()
        };
        let judgement = self.pending_since.get().map(|since| since.after_ms(JUDGEMENT_MAX_MS));
        let mono = mono.into_iter().chain(judgement).min();
        Ok(Wake { wall, mono })
    }

    /// Some removal by edit has been noted.
    fn judgement_is_due(&self) {
        let since = self.pending_since.get().unwrap_or_else(|| self.time.mono());
        self.pending_since.set(Some(since));
    }

    fn is_judgement_due(&self, agenda: &Agenda) -> bool {
        let is_late = |since: MonoMs| since.after_ms(JUDGEMENT_MAX_MS) <= self.time.mono();
        self.pending_since.get().is_some_and(|since| agenda.is_quiet() || is_late(since))
    }

    /// The brake judges all removals that wait for it together.
    async fn judge(&self) {
        self.pending_since.set(None);
        let (limit, now) = (self.brake, self.time.mono());
        let users_max = u32::try_from(TOUCHED_USERS_MAX).unwrap_or(u32::MAX);
        let judged = self.writer.run(Urgency::Narrowing, move |context| {
            Ok(ledger::brake::judge(context.conn, &limit, now, users_max.saturating_add(1))?)
        });
        match judged.await {
            Ok(judged) if judged.allowed => {
                self.touch(&judged.users);
            }
            Ok(judged) => {
                tracing::warn!(
                    pending = judged.counts.pending,
                    removed_in_24_h = judged.counts.removed,
                    limit = self.brake.of(judged.counts.persons),
                    "more persons would lose access to edits than the brake allows: held; see `doorward export status`"
                );
                self.touch(&judged.users);
                self.notices.ledger_changed();
            }
            Err(error) => {
                tracing::error!(%error, "removals cannot be judged; trying again");
                let mono = Some(self.time.mono().after_ms(DISK_RETRY_MS));
                self.time.clock().wait(Wake { wall: None, mono }).await;
                self.judgement_is_due();
            }
        }
    }

    fn touch(&self, users: &[Key]) {
        let mut touched = Touched::nobody();
        users.iter().for_each(|user| touched.add(user.to_string(), Haste::AtOnce));
        self.notices.touched(touched);
    }

    /// Waits for the next probe's time, and asks the PACS whether it is back.
    async fn probe(&self) {
        let mono = self.breaker.get().probe_at();
        if mono.is_some_and(|at| at > self.time.mono()) {
            self.time.clock().wait(Wake { wall: None, mono }).await;
            return;
        }
        let outcome = self.pacs.probe().await;
        self.notices.pacs_reachable(outcome.is_ok());
        if let Err(error) = &outcome {
            tracing::warn!(%error, "the PACS does not answer yet");
        }
        let mut breaker = self.breaker.get();
        if breaker.probed(outcome.is_ok(), self.time.mono()) {
            tracing::info!("the PACS answers again");
            self.notices.circuit_open(false);
            self.welcome_back().await;
        }
        self.breaker.set(breaker);
    }

    /// Whoever waits because the PACS did not answer need not wait any longer.
    async fn welcome_back(&self) {
        let cleared =
            self.writer.run(Urgency::Narrowing, move |context| Ok(ledger::forgive_failures(context.conn)?));
        if let Err(error) = cleared.await {
            tracing::warn!(%error, "back-offs stay as they are");
        }
        self.notices.touched(Touched::Everyone);
    }
}
