//! Joins feed and mirror: what has arrived becomes one transaction, and is acknowledged after its commit.
//!
//! Not here: what a change does (`mirror::apply`), repair of gaps (a later release asks for buckets; this
//! one reports them in `state`).

use super::notices::Notices;
use crate::clock::{Clock, Wake};
use crate::failpoint;
use crate::feed::connection::UNCOMMITTED_MAX_BYTES;
use crate::feed::{Feed, Heard, Incoming, Topic};
use crate::mirror::apply::{self, Applied, Room};
use crate::mirror::touched::Touched;
use crate::mirror::writer::Context;
use crate::mirror::{Urgency, WriteError, Writer, outbox, refused, standing};
use bytes::Bytes;
use contract::messages::{Command, CommandMessage, Meta};
use rusqlite::Connection;
use std::collections::VecDeque;
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
    /// To wait by.
    pub clock: Arc<dyn Clock>,
    /// Whom to tell.
    pub notices: Notices,
    /// Most messages in one transaction.
    pub updates_per_poll: usize,
}

/// What came of a batch.
struct Outcome {
    applied: Applied,
    exporter_changed: bool,
    refused_others: bool,
    received: bool,
}

impl Sync {
    /// Runs until the feed ends.
    pub async fn run(mut self) {
        // What was heard and is not in the batch yet, in order.
        let mut inbox: VecDeque<Heard> = VecDeque::new();
        let mut batch: Vec<Incoming> = Vec::new();
        loop {
            // Something found no room on the disk.
            let held = !batch.is_empty();
            if !self.listen(&mut inbox, held).await {
                return;
            }
            let mut session_lost = false;
            let mut bytes = 0;
            while (held || batch.len() < self.updates_per_poll)
                && let Some(heard) = inbox.pop_front()
            {
                match heard {
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
                    }
                    Heard::SessionDropped => session_lost = true,
                    Heard::Disconnected { reason } => {
                        tracing::warn!(reason, "no connection to the broker; trying again");
                        self.notices.online(false);
                        // They come again, and until then would take the room of what comes now.
                        batch.clear();
                    }
                }
            }
            if session_lost {
                self.forget_proof().await;
            }
            if !batch.is_empty() {
                self.commit(&mut batch).await;
            }
        }
    }

    /// Adds what has arrived to the inbox; waits for it only when there is nothing else to do. Says whether the
    /// feed goes on.
    async fn listen(&mut self, inbox: &mut VecDeque<Heard>, held: bool) -> bool {
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
            goes_on = self.heard.recv_many(&mut arrived, room).await > 0;
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
    async fn commit(&self, batch: &mut Vec<Incoming>) {
        let messages: Vec<_> =
            batch.iter().map(|message| (message.topic, message.publish.payload.clone())).collect();
        let work = move |context: Context<'_>| write_batch(context, &messages);
        match self.writer.run(Urgency::Narrowing, work).await {
            Ok(outcome) => {
                let complete = outcome.applied.complete;
                self.tell(outcome);
                if complete {
                    failpoint::pass("sync.before_acknowledgement");
                    self.feed.acknowledge(batch.drain(..).map(|message| message.ack).collect()).await;
                }
            }
            Err(error @ (WriteError::Full | WriteError::Sqlite(_))) => {
                tracing::error!(%error, messages = batch.len(), "nothing is acknowledged; trying again");
            }
            Err(WriteError::Stopped) => batch.clear(),
        }
        self.notices.disk_full(self.writer.is_disk_full());
    }

    fn tell(&self, outcome: Outcome) {
        let Applied { touched, applied, stale, refused, standing, .. } = outcome.applied;
        tracing::debug!(applied, stale, refused, head = %standing.head, "batch committed");
        if refused > 0 || outcome.refused_others || outcome.received {
            self.notices.events();
        }
        if outcome.exporter_changed {
            self.notices.touched(Touched::Everyone);
        } else {
            self.notices.touched(touched);
        }
        self.notices.standing(standing);
    }
}

/// One transaction's work: changes, and what came beside them.
fn write_batch(context: Context<'_>, messages: &[(Topic, Bytes)]) -> rusqlite::Result<Outcome> {
    let Context { conn, now, room } = context;
    let changes: Vec<&[u8]> = messages
        .iter()
        .filter(|(topic, _)| *topic == Topic::Changes)
        .map(|(_, payload)| payload.as_ref())
        .collect();
    let mut outcome = Outcome {
        applied: apply::batch(conn, &changes, now, room)?,
        exporter_changed: false,
        refused_others: false,
        received: false,
    };
    for (topic, payload) in messages {
        let refusal = match topic {
            Topic::Changes => continue,
            // Both come again when there is room.
            Topic::Meta | Topic::Command if room == Room::NarrowingOnly => {
                outcome.applied.complete = false;
                continue;
            }
            Topic::Meta => match read::<Meta>(payload) {
                Ok(meta) => {
                    let exporter = meta.exporter.as_ref().map(contract::id::GatewayId::as_str);
                    outcome.exporter_changed |= standing::set_exporter(conn, exporter)?;
                    continue;
                }
                Err(reason) => ("meta", reason),
            },
            Topic::Command => match carry_out(conn, payload)? {
                Ok(()) => {
                    outcome.received = true;
                    continue;
                }
                Err(reason) => ("command", reason),
            },
        };
        refused::keep(conn, refusal.0, payload, &refusal.1, now)?;
        outcome.refused_others = true;
    }
    Ok(outcome)
}

fn read<T: serde::de::DeserializeOwned>(payload: &[u8]) -> Result<T, String> {
    serde_json::from_slice(payload).map_err(|error| format!("no valid envelope: {error}"))
}

/// Carries a command out; the inner error says why it is refused.
fn carry_out(conn: &Connection, payload: &[u8]) -> rusqlite::Result<Result<(), String>> {
    match read::<CommandMessage>(payload) {
        // A receipt does no harm twice, late, or on a panel that wakes in 1970: neither its id nor its expiry
        // is looked at.
        Ok(CommandMessage { command: Command::EventsReceived { stream, seq }, .. }) => {
            outbox::received(conn, &stream, seq).map(Ok)
        }
        Ok(CommandMessage { command: Command::Resync, .. }) => Ok(Ok(())),
        Err(reason) => Ok(Err(reason)),
    }
}
