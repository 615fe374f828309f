//! What a window means when the clock cannot be believed: untrusted time never widens access.
//!
//! [`Watch`] follows the clock and says how it stands; what the rules ask is [`Trust`] alone.
//!
//! Not here: reading the clock, the kernel's opinion of it and the floor file (`clock.rs` of the gateway).

mod standing;

use crate::time::{UtcTime, Window};

pub use standing::{Doubt, Limits, Reading, Standing, Watch};

/// Whether the clock may be believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trust {
    /// Synchronised, or in holdover.
    Trusted,
    /// Never synchronised, not for too long, moved meanwhile, or earlier than the floor.
    Untrusted,
}

/// All that the rules may know of time, read once for a whole decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Time {
    /// What the clock shows.
    pub now: UtcTime,
    /// Whether to believe it.
    pub trust: Trust,
    /// An instant that has certainly passed.
    pub floor: UtcTime,
}

/// How much a window is worth now.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Need {
    /// What stands already may stand, and follows changes of data; nothing new is opened on its account.
    Keep,
    /// It should be there.
    Want,
}

/// Judges `window` at `time`; `None` is closed.
///
/// Trusted, the clock decides. Untrusted, only a window without edges opens anything, and one that holds at
/// the floor keeps what it has already opened.
pub fn need(window: &Window, time: &Time) -> Option<Need> {
    match time.trust {
        Trust::Trusted => window.holds(time.now).then_some(Need::Want),
        Trust::Untrusted if window.is_always() => Some(Need::Want),
        Trust::Untrusted => window.holds(time.floor).then_some(Need::Keep),
    }
}
