//! The lines of a board, taken and handed out door by door.

use super::Strike;
use super::indicators::{Indicator, Indicators};
use super::inputs::{INPUT_EVENTS_MAX, InputEvent};
use super::pin::{Pin, PinError};
use super::spec::{Level, Output, Role};
use access::id::Key;
use tokio::sync::mpsc;

/// What a board has, held for as long as somebody has it.
#[derive(Debug)]
pub struct Lines {
    free: Vec<Free>,
    all: Outputs,
    /// What happens at the inputs of the whole board, beginning with each one's level at the start. It ends when there are
    /// none.
    pub inputs: mpsc::Receiver<InputEvent>,
    /// Inputs whose chip reports no edges, for people: they are read all the time, which costs a little and may miss a
    /// short press.
    pub without_edges: Vec<String>,
    sender: Option<mpsc::Sender<InputEvent>>,
}

/// An output that nobody has asked for yet.
#[derive(Debug)]
struct Free {
    role: Role,
    door: Option<Key>,
    pin: Pin,
    rest: Level,
}

/// The outputs of one door.
#[derive(Debug)]
pub struct DoorLines {
    /// Its lock, at rest.
    pub strike: Option<Strike>,
    /// Its lights and its buzzer, at rest.
    pub indicators: Indicators<Pin>,
}

impl Lines {
    /// Of a panel without a board.
    pub fn none() -> Lines {
        let (sender, inputs) = mpsc::channel(INPUT_EVENTS_MAX);
        Lines {
            free: Vec::new(),
            all: Outputs { pins: Vec::new() },
            inputs,
            without_edges: Vec::new(),
            sender: Some(sender),
        }
    }

    pub(super) fn add_output(&mut self, output: &Output, pin: Pin) {
        let Output { role, door, rest, .. } = output;
        self.all.pins.push((pin.share(), *rest));
        self.free.push(Free { role: *role, door: door.clone(), pin, rest: *rest });
    }

    pub(super) fn sender(&self) -> Option<mpsc::Sender<InputEvent>> {
        self.sender.clone()
    }

    /// From here on the inputs end when their sources do.
    pub(super) fn forget_sender(&mut self) {
        self.sender = None;
    }

    /// Hands over what the board has for `door`: what names it, and what names no door and is nobody's yet. Without a
    /// door: what names none, or the one door that the board names. What is handed over once is not here any more.
    pub fn door(&mut self, door: Option<&str>) -> DoorLines {
        let strike = self.take(Role::Strike, door).map(|free| Strike::new(free.pin, free.rest));
        let mut indicator = |role| self.take(role, door).map(|free| Indicator::new(free.pin, free.rest));
        let (green, red, buzzer) =
            (indicator(Role::GreenLed), indicator(Role::RedLed), indicator(Role::Buzzer));
        DoorLines { strike, indicators: Indicators::new(green, red, buzzer) }
    }

    /// With several doors nobody knows whose a strike is that names none: it stays at rest. Whether there is such a one.
    pub fn withhold_unnamed_strikes(&mut self) -> bool {
        let before = self.free.len();
        self.free.retain(|free| free.role != Role::Strike || free.door.is_some());
        self.free.len() < before
    }

    fn take(&mut self, role: Role, door: Option<&str>) -> Option<Free> {
        let of = |wanted: Option<&str>| {
            self.free
                .iter()
                .position(|free| free.role == role && free.door.as_ref().map(Key::as_str) == wanted)
        };
        let at = of(door).or_else(|| of(None)).or_else(|| match door {
            None => self.only_door().and_then(|only| of(Some(only))),
            Some(_) => None,
        });
        at.map(|at| self.free.swap_remove(at))
    }

    /// The door that all outputs which name one name.
    fn only_door(&self) -> Option<&str> {
        let mut doors = self.free.iter().filter_map(|free| free.door.as_ref().map(Key::as_str));
        let first = doors.next()?;
        doors.all(|door| door == first).then_some(first)
    }

    /// All outputs once more, to put them at rest when everybody else is done with them.
    pub fn outputs(&self) -> Outputs {
        self.all.share()
    }
}

/// All outputs of a board.
#[derive(Debug)]
pub struct Outputs {
    pins: Vec<(Pin, Level)>,
}

impl Outputs {
    /// Drives every output at rest; one that fails keeps none of the others from it.
    ///
    /// # Errors
    /// The first pin's.
    pub fn rest(&mut self) -> Result<(), PinError> {
        let set: Vec<_> = self.pins.iter_mut().map(|(pin, rest)| pin.set(*rest)).collect();
        set.into_iter().collect()
    }

    /// The same outputs once more.
    #[must_use]
    pub fn share(&self) -> Outputs {
        Outputs { pins: self.pins.iter().map(|(pin, rest)| (pin.share(), *rest)).collect() }
    }
}
