//! The contract between a source and its gateways, version 1: what goes over the wire and what proves it.
//!
//! Both ends use this crate, so there is one canonical form, one digest and one set of topics. No IO.
//!
//! - [`id`]: sites, gateways, kinds, versions
//! - [`json`]: the strict JSON value and its canonical bytes (RFC 8785, narrowed)
//! - [`digest`]: digests, the root
//! - [`record`]: a record's typed form, and why one is refused
//! - [`topics`]: topic names
//! - [`messages`]: the envelopes
//!
//! Not here: the order rules (the gateway's mirror applies them, the source numbers), brokers, TLS.
#![deny(clippy::wildcard_enum_match_arm)]

pub mod digest;
pub mod id;
pub mod json;
pub mod messages;
pub mod record;
pub mod topics;

/// Largest message in bytes, either way.
pub const MESSAGE_MAX_BYTES: usize = 128 * 1024;
/// Largest record in bytes, as sent.
pub const RECORD_MAX_BYTES: usize = 16 * 1024;
/// Most changes in one message.
pub const CHANGES_MAX: usize = 1024;
/// Shortest heartbeat in seconds; a smaller setting is taken as this.
pub const HEARTBEAT_MIN_S: u64 = 60;
