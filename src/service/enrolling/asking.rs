//! Who asks for an enrollment, and how the answers get back to it.
//!
//! Not here: what is done about it.

use super::machine::Step;
use crate::service::orders::Who;
use access::id::Key;
use access::token::TokenKind;
use serde::{Deserialize, Serialize};
use std::fmt;
use tokio::sync::mpsc;

/// Asks that wait.
pub const ASKS_MAX: usize = 8;
/// Steps that wait for whoever asked; an enrollment has fewer unless cards are torn away again and again.
pub const STEPS_MAX: usize = 64;
/// Shortest time to wait for a card, in seconds.
pub const TIMEOUT_MIN_S: u32 = 5;
/// Longest.
pub const TIMEOUT_MAX_S: u32 = 300;
/// Where nobody says.
pub const TIMEOUT_DEFAULT_S: u32 = 30;

/// What is wanted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardWish {
    /// Who is to hold the card.
    pub user: Key,
    /// What the token is made of.
    #[serde(default = "card")]
    pub kind: TokenKind,
    /// At which reader; may be absent where there is one.
    #[serde(default)]
    pub reader: Option<String>,
    /// How long to wait for the card.
    #[serde(default = "timeout")]
    pub timeout_s: u32,
    /// One tap is enough.
    #[serde(default)]
    pub single: bool,
}

fn card() -> TokenKind {
    TokenKind::Card
}

fn timeout() -> u32 {
    TIMEOUT_DEFAULT_S
}

impl CardWish {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// The rule.
    pub fn checked(self) -> Result<CardWish, String> {
        if (TIMEOUT_MIN_S..=TIMEOUT_MAX_S).contains(&self.timeout_s) {
            return Ok(self);
        }
        Err(format!("timeout_s = {}: wait {TIMEOUT_MIN_S} to {TIMEOUT_MAX_S} seconds", self.timeout_s))
    }
}

impl fmt::Display for CardWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "enroll user {}", self.user)?;
        self.reader.iter().try_for_each(|reader| write!(f, " at {reader}"))
    }
}

/// What is asked.
#[derive(Debug)]
pub enum Ask {
    /// A card is to be enrolled.
    Enroll {
        /// What is wanted.
        wish: CardWish,
        /// By whom.
        who: Who,
        /// Whom to report to; when it is closed, the enrollment is called off.
        steps: Option<mpsc::Sender<Step>>,
    },
    /// None is, any more.
    Cancel {
        /// At this reader, or at any.
        reader: Option<String>,
    },
}

/// Whether an enrollment was done, and the sentence about it.
pub(super) fn summary(step: &Step) -> (bool, String) {
    match step {
        Step::Enrolled { token, user, uid, .. } => {
            (true, format!("card {uid} is token {token} of {user} until the source settles it"))
        }
        Step::Refused { words } | Step::TimedOut { words } => (false, words.clone()),
        Step::Cancelled => (false, "it was called off".into()),
        Step::Armed { .. } | Step::Unread { .. } | Step::Tapped { .. } | Step::Again | Step::Pacs { .. } => {
            (false, String::new())
        }
    }
}
