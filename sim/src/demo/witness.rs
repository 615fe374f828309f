//! Three witnesses on threads of their own, who note when something is seen: a change on the broker, a version
//! in the mirror's file, an act in the PACS. Times come from them, never from who says that it did something.
//!
//! Not here: what ought to be seen.

use crate::stage::{OBSERVER, SITE};
use crate::{clock, http, patience};
use access::time::UtcTime;
use anyhow::{Context as _, Result};
use contract::changes::parse_changes;
use contract::id::{SiteId, Version};
use contract::topics::Topics;
use doorward_sim::Effect;
use rumqttc::{Client, Connection, Event, MqttOptions, Packet, QoS};
use rusqlite::OpenFlags;
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Largest message on the broker, with room for its head.
const PACKET_MAX_BYTES: usize = 256 * 1024;
/// Requests that may wait for the observer's connection.
const REQUESTS_MAX: usize = 16;
/// How long the PACS holds a question for the next act open.
const HOLD_MS: u64 = 500;
/// Between attempts to reach what is away.
const AWAY: Duration = Duration::from_millis(50);
/// The epoch of the forged message: no source comes by it honestly.
const FORGED_EPOCH: u64 = 9_000_000_000_000;

/// An act in the PACS, and when it was seen.
#[derive(Clone, Debug)]
pub(crate) struct Act {
    /// The act.
    pub(crate) effect: Effect,
    /// When it was seen.
    pub(crate) at: Instant,
    /// The same by the wall clock, since 1970.
    pub(crate) wall: Duration,
}

#[derive(Default)]
struct Seen {
    is_subscribed: bool,
    published: Vec<(Version, Instant)>,
    mirrored: Vec<(Version, Instant)>,
    acts: Vec<Act>,
}

/// The mirror's file, looked at read-only.
struct Mirror {
    file: PathBuf,
    open: Option<rusqlite::Connection>,
    paused: bool,
}

