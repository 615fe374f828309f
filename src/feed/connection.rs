//! The poll loop around rumqttc.
//!
//! - A persistent session; subscriptions are made again on every ConnAck, since a broker may have lost them.
//! - Nothing is acknowledged here by itself: an acknowledgement comes back from the service after the commit,
//!   and is written in one go with the others of its batch. One that belongs to a connection since lost is
//!   dropped; the broker sends the message again.
//! - What is read and not yet committed is bounded in bytes. At the bound nothing more is read, but the
//!   connection is kept alive and acknowledgements go out.
//! - A packet over the limit ends the connection, and a broker delivers it again: after
//!   [`SIZE_ERRORS_MAX`] of these in a row the session is dropped once, which is a gap like any other.

use super::backoff;
use super::options::{FeedOptions, mqtt_options, subscriptions};
use contract::MESSAGE_MAX_BYTES;
use contract::id::GatewayId;
use contract::topics::{GatewayTopic, Topics};
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, Outgoing, Packet, PubAck, Publish,
    QoS, StateError, SubscribeFilter, SubscribeReasonCode, mqttbytes,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Largest packet that is read. Above the contract's message limit, so that a message somewhat too long is
/// refused with a reason instead of ending the connection.
pub const PACKET_MAX_BYTES: usize = 2 * MESSAGE_MAX_BYTES;
/// Bytes read and not yet committed.
pub const UNCOMMITTED_MAX_BYTES: usize = 3 * 1024 * 1024;
/// What a message counts against that bound beside its payload: topic, packet, queue.
const MESSAGE_OVERHEAD_BYTES: usize = 512;
/// Packets over the limit in a row before the session is dropped.
pub const SIZE_ERRORS_MAX: u32 = 3;
/// Messages waiting to be sent.
pub const OUTGOING_MAX: usize = 256;
/// Batches of acknowledgements waiting to be written.
const ACK_BATCHES_MAX: usize = 64;

/// Which topic a message came on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Topic {
    /// The stream.
    Changes,
    /// The retained hint.
    Meta,
    /// A command for this panel.
    Command,
    /// An answer: digests of buckets.
    Digests,
    /// An answer: one bucket.
    Bucket,
    /// What another gateway says of the export's ledger.
    Ledger,
}

/// A message, to be acknowledged once it is on disk.
pub struct Incoming {
    /// Where it came.
    pub topic: Topic,
    /// Its bytes.
    pub publish: Publish,
    /// What to hand back to [`Feed::acknowledge`].
    pub ack: AckToken,
    _room: OwnedSemaphorePermit,
}

/// Names one delivery of one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AckToken {
    connection: u64,
    packet_id: u16,
}

/// What the feed tells the service.
pub enum Heard {
    /// The broker took us and our subscriptions; without its session, whatever was proven is so no more.
    Connected {
        /// The broker still had the session of the last connection that was told of.
        session_present: bool,
    },
    /// The connection is gone; the next attempt follows by itself.
    Disconnected {
        /// Why, and what to do about it.
        reason: String,
    },
    /// The session was dropped because of a packet that is too large.
    SessionDropped,
    /// A message.
    Message(Incoming),
}

/// The way to the broker.
#[derive(Clone)]
pub struct Feed {
    client: AsyncClient,
    topics: Topics,
    gateway: GatewayId,
    acks: mpsc::Sender<Vec<AckToken>>,
}

impl Feed {
    /// Makes the feed and the future that runs it; nothing happens until that is polled.
    pub fn new(options: FeedOptions) -> (Feed, mpsc::Receiver<Heard>, impl Future<Output = ()>) {
        let topics = Topics::new(&options.site);
        let mqtt = mqtt_options(&options, &topics);
        let (client, mut events) = AsyncClient::new(mqtt, OUTGOING_MAX);
        // Acknowledgements are small: without this each may wait 40 ms for the next.
        let mut network = events.network_options();
        network.set_tcp_nodelay(true);
        events.set_network_options(network);
        let (acks, ack_batches) = mpsc::channel(ACK_BATCHES_MAX);
        // Messages are bounded by bytes before they enter, so the channel never holds more than this.
        let (heard, receiver) = mpsc::channel(UNCOMMITTED_MAX_BYTES / MESSAGE_OVERHEAD_BYTES + 16);
        let connection = Connection {
            events,
            client: client.clone(),
            subscriptions: subscriptions(&options, &topics),
            topics: topics.clone(),
            ack_batches,
            heard,
            room: Arc::new(Semaphore::new(UNCOMMITTED_MAX_BYTES)),
            number: 0,
            session_is_new: false,
            failures: 0,
            size_errors: 0,
            ping_every: Duration::from_secs(u64::from(options.keep_alive_s) / 2),
        };
        (Feed { client, topics, gateway: options.gateway, acks }, receiver, connection.run())
    }

