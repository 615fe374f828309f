//! A panel as far as a source can see one: it hears the stream in order, asks, and reports events.

use crate::world::{Broker, GATEWAY, PATIENCE, SITE};
use access::time::UtcTime;
use contract::changes::{Act, Changes, parse_changes};
use contract::command::{Command, CommandMessage};
use contract::digest::{self, Digest};
use contract::id::{GatewayId, SiteId, Version};
use contract::messages::{Event, EventMessage, Meta};
use contract::record;
use contract::repair::{Bits, Request, Want, parse_bucket, parse_digests};
use contract::topics::{GatewayTopic, Topics};
use rumqttc::{Client, Event as MqttEvent, MqttOptions, Outgoing, Packet, QoS, SubscribeFilter};
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// What the stream has said, computed anew by the contract's crate.
#[derive(Clone, Default)]
pub(super) struct Mirror {
    pub(super) version: Version,
    /// By kind and key: when it changed, and its digest.
    pub(super) rows: BTreeMap<(String, String), (Version, Digest)>,
    /// As the rows have it.
    pub(super) root: Digest,
    /// Whether the newest message had no changes, and the same root.
    proven: bool,
    /// Checkpoints so far.
    checkpoints: u64,
    /// What was wrong with the stream.
    faults: Vec<String>,
}

impl Mirror {
    pub(super) fn is_proven(&self) -> bool {
        self.proven
    }

    /// The sum of a bucket.
    pub(super) fn bucket(&self, bits: Bits, bucket: u32) -> Digest {
        let inside = |(kind, key): &(String, String)| bits.bucket(digest::place(kind, key)) == bucket;
        let digests = self.rows.iter().filter(|(name, _)| inside(name)).map(|(_, (_, digest))| *digest);
        digests.fold(Digest::ZERO, Digest::plus)
    }

    fn hear(&mut self, message: &Changes<'_>) {
        let Version { epoch, seq } = message.version;
        let is_checkpoint = message.changes.is_empty();
        let next = if is_checkpoint { self.version.seq } else { self.version.seq + 1 };
        let is_in_order = if epoch == self.version.epoch {
            seq == next
        } else {
            epoch > self.version.epoch && seq == 0 && is_checkpoint
        };
        if !is_in_order || !message.misshapen.is_empty() {
            self.faults.push(format!("{} after {}: {:?}", message.version, self.version, message.misshapen));
        }
        self.version = message.version;
        for change in &message.changes {
            let name = (change.kind.to_string(), change.key.to_string());
            if let Some((_, old)) = self.rows.remove(&name) {
                self.root = self.root.minus(old);
            }
            match &change.act {
                Act::Delete => {}
                Act::Upsert(sent) => {
                    let parsed = record::parse(&change.kind, sent);
                    if parsed.record.is_err() || parsed.canonical != sent.as_bytes() {
                        self.faults.push(format!("{name:?}: {:?}: {sent}", parsed.record));
                    }
                    let digest = digest::record(&name.0, &name.1, &parsed.canonical, message.version);
                    self.root = self.root.plus(digest);
                    self.rows.insert(name, (message.version, digest));
                }
                Act::Refuse(_, reason) => self.faults.push(format!("{name:?}: {reason}")),
            }
        }
        if self.root != message.root {
            self.faults.push(format!("{}: root {}, computed {}", message.version, message.root, self.root));
        }
        self.proven = is_checkpoint && self.root == message.root;
        self.checkpoints += u64::from(is_checkpoint);
    }
}

#[derive(Default)]
struct Heard {
    subscribed: bool,
    mirror: Mirror,
    meta: Option<Meta>,
    /// What is for this panel alone: topic's last part and payload, oldest first.
    own: Vec<(String, Vec<u8>)>,
}

pub(super) struct Panel {
    client: Client,
    topics: Topics,
    id: GatewayId,
    heard: Arc<(Mutex<Heard>, Condvar)>,
}

impl Panel {
    /// Connected and subscribed.
    pub(super) fn start(broker: &Broker) -> Panel {
        let mut options = MqttOptions::new("played-panel", "127.0.0.1", broker.port());
        options.set_keep_alive(Duration::from_secs(30)).set_max_packet_size(4 << 20, 4 << 20);
        let (client, mut connection) = Client::new(options, 1000);
        let topics = Topics::new(&SiteId::new(SITE).expect("site"));
        let id = GatewayId::new(GATEWAY).expect("id");
        let heard: Arc<(Mutex<Heard>, Condvar)> = Arc::default();
        let panel =
            Panel { client: client.clone(), topics: topics.clone(), id: id.clone(), heard: heard.clone() };
        std::thread::spawn(move || {
            for event in connection.iter() {
                let (lock, changed) = &*heard;
                match event {
                    Ok(MqttEvent::Incoming(Packet::ConnAck(_))) => {
                        let own = [GatewayTopic::Digests, GatewayTopic::Bucket, GatewayTopic::Command];
                        let own = own.map(|topic| topics.gateway(&id, topic));
                        let all = own.into_iter().chain([topics.changes(), topics.meta()]);
                        let filters = all.map(|topic| SubscribeFilter::new(topic, QoS::AtLeastOnce));
                        client.try_subscribe_many(filters).expect("room");
                    }
                    Ok(MqttEvent::Incoming(Packet::SubAck(_))) => lock.lock().unwrap().subscribed = true,
                    Ok(MqttEvent::Incoming(Packet::Publish(publish))) => {
                        lock.lock().unwrap().take(&topics, &publish.topic, &publish.payload);
                    }
                    Ok(MqttEvent::Outgoing(Outgoing::Disconnect)) | Err(_) => return,
                    Ok(_) => {}
                }
                changed.notify_all();
            }
        });
        panel.wait("it is subscribed", |heard| heard.subscribed.then_some(()));
        panel
    }

