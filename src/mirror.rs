//! The mirror: what the source holds, on this panel's disk (SQLite).
//!
//! - [`open`]: files, pragmas, migrations
//! - [`writer`]: the one thread that writes
//! - [`apply`]: changes become rows, by the order rules of the contract
//! - [`standing`], `covered`, [`touched`], [`refused`]: what a batch leaves behind beside rows
//! - `rows`, `ranges`: the named SQL of keys, records and links, one by one and by buckets
//! - [`integrity`]: the rows against their digests
//! - [`audit`], [`seen`]: orders that were given, and commands that were carried out
//! - [`due`]: whose export is to be looked at, across restarts
//! - [`outbox`]: what happened here and the source does not have yet
//! - [`cards`]: which tokens a card's bytes belong to, or could be taken for
//! - [`passing`]: what a decision at a door rests on
//! - [`door_orders`]: lockdown, and doors that are open to everyone for a time
//! - [`overlay`]: local rows that the source has not confirmed
//! - [`facts`]: what the export needs to know of one user, and when its windows open and close
//! - [`entitlements`]: what the PACS defines, as imported
//! - [`list`]: rows for people
//! - [`backup`]: a copy in one file, for a panel that takes this one's place
//! - [`reserve`]: disk space kept for revocations
//!
//! Not here: MQTT, the PACS and its ledger (that table's SQL is the export's), any decision about access.

pub mod apply;
pub mod audit;
pub mod backup;
pub mod cards;
mod covered;
pub mod door_orders;
pub mod due;
pub mod entitlements;
pub mod facts;
pub mod integrity;
pub mod list;
pub mod open;
pub mod outbox;
pub mod overlay;
pub mod passing;
mod ranges;
pub mod refused;
pub mod reserve;
mod rows;
pub mod seen;
pub mod standing;
pub mod touched;
pub mod writer;

pub use open::{Mirror, OpenError};
pub use writer::{Urgency, WriteError, Writer};
