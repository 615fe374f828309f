//! One item of the ledger: what the PACS last acknowledged of it, and what it may have done since. Pure.
//!
//! Not here: what follows for other items of the same user (`rows`), and what to do next (`plan`).
#![deny(clippy::wildcard_enum_match_arm)]

mod look_up;
mod machine;
#[cfg(test)]
mod tests;

use super::content::Content;
use crate::clock::MonoMs;
use access::id::Key;
use access::time::UtcTime;
use std::fmt;

pub use machine::{JITTER_MAX, SEEN_FOR_MS, WORDS_MAX_CHARS};

/// What an item is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ItemKind {
    /// The user itself.
    Person,
    /// One of its tokens.
    Credential,
    /// One of its entitlements.
    Permission,
}

/// Names an item: one row of the ledger.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ItemId {
    /// The user's key.
    pub user: Key,
    /// What it is.
    pub kind: ItemKind,
    /// Empty for the person, the token's key, the entitlement's `pacs_ref`.
    pub item: String,
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ItemKind::Person => write!(f, "person of user {}", self.user),
            ItemKind::Credential => write!(f, "token {} of user {}", self.item, self.user),
            ItemKind::Permission => write!(f, "permission {} of user {}", self.item, self.user),
        }
    }
}

/// What is known of an item in the PACS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It is not there, and nothing under way can bring it.
    Absent,
    /// It is there, and nothing under way can remove it.
    Present,
    /// Something was sent, or is about to be, whose outcome is not known.
    Maybe,
}

/// Names a content: SHA-256, cut to 128 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hash(pub [u8; 16]);

/// What is asked of the PACS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// Make it.
    Create,
    /// Give it this content.
    Update,
    /// Take it away.
    Remove,
    /// Find it by our name for it.
    LookUp,
    /// Take away another one of the same name, named by its native id, with all that hangs on it.
    RemoveExtra,
}

/// How the item and its person are called, by us and by the PACS.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ids {
    /// Our name of the item in the PACS.
    pub ext_id: String,
    /// The PACS's own.
    pub native_id: Option<String>,
    /// Our name of the person, for a credential or permission.
    pub person_ext_id: Option<String>,
    /// The PACS's own.
    pub person_native_id: Option<String>,
}

/// One request to the PACS, with all that an adapter needs for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Which item.
    pub item: ItemId,
    /// What to do.
    pub act: Act,
    /// For create and update; for a look-up what is wanted, to compare with what is found.
    pub content: Option<Content>,
    /// Names the content that is wanted in the end; `None` when the item is to go.
    pub wanted: Option<Hash>,
    /// How to address it.
    pub ids: Ids,
    /// Numbers the attempts at this item: with it, a request that something on the way repeats can be told from
    /// one of ours.
    pub attempt: u64,
}

/// What came of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Done.
    Done {
        /// The PACS's id, when the answer holds one.
        native_id: Option<String>,
    },
    /// A look-up found it.
    Found {
        /// The PACS's id, when it has any.
        native_id: Option<String>,
        /// Whether it is as the step's content says; none when that cannot be told.
        as_wanted: Option<bool>,
    },
    /// A look-up found more than one.
    Several {
        /// The one that the step named, else the first of them.
        native_id: String,
        /// Another one.
        extra: String,
        /// What to tell people.
        words: String,
    },
    /// The item, or the person it belongs to, is not there.
    NotFound {
        /// The PACS's words.
        words: String,
    },
    /// It collides with something that is there: perhaps an earlier attempt of ours.
    Conflict {
        /// The PACS's words.
        words: String,
    },
    /// A definite no: it was not done, and will not be.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The PACS's words.
        words: String,
    },
    /// Definitely not done, for a reason that lies not in the item: 401, 403, 407, 408, 425, 429.
    TryLater {
        /// The HTTP status.
        status: u16,
        /// The PACS's words.
        words: String,
        /// When it wants to be asked again (`Retry-After`).
        after_ms: Option<u64>,
    },
    /// Nothing went out.
    NotSent {
        /// Why.
        words: String,
    },
    /// It may have been done, or may still be: time-out, cut connection, 5xx.
    Unknown {
        /// What is known.
        words: String,
    },
}

