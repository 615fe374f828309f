//! Who waits for an answer, and whose turn it is. No IO.
//!
//! Gateways take turns message by message, so that one with a long answer does not keep the others waiting.
//! Nothing of it outlives the connection: who hears nothing asks again.

use crate::answers::{Answer, Answers};
use contract::id::{GatewayId, Version};
use contract::repair::{Request, Want};
use std::collections::VecDeque;

/// Most gateways that wait at a time; further ones ask again later.
pub(super) const WAITING_MAX: usize = 1024;

/// Most requests of one gateway that wait behind the one being answered. One that keeps its window full has
/// three under way; beyond, the oldest give way.
pub(super) const BEHIND_MAX: usize = 4;

/// One gateway's request, as far as it is answered, and those behind it.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) gateway: GatewayId,
    /// What the gateway has seen, until that was looked at.
    pub(super) high: Option<Version>,
    pub(super) answers: Answers,
    /// Looked up, and not taken by the client.
    pub(super) unsent: Option<Answer>,
    behind: VecDeque<Request>,
}

impl Turn {
    fn new(gateway: GatewayId, request: Request) -> Turn {
        let Request { high, want } = request;
        let (answers, behind) = (Answers::to(want), VecDeque::new());
        Turn { gateway, high: Some(high), answers, unsent: None, behind }
    }

    /// Goes on to the gateway's next request; false: there is none.
    pub(super) fn go_on(&mut self) -> bool {
        let Some(Request { high, want }) = self.behind.pop_front() else { return false };
        self.high = Some(high);
        self.answers = Answers::to(want);
        true
    }
}

/// Whether a gateway that asks for this has given up what it asked for before.
fn begins_anew(want: &Want) -> bool {
    match want {
        Want::Digests | Want::All { from: 0, .. } => true,
        Want::Buckets { .. } | Want::All { .. } => false,
    }
}

/// The bounded round of gateways.
#[derive(Debug, Default)]
pub(super) struct Answering {
    turns: VecDeque<Turn>,
}

impl Answering {
    /// Takes a request; false: too many gateways wait. A gateway asks for the next buckets while the last ones
    /// are still to come, so a request waits behind the earlier ones; the beginning of a run replaces them.
    pub(super) fn ask(&mut self, gateway: GatewayId, request: Request) -> bool {
        let is_full = self.turns.len() >= WAITING_MAX;
        match self.turns.iter_mut().find(|waiting| waiting.gateway == gateway) {
            Some(waiting) if begins_anew(&request.want) => *waiting = Turn::new(gateway, request),
            Some(waiting) => {
                if waiting.behind.len() == BEHIND_MAX {
                    waiting.behind.pop_front();
                }
                waiting.behind.push_back(request);
            }
            None if is_full => return false,
            None => self.turns.push_back(Turn::new(gateway, request)),
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
    use super::{Answering, BEHIND_MAX, WAITING_MAX};
    use contract::id::{GatewayId, Version};
    use contract::repair::{Request, Want};

    fn ask(answering: &mut Answering, gateway: &str, seq: u64) -> bool {
        ask_for(answering, gateway, seq, Want::Digests)
    }

    fn ask_for(answering: &mut Answering, gateway: &str, seq: u64, want: Want) -> bool {
        let request = Request { high: Version { epoch: 1, seq }, want };
        answering.ask(GatewayId::new(gateway).expect("an id"), request)
    }

    #[test]
    fn the_next_buckets_wait_behind_the_last_ones_and_a_new_run_replaces_them() {
        let mut answering = Answering::default();
        for seq in 0..BEHIND_MAX as u64 + 2 {
            let from = u32::try_from(seq).expect("few") * 16;
            assert!(ask_for(&mut answering, "a", seq, Want::All { from, count: 16 }));
        }
        let mut turn = answering.take().expect("someone waits");
        let mut answered = vec![turn.high.map(|high| high.seq)];
        while turn.go_on() {
            answered.push(turn.high.map(|high| high.seq));
        }
        // The first of those behind had to give way.
        assert_eq!(answered, [0, 2, 3, 4, 5].map(Some));
        for want in [Want::Digests, Want::All { from: 0, count: 32 }] {
            ask_for(&mut answering, "a", 6, Want::All { from: 16, count: 16 });
            ask_for(&mut answering, "a", 7, want);
            let mut turn = answering.take().expect("someone waits");
            assert_eq!((turn.high.map(|high| high.seq), turn.go_on()), (Some(7), false));
        }
    }

    #[test]
    fn gateways_take_turns_and_a_new_run_replaces_the_older() {
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
