//! The contract between a source and its gateways, version 1: what goes over the wire and what proves it.
//!
//! Both ends use this crate, so there is one canonical form, one digest and one set of topics. No IO.
//!
//! - [`id`]: sites, gateways, kinds, versions
//! - [`json`]: the strict JSON value and its canonical bytes (RFC 8785, narrowed)
//! - [`digest`]: digests, the root
//! - [`record`]: a record's typed form, and why one is refused
//! - [`topics`]: topic names
//! - [`changes`]: the stream of changes
//! - [`command`], [`enrollment`]: what a source asks of a gateway; cards that a gateway has made known
//! - [`at_door`]: what happens at a panel's doors
//! - [`messages`]: the other envelopes
//! - [`repair`]: requests, digests and buckets
//! - [`hand_over`]: what gateways say to each other when the export changes hands
//!
//! Not here: the order rules (the gateway's mirror applies them, the source numbers), brokers, TLS.
#![deny(clippy::wildcard_enum_match_arm)]

pub mod at_door;
pub mod changes;
pub mod command;
pub mod digest;
pub mod enrollment;
pub mod hand_over;
pub mod id;
pub mod json;
pub mod messages;
pub mod record;
pub mod repair;
#[cfg(feature = "schema")]
pub mod schema;
pub mod topics;

/// Largest message in bytes, either way.
pub const MESSAGE_MAX_BYTES: usize = 128 * 1024;
/// Largest record in bytes, as sent.
pub const RECORD_MAX_BYTES: usize = 16 * 1024;
/// Most changes in one message.
pub const CHANGES_MAX: usize = 1024;
/// Shortest heartbeat in seconds; a smaller setting is taken as this.
pub const HEARTBEAT_MIN_S: u64 = 60;
/// Most leading bits of a hash that name a bucket, so at most 65,536 buckets.
pub const BITS_MAX: u8 = 16;
/// Most digests in one message.
pub const DIGESTS_PAGE_MAX: usize = 1024;
/// Most buckets asked for at once.
pub const REQUEST_BUCKETS_MAX: usize = 256;
