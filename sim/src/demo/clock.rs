//! The demo's only reader of a clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment by the clock that never steps: for latencies and time-outs.
#[expect(clippy::disallowed_methods, reason = "this is the demo's one home of the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The wall clock, as the time since 1970: for windows.
#[expect(clippy::disallowed_methods, reason = "this is the demo's one home of the clock")]
pub(crate) fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
