//! How the clock stands: trusted, in holdover, untrusted.
//!
//! While the kernel calls the clock synchronised it is trusted. When that ends it is believed for a set time more
//! (holdover), for as long as it keeps step with the monotonic clock: an oscillator drifts by seconds a day, and
//! only a hand, or a lying server, moves it by more. After that, after a restart, and below the floor it is
//! untrusted.
//!
//! Not here: the file of the floor, and asking the kernel.

use super::{Time, Trust};
use crate::time::UtcTime;

/// How long, and how far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// How long the clock is believed after its synchronisation has ended.
    pub holdover_s: u32,
    /// How far wall and monotonic clock may part meanwhile.
    pub step_max_s: u32,
    /// How long it has to be synchronised, without a step, before it may raise the floor: one wrong answer of a time
    /// server must not shut every door until its date has passed.
    pub sustained_s: u32,
    /// The floor on disk is raised at most this often: flash wears.
    pub raise_every_s: u32,
}

impl Default for Limits {
    /// Holdover of a day: a crystal of 100 ppm is then off by 9 s.
    fn default() -> Limits {
        Limits { holdover_s: 24 * 60 * 60, step_max_s: 60, sustained_s: 10 * 60, raise_every_s: 60 * 60 }
    }
}

/// What was read of the clocks at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// The monotonic clock, which also runs during suspend. Meaningless across restarts.
    pub mono_ms: u64,
    /// The wall clock.
    pub now: UtcTime,
    /// Whether the kernel says that the wall clock is synchronised.
    pub is_synchronised: bool,
}

/// Why the clock is not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Doubt {
    /// It shows an instant that has passed already.
    BelowFloor,
    /// It has not been synchronised since the start.
    NeverSynchronised,
    /// It has not been for longer than the holdover.
    HoldoverOver,
    /// It was moved while it was not synchronised.
    Stepped,
}

impl Doubt {
    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Doubt::BelowFloor => "it shows an instant that has passed already",
            Doubt::NeverSynchronised => "it has not been synchronised since the start",
            Doubt::HoldoverOver => "it has not been synchronised for too long",
            Doubt::Stepped => "it was moved while it was not synchronised",
        }
    }
}

/// How the clock stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Synchronised.
    Trusted,
    /// No longer synchronised, and still believed.
    Holdover {
        /// For how much longer.
        left_s: u32,
    },
    /// Not believed.
    Untrusted(Doubt),
}

impl Standing {
    /// What the rules make of it.
    pub const fn trust(self) -> Trust {
        match self {
            Standing::Trusted | Standing::Holdover { .. } => Trust::Trusted,
            Standing::Untrusted(_) => Trust::Untrusted,
        }
    }

    /// In a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Standing::Trusted => "trusted",
            Standing::Holdover { .. } => "holdover",
            Standing::Untrusted(_) => "untrusted",
        }
    }
}

/// A wall clock and the monotonic one at the same moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Pair {
    mono_ms: u64,
    now: UtcTime,
}

impl Pair {
    fn of(reading: &Reading) -> Pair {
        Pair { mono_ms: reading.mono_ms, now: reading.now }
    }

    /// Whole seconds from this moment to `mono_ms`.
    fn passed_s(self, mono_ms: u64) -> i64 {
        i64::try_from(mono_ms.saturating_sub(self.mono_ms) / 1000).unwrap_or(i64::MAX)
    }

    /// What the wall clock should show at `mono_ms`.
    fn should_show(self, mono_ms: u64) -> UtcTime {
        UtcTime::from_unix(self.now.unix().saturating_add(self.passed_s(mono_ms)))
    }
}

/// Follows the clock from reading to reading.
#[derive(Clone, Debug)]
pub struct Watch {
    limits: Limits,
    /// As it is on disk.
    floor: UtcTime,
    standing: Standing,
    /// The last synchronised reading that was not below the floor, unless it has been given up.
    last_sync: Option<Pair>,
    /// Since when it has been synchronised without a step.
    sustained_since: Option<Pair>,
}

impl Watch {
    /// At a start: nothing is known but the floor on disk.
    pub fn new(limits: Limits, floor: UtcTime) -> Watch {
        let standing = Standing::Untrusted(Doubt::NeverSynchronised);
        Watch { limits, floor, standing, last_sync: None, sustained_since: None }
    }

