//! The lights and buzzers of the board, door by door.
//!
//! Not here: a reader's own (the reader's supervisor), and what is shown when (`enrolling`, `door`).

use crate::board::indicators::Indicators;
use crate::board::{Pin, PinError};
use crate::clock::MonoMs;
use access::id::Key;
use access::signal::Signal;
use std::collections::BTreeMap;

/// All of them.
#[derive(Debug)]
pub struct Lights {
    by_door: Vec<(Option<Key>, Indicators<Pin>)>,
    door_of: BTreeMap<String, Key>,
}

impl Lights {
    /// Those of each door, or those of a panel without one; and beside which door each reader hangs.
    pub fn new(by_door: Vec<(Option<Key>, Indicators<Pin>)>, door_of: BTreeMap<String, Key>) -> Lights {
        Lights { by_door, door_of }
    }

    /// Beside which door a reader hangs.
    pub fn door_of(&self, reader: &str) -> Option<&Key> {
        self.door_of.get(reader)
    }

    /// The readers beside a door.
    pub fn readers_of(&self, door: &Key) -> Vec<String> {
        let beside = self.door_of.iter().filter(|(_, of)| *of == door);
        beside.map(|(reader, _)| reader.clone()).collect()
    }

    /// Shows `signal` beside the door of this reader; a reader that hangs beside none has the first lights there are.
    pub fn show_for_reader(&mut self, reader: &str, signal: Signal, now: MonoMs) {
        let door = self.door_of.get(reader).cloned();
        self.show(door.as_ref(), signal, now);
    }

    /// Shows `signal` beside a door.
    pub fn show(&mut self, door: Option<&Key>, signal: Signal, now: MonoMs) {
        let at = self.by_door.iter().position(|(of, _)| of.as_ref() == door && door.is_some());
        let at = at.or_else(|| door.is_none().then_some(0));
        if let Some((_, indicators)) = at.and_then(|at| self.by_door.get_mut(at)) {
            shown(indicators.show(signal, now));
        }
    }

    /// Goes on with what is shown; gives when that changes.
    pub fn play(&mut self, now: MonoMs) -> Option<MonoMs> {
        self.by_door.iter_mut().filter_map(|(_, indicators)| shown(indicators.at(now)).flatten()).min()
    }

    /// Ends whatever is shown.
    pub fn rest(&mut self) {
        for (_, indicators) in &mut self.by_door {
            shown(indicators.rest());
        }
    }
}

/// A light that fails is no reason to stop anything.
fn shown<T>(done: Result<T, PinError>) -> Option<T> {
    done.inspect_err(|error| tracing::warn!(%error, "a light or buzzer does not do as it is told")).ok()
}
