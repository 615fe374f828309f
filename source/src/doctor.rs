//! What this login may do at the broker: every right that `serve` needs, tried by using it.
//!
//! An MQTT 3.1.1 broker acknowledges a publication that it forbids, or hangs up, so each one is listened for on
//! a second connection. What is published harms nobody: `meta` as it is retained, a checkpoint as it stands or
//! one older than anything, which no mirror compares, and probes that are no messages, on the topics of a gateway that has the login's own name (the rules in
//! `docs/brokers` let every login hear and speak there, and no panel may have the source's name).
//!
//! Not here: printing, and what a gateway's login may do.

pub(crate) mod probe;
mod talk;

use crate::config::Config;
use crate::serve::{ServeError, link};
use crate::store::Head;
use crate::store::batch::Filling;
use crate::store::exporter::{self, Naming};
use contract::digest::Digest;
use contract::id::{GatewayId, Version};
use contract::topics::{GatewayTopic, Topics};
use rumqttc::MqttOptions;
use talk::{Outcome, Talk};

/// What came of one check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It works.
    Fine,
    /// It does not.
    Refused,
    /// It could not be tried.
    Untried,
}

/// One thing that `serve` needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Check {
    /// What was tried.
    pub what: String,
    /// Whether it works.
    pub verdict: Verdict,
    /// What to do, or why it could not be tried; empty when it works.
    pub remedy: String,
}

/// Name used on the gateways' topics by a login whose own cannot be a gateway's.
const NAMELESS: &str = "doctor";

/// Tries everything. `head` is where the stream stands, if gateways have heard so, and `naming` who exports.
///
/// # Errors
/// When a certificate or password cannot be read. What the broker refuses is in the checks.
pub async fn examine(
    config: &Config,
    head: Option<Head>,
    naming: Option<Naming>,
) -> Result<Vec<Check>, ServeError> {
    let options = |role: &str| -> Result<MqttOptions, ServeError> {
        let mut options = link::options(config, &format!("doorward-source-{}-doctor-{role}", config.site))?;
        options.set_manual_acks(false).set_clean_session(true);
        Ok(options)
    };
    let mut kept = options("session")?;
    kept.set_clean_session(false);
    let login = config.broker.username.as_deref().unwrap_or(NAMELESS);
    let own = match GatewayId::new(login).or_else(|_| GatewayId::new(NAMELESS)) {
        Ok(own) => own,
        Err(rule) => {
            let (what, remedy) = ("play a gateway".into(), rule.into());
            return Ok(vec![Check { what, verdict: Verdict::Refused, remedy }]);
        }
    };
    let mut examination = Examination {
        topics: Topics::new(&config.site),
        naming,
        own,
        listening: options("listens")?,
        speaking: options("speaks")?,
        granted: Vec::new(),
        checks: Vec::new(),
    };
    let connected = Talk::open(examination.listening.clone()).await;
    let who = config.broker.username.as_deref().map_or("anonymously".into(), |name| format!("as {name}"));
    let what = format!("connect to {}:{} {who}", config.broker.host, config.broker.port);
    match connected {
        Err(reason) => examination.add(what, Verdict::Refused, reason),
        Ok(mut listener) => {
            examination.add(what, Verdict::Fine, String::new());
            examination.session(kept, options("session")?).await;
            // The listener's loss ends the examination: everything else is heard by it.
            if let Err(reason) = examination.rights(&mut listener, head.unwrap_or_else(oldest)).await {
                examination.add("listen".into(), Verdict::Refused, reason);
            }
            listener.close().await;
        }
    }
    Ok(examination.checks)
}

struct Examination {
    naming: Option<Naming>,
    topics: Topics,
    own: GatewayId,
    listening: MqttOptions,
    speaking: MqttOptions,
    granted: Vec<String>,
    checks: Vec<Check>,
}

impl Examination {
    fn add(&mut self, what: String, verdict: Verdict, remedy: String) {
        self.checks.push(Check { what, verdict, remedy });
    }

