//! A source small enough to lie when a scene wants it to: it numbers, hashes and publishes, and hears events.

use super::answers::Answers;
use super::{GATEWAY, PATIENCE};
use access::time::UtcTime;
use contract::command::{Command, CommandMessage};
use contract::digest::{self, Digest};
use contract::id::{GatewayId, SiteId, Version};
use contract::messages::{Event, EventMessage, Meta};
use contract::record;
use contract::topics::{GatewayTopic, Topics};
use rumqttc::{Client, Event as MqttEvent, MqttOptions, Outgoing, Packet, QoS, SubscribeFilter};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

#[derive(Default)]
struct Seen {
    connections: u64,
    acknowledged: u64,
    subscriptions: u64,
    events: Vec<EventMessage>,
    states: BTreeMap<GatewayId, Value>,
}

impl Display for Seen {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Seen { connections, subscriptions, acknowledged, events, states } = self;
        let last: Vec<_> = events.iter().rev().take(5).collect();
        write!(f, "{connections} connections, {subscriptions} subscriptions, {acknowledged} acknowledged, ")?;
        write!(f, "events {last:?}, states {states:?}")
    }
}

type Shared = Arc<(Mutex<Seen>, Condvar)>;

/// A row as the source holds it.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) version: Version,
    pub(crate) record: Value,
    pub(crate) digest: Digest,
}

/// What the source holds, and its number.
#[derive(Clone, Default)]
pub(crate) struct Held {
    pub(crate) version: Version,
    pub(crate) rows: BTreeMap<(String, String), Row>,
}

impl Held {
    pub(crate) fn root(&self) -> Digest {
        self.rows.values().fold(Digest::ZERO, |root, row| root.plus(row.digest))
    }
}

pub(crate) struct Source {
    client: Client,
    topics: Topics,
    port: u16,
    held: Arc<Mutex<Held>>,
    staged: Vec<Value>,
    published: u64,
    seen: Shared,
}

impl Source {
    pub(crate) fn start(port: u16, site: &str) -> Source {
        let mut options = MqttOptions::new(format!("test-source-{site}"), "127.0.0.1", port);
        options.set_keep_alive(Duration::from_secs(30));
        options.set_max_packet_size(4 * 1024 * 1024, 4 * 1024 * 1024);
        options.set_clean_session(false);
        let (client, mut connection) = Client::new(options, 20_000);
        let topics = Topics::new(&SiteId::new(site).expect("site"));
        let seen: Shared = Arc::default();
        let (shared, client_for_thread, topics_for_thread) = (seen.clone(), client.clone(), topics.clone());
        std::thread::spawn(move || {
            for event in connection.iter() {
                match event {
                    Ok(MqttEvent::Incoming(packet)) => {
                        hear(packet, &shared, &client_for_thread, &topics_for_thread)
                    }
                    Ok(MqttEvent::Outgoing(Outgoing::Disconnect)) => return,
                    Ok(MqttEvent::Outgoing(_)) => {}
                    Err(_) => std::thread::sleep(Duration::from_millis(50)),
                }
            }
        });
        let version = Version { epoch: 1_000, seq: 0 };
        let source = Source {
            client,
            topics,
            port,
            held: Arc::new(Mutex::new(Held { version, ..Held::default() })),
            staged: Vec::new(),
            published: 0,
            seen,
        };
        // Not every broker says a retained state to a subscription with a wildcard: be there before a gateway is.
        source.expect_subscriptions(1);
        source.publish_meta(Some(GATEWAY));
        source
    }

    /// Says who exports, without a hand-over.
    pub(crate) fn publish_meta(&self, exporter: Option<&str>) {
        self.name_exporter(exporter, None, 0);
    }

    /// Says who exports, from whom it takes over, and by which claim.
    pub(crate) fn name_exporter(&self, exporter: Option<&str>, after: Option<&str>, exporter_claim: u64) {
        let id = |id: &str| GatewayId::new(id).expect("gateway id");
        let (exporter, exporter_after) = (exporter.map(id), after.map(id));
        let Version { epoch, seq } = self.held().version;
        let meta = Meta { epoch, head_seq: seq, exporter, exporter_after, exporter_claim, minor: 0 };
        let payload = serde_json::to_vec(&meta).expect("JSON");
        self.client.publish(self.topics.meta(), QoS::AtLeastOnce, true, payload).expect("room");
    }

