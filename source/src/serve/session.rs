//! What `serve` does with the file over one connection after another.

use super::inbox::Inbox;
use super::link::{Link, Signal};
use super::window::{Item, Window};
use super::{META_WAIT_MS, ServeError};
use crate::clock;
use crate::config::Config;
use crate::store::Store;
use crate::store::inbound::Received;
use access::time::UtcTime;
use contract::id::Version;
use contract::messages::{Command, CommandMessage, MINOR, Meta};
use contract::topics::{GatewayTopic, Topics};
use rumqttc::{Event, Outgoing, Packet, Publish, QoS, SubscribeFilter, SubscribeReasonCode};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// Most commands that wait to be sent; the oldest give way, since a gateway that hears nothing repeats its
/// events.
const COMMANDS_MAX: usize = 1024;
/// How long a command may be carried out, in seconds.
const COMMAND_EXPIRES_S: i64 = 300;
/// Most messages read from the file at once.
const PAGE: usize = 128;

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
    meta_said: Option<Version>,
    /// A second has passed since `meta` was said.
    meta_due: bool,
    commands: VecDeque<(String, Vec<u8>)>,
    acks: VecDeque<Publish>,
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
            commands: VecDeque::new(),
            acks: VecDeque::new(),
        }
    }

    pub(super) fn connecting(&mut self, link: Link) {
        self.link = Some(link);
        self.was_subscribed = false;
    }

    /// Nothing is in flight any more; what is still in the file goes out again, from the first.
    pub(super) fn disconnected(&mut self) {
        self.link = None;
        self.phase = Phase::Connecting;
        self.window = Window::new(self.config.in_flight);
        self.cursor = 0;
        self.handed = None;
        self.meta_said = None;
        self.commands.clear();
        self.acks.clear();
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
                    if let Some(Item::Stream(id)) = self.window.acknowledged(ack.pkid) {
                        acknowledged.push(id);
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
            self.store.acknowledge(&acknowledged)?;
            self.show_ready(&acknowledged)?;
        }
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
            for received in self.store.receive(&inbox.events, now)? {
                self.command(received, now)?;
            }
        }
        for (gateway, state) in &inbox.states {
            if !self.store.keep_state(gateway, state, now)? {
                tracing::warn!(%gateway, "too many gateways; its state is not kept");
            }
        }
        if let Some(epoch) = inbox.meta_epoch {
            self.hear_epoch(epoch)?;
        }
        self.acks.extend(inbox.publishes);
        Ok(())
    }

    fn command(&mut self, received: Received, now: UtcTime) -> Result<(), ServeError> {
        let Received { gateway, stream, seq } = received;
        let message = CommandMessage {
            id: format!("{:016x}", fastrand::u64(..)),
            expires: UtcTime::from_unix(now.unix().saturating_add(COMMAND_EXPIRES_S)),
            command: Command::EventsReceived { stream, seq },
        };
        if self.commands.len() == COMMANDS_MAX {
            self.commands.pop_front();
        }
        let topic = self.topics.gateway(&gateway, GatewayTopic::Command);
        self.commands.push_back((topic, serde_json::to_vec(&message)?));
        Ok(())
    }

    /// A second has passed.
    pub(super) fn tick(&mut self) {
        self.meta_due = true;
    }

    /// Queues a checkpoint and lets `meta` be said again.
    pub(super) fn heartbeat(&mut self) -> Result<(), ServeError> {
        if matches!(self.phase, Phase::Running) {
            self.store.checkpoint()?;
            self.meta_said = None;
            self.meta_due = true;
            self.has_risen = false;
        }
        Ok(())
    }

    /// Hands over as much as the window takes: acknowledgements, commands, then the stream in its order.
    pub(super) fn pump(&mut self) -> Result<(), ServeError> {
        let Some(link) = &self.link else { return Ok(()) };
        while self.acks.front().is_some_and(|publish| link.client.try_ack(publish).is_ok()) {
            self.acks.pop_front();
        }
        while let Some((topic, payload)) = self.commands.front().cloned() {
            if !self.publish(&topic, false, payload, Item::Command) {
                return Ok(());
            }
            self.commands.pop_front();
        }
        if !matches!(self.phase, Phase::Running) {
            return Ok(());
        }
        // Under load there is always more to hand over, so `meta` gets its turn before it, too.
        self.say_meta()?;
        let topic = self.topics.changes();
        loop {
            let page = self.store.outgoing_after(self.cursor, self.window.room().min(PAGE))?;
            if page.is_empty() {
                return self.say_meta();
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

    /// Says where the stream stands, at most once a second: never ahead of what was handed over, nor of an
    /// epoch gone by.
    fn say_meta(&mut self) -> Result<(), ServeError> {
        let current = |version: &Version| self.epoch.is_some_and(|(epoch, _)| epoch == version.epoch);
        let Some(version) = self.handed.filter(current) else { return Ok(()) };
        if !self.meta_due || self.meta_said == Some(version) {
            return Ok(());
        }
        let exporter = self.config.exporter.clone();
        let meta = Meta { epoch: version.epoch, head_seq: version.seq, exporter, minor: MINOR };
        let payload = serde_json::to_vec(&meta)?;
        if self.publish(&self.topics.meta(), true, payload, Item::Meta(version)) {
            self.meta_said = Some(version);
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
