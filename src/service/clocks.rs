//! How the clock stands, for people and programs; and its floor put back by somebody's order.
//!
//! Not here: the rules by which it stands (`access::trust`).

use super::circumstances::Age;
use super::orders::Who;
use super::timekeeping::Timekeeper;
use crate::clock::SyncSource;
use crate::mirror::{Urgency, Writer, audit};
use access::time::UtcTime;
use access::trust::{Standing, Time, Trust};
use serde::{Deserialize, Serialize};

/// How the clock stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Clock {
    /// What it shows.
    pub now: UtcTime,
    /// `trusted`, `holdover` or `untrusted`.
    pub standing: String,
    /// Why it is not believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
    /// For how much longer it is believed without being synchronised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holdover_left_s: Option<u32>,
    /// An instant that has certainly passed.
    pub floor: UtcTime,
    /// Who says whether it is synchronised: `kernel` or `host`.
    pub sync: String,
    /// What that one says.
    pub synchronised: bool,
    /// How old the last news from the source is.
    #[serde(default)]
    pub news: Age,
}

impl Clock {
    /// The time by it.
    pub fn time(&self) -> Time {
        let trust = if self.word() == "untrusted" { Trust::Untrusted } else { Trust::Trusted };
        Time { now: self.now, trust, floor: self.floor }
    }

    /// How it stands; a word that is none is not believed.
    pub fn word(&self) -> &'static str {
        ["trusted", "holdover"].into_iter().find(|word| *word == self.standing).unwrap_or("untrusted")
    }

    /// As `time` has it.
    pub fn of(time: &Timekeeper, sync: SyncSource, news: Age) -> Clock {
        let standing = time.standing();
        let (doubt, holdover_left_s) = match standing {
            Standing::Trusted => (None, None),
            Standing::Holdover { left_s } => (None, Some(left_s)),
            Standing::Untrusted(doubt) => (Some(doubt.words().to_owned()), None),
        };
        Clock {
            now: time.time().now,
            standing: standing.as_str().into(),
            doubt,
            holdover_left_s,
            floor: time.time().floor,
            sync: match sync {
                SyncSource::Kernel => "kernel",
                SyncSource::Host => "host",
            }
            .into(),
            synchronised: time.clock().is_synchronised(),
            news,
        }
    }
}

/// Puts the floor back to `to`, with a line in the audit; gives the sentence about it.
///
/// # Errors
/// Why not; the floor stays then.
pub(super) async fn reset_floor(
    writer: &Writer,
    time: &Timekeeper,
    who: &Who,
    to: UtcTime,
) -> Result<String, String> {
    let from = time.time().floor;
    if to >= from {
        return Err(format!("the floor is {from}: it can only be put back, to an instant before that"));
    }
    time.reset_floor(to).map_err(|error| error.to_string())?;
    let words = format!("the floor was {from} and is {to}");
    tracing::warn!(%who, words, "clock floor");
    let (by, outcome) = (who.to_string(), words.clone());
    let noted = writer.run(Urgency::Narrowing, move |context| {
        let order = format!("reset the clock floor to {to}");
        let entry = audit::Entry { at: context.now, who: by.clone(), order, outcome: outcome.clone() };
        audit::note(context.conn, &entry)
    });
    match noted.await {
        Ok(()) => Ok(words),
        // What nobody could answer for later does not happen.
        Err(error) => {
            time.reset_floor(from).map_err(|error| error.to_string())?;
            Err(format!("it cannot be noted in the audit, so the floor stays {from}: {error}"))
        }
    }
}
