//! One connection of the doctor's: ask, and wait a bounded time for what comes of it.

use crate::serve::link::{Link, Signal};
use rumqttc::{Event, MqttOptions, Packet, Publish, QoS, SubscribeReasonCode};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long the broker may take over anything, in milliseconds. What it refuses without a word costs this.
const WAIT_MS: u64 = 2000;
/// Events of the connection that wait to be looked at.
const SIGNALS_MAX: usize = 64;
/// Most messages that are remembered; the oldest give way.
const HEARD_MAX: usize = 1024;

/// What came of a publication.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// It was heard on the other connection.
    Heard,
    /// The broker has acknowledged it, or not even that, and it did not come.
    Silent,
    /// The broker closed the connection.
    HungUp,
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Talk {
    link: Link,
    signals: mpsc::Receiver<Signal>,
    /// The broker still had the session.
    pub(super) is_continued: bool,
    /// What came, the newest last.
    pub(super) heard: VecDeque<Publish>,
}

impl Talk {
    /// Connects.
    ///
    /// # Errors
    /// Why there is no connection, with the remedy.
    pub(super) async fn open(options: MqttOptions) -> Result<Talk, String> {
        let (sender, signals) = mpsc::channel(SIGNALS_MAX);
        let link = Link::start(options, sender);
        let mut talk = Talk { link, signals, is_continued: false, heard: VecDeque::new() };
        let connected = async {
            loop {
                if let Event::Incoming(Packet::ConnAck(ack)) = talk.next().await? {
                    return Ok(ack.session_present);
                }
            }
        };
        let waited = timeout(Duration::from_millis(WAIT_MS), connected).await;
        talk.is_continued = waited.unwrap_or_else(|_| Err(silence()))?;
        Ok(talk)
    }

    /// Subscribes; whether the broker grants it. What is retained may come before or after.
    ///
    /// # Errors
    /// The connection is lost, and why.
    pub(super) async fn subscribe(&mut self, filter: &str) -> Result<bool, String> {
        let asked = self.link.client.try_subscribe(filter, QoS::AtLeastOnce);
        asked.map_err(|error| error.to_string())?;
        let granted = async {
            loop {
                if let Event::Incoming(Packet::SubAck(ack)) = self.next().await? {
                    return Ok(!ack.return_codes.contains(&SubscribeReasonCode::Failure));
                }
            }
        };
        timeout(Duration::from_millis(WAIT_MS), granted).await.unwrap_or_else(|_| Err(silence()))
    }

    /// Publishes by `self` and listens on `listener` for exactly that.
    ///
    /// # Errors
    /// The listener's connection is lost, and why.
    pub(super) async fn publish(
        &mut self,
        listener: &mut Talk,
        topic: &str,
        retain: bool,
        payload: Vec<u8>,
    ) -> Result<Outcome, String> {
        listener.heard.retain(|publish| publish.topic != topic);
        if self.link.client.try_publish(topic, QoS::AtLeastOnce, retain, payload.clone()).is_err() {
            return Ok(Outcome::HungUp);
        }
        let came = async {
            loop {
                tokio::select! {
                    said = self.next() => if said.is_err() { return Ok(Outcome::HungUp) },
                    heard = listener.next() => {
                        heard?;
                        if listener.has_heard(topic, &payload) {
                            return Ok(Outcome::Heard);
                        }
                    }
                }
            }
        };
        timeout(Duration::from_millis(WAIT_MS), came).await.unwrap_or(Ok(Outcome::Silent))
    }

    /// Waits for any message on `topic`.
    pub(super) async fn hear(&mut self, topic: &str) -> Option<Publish> {
        let came = async {
            loop {
                if let Some(publish) = self.heard.iter().find(|publish| publish.topic == topic) {
                    return Some(publish.clone());
                }
                self.next().await.ok()?;
            }
        };
        timeout(Duration::from_millis(WAIT_MS), came).await.ok().flatten()
    }

    fn has_heard(&self, topic: &str, payload: &[u8]) -> bool {
        self.heard.iter().any(|publish| publish.topic == topic && publish.payload == payload)
    }

    async fn next(&mut self) -> Result<Event, String> {
        match self.signals.recv().await {
            Some(Signal::Event(event)) => {
                if let Event::Incoming(Packet::Publish(publish)) = &event {
                    if self.heard.len() == HEARD_MAX {
                        self.heard.pop_front();
                    }
                    self.heard.push_back(publish.clone());
                }
                Ok(event)
            }
            Some(Signal::Lost(reason)) => Err(reason),
            None => Err("the connection is over".into()),
        }
    }

    /// Says goodbye, so that the broker does not wait for us.
    pub(super) async fn close(mut self) {
        let _ = self.link.client.try_disconnect();
        let gone = async { while self.next().await.is_ok() {} };
        let _ = timeout(Duration::from_millis(WAIT_MS), gone).await;
    }
}

fn silence() -> String {
    format!("no answer within {WAIT_MS} ms; check broker.host and broker.port, and that the broker runs")
}
