//! When to ask the source for what is missing, and for what: a pure state machine.
//!
//! An unequal root, or a source that is behind what it once said, begins a **run**: the digests of all buckets
//! are asked for, then those that differ, a window at a time; an empty mirror fetches all, window by window.
//! What is here and equal is never fetched again, so a run that was cut short goes on where it was.
//!
//! - At most one run at a time, at most [`WINDOW_BUCKETS`] buckets outstanding: bounded in messages.
//! - A request without an answer for [`ANSWER_MAX_MS`] has expired; the run begins again after a pause that
//!   doubles. An answer of any kind keeps a run alive, so a slow source is not asked twice.
//! - A run that went through and left the roots unequal makes the next one wait longer; after
//!   [`FRUITLESS_MAX`] of these the buckets concerned are reported, once.
//!
//! - `run`: one run, from the first request to the last answer
//!
//! Not here: the rows and what an answer does to them (`mirror::apply`), sending (`service::sync`).
#![deny(clippy::wildcard_enum_match_arm)]

mod run;

use crate::clock::MonoMs;
use contract::repair::{Bits, Want};
use run::Run;

/// Buckets asked for and not answered yet. A bucket is at most one message of 128 KiB, so with the window half
/// empty before the next request the broker holds at most 4 MiB for us.
pub const WINDOW_BUCKETS: usize = 32;
/// Without any answer for this long a request has expired.
pub const ANSWER_MAX_MS: u64 = 60_000;
/// First and longest pause between two runs, before jitter.
pub const PAUSE_MS: (u64, u64) = (5_000, 900_000);
/// Runs that went through without making the roots equal before it is reported.
pub const FRUITLESS_MAX: u32 = 3;
/// Buckets named in a report.
pub const REPORTED_BUCKETS_MAX: usize = 16;

/// What the machine is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// The broker took us; without its session nothing is outstanding any more.
    Connected {
        /// The broker still had our session.
        session_present: bool,
    },
    /// The connection is gone.
    Disconnected,
    /// The newest root is ours.
    Proven,
    /// The newest root is another.
    Unequal,
    /// The source is behind what it once said.
    Behind,
    /// Somebody asked for a comparison, or the disk was found damaged.
    Asked,
    /// A page of digests was compared.
    Page {
        /// How the source divides keys.
        bits: Bits,
        /// Its first bucket.
        from: u32,
        /// How many buckets.
        count: u32,
        /// Those that differ.
        differing: Vec<u32>,
    },
    /// A bucket is on disk.
    Bucket {
        /// How the source divides keys.
        bits: Bits,
        /// Which.
        bucket: u32,
    },
}

/// What the machine wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// Ask the source.
    Request(Want),
    /// Every bucket was equal or fetched, so what is missing now is missing at the source. If all were equal and the
    /// root was not, it is to be added up again.
    Complete {
        /// All were equal.
        recount: bool,
    },
    /// These buckets never agree.
    Report {
        /// How the source divides keys.
        bits: Bits,
        /// Some of them.
        buckets: Vec<u32>,
        /// How many there are.
        count: u64,
    },
}

/// How far a run has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Buckets that are as the source had them.
    pub done: u32,
    /// All buckets to compare or fetch.
    pub of: u32,
    /// Runs begun since the mirror was last proven.
    pub tries: u32,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Sync {
    online: bool,
    /// Nothing was heard since the start or the loss of the session: an empty mirror need not wait for a
    /// checkpoint to know that it lacks everything.
    is_fresh: bool,
    phase: Phase,
    /// Runs begun, expired and fruitless since the mirror was last proven.
    tries: u32,
    expired: u32,
    fruitless: u32,
    /// The last run went through, and fetched these.
    last: Option<(Bits, Vec<u32>)>,
    reported: bool,
}

#[derive(Clone, Debug, Default)]
enum Phase {
    /// The next checkpoint decides.
    #[default]
    Idle,
    /// A run is to begin then.
    Wanted(MonoMs),
    /// One is under way.
    Running(Run),
}

impl Default for Sync {
    fn default() -> Sync {
        Sync::new()
    }
}

impl Sync {
    /// At the start: not proven, nothing outstanding.
    pub fn new() -> Sync {
        Sync {
            online: false,
            is_fresh: true,
            phase: Phase::Idle,
            tries: 0,
            expired: 0,
            fruitless: 0,
            last: None,
            reported: false,
        }
    }

