//! Who waits for an answer, and whose turn it is. No IO.
//!
//! Gateways take turns message by message, so that one with a long answer does not keep the others waiting.
//! Nothing of it outlives the connection: who hears nothing asks again.

use crate::answers::{Answer, Answers};
use contract::id::{GatewayId, Version};
use contract::repair::Request;
use std::collections::VecDeque;

/// Most gateways that wait at a time; further ones ask again later.
pub(super) const WAITING_MAX: usize = 1024;

/// One gateway's request, as far as it is answered.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) gateway: GatewayId,
    /// What the gateway has seen, until that was looked at.
    pub(super) high: Option<Version>,
    pub(super) answers: Answers,
    /// Looked up, and not taken by the client.
    pub(super) unsent: Option<Answer>,
}

/// The bounded round of gateways.
#[derive(Debug, Default)]
pub(super) struct Answering {
    turns: VecDeque<Turn>,
}

impl Answering {
    /// Takes a request. A gateway's newer one replaces the older in its place; false: too many wait.
    pub(super) fn ask(&mut self, gateway: GatewayId, request: Request) -> bool {
        let Request { high, want } = request;
        let turn = Turn { gateway, high: Some(high), answers: Answers::to(want), unsent: None };
        let is_full = self.turns.len() >= WAITING_MAX;
        match self.turns.iter_mut().find(|waiting| waiting.gateway == turn.gateway) {
            Some(waiting) => *waiting = turn,
            None if is_full => return false,
            None => self.turns.push_back(turn),
        }
        true
    }

    /// Whose turn it is.
    pub(super) fn take(&mut self) -> Option<Turn> {
        self.turns.pop_front()
    }

    /// `turn` has more to hear, after all the others.
    pub(super) fn put_back(&mut self, turn: Turn) {
        self.turns.push_back(turn);
    }

    /// `turn` could not say what it had to.
    pub(super) fn put_first(&mut self, turn: Turn) {
        self.turns.push_front(turn);
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// The connection is gone, and with it some of every answer.
    pub(super) fn clear(&mut self) {
        self.turns.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{Answering, WAITING_MAX};
    use contract::id::{GatewayId, Version};
    use contract::repair::{Request, Want};

    fn ask(answering: &mut Answering, gateway: &str, seq: u64) -> bool {
        let request = Request { high: Version { epoch: 1, seq }, want: Want::Digests };
        answering.ask(GatewayId::new(gateway).expect("an id"), request)
    }

    #[test]
    fn gateways_take_turns_and_a_newer_request_replaces_the_older() {
        let mut answering = Answering::default();
        for (gateway, seq) in [("a", 1), ("b", 2), ("a", 3)] {
            assert!(ask(&mut answering, gateway, seq));
        }
        let mut heard = Vec::new();
        for _ in 0..4 {
            let turn = answering.take().expect("someone waits");
            heard.push((turn.gateway.to_string(), turn.high.map(|high| high.seq)));
            answering.put_back(turn);
        }
        let turns = [("a", 3), ("b", 2), ("a", 3), ("b", 2)];
        assert_eq!(heard, turns.map(|(gateway, seq)| (gateway.to_string(), Some(seq))));
    }

    #[test]
    fn a_full_round_takes_nobody_new() {
        let mut answering = Answering::default();
        for n in 0..WAITING_MAX {
            assert!(ask(&mut answering, &format!("g-{n}"), 1));
        }
        assert!(!ask(&mut answering, "late", 1));
        assert!(ask(&mut answering, "g-7", 2));
    }
}
