//! A broker as bad as they get: it loses sessions, repeats, delays, re-orders across topics and sometimes
//! within one, and drops what its queue does not hold.

use contract::topics::GatewayTopic;
use doorward::feed::Topic;
use fastrand::Rng;
use std::collections::{BTreeMap, VecDeque};

/// Messages queued for a panel on one topic before more are dropped.
const QUEUE_MAX: usize = 60;

#[derive(Default)]
pub(super) struct Session {
    queues: BTreeMap<u8, VecDeque<Vec<u8>>>,
}

fn slot(topic: Topic) -> u8 {
    match topic {
        Topic::Changes => 0,
        Topic::Meta => 1,
        Topic::Command => 2,
        Topic::Digests => 3,
        Topic::Bucket => 4,
        Topic::Ledger => unreachable!("gateways say nothing to each other here"),
    }
}

const TOPICS: [Topic; 5] = [Topic::Changes, Topic::Meta, Topic::Command, Topic::Digests, Topic::Bucket];

pub(super) fn answer_topic(topic: GatewayTopic) -> Topic {
    if topic == GatewayTopic::Digests { Topic::Digests } else { Topic::Bucket }
}

impl Session {
    pub(super) fn publish(&mut self, topic: Topic, payload: Vec<u8>) {
        let queue = self.queues.entry(slot(topic)).or_default();
        if queue.len() < QUEUE_MAX {
            queue.push_back(payload);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queues.values().all(VecDeque::is_empty)
    }

    pub(super) fn forget(&mut self) {
        self.queues.clear();
    }

    /// The next messages to deliver: from any topic, at the front or (rarely) not, perhaps to come again.
    pub(super) fn next(&mut self, count: usize, rng: &mut Rng, orderly: bool) -> Vec<(Topic, Vec<u8>)> {
        let mut batch = Vec::new();
        while batch.len() < count && !self.is_empty() {
            let topic = TOPICS[rng.usize(..TOPICS.len())];
            let Some(queue) = self.queues.get_mut(&slot(topic)).filter(|queue| !queue.is_empty()) else {
                continue;
            };
            let at = if !orderly && rng.u8(..) < 20 { rng.usize(..queue.len()) } else { 0 };
            let Some(payload) = queue.remove(at) else { continue };
            if !orderly && rng.u8(..) < 25 {
                queue.push_back(payload.clone());
            }
            batch.push((topic, payload));
        }
        batch
    }

    /// Not acknowledged: they come again, before the others.
    pub(super) fn again(&mut self, batch: Vec<(Topic, Vec<u8>)>) {
        for (topic, payload) in batch.into_iter().rev() {
            self.queues.entry(slot(topic)).or_default().push_front(payload);
        }
    }

    /// Loses one message.
    pub(super) fn lose(&mut self, rng: &mut Rng) {
        let queue = self.queues.get_mut(&rng.u8(..5)).filter(|queue| !queue.is_empty());
        if let Some(queue) = queue {
            queue.remove(rng.usize(..queue.len()));
        }
    }
}
