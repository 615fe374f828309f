//! What this panel's login may do at the broker, tried by using it on a connection beside the gateway's own.
//!
//! An MQTT 3.1.1 broker may acknowledge a publication that it forbids, and a panel may not hear itself: so of what is
//! published here only a broker that hangs up says no. Only a request that
//! asks for nothing is published: `state` is retained, and a source believes `events`. A broker may also grant a subscription and deliver nothing (mosquitto does): `meta`, which is retained, shows that it does.
//!
//! Not here: the gateway's own connection (`connection`), which is not disturbed.

use super::connection::words;
use super::options::{FeedOptions, mqtt_options_beside, mqtt_options_for_identity, subscriptions};
use contract::topics::{GatewayTopic, Topics};
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS, SubscribeReasonCode};
use std::time::Duration;
use tokio::time::timeout;

/// How long the broker may take over anything.
const WAIT_MS: u64 = 3_000;
/// How long it is waited for another program that throws us out: it comes back within its first waits.
const RIVAL_MS: u64 = 3_000;
/// Requests that wait to be sent.
const REQUESTS_MAX: usize = 16;
/// A message that means nothing to anybody; the source knows it as such.
const PROBE: &[u8] = br#"{"doctor":"probe"}"#;

/// One thing that was tried.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tried {
    /// What.
    pub what: String,
    /// What was found, or what to do.
    pub outcome: Result<String, String>,
}

/// Connects, subscribes to what the gateway hears and publishes what harms nobody. The first that fails to connect ends
/// it.
pub async fn try_rights(options: &FeedOptions) -> Vec<Tried> {
    let topics = Topics::new(&options.site);
    let who = options.login.as_ref().map_or("anonymously".to_owned(), |(name, _)| format!("as {name}"));
    let secure = if options.tls.is_some() { "with TLS" } else { "WITHOUT TLS" };
    let what = "broker login".to_owned();
    let mut talk = match Talk::open(mqtt_options_beside(options)).await {
        Ok(talk) => talk,
        Err(remedy) => return vec![Tried { what, outcome: Err(remedy) }],
    };
    let found = format!("{}:{} {secure}, {who}", options.host, options.port);
    let mut tried = vec![Tried { what, outcome: Ok(found) }];
    for (_, filter) in subscriptions(options, &topics) {
        let outcome = match talk.subscribe(&filter).await {
            Ok(true) => Ok("granted".into()),
            Ok(false) => Err(format!("the broker refuses it; let this login read {filter}")),
            Err(why) => {
                tried.push(Tried { what: format!("subscribe {filter}"), outcome: Err(why) });
                return tried;
            }
        };
        tried.push(Tried { what: format!("subscribe {filter}"), outcome });
    }
    tried.push(Tried { what: "source".into(), outcome: talk.source(&topics).await });
    let topic = topics.gateway(&options.gateway, GatewayTopic::Request);
    let outcome = talk.publish(&topic).await.map(|()| "acknowledged".to_owned());
    let outcome = outcome.map_err(|why| format!("{why}; let this login write {topic}"));
    tried.push(Tried { what: format!("publish {topic}"), outcome });
    talk.close().await;
    tried
}

/// Whether another program goes by this gateway's client id: it throws us out as it comes back. Only for as long as the
/// gateway here is stopped, since it would be thrown out itself.
///
/// # Errors
/// That there is one, or no connection; with the remedy.
pub async fn try_identity(options: &FeedOptions) -> Result<String, String> {
    let mqtt = mqtt_options_for_identity(options);
    let id = mqtt.client_id();
    let mut talk = Talk::open(mqtt).await?;
    let thrown_out = async {
        loop {
            if let Err(why) = talk.next().await {
                return why;
            }
        }
    };
    match timeout(Duration::from_millis(RIVAL_MS), thrown_out).await {
        Err(_) => {
            talk.close().await;
            Ok(format!("nobody else is {id}"))
        }
        Ok(why) => Err(format!(
            "thrown out within {RIVAL_MS} ms ({why}): another program connects as {id}; give each panel a `gateway` of \
             its own"
        )),
    }
}

struct Talk {
    client: AsyncClient,
    events: EventLoop,
}

impl Talk {
    async fn open(options: MqttOptions) -> Result<Talk, String> {
        let (client, events) = AsyncClient::new(options, REQUESTS_MAX);
        let mut talk = Talk { client, events };
        talk.wait_for(|packet| matches!(packet, Packet::ConnAck(_)).then_some(())).await?;
        Ok(talk)
    }

    async fn subscribe(&mut self, filter: &str) -> Result<bool, String> {
        self.client.try_subscribe(filter, QoS::AtLeastOnce).map_err(|error| error.to_string())?;
        self.wait_for(|packet| match packet {
            Packet::SubAck(ack) => Some(!ack.return_codes.contains(&SubscribeReasonCode::Failure)),
            _ => None,
        })
        .await
    }

    /// What is retained comes by itself: whoever subscribes hears that there is a source.
    async fn source(&mut self, topics: &Topics) -> Result<String, String> {
        let meta = topics.meta();
        // Once more, since it came while the other subscriptions were waited for.
        self.client.try_subscribe(&meta, QoS::AtLeastOnce).map_err(|error| error.to_string())?;
        let heard = self.wait_for(|packet| match packet {
            Packet::Publish(publish) if publish.topic == meta => Some(()),
            _ => None,
        });
        match heard.await {
            Ok(()) => Ok(format!("{meta} is there")),
            Err(_) => Err(format!(
                "no {meta} within {WAIT_MS} ms; start the source of this site, let the broker retain messages, and let this login read it"
            )),
        }
    }

    async fn publish(&mut self, topic: &str) -> Result<(), String> {
        self.client.try_publish(topic, QoS::AtLeastOnce, false, PROBE).map_err(|error| error.to_string())?;
        self.wait_for(|packet| matches!(packet, Packet::PubAck(_)).then_some(())).await
    }

    async fn wait_for<T>(&mut self, wants: impl Fn(&Packet) -> Option<T>) -> Result<T, String> {
        let found = async {
            loop {
                if let Event::Incoming(packet) = self.next().await?
                    && let Some(found) = wants(&packet)
                {
                    return Ok(found);
                }
            }
        };
        let silence = || {
            let remedy = "check broker.host and broker.port, and that the broker runs";
            Err(format!("no answer within {WAIT_MS} ms; {remedy}"))
        };
        timeout(Duration::from_millis(WAIT_MS), found).await.unwrap_or_else(|_| silence())
    }

    async fn next(&mut self) -> Result<Event, String> {
        self.events.poll().await.map_err(|error| words(&error))
    }

    async fn close(mut self) {
        let _ = self.client.try_disconnect();
        let gone = async { while self.next().await.is_ok() {} };
        let _ = timeout(Duration::from_millis(WAIT_MS), gone).await;
    }
}