    fn wait<T>(&self, what: &str, mut look: impl FnMut(&mut Heard) -> Option<T>) -> T {
        let (lock, changed) = &*self.heard;
        let mut found = None;
        let waiting = |heard: &mut Heard| {
            found = look(heard);
            found.is_none() && heard.mirror.faults.is_empty()
        };
        let (heard, _) = changed.wait_timeout_while(lock.lock().unwrap(), PATIENCE, waiting).unwrap();
        assert!(heard.mirror.faults.is_empty(), "{what}: {:#?}", heard.mirror.faults);
        found.unwrap_or_else(|| panic!("{what}: {}, {} rows", heard.mirror.version, heard.mirror.rows.len()))
    }

    pub(super) fn mirror(&self) -> Mirror {
        self.heard.0.lock().unwrap().mirror.clone()
    }

    pub(super) fn expect(&self, what: &str, is_so: impl Fn(&Mirror) -> bool) {
        self.wait(what, |heard| is_so(&heard.mirror).then_some(()));
    }

    pub(super) fn expect_meta(&self, version: Version) {
        self.wait("meta follows", |heard| {
            let meta = heard.meta.as_ref()?;
            let is_it = (meta.epoch, meta.head_seq) == (version.epoch, version.seq);
            (is_it && meta.exporter.as_ref() == Some(&self.id)).then_some(())
        });
    }

    /// Waits for a checkpoint later than now.
    pub(super) fn expect_checkpoint(&self) {
        let before = self.mirror().checkpoints;
        self.expect("a checkpoint after the answers", |mirror| mirror.checkpoints > before);
    }

    /// Publishes any bytes on one of its topics.
    pub(super) fn publish_raw(&self, topic: &str, payload: &[u8]) {
        let topic = self.topics.gateway(&self.id, GatewayTopic::Request).replace("request", topic);
        self.client.publish(topic, QoS::AtLeastOnce, false, payload).expect("room");
    }

    pub(super) fn ask(&self, high: Version, want: &Want) {
        let request = Request { high, want: want.clone() };
        self.publish_raw("request", &serde_json::to_vec(&request).expect("JSON"));
    }

    pub(super) fn report(&self, seq: u64) {
        let event = Event::RefusedMessage { topic: "changes".into(), bytes: seq, reason: "because".into() };
        let at = UtcTime::from_unix(1_795_417_200);
        let message = EventMessage { stream: "stream-1".into(), seq, at, event };
        self.publish_raw("events", &serde_json::to_vec(&message).expect("JSON"));
    }

    /// The next message on one of its topics.
    fn next(&self, topic: &str) -> Vec<u8> {
        self.wait(&format!("an answer on {topic}"), |heard| {
            let at = heard.own.iter().position(|(name, _)| name == topic)?;
            Some(heard.own.remove(at).1)
        })
    }

    /// All pages of the next digests.
    pub(super) fn expect_digests(&self) -> (Bits, Vec<Digest>) {
        let mut digests = Vec::new();
        loop {
            let page = parse_digests(&self.next("digests")).expect("digests");
            assert_eq!(page.from as usize, digests.len());
            digests.extend(page.digests);
            if digests.len() == page.bits.buckets() as usize {
                return (page.bits, digests);
            }
        }
    }

    /// The next buckets, which are as `mirror` has them; returns which they are.
    pub(super) fn expect_buckets(&self, mirror: &Mirror, bits: Bits, count: usize) -> Vec<u32> {
        let mut found = Vec::new();
        for _ in 0..count {
            let payload = self.next("bucket");
            let bucket = parse_bucket(&payload).expect("a bucket");
            assert_eq!((bucket.as_of, bucket.bits), (mirror.version, bits));
            let mut sum = Digest::ZERO;
            for held in &bucket.records {
                let name = (held.kind.to_string(), held.key.to_string());
                let canonical = record::parse(&held.kind, held.record).canonical;
                let digest = digest::record(&held.kind, &held.key, &canonical, held.version);
                assert_eq!(mirror.rows.get(&name), Some(&(held.version, digest)), "{name:?}");
                sum = sum.plus(digest);
            }
            assert_eq!(sum, mirror.bucket(bits, bucket.bucket), "bucket {}", bucket.bucket);
            found.push(bucket.bucket);
        }
        found
    }

    /// The next receipt for events: stream and number.
    pub(super) fn expect_receipt(&self) -> (String, u64) {
        let message: CommandMessage = serde_json::from_slice(&self.next("command")).expect("a command");
        match message.command {
            Command::EventsReceived { stream, seq } => (stream, seq),
            Command::Resync
            | Command::ExportRetry { .. }
            | Command::ExportApprove { .. }
            | Command::RevocationSettled { .. }
            | Command::Enroll { .. }
            | Command::EnrollCancel { .. }
            | Command::Lockdown { .. }
            | Command::LockdownEnd
            | Command::DoorUnlock { .. }
            | Command::DoorLock { .. }
            | Command::EnrollmentSettled { .. } => {
                panic!("a command that nobody gave")
            }
        }
    }
}

impl Heard {
    fn take(&mut self, topics: &Topics, topic: &str, payload: &[u8]) {
        if topic == topics.changes() {
            match parse_changes(payload) {
                Ok(message) => self.mirror.hear(&message),
                Err(why) => self.mirror.faults.push(why),
            }
        } else if topic == topics.meta() {
            self.meta = serde_json::from_slice(payload).ok();
        } else if let Some((_, name)) = topic.rsplit_once('/') {
            self.own.push((name.into(), payload.to_vec()));
        }
    }
}

impl Drop for Panel {
    fn drop(&mut self) {
        let _ = self.client.try_disconnect();
    }
}
