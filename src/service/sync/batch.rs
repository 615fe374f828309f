//! One transaction's work: what has arrived, in its order.

use crate::export::hand_over::Word;
use crate::export::ledger::role;
use crate::feed::Topic;
use crate::mirror::apply::{Applied, Batch, Finding, Room};
use crate::mirror::touched::Touched;
use crate::mirror::writer::Context;
use crate::mirror::{due, outbox, refused, standing};
use crate::service::enrolling::asking::{ASKS_MAX, Ask, CardWish, TIMEOUT_DEFAULT_S};
use crate::service::orders::{self, Here, Order, Who};
use access::token::TokenKind;
use access::trust::Trust;
use bytes::Bytes;
use contract::command::{Command, CommandMessage};
use contract::id::{GatewayId, Version};
use contract::messages::Meta;
use rusqlite::Connection;

/// Longest id of a command that is remembered, in bytes.
const COMMAND_ID_MAX_BYTES: usize = 64;

/// What came of a batch.
pub(super) struct Outcome {
    /// To the mirror.
    pub(super) applied: Applied,
    /// The source has said something else of the exporter.
    pub(super) exporter_changed: bool,
    /// There are new events, or some were received.
    pub(super) events_changed: bool,
    /// A comparison with the source is wanted.
    pub(super) resync: bool,
    /// Whose export was ordered to be looked at.
    pub(super) ordered: Touched,
    /// What is asked of the readers; at most [`ASKS_MAX`].
    pub(super) asks: Vec<Ask>,
    /// Something was ordered of the doors.
    pub(super) doors_changed: bool,
}

/// What a batch is written by.
#[derive(Clone)]
pub(super) struct Circumstances {
    /// Digests were asked for: comparing others would read the mirror for nothing.
    pub(super) asked: bool,
    /// Commands are judged by it.
    pub(super) here: Here,
    /// This gateway.
    pub(super) gateway: GatewayId,
    /// For how many seconds a proof may go unnoted.
    pub(super) note_every_s: u32,
}

/// Writes what has arrived.
pub(super) fn write(
    context: Context<'_>,
    messages: &[(Topic, Bytes)],
    Circumstances { asked, here, gateway, note_every_s }: &Circumstances,
) -> rusqlite::Result<Outcome> {
    let Context { conn, now, room } = context;
    let mut batch = Batch::begin(conn, now, room)?;
    let (mut exporter_changed, mut events_changed, mut resync) = (false, false, false);
    let (mut ordered, mut asks, mut doors_changed) = (Touched::nobody(), Vec::new(), false);
    let mut all_written = true;
    for (topic, payload) in messages {
        let refusal = match topic {
            Topic::Changes => {
                batch.changes(payload)?;
                continue;
            }
            Topic::Digests if !asked => continue,
            // Not for the mirror.
            Topic::Ledger => continue,
            Topic::Digests => {
                batch.digests(payload)?;
                continue;
            }
            Topic::Bucket => {
                batch.bucket(payload)?;
                continue;
            }
            // Both come again when there is room.
            Topic::Meta | Topic::Command if room == Room::NarrowingOnly => {
                all_written = false;
                continue;
            }
            Topic::Meta => match read_meta(payload) {
                Ok((meta, version)) => {
                    let Meta { exporter, exporter_after, exporter_claim, .. } = meta;
                    let word = Word { named: exporter, after: exporter_after, claim: exporter_claim };
                    exporter_changed |= role::hear(conn, &word, gateway)?;
                    batch.meta(version);
                    continue;
                }
                Err(reason) => ("meta", reason),
            },
            Topic::Command => match read::<CommandMessage>(payload).and_then(checked) {
                Ok(message) => {
                    match carry_out(conn, message, here)? {
                        Follows::Events => events_changed = true,
                        Follows::Comparison => resync = true,
                        Follows::Look(touched) => {
                            ordered.merge(touched);
                            events_changed = true;
                        }
                        Follows::Doors => (doors_changed, events_changed) = (true, true),
                        Follows::Ask(ask) if asks.len() < ASKS_MAX => asks.push(ask),
                        // So many at once are no wish of a person's.
                        Follows::Ask(ask) => tracing::warn!(?ask, "too much is asked of the readers at once"),
                    }
                    continue;
                }
                Err(reason) => ("command", reason),
            },
        };
        refused::keep(conn, refusal.0, payload, &refusal.1, now)?;
        events_changed = true;
    }
    let mut applied = batch.end()?;
    applied.complete &= all_written;
    if applied.findings.contains(&Finding::Proven) && here.time.trust == Trust::Trusted {
        standing::note_proven(conn, here.time.now, *note_every_s)?;
    }
    if exporter_changed {
        due::add(conn, &Touched::Everyone)?;
    }
    Ok(Outcome { applied, exporter_changed, events_changed, resync, ordered, asks, doors_changed })
}

