//! The messages by which one gateway hands the export over to another, with all that it knows of the PACS.
//!
//! Gateways say them to each other, on `gateway/{id}/ledger/{to}`; a source neither says nor hears them. It only names
//! the exporter ([`Meta`](crate::messages::Meta)).
//!
//! Not here: when to say what (the gateway's export), and what the rows mean (its ledger).

use crate::MESSAGE_MAX_BYTES;
use access::id::Key;
use access::time::UtcTime;
use serde::{Deserialize, Serialize};

/// Bytes of rows in one message, so that the envelope fits as well.
pub const ROWS_MAX_BYTES: usize = MESSAGE_MAX_BYTES - 4 * 1024;
/// Most persons that are handed over as counted: no site has more.
pub const COUNTED_PERSONS_MAX: u32 = 1_000_000;
/// Longest number of a hand-over in bytes.
pub const NUMBER_MAX_BYTES: usize = 32;

/// `gateway/{id}/ledger/{to}`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LedgerMessage {
    /// The gateway that was named wants the ledger; to whoever holds it, then to the one that has answered.
    Want {
        /// Drawn by the one that wants, at the beginning of each attempt.
        number: String,
        /// As in the rows that it has; none before the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<String>,
        /// Counts from 1: the rows are told once, and then again those that have changed meanwhile.
        round: u32,
        /// The last row that it has of this round.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<RowName>,
    },
    /// Some rows, in the order of their names.
    Rows {
        /// As in the `want` that it answers.
        number: String,
        /// Drawn by the one that holds the ledger, when it begins to note what changes meanwhile. Rows of two sessions
        /// do not make a whole.
        session: String,
        /// As in the `want` that it answers.
        round: u32,
        /// As in the `want` that it answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<RowName>,
        /// The claim by which the ledger is held ([`Meta::exporter_claim`](crate::messages::Meta)).
        claim: u64,
        /// The rows.
        rows: Vec<LedgerRow>,
        /// What the brake counts; with the last message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        counted: Option<Counted>,
        /// What comes next.
        end: End,
    },
    /// The ledger was taken over: this gateway exports from now on.
    Took {
        /// Which hand-over.
        number: String,
    },
    /// Whether it was; until an answer comes nobody exports.
    Asks {
        /// Which hand-over.
        number: String,
    },
    /// It was not, and will not be.
    Declined {
        /// Which hand-over.
        number: String,
    },
}

/// What follows a message of rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// More rows of this round.
    More,
    /// Another round.
    Round,
    /// Nothing: with this message the ledger changes hands.
    All,
}

/// Names a row.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct RowName {
    /// The user's key.
    pub user: Key,
    /// What it is.
    pub kind: ItemKind,
    /// Empty for the person, the token's key, the entitlement's `pacs_ref`.
    pub item: String,
}

/// What an item of a ledger is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ItemKind {
    Person,
    Token,
    Permission,
}

/// What is known of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ItemState {
    Absent,
    Present,
    Maybe,
}

/// One row of the ledger: what the PACS last acknowledged of an item. Times of a gateway's own clock stay behind.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LedgerRow {
    /// Which item.
    #[serde(flatten)]
    pub name: RowName,
    /// Our name of it in the PACS.
    pub ext_id: String,
    /// The PACS's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native_id: Option<String>,
    /// How the person was addressed when the item was last created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// What is known.
    pub state: ItemState,
    /// What was known before.
    pub prev: ItemState,
    /// Names the content last sent: 32 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_hash: Option<String>,
    /// Names the content last acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acked_hash: Option<String>,
    /// Its window's end when sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UtcTime>,
    /// Counts attempts.
    pub generation: u64,
    /// The exporter made it; otherwise it was found.
    pub ours: bool,
    /// The PACS's own words, when it refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_reason: Option<String>,
    /// The attempt that was approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_generation: Option<u64>,
    /// Failures in a row.
    pub fails: u32,
    /// How the PACS calls another item of the same name, which is to go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<String>,
    /// Why it is to go: 1 status, 2 time, 3 edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<u8>,
    /// Of a removal by edit: 0 none needed, 1 not judged yet, 2 held, 3 given.
    pub clearance: u8,
    /// A credential's card number, as last sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<String>,
    /// Since when it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_at: Option<UtcTime>,
}

/// Persons that edits have taken something from in the last 24 hours, without an approval.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Counted {
    /// How many; at most [`COUNTED_PERSONS_MAX`].
    pub persons: u32,
    /// How long ago the last of them.
    pub ago_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_as_it_was_said() {
        let name =
            RowName { user: Key::new("ada").expect("a key"), kind: ItemKind::Token, item: "c1".into() };
        let row = LedgerRow {
            name: name.clone(),
            ext_id: "c1".into(),
            native_id: Some("17".into()),
            parent: None,
            state: ItemState::Maybe,
            prev: ItemState::Present,
            sent_hash: None,
            acked_hash: Some("00".repeat(16)),
            until: None,
            generation: 3,
            ours: true,
            hold_reason: None,
            approved_generation: None,
            fails: 0,
            extra: None,
            cause: Some(3),
            clearance: 2,
            card: Some("04A1".into()),
            gone_at: None,
        };
        let message = LedgerMessage::Rows {
            number: "a1".into(),
            session: "b2".into(),
            round: 2,
            after: Some(name),
            claim: 5,
            rows: vec![row],
            counted: None,
            end: End::All,
        };
        let text = serde_json::to_string(&message).expect("JSON");
        assert!(
            text.starts_with(
                r#"{"type":"rows","number":"a1","session":"b2","round":2,"after":{"user":"ada","#
            ),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<LedgerMessage>(&text).expect("read"), message);
    }
}
