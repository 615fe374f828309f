//! Joins feed and mirror: what has arrived becomes one transaction, and is acknowledged after its commit.
//!
//! - `batch`: one transaction's work
//! - `repair`: asking for what is missing
//!
//! Not here: what a change or an answer does (`mirror::apply`).

mod batch;
mod repair;

use super::enrolling::asking::Ask;
use super::notices::Notices;
use super::orders::{self, Here};
use super::timekeeping::Timekeeper;
use crate::clock::{Clock, MonoMs, Wake};
use crate::failpoint;
use crate::feed::connection::UNCOMMITTED_MAX_BYTES;
use crate::feed::sync::Input;
use crate::feed::{Feed, Heard, Incoming, Topic};
use crate::mirror::apply::{Applied, Finding};
use crate::mirror::touched::Touched;
use crate::mirror::writer::Context;
use crate::mirror::{Urgency, WriteError, Writer, standing};
use access::id::Key;
use batch::{Circumstances, Outcome};
use contract::hand_over::LedgerMessage;
use contract::id::GatewayId;
use repair::Repair;
use rusqlite::Connection;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Bytes of messages in one transaction: well below what the feed may hold, so that it reads the next batch
/// while this one is written.
const BATCH_MAX_BYTES: usize = UNCOMMITTED_MAX_BYTES / 6;
/// How long a batch that found no room waits before it is tried again.
const FULL_RETRY_MS: u64 = 1_000;

/// The joint of feed and mirror.
pub struct Sync {
    /// To acknowledge.
    pub feed: Feed,
    /// What the feed hears.
    pub heard: mpsc::Receiver<Heard>,
    /// To write.
    pub writer: Writer,
    /// To read; read-only.
    pub conn: Rc<Connection>,
    /// To wait by.
    pub clock: Arc<dyn Clock>,
    /// To judge commands by.
    pub time: Timekeeper,
    /// Whom to tell.
    pub notices: Notices,
    /// Most messages in one transaction.
    pub updates_per_poll: usize,
    /// For how many seconds a proof may go unnoted (`access::leash`).
    pub note_every_s: u32,
    /// This gateway.
    pub gateway: GatewayId,
    /// Its doors.
    pub doors: Arc<BTreeSet<Key>>,
    /// Where messages of other gateways go.
    pub ledgers: mpsc::Sender<(GatewayId, LedgerMessage)>,
    /// Where goes what is asked of the readers.
    pub asks: mpsc::Sender<Ask>,
}

impl Sync {
    /// Runs until the feed ends.
    pub async fn run(mut self) {
        // What was heard and is not in the batch yet, in order.
        let mut inbox: VecDeque<Heard> = VecDeque::new();
        let mut batch: Vec<Incoming> = Vec::new();
        let mut repair = Repair::new(
            self.feed.clone(),
            self.writer.clone(),
            self.conn.clone(),
            self.clock.clone(),
            self.notices.clone(),
        );
        loop {
            // Something found no room on the disk.
            let held = !batch.is_empty();
            if !self.listen(&mut inbox, held, repair.wake_at()).await {
                return;
            }
            if self.notices.take_comparison() {
                repair.heard(Input::Asked);
            }
            let mut session_lost = false;
            let mut bytes = 0;
            while (held || batch.len() < self.updates_per_poll)
                && let Some(heard) = inbox.pop_front()
            {
                match heard {
                    Heard::Message(message) if message.topic == Topic::Ledger => self.pass_on(message).await,
                    Heard::Message(message) => {
                        bytes += message.publish.payload.len();
                        batch.push(message);
                        if bytes > BATCH_MAX_BYTES {
                            break;
                        }
                    }
                    Heard::Connected { session_present } => {
                        tracing::info!(session_present, "connected to the broker");
                        session_lost |= !session_present;
                        self.notices.online(true);
                        repair.heard(Input::Connected { session_present });
                    }
                    Heard::SessionDropped => session_lost = true,
                    Heard::Disconnected { reason } => {
                        tracing::warn!(reason, "no connection to the broker; trying again");
                        self.notices.online(false);
                        repair.heard(Input::Disconnected);
                        // They come again, and until then would take the room of what comes now.
                        batch.clear();
                    }
                }
            }
            if session_lost {
                self.forget_proof().await;
            }
            if !batch.is_empty() {
                self.commit(&mut batch, &mut repair).await;
            }
            repair.act().await;
        }
    }

    /// Adds what has arrived to the inbox; waits for it only when there is nothing else to do. Says whether the
    /// feed goes on.
    async fn listen(&mut self, inbox: &mut VecDeque<Heard>, held: bool, wake_at: Option<MonoMs>) -> bool {
        let room = self.updates_per_poll.saturating_sub(inbox.len()).max(1);
        let mut arrived = Vec::new();
        let mut goes_on = true;
        if held {
            // A revocation that arrives meanwhile does not wait.
            let mono = Some(self.clock.mono().after_ms(FULL_RETRY_MS));
            tokio::select! {
                count = self.heard.recv_many(&mut arrived, room) => goes_on = count > 0,
                () = self.clock.wait(Wake { wall: None, mono }) => {}
            }
        } else if inbox.is_empty() {
            tokio::select! {
                count = self.heard.recv_many(&mut arrived, room) => goes_on = count > 0,
                () = self.notices.comparison() => {}
                () = self.clock.wait(Wake { wall: None, mono: wake_at }), if wake_at.is_some() => {}
            }
        } else {
            while arrived.len() < room
                && let Ok(heard) = self.heard.try_recv()
            {
                arrived.push(heard);
            }
        }
        inbox.extend(arrived);
        goes_on
    }

