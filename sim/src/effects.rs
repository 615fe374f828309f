//! The log of acts that the PACS actually executed, in order: what a test compares with what it expected.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// How many effects the log keeps; beyond that the oldest are dropped and counted.
pub const EFFECTS_MAX: usize = 200_000;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// It did not exist and does now.
    Create,
    /// It existed and was replaced, perhaps by the same content.
    Update,
    /// It existed and does no longer; a cascade logs each child.
    Delete,
}

/// The kind of thing an act was done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A person.
    Person,
    /// A credential (a card) of a person.
    Credential,
    /// A permission: an access element given to a person.
    Permission,
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// The REST API of the PACS, late acts included.
    Api,
    /// The simulation's control API or [`crate::Handle`]: drift made on purpose.
    Sim,
}

/// One act that was executed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Counts from 1 without gaps.
    pub n: u64,
    /// Milliseconds since the start of the simulation.
    pub at_ms: u64,
    /// What was done.
    pub act: Act,
    /// To what kind of thing.
    pub what: What,
    /// By external ids: `PA1`, `PA1/credential/<credentialId>` or `PA1/permission/<accessElement>`.
    pub key: String,
    /// Who did it.
    pub via: Via,
}

/// When an act happens and who does it; one per request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) at_ms: u64,
    pub(crate) via: Via,
}

/// The bounded log.
#[derive(Debug, Default)]
pub(crate) struct EffectLog {
    entries: VecDeque<Effect>,
    total: u64,
    dropped: u64,
}

impl EffectLog {
    pub(crate) fn push(&mut self, stamp: Stamp, act: Act, what: What, key: String) {
        if self.entries.len() >= EFFECTS_MAX {
            self.entries.pop_front();
            self.dropped += 1;
        }
        self.total += 1;
        self.entries.push_back(Effect { n: self.total, at_ms: stamp.at_ms, act, what, key, via: stamp.via });
    }

    /// How many effects there ever were, dropped ones included.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// How many of the oldest are no longer in the log.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The kept effects with `n > since`.
    pub(crate) fn since(&self, since: u64) -> impl Iterator<Item = &Effect> {
        let skip = usize::try_from(since.saturating_sub(self.dropped)).unwrap_or(usize::MAX);
        self.entries.iter().skip(skip)
    }

    /// All kept effects, oldest first.
    pub(crate) fn as_slice(&mut self) -> &[Effect] {
        self.entries.make_contiguous()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_log_drops_the_oldest_and_says_so() {
        let mut log = EffectLog::default();
        for at_ms in 0..(EFFECTS_MAX as u64 + 3) {
            log.push(Stamp { at_ms, via: Via::Api }, Act::Create, What::Person, String::new());
        }
        assert_eq!((log.total(), log.dropped()), (EFFECTS_MAX as u64 + 3, 3));
        assert_eq!(log.since(0).next().map(|effect| effect.n), Some(4));
        assert_eq!(
            log.since(EFFECTS_MAX as u64 + 2).map(|effect| effect.n).collect::<Vec<_>>(),
            [EFFECTS_MAX as u64 + 3]
        );
        assert_eq!(log.as_slice().len(), EFFECTS_MAX);
    }
}