impl Answer {
    /// Whether this says more of the PACS than of the item, so that other requests had better wait, too.
    pub fn concerns_every_item(&self) -> bool {
        match self {
            // Somebody works on this very item.
            Answer::TryLater { status: 409 | 412, .. } => false,
            Answer::TryLater { .. } | Answer::NotSent { .. } | Answer::Unknown { .. } => true,
            Answer::Done { .. }
            | Answer::Found { .. }
            | Answer::Several { .. }
            | Answer::NotFound { .. }
            | Answer::Conflict { .. }
            | Answer::Refused { .. } => false,
        }
    }

    /// What the PACS, or the way to it, said; nothing when all went well.
    pub fn words(&self) -> Option<&str> {
        match self {
            Answer::Done { .. } | Answer::Found { .. } => None,
            Answer::Several { words, .. }
            | Answer::NotFound { words }
            | Answer::Conflict { words }
            | Answer::Refused { words, .. }
            | Answer::TryLater { words, .. }
            | Answer::NotSent { words }
            | Answer::Unknown { words } => Some(words),
        }
    }
}

/// Times of the item machine, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The PACS may execute a lost request this long after we gave up on it.
    pub late_ms: u64,
    /// First back-off after a failure.
    pub retry_min_ms: u64,
    /// Longest back-off after failures.
    pub retry_max_ms: u64,
    /// First back-off after the PACS refused an addition or a content.
    pub hold_min_ms: u64,
    /// Longest back-off of what it refused.
    pub hold_max_ms: u64,
}

impl Limits {
    /// For a PACS of which nothing is known.
    pub const DEFAULT: Limits = Limits {
        late_ms: 120_000,
        retry_min_ms: 1_000,
        retry_max_ms: 300_000,
        hold_min_ms: 60_000,
        hold_max_ms: 3_600_000,
    };
}

/// One row of the ledger. `MonoMs` columns mean nothing after a restart until [`Row::re_arm`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Which item.
    pub id: ItemId,
    /// Our name of it in the PACS.
    pub ext_id: String,
    /// The PACS's own.
    pub native_id: Option<String>,
    /// How the person was addressed when the item was last created.
    pub parent: Option<String>,
    /// What is known.
    pub state: State,
    /// What was known before the attempt under way. `Absent` beside `Maybe` afterwards: a removal was
    /// acknowledged, but something earlier may still undo it.
    pub prev: State,
    /// The content wanted by the last attempt; none when that was to remove the item.
    pub sent_hash: Option<Hash>,
    /// The content last acknowledged.
    pub acked_hash: Option<Hash>,
    /// Its window's end when sent.
    pub until: Option<UtcTime>,
    /// Counts attempts: an approval names it (`gen` in the schema).
    pub generation: u64,
    /// A lost request may still run until then.
    pub unsettled_until: Option<MonoMs>,
    /// We made it; otherwise it was found.
    pub ours: bool,
    /// Why the PACS refused the last attempt, in its own words.
    pub hold_reason: Option<String>,
    /// The attempt that was approved.
    pub approved_generation: Option<u64>,
    /// Failures in a row.
    pub fails: u32,
    /// Not to be tried again in the same direction before this.
    pub next_try: Option<MonoMs>,
    /// Whether it is still there must be checked at this time.
    pub check_at: Option<MonoMs>,
    /// The PACS's id of another item of the same name, which is to go.
    pub extra: Option<String>,
    /// When the PACS last showed that it has the item, or that it has not.
    pub looked_at: Option<MonoMs>,
    /// Why it is to go, fixed when that was planned; none while it is wanted.
    pub cause: Option<Cause>,
    /// Whether the brake lets its removal pass.
    pub clearance: Clearance,
    /// A credential's card number, as last sent.
    pub card: Option<String>,
    /// Since when it is absent.
    pub gone_at: Option<UtcTime>,
}

/// Why an item is to go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Cause {
    /// A status: the token is locked or revoked, the user locked or inactive. Never held.
    Status,
    /// The window that was sent has ended. Never held.
    Time,
    /// Anything else: something was changed or deleted at the source. The brake counts these.
    Edit,
}

/// Whether the brake lets a removal pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Clearance {
    /// It needs none.
    #[default]
    None,
    /// It needs one, and has not been judged yet.
    Pending,
    /// It is held until someone approves it.
    Held,
    /// It has one: there were few enough, or someone has approved it.
    Given,
}
