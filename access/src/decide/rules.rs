//! The rules. Each is a function to a [`Check`]; none looks at another's outcome.

use super::moment::Moments;
use super::{Candidate, Check, Explanation, Facts, Lockdown, Path, Presentation, Reason, Rule, Subject};
use crate::assignment::Assignment;
use crate::door::{Door, Grant};
use crate::entitlement::Entitlement;
use crate::id::Key;
use crate::leash::Reach;
use crate::status::effective;
use crate::text::Text;
use crate::time::{UtcTime, Window};
use crate::token::TokenStatus;
use crate::trust::{Need, Time, Trust, need};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

impl Check {
    /// A rule that time has no part in.
    fn timeless(rule: Rule, failure: Option<Reason>) -> Check {
        Check { rule, when: Moments::Timeless(failure.is_none()), failure }
    }
}

pub(super) fn ask(facts: &Facts, shown: &Presentation, door: Option<&Door>, time: &Time) -> Explanation {
    let (known, candidate) = card(facts, shown);
    let mut card = vec![known];
    if let Some(candidate) = candidate {
        card.extend(of_token(candidate, time));
        card.push(passback(facts, time));
    }
    card.push(Check::timeless(Rule::Door, door.is_none().then_some(Reason::UnknownDoor)));
    let mut paths = Vec::new();
    let holder = candidate.and_then(|candidate| Some((candidate, candidate.token.user.as_ref()?)));
    if let (Some((candidate, user)), Some(door)) = (holder, door) {
        paths = leading_through(candidate, user, door).map(|way| path(facts, way, time)).collect();
        let none = paths.is_empty().then(|| Reason::NoAssignment { user: user.clone() });
        card.push(Check::timeless(Rule::Assignment, none));
    }
    if paths.is_empty() {
        card.push(lockdown(facts, None));
    }
    if facts.is_restored {
        card.push(Check::timeless(Rule::Restoration, Some(Reason::Restored)));
    }
    Explanation { time: *time, card, paths }
}

/// Which token the card is. Two people's card is nobody's, even if one of the two could not pass anyway: barring
/// one must not open a door to the other. What is revoked for good is no longer anybody's, though.
pub(super) fn card<'a>(facts: &'a Facts, shown: &Presentation) -> (Check, Option<&'a Candidate>) {
    let carry = |one: &&Candidate| one.token.identifiers.contains(&shown.identifier);
    let all: Vec<&Candidate> = facts.tokens.iter().filter(carry).collect();
    let live: Vec<&Candidate> =
        all.iter().copied().filter(|one| one.token.status != TokenStatus::Revoked).collect();
    let (failure, candidate) = match (live.as_slice(), all.first()) {
        ([], None) => (Some(Reason::UnknownCard), None),
        ([], Some(revoked)) => (None, Some(*revoked)),
        ([one], _) => (None, Some(*one)),
        ([_, _, ..], _) => {
            let tokens = live.iter().map(|one| one.key.clone()).collect();
            (Some(Reason::AmbiguousCard { tokens }), None)
        }
    };
    (Check::timeless(Rule::Card, failure), candidate)
}

fn of_token(candidate: &Candidate, time: &Time) -> Vec<Check> {
    let (key, token) = (&candidate.key, &candidate.token);
    let barred = (token.status != TokenStatus::Active)
        .then(|| Reason::TokenStatus { token: key.clone(), status: token.status });
    let revoked = candidate.revoked_here.then(|| Reason::RevokedHere { token: key.clone() });
    let holder = match (&token.user, &candidate.user) {
        (None, _) => Some(Reason::TokenOfNobody { token: key.clone() }),
        (Some(user), None) => Some(Reason::UnknownUser { token: key.clone(), user: user.clone() }),
        (Some(_), Some(_)) => None,
    };
    let mut checks = vec![
        Check::timeless(Rule::TokenStatus, barred),
        Check::timeless(Rule::Revocation, revoked),
        window(Rule::TokenWindow, &token.window, Subject::Token(key.clone()), time),
        Check::timeless(Rule::Holder, holder),
    ];
    if let (Some(user), Some(left)) = (&token.user, candidate.user) {
        // What the user's status alone makes of a token of this kind; its own status has its own rule.
        let barred = effective(left, token.kind, TokenStatus::Active) != TokenStatus::Active;
        let failure = barred.then(|| Reason::UserStatus { user: user.clone(), status: left });
        checks.push(Check::timeless(Rule::UserStatus, failure));
    }
    checks
}