    /// Takes what happened. `random` spreads the panels of a site.
    pub fn take(&mut self, input: Input, now: MonoMs, random: u16) {
        match input {
            Input::Connected { session_present } => {
                self.online = true;
                if !session_present {
                    self.phase = Phase::Idle;
                    self.is_fresh = true;
                }
            }
            Input::Disconnected => self.online = false,
            Input::Proven => {
                *self = Sync { online: self.online, is_fresh: false, ..Sync::new() };
            }
            Input::Unequal | Input::Behind | Input::Asked => self.want(input, now, random),
            Input::Page { bits, from, count, differing } => {
                if let Phase::Running(run) = &mut self.phase {
                    run.page(bits, from, count, differing, now);
                }
            }
            Input::Bucket { bits, bucket } => {
                if let Phase::Running(run) = &mut self.phase {
                    run.bucket(bits, bucket, now);
                }
            }
        }
    }

    /// A run is wanted, unless there is one.
    fn want(&mut self, why: Input, now: MonoMs, random: u16) {
        if !matches!(self.phase, Phase::Idle) {
            return;
        }
        let went_through = self.last.is_some();
        if went_through && why != Input::Asked {
            self.fruitless = self.fruitless.saturating_add(1);
        }
        let pauses = if why == Input::Asked { 0 } else { self.fruitless };
        self.phase = Phase::Wanted(now.after_ms(pause_ms(pauses, random)));
    }

    /// What is to be done now. `is_empty`: the mirror holds nothing at all.
    pub fn poll(&mut self, now: MonoMs, is_empty: bool, random: u16) -> Vec<Order> {
        let mut orders = Vec::new();
        if !self.online {
            return orders;
        }
        if std::mem::take(&mut self.is_fresh) && is_empty && matches!(self.phase, Phase::Idle) {
            self.phase = Phase::Wanted(now);
        }
        if let Phase::Running(run) = &self.phase
            && (run.expires() <= now || run.is_led_astray())
        {
            self.expired = self.expired.saturating_add(1);
            self.phase = Phase::Wanted(now.after_ms(pause_ms(self.expired, random)));
        }
        if let Phase::Wanted(at) = self.phase
            && at <= now
        {
            self.report(&mut orders);
            self.tries = self.tries.saturating_add(1);
            let run = if is_empty && self.tries == 1 { Run::fetching_all(now) } else { Run::comparing(now) };
            self.phase = Phase::Running(run);
        }
        if let Phase::Running(run) = &mut self.phase {
            orders.extend(run.ask(now).map(Order::Request));
            if run.is_through() {
                self.finish(&mut orders);
            }
        }
        orders
    }

    fn report(&mut self, orders: &mut Vec<Order>) {
        if self.fruitless < FRUITLESS_MAX || self.reported {
            return;
        }
        if let Some((bits, buckets)) = self.last.take().filter(|(_, buckets)| !buckets.is_empty()) {
            self.reported = true;
            let count = buckets.len() as u64;
            let buckets = buckets.into_iter().take(REPORTED_BUCKETS_MAX).collect();
            orders.push(Order::Report { bits, buckets, count });
        }
    }

    fn finish(&mut self, orders: &mut Vec<Order>) {
        let Phase::Running(run) = std::mem::take(&mut self.phase) else { return };
        orders.push(Order::Complete { recount: run.has_fetched_nothing() });
        self.expired = 0;
        self.last = Some(run.into_fetched());
    }

    /// Whether answers are expected.
    pub fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running(_))
    }

    /// When to poll next, if nothing happens before.
    pub fn wake_at(&self) -> Option<MonoMs> {
        match &self.phase {
            Phase::Idle => None,
            _ if !self.online => None,
            Phase::Wanted(at) => Some(*at),
            Phase::Running(run) => Some(run.expires()),
        }
    }

    /// How far the run under way has come.
    pub fn progress(&self) -> Option<Progress> {
        match &self.phase {
            Phase::Idle if self.last.is_none() => None,
            // Through, and not proven yet.
            Phase::Idle => self.last.as_ref().map(|(bits, _)| Progress {
                done: bits.buckets(),
                of: bits.buckets(),
                tries: self.tries,
            }),
            Phase::Wanted(_) => Some(Progress { done: 0, of: 0, tries: self.tries }),
            Phase::Running(run) => Some(run.progress(self.tries)),
        }
    }
}

/// The pause before the next run after so many in vain.
fn pause_ms(vain: u32, random: u16) -> u64 {
    if vain == 0 {
        return 0;
    }
    let whole = PAUSE_MS.0.saturating_mul(1 << vain.saturating_sub(1).min(20)).min(PAUSE_MS.1);
    whole / 2 + whole / 2 * u64::from(random) / u64::from(u16::MAX)
}

#[cfg(test)]
mod tests;
