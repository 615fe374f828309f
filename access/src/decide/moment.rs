//! When a rule holds, as far as time alone decides.

use crate::schedule::Calendar;
use crate::time::{UtcTime, Window};
use alloc::sync::Arc;

/// The instants at which a rule holds, if nothing but trusted time changes.
#[derive(Clone, Debug)]
pub(super) enum Moments {
    /// All of them, or none.
    Timeless(bool),
    /// Those of a window.
    Within(Window),
    /// Those of a schedule.
    By(Arc<Calendar>),
}

impl Moments {
    /// The first one at or after `at`.
    pub(super) fn first_from(&self, at: UtcTime) -> Option<UtcTime> {
        match self {
            Moments::Timeless(holds) => holds.then_some(at),
            Moments::Within(window) => {
                let first = window.from.map_or(at, |from| from.max(at));
                window.holds(first).then_some(first)
            }
            Moments::By(calendar) if calendar.holds(at) => Some(at),
            Moments::By(calendar) => calendar.until(at),
        }
    }

    /// Of a rule that holds at `at`: when it does no more.
    pub(super) fn end(&self, at: UtcTime) -> Option<UtcTime> {
        match self {
            Moments::Timeless(_) => None,
            Moments::Within(window) => window.to,
            Moments::By(calendar) => calendar.until(at),
        }
    }
}
