//! Commands for gateways that wait for the broker.
//!
//! Not here: receipts of events, which are repeated when a gateway repeats its events (`serve`).

use super::{Store, StoreError, integer};
use access::time::UtcTime;
use contract::command::{Command, CommandMessage};
use contract::id::GatewayId;
use contract::messages::Event;
use rusqlite::{TransactionBehavior, params};

/// Most commands that wait for the broker.
pub const WAITING_MAX: u64 = 1024;
/// How long a command may be carried out, in seconds.
pub const EXPIRES_S: i64 = 300;

const INSERT: &str = "INSERT INTO command (gateway, expires, payload) VALUES (?1, ?2, ?3)";
const COUNT: &str = "SELECT count(*) FROM command";
const SELECT: &str = "SELECT id, gateway, expires, payload FROM command WHERE id > ?1 ORDER BY id LIMIT ?2";
/// Events that name the id, the newest first.
const SELECT_RESULT: &str =
    "SELECT body FROM event WHERE gateway = ?1 AND instr(body, ?2) > 0 ORDER BY id DESC";
const DELETE: &str = "DELETE FROM command WHERE id = ?1";
const DELETE_EXPIRED: &str = "DELETE FROM command WHERE expires < ?1";

/// A command that the broker has not acknowledged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// Place in the order of asking.
    pub id: i64,
    /// For whom.
    pub gateway: GatewayId,
    /// After this it is not sent any more.
    pub expires: UtcTime,
    /// The message as published.
    pub payload: Vec<u8>,
}

/// The message for `command`, asked for at `now`.
///
/// # Errors
/// Never: commands have a JSON form.
pub fn message(command: Command, now: UtcTime) -> Result<Vec<u8>, serde_json::Error> {
    message_of(new_id(), command, now)
}

fn new_id() -> String {
    format!("{:016x}", fastrand::u64(..))
}

fn message_of(id: String, command: Command, now: UtcTime) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&CommandMessage {
        id,
        expires: UtcTime::from_unix(now.unix().saturating_add(EXPIRES_S)),
        command,
    })
}

impl Store {
    /// Queues a command for `gateway`; returns its id, by which its result is found.
    ///
    /// # Errors
    /// When the file cannot be written, or too many wait already.
    pub fn queue_command(
        &mut self,
        gateway: &GatewayId,
        command: Command,
        now: UtcTime,
    ) -> Result<String, StoreError> {
        let id = new_id();
        let payload = message_of(id.clone(), command, now)?;
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute(DELETE_EXPIRED, [now.unix()])?;
        let waiting: i64 = tx.query_row(COUNT, [], |row| row.get(0))?;
        if waiting >= integer(WAITING_MAX) {
            return Err(StoreError::Commands);
        }
        let expires = now.unix().saturating_add(EXPIRES_S);
        tx.execute(INSERT, params![gateway.as_str(), expires, payload])?;
        tx.commit()?;
        Ok(id)
    }

    /// What `gateway` said of the command: whether it was carried out, and its words.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn command_result(
        &self,
        gateway: &GatewayId,
        id: &str,
    ) -> Result<Option<(bool, String)>, StoreError> {
        let mut select = self.db.prepare_cached(SELECT_RESULT)?;
        let mut rows = select.query(params![gateway.as_str(), id])?;
        while let Some(row) = rows.next()? {
            let body: String = row.get(0)?;
            if let Ok(Event::CommandResult { id: found, done, words }) = serde_json::from_str(&body)
                && found == id
            {
                return Ok(Some((done, words)));
            }
        }
        Ok(None)
    }

    /// Commands not yet acknowledged, after the place `after` (0: from the first), at most `limit`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn commands_after(&self, after: i64, limit: usize) -> Result<Vec<Waiting>, StoreError> {
        let mut select = self.db.prepare_cached(SELECT)?;
        let mut rows = select.query(params![after, i64::try_from(limit).unwrap_or(i64::MAX)])?;
        let mut waiting = Vec::new();
        while let Some(row) = rows.next()? {
            let gateway: String = row.get(1)?;
            let Ok(gateway) = GatewayId::new(&gateway) else { continue };
            waiting.push(Waiting {
                id: row.get(0)?,
                gateway,
                expires: UtcTime::from_unix(row.get(2)?),
                payload: row.get(3)?,
            });
        }
        Ok(waiting)
    }

    /// The broker has this command, or its time is over.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget_command(&mut self, id: i64) -> Result<(), StoreError> {
        self.db.prepare_cached(DELETE)?.execute([id])?;
        Ok(())
    }
}