    /// Takes a reading into account; they have to come in the order of the monotonic clock. The more often it is
    /// looked at, the sooner a step is seen.
    pub fn observe(&mut self, reading: &Reading) -> Standing {
        self.standing = self.judge(reading);
        match self.standing {
            Standing::Trusted => {
                let is_steady = self.last_sync.is_some_and(|last| self.keeps_step(last, reading));
                let since = self.sustained_since.filter(|_| is_steady);
                self.sustained_since = Some(since.unwrap_or(Pair::of(reading)));
                self.last_sync = Some(Pair::of(reading));
            }
            Standing::Holdover { .. } => self.sustained_since = None,
            Standing::Untrusted(doubt) => {
                self.sustained_since = None;
                // Given up until the next synchronisation: a clock that was moved is not believed for being moved
                // back, since nobody knows which of the two was right.
                self.last_sync = match doubt {
                    Doubt::HoldoverOver | Doubt::NeverSynchronised => self.last_sync,
                    Doubt::Stepped | Doubt::BelowFloor => None,
                };
            }
        }
        self.standing
    }

    fn judge(&self, reading: &Reading) -> Standing {
        if reading.now < self.floor {
            return Standing::Untrusted(Doubt::BelowFloor);
        }
        if reading.is_synchronised {
            return Standing::Trusted;
        }
        let Some(last) = self.last_sync else {
            return Standing::Untrusted(match self.standing {
                // What was lost is not lost for another reason a moment later.
                Standing::Untrusted(doubt @ (Doubt::Stepped | Doubt::HoldoverOver)) => doubt,
                Standing::Untrusted(Doubt::BelowFloor | Doubt::NeverSynchronised)
                | Standing::Trusted
                | Standing::Holdover { .. } => Doubt::NeverSynchronised,
            });
        };
        if !self.keeps_step(last, reading) {
            return Standing::Untrusted(Doubt::Stepped);
        }
        let left_s = i64::from(self.limits.holdover_s) - last.passed_s(reading.mono_ms);
        match u32::try_from(left_s) {
            Ok(0) | Err(_) => Standing::Untrusted(Doubt::HoldoverOver),
            Ok(left_s) => Standing::Holdover { left_s },
        }
    }

    fn keeps_step(&self, last: Pair, reading: &Reading) -> bool {
        let should = last.should_show(reading.mono_ms).unix();
        reading.now.unix().abs_diff(should) <= u64::from(self.limits.step_max_s)
    }

    /// Observes `reading`, and gives the time for one decision at that moment.
    pub fn time(&mut self, reading: &Reading) -> Time {
        let trust = self.observe(reading).trust();
        Time { now: reading.now, trust, floor: self.floor }
    }

    /// How the clock stood when it was last looked at.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// The floor, as it is on disk.
    pub fn floor(&self) -> UtcTime {
        self.floor
    }

    /// To what the floor may be raised after `reading` was observed: only after sustained synchronisation, and not
    /// too often. It is raised by [`Watch::set_floor`] once it is on disk.
    pub fn floor_due(&self, reading: &Reading) -> Option<UtcTime> {
        let since = self.sustained_since?;
        let is_sustained = since.passed_s(reading.mono_ms) >= i64::from(self.limits.sustained_s);
        let due = self.floor.unix().saturating_add(i64::from(self.limits.raise_every_s));
        (is_sustained && reading.now.unix() >= due).then_some(reading.now)
    }

    /// The floor is on disk: raised, or put back by somebody's order where it was poisoned.
    pub fn set_floor(&mut self, floor: UtcTime) {
        self.floor = floor;
    }
}

#[cfg(test)]
mod tests {
    use super::{Doubt, Limits, Reading, Standing, Watch};
    use crate::time::UtcTime;
    use crate::trust::Trust;

    const START: i64 = 1_800_000_000;
    const LIMITS: Limits = Limits { holdover_s: 1000, step_max_s: 60, sustained_s: 600, raise_every_s: 3600 };

    /// `mono_s` after the start the wall clock is `off_s` from where it should be.
    fn reading(mono_s: u32, off_s: i64, is_synchronised: bool) -> Reading {
        let now = UtcTime::from_unix(START + i64::from(mono_s) + off_s);
        Reading { mono_ms: u64::from(mono_s) * 1000, now, is_synchronised }
    }

