//! The publisher's side of Doorward: one SQLite file with a site's records, and their stream over MQTT.
//!
//! - [`answers`]: what a gateway's request is answered with, message by message
//! - [`change`]: one change, checked as strictly as a gateway would
//! - [`enrolling`]: what becomes of cards that were enrolled at panels
//! - [`import`]: users.csv and changes.jsonl, all lines or none
//! - [`store`]: rows, root, numbers and undelivered messages, committed together
//! - [`config`]: the settings file
//! - [`serve`]: the stream to the broker, events and states from the gateways
//! - [`doctor`]: what the login may do at the broker
//! - [`clock`]: the only reader of a clock
//!
//! A benchmark or a test that needs a stream without a broker uses [`store::Store`] alone: `apply` numbers
//! the changes, `outgoing_after` gives the messages exactly as they would be published, [`answers::Answers`]
//! those that answer a request.
//!
//! Not here: what follows from the records (the gateway's), a user interface.

pub mod answers;
pub mod change;
pub mod clock;
pub mod config;
pub mod doctor;
pub mod enrolling;
pub mod import;
pub mod serve;
pub mod store;
