//! One `[[door]]`: how this panel runs a door, where that differs from what is usual.
//!
//! A door is this panel's if a reader hangs beside it or a `[[door]]` names it; what opens it is its record's (the source's).
//!
//! Not here: outputs and inputs, which are the board's.

use super::reader::Flaw;
use super::{Config, ReaderConfig};
use access::id::Key;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Most doors of one panel.
pub const DOORS_MAX: usize = 16;
/// Longest time for which one card holds the strike, in milliseconds.
const UNLOCK_MAX_MS: u32 = 60_000;
/// Longest time after which an open door is complained of, in seconds.
const HELD_OPEN_MAX_S: u32 = 3_600;
/// Longest time that a card waits before it passes the same door again, in seconds.
const PASSBACK_MAX_S: u32 = 24 * 3_600;

/// What a request to exit does. The way out itself never depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rex {
    /// The handle opens the door by itself: that it opens is no break-in.
    #[default]
    Shunt,
    /// The strike is moved as well.
    Unlock,
}

/// What becomes of a card that may pass when the disk takes no event any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenDiskFull {
    /// Nothing new is granted: no grant without its event.
    #[default]
    Deny,
    /// It passes, and its event is kept in memory for as long as there is room and power.
    Grant,
}

/// How this panel runs a door.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DoorConfig {
    /// The door's key.
    pub door: Key,
    /// For how long one card holds the strike.
    #[serde(default = "default_unlock_ms")]
    pub unlock_ms: u32,
    /// After so long an open door is complained of; 0 for never.
    #[serde(default = "default_held_open_s")]
    pub held_open_s: u32,
    /// A card that has passed waits so long before it passes again; 0 for not at all.
    #[serde(default)]
    pub passback_s: u32,
    /// What a request to exit does.
    #[serde(default)]
    pub rex: Rex,
    /// What becomes of a card that may pass when the disk is full.
    #[serde(default)]
    pub when_disk_full: WhenDiskFull,
}

fn default_unlock_ms() -> u32 {
    3_000
}

fn default_held_open_s() -> u32 {
    60
}

impl DoorConfig {
    /// As is usual.
    pub fn usual(door: Key) -> DoorConfig {
        DoorConfig {
            door,
            unlock_ms: default_unlock_ms(),
            held_open_s: default_held_open_s(),
            passback_s: 0,
            rex: Rex::default(),
            when_disk_full: WhenDiskFull::default(),
        }
    }

    fn check(&self, at: usize) -> Result<(), Flaw> {
        let unfit = |key: &str, problem: String, remedy: &str| {
            Err(Flaw { key: format!("door[{at}].{key}"), problem, remedy: remedy.into() })
        };
        if !(100..=UNLOCK_MAX_MS).contains(&self.unlock_ms) {
            return unfit("unlock_ms", format!("is not within 100 to {UNLOCK_MAX_MS}"), "3000 is usual");
        }
        if self.held_open_s > HELD_OPEN_MAX_S {
            return unfit(
                "held_open_s",
                format!("is more than {HELD_OPEN_MAX_S}"),
                "60 is usual, 0 is never",
            );
        }
        if self.passback_s > PASSBACK_MAX_S {
            return unfit("passback_s", format!("is more than {PASSBACK_MAX_S}"), "0 is usual");
        }
        Ok(())
    }
}

/// The rules that concern all doors together.
pub(super) fn check(doors: &[DoorConfig], readers: &[ReaderConfig]) -> Result<(), Flaw> {
    for (at, door) in doors.iter().enumerate() {
        door.check(at)?;
        if doors[..at].iter().any(|other| other.door == door.door) {
            let (problem, remedy) = ("is named twice".into(), "write its settings into one section".into());
            return Err(Flaw { key: format!("door[{at}].door"), problem, remedy });
        }
    }
    let count = of_panel(doors, readers).len();
    if count > DOORS_MAX {
        let problem = format!("stands for {count} doors, more than {DOORS_MAX}");
        return Err(Flaw { key: "door".into(), problem, remedy: "give some to another panel".into() });
    }
    Ok(())
}

fn of_panel(doors: &[DoorConfig], readers: &[ReaderConfig]) -> BTreeMap<Key, DoorConfig> {
    let beside = readers.iter().filter_map(|reader| Key::new(reader.door.as_deref()?).ok());
    let mut all: BTreeMap<Key, DoorConfig> =
        beside.map(|key| (key.clone(), DoorConfig::usual(key))).collect();
    all.extend(doors.iter().map(|door| (door.door.clone(), door.clone())));
    all
}

impl Config {
    /// The panel's doors: those that a reader hangs beside, and those that have a section.
    pub fn doors(&self) -> BTreeMap<Key, DoorConfig> {
        of_panel(&self.door, &self.reader)
    }
}
