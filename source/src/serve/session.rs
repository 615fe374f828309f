//! What `serve` does with the file over one connection after another.
//!
//! Not here: what goes out, and in which order (`pump`).

mod pump;

use super::answering::Answering;
use super::inbox::Inbox;
use super::link::{Link, Signal};
use super::window::{Item, Window};
use super::{META_WAIT_MS, ServeError};
use crate::clock;
use crate::config::Config;
use crate::enrolling::{self, Enrollments};
use crate::store::exporter::Naming;
use crate::store::inbound::{Incoming, Received};
use crate::store::{Store, StoreError, commands};
use access::time::UtcTime;
use contract::command::Command;
use contract::enrollment::Settlement;
use contract::id::Version;
use contract::messages::Event as SourceEvent;
use contract::topics::{GatewayTopic, Topics};
use rumqttc::{Event, Outgoing, Packet, Publish, QoS, SubscribeFilter, SubscribeReasonCode};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// Most receipts that wait to be sent; the oldest give way, since a gateway that hears nothing repeats its
/// events.
const RECEIPTS_MAX: usize = 1024;
/// Most acknowledged messages that are still in the file, since another process is writing to it.
const DONE_MAX: usize = 4096;

enum Phase {
    /// No connection, or not subscribed.
    Connecting,
    /// Subscribed; a retained `meta` may still come.
    Waiting(Pin<Box<Sleep>>),
    /// An epoch is begun and the stream flows.
    Running,
}

pub(super) struct Session {
    store: Store,
    config: Config,
    topics: Topics,
    ready_file: Option<PathBuf>,
    is_ready: bool,
    link: Option<Link>,
    phase: Phase,
    window: Window,
    was_subscribed: bool,
    /// Highest epoch that a `meta` named before ours was begun.
    heard_epoch: Option<u64>,
    /// Ours, once begun, and the place of its first checkpoint.
    epoch: Option<(u64, i64)>,
    /// An epoch was taken above a foreign one since the last heartbeat: once is enough, it can be forged.
    has_risen: bool,
    /// Place of the last message handed over on this connection.
    cursor: i64,
    /// Version of that message.
    handed: Option<Version>,
    /// What `meta` said last, on this connection since the last heartbeat.
    meta_said: Option<(Version, Option<Naming>)>,
    /// A second has passed since `meta` was said.
    meta_due: bool,
    /// Places of messages that the broker has, and the file still.
    done: Vec<i64>,
    receipts: VecDeque<(String, Vec<u8>)>,
    acks: VecDeque<Publish>,
    /// There may be commands in the file that were not handed over.
    commands_due: bool,
    /// Place of the last command handed over on this connection.
    command_cursor: i64,
    answering: Answering,
    /// As `has_risen`, above what a gateway says it has seen.
    has_risen_for_gateway: bool,
    /// An answer has gone out: a checkpoint lets its gateway prove its mirror.
    checkpoint_owed: bool,
    /// A second has passed since the last such checkpoint.
    checkpoint_due: bool,
}

impl Session {
    pub(super) fn new(store: Store, config: Config, ready_file: Option<PathBuf>) -> Session {
        Session {
            topics: Topics::new(&config.site),
            window: Window::new(config.in_flight),
            store,
            config,
            ready_file,
            is_ready: false,
            link: None,
            phase: Phase::Connecting,
            was_subscribed: false,
            heard_epoch: None,
            epoch: None,
            has_risen: false,
            cursor: 0,
            handed: None,
            meta_said: None,
            meta_due: true,
            done: Vec::new(),
            receipts: VecDeque::new(),
            acks: VecDeque::new(),
            commands_due: true,
            command_cursor: 0,
            answering: Answering::default(),
            has_risen_for_gateway: false,
            checkpoint_owed: false,
            checkpoint_due: true,
        }
    }

    pub(super) fn connecting(&mut self, link: Link) {
        self.link = Some(link);
        self.was_subscribed = false;
    }

    /// Nothing is in flight any more; what is still in the file goes out again, from the first.
    pub(super) fn disconnected(&mut self) -> Result<(), ServeError> {
        self.finish()?;
        self.link = None;
        self.phase = Phase::Connecting;
        self.window = Window::new(self.config.in_flight);
        self.cursor = 0;
        self.handed = None;
        self.meta_said = None;
        self.receipts.clear();
        self.acks.clear();
        self.commands_due = true;
        self.command_cursor = 0;
        self.answering.clear();
        self.checkpoint_owed = false;
        Ok(())
    }

