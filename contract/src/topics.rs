//! Topic names of version 1.

use crate::id::{GatewayId, SiteId};

/// The topics of one site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topics {
    base: String,
}

/// A topic under one gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GatewayTopic {
    /// What the gateway is and holds; retained, and its last will.
    State,
    /// What happened at the panel.
    Events,
    /// What the source asks of the gateway.
    Command,
    /// What the gateway wants to know of the source's rows.
    Request,
    /// Answer: digests of buckets.
    Digests,
    /// Answer: one bucket.
    Bucket,
}

impl GatewayTopic {
    fn as_str(self) -> &'static str {
        match self {
            GatewayTopic::State => "state",
            GatewayTopic::Events => "events",
            GatewayTopic::Command => "command",
            GatewayTopic::Request => "request",
            GatewayTopic::Digests => "digests",
            GatewayTopic::Bucket => "bucket",
        }
    }
}

/// Stands for whoever is meant in the place of a gateway's id; no id has such a character.
const WHOEVER: &str = "_";

impl Topics {
    /// Of `site`.
    pub fn new(site: &SiteId) -> Topics {
        Topics { base: format!("doorward/v1/{site}") }
    }

    /// The retained hint of the source.
    pub fn meta(&self) -> String {
        format!("{}/meta", self.base)
    }

    /// The stream.
    pub fn changes(&self) -> String {
        format!("{}/changes", self.base)
    }

    /// One topic of one gateway.
    pub fn gateway(&self, gateway: &GatewayId, topic: GatewayTopic) -> String {
        format!("{}/gateway/{gateway}/{}", self.base, topic.as_str())
    }

    /// The filter by which the source hears one topic of all gateways.
    pub fn all_gateways(&self, topic: GatewayTopic) -> String {
        format!("{}/gateway/+/{}", self.base, topic.as_str())
    }

    /// Where a gateway says something of the ledger to another one, or to whoever holds it.
    pub fn ledger(&self, from: &GatewayId, to: Option<&GatewayId>) -> String {
        let to = to.map_or(WHOEVER, GatewayId::as_str);
        format!("{}/gateway/{from}/ledger/{to}", self.base)
    }

    /// The filters by which a gateway hears what others say of the ledger to it, and to whoever holds it.
    pub fn ledgers_to(&self, to: &GatewayId) -> [String; 2] {
        [to.as_str(), WHOEVER].map(|to| format!("{}/gateway/+/ledger/{to}", self.base))
    }

    /// Which gateway says something of the ledger, if the topic is one of those.
    pub fn parse_ledger(&self, topic: &str) -> Option<GatewayId> {
        let rest = topic.strip_prefix(&self.base)?.strip_prefix("/gateway/")?;
        let (from, rest) = rest.split_once('/')?;
        rest.strip_prefix("ledger/").and_then(|_| GatewayId::new(from).ok())
    }

    /// Which gateway a topic that came by [`Topics::all_gateways`] belongs to.
    pub fn parse_gateway(&self, topic: &str, expected: GatewayTopic) -> Option<GatewayId> {
        let rest = topic.strip_prefix(&self.base)?.strip_prefix("/gateway/")?;
        let (gateway, name) = rest.split_once('/')?;
        (name == expected.as_str()).then(|| GatewayId::new(gateway).ok()).flatten()
    }
}