    /// What `serve` misses while it is away, the broker has to keep.
    async fn session(&mut self, kept: MqttOptions, cleaning: MqttOptions) {
        let what = "keep the session while nobody is connected".to_string();
        let mut is_kept = Err("no connection".to_string());
        for _ in 0..2 {
            is_kept = match Talk::open(kept.clone()).await {
                Err(reason) => Err(reason),
                Ok(mut talk) => {
                    let continued = talk.is_continued;
                    // Some brokers keep a session only for its subscriptions.
                    let _ = talk.subscribe(&self.topics.meta()).await;
                    talk.close().await;
                    Ok(continued)
                }
            };
        }
        if let Ok(talk) = Talk::open(cleaning).await {
            talk.close().await;
        }
        let remedy = "let the broker keep sessions (MQTT 3.1.1 without clean session) for this login";
        match is_kept {
            Ok(true) => self.add(what, Verdict::Fine, String::new()),
            Ok(false) => self.add(what, Verdict::Refused, remedy.into()),
            Err(reason) => self.add(what, Verdict::Refused, reason),
        }
    }

    async fn rights(&mut self, listener: &mut Talk, head: Head) -> Result<(), String> {
        self.subscriptions(listener).await?;
        let meta = self.topics.meta();
        let retained = listener.hear(&meta).await.map(|publish| publish.payload.to_vec());
        let payload = retained.map_or_else(|| self.meta_of(head), Ok)?;
        if self.speak(listener, &meta, &meta, true, payload).await? {
            self.retained().await;
        }
        let changes = self.topics.changes();
        let checkpoint = Filling::new(1).payload(head.version, head.root).map_err(|e| e.to_string())?;
        self.speak(listener, &changes, &changes, false, checkpoint).await?;
        for topic in [GatewayTopic::Command, GatewayTopic::Digests, GatewayTopic::Bucket] {
            let (own, all) = (self.topics.gateway(&self.own, topic), self.topics.all_gateways(topic));
            let is_fine = self.speak(listener, &own, &all, false, probe::small()).await?;
            if topic == GatewayTopic::Bucket && is_fine {
                self.large(listener, &own).await?;
            }
        }
        self.readings(listener).await
    }

    /// What `serve` subscribes to; besides, what is needed to hear oneself.
    async fn subscriptions(&mut self, listener: &mut Talk) -> Result<(), String> {
        let all = |topic| self.topics.all_gateways(topic);
        let needed = [
            self.topics.meta(),
            all(GatewayTopic::State),
            all(GatewayTopic::Events),
            all(GatewayTopic::Request),
        ];
        let own = |topic| self.topics.gateway(&self.own, topic);
        let besides = [
            self.topics.changes(),
            own(GatewayTopic::Command),
            own(GatewayTopic::Digests),
            own(GatewayTopic::Bucket),
        ];
        for (filter, is_needed) in
            needed.map(|filter| (filter, true)).into_iter().chain(besides.map(|filter| (filter, false)))
        {
            let is_granted = match listener.subscribe(&filter).await {
                Ok(is_granted) => is_granted,
                Err(_) => {
                    // Some brokers hang up over what they refuse.
                    *listener = self.listen_again().await?;
                    false
                }
            };
            if is_granted {
                self.granted.push(filter.clone());
            }
            match (is_needed, is_granted) {
                (true, true) => self.add(format!("subscribe to {filter}"), Verdict::Fine, String::new()),
                (true, false) => {
                    let remedy = format!("allow it at the broker: {}", rule("read", &filter));
                    self.add(format!("subscribe to {filter}"), Verdict::Refused, remedy);
                }
                (false, _) => {}
            }
        }
        Ok(())
    }

    async fn listen_again(&self) -> Result<Talk, String> {
        let mut listener = Talk::open(self.listening.clone()).await?;
        for filter in &self.granted {
            listener.subscribe(filter).await?;
        }
        Ok(listener)
    }

    /// Publishes and listens; `rule_topic` is what the broker's rule has to name.
    async fn speak(
        &mut self,
        listener: &mut Talk,
        topic: &str,
        rule_topic: &str,
        retain: bool,
        payload: Vec<u8>,
    ) -> Result<bool, String> {
        let outcome = self.try_to_say(listener, topic, retain, payload).await?;
        let allow = rule("write", rule_topic);
        let (verdict, remedy) = match outcome {
            Outcome::Heard => (Verdict::Fine, String::new()),
            Outcome::HungUp => {
                (Verdict::Refused, format!("the broker hung up; allow it at the broker: {allow}"))
            }
            Outcome::Silent => {
                let or = rule("read", topic);
                (
                    Verdict::Refused,
                    format!("it did not arrive; allow it at the broker: {allow} (if that is there: {or})"),
                )
            }
        };
        self.add(format!("publish {rule_topic}"), verdict, remedy);
        Ok(verdict == Verdict::Fine)
    }

