//! Lines that exist only in this process: a test or a demonstration watches the outputs and moves the inputs.

use super::inputs::InputEvent;
use super::pin::Pin;
use super::spec::{InputRole, Level, Role, Spec, Wiring};
use crate::clock::{Clock, MonoMs};
use access::id::Key;
use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// Most edges that are remembered; then the oldest are forgotten.
const EDGES_MAX: usize = 4_096;

/// A virtual output has moved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edge {
    /// What it moves.
    pub role: Role,
    /// Of which door.
    pub door: Option<Key>,
    /// To which level.
    pub level: Level,
    /// Whether that is its rest.
    pub is_rest: bool,
    /// When.
    pub mono: MonoMs,
}

/// Why an input was not moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotMoved {
    /// The board has no such virtual input.
    #[error("the board has no such virtual input")]
    Unknown,
    /// Nobody has taken the board's lines, or nobody handles what comes.
    #[error("nobody listens to the board's inputs")]
    Unheard,
}

/// A board's virtual lines. Its copies are the same lines.
#[derive(Clone, Debug)]
pub struct VirtualLines {
    state: Arc<Mutex<State>>,
}

struct State {
    outputs: Vec<VirtualOutput>,
    inputs: Vec<(InputRole, Option<Key>, bool)>,
    edges: VecDeque<Edge>,
    /// Where they leave a line each time they are driven.
    trace: Option<PathBuf>,
    /// None until the lines are taken.
    clock: Option<Arc<dyn Clock>>,
    sender: Option<mpsc::Sender<InputEvent>>,
    fails: bool,
}

struct VirtualOutput {
    role: Role,
    door: Option<Key>,
    rest: Level,
    /// Undriven until it is taken.
    level: Option<Level>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("inputs", &self.inputs)
            .field("edges", &self.edges)
            .finish_non_exhaustive()
    }
}

impl VirtualLines {
    pub(super) fn of(spec: &Spec) -> VirtualLines {
        // All outputs have a place, so that an output's number in the file is its number here.
        let outputs = spec.outputs.iter().map(|output| VirtualOutput {
            role: output.role,
            door: output.door.clone(),
            rest: output.rest,
            level: None,
        });
        let inputs = spec.inputs.iter().filter(|input| input.wiring == Wiring::Virtual);
        let state = State {
            outputs: outputs.collect(),
            inputs: inputs.map(|input| (input.role, input.door.clone(), false)).collect(),
            edges: VecDeque::new(),
            trace: spec.trace.clone(),
            clock: None,
            sender: None,
            fails: false,
        };
        VirtualLines { state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The output with this number in the file, driven at `level`.
    pub(super) fn output(&self, at: usize, level: Level) -> Pin {
        let pin = VirtualPin { lines: self.clone(), at };
        let _ = pin.set(level);
        Pin::Virtual(pin)
    }

    /// From here on there is a time, and somebody who listens; told the inputs' levels first.
    pub(super) fn start(&self, clock: Arc<dyn Clock>, sender: Option<mpsc::Sender<InputEvent>>) {
        let mut state = self.state();
        let mono = clock.mono();
        if let Some(sender) = &sender {
            for (role, door, is_active) in &state.inputs {
                let (role, door, is_active) = (*role, door.clone(), *is_active);
                // There is room: more events fit than a board has inputs.
                let _ = sender.try_send(InputEvent { role, door, is_active, is_initial: true, mono });
            }
        }
        state.sender = sender.filter(|_| !state.inputs.is_empty());
        state.clock = Some(clock);
    }

    /// Each driven output with its present level.
    pub fn levels(&self) -> Vec<(Role, Option<Key>, Level)> {
        let state = self.state();
        let driven =
            |output: &VirtualOutput| output.level.map(|level| (output.role, output.door.clone(), level));
        state.outputs.iter().filter_map(driven).collect()
    }

    /// Whether every driven output is at rest.
    pub fn are_at_rest(&self) -> bool {
        self.state().outputs.iter().all(|output| output.level.is_none_or(|level| level == output.rest))
    }

    /// What the outputs have done since the lines were taken, oldest first; being driven at rest at the start is no edge.
    pub fn edges(&self) -> Vec<Edge> {
        self.state().edges.iter().cloned().collect()
    }

    /// From now on no output can be set, as those of a chip that does not answer; or all can again.
    pub fn fail(&self, fails: bool) {
        self.state().fails = fails;
    }

    /// Moves an input, and tells whoever listens if that is a change.
    ///
    /// # Errors
    /// When there is no such input, or nobody who listens.
    pub fn set_input(&self, role: InputRole, door: Option<&str>, is_active: bool) -> Result<(), NotMoved> {
        let mut state = self.state();
        let wanted = |input: &&mut (InputRole, Option<Key>, bool)| {
            input.0 == role && input.1.as_ref().map(Key::as_str) == door
        };
        let input = state.inputs.iter_mut().find(wanted).ok_or(NotMoved::Unknown)?;
        if std::mem::replace(&mut input.2, is_active) == is_active {
            return Ok(());
        }
        let door = input.1.clone();
        let (Some(clock), Some(sender)) = (&state.clock, &state.sender) else {
            return Err(NotMoved::Unheard);
        };
        let event = InputEvent { role, door, is_active, is_initial: false, mono: clock.mono() };
        sender.try_send(event).map_err(|_| NotMoved::Unheard)
    }
}

/// One write a line, so that a process that dies leaves whole ones.
fn leave(trace: Option<&Path>, role: Role, is_rest: bool) {
    let Some(path) = trace else { return };
    let line = format!("{} {}\n", role.as_str(), if is_rest { "rests" } else { "moves" });
    let file = OpenOptions::new().create(true).append(true).open(path);
    if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
        tracing::warn!(path = %path.display(), %error, "no trace of a virtual output");
    }
}

/// A virtual output.
#[derive(Clone, Debug)]
pub struct VirtualPin {
    lines: VirtualLines,
    at: usize,
}

impl VirtualPin {
    /// Whether it could be set.
    pub(super) fn set(&self, level: Level) -> bool {
        let mut state = self.lines.state();
        if state.fails {
            return false;
        }
        let mono = state.clock.as_ref().map(|clock| clock.mono());
        let Some(output) = state.outputs.get_mut(self.at) else { return true };
        if output.level.replace(level) == Some(level) {
            return true;
        }
        let (role, door, is_rest) = (output.role, output.door.clone(), level == output.rest);
        leave(state.trace.as_deref(), role, is_rest);
        // Being driven at rest by whoever takes the lines is no edge.
        let Some(mono) = mono else { return true };
        let edge = Edge { role, door, level, is_rest, mono };
        if state.edges.len() >= EDGES_MAX {
            state.edges.pop_front();
        }
        state.edges.push_back(edge);
        true
    }
}
