//! An input that chatters: what it tells is worth an event, and not thousands.
//!
//! Not here: debouncing (the board's).

use crate::clock::MonoMs;

/// So many events of a door may come at once.
const AT_ONCE_MAX: u32 = 30;
/// One more may come after each of these.
const ONE_EVERY_MS: u64 = 10_000;

/// How much a door may still tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Chatter {
    left: u32,
    since: MonoMs,
    untold: u64,
}

impl Chatter {
    pub(super) fn new(now: MonoMs) -> Chatter {
        Chatter { left: AT_ONCE_MAX, since: now, untold: 0 }
    }

    /// Whether one more is told; and how many were not, when it is the first after some that were not.
    pub(super) fn tell(&mut self, now: MonoMs) -> Option<u64> {
        let more = now.0.saturating_sub(self.since.0) / ONE_EVERY_MS;
        if more > 0 {
            self.left = self.left.saturating_add(u32::try_from(more).unwrap_or(u32::MAX)).min(AT_ONCE_MAX);
            self.since = self.since.after_ms(more * ONE_EVERY_MS);
        }
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Some(std::mem::take(&mut self.untold))
            }
            None => {
                self.untold += 1;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_told_and_a_chatter_is_counted() {
        let mut chatter = Chatter::new(MonoMs(0));
        assert!((0..AT_ONCE_MAX).all(|_| chatter.tell(MonoMs(5)) == Some(0)));
        assert!((0..500).all(|_| chatter.tell(MonoMs(ONE_EVERY_MS - 1)).is_none()));
        assert_eq!(chatter.tell(MonoMs(ONE_EVERY_MS)), Some(500), "the next one says so");
        assert_eq!(chatter.tell(MonoMs(ONE_EVERY_MS)), None);
        let rested = MonoMs(ONE_EVERY_MS * 1_000);
        assert_eq!(chatter.tell(rested), Some(1));
        assert!((1..AT_ONCE_MAX).all(|_| chatter.tell(rested) == Some(0)) && chatter.tell(rested).is_none());
    }
}