    /// Acknowledges messages that are on disk.
    pub async fn acknowledge(&self, batch: Vec<AckToken>) {
        // The loop is gone only at shutdown; the broker then delivers again.
        let _ = self.acks.send(batch).await;
    }

    /// Says `payload` on one of this panel's topics, if there is room to queue it.
    pub fn say(&self, topic: GatewayTopic, retain: bool, payload: Vec<u8>) -> bool {
        let topic = self.topics.gateway(&self.gateway, topic);
        self.client.try_publish(topic, QoS::AtLeastOnce, retain, payload).is_ok()
    }

    /// Says `payload` of the ledger to another gateway, or to whoever holds it, if there is room to queue it.
    pub fn say_ledger(&self, to: Option<&GatewayId>, payload: Vec<u8>) -> bool {
        let topic = self.topics.ledger(&self.gateway, to);
        self.client.try_publish(topic, QoS::AtLeastOnce, false, payload).is_ok()
    }

    /// Which gateway has said a message of the ledger.
    pub fn speaker(&self, topic: &str) -> Option<GatewayId> {
        self.topics.parse_ledger(topic)
    }

    /// Leaves in order; the broker then does not speak our last will.
    pub fn leave(&self) {
        // When the queue is full the connection is cut instead, which the last will covers.
        let _ = self.client.try_disconnect();
    }
}

struct Connection {
    events: EventLoop,
    client: AsyncClient,
    subscriptions: Vec<(Topic, String)>,
    topics: Topics,
    ack_batches: mpsc::Receiver<Vec<AckToken>>,
    heard: mpsc::Sender<Heard>,
    room: Arc<Semaphore>,
    /// Counts connections, so that an acknowledgement finds only its own.
    number: u64,
    /// The broker made our session anew, and that is not told yet: a connection that breaks before it has taken the
    /// subscriptions leaves a session, and the next one is told that it was there.
    session_is_new: bool,
    failures: u32,
    size_errors: u32,
    ping_every: Duration,
}

impl Connection {
    async fn run(mut self) {
        loop {
            let polled = tokio::select! {
                polled = self.events.poll() => polled,
                batch = self.ack_batches.recv() => match batch {
                    Some(batch) => {
                        self.write_acks(&batch).await;
                        continue;
                    }
                    None => return,
                },
            };
            let mut goes_on = match polled {
                Ok(event) => self.event(event).await,
                Err(ConnectionError::RequestsDone) => false,
                Err(error) => self.disconnected(&error).await,
            };
            // A read brings several packets; asking for each by a poll of its own would cost more than the
            // packet does.
            while goes_on && let Some(event) = self.events.state.events.pop_front() {
                goes_on = self.event(event).await;
            }
            if !goes_on {
                return;
            }
        }
    }

    /// Handles one event; says whether to go on.
    async fn event(&mut self, event: Event) -> bool {
        match event {
            Event::Incoming(Packet::ConnAck(ack)) => self.connected(ack.session_present).await,
            Event::Incoming(Packet::Publish(publish)) => self.publish(publish).await,
            Event::Incoming(Packet::SubAck(ack)) => {
                self.check_subscriptions(&ack.return_codes);
                let session_present = !std::mem::take(&mut self.session_is_new);
                self.heard.send(Heard::Connected { session_present }).await.is_ok()
            }
            // We have said good-bye, and it has gone out.
            Event::Outgoing(Outgoing::Disconnect) => false,
            Event::Incoming(_) | Event::Outgoing(_) => true,
        }
    }

    async fn connected(&mut self, session_present: bool) -> bool {
        self.number += 1;
        self.session_is_new |= !session_present;
        if self.events.mqtt_options.clean_session() {
            // This connection was made only to make the broker forget; come back for good.
            self.events.mqtt_options.set_clean_session(false);
            self.hang_up();
            return self.heard.send(Heard::SessionDropped).await.is_ok();
        }
        let filters = self
            .subscriptions
            .iter()
            .map(|(_, filter)| SubscribeFilter::new(filter.clone(), QoS::AtLeastOnce));
        if self.client.try_subscribe_many(filters).is_err() {
            tracing::error!("no room to subscribe; connecting again");
            self.hang_up();
        }
        true
    }

    fn check_subscriptions(&mut self, codes: &[SubscribeReasonCode]) {
        for ((_, filter), code) in self.subscriptions.iter().zip(codes) {
            if *code == SubscribeReasonCode::Failure {
                tracing::error!(
                    topic = filter,
                    "the broker refuses the subscription; let this panel's login read the topic"
                );
            }
        }
        self.failures = 0;
    }

