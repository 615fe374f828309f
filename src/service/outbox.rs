//! Joins the event outbox and the feed: events leave in order, and again until the source has received them.
//!
//! Not here: what an event is (`contract::messages`), keeping it (`mirror::outbox`).

use super::notices::Notices;
use super::timekeeping::Timekeeper;
use crate::clock::{MonoMs, Wake};
use crate::feed::Feed;
use crate::mirror::{Urgency, Writer, outbox};
use contract::topics::GatewayTopic;
use rusqlite::Connection;
use std::rc::Rc;

/// Events sent and not yet received by the source.
const IN_FLIGHT_MAX: u32 = 100;
/// Without a receipt for this long, events are sent again.
const AGAIN_AFTER_MS: u64 = 30_000;

/// The joint of outbox and feed.
pub struct Outbox {
    /// To send.
    pub feed: Feed,
    /// To note what may have been sent.
    pub writer: Writer,
    /// To read; read-only.
    pub conn: Rc<Connection>,
    /// To wait by.
    pub time: Timekeeper,
    /// What wakes it.
    pub notices: Notices,
}

impl Outbox {
    /// Runs for as long as the gateway does.
    pub async fn run(self) {
        let mut level = self.notices.watch();
        let mut sent_seq = 0;
        // The oldest event that is not received, and when it is sent again.
        let mut oldest: Option<(u64, MonoMs)> = None;
        loop {
            let online = level.borrow_and_update().online;
            if online {
                match self.send_after(sent_seq).await {
                    Ok((first, last)) => {
                        let again = self.time.mono().after_ms(AGAIN_AFTER_MS);
                        let known = |seq: &u64| oldest.filter(|(known, _)| known == seq);
                        oldest = first.map(|seq| known(&seq).unwrap_or((seq, again)));
                        sent_seq = last.max(sent_seq);
                    }
                    Err(error) => tracing::error!(%error, "events cannot be read; they stay where they are"),
                }
            } else {
                // A new connection starts from the oldest that was not received.
                sent_seq = 0;
            }
            let mono = oldest.map(|(_, again)| again);
            tokio::select! {
                () = self.notices.some_events() => {}
                changed = level.changed() => if changed.is_err() { return },
                () = self.time.clock().wait(Wake { wall: None, mono }), if mono.is_some() => {
                    (sent_seq, oldest) = (0, None);
                }
            }
        }
    }

    /// Sends what the window allows; returns the oldest event not yet received, and the last one sent.
    async fn send_after(&self, sent_seq: u64) -> rusqlite::Result<(Option<u64>, u64)> {
        let mut window = outbox::waiting_after(&self.conn, 0, IN_FLIGHT_MAX)?;
        if let Some(newest) = window.last().map(|event| event.seq).filter(|seq| *seq > sent_seq)
            && !outbox::may_send(&self.conn, newest)?
        {
            // Its number stands from now on, so that it may leave.
            let noted =
                self.writer.run(Urgency::Normal, move |context| outbox::note_sent(context.conn, newest));
            if let Err(error) = noted.await {
                tracing::warn!(%error, "events wait: it cannot be noted that they were sent");
                return Ok((Some(newest), sent_seq));
            }
            // Others may have given way meanwhile.
            window = outbox::waiting_after(&self.conn, 0, IN_FLIGHT_MAX)?;
            window.retain(|event| event.seq <= newest);
        }
        let oldest = window.first().map(|event| event.seq);
        let mut last = sent_seq;
        for event in window.iter().filter(|event| event.seq > sent_seq) {
            // Plain strings and numbers; serialising cannot fail.
            let payload = serde_json::to_vec(event).unwrap_or_default();
            if !self.feed.say(GatewayTopic::Events, false, payload) {
                break;
            }
            last = event.seq;
        }
        Ok((oldest, last))
    }
}