fn read<T: serde::de::DeserializeOwned>(payload: &[u8]) -> Result<T, String> {
    serde_json::from_slice(payload).map_err(|error| format!("no valid envelope: {error}"))
}

fn read_meta(payload: &[u8]) -> Result<(Meta, Version), String> {
    let meta: Meta = read(payload)?;
    let version = Version::new(meta.epoch, meta.head_seq)
        .ok_or("no valid envelope: epoch and head_seq are at most 2^53 - 1")?;
    Ok((meta, version))
}

/// An id that is remembered has a length that can be.
fn checked(message: CommandMessage) -> Result<CommandMessage, String> {
    let is_remembered = match message.command {
        Command::EventsReceived { .. } | Command::Resync => false,
        Command::ExportRetry { .. }
        | Command::ExportApprove { .. }
        | Command::RevocationSettled { .. }
        | Command::Enroll { .. }
        | Command::EnrollCancel { .. }
        | Command::Lockdown { .. }
        | Command::LockdownEnd
        | Command::DoorUnlock { .. }
        | Command::DoorLock { .. }
        | Command::EnrollmentSettled { .. } => true,
    };
    if is_remembered && !(1..=COMMAND_ID_MAX_BYTES).contains(&message.id.len()) {
        return Err(format!("no valid envelope: id has 1 to {COMMAND_ID_MAX_BYTES} bytes"));
    }
    Ok(message)
}

/// What follows from a command, once it is on disk.
enum Follows {
    /// The outbox is looked at.
    Events,
    /// The mirror is compared with the source.
    Comparison,
    /// These users are looked at; there is an event about it.
    Look(Touched),
    /// The readers have something to do.
    Ask(Ask),
    /// The doors are looked at; there is an event about it.
    Doors,
}

fn carry_out(conn: &Connection, message: CommandMessage, here: &Here) -> rusqlite::Result<Follows> {
    let CommandMessage { id, expires, command } = message;
    let time = &here.time;
    let order = match command {
        // Neither does harm twice, late, or on a panel that wakes in 1970: id and expiry are not looked at.
        Command::EventsReceived { stream, seq } => {
            return outbox::received(conn, &stream, seq).map(|()| Follows::Events);
        }
        Command::Resync => return Ok(Follows::Comparison),
        Command::ExportRetry { user, item } => Order::Retry { user, item },
        Command::ExportApprove { hash } => Order::Approve { hash },
        Command::RevocationSettled { token } => Order::SettleRevocation { token },
        Command::EnrollmentSettled { token, settlement } => Order::SettleEnrollment { token, settlement },
        Command::Lockdown { exempt } => Order::Lockdown { exempt: exempt.into_iter().collect() },
        Command::LockdownEnd => Order::EndLockdown,
        Command::DoorUnlock { door, until } => Order::Unlock { door, until },
        Command::DoorLock { door } => Order::Lock { door },
        Command::Enroll { user, kind, reader, timeout_s, single } => {
            let wish = CardWish {
                user,
                kind: kind.unwrap_or(TokenKind::Card),
                reader,
                timeout_s: timeout_s.unwrap_or(TIMEOUT_DEFAULT_S),
                single,
            };
            let is_to_be = orders::command_later(conn, time, (&id, expires), &wish.to_string())?;
            let ask = Ask::Enroll { wish, who: Who::Command { id }, steps: None };
            return Ok(if is_to_be { Follows::Ask(ask) } else { Follows::Events });
        }
        Command::EnrollCancel { reader } => {
            let is_to_be = orders::command_later(conn, time, (&id, expires), "cancel enrollment")?;
            let ask = Ask::Cancel { reader };
            return Ok(if is_to_be { Follows::Ask(ask) } else { Follows::Events });
        }
    };
    let outcome = orders::command(conn, here, (&id, expires), &order)?;
    if let Some(orders::Outcome::Doors { .. }) = &outcome {
        return Ok(Follows::Doors);
    }
    Ok(Follows::Look(outcome.map_or_else(Touched::nobody, orders::Outcome::touched)))
}
