//! The rules by name, and in words why one fails.

use crate::id::Key;
use crate::text::Text;
use crate::time::UtcTime;
use crate::token::TokenStatus;
use crate::user::UserStatus;
use alloc::vec::Vec;
use core::fmt;

/// A rule that is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// Exactly one token carries the identifier; those that are revoked for good do not count beside another.
    Card,
    /// The source has not barred the token.
    TokenStatus,
    /// Nobody has revoked it at this panel.
    Revocation,
    /// The token's window.
    TokenWindow,
    /// The token belongs to a user who is there.
    Holder,
    /// That user is in service.
    UserStatus,
    /// The card has not passed this door a moment ago.
    Passback,
    /// The door is there.
    Door,
    /// The user has an entitlement that the door grants.
    Assignment,
    /// The entitlement is there.
    Entitlement,
    /// The PACS still defines it.
    Definition,
    /// The assignment's window.
    AssignmentWindow,
    /// The schedule of the door's grant.
    Schedule,
    /// News from the source is fresh enough for the entitlement's class.
    Leash,
    /// The site is not shut, or not for this class.
    Lockdown,
    /// The records have been compared with the source since they came from a backup.
    Restoration,
}

impl Rule {
    /// In a word or two, for a list.
    pub const fn as_str(self) -> &'static str {
        match self {
            Rule::Card => "card",
            Rule::TokenStatus => "token status",
            Rule::Revocation => "revocation here",
            Rule::TokenWindow => "token window",
            Rule::Holder => "holder",
            Rule::UserStatus => "user status",
            Rule::Passback => "passback",
            Rule::Door => "door",
            Rule::Assignment => "assignment",
            Rule::Entitlement => "entitlement",
            Rule::Definition => "definition in the PACS",
            Rule::AssignmentWindow => "assignment window",
            Rule::Schedule => "schedule",
            Rule::Leash => "leash",
            Rule::Lockdown => "lockdown",
            Rule::Restoration => "restoration",
        }
    }
}

/// What has a time.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Subject {
    /// A token's window.
    Token(Key),
    /// An assignment's window.
    Assignment(Key),
    /// A schedule.
    Schedule(Key),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Token(key) => write!(f, "token {key}"),
            Subject::Assignment(key) => write!(f, "assignment {key}"),
            Subject::Schedule(key) => write!(f, "schedule {key}"),
        }
    }
}

/// Why a rule fails.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names say it, and the sentences below")]
pub enum Reason {
    UnknownCard,
    AmbiguousCard { tokens: Vec<Key> },
    TokenStatus { token: Key, status: TokenStatus },
    RevokedHere { token: Key },
    TokenOfNobody { token: Key },
    UnknownUser { token: Key, user: Key },
    UserStatus { user: Key, status: UserStatus },
    NotYet { of: Subject, from: UtcTime },
    Over { of: Subject, to: UtcTime },
    ClockUntrusted { of: Subject },
    PassedJustNow { wait_s: u32 },
    UnknownDoor,
    NoAssignment { user: Key },
    UnknownEntitlement { entitlement: Key },
    Vanished { entitlement: Key },
    UnknownSchedule { schedule: Key },
    UnknownZone { schedule: Key, zone: Text },
    OutsideSchedule { schedule: Key },
    LeashOver { entitlement: Key, class: Option<Text> },
    Lockdown,
    Restored,
}

impl Reason {
    /// A word for programs; never changed once released.
    pub const fn code(&self) -> &'static str {
        match self {
            Reason::UnknownCard => "unknown_card",
            Reason::AmbiguousCard { .. } => "ambiguous_card",
            Reason::TokenStatus { .. } => "token_status",
            Reason::RevokedHere { .. } => "revoked_here",
            Reason::TokenOfNobody { .. } => "token_of_nobody",
            Reason::UnknownUser { .. } => "unknown_user",
            Reason::UserStatus { .. } => "user_status",
            Reason::NotYet { .. } => "not_yet",
            Reason::Over { .. } => "over",
            Reason::ClockUntrusted { .. } => "clock_untrusted",
            Reason::PassedJustNow { .. } => "passed_just_now",
            Reason::UnknownDoor => "unknown_door",
            Reason::NoAssignment { .. } => "no_assignment",
            Reason::UnknownEntitlement { .. } => "unknown_entitlement",
            Reason::Vanished { .. } => "vanished",
            Reason::UnknownSchedule { .. } => "unknown_schedule",
            Reason::UnknownZone { .. } => "unknown_zone",
            Reason::OutsideSchedule { .. } => "outside_schedule",
            Reason::LeashOver { .. } => "leash_over",
            Reason::Lockdown => "lockdown",
            Reason::Restored => "restored",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::UnknownCard => f.write_str("no token has this card's identifier"),
            Reason::AmbiguousCard { tokens } => {
                f.write_str("several tokens have this card's identifier:")?;
                tokens.iter().try_for_each(|token| write!(f, " {token}"))
            }
            Reason::TokenStatus { token, status } => write!(f, "token {token} is {}", status.as_str()),
            Reason::RevokedHere { token } => write!(f, "token {token} was revoked at this panel"),
            Reason::TokenOfNobody { token } => write!(f, "token {token} belongs to nobody"),
            Reason::UnknownUser { token, user } => {
                write!(f, "token {token} belongs to user {user}, who is not there")
            }
            Reason::UserStatus { user, status } => {
                let status = match status {
                    UserStatus::Active => "active",
                    UserStatus::Inactive => "inactive",
                    UserStatus::Locked => "locked",
                };
                write!(f, "user {user} is {status}")
            }
            Reason::NotYet { of, from } => write!(f, "{of} begins at {from}"),
            Reason::Over { of, to } => write!(f, "{of} ended at {to}"),
            Reason::ClockUntrusted { of } => {
                write!(f, "{of} needs the time, and the clock is not to be believed")
            }
            Reason::PassedJustNow { wait_s } => {
                write!(f, "this card has just passed here; again in {wait_s} s")
            }
            Reason::UnknownDoor => f.write_str("there is no such door"),
            Reason::NoAssignment { user } => {
                write!(f, "user {user} has no entitlement that opens this door")
            }
            Reason::UnknownEntitlement { entitlement } => write!(f, "entitlement {entitlement} is not there"),
            Reason::Vanished { entitlement } => {
                write!(f, "entitlement {entitlement} is no longer defined in the PACS")
            }
            Reason::UnknownSchedule { schedule } => write!(f, "schedule {schedule} is not there"),
            Reason::UnknownZone { schedule, zone } => {
                write!(f, "schedule {schedule} names the zone {zone}, which this panel does not know")
            }
            Reason::OutsideSchedule { schedule } => write!(f, "it is outside schedule {schedule}"),
            Reason::LeashOver { entitlement, class } => {
                let class = class.as_ref().map_or("no class", Text::as_str);
                write!(f, "there was no news for too long for entitlement {entitlement} ({class})")
            }
            Reason::Lockdown => f.write_str("the site is in lockdown"),
            Reason::Restored => {
                f.write_str("the records are a backup's, and the source was not heard since it was restored")
            }
        }
    }
}
