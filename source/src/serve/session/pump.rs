//! What goes out, and in which order: acknowledgements, receipts, commands, the stream, then answers.
//!
//! Live changes are never behind an answer that is not yet handed over, and answers get a place in the window
//! even while the stream would fill it.

use super::{Item, Phase, Session};
use crate::clock;
use crate::serve::ServeError;
use crate::store::{Store, exporter};
use contract::id::Version;
use contract::topics::GatewayTopic;
use rumqttc::QoS;

/// Most messages read from the file at once.
const PAGE: usize = 128;
/// Most answers given to the broker and not yet acknowledged: the next change is behind no more than these.
const ANSWERS_IN_FLIGHT_MAX: usize = 16;
/// Most answers looked up before the connection is looked at again.
const ANSWERS_SLICE: usize = 8;
/// How far above our own epoch one that a gateway has seen may be and still count. A gateway's word can be
/// forged, and epochs end at 2^53: this leaves two million forgeries, one a heartbeat.
const EPOCH_JUMP_MAX: u64 = 1 << 32;

impl Session {
    /// Hands over as much as the window takes.
    pub(in crate::serve) fn pump(&mut self) -> Result<(), ServeError> {
        let Some(link) = &self.link else { return Ok(()) };
        while self.acks.front().is_some_and(|publish| link.client.try_ack(publish).is_ok()) {
            self.acks.pop_front();
        }
        while let Some((topic, payload)) = self.receipts.front().cloned() {
            if !self.publish(&topic, false, payload, Item::Receipt) {
                return Ok(());
            }
            self.receipts.pop_front();
        }
        if !matches!(self.phase, Phase::Running) {
            return Ok(());
        }
        self.send_commands()?;
        // Under load there is always more to hand over, so `meta` gets its turn before it, too.
        self.say_meta()?;
        self.send_stream()?;
        if self.send_answers()? {
            // A checkpoint was queued behind the answers.
            self.send_stream()?;
        }
        self.say_meta()
    }

    /// Commands that another process has put into the file.
    fn send_commands(&mut self) -> Result<(), ServeError> {
        if !self.commands_due {
            return Ok(());
        }
        let now = clock::now();
        loop {
            let page = self.store.commands_after(self.command_cursor, self.window.room().clamp(1, PAGE))?;
            if page.is_empty() {
                self.commands_due = false;
                return Ok(());
            }
            for waiting in page {
                if waiting.expires < now {
                    tracing::warn!(gateway = %waiting.gateway, "a command was not sent in time; ask again");
                    self.store.forget_command(waiting.id)?;
                    continue;
                }
                let topic = self.topics.gateway(&waiting.gateway, GatewayTopic::Command);
                if !self.publish(&topic, false, waiting.payload, Item::Command(waiting.id)) {
                    return Ok(());
                }
                self.command_cursor = waiting.id;
            }
        }
    }

    fn send_stream(&mut self) -> Result<(), ServeError> {
        let topic = self.topics.changes();
        loop {
            let kept = usize::from(self.keeps_a_place());
            let room = self.window.room().saturating_sub(kept).min(PAGE);
            let page = self.store.outgoing_after(self.cursor, room)?;
            if page.is_empty() {
                return Ok(());
            }
            for message in page {
                if !self.publish(&topic, false, message.payload, Item::Stream(message.id)) {
                    return Ok(());
                }
                self.cursor = message.id;
                self.handed = Some(message.version);
            }
        }
    }

    /// Whether the stream leaves a place in the window, so that an import of hours holds up no repair.
    fn keeps_a_place(&self) -> bool {
        !self.answering.is_empty() && self.window.answers() == 0 && self.config.in_flight > 1
    }

