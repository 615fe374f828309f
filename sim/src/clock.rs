//! The only reader of a clock in this crate; everything else takes `at_ms` as an argument.

use std::time::Instant;

/// Milliseconds since the simulation started; monotonic.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "this is the simulation's one home of the clock")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Milliseconds since [`Clock::start`].
    pub(crate) fn ms(self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
