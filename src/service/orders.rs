//! Orders, given on the panel or by command: each is one transaction, with its line in the audit.
//!
//! - `commanded`: once, and not too late, when the source orders it
//! - `doors`: lockdown, and doors that are open to everyone for a time
//! - `revoking`: tokens out of use; `settling`: what the source says of a card that was enrolled here
//!
//! Not here: how an order comes in ([`control`](super::control), [`sync`](super::sync)), and what its rows then do
//! (`exporting`).

mod commanded;
mod doors;
mod revoking;
mod settling;
#[cfg(test)]
mod tests;

use super::notices::Notices;
use crate::export::holds::{Again, Approval, HeldSet, Named, Waiting};
use crate::export::ledger::held;
use crate::mirror::touched::{Haste, TOUCHED_USERS_MAX, Touched};
use crate::mirror::writer::Context;
use crate::mirror::{Urgency, WriteError, Writer, audit, due};
use access::id::Key;
use access::text::Text;
use access::time::UtcTime;
use access::trust::Time;
use access::uid::RawId;
pub(super) use commanded::{command, command_later};
use contract::enrollment::Settlement;
use contract::id::GatewayId;
pub use doors::UNLOCK_MAX_S;
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// What is ordered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// Everyone is looked at again now.
    Apply,
    /// What waits for a word goes on, if it is still what `hash` names.
    Approve {
        /// As `status` and `state` show it.
        hash: String,
    },
    /// What failed or was refused is tried again at once.
    Retry {
        /// Of this user only.
        user: Option<Key>,
        /// Of this item of the user only: `person`, a token's key or a `pacs_ref`.
        item: Option<String>,
    },
    /// Tokens are taken out of use here and now, whatever the source says of them.
    Revoke(Card),
    /// The source has settled a revocation: its record decides again.
    SettleRevocation {
        /// The token's key.
        token: Key,
    },
    /// Nobody passes here any more, but by entitlements of these classes.
    Lockdown {
        /// The classes.
        exempt: BTreeSet<Text>,
    },
    /// The lockdown is over.
    EndLockdown,
    /// A door is open to everyone for a time.
    Unlock {
        /// The door's key.
        door: Key,
        /// Until then.
        until: UtcTime,
    },
    /// It is locked again before that.
    Lock {
        /// The door's key.
        door: Key,
    },
    /// The source has settled an enrollment.
    SettleEnrollment {
        /// The key that was drawn for it.
        token: Key,
        /// What became of it.
        settlement: Settlement,
    },
}

/// What is revoked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Card {
    /// Every token that these bytes belong to.
    Uid(RawId),
    /// One token.
    Token(Key),
}

impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Card::Uid(uid) => write!(f, "uid {uid}"),
            Card::Token(token) => write!(f, "token {token}"),
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Order::Apply => write!(f, "apply"),
            Order::Approve { hash } => write!(f, "approve {hash}"),
            Order::Retry { user, item } => {
                write!(f, "retry")?;
                user.iter().try_for_each(|user| write!(f, " {user}"))?;
                item.iter().try_for_each(|item| write!(f, " {item}"))
            }
            Order::Revoke(card) => write!(f, "revoke {card}"),
            Order::SettleRevocation { token } => write!(f, "settle revocation of token {token}"),
            Order::Lockdown { exempt } => {
                write!(f, "lockdown")?;
                exempt.iter().try_for_each(|class| write!(f, ", exempt {}", class.as_str()))
            }
            Order::EndLockdown => write!(f, "end lockdown"),
            Order::Unlock { door, until } => write!(f, "unlock door {door} until {until}"),
            Order::Lock { door } => write!(f, "lock door {door}"),
            Order::SettleEnrollment { token, settlement } => match settlement {
                Settlement::Accepted => write!(f, "accept enrollment {token}"),
                Settlement::Changed { to } => write!(f, "change enrollment {token} to {to}"),
                Settlement::Refused { words } => write!(f, "refuse enrollment {token}: {words}"),
            },
        }
    }
}

