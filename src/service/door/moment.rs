//! What a card is judged by beside the mirror, as it is now.
//!
//! Not here: the judgement (`passing`).

use super::passing::Moment;
use super::{Run, Running};
use crate::clock::MonoMs;
use crate::service::circumstances::{Age, Circumstances};
use access::id::Key;

impl Run {
    /// For a card at this door.
    pub(super) fn moment(&self, door: &Running) -> Moment {
        let now = self.time.mono();
        let ago_s = |at: &MonoMs| u32::try_from(now.0.saturating_sub(at.0) / 1000).unwrap_or(u32::MAX);
        let passed = door.passed.iter().map(|(token, at)| (token.clone(), ago_s(at))).collect();
        self.moment_of(door.has_strike, passed, door.config.passback_s)
    }

    /// For a card at any door.
    pub(super) fn moment_of(&self, has_strike: bool, passed: Vec<(Key, u32)>, passback_s: u32) -> Moment {
        Moment {
            time: self.time.time(),
            clock: self.time.standing().as_str(),
            circumstances: Circumstances {
                leashes: self.leashes.clone(),
                age: Age::of(&self.notices, &self.time),
            },
            gateway: self.gateway.clone(),
            has_strike,
            passed,
            passback_s,
        }
    }
}