    fn watch() -> Watch {
        Watch::new(LIMITS, UtcTime::from_unix(START - 100_000))
    }

    #[test]
    fn trust_becomes_holdover_and_ends() {
        let mut watch = watch();
        let table = [
            (reading(0, 0, false), Standing::Untrusted(Doubt::NeverSynchronised)),
            (reading(10, 0, true), Standing::Trusted),
            (reading(500, 0, true), Standing::Trusted),
            (reading(501, 0, false), Standing::Holdover { left_s: 999 }),
            (reading(1499, 5, false), Standing::Holdover { left_s: 1 }),
            (reading(1500, 5, false), Standing::Untrusted(Doubt::HoldoverOver)),
            (reading(1501, 5, false), Standing::Untrusted(Doubt::HoldoverOver)),
            (reading(1502, 0, true), Standing::Trusted),
            (reading(1503, 0, false), Standing::Holdover { left_s: 999 }),
        ];
        for (reading, standing) in table {
            assert_eq!(watch.observe(&reading), standing, "{reading:?}");
        }
    }

    #[test]
    fn a_step_either_way_ends_holdover_for_good() {
        for off_s in [61_i64, -61, 1_000_000] {
            let mut watch = watch();
            watch.observe(&reading(0, 0, true));
            let near = off_s.signum() * 60;
            assert_eq!(watch.observe(&reading(10, near, false)).trust(), Trust::Trusted, "{near} s is drift");
            let stepped = Standing::Untrusted(Doubt::Stepped);
            assert_eq!(watch.observe(&reading(20, off_s, false)), stepped);
            assert_eq!(watch.observe(&reading(30, 0, false)), stepped, "nobody knows which was right");
            assert_eq!(
                watch.observe(&reading(40, off_s, true)),
                Standing::Trusted,
                "the kernel's word counts"
            );
        }
    }

    #[test]
    fn below_the_floor_nobodys_word_counts() {
        let mut watch = watch();
        watch.observe(&reading(0, 0, true));
        let below = reading(10, -100_011, true);
        assert_eq!(watch.observe(&below), Standing::Untrusted(Doubt::BelowFloor));
        assert_eq!(watch.observe(&reading(20, 0, false)).trust(), Trust::Untrusted, "it was moved twice");
        assert_eq!(watch.observe(&reading(30, -100_030, true)), Standing::Trusted, "at the floor");
    }

    #[test]
    fn only_sustained_synchronisation_without_steps_raises_the_floor() {
        let mut watch = watch();
        let look = |watch: &mut Watch, reading: Reading| {
            watch.observe(&reading);
            watch.floor_due(&reading)
        };
        assert_eq!(look(&mut watch, reading(0, 0, true)), None, "synchronised just now");
        assert_eq!(look(&mut watch, reading(599, 0, true)), None, "a second too early");
        assert_eq!(look(&mut watch, reading(600, 0, true)), Some(reading(600, 0, true).now));
        // A server that lies for a moment starts the wait anew, and so does its correction.
        assert_eq!(look(&mut watch, reading(610, 500_000, true)), None);
        assert_eq!(look(&mut watch, reading(1_300, 0, true)), None);
        assert_eq!(look(&mut watch, reading(1_899, 0, true)), None);
        assert_eq!(look(&mut watch, reading(1_900, 0, false)), None, "holdover raises nothing");
        assert_eq!(look(&mut watch, reading(1_901, 0, true)), None);
        let due = look(&mut watch, reading(2_501, 0, true)).expect("sustained");
        watch.set_floor(due);
        assert_eq!(look(&mut watch, reading(2_501 + 3_599, 0, true)), None, "flash wears");
        assert!(look(&mut watch, reading(2_501 + 3_600, 0, true)).is_some());
    }

    #[test]
    fn a_time_is_read_with_its_trust() {
        let mut watch = watch();
        let time = watch.time(&reading(5, 0, true));
        assert_eq!((time.now, time.trust), (UtcTime::from_unix(START + 5), Trust::Trusted));
        assert_eq!(watch.time(&reading(2_000, 0, false)).trust, Trust::Untrusted);
        assert_eq!(watch.standing().as_str(), "untrusted");
        assert_eq!(watch.time(&reading(2_001, 0, true)).floor, watch.floor());
    }
}