fn window(rule: Rule, window: &Window, of: Subject, time: &Time) -> Check {
    let is_open = match need(window, time) {
        Some(Need::Want) => true,
        // What stands may stand; a door that opens is something new.
        Some(Need::Keep) | None => false,
    };
    let passed = match time.trust {
        Trust::Trusted => time.now,
        Trust::Untrusted => time.floor,
    };
    let failure = match (window.from, window.to) {
        _ if is_open => None,
        (_, Some(to)) if to <= passed => Some(Reason::Over { of, to }),
        (Some(from), _) if time.trust == Trust::Trusted => Some(Reason::NotYet { of, from }),
        (_, _) => Some(Reason::ClockUntrusted { of }),
    };
    Check { rule, failure, when: Moments::Within(*window) }
}

fn passback(facts: &Facts, time: &Time) -> Check {
    let left_s = facts.passback.passed_ago_s.and_then(|ago_s| facts.passback.wait_s.checked_sub(ago_s));
    let wait_s = left_s.filter(|left_s| *left_s > 0);
    let from = wait_s.map(|left_s| UtcTime::from_unix(time.now.unix().saturating_add(i64::from(left_s))));
    Check {
        rule: Rule::Passback,
        failure: wait_s.map(|wait_s| Reason::PassedJustNow { wait_s }),
        when: Moments::Within(Window { from, to: None }),
    }
}

/// An assignment of the holder, and a grant of the door for the same entitlement.
type Way<'a> = (&'a Key, &'a Assignment, &'a Grant);

fn leading_through<'a>(
    candidate: &'a Candidate,
    user: &'a Key,
    door: &'a Door,
) -> impl Iterator<Item = Way<'a>> {
    let own = candidate.assignments.iter().filter(move |(_, assignment)| assignment.user == *user);
    own.flat_map(move |(key, assignment)| {
        let granted = door.grants.iter().filter(move |grant| grant.entitlement == assignment.entitlement);
        granted.map(move |grant| (key, assignment, grant))
    })
}

fn path(facts: &Facts, (key, assignment, grant): Way<'_>, time: &Time) -> Path {
    let name = &assignment.entitlement;
    let entitlement = facts.entitlements.get(name);
    let class = entitlement.and_then(|entitlement| entitlement.class.as_ref());
    let unknown = entitlement.is_none().then(|| Reason::UnknownEntitlement { entitlement: name.clone() });
    let gone = |one: &Arc<Entitlement>| facts.vanished.contains(one.pacs_ref.as_str());
    let vanished = entitlement.is_some_and(gone).then(|| Reason::Vanished { entitlement: name.clone() });
    let checks = vec![
        Check::timeless(Rule::Entitlement, unknown),
        Check::timeless(Rule::Definition, vanished),
        window(Rule::AssignmentWindow, &assignment.window, Subject::Assignment(key.clone()), time),
        schedule(facts, grant.schedule.as_ref(), time),
        leash(facts, name, class, time),
        lockdown(facts, class),
    ];
    Path { assignment: key.clone(), entitlement: name.clone(), schedule: grant.schedule.clone(), checks }
}

/// Under untrusted time a schedule is closed, whatever it says: it is all edges.
fn schedule(facts: &Facts, name: Option<&Key>, time: &Time) -> Check {
    let rule = Rule::Schedule;
    let Some(name) = name else { return Check::timeless(rule, None) };
    let Some(timetable) = facts.schedules.get(name) else {
        return Check::timeless(rule, Some(Reason::UnknownSchedule { schedule: name.clone() }));
    };
    let Ok(calendar) = &timetable.calendar else {
        let (schedule, zone) = (name.clone(), timetable.zone.clone());
        return Check::timeless(rule, Some(Reason::UnknownZone { schedule, zone }));
    };
    let failure = match time.trust {
        Trust::Untrusted => Some(Reason::ClockUntrusted { of: Subject::Schedule(name.clone()) }),
        Trust::Trusted if calendar.holds(time.now) => None,
        Trust::Trusted => Some(Reason::OutsideSchedule { schedule: name.clone() }),
    };
    Check { rule, failure, when: Moments::By(calendar.clone()) }
}

fn leash(facts: &Facts, entitlement: &Key, class: Option<&Text>, time: &Time) -> Check {
    let rule = Rule::Leash;
    match facts.leashes.of(class).reach(&facts.news, time) {
        Reach::Endless | Reach::Holds => Check::timeless(rule, None),
        Reach::Until(to) => {
            let when = Moments::Within(Window { from: None, to: Some(to) });
            Check { rule, failure: None, when }
        }
        Reach::Over => {
            let reason = Reason::LeashOver { entitlement: entitlement.clone(), class: class.cloned() };
            Check::timeless(rule, Some(reason))
        }
    }
}

fn lockdown(facts: &Facts, class: Option<&Text>) -> Check {
    let shut = match &facts.lockdown {
        Lockdown::Off => false,
        Lockdown::On { exempt } => !class.is_some_and(|class| exempt.contains(class)),
    };
    Check::timeless(Rule::Lockdown, shut.then_some(Reason::Lockdown))
}