    /// What gateways say to each other is asked for again until it is answered, so that nothing of it has to be on disk.
    async fn pass_on(&self, message: Incoming) {
        let from = self.feed.speaker(&message.publish.topic);
        match from.map(|from| (from, serde_json::from_slice::<LedgerMessage>(&message.publish.payload))) {
            // Full, the ones before have still to be answered.
            Some((from, Ok(said))) => drop(self.ledgers.try_send((from, said))),
            Some((from, Err(error))) => {
                tracing::warn!(%from, %error, "another gateway says something of the ledger that is none of its messages");
            }
            None => {}
        }
        self.feed.acknowledge(vec![message.ack]).await;
    }

    async fn forget_proof(&self) {
        let forgotten = self.writer.run(Urgency::Narrowing, |context| {
            standing::forget_proof(context.conn)?;
            standing::standing(context.conn)
        });
        match forgotten.await {
            Ok(standing) => self.notices.standing(standing),
            Err(error) => {
                tracing::error!(%error, "the lost session is not noted; the next checkpoint decides all the same")
            }
        }
    }

    /// Writes the batch; empties it when all of it is on disk.
    async fn commit(&self, batch: &mut Vec<Incoming>, repair: &mut Repair) {
        let messages: Vec<_> =
            batch.iter().map(|message| (message.topic, message.publish.payload.clone())).collect();
        let asked = repair.is_running();
        let together = messages.clone();
        let gateway = self.gateway.clone();
        let here = Here { time: self.time.time(), doors: self.doors.clone(), gateway };
        let circumstances =
            Circumstances { asked, here, gateway: self.gateway.clone(), note_every_s: self.note_every_s };
        let now = circumstances.clone();
        let work = move |context: Context<'_>| batch::write(context, &together, &now);
        match self.writer.run(Urgency::Narrowing, work).await {
            Ok(outcome) => {
                let complete = outcome.applied.complete;
                self.tell(outcome, repair);
                if complete {
                    failpoint::pass("sync.before_acknowledgement");
                    self.feed.acknowledge(batch.drain(..).map(|message| message.ack).collect()).await;
                } else if self.writer.is_disk_full() {
                    // What they take away is taken; the rest is asked for again. Held, they would leave no room for
                    // the next revocation.
                    let is_answer =
                        |message: &mut Incoming| matches!(message.topic, Topic::Digests | Topic::Bucket);
                    let answers = batch.extract_if(.., is_answer).map(|message| message.ack).collect();
                    self.feed.acknowledge(answers).await;
                }
            }
            Err(error @ WriteError::Full) if batch.len() > 1 => {
                tracing::error!(%error, messages = batch.len(), "one by one, so that the small ones find room");
                for message in messages {
                    let now = circumstances.clone();
                    let work = move |context: Context<'_>| {
                        batch::write(context, std::slice::from_ref(&message), &now)
                    };
                    if let Ok(outcome) = self.writer.run(Urgency::Narrowing, work).await {
                        self.tell(outcome, repair);
                    }
                }
            }
            Err(error @ (WriteError::Full | WriteError::Sqlite(_))) => {
                tracing::error!(%error, messages = batch.len(), "nothing is acknowledged; trying again");
            }
            Err(WriteError::Stopped) => batch.clear(),
        }
        self.notices.disk_full(self.writer.is_disk_full());
    }

    fn tell(&self, outcome: Outcome, repair: &mut Repair) {
        let Applied { complete, touched, applied, stale, refused, findings, standing } = outcome.applied;
        tracing::debug!(applied, stale, refused, head = %standing.head, "batch committed");
        if refused > 0 || outcome.events_changed {
            self.notices.events();
        }
        for ask in outcome.asks {
            if let Err(error) = self.asks.try_send(ask) {
                tracing::warn!(%error, "the readers take no more now");
            }
        }
        if outcome.doors_changed {
            self.notices.doors();
        }
        if outcome.exporter_changed {
            self.notices.touched(Touched::Everyone);
            self.notices.ledger_changed();
        } else {
            self.notices.touched(touched);
        }
        orders::tell(&self.notices, outcome.ordered);
        if findings.contains(&Finding::Proven) {
            self.notices.proven(self.time.mono());
        }
        self.notices.standing(standing);
        // What did not find room comes again, and says it again.
        repair.found(if complete { findings } else { Vec::new() }, standing);
        if outcome.resync {
            repair.heard(Input::Asked);
        }
    }
}
