//! What a door does next. Pure: what happens and the time go in, what to do comes out.
//!
//! The strike is held for a card's time, ends early once the door is shut again, and while the door is open to everyone.
//! A door that opens when nobody may open it is forced; one that stays open is held open.
//!
//! Not here: who may pass (`access::decide`), moving the strike, and the way out, which needs neither.

use crate::clock::MonoMs;
use crate::config::{DoorConfig, Rex};
use access::signal::Signal;

/// Somebody who was let in may still pull the door so long after the strike has come to rest.
const GRACE_MS: u64 = 2_000;

/// What has happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Happening {
    /// A card may pass.
    Granted,
    /// Somebody asks to leave, or does no more.
    Rex { is_active: bool },
    /// The door is open or shut; so it was found at the start, if `is_initial`.
    Contact { is_open: bool, is_initial: bool },
    /// It is open to everyone until then, or not any more.
    OpenToAll { until: Option<MonoMs> },
}

/// What to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Do {
    /// Hold the strike until then, and not a moment longer.
    Hold { until: MonoMs },
    /// The strike rests.
    Rest,
    /// Somebody asks to leave.
    TellRex,
    /// The door was forced.
    TellForced,
    /// It is held open, for so long already.
    TellHeldOpen { open_s: u32 },
    /// It is shut again.
    TellClosed,
    /// Show it.
    Show(Signal),
}

/// What is wrong with the door.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Trouble {
    #[default]
    None,
    Forced,
    HeldOpen,
}

/// One door.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    unlock_ms: u64,
    held_open_ms: Option<u64>,
    rex: Rex,
    /// This panel moves the strike. Where the PACS does, only that one knows when a door may open.
    controls: bool,
    open_since: Option<MonoMs>,
    rex_active: bool,
    /// The strike is held until then.
    held_until: Option<MonoMs>,
    /// It may be opened until then.
    may_open_until: Option<MonoMs>,
    open_to_all_until: Option<MonoMs>,
    trouble: Trouble,
}

impl Machine {
    pub(super) fn new(config: &DoorConfig) -> Machine {
        let held_open_ms = (config.held_open_s > 0).then(|| u64::from(config.held_open_s) * 1000);
        Machine {
            unlock_ms: u64::from(config.unlock_ms),
            held_open_ms,
            rex: config.rex,
            controls: false,
            open_since: None,
            rex_active: false,
            held_until: None,
            may_open_until: None,
            open_to_all_until: None,
            trouble: Trouble::None,
        }
    }

    /// Whether the panel moves the strike: its record says so, and may say otherwise any time.
    pub(super) fn controls(&mut self, controls: bool) -> Vec<Do> {
        let ends = self.controls && !controls;
        self.controls = controls;
        if !ends {
            return Vec::new();
        }
        (self.held_until, self.may_open_until, self.open_to_all_until) = (None, None, None);
        vec![Do::Rest]
    }

    /// A lockdown begins: who was let in a moment ago finds it locked as well, and may show an exempt card again.
    pub(super) fn lock_down(&mut self, now: MonoMs) -> Vec<Do> {
        if self.held_until.take().is_none() {
            return Vec::new();
        }
        self.may_open_until = Some(now.after_ms(GRACE_MS));
        vec![Do::Rest]
    }

    pub(super) fn trouble(&self) -> Trouble {
        self.trouble
    }

    pub(super) fn is_open_to_all(&self, now: MonoMs) -> bool {
        self.open_to_all_until.is_some_and(|until| now < until)
    }

    /// Something has happened.
    pub(super) fn happen(&mut self, what: Happening, now: MonoMs) -> Vec<Do> {
        let mut todo = self.at(now);
        todo.extend(match what {
            Happening::Granted => self.hold(now),
            Happening::Rex { is_active } => self.asks_to_leave(is_active, now),
            Happening::Contact { is_open: true, is_initial } => self.opens(is_initial, now),
            Happening::Contact { is_open: false, .. } => self.shuts(now),
            Happening::OpenToAll { until } => self.open_to_all(until, now),
        });
        todo
    }