    /// Stages an upsert for the next message.
    pub(crate) fn put(&mut self, kind: &str, key: &str, record: Value) -> &mut Source {
        self.staged.push(json!({ "op": "upsert", "kind": kind, "key": key, "record": record }));
        self
    }

    /// Stages a delete for the next message.
    pub(crate) fn delete(&mut self, kind: &str, key: &str) -> &mut Source {
        self.staged.push(json!({ "op": "delete", "kind": kind, "key": key }));
        self
    }

    /// Publishes what is staged as one message.
    pub(crate) fn publish(&mut self) -> Version {
        let payload = self.next_message();
        self.publish_raw(payload);
        self.held().version
    }

    /// What it holds.
    pub(crate) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().expect("lock")
    }

    /// Answers requests from now on, dividing keys by so many bits.
    pub(crate) fn answer_requests(&self, bits: u8) -> Answers {
        Answers::start(self.port, self.topics.clone(), self.held.clone(), bits)
    }

    /// Numbers and hashes what is staged, and returns the message unsent.
    pub(crate) fn next_message(&mut self) -> Vec<u8> {
        let changes = std::mem::take(&mut self.staged);
        let mut held = self.held();
        held.version.seq += 1;
        let version = held.version;
        for change in &changes {
            let name = (
                change["kind"].as_str().expect("kind").to_string(),
                change["key"].as_str().expect("key").to_string(),
            );
            match change.get("record") {
                None => drop(held.rows.remove(&name)),
                Some(record) => {
                    let sent = record.to_string();
                    let parsed = record::parse(&name.0, &sent);
                    let digest = digest::record(&name.0, &name.1, &parsed.canonical, version);
                    held.rows.insert(name, Row { version, record: record.clone(), digest });
                }
            }
        }
        message(&held, &changes)
    }

    /// Repeats the last number without changes, so that the mirror can be proven.
    pub(crate) fn checkpoint(&mut self) {
        let payload = message(&self.held(), &[]);
        self.publish_raw(payload);
    }

    /// A new epoch, as after a restart.
    pub(crate) fn new_epoch(&mut self) {
        let mut held = self.held();
        held.version = Version { epoch: held.version.epoch + 1, seq: 0 };
        drop(held);
        self.checkpoint();
    }

    /// Publishes any bytes on the stream's topic.
    pub(crate) fn publish_raw(&mut self, payload: Vec<u8>) {
        self.published += 1;
        self.client.publish(self.topics.changes(), QoS::AtLeastOnce, false, payload).expect("room");
    }

    /// Publishes any bytes as a command.
    pub(crate) fn publish_command(&self, payload: Vec<u8>) {
        let topic = self.topics.gateway(&GatewayId::new(GATEWAY).expect("id"), GatewayTopic::Command);
        self.client.publish(topic, QoS::AtLeastOnce, false, payload).expect("room");
    }

    /// Takes over the root that the gateway must have after something was published by hand.
    pub(crate) fn count_refused(&mut self, kind: &str, key: &str, digest: Digest) {
        let mut held = self.held();
        let row = Row { version: held.version, record: Value::Null, digest };
        held.rows.insert((kind.into(), key.into()), row);
    }

    /// Counts a version as used for something published by hand.
    pub(crate) fn use_version(&mut self) -> Version {
        let mut held = self.held();
        held.version.seq += 1;
        held.version
    }

    pub(crate) fn head(&self) -> (Version, Digest) {
        let held = self.held();
        (held.version, held.root())
    }

    /// Waits until an event satisfies `wanted`.
    pub(crate) fn expect_event(&self, what: &str, wanted: impl Fn(&Event) -> bool) {
        self.wait(what, |seen| seen.events.iter().any(|message| wanted(&message.event)));
    }

    /// Waits until the newest state satisfies `wanted`.
    pub(crate) fn expect_state(&self, what: &str, wanted: impl Fn(&Value) -> bool) {
        self.expect_state_of(GATEWAY, what, wanted);
    }

    /// The same of any gateway.
    pub(crate) fn expect_state_of(&self, gateway: &str, what: &str, wanted: impl Fn(&Value) -> bool) {
        let gateway = GatewayId::new(gateway).expect("gateway id");
        self.wait(what, |seen| seen.states.get(&gateway).is_some_and(&wanted));
    }

    /// How often a broker has taken our subscriptions.
    pub(crate) fn subscriptions(&self) -> u64 {
        self.seen.0.lock().expect("lock").subscriptions
    }

    /// Waits until a broker has taken our subscriptions so often.
    pub(crate) fn expect_subscriptions(&self, times: u64) {
        self.wait("the broker takes the subscriptions", |seen| seen.subscriptions >= times);
    }

    pub(crate) fn events(&self) -> Vec<EventMessage> {
        self.seen.0.lock().expect("lock").events.clone()
    }

    fn wait(&self, what: &str, condition: impl Fn(&Seen) -> bool) {
        let (lock, changed) = &*self.seen;
        let guard = lock.lock().expect("lock");
        let (seen, timeout) =
            changed.wait_timeout_while(guard, PATIENCE, |seen| !condition(seen)).expect("lock");
        let found = timeout.timed_out().then(|| seen.to_string());
        // Who hears must not find the lock poisoned and fail louder than this does.
        drop(seen);
        if let Some(found) = found {
            panic!("{what}: {} published, {found}", self.published);
        }
    }

    /// Waits until the broker has acknowledged everything published on the stream.
    pub(crate) fn flush(&self) {
        // `meta` is acknowledged as well, so this may be early by one; the broker has it in order all the same.
        self.wait("the broker takes what is published", |seen| seen.acknowledged >= self.published);
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let _ = self.client.try_disconnect();
    }
}

