//! One enrollment: a card is awaited, shown, taken away and shown again. Pure.
//!
//! Two taps with the card removed between them: a card with a random UID keeps it as long as it lies there, and shows
//! another one the second time.
//!
//! Not here: whether the card may be enrolled (`judging`), and writing it down (`enrolling`).

use crate::clock::MonoMs;
use crate::reader::line::{Presentation, Reason, State};
use access::id::Key;
use access::signal::Signal;
use access::time::UtcTime;
use serde::{Deserialize, Serialize};

/// Whoever has tapped once has at least this long for the second tap, whatever the deadline says.
pub const SECOND_TAP_MS: u64 = 15_000;

/// What there is to report of an enrollment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// A card is awaited.
    Armed {
        /// At this reader.
        reader: String,
        /// For so long.
        timeout_s: u32,
    },
    /// A card was there and was not read; another try is possible.
    Unread {
        /// Why, and what to do.
        words: String,
    },
    /// The card was read: it is to be taken away.
    Tapped {
        /// Its bytes in hexadecimal.
        uid: String,
        /// What sort of card it seems to be.
        technology: String,
        /// What is to be known of such a card.
        warnings: Vec<String>,
    },
    /// It is to be shown once more.
    Again,
    /// It is known now.
    Enrolled {
        /// The key that was drawn for it.
        token: Key,
        /// Who holds it.
        user: Key,
        /// Its bytes in hexadecimal.
        uid: String,
        /// Until the source settles it, at most.
        expires: UtcTime,
        /// What is to be known of such a card.
        warnings: Vec<String>,
    },
    /// It is not, and nothing was changed.
    Refused {
        /// Why, and what to do.
        words: String,
    },
    /// Where the token that was enrolled stands in the PACS; always the last after `Enrolled`.
    Pacs {
        /// In a word.
        outcome: InPacs,
        /// In a sentence.
        words: String,
    },
    /// The time is over, and nothing was changed.
    TimedOut {
        /// What has not come, and what to do.
        words: String,
    },
    /// Whoever asked for it has gone, or has called it off.
    Cancelled,
}

/// Where an enrolled token stands in the PACS.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InPacs {
    /// It is there.
    Has,
    /// The PACS refuses it, or somebody has to decide.
    Held,
    /// It is not there yet, and nobody waits any longer.
    Late,
    /// The rules do not want it there.
    NotWanted,
    /// This panel does not export.
    Elsewhere,
}

impl Step {
    /// Whether nothing follows.
    pub fn is_end(&self) -> bool {
        match self {
            Step::Pacs { .. } | Step::Refused { .. } | Step::TimedOut { .. } | Step::Cancelled => true,
            Step::Armed { .. }
            | Step::Unread { .. }
            | Step::Tapped { .. }
            | Step::Again
            | Step::Enrolled { .. } => false,
        }
    }

    /// Whether no card is awaited any more.
    pub fn frees_reader(&self) -> bool {
        self.is_end() || matches!(self, Step::Enrolled { .. })
    }

    /// What the reader shows with it.
    pub fn signal(&self) -> Option<Signal> {
        match self {
            Step::Armed { .. } => Some(Signal::Armed),
            Step::Tapped { .. } => Some(Signal::Again),
            Step::Enrolled { .. } => Some(Signal::Good),
            Step::Unread { .. } => Some(Signal::Error),
            Step::Refused { .. } | Step::TimedOut { .. } | Step::Cancelled => Some(Signal::Bad),
            Step::Again | Step::Pacs { .. } => None,
        }
    }
}

/// What is to be done.
#[derive(Clone, PartialEq, Debug)]
pub enum Act {
    /// Report this.
    Say(Step),
    /// Write the card down; what comes of it ends the enrollment.
    Enroll {
        /// As it was shown last.
        card: Box<Presentation>,
        /// Whether it was shown twice, and the same both times.
        confirmed: bool,
    },
}

/// Which tap is awaited.
#[derive(Clone, PartialEq, Debug)]
enum Phase {
    First,
    /// The card lies there still.
    Removal(Box<Presentation>),
    Second(Box<Presentation>),
}

/// One enrollment.
#[derive(Clone, PartialEq, Debug)]
pub struct Machine {
    phase: Phase,
    single: bool,
    deadline: MonoMs,
    /// A card lies there that was not shown for this.
    has_resting: bool,
}

impl Machine {
    /// A card is awaited until `deadline`; one tap is enough when it is `single`.
    pub fn new(single: bool, deadline: MonoMs) -> Machine {
        Machine { phase: Phase::First, single, deadline, has_resting: false }
    }

    /// When it is to be called on again if nothing happens.
    pub fn deadline(&self) -> MonoMs {
        self.deadline
    }

    /// A card was shown; `judged` says whether it may be enrolled, with what is to be known of it.
    pub fn shown(&mut self, card: &Presentation, judged: Result<Vec<String>, String>, now: MonoMs) -> Act {
        let warnings = match judged {
            Ok(warnings) => warnings,
            Err(words) => return Act::Say(Step::Refused { words }),
        };
        let card = Box::new(card.clone());
        match std::mem::replace(&mut self.phase, Phase::First) {
            Phase::First if self.single => Act::Enroll { card, confirmed: false },
            Phase::First => {
                let technology = card.technology.as_str().to_owned();
                let step = Step::Tapped { uid: card.uid.to_string(), technology, warnings };
                self.phase = Phase::Removal(card);
                self.deadline = self.deadline.max(now.after_ms(SECOND_TAP_MS));
                Act::Say(step)
            }
            Phase::Removal(first) | Phase::Second(first) if first.uid == card.uid => {
                Act::Enroll { card, confirmed: true }
            }
            Phase::Removal(first) | Phase::Second(first) => Act::Say(Step::Refused {
                words: format!(
                    "the second tap showed {} and the first {}: another card, or one that shows a random UID each time; \
                     such a card cannot be enrolled by its UID",
                    card.uid, first.uid
                ),
            }),
        }
    }

    /// The card was taken away.
    pub fn removed(&mut self) -> Option<Act> {
        self.has_resting = false;
        match std::mem::replace(&mut self.phase, Phase::First) {
            Phase::Removal(first) => {
                self.phase = Phase::Second(first);
                Some(Act::Say(Step::Again))
            }
            other @ (Phase::First | Phase::Second(_)) => {
                self.phase = other;
                None
            }
        }
    }

    /// A card was there and was not read.
    pub fn unread(&mut self, reason: Reason) -> Act {
        self.has_resting |= reason == Reason::Resting;
        Act::Say(Step::Unread { words: reason.words().into() })
    }

    /// The reader is in another state; one that comes back by itself within the deadline ends nothing.
    pub fn health(&self, state: State, detail: &str) -> Option<Act> {
        match state {
            State::Ready | State::Starting => None,
            State::Lost | State::Busy | State::Unfit => {
                Some(Act::Say(Step::Unread { words: format!("the reader is {}: {detail}", state.as_str()) }))
            }
        }
    }

    /// Time has passed.
    pub fn at(&self, now: MonoMs) -> Option<Act> {
        let words = match &self.phase {
            Phase::First if self.has_resting => {
                "a card lay there all the time, which nobody has shown for this: take it away, and begin again"
            }
            Phase::First => "nobody has shown a card in time",
            Phase::Removal(_) => "the card was not taken away in time: take it away, and begin again",
            Phase::Second(_) => "the card was not shown again in time: begin again",
        };
        (now >= self.deadline).then(|| Act::Say(Step::TimedOut { words: words.into() }))
    }
}

#[cfg(test)]
mod tests;
