//! The source's answers to requests, when a scene wants them: from what it holds, by the contract.

use super::PATIENCE;
use super::source::Held;
use contract::digest::{self, Digest};
use contract::id::Version;
use contract::repair::{Bits, Want, parse_request};
use contract::topics::{GatewayTopic, Topics};
use rumqttc::{Client, Connection, Event, MqttOptions, Packet, Publish, QoS};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What was sent, to count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) requests: u64,
    pub(crate) pages: u64,
    pub(crate) buckets: u64,
    pub(crate) bytes: u64,
}

/// Answers until it is dropped.
pub(crate) struct Answers {
    client: Client,
    sent: Arc<Mutex<Sent>>,
}

impl Answers {
    /// As a client of its own; subscribed when this returns.
    pub(super) fn start(port: u16, topics: Topics, held: Arc<Mutex<Held>>, bits: u8) -> Answers {
        let mut options = MqttOptions::new("test-answers", "127.0.0.1", port);
        options.set_keep_alive(Duration::from_secs(30)).set_max_packet_size(1 << 20, 1 << 20);
        let (client, mut connection) = Client::new(options, 20_000);
        client.subscribe(topics.all_gateways(GatewayTopic::Request), QoS::AtLeastOnce).expect("room");
        while !matches!(
            connection.recv_timeout(PATIENCE).expect("in time").expect("connected"),
            Event::Incoming(Packet::SubAck(_))
        ) {}
        let sent = Arc::new(Mutex::new(Sent::default()));
        let answering = Answering {
            client: client.clone(),
            topics,
            held,
            sent: sent.clone(),
            bits: Bits::new(bits).expect("few"),
        };
        std::thread::spawn(move || answering.run(connection));
        Answers { client, sent }
    }

    pub(crate) fn sent(&self) -> Sent {
        *self.sent.lock().expect("lock")
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        let _ = self.client.try_disconnect();
    }
}

struct Answering {
    client: Client,
    topics: Topics,
    held: Arc<Mutex<Held>>,
    sent: Arc<Mutex<Sent>>,
    bits: Bits,
}

impl Answering {
    fn run(self, mut connection: Connection) {
        for event in connection.iter() {
            match event {
                Ok(Event::Incoming(Packet::Publish(publish))) => self.answer(&publish),
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }

    fn answer(&self, publish: &Publish) {
        let gateway =
            self.topics.parse_gateway(&publish.topic, GatewayTopic::Request).expect("a gateway's topic");
        let request = parse_request(&publish.payload).expect("a good request");
        let mut held = self.held.lock().expect("lock");
        if request.high > held.version {
            held.version = Version { epoch: held.version.epoch.max(request.high.epoch) + 1, seq: 0 };
            self.checkpoint(&held);
        }
        let buckets: Vec<u32> = match request.want {
            Want::Digests => Vec::new(),
            Want::All { from, count } => (from..(from + count).min(self.bits.buckets())).collect(),
            Want::Buckets { bits, buckets } if bits == self.bits => buckets,
            Want::Buckets { .. } => panic!("another division than ours"),
        };
        let mut messages: Vec<(GatewayTopic, Value)> =
            buckets.iter().map(|bucket| (GatewayTopic::Bucket, self.bucket(&held, *bucket))).collect();
        if messages.is_empty() {
            messages.push((GatewayTopic::Digests, self.digests(&held)));
        }
        let mut sent = self.sent.lock().expect("lock");
        sent.requests += 1;
        for (topic, message) in messages {
            let payload = message.to_string().into_bytes();
            sent.bytes += payload.len() as u64;
            *(if topic == GatewayTopic::Bucket { &mut sent.buckets } else { &mut sent.pages }) += 1;
            let topic = self.topics.gateway(&gateway, topic);
            self.client.try_publish(topic, QoS::AtLeastOnce, false, payload).expect("room");
        }
        self.checkpoint(&held);
    }

    fn checkpoint(&self, held: &Held) {
        let Version { epoch, seq } = held.version;
        let message = json!({ "epoch": epoch, "seq": seq, "root": held.root(), "changes": [] });
        let payload = message.to_string().into_bytes();
        self.client.try_publish(self.topics.changes(), QoS::AtLeastOnce, false, payload).expect("room");
    }

    fn digests(&self, held: &Held) -> Value {
        let mut sums = vec![Digest::ZERO; self.bits.buckets() as usize];
        for ((kind, key), row) in &held.rows {
            let sum = &mut sums[self.bits.bucket(digest::place(kind, key)) as usize];
            *sum = sum.plus(row.digest);
        }
        let Version { epoch, seq } = held.version;
        json!({ "epoch": epoch, "as_of_seq": seq, "bits": self.bits, "from": 0, "digests": sums })
    }

    fn bucket(&self, held: &Held, bucket: u32) -> Value {
        let mine =
            held.rows.iter().filter(|((kind, key), _)| self.bits.bucket(digest::place(kind, key)) == bucket);
        let records: Vec<Value> = mine
            .map(|((kind, key), row)| {
                json!({ "kind": kind, "key": key, "version": row.version, "record": row.record })
            })
            .collect();
        let Version { epoch, seq } = held.version;
        json!({ "epoch": epoch, "as_of_seq": seq, "bits": self.bits, "bucket": bucket, "records": records })
    }
}