    /// Takes out of the file what the broker has, however long another process writes.
    pub(super) fn finish(&mut self) -> Result<(), ServeError> {
        self.store.acknowledge(&self.done)?;
        self.done.clear();
        Ok(())
    }

    /// The same, if the file is free.
    fn finish_at_once(&mut self) -> Result<(), ServeError> {
        if self.done.len() > DONE_MAX {
            return self.finish();
        }
        let done = &self.done;
        if !done.is_empty() && self.store.at_once(|store| store.acknowledge(done))?.is_some() {
            self.done.clear();
        }
        Ok(())
    }

    pub(super) fn was_subscribed(&self) -> bool {
        self.was_subscribed
    }

    pub(super) fn is_settled(&self) -> bool {
        self.window.is_empty()
    }

    pub(super) fn say_goodbye(&self) {
        // A full queue: then the broker sees the connection close, which is all it would be told.
        let _ = self.link.as_ref().map(|link| link.client.try_disconnect());
    }

    /// Takes what the connection brought: first all of it into the file, then the answers. False: it is lost.
    pub(super) fn handle(&mut self, arrived: &mut Vec<Signal>) -> Result<bool, ServeError> {
        let mut inbox = Inbox::default();
        let mut acknowledged = Vec::new();
        let mut is_alive = true;
        let mut is_subscribed = false;
        for signal in arrived.drain(..) {
            match signal {
                Signal::Lost(reason) => {
                    let (host, port) = (&self.config.broker.host, self.config.broker.port);
                    tracing::warn!(reason, host, port, "no connection to the broker");
                    is_alive = false;
                }
                Signal::Event(Event::Outgoing(Outgoing::Publish(id))) => self.window.sent(id),
                Signal::Event(Event::Incoming(Packet::PubAck(ack))) => {
                    match self.window.acknowledged(ack.pkid) {
                        Some(Item::Stream(id)) => acknowledged.push(id),
                        Some(Item::Command(id)) => self.store.forget_command(id)?,
                        Some(Item::Meta(_) | Item::Receipt | Item::Answer) | None => {}
                    }
                }
                Signal::Event(Event::Incoming(Packet::Publish(publish))) => inbox.take(&self.topics, publish),
                Signal::Event(Event::Incoming(Packet::ConnAck(_))) => is_alive &= self.subscribe(),
                Signal::Event(Event::Incoming(Packet::SubAck(ack))) => {
                    is_subscribed = true;
                    if ack.return_codes.contains(&SubscribeReasonCode::Failure) {
                        let remedy = "check its access rules for this login";
                        tracing::error!(remedy, "the broker refuses the subscription");
                        is_alive = false;
                    }
                }
                Signal::Event(_) => {}
            }
        }
        if !acknowledged.is_empty() {
            self.show_ready(&acknowledged)?;
            self.done.append(&mut acknowledged);
        }
        self.finish_at_once()?;
        self.receive(inbox)?;
        if is_alive && is_subscribed {
            self.subscribed()?;
        }
        Ok(is_alive)
    }

    fn subscribe(&self) -> bool {
        let filters = [
            self.topics.all_gateways(GatewayTopic::Events),
            self.topics.all_gateways(GatewayTopic::State),
            self.topics.all_gateways(GatewayTopic::Request),
            self.topics.meta(),
        ]
        .map(|filter| SubscribeFilter::new(filter, QoS::AtLeastOnce));
        self.link.as_ref().is_some_and(|link| link.client.try_subscribe_many(filters).is_ok())
    }

    fn subscribed(&mut self) -> Result<(), ServeError> {
        self.was_subscribed = true;
        if self.epoch.is_some() {
            // The broker may have lost all it held: say where the stream stands.
            self.store.checkpoint()?;
            self.phase = Phase::Running;
            tracing::info!("connected again");
        } else if self.heard_epoch.is_some() {
            self.begin()?;
        } else {
            self.phase = Phase::Waiting(Box::pin(sleep(Duration::from_millis(META_WAIT_MS))));
        }
        Ok(())
    }

    /// Resolves when no retained `meta` is to be expected any more.
    pub(super) async fn meta_waited(&mut self) {
        match &mut self.phase {
            Phase::Waiting(waiting) => waiting.as_mut().await,
            Phase::Connecting | Phase::Running => std::future::pending().await,
        }
    }

    /// Takes an epoch above all that was heard; its first checkpoint is queued with it.
    pub(super) fn begin(&mut self) -> Result<(), ServeError> {
        let first = self.store.begin_epoch(self.heard_epoch, clock::now())?;
        self.epoch = Some((first.version.epoch, first.id));
        self.phase = Phase::Running;
        tracing::info!(epoch = first.version.epoch, "publishing");
        Ok(())
    }

