//! What a decision rests on beside the records: leashes, how old the last news is, and lockdown.
//!
//! Not here: the records (`mirror::passing`), who has just passed (the door), the decision (`access::decide`).

use super::notices::Notices;
use super::timekeeping::Timekeeper;
use crate::mirror::standing::Restored;
use crate::mirror::{door_orders, standing};
use access::decide::{Facts, Lockdown};
use access::leash::{Leashes, News};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

/// How old the last news is, by the monotonic clock of one life.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Age {
    /// Since the mirror was last proven; absent if it was not in this life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven_ago_s: Option<u32>,
    /// Since the gateway has started.
    pub up_s: u32,
}

impl Age {
    /// As the running gateway knows it.
    pub fn of(notices: &Notices, time: &Timekeeper) -> Age {
        let now = time.mono();
        let ago_s = |ms: u64| u32::try_from(now.0.saturating_sub(ms) / 1000).unwrap_or(u32::MAX);
        Age { proven_ago_s: notices.proven_at().map(|at| ago_s(at.0)), up_s: ago_s(notices.started_at().0) }
    }
}

/// What a decision rests on beside the records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Circumstances {
    /// How long rights live without news.
    pub leashes: Leashes,
    /// How old the last news is.
    pub age: Age,
}

impl Circumstances {
    /// Adds them to `facts`, with what the disk knows of them.
    ///
    /// # Errors
    /// SQLite's.
    pub fn fill(&self, conn: &Connection, facts: &mut Facts) -> rusqlite::Result<()> {
        let Age { proven_ago_s, up_s } = self.age;
        facts.leashes = self.leashes.clone();
        let (proven_at, restored) = standing::provenance(conn)?;
        facts.news = News { proven_at, age_s: proven_ago_s, up_s };
        facts.is_restored = restored == Restored::Yes;
        facts.lockdown = match door_orders::lockdown(conn)? {
            Some(shut) => Lockdown::On { exempt: shut.exempt },
            None => Lockdown::Off,
        };
        Ok(())
    }
}
