//! The rules of physical access as pure values and functions: no IO, no clock, no async, `no_std`.
//!
//! Facts and `now` come in as arguments; what should be true comes out. Everything else in Doorward is
//! plumbing around this crate, so it knows neither SQLite nor MQTT nor HTTP.
//!
//! - [`id`], [`text`], [`time`], [`uid`]: checked values, parsed once at the edge
//! - [`user`], [`token`], [`entitlement`], [`assignment`], [`schedule`], [`door`]: the records of the contract
//! - [`signal`]: what a person at a reader sees and hears
//! - [`status`]: what a token is worth, given its user
//! - [`trust`]: whether the clock may be believed, and what a window means when it may not
//! - [`leash`]: how long a right lives without news from the source
//! - [`decide`]: who may pass, and why
//! - [`card`]: how the raw bytes of a card become the number a PACS knows
//! - [`person`]: the export rules, a user as the PACS should see it
//!
//! Not here: storage, the wire, and whatever moves a strike.
#![no_std]
#![deny(clippy::wildcard_enum_match_arm)]

extern crate alloc;

pub mod assignment;
pub mod card;
pub mod decide;
pub mod door;
pub mod entitlement;
pub mod id;
pub mod leash;
pub mod person;
pub mod schedule;
#[cfg(feature = "schema")]
mod schema;
pub mod signal;
pub mod status;
pub mod text;
pub mod time;
pub mod token;
pub mod trust;
pub mod uid;
pub mod user;
