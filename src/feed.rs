//! The feed: what arrives over MQTT, and what is said there.
//!
//! - [`options`]: how to reach the broker, and what to hear of it
//! - [`connection`]: the poll loop around rumqttc: sessions, subscriptions, acknowledgements, limits
//! - [`sync`]: when to ask the source for what is missing
//! - [`probing`]: what this panel's login may do at the broker, for `doorward doctor`
//! - [`backoff`]: how long to wait before the next attempt
//!
//! Not here: what a message means (the mirror applies changes and answers, the service carries out commands), and when
//! it may be acknowledged: only the service knows what has been committed.

pub mod backoff;
pub mod connection;
pub mod options;
pub mod probing;
pub mod sync;

pub use connection::{AckToken, Feed, Heard, Incoming, Topic};
pub use options::FeedOptions;