    async fn publish(&mut self, publish: Publish) -> bool {
        let known = self.subscriptions.iter().find(|(_, filter)| *filter == publish.topic);
        let is_ledger = |topic: &str| self.topics.parse_ledger(topic).is_some();
        let topic =
            known.map(|(topic, _)| *topic).or_else(|| is_ledger(&publish.topic).then_some(Topic::Ledger));
        let Some(topic) = topic else {
            tracing::warn!(topic = publish.topic, "a message nobody asked for is passed over");
            let ack = AckToken { connection: self.number, packet_id: publish.pkid };
            self.write_acks(&[ack]).await;
            return true;
        };
        let cost = (publish.payload.len() + MESSAGE_OVERHEAD_BYTES).min(UNCOMMITTED_MAX_BYTES);
        let Some(room) = self.room_for(u32::try_from(cost).unwrap_or(u32::MAX)).await else { return false };
        let ack = AckToken { connection: self.number, packet_id: publish.pkid };
        self.heard.send(Heard::Message(Incoming { topic, publish, ack, _room: room })).await.is_ok()
    }

    /// Waits for room without reading on; keeps the connection alive meanwhile.
    async fn room_for(&mut self, cost: u32) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = self.room.clone().try_acquire_many_owned(cost) {
            return Some(permit);
        }
        let room = self.room.clone().acquire_many_owned(cost);
        tokio::pin!(room);
        loop {
            tokio::select! {
                permit = &mut room => return permit.ok(),
                batch = self.ack_batches.recv() => self.write_acks(&batch?).await,
                () = tokio::time::sleep(self.ping_every) => {
                    self.write(Packet::PingReq).await;
                    self.flush().await;
                }
            }
        }
    }

    async fn write_acks(&mut self, batch: &[AckToken]) {
        let current = self.number;
        for ack in batch.iter().filter(|ack| ack.connection == current && ack.packet_id != 0) {
            self.write(Packet::PubAck(PubAck::new(ack.packet_id))).await;
        }
        self.flush().await;
    }

    async fn flush(&mut self) {
        if let Some(network) = &mut self.events.network
            && network.flush().await.is_err()
        {
            self.hang_up();
        }
    }

    /// Drops the connection and what was read ahead on it; the next poll connects again.
    fn hang_up(&mut self) {
        self.events.clean();
        self.events.state.events.clear();
    }

    /// Into the connection's buffer; a failure drops the connection, and the broker delivers again.
    async fn write(&mut self, packet: Packet) {
        if let Some(network) = &mut self.events.network
            && network.write(packet).await.is_err()
        {
            self.hang_up();
        }
    }

    async fn disconnected(&mut self, error: &ConnectionError) -> bool {
        self.failures = self.failures.saturating_add(1);
        // What rumqttc had read ahead belongs to the lost connection: its packet numbers mean other messages
        // on the next one.
        self.events.state.events.clear();
        // Good messages between two of these do not end the row: the broker delivers them again, too.
        self.size_errors = if is_size_error(error) { self.size_errors + 1 } else { 0 };
        if self.size_errors >= SIZE_ERRORS_MAX {
            tracing::error!(
                limit_bytes = PACKET_MAX_BYTES,
                "a packet over the limit comes again and again; dropping the session, what is missing is repaired like any gap"
            );
            self.size_errors = 0;
            self.events.mqtt_options.set_clean_session(true);
        }
        let reason = words(error);
        if self.heard.send(Heard::Disconnected { reason }).await.is_err() {
            return false;
        }
        let wait = Duration::from_millis(backoff::wait_ms(self.failures, fastrand::u16(..)));
        tokio::select! {
            () = tokio::time::sleep(wait) => true,
            // Acknowledgements for the lost connection are worth nothing; a closed channel is the end.
            () = async { while self.ack_batches.recv().await.is_some() {} } => false,
        }
    }
}

fn is_size_error(error: &ConnectionError) -> bool {
    let ConnectionError::MqttState(StateError::Deserialization(error)) = error else { return false };
    matches!(
        error,
        mqttbytes::Error::PayloadSizeLimitExceeded(_) | mqttbytes::Error::OutgoingPacketTooLarge { .. }
    )
}

pub(super) fn words(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(
            ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized,
        ) => "the broker refuses the login; check broker.username and broker.password".into(),
        ConnectionError::Io(error) => {
            format!("{error}; check broker.host and broker.port, and that the broker runs")
        }
        ConnectionError::Tls(error) => format!("TLS: {error}; check broker.ca_file and the certificates"),
        error if is_size_error(error) => format!("{error}; a message has at most {MESSAGE_MAX_BYTES} bytes"),
        error => error.to_string(),
    }
}