/// Who orders it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Who {
    /// A process on this panel, as the kernel names it.
    Local {
        /// Its user.
        uid: u32,
        /// Its group.
        gid: u32,
        /// The process, where the kernel tells.
        pid: Option<i32>,
    },
    /// The source.
    Command {
        /// The command's id.
        id: String,
    },
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Local { uid, gid, pid: Some(pid) } => write!(f, "uid {uid} gid {gid} pid {pid}"),
            Who::Local { uid, gid, pid: None } => write!(f, "uid {uid} gid {gid}"),
            Who::Command { id } => write!(f, "command {id}"),
        }
    }
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Everyone is looked at.
    Applied,
    /// These go on.
    Approved {
        /// What they are.
        waiting: Waiting,
        /// How many.
        set: HeldSet,
        /// Whom to look at.
        touched: Touched,
    },
    /// So many items are tried again.
    Retried {
        /// Rows.
        items: u64,
        /// Whom to look at.
        touched: Touched,
    },
    /// These are out of use.
    Revoked {
        /// Their keys.
        tokens: Vec<Key>,
        /// Whom to look at.
        touched: Touched,
    },
    /// The source's record decides again.
    Settled {
        /// Whom to look at.
        touched: Touched,
    },
    /// The doors are to be looked at.
    Doors {
        /// What was done.
        words: String,
    },
    /// Nothing was changed.
    Refused {
        /// Why, and what to do.
        words: String,
    },
}

impl Outcome {
    /// Whether it was carried out.
    pub fn is_done(&self) -> bool {
        match self {
            Outcome::Applied
            | Outcome::Approved { .. }
            | Outcome::Retried { .. }
            | Outcome::Revoked { .. }
            | Outcome::Settled { .. }
            | Outcome::Doors { .. } => true,
            Outcome::Refused { .. } => false,
        }
    }

    /// For people.
    pub fn words(&self) -> String {
        match self {
            Outcome::Applied => "everyone is looked at again".into(),
            Outcome::Approved { waiting: Waiting::Removals, set, .. } => {
                format!("{} removals of {} persons go on", set.items, set.persons)
            }
            Outcome::Approved { waiting: Waiting::Adoptions, set, .. } => {
                format!("{} items of {} persons are taken over", set.items, set.persons)
            }
            Outcome::Approved { waiting: Waiting::Strangers, set, .. } => {
                format!("{} persons that nobody here wants are removed", set.persons)
            }
            Outcome::Retried { items: 0, .. } => "nothing of these has failed or was refused".into(),
            Outcome::Retried { items, .. } => format!("{items} items are tried again"),
            Outcome::Revoked { tokens, .. } => {
                let tokens: Vec<&str> = tokens.iter().map(Key::as_str).collect();
                format!("token {} is revoked here until the source settles it", tokens.join(", "))
            }
            Outcome::Settled { .. } => "it is settled: the source's records decide".into(),
            Outcome::Doors { words } | Outcome::Refused { words } => words.clone(),
        }
    }

    /// Whose export has to be looked at.
    pub fn touched(self) -> Touched {
        match self {
            Outcome::Applied => Touched::Everyone,
            Outcome::Approved { touched, .. }
            | Outcome::Retried { touched, .. }
            | Outcome::Revoked { touched, .. }
            | Outcome::Settled { touched } => touched,
            Outcome::Doors { .. } | Outcome::Refused { .. } => Touched::nobody(),
        }
    }
}

/// What an order is judged by.
#[derive(Clone, Debug)]
pub struct Here {
    /// The time.
    pub time: Time,
    /// The panel's doors.
    pub doors: Arc<BTreeSet<Key>>,
    /// This gateway.
    pub gateway: GatewayId,
}

/// Carries out an order of somebody on the panel, through the writer; tells the others once it is on disk.
///
/// # Errors
/// When it cannot be written; nothing has changed then.
pub async fn order(
    writer: &Writer,
    notices: &Notices,
    here: Here,
    who: Who,
    order: Order,
) -> Result<Outcome, WriteError> {
    // Held removals take access away, so that they must not wait for room on the disk.
    let urgency = match order {
        Order::Approve { .. }
        | Order::Revoke(_)
        | Order::SettleEnrollment { .. }
        | Order::Lockdown { .. }
        | Order::Lock { .. } => Urgency::Narrowing,
        Order::Apply
        | Order::Retry { .. }
        | Order::SettleRevocation { .. }
        | Order::EndLockdown
        | Order::Unlock { .. } => Urgency::Normal,
    };
    tracing::info!(%who, %order, "ordered");
    let work = move |context: Context<'_>| carry_out(context.conn, &here, &who, &order);
    let outcome = writer.run(urgency, work).await?;
    if let Outcome::Doors { .. } = &outcome {
        notices.doors();
        notices.events();
    }
    tell(notices, outcome.clone().touched());
    Ok(outcome)
}