fn message(held: &Held, changes: &[Value]) -> Vec<u8> {
    let Version { epoch, seq } = held.version;
    json!({ "epoch": epoch, "seq": seq, "root": held.root(), "changes": changes }).to_string().into_bytes()
}

fn hear(packet: Packet, shared: &Shared, client: &Client, topics: &Topics) {
    let (lock, changed) = &**shared;
    match packet {
        Packet::ConnAck(_) => {
            let filters = [GatewayTopic::Events, GatewayTopic::State]
                .map(|topic| SubscribeFilter::new(topics.all_gateways(topic), QoS::AtLeastOnce));
            let _ = client.try_subscribe_many(filters);
            lock.lock().expect("lock").connections += 1;
        }
        Packet::SubAck(_) => lock.lock().expect("lock").subscriptions += 1,
        Packet::PubAck(_) => lock.lock().expect("lock").acknowledged += 1,
        Packet::Publish(publish) => {
            if let Some(gateway) = topics.parse_gateway(&publish.topic, GatewayTopic::Events) {
                let message: EventMessage = serde_json::from_slice(&publish.payload).expect("an event");
                let received = CommandMessage {
                    id: format!("received-{}", message.seq),
                    expires: UtcTime::from_unix(4_000_000_000),
                    command: Command::EventsReceived { stream: message.stream.clone(), seq: message.seq },
                };
                let payload = serde_json::to_vec(&received).expect("JSON");
                let _ = client.try_publish(
                    topics.gateway(&gateway, GatewayTopic::Command),
                    QoS::AtLeastOnce,
                    false,
                    payload,
                );
                let mut seen = lock.lock().expect("lock");
                if seen
                    .events
                    .iter()
                    .all(|known| (&known.stream, known.seq) != (&message.stream, message.seq))
                {
                    seen.events.push(message);
                }
            } else if let Some(gateway) = topics.parse_gateway(&publish.topic, GatewayTopic::State)
                && let Ok(state) = serde_json::from_slice(&publish.payload)
            {
                lock.lock().expect("lock").states.insert(gateway, state);
            }
        }
        _ => {}
    }
    changed.notify_all();
}

pub(crate) fn user(given: &str, family: &str) -> Value {
    json!({ "status": "active", "given_name": given, "family_name": family })
}

pub(crate) fn card(user: &str, hex: &str) -> Value {
    json!({ "user": user, "kind": "card", "status": "ACTIVE", "identifiers": [{ "type": "mifare", "hex": hex }] })
}

pub(crate) fn entitlement(pacs_ref: &str, name: &str) -> Value {
    json!({ "type": "AccessProfile", "display_name": name, "pacs_ref": pacs_ref })
}

/// `from` and `to` as instants on the wire; empty is open.
pub(crate) fn assignment(user: &str, entitlement: &str, from: &str, to: &str) -> Value {
    let mut record = json!({ "user": user, "entitlement": entitlement });
    for (name, edge) in [("valid_from", from), ("valid_to", to)] {
        if !edge.is_empty() {
            record[name] = json!(edge);
        }
    }
    record
}
