//! Lets the feed's machine ask, and shows how far it has come.
//!
//! Not here: when to ask and for what (`feed::sync`), what an answer does (`mirror::apply`).

use crate::clock::{Clock, MonoMs};
use crate::feed::Feed;
use crate::feed::sync::{Input, Order, Sync as Machine};
use crate::mirror::apply::Finding;
use crate::mirror::standing::{self, Standing};
use crate::mirror::writer::Context;
use crate::mirror::{Urgency, Writer, integrity, outbox};
use crate::service::notices::Notices;
use contract::messages::{Event, RepairState};
use contract::repair::{Request, Want};
use contract::topics::GatewayTopic;
use rusqlite::Connection;
use std::rc::Rc;
use std::sync::Arc;

/// How often the log says how far a run has come.
const LOG_EVERY_MS: u64 = 10_000;
/// How often `state` says it.
const STATE_EVERY_MS: u64 = 5_000;

/// The machine with what it needs to act.
pub(super) struct Repair {
    machine: Machine,
    feed: Feed,
    writer: Writer,
    /// To read; read-only.
    conn: Rc<Connection>,
    clock: Arc<dyn Clock>,
    notices: Notices,
    standing: Standing,
    /// Records fetched since the rate was last taken.
    records: u64,
    rate_since: MonoMs,
    records_per_s: u32,
    logged: MonoMs,
    shown: Option<(MonoMs, RepairState)>,
}

impl Repair {
    pub(super) fn new(
        feed: Feed,
        writer: Writer,
        conn: Rc<Connection>,
        clock: Arc<dyn Clock>,
        notices: Notices,
    ) -> Repair {
        let now = clock.mono();
        let standing = notices.watch().borrow().standing;
        Repair {
            machine: Machine::new(),
            feed,
            writer,
            conn,
            clock,
            notices,
            standing,
            records: 0,
            rate_since: now,
            records_per_s: 0,
            logged: now,
            shown: None,
        }
    }

    /// Takes what happened.
    pub(super) fn heard(&mut self, input: Input) {
        self.machine.take(input, self.clock.mono(), fastrand::u16(..));
    }

    /// Takes what a batch found.
    pub(super) fn found(&mut self, findings: Vec<Finding>, standing: Standing) {
        self.standing = standing;
        for finding in findings {
            let input = match finding {
                Finding::Proven => Input::Proven,
                Finding::Unequal => Input::Unequal,
                Finding::Behind => Input::Behind,
                Finding::Page { bits, from, count, differing, .. } => {
                    Input::Page { bits, from, count, differing }
                }
                Finding::Bucket { bits, bucket, records } => {
                    self.records += u64::from(records);
                    Input::Bucket { bits, bucket }
                }
            };
            self.heard(input);
        }
    }

    /// When [`Repair::act`] is wanted, if nothing happens before.
    pub(super) fn wake_at(&self) -> Option<MonoMs> {
        // On a full disk nothing could be done with an answer; the next message says when there is room.
        self.machine.wake_at().filter(|_| !self.writer.is_disk_full())
    }

    /// Whether answers are expected: others would be compared for nothing.
    pub(super) fn is_running(&self) -> bool {
        self.machine.is_running()
    }

    /// Does what is to be done now.
    pub(super) async fn act(&mut self) {
        if self.writer.is_disk_full() {
            return;
        }
        let is_empty = match standing::is_empty(&self.conn) {
            Ok(is_empty) => is_empty,
            Err(error) => {
                tracing::error!(%error, "the mirror cannot be read");
                return;
            }
        };
        for order in self.machine.poll(self.clock.mono(), is_empty, fastrand::u16(..)) {
            match order {
                Order::Request(want) => self.ask(want),
                Order::Complete { recount } => self.complete(recount).await,
                Order::Report { bits, buckets, count } => {
                    tracing::error!(
                        bits = bits.get(),
                        ?buckets,
                        count,
                        "these buckets never agree with the source: it computes other digests than this program, see docs/contract.md; trying again more rarely"
                    );
                    self.push(Event::RepairFailed { bits, buckets, count }).await;
                }
            }
        }
        self.show();
    }

    fn ask(&self, want: Want) {
        match &want {
            Want::Digests => tracing::info!("comparing the mirror with the source"),
            Want::All { from: 0, .. } => tracing::info!("the mirror is empty: fetching everything"),
            Want::Buckets { buckets, .. } => tracing::debug!(buckets = buckets.len(), "fetching buckets"),
            Want::All { from, .. } => tracing::debug!(from, "fetching buckets"),
        }
        let request = Request { high: self.standing.high(), want };
        // Numbers and words; serialising cannot fail.
        let payload = serde_json::to_vec(&request).unwrap_or_default();
        if !self.feed.say(GatewayTopic::Request, false, payload) {
            tracing::debug!("no room for a request; it expires and is made again");
        }
    }

    async fn complete(&mut self, recount: bool) {
        let work = move |context: Context<'_>| {
            standing::note_whole(context.conn)?;
            if recount { integrity::recount(context.conn) } else { standing::standing(context.conn) }
        };
        match self.writer.run(Urgency::Normal, work).await {
            Ok(standing) => {
                self.standing = standing;
                self.notices.standing(standing);
            }
            Err(error) => tracing::error!(%error, "the root is not added up again; the next comparison does"),
        }
    }

    async fn push(&self, event: Event) {
        let work = move |context: Context<'_>| outbox::push(context.conn, context.now, &event);
        match self.writer.run(Urgency::Normal, work).await {
            Ok(()) => self.notices.events(),
            Err(error) => tracing::error!(%error, "the report is not kept"),
        }
    }

    /// The log and `state` say how far it has come, not too often.
    fn show(&mut self) {
        let now = self.clock.mono();
        let Some(progress) = self.machine.progress() else {
            if self.shown.take().is_some() {
                tracing::info!(head = %self.standing.head, "the mirror is equal to the source");
                self.notices.repair(None);
            }
            return;
        };
        let since_ms = now.0.saturating_sub(self.rate_since.0);
        if since_ms >= STATE_EVERY_MS {
            let rate = self.records.saturating_mul(1000) / since_ms;
            self.records_per_s = u32::try_from(rate).unwrap_or(u32::MAX);
            (self.records, self.rate_since) = (0, now);
        }
        let state = RepairState {
            done: progress.done,
            of: progress.of,
            records_per_s: self.records_per_s,
            tries: progress.tries,
        };
        let is_due = self.shown.is_none_or(|(at, _)| now >= at.after_ms(STATE_EVERY_MS));
        if is_due {
            self.shown = Some((now, state));
            self.notices.repair(Some(state));
        }
        if now >= self.logged.after_ms(LOG_EVERY_MS) && progress.of > 0 {
            self.logged = now;
            let percent = u64::from(progress.done) * 100 / u64::from(progress.of);
            tracing::info!(
                percent,
                done = progress.done,
                of = progress.of,
                records_per_s = self.records_per_s,
                "fetching from the source"
            );
        }
    }
}