/// What was ordered is on disk: `touched` are to be looked at, and the state is said.
pub(super) fn tell(notices: &Notices, touched: Touched) {
    if touched != Touched::nobody() {
        notices.touched(touched);
        notices.ledger_changed();
    }
}

/// Carries out an order, and notes it in the audit; in the transaction that `conn` is.
///
/// # Errors
/// SQLite's.
pub(super) fn carry_out(
    conn: &Connection,
    here: &Here,
    who: &Who,
    order: &Order,
) -> rusqlite::Result<Outcome> {
    let now = here.time.now;
    let outcome = match order {
        Order::Apply => Outcome::Applied,
        Order::Approve { hash } => approve(conn, hash)?,
        Order::Retry { user: None, item: Some(_) } => {
            Outcome::Refused { words: "an item is named without its user: name the user as well".into() }
        }
        Order::Retry { user, item } => {
            let item = item.as_deref().map(Named::parse);
            let again = Again { user: user.as_ref().map(Key::to_string), item };
            let (items, users) = held::retry(conn, &again, TOUCHED_USERS_MAX)?;
            Outcome::Retried { items, touched: touched(users, Haste::InTurn) }
        }
        Order::Revoke(card) => revoking::revoke(conn, now, who, card)?,
        Order::SettleRevocation { token } => revoking::settle(conn, token)?,
        Order::SettleEnrollment { token, settlement } => settling::settle(conn, token, settlement)?,
        Order::Lockdown { exempt } => doors::shut(conn, now, who, exempt)?,
        Order::EndLockdown => doors::end_lockdown(conn, now, who)?,
        Order::Unlock { door, until } => doors::unlock(conn, here, who, door, *until)?,
        Order::Lock { door } => doors::lock(conn, now, who, door)?,
    };
    due::add(conn, &outcome.clone().touched())?;
    note(conn, now, who, &order.to_string(), &outcome)?;
    Ok(outcome)
}

fn note(conn: &Connection, now: UtcTime, who: &Who, order: &str, outcome: &Outcome) -> rusqlite::Result<()> {
    let verdict = if outcome.is_done() { "" } else { "refused: " };
    let outcome = format!("{verdict}{}", outcome.words());
    audit::note(conn, &audit::Entry { at: now, who: who.to_string(), order: order.into(), outcome })
}

fn approve(conn: &Connection, hash: &str) -> rusqlite::Result<Outcome> {
    Ok(match held::approve(conn, hash, TOUCHED_USERS_MAX)? {
        Approval::Given { waiting, set, users } => {
            let haste = match waiting {
                Waiting::Removals | Waiting::Strangers => Haste::AtOnce,
                Waiting::Adoptions => Haste::InTurn,
            };
            Outcome::Approved { waiting, set, touched: touched(users, haste) }
        }
        Approval::Mismatch(held) => Outcome::Refused { words: mismatch(&held) },
    })
}

fn mismatch(held: &[(Waiting, HeldSet)]) -> String {
    if held.is_empty() {
        return "nothing waits for approval now".into();
    }
    let line = |(waiting, HeldSet { persons, items, hash }): &(Waiting, HeldSet)| match waiting {
        Waiting::Removals => {
            format!("{items} removals of {persons} persons are held, by the hash {hash}")
        }
        Waiting::Adoptions => format!("{persons} persons wait to be taken over, by the hash {hash}"),
        Waiting::Strangers => format!("{persons} strangers wait to be removed, by the hash {hash}"),
    };
    let held: Vec<String> = held.iter().map(line).collect();
    format!("the hash names nothing that is held now; look at `export plan`: {}", held.join("; "))
}

fn touched(users: Vec<String>, haste: Haste) -> Touched {
    let mut touched = Touched::nobody();
    users.into_iter().for_each(|user| touched.add(user, haste));
    touched
}
