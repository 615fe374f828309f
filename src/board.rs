//! The board: which outputs and inputs this panel has, as one TOML file; how the outputs rest, and who may move them.
//!
//! [`Board::load`] reads the file and touches nothing. [`Board::take_at_rest`] takes every line, outputs at rest in the
//! same request, and gives [`Lines`].
//!
//! - [`spec`]: the file
//! - [`inspection`]: the file against the chips
//! - [`gpio`]: the chips of this machine, and where in them a line is
//! - [`lines`]: what is taken, handed out door by door
//! - [`strike`], [`indicators`]: the lock; lights and buzzer
//! - [`inputs`]: edges of real inputs, from a thread of their own
//! - [`debounce`]: for chips that report no edges
//! - [`virtual_lines`]: lines that exist only in this process, to be watched and driven by tests and demonstrations
//!
//! Not here: how long a strike is held, and what an input means for a door (the door's joint).

pub mod debounce;
pub mod gpio;
pub mod indicators;
pub mod inputs;
pub mod inspection;
pub mod lines;
mod pin;
pub mod spec;
pub mod strike;
pub mod virtual_lines;

use crate::clock::Clock;
use crate::config::ConfigError;
use gpio::{Chip, Request};
use inputs::Watched;
pub use lines::{DoorLines, Lines, Outputs};
pub use pin::{Pin, PinError};
pub use spec::{InputRole, Level, Role};
use spec::{Spec, Wiring};
use std::path::Path;
use std::sync::Arc;
use strike::Strike;
use virtual_lines::VirtualLines;

/// Why a board cannot be used: its file, the key there, what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
#[error("board {0}")]
pub struct BoardError(pub ConfigError);

/// A panel's outputs and inputs, as its file has them.
#[derive(Clone, Debug)]
pub struct Board {
    spec: Spec,
    virtual_lines: VirtualLines,
}

impl Board {
    /// Reads the board file at `path`; takes nothing.
    ///
    /// # Errors
    /// When it is not a board.
    pub fn load(path: &Path) -> Result<Board, BoardError> {
        let spec = Spec::load(path).map_err(BoardError)?;
        let virtual_lines = VirtualLines::of(&spec);
        Ok(Board { spec, virtual_lines })
    }

    /// The board's name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// What it is, for people.
    pub fn description(&self) -> &str {
        &self.spec.description
    }

    /// What the file says.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The board's virtual lines, to watch the outputs and to move the inputs.
    pub fn virtual_lines(&self) -> VirtualLines {
        self.virtual_lines.clone()
    }

    /// Takes every line. Each output is driven at rest by the request that takes it, strikes first; one that cannot be
    /// taken keeps none of the others from resting.
    ///
    /// # Errors
    /// The first line that cannot be taken; all are free again then.
    pub fn take_at_rest(&self, clock: &Arc<dyn Clock>) -> Result<Lines, BoardError> {
        let chips = self.chips();
        let mut first = None;
        let mut lines = Lines::none();
        let mut keep = |error| _ = first.get_or_insert(error);
        let mut order: Vec<usize> = (0..self.spec.outputs.len()).collect();
        order.sort_by_key(|at| self.spec.outputs[*at].role != Role::Strike);
        for at in order {
            match self.take_pin(at, &chips) {
                Ok(pin) => lines.add_output(&self.spec.outputs[at], pin),
                Err(error) => keep(error),
            }
        }
        let mut watched = Vec::new();
        for (at, input) in self.spec.inputs.iter().enumerate() {
            let Wiring::Gpio(place) = &input.wiring else { continue };
            match gpio::take_input(input, place, &chips) {
                Ok(taken) => {
                    if !taken.has_edges {
                        lines.without_edges.push(format!("{input} at {place}"));
                    }
                    watched.push(Watched::new(input, taken));
                }
                Err(flaw) => keep(self.spec.complain(&format!("inputs[{at}]"), flaw)),
            }
        }
        if let Some(error) = first {
            return Err(BoardError(error));
        }
        self.virtual_lines.start(clock.clone(), lines.sender());
        inputs::start(watched, lines.sender(), clock.clone()).map_err(|error| {
            let flaw = gpio::Flaw::new("", format!("no thread for the inputs: {error}"), "free some memory");
            BoardError(self.spec.complain("inputs", flaw))
        })?;
        lines.forget_sender();
        Ok(lines)
    }

    /// Takes the outputs alone, at rest; the inputs stay free.
    ///
    /// # Errors
    /// The first line that cannot be taken; the others rest all the same.
    pub fn take_outputs(&self, clock: &Arc<dyn Clock>) -> Result<Lines, BoardError> {
        let spec = Spec { inputs: Vec::new(), ..self.spec.clone() };
        Board { spec, ..self.clone() }.take_at_rest(clock)
    }

    /// Takes the inputs alone; the outputs stay as they are.
    ///
    /// # Errors
    /// The first line that cannot be taken.
    pub fn take_inputs(&self, clock: &Arc<dyn Clock>) -> Result<Lines, BoardError> {
        let spec = Spec { outputs: Vec::new(), ..self.spec.clone() };
        Board { spec, ..self.clone() }.take_at_rest(clock)
    }

    /// Takes the one output with this number in the file, at rest.
    ///
    /// # Errors
    /// When it cannot be taken.
    pub fn take_output(&self, at: usize) -> Result<Pin, BoardError> {
        self.take_pin(at, &self.chips()).map_err(BoardError)
    }

    /// The chips of this machine, if this board needs any.
    pub fn chips(&self) -> Vec<Chip> {
        if self.spec.wirings().any(|wiring| matches!(wiring, Wiring::Gpio(_))) {
            gpio::chips()
        } else {
            Vec::new()
        }
    }

    fn take_pin(&self, at: usize, chips: &[Chip]) -> Result<Pin, ConfigError> {
        let output = &self.spec.outputs[at];
        match &output.wiring {
            Wiring::Virtual => Ok(self.virtual_lines.output(at, output.rest)),
            Wiring::Gpio(place) => {
                let taken: Request = gpio::take_output(output, place, chips)
                    .map_err(|flaw| self.spec.complain(&format!("outputs[{at}]"), flaw))?;
                Ok(Pin::gpio(taken, output.to_string()))
            }
        }
    }
}

#[cfg(test)]
mod tests;
