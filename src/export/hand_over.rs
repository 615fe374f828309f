//! How the export changes hands: who may send, and what two gateways say to each other so that never two of them do.
//! Pure.
//!
//! The source names the exporter. The one that is named wants the ledger from whoever holds it, row by row, while that
//! one goes on sending. Once all rows were told, the holder stops, lets requests under way end, notes that it gives the
//! ledger away, and tells the rows that have changed meanwhile; with the last of them the ledger changes hands. From
//! that note until the other one has answered nobody sends, since neither can know what the other has heard.
//!
//! A naming without a hand-over is the word of an operator that the old one is dead. It raises the claim: what is held
//! by a lower one is void, whenever its holder hears of it.
//!
//! - `talk`: the conversation
//!
//! Not here: rows and files (`ledger::transfer`), who listens (the service).
#![deny(clippy::wildcard_enum_match_arm)]

mod talk;
#[cfg(test)]
mod tests;

use contract::id::GatewayId;
use contract::messages::HandOver;
pub use talk::{ASK_EVERY_MS, Do, Input, Talk, WANT_EVERY_MS, Which};

/// What the source last said of the exporter.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Word {
    /// Who exports; without one nobody does.
    pub named: Option<GatewayId>,
    /// From whom it takes over; none when it was named without a hand-over.
    pub after: Option<GatewayId>,
    /// Counts namings without a hand-over.
    pub claim: u64,
}

/// What a gateway is to the export; on disk.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Role {
    /// Nothing.
    #[default]
    Idle,
    /// It has the ledger, and may send.
    Holds {
        /// By this claim.
        claim: u64,
    },
    /// It has told the ledger to another, and does not know whether that one has taken it: it must not send.
    Gives {
        /// By this claim.
        claim: u64,
        /// To this gateway.
        to: GatewayId,
        /// In this hand-over.
        number: String,
    },
}

/// Both.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// What the source last said.
    pub word: Word,
    /// What this gateway is.
    pub role: Role,
}

impl Role {
    /// What it becomes when the source says `word` to the gateway `me`, which has last heard `before`.
    pub fn after(self, before: &Word, word: &Word, me: &GatewayId) -> Role {
        let role = match self {
            Role::Holds { claim } | Role::Gives { claim, .. } if claim < word.claim => Role::Idle,
            role @ (Role::Idle | Role::Holds { .. } | Role::Gives { .. }) => role,
        };
        let is_new = before.claim < word.claim;
        match (role, &word.named, &word.after) {
            // By this claim or a later one, and it had not heard of this one: the ledger was here before its naming.
            (role @ (Role::Holds { .. } | Role::Gives { .. }), Some(_), None) if is_new => role,
            (_, Some(named), None) if named == me => Role::Holds { claim: word.claim },
            (_, Some(_), None) => Role::Idle,
            (role, Some(_) | None, _) => role,
        }
    }
}

impl Standing {
    /// Whether requests may be sent to the PACS: the source wants an export, and this gateway has the ledger. One that
    /// is named no longer goes on until its ledger is in the other's hands.
    pub fn may_send(&self) -> bool {
        match self.role {
            Role::Holds { .. } => self.word.named.is_some(),
            Role::Idle | Role::Gives { .. } => false,
        }
    }

    /// The gateway that is to have the ledger, if it is to be handed over.
    fn heir(&self) -> Option<&GatewayId> {
        self.word.named.as_ref().filter(|_| self.word.after.is_some())
    }

    /// The hand-over that is under way, as the gateway `me` sees it.
    pub fn hand_over(&self, me: &GatewayId) -> Option<HandOver> {
        match (&self.role, self.heir()) {
            (Role::Gives { to, .. }, _) => Some(HandOver::Gives { to: to.clone() }),
            (Role::Holds { .. }, Some(heir)) if heir != me => Some(HandOver::Leaves { to: heir.clone() }),
            (Role::Idle, Some(heir)) if heir == me => {
                self.word.after.clone().map(|from| HandOver::Waits { from })
            }
            (Role::Idle | Role::Holds { .. }, _) => None,
        }
    }

    /// Whether the gateway `me` waits for the ledger.
    pub fn waits(&self, me: &GatewayId) -> bool {
        self.role == Role::Idle && self.heir() == Some(me)
    }
}
