//! What gateways publish, read from the wire into what the file takes. No IO.

use crate::doctor::probe;
use crate::store::inbound::Incoming;
use access::time::UtcTime;
use contract::MESSAGE_MAX_BYTES;
use contract::id::{GatewayId, INTEGER_MAX};
use contract::messages::{Meta, State};
use contract::repair::{Request, parse_request};
use contract::topics::{GatewayTopic, Topics};
use rumqttc::Publish;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Longest name of an event stream in bytes.
const STREAM_MAX_BYTES: usize = 64;

/// What one batch of messages brought.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    pub(super) events: Vec<Incoming>,
    /// The last of each gateway.
    pub(super) states: BTreeMap<GatewayId, String>,
    /// In order: the next buckets are asked for while the last ones are still to come.
    pub(super) requests: Vec<(GatewayId, Request)>,
    /// Highest epoch that a `meta` named.
    pub(super) meta_epoch: Option<u64>,
    /// To acknowledge once all of it is committed.
    pub(super) publishes: Vec<Publish>,
}

/// As the contract's `EventMessage`, but an event of a later minor version is kept as it came.
#[derive(Deserialize)]
struct Envelope<'a> {
    stream: String,
    seq: u64,
    at: UtcTime,
    #[serde(borrow)]
    event: &'a RawValue,
}

impl Inbox {
    /// Takes a message. What cannot be read is logged and dropped: sent again it would be no better.
    pub(super) fn take(&mut self, topics: &Topics, publish: Publish) {
        let topic = publish.topic.as_str();
        let bytes = publish.payload.len();
        let read = if bytes > MESSAGE_MAX_BYTES {
            Err(format!("it has more than {MESSAGE_MAX_BYTES} bytes"))
        } else if let Some(gateway) = topics.parse_gateway(topic, GatewayTopic::Events) {
            event(gateway, &publish).map(|event| self.events.push(event))
        } else if let Some(gateway) = topics.parse_gateway(topic, GatewayTopic::State) {
            state(&publish.payload).map(|state| drop(self.states.insert(gateway, state)))
        } else if let Some(gateway) = topics.parse_gateway(topic, GatewayTopic::Request) {
            parse_request(&publish.payload).map(|request| self.requests.push((gateway, request)))
        } else if topic == topics.meta() {
            serde_json::from_slice::<Meta>(&publish.payload)
                .map(|meta| self.meta_epoch = self.meta_epoch.max(Some(meta.epoch)))
                .map_err(|error| error.to_string())
        } else {
            Err("no topic that was subscribed to".into())
        };
        if let Err(reason) = read
            && !probe::is_probe(&publish.payload)
        {
            tracing::warn!(topic, bytes, reason, "message dropped");
        }
        self.publishes.push(publish);
    }
}

fn event(gateway: GatewayId, publish: &Publish) -> Result<Incoming, String> {
    let Envelope { stream, seq, at, event } =
        serde_json::from_slice(&publish.payload).map_err(|error| error.to_string())?;
    if stream.is_empty() || stream.len() > STREAM_MAX_BYTES {
        return Err(format!("a stream's name has 1 to {STREAM_MAX_BYTES} bytes"));
    }
    if seq > INTEGER_MAX.unsigned_abs() {
        return Err("seq is at most 2^53 - 1".into());
    }
    let body = event.get().to_string();
    Ok(Incoming { gateway, stream, seq, at, body, is_redelivery: publish.dup })
}

/// The text, if it is a state.
fn state(payload: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(payload).map_err(|error| error.to_string())?;
    serde_json::from_str::<State>(text).map_err(|error| error.to_string())?;
    Ok(text.into())
}