    fn hold(&mut self, now: MonoMs) -> Vec<Do> {
        if !self.controls {
            return Vec::new();
        }
        let until = now.after_ms(self.unlock_ms).max(self.held_until.unwrap_or_default());
        self.held_until = Some(until);
        self.may_open_until = self.may_open_until.max(Some(until.after_ms(GRACE_MS)));
        // A card's time must not end that of everyone.
        vec![Do::Hold { until: until.max(self.open_to_all_until.unwrap_or_default()) }]
    }

    fn asks_to_leave(&mut self, is_active: bool, now: MonoMs) -> Vec<Do> {
        let begins = is_active && !self.rex_active;
        self.rex_active = is_active;
        // Whoever lets go of the handle may still be in the door.
        self.may_open_until = self.may_open_until.max(Some(now.after_ms(self.unlock_ms.max(GRACE_MS))));
        if !begins {
            return Vec::new();
        }
        let mut todo = match self.rex {
            Rex::Unlock => self.hold(now),
            Rex::Shunt => Vec::new(),
        };
        todo.push(Do::TellRex);
        todo
    }

    fn opens(&mut self, is_initial: bool, now: MonoMs) -> Vec<Do> {
        if self.open_since.is_some() {
            return Vec::new();
        }
        self.open_since = Some(now);
        let may = !self.controls
            || is_initial
            || self.rex_active
            || self.is_open_to_all(now)
            || self.may_open_until.is_some_and(|until| now < until);
        if may {
            return Vec::new();
        }
        self.trouble = Trouble::Forced;
        vec![Do::TellForced, Do::Show(Signal::Error)]
    }

    fn shuts(&mut self, now: MonoMs) -> Vec<Do> {
        let was_open = self.open_since.take().is_some();
        let trouble = std::mem::take(&mut self.trouble);
        let mut todo = Vec::new();
        if was_open && !self.rex_active {
            self.may_open_until = None;
        }
        // Nobody slips in behind: it is locked as soon as it is shut.
        if was_open && self.held_until.take().is_some() && !self.is_open_to_all(now) {
            todo.push(Do::Rest);
        }
        if trouble != Trouble::None {
            todo.push(Do::TellClosed);
        }
        todo
    }

    fn open_to_all(&mut self, until: Option<MonoMs>, now: MonoMs) -> Vec<Do> {
        let until = until.filter(|until| self.controls && now < *until);
        let was = std::mem::replace(&mut self.open_to_all_until, until);
        // An open door has its time to be shut from here.
        if was.is_some() && until.is_none() && self.open_since.is_some() {
            self.open_since = Some(now);
        }
        match until {
            Some(until) if was != Some(until) => vec![Do::Hold { until }],
            Some(_) => Vec::new(),
            None if was.is_some() => {
                (self.held_until, self.may_open_until) = (None, Some(now.after_ms(GRACE_MS)));
                vec![Do::Rest]
            }
            None => Vec::new(),
        }
    }

    /// What the time alone brings.
    pub(super) fn at(&mut self, now: MonoMs) -> Vec<Do> {
        let mut todo = Vec::new();
        if self.held_until.is_some_and(|until| until <= now) {
            self.held_until = None;
            if !self.is_open_to_all(now) {
                todo.push(Do::Rest);
            }
        }
        if self.open_to_all_until.is_some_and(|until| until <= now) {
            todo.extend(self.open_to_all(None, now));
        }
        if let Some((since, due)) = self.held_open_due()
            && due <= now
        {
            self.trouble = Trouble::HeldOpen;
            let open_s = u32::try_from((now.0 - since.0) / 1000).unwrap_or(u32::MAX);
            todo.extend([Do::TellHeldOpen { open_s }, Do::Show(Signal::Error)]);
        }
        todo
    }

    /// Since when it is open, and when that is to be complained of.
    fn held_open_due(&self) -> Option<(MonoMs, MonoMs)> {
        let (since, limit_ms) = self.open_since.zip(self.held_open_ms)?;
        let is_told = self.trouble != Trouble::None || self.open_to_all_until.is_some();
        (!is_told).then(|| (since, since.after_ms(limit_ms)))
    }

    /// When [`Machine::at`] has something to do, if nothing happens before.
    pub(super) fn next(&self) -> Option<MonoMs> {
        let due = self.held_open_due().map(|(_, due)| due);
        [self.held_until, self.open_to_all_until, due].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests;