    async fn try_to_say(
        &self,
        listener: &mut Talk,
        topic: &str,
        retain: bool,
        payload: Vec<u8>,
    ) -> Result<Outcome, String> {
        let Ok(mut speaker) = Talk::open(self.speaking.clone()).await else { return Ok(Outcome::HungUp) };
        let outcome = speaker.publish(listener, topic, retain, payload).await;
        speaker.close().await;
        outcome
    }

    async fn large(&mut self, listener: &mut Talk, topic: &str) -> Result<(), String> {
        let outcome = self.try_to_say(listener, topic, false, probe::large()).await?;
        let what = "publish the largest message, 131072 bytes".to_string();
        if outcome == Outcome::Heard {
            self.add(what, Verdict::Fine, String::new());
        } else {
            let remedy = "raise the broker's limit; in mosquitto.conf: message_size_limit 135168";
            self.add(what, Verdict::Refused, remedy.into());
        }
        Ok(())
    }

    /// What was retained comes to somebody who subscribes later.
    async fn retained(&mut self) {
        let meta = self.topics.meta();
        let came = match Talk::open(self.speaking.clone()).await {
            Err(_) => None,
            Ok(mut talk) => {
                let _ = talk.subscribe(&meta).await;
                let came = talk.hear(&meta).await;
                talk.close().await;
                came
            }
        };
        let what = "find meta retained".to_string();
        if came.is_some_and(|publish| publish.retain) {
            self.add(what, Verdict::Fine, String::new());
        } else {
            let remedy = "let the broker retain messages (mosquitto.conf: retain_available true)";
            self.add(what, Verdict::Refused, remedy.into());
        }
    }

    /// A broker may grant a subscription and deliver nothing, so what panels say is said for them.
    async fn readings(&mut self, listener: &mut Talk) -> Result<(), String> {
        let mut found = Vec::new();
        for topic in [GatewayTopic::State, GatewayTopic::Events, GatewayTopic::Request] {
            let all = self.topics.all_gateways(topic);
            let is_heard = listener
                .heard
                .iter()
                .any(|publish| self.topics.parse_gateway(&publish.topic, topic).is_some());
            let own = self.topics.gateway(&self.own, topic);
            let heard =
                is_heard || self.try_to_say(listener, &own, false, probe::small()).await? == Outcome::Heard;
            found.push((all, heard));
        }
        // One that is heard shows that this login may speak there, so silence means that it may not hear.
        let may_speak = found.iter().any(|(_, heard)| *heard);
        for (all, heard) in found {
            let what = format!("hear {all}");
            let allow = rule("read", &all);
            match (heard, may_speak) {
                (true, _) => self.add(what, Verdict::Fine, String::new()),
                (false, true) => {
                    self.add(what, Verdict::Refused, format!("allow it at the broker: {allow}"));
                }
                (false, false) => {
                    let why = "the broker grants the subscription; no panel has spoken, and this login may not \
                        speak for one";
                    self.add(what, Verdict::Untried, format!("{why}; it needs {allow}"));
                }
            }
        }
        Ok(())
    }

    fn meta_of(&self, head: Head) -> Result<Vec<u8>, String> {
        serde_json::to_vec(&exporter::meta(head.version, self.naming.clone()))
            .map_err(|error| error.to_string())
    }
}

/// Older than all that a source says. Its root is no mirror's, so that it proves nothing to an empty one.
fn oldest() -> Head {
    Head { version: Version { epoch: 1, seq: 0 }, root: Digest::from_bytes([0xFF; 16]) }
}

/// As in mosquitto's file of rules; other brokers have the same words in another order.
fn rule(access: &str, topic: &str) -> String {
    format!("`topic {access} {topic}`")
}
