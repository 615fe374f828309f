//! The only reader of a clock. Durations are the runtime's; only instants that are stored or sent come
//! from here.

use access::time::UtcTime;
use std::time::{SystemTime, UNIX_EPOCH};

/// The wall clock, whole seconds. A clock before 1970 shows 1970: epochs grow by one at each start anyway.
#[expect(clippy::disallowed_methods, reason = "the one home of the wall clock in this crate")]
pub fn now() -> UtcTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UtcTime::from_unix(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
