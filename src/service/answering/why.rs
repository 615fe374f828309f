//! May this card pass this door, and if not, what stands in the way: every rule that was asked.

use super::{Answering, Basis};
use crate::mirror::passing::walk;
use access::decide::{Check, Decision, Explanation, Facts, Path, Presentation, Reason, candidate, explain};
use access::door::Door;
use access::id::Key;
use access::text::Text;
use access::time::UtcTime;
use access::token::Identifier;
use access::uid::RawId;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Tokens of one user that are asked about.
pub const TOKENS_MAX: usize = 64;

/// Who stands at the door.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shown {
    /// A card with these bytes.
    Uid(RawId),
    /// Each of this user's cards.
    User(Key),
}

/// The answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Why {
    /// Whether any of the cards may pass.
    pub granted: bool,
    /// The door's key.
    pub door: Key,
    /// What people call it, if it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub door_name: Option<Text>,
    /// Each card that was asked about; none where a user has no token.
    pub cards: Vec<Card>,
    /// What the answer rests on.
    #[serde(flatten)]
    pub basis: Basis,
}

/// One card.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Card {
    /// How the reader knows it: technology, and bytes in hexadecimal.
    pub identifier: String,
    /// Which token it is, if exactly one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Key>,
    /// Who holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Key>,
    /// Whether it may pass.
    pub granted: bool,
    /// The assignment by which it may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Key>,
    /// When what it rests on ends, if nothing else changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Instant>,
    /// Every reason why it may not.
    pub reasons: Vec<Said>,
    /// The rules about the card, its holder, the door and the moment: each has to hold.
    pub rules: Vec<Asked>,
    /// The paths through the door: one of them has to hold.
    pub paths: Vec<PathAsked>,
    /// When it may pass, if nothing but time changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<Instant>,
}

/// An instant, in UTC and as the clock on the wall shows it where a schedule names a zone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Instant {
    /// In UTC.
    pub utc: UtcTime,
    /// In the zone of the first schedule that matters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall: Option<String>,
}

/// Why a rule fails.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Said {
    /// A word for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub text: String,
}

impl From<&Reason> for Said {
    fn from(reason: &Reason) -> Said {
        Said { code: reason.code(), text: reason.to_string() }
    }
}

/// A rule, and what came of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Asked {
    /// Its name.
    pub rule: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Said>,
}

impl From<&Check> for Asked {
    fn from(check: &Check) -> Asked {
        let reason = check.failure.as_ref().map(Said::from);
        Asked { rule: check.rule.as_str(), holds: reason.is_none(), reason }
    }
}

/// A path through the door.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PathAsked {
    /// By which assignment.
    pub assignment: Key,
    /// Of which entitlement.
    pub entitlement: Key,
    /// By which schedule the door grants it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Key>,
    /// What the clock on the wall shows there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall: Option<String>,
    /// Whether all its rules hold.
    pub holds: bool,
    /// Its rules.
    pub rules: Vec<Asked>,
}

/// The door, if it is there, and each card that was asked about.
type Answered = (Option<Arc<Door>>, Vec<Card>);

impl Answering<'_> {
    /// Asks for one card, or for each of a user's.
    ///
    /// # Errors
    /// SQLite's.
    pub fn why(&self, shown: &Shown, door: &Key) -> rusqlite::Result<Why> {
        let (record, cards) = match shown {
            Shown::Uid(uid) => self.why_uid(uid, door)?,
            Shown::User(user) => self.why_user(user, door)?,
        };
        Ok(Why {
            granted: cards.iter().any(|card| card.granted),
            door: door.clone(),
            door_name: record.map(|door| door.name.clone()),
            cards,
            basis: self.basis.clone(),
        })
    }

    /// Of bytes alone: by each technology under which they are known.
    fn why_uid(&self, uid: &RawId, door: &Key) -> rusqlite::Result<Answered> {
        let (record, facts) = self.facts(uid, door)?;
        let carried = facts.tokens.iter().flat_map(|one| &one.token.identifiers);
        let kinds = carried.filter(|one| one.hex == *uid).map(|one| one.kind.clone());
        let mut kinds: BTreeSet<Text> = kinds.collect();
        if kinds.is_empty() {
            // Whichever it is, nobody knows it.
            kinds.insert(Text::default());
        }
        let shown = |kind| Presentation { identifier: Identifier { kind, hex: uid.clone() } };
        let cards = kinds.into_iter().map(|kind| self.card(&facts, &shown(kind), record.as_deref()));
        let cards = cards.collect();
        Ok((record, cards))
    }

    /// Each of a user's cards.
    fn why_user(&self, user: &Key, door: &Key) -> rusqlite::Result<Answered> {
        let tokens = walk::tokens_of_user(self.conn, user, TOKENS_MAX)?;
        let all = tokens.into_iter().flat_map(|(_, token)| token.identifiers);
        let mut seen = BTreeSet::new();
        let (mut record, mut cards) = (walk::door(self.conn, door)?.map(Arc::new), Vec::new());
        for identifier in all.filter(|one| seen.insert((one.kind.clone(), one.hex.clone()))) {
            let (found, facts) = self.facts(&identifier.hex, door)?;
            cards.push(self.card(&facts, &Presentation { identifier }, found.as_deref()));
            record = found;
        }
        Ok((record, cards))
    }

    fn card(&self, facts: &Facts, shown: &Presentation, door: Option<&Door>) -> Card {
        card(facts, shown, &explain(facts, shown, door, &self.time))
    }
}

fn card(facts: &Facts, shown: &Presentation, explained: &Explanation) -> Card {
    let decision = explained.decision();
    let one = candidate(facts, shown);
    let schedule = explained.paths.iter().find_map(|path| facts.schedules.get(path.schedule.as_ref()?));
    let instant = |utc: UtcTime| Instant { utc, wall: schedule.and_then(|schedule| schedule.wall(utc)) };
    let (by, until, reasons) = match &decision {
        Decision::Granted { by, until } => (Some(by.clone()), until.map(instant), Vec::new()),
        Decision::Denied { reasons } => (None, None, reasons.iter().map(Said::from).collect()),
    };
    let Identifier { kind, hex } = &shown.identifier;
    let spelled = if kind.as_str().is_empty() { hex.to_string() } else { format!("{kind}:{hex}") };
    Card {
        identifier: spelled,
        token: one.map(|one| one.key.clone()),
        user: one.and_then(|one| one.token.user.clone()),
        granted: by.is_some(),
        nearest: explained.nearest().filter(|_| by.is_none()).map(instant),
        by,
        until,
        reasons,
        rules: explained.card.iter().map(Asked::from).collect(),
        paths: explained.paths.iter().map(|path| self::path(facts, path, explained.time.now)).collect(),
    }
}

fn path(facts: &Facts, path: &Path, now: UtcTime) -> PathAsked {
    let schedule = path.schedule.as_ref().and_then(|key| facts.schedules.get(key));
    PathAsked {
        assignment: path.assignment.clone(),
        entitlement: path.entitlement.clone(),
        schedule: path.schedule.clone(),
        wall: schedule.and_then(|schedule| schedule.wall(now)),
        holds: path.checks.iter().all(|check| check.failure.is_none()),
        rules: path.checks.iter().map(Asked::from).collect(),
    }
}
