//! When a level has changed for good: it has stayed for the whole time that it may bounce.
//!
//! Pure. The kernel does the same for chips that report edges; this is for those that have to be looked at.

use crate::clock::MonoMs;

/// One input's level, and what it may be about to become.
#[derive(Clone, Copy, Debug)]
pub struct Debounce {
    is_active: bool,
    other_since: Option<MonoMs>,
    debounce_ms: u64,
}

impl Debounce {
    /// Begins at the level `is_active`.
    pub fn new(is_active: bool, debounce_ms: u32) -> Debounce {
        Debounce { is_active, other_since: None, debounce_ms: debounce_ms.into() }
    }

    /// Takes what the line shows at `now`; the new level once it has lasted.
    pub fn look(&mut self, is_active: bool, now: MonoMs) -> Option<bool> {
        if is_active == self.is_active {
            self.other_since = None;
            return None;
        }
        let since = *self.other_since.get_or_insert(now);
        if now < since.after_ms(self.debounce_ms) {
            return None;
        }
        self.is_active = is_active;
        self.other_since = None;
        Some(is_active)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of looks at these times, each with what the line shows.
    fn changes(debounce_ms: u32, looks: &[(u64, bool)]) -> Vec<(u64, bool)> {
        let mut input = Debounce::new(false, debounce_ms);
        let look = |&(at, level): &(u64, bool)| input.look(level, MonoMs(at)).map(|level| (at, level));
        looks.iter().filter_map(look).collect()
    }

    #[test]
    fn a_level_counts_when_it_has_lasted() {
        let press = [(0, false), (10, true), (20, true), (29, true), (30, true), (40, true)];
        assert_eq!(changes(20, &press), [(30, true)]);
    }

    #[test]
    fn bouncing_begins_anew_each_time() {
        let bouncing = [(10, true), (15, false), (18, true), (31, true), (37, true), (38, true), (40, false)];
        assert_eq!(changes(20, &bouncing), [(38, true)]);
    }

    #[test]
    fn a_spike_is_nothing_and_without_debounce_everything_counts() {
        let spike = [(10, true), (20, false), (50, false), (90, true), (95, false)];
        assert_eq!(changes(20, &spike), []);
        assert_eq!(changes(0, &spike), [(10, true), (20, false), (90, true), (95, false)]);
    }
}