    /// A slice of the answers, then the checkpoint they call for; true: the stream has something to send.
    fn send_answers(&mut self) -> Result<bool, ServeError> {
        let mut sent = 0;
        while sent < ANSWERS_SLICE
            && self.window.room() > 0
            && self.window.answers() < ANSWERS_IN_FLIGHT_MAX
            && let Some(mut turn) = self.answering.take()
        {
            if let Some(high) = turn.high.take()
                && self.rise_above(high)?
            {
                // The new epoch's checkpoint goes first.
                self.answering.put_back(turn);
                return Ok(true);
            }
            let next = match turn.unsent.take() {
                Some(unsent) => Some(unsent),
                None => turn.answers.next(&mut self.store)?,
            };
            let Some(answer) = next else {
                self.checkpoint_owed = true;
                if turn.go_on() {
                    self.answering.put_back(turn);
                }
                continue;
            };
            let topic = self.topics.gateway(&turn.gateway, answer.topic);
            if self.publish(&topic, false, answer.payload.clone(), Item::Answer) {
                sent += 1;
                self.answering.put_back(turn);
            } else {
                turn.unsent = Some(answer);
                self.answering.put_first(turn);
                break;
            }
        }
        if !(self.checkpoint_owed && self.checkpoint_due) {
            return Ok(false);
        }
        // While another process writes, its changes bring roots enough; a tick is the next try.
        self.checkpoint_due = false;
        let is_queued = self.store.at_once(Store::checkpoint)?.is_some();
        self.checkpoint_owed = !is_queued;
        Ok(is_queued)
    }

    /// A gateway has seen a later version than ours: this file was restored from a backup. At most once a
    /// heartbeat, since it can be forged.
    fn rise_above(&mut self, high: Version) -> Result<bool, ServeError> {
        if self.has_risen_for_gateway || !self.store.is_below(high)? {
            return Ok(false);
        }
        let ours = self.store.head()?.version;
        let newest = ours.epoch.max(u64::try_from(clock::now().unix()).unwrap_or(0));
        if high.epoch > newest.saturating_add(EPOCH_JUMP_MAX) {
            tracing::error!(%ours, theirs = %high, "a gateway names an epoch that no source takes; is it forged?");
            return Ok(false);
        }
        self.has_risen_for_gateway = true;
        tracing::warn!(%ours, theirs = %high, "a gateway has seen a later version; was this file restored?");
        self.heard_epoch = self.heard_epoch.max(Some(high.epoch));
        self.begin()?;
        Ok(true)
    }

    /// Says where the stream stands, at most once a second: never ahead of what was handed over, nor of an
    /// epoch gone by.
    fn say_meta(&mut self) -> Result<(), ServeError> {
        let current = |version: &Version| self.epoch.is_some_and(|(epoch, _)| epoch == version.epoch);
        let Some(version) = self.handed.filter(current) else { return Ok(()) };
        if !self.meta_due {
            return Ok(());
        }
        let naming = match &self.config.exporter {
            // Another process may be writing: then it is said a second later.
            Some(wanted) => match self.store.at_once(|store| store.name_exporter(wanted, clock::now()))? {
                Some(naming) => Some(naming),
                None => return Ok(()),
            },
            None => None,
        };
        if self.meta_said.as_ref().is_some_and(|said| *said == (version, naming.clone())) {
            return Ok(());
        }
        let meta = exporter::meta(version, naming.clone());
        let payload = serde_json::to_vec(&meta)?;
        if self.publish(&self.topics.meta(), true, payload, Item::Meta(version)) {
            self.meta_said = Some((version, naming));
            self.meta_due = false;
        }
        Ok(())
    }

    /// Hands one message to the client, if there is room.
    fn publish(&mut self, topic: &str, retain: bool, payload: Vec<u8>, item: Item) -> bool {
        let Some(link) = &self.link else { return false };
        let room = self.window.room() > 0;
        let taken = room && link.client.try_publish(topic, QoS::AtLeastOnce, retain, payload).is_ok();
        if taken {
            self.window.hand(item);
        }
        taken
    }
}