/// The three of them.
#[derive(Clone)]
pub(crate) struct Witness {
    seen: Arc<Mutex<Seen>>,
    mirror: Arc<Mutex<Mirror>>,
    client: Client,
    topics: Topics,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Witness {
    /// Begins to watch; returns once the broker has taken the subscription.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) fn start(
        broker_port: u16,
        password: &str,
        pacs: SocketAddr,
        mirror: &Path,
    ) -> Result<Witness> {
        let mut options = MqttOptions::new("demo-observer", "127.0.0.1", broker_port);
        options.set_credentials(OBSERVER, password);
        options.set_max_packet_size(PACKET_MAX_BYTES, PACKET_MAX_BYTES);
        // So that nothing is missed while the broker is away.
        options.set_clean_session(false);
        let (client, connection) = Client::new(options, REQUESTS_MAX);
        let topics = Topics::new(&SiteId::new(SITE).map_err(anyhow::Error::msg)?);
        let mirror = Mirror { file: mirror.to_owned(), open: None, paused: false };
        let witness = Witness { seen: Arc::default(), mirror: Arc::new(Mutex::new(mirror)), client, topics };
        let (on_broker, in_mirror, in_pacs) = (witness.clone(), witness.clone(), witness.clone());
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            thread::Builder::new().name(name.to_owned()).spawn(work).context("no thread")
        };
        spawn("on the broker", Box::new(move || on_broker.watch_broker(connection)))?;
        spawn("in the mirror", Box::new(move || in_mirror.watch_mirror()))?;
        spawn("in the PACS", Box::new(move || in_pacs.watch_pacs(pacs)))?;
        witness.client.subscribe(witness.topics.changes(), QoS::AtLeastOnce)?;
        patience::until("the broker takes the observer's subscription", || {
            Ok(witness.seen().is_subscribed.then_some(()))
        })?;
        Ok(witness)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.seen)
    }

    fn watch_broker(&self, mut connection: Connection) {
        for event in connection.iter() {
            match event {
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    let at = clock::now();
                    if let Ok(changes) = parse_changes(&publish.payload) {
                        self.seen().published.push((changes.version, at));
                    }
                }
                Ok(Event::Incoming(Packet::SubAck(_))) => self.seen().is_subscribed = true,
                Ok(_) => {}
                Err(_) => thread::sleep(AWAY),
            }
        }
    }

    fn watch_mirror(&self) {
        loop {
            if let Some(version) = lock(&self.mirror).head() {
                let mut seen = self.seen();
                if seen.mirrored.last().is_none_or(|(last, _)| *last < version) {
                    seen.mirrored.push((version, clock::now()));
                }
            }
            thread::sleep(patience::PAUSE);
        }
    }

    fn watch_pacs(&self, address: SocketAddr) {
        #[derive(Deserialize)]
        struct Page {
            items: Vec<Effect>,
        }
        let ask = |path: String| http::ask(address, "GET", &path, &Value::Null);
        let mut known = 0;
        loop {
            let waited = ask(format!("/_sim/wait?effects={}&timeout_ms={HOLD_MS}", known + 1));
            let page = waited.and_then(|_| ask(format!("/_sim/effects?since={known}")));
            // Read late: what is shown may be longer than it took, never shorter.
            let (at, wall) = (clock::now(), clock::since_1970());
            match page.and_then(|page| Ok(serde_json::from_value::<Page>(page)?)) {
                Ok(Page { items }) => {
                    known = items.last().map_or(known, |effect| effect.n);
                    let acts = items.into_iter().map(|effect| Act { effect, at, wall });
                    self.seen().acts.extend(acts);
                }
                Err(_) => thread::sleep(AWAY),
            }
        }
    }

    /// Lets go of the mirror's file, so that whoever opens it next finds it as the gateway left it; gives the
    /// version that it was left with.
    pub(crate) fn leave_mirror(&self) -> Option<Version> {
        let mut mirror = lock(&self.mirror);
        let head = mirror.head();
        (mirror.open, mirror.paused) = (None, true);
        head
    }

    /// Looks at the mirror again.
    pub(crate) fn resume_mirror(&self) {
        lock(&self.mirror).paused = false;
    }

    /// When `version` was seen on the broker.
    ///
    /// # Errors
    /// When it is not seen.
    pub(crate) fn published(&self, version: Version) -> Result<Instant> {
        patience::until(&format!("{version} is published"), || {
            let seen = self.seen();
            Ok(seen.published.iter().find(|(of, _)| *of == version).map(|(_, at)| *at))
        })
    }

    /// When the mirror was seen to have reached `version`.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) fn mirrored(&self, version: Version) -> Result<Instant> {
        patience::until(&format!("{version} is mirrored"), || {
            let seen = self.seen();
            Ok(seen.mirrored.iter().find(|(head, _)| *head >= version).map(|(_, at)| *at))
        })
    }

    /// The acts in the PACS that were seen so far.
    pub(crate) fn acts(&self) -> Vec<Act> {
        self.seen().acts.clone()
    }

    /// The first act after the first `mark` of the PACS that is meant.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn act(&self, mark: u64, what: &str, is_meant: impl Fn(&Effect) -> bool) -> Result<Act> {
        patience::until(what, || {
            let seen = self.seen();
            Ok(seen.acts.iter().find(|act| act.effect.n > mark && is_meant(&act.effect)).cloned())
        })
    }

    /// Says on `changes`, as if it were the source, that `user` exists.
    ///
    /// # Errors
    /// When it cannot be said.
    pub(crate) fn forge(&self, user: &str) -> Result<()> {
        let record = json!({"status": "active", "given_name": "Mallory", "family_name": "Forged"});
        let change = json!({"op": "upsert", "kind": "user", "key": user, "record": record});
        let root = "0".repeat(32);
        let message = json!({"epoch": FORGED_EPOCH, "seq": 1, "root": root, "changes": [change]});
        Ok(self.client.publish(self.topics.changes(), QoS::AtLeastOnce, false, message.to_string())?)
    }

    /// Whether the forged message was heard.
    pub(crate) fn heard_the_forgery(&self) -> bool {
        self.seen().published.iter().any(|(version, _)| version.epoch == FORGED_EPOCH)
    }
}

impl Mirror {
    /// The version in the file; `None` while there is none, or it cannot be read.
    fn head(&mut self) -> Option<Version> {
        if self.paused {
            return None;
        }
        if self.open.is_none() {
            self.open =
                rusqlite::Connection::open_with_flags(&self.file, OpenFlags::SQLITE_OPEN_READ_ONLY).ok();
        }
        let query = "SELECT head_epoch, head_seq FROM mirror";
        let found = self.open.as_ref()?.prepare_cached(query).and_then(|mut statement| {
            statement.query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
        });
        let (epoch, seq) = found.ok()?;
        Version::new(epoch.try_into().ok()?, seq.try_into().ok()?)
    }
}

/// The wall clock in whole seconds.
pub(crate) fn utc_now() -> UtcTime {
    UtcTime::from_unix(i64::try_from(clock::since_1970().as_secs()).unwrap_or(i64::MAX))
}
