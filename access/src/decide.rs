//! Who may pass, and why: one pure function from facts, a presentation, a door and time to a decision.
//!
//! A card opens a door if every rule about the card, its holder and the moment holds, and there is at least one
//! **path** on which everything holds as well: an assignment of the holder whose entitlement the door grants. All
//! rules are always asked, so a denial names every one that fails, and an explanation those that hold, too.
//!
//! Untrusted time never widens: windows with an edge and schedules are closed under it.
//!
//! Not here: looking the facts up, moving the strike, and anti-passback by areas: the contract knows no areas, so
//! what counts is when the same card passed the same door.

mod moment;
mod reason;
mod rules;

use crate::assignment::Assignment;
use crate::door::Door;
use crate::entitlement::Entitlement;
use crate::id::Key;
use crate::leash::{Leashes, News};
use crate::schedule::Timetable;
use crate::text::Text;
use crate::time::UtcTime;
use crate::token::{Identifier, Token};
use crate::trust::{Time, Trust};
use crate::user::UserStatus;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use moment::Moments;

pub use reason::{Reason, Rule, Subject};

/// One card shown once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Presentation {
    /// What the reader has read.
    pub identifier: Identifier,
}

/// A token that may be the one that is shown, with what hangs on it.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The token's key.
    pub key: Key,
    /// The token.
    pub token: Token,
    /// The status of its user, unless it has none or names one that is not there.
    pub user: Option<UserStatus>,
    /// That user's assignments by key: at least those of entitlements that the door grants. Others do no harm.
    pub assignments: Vec<(Key, Assignment)>,
    /// Somebody has revoked it at this panel, and the source has not settled that.
    pub revoked_here: bool,
}

/// Whether the site is shut.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Lockdown {
    /// Ordinary days.
    #[default]
    Off,
    /// Nobody passes but by entitlements of these classes.
    On {
        /// For instance the fire crew's.
        exempt: BTreeSet<Text>,
    },
}

/// When the same token last passed the same door, and how long it then has to wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Passback {
    /// By the monotonic clock; absent if it has not, as far as this life knows.
    pub passed_ago_s: Option<u32>,
    /// 0 lets it pass again at once.
    pub wait_s: u32,
}

/// Everything that a decision may rest on.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The tokens that carry the identifier. Others do no harm: each is compared again.
    pub tokens: Vec<Candidate>,
    /// The entitlements that are there.
    pub entitlements: BTreeMap<Key, Arc<Entitlement>>,
    /// The schedules that are there.
    pub schedules: BTreeMap<Key, Arc<Timetable>>,
    /// References of entitlements that the PACS has defined and defines no longer.
    pub vanished: BTreeSet<String>,
    /// How long rights live without news.
    pub leashes: Leashes,
    /// When the last news came.
    pub news: News,
    /// Whether the site is shut.
    pub lockdown: Lockdown,
    /// Whether the card has only just passed.
    pub passback: Passback,
    /// The records are a backup's, and were not compared with the source since: they may give what was taken away.
    pub is_restored: bool,
}

/// May the card pass?
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// It may.
    Granted {
        /// The assignment by which it may: of several, the one that lasts longest.
        by: Key,
        /// When what it rests on ends, if nothing is changed meanwhile; the card may then still pass for another
        /// reason. Absent if no end is known, and always in untrusted time.
        until: Option<UtcTime>,
    },
    /// It may not.
    Denied {
        /// Every rule that fails, each once and never none. What is wrong with paths is told only if none of them
        /// leads through.
        reasons: Vec<Reason>,
    },
}

impl fmt::Display for Decision {
    /// For a log: by what, or why not, in words for programs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Decision::Granted { by, .. } => write!(f, "granted by {by}"),
            Decision::Denied { reasons } => {
                f.write_str("denied")?;
                reasons.iter().try_for_each(|reason| write!(f, " {}", reason.code()))
            }
        }
    }
}

/// One rule, and what came of it.
#[derive(Clone, Debug)]
pub struct Check {
    /// Which rule.
    pub rule: Rule,
    /// Why it fails; `None` if it holds.
    pub failure: Option<Reason>,
    when: Moments,
}

/// An assignment whose entitlement the door grants.
#[derive(Clone, Debug)]
pub struct Path {
    /// The assignment.
    pub assignment: Key,
    /// Its entitlement.
    pub entitlement: Key,
    /// The schedule of the door's grant.
    pub schedule: Option<Key>,
    /// What was asked of it.
    pub checks: Vec<Check>,
}

/// Every rule that was asked.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The time it was asked at.
    pub time: Time,
    /// About the card, its holder, the door and the moment: each has to hold.
    pub card: Vec<Check>,
    /// The ways that lead through the door: one of them has to hold, with all its rules.
    pub paths: Vec<Path>,
}

/// Decides. `door` is `None` where there is no such record.
pub fn decide(facts: &Facts, presentation: &Presentation, door: Option<&Door>, time: &Time) -> Decision {
    explain(facts, presentation, door, time).decision()
}

/// Asks every rule.
pub fn explain(facts: &Facts, presentation: &Presentation, door: Option<&Door>, time: &Time) -> Explanation {
    rules::ask(facts, presentation, door, time)
}

/// The token that a decision takes the card for, if exactly one.
pub fn candidate<'a>(facts: &'a Facts, presentation: &Presentation) -> Option<&'a Candidate> {
    rules::card(facts, presentation).1
}

fn hold(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.failure.is_none())
}

impl Explanation {
    /// What follows from the rules.
    pub fn decision(&self) -> Decision {
        let open = || self.paths.iter().filter(|path| hold(&path.checks));
        if hold(&self.card) {
            let ends = open().map(|path| (path, self.end(path)));
            if let Some((path, until)) = ends.max_by_key(|(_, end)| end.map_or(i64::MAX, UtcTime::unix)) {
                return Decision::Granted { by: path.assignment.clone(), until };
            }
        }
        let mut reasons = Vec::new();
        let of_paths: &[Path] = if open().next().is_some() { &[] } else { &self.paths };
        let checks = self.card.iter().chain(of_paths.iter().flat_map(|path| &path.checks));
        for reason in checks.filter_map(|check| check.failure.as_ref()) {
            if !reasons.contains(reason) {
                reasons.push(reason.clone());
            }
        }
        Decision::Denied { reasons }
    }

    /// The first instant, from now on, at which the card may pass if nothing but time changes. `None` if there is
    /// none, and in untrusted time, when nobody can say how far away an instant is.
    pub fn nearest(&self) -> Option<UtcTime> {
        match self.time.trust {
            Trust::Untrusted => None,
            Trust::Trusted => self.paths.iter().filter_map(|path| self.first(path)).min(),
        }
    }

    fn moments<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = &'a Moments> {
        self.card.iter().chain(&path.checks).map(|check| &check.when)
    }

    fn end(&self, path: &Path) -> Option<UtcTime> {
        match self.time.trust {
            Trust::Untrusted => None,
            Trust::Trusted => self.moments(path).filter_map(|when| when.end(self.time.now)).min(),
        }
    }

    /// The first instant at which all rules of `path` hold: moved on from rule to rule until none objects. Windows
    /// move it once each and a path has one schedule, so a few rounds are enough.
    fn first(&self, path: &Path) -> Option<UtcTime> {
        const ROUNDS_MAX: usize = 8;
        let mut at = self.time.now;
        for _ in 0..ROUNDS_MAX {
            let before = at;
            for when in self.moments(path) {
                at = when.first_from(at)?;
            }
            if at == before {
                return Some(at);
            }
        }
        None
    }
}
