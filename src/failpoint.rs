//! Places where a test may stop the program dead. Without the feature `failpoints` nothing of it is built.
//!
//! `DOORWARD_FAILPOINT=name@n` aborts the process the n-th time it passes `name`: no destructor runs, no
//! buffer is flushed, as in a power cut.

/// Passes a failpoint.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn pass(_name: &str) {}

/// Passes a failpoint.
#[cfg(feature = "failpoints")]
pub fn pass(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static ARMED: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let armed = ARMED.get_or_init(|| {
        let text = std::env::var("DOORWARD_FAILPOINT").ok()?;
        let (name, at) = text.split_once('@')?;
        Some((name.into(), at.parse().ok()?))
    });
    if let Some((armed, at)) = armed
        && armed == name
        && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == *at
    {
        std::process::abort();
    }
}
