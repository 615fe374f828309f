//! A circuit breaker for the whole PACS: after some failures in a row nothing is sent but one probe at a time. Pure.
//!
//! Each item has its own back-off; without this a PACS that is down would be asked by every item in turn, and the
//! ledger written twice for each.
//!
//! Not here: what an answer means for its item (`item`).

use super::item::Answer;
use crate::clock::MonoMs;

/// Failures in a row that say more of the PACS than of an item.
pub const FAILURES_MAX: u32 = 5;
/// Time to the first probe.
pub const OPEN_MIN_MS: u64 = 1_000;
/// Longest time between two probes: this bounds how late the export follows a PACS that comes back.
pub const OPEN_MAX_MS: u64 = 30_000;

/// Whether requests may be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Circuit {
    Closed { failures: u32 },
    Open { until: MonoMs, probes: u32 },
}

/// The breaker of one PACS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Breaker(Circuit);

impl Default for Breaker {
    fn default() -> Breaker {
        Breaker(Circuit::Closed { failures: 0 })
    }
}

impl Breaker {
    /// Whether steps may be sent.
    pub fn is_closed(&self) -> bool {
        matches!(self.0, Circuit::Closed { .. })
    }

    /// When to probe; none while it is closed.
    pub fn probe_at(&self) -> Option<MonoMs> {
        match self.0 {
            Circuit::Closed { .. } => None,
            Circuit::Open { until, .. } => Some(until),
        }
    }

    /// A step was answered so.
    pub fn answered(&mut self, answer: &Answer, now: MonoMs) {
        let asked_to_wait = match answer {
            Answer::TryLater { status: 429, after_ms, .. } => Some(after_ms.unwrap_or(OPEN_MIN_MS)),
            Answer::TryLater { after_ms, .. } => *after_ms,
            _ => None,
        };
        match (self.0, asked_to_wait) {
            (_, Some(ms)) => self.0 = Circuit::Open { until: now.after_ms(ms), probes: 0 },
            (Circuit::Closed { .. }, None) if !answer.concerns_every_item() => {
                self.0 = Circuit::Closed { failures: 0 };
            }
            (Circuit::Closed { failures }, None) if failures + 1 < FAILURES_MAX => {
                self.0 = Circuit::Closed { failures: failures + 1 };
            }
            (Circuit::Closed { .. }, None) => {
                self.0 = Circuit::Open { until: now.after_ms(OPEN_MIN_MS), probes: 0 };
            }
            // What was under way when it opened says nothing new.
            (Circuit::Open { .. }, None) => {}
        }
    }

    /// A probe has come back. Says whether the circuit is closed now.
    pub fn probed(&mut self, works: bool, now: MonoMs) -> bool {
        let probes = match self.0 {
            Circuit::Closed { .. } => 0,
            Circuit::Open { probes, .. } => probes + 1,
        };
        self.0 = if works {
            Circuit::Closed { failures: 0 }
        } else {
            let wait_ms = OPEN_MIN_MS.saturating_mul(1 << probes.min(16)).min(OPEN_MAX_MS);
            Circuit::Open { until: now.after_ms(wait_ms), probes }
        };
        works
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: MonoMs = MonoMs(1_000_000);

    fn lost() -> Answer {
        Answer::Unknown { words: "cut".into() }
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        (0..FAILURES_MAX).for_each(|_| breaker.answered(&lost(), NOW));
        breaker
    }

    #[test]
    fn it_opens_after_some_failures_in_a_row_and_not_after_refusals() {
        let mut breaker = Breaker::default();
        for _ in 1..FAILURES_MAX {
            breaker.answered(&lost(), NOW);
        }
        assert!(breaker.is_closed());
        breaker.answered(&Answer::Refused { status: 400, words: "no".into() }, NOW);
        (1..FAILURES_MAX).for_each(|_| breaker.answered(&lost(), NOW));
        assert!(breaker.is_closed(), "an answer in between starts the count again");
        breaker.answered(&lost(), NOW);
        assert_eq!(breaker.probe_at(), Some(NOW.after_ms(OPEN_MIN_MS)));
    }

    #[test]
    fn probes_come_at_longer_intervals_up_to_a_bound_and_one_that_works_closes_it() {
        let mut breaker = opened();
        let mut waits = Vec::new();
        for _ in 0..7 {
            assert!(!breaker.probed(false, NOW));
            waits.push(breaker.probe_at().map(|at| (at.0 - NOW.0) / 1000));
        }
        assert_eq!(waits, [2, 4, 8, 16, 30, 30, 30].map(Some));
        assert!(breaker.probed(true, NOW) && breaker.is_closed());
    }

    #[test]
    fn a_pacs_that_asks_to_wait_is_left_alone_for_so_long() {
        let later = |after_ms| Answer::TryLater { status: 429, words: "slow down".into(), after_ms };
        let mut breaker = Breaker::default();
        breaker.answered(&later(Some(7_000)), NOW);
        assert_eq!(breaker.probe_at(), Some(NOW.after_ms(7_000)));
        let mut breaker = Breaker::default();
        breaker.answered(&later(None), NOW);
        assert_eq!(breaker.probe_at(), Some(NOW.after_ms(OPEN_MIN_MS)));
    }

    #[test]
    fn what_was_under_way_when_it_opened_changes_nothing() {
        let mut breaker = opened();
        let before = breaker;
        breaker.answered(&Answer::Done { native_id: None }, NOW);
        breaker.answered(&lost(), NOW.after_ms(500));
        assert_eq!(breaker, before);
    }
}