    fn hear_epoch(&mut self, epoch: u64) -> Result<(), ServeError> {
        self.heard_epoch = self.heard_epoch.max(Some(epoch));
        match self.epoch {
            None if matches!(self.phase, Phase::Waiting(_)) => self.begin(),
            Some((ours, _)) if epoch > ours && !self.has_risen => {
                self.has_risen = true;
                tracing::warn!(ours, theirs = epoch, "a meta of a later epoch; is there a second source?");
                self.begin()
            }
            None | Some(_) => Ok(()),
        }
    }

    fn receive(&mut self, inbox: Inbox) -> Result<(), ServeError> {
        let now = clock::now();
        if !inbox.events.is_empty() {
            self.settle_enrollments(&inbox.events, now)?;
            for received in self.store.receive(&inbox.events, now)? {
                self.receipt(received, now)?;
            }
        }
        for (gateway, state) in &inbox.states {
            if !self.store.keep_state(gateway, state, now)? {
                tracing::warn!(%gateway, "too many gateways; its state is not kept");
            }
        }
        for (gateway, request) in inbox.requests {
            if !self.answering.ask(gateway.clone(), request) {
                tracing::warn!(%gateway, "too many gateways wait for answers; it is to ask again");
            }
        }
        if let Some(epoch) = inbox.meta_epoch {
            self.hear_epoch(epoch)?;
        }
        self.acks.extend(inbox.publishes);
        Ok(())
    }

    /// Before the events are received: whoever dies in between is told of them again.
    fn settle_enrollments(&mut self, events: &[Incoming], now: UtcTime) -> Result<(), ServeError> {
        if self.config.enrollments != Enrollments::Accept {
            return Ok(());
        }
        for event in events {
            let Ok(SourceEvent::Enrollment(enrollment)) = serde_json::from_str(&event.body) else { continue };
            if self.store.is_received(event)? {
                continue;
            }
            let settlement = match enrolling::objection(&self.store, &enrollment)? {
                None => Settlement::Accepted,
                Some(words) => Settlement::Refused { words },
            };
            let (token, user) = (&enrollment.token, &enrollment.user);
            tracing::info!(gateway = %event.gateway, %token, %user, ?settlement, "a card was enrolled");
            match enrolling::settle(&mut self.store, &event.gateway, &enrollment, settlement, now) {
                Ok(_) => self.commands_due = true,
                // It stays pending at its panel; somebody can settle it by hand.
                Err(error @ StoreError::Commands) => {
                    tracing::error!(%error, %token, "an enrollment is not settled")
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn receipt(&mut self, received: Received, now: UtcTime) -> Result<(), ServeError> {
        let Received { gateway, stream, seq } = received;
        let payload = commands::message(Command::EventsReceived { stream, seq }, now)?;
        if self.receipts.len() == RECEIPTS_MAX {
            self.receipts.pop_front();
        }
        self.receipts.push_back((self.topics.gateway(&gateway, GatewayTopic::Command), payload));
        Ok(())
    }

    /// Somebody has written to the file.
    pub(super) fn look(&mut self) {
        self.commands_due = true;
    }

    /// A second has passed.
    pub(super) fn tick(&mut self) -> Result<(), ServeError> {
        self.meta_due = true;
        self.checkpoint_due = true;
        self.commands_due = true;
        self.finish_at_once()
    }

    /// Queues a checkpoint and lets `meta` be said again.
    pub(super) fn heartbeat(&mut self) -> Result<(), ServeError> {
        if matches!(self.phase, Phase::Running) {
            self.store.checkpoint()?;
            self.meta_said = None;
            self.meta_due = true;
            self.has_risen = false;
            self.has_risen_for_gateway = false;
        }
        Ok(())
    }

    /// The first checkpoint of our epoch has arrived: whoever waits for `serve` may go on.
    fn show_ready(&mut self, acknowledged: &[i64]) -> Result<(), ServeError> {
        let Some((epoch, first)) = self.epoch else { return Ok(()) };
        // A later checkpoint may have taken its place.
        if self.is_ready || acknowledged.iter().all(|id| *id < first) {
            return Ok(());
        }
        self.is_ready = true;
        tracing::info!(epoch, "ready");
        let Some(path) = self.ready_file.take() else { return Ok(()) };
        std::fs::write(&path, format!("{epoch}\n")).map_err(|source| ServeError::Io {
            path,
            what: "write",
            source,
        })
    }
}
