//! Edges of real inputs, from a thread of their own.
//!
//! The kernel debounces and reports edges; a chip without an interrupt is looked at every few milliseconds and debounced
//! here. After each edge the level itself is read, so that edges which the kernel had no room for are not missed.
//!
//! Not here: what an input means for a door.

use super::debounce::Debounce;
use super::gpio::{Request, TakenInput};
use super::spec::{Input, InputRole};
use crate::clock::{Clock, MonoMs};
use access::id::Key;
use gpiocdev::line::{EdgeKind, Value};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Most events that wait for whoever handles them; then the kernel keeps what comes, and the levels at the end.
pub const INPUT_EVENTS_MAX: usize = 256;
/// How often a line without edges is looked at.
const LOOK_EVERY_MS: u32 = 5;
/// How often somebody has to be there still, and lines that have failed are tried again.
const IDLE_MS: u32 = 1_000;

/// An input has changed, or is told of for the first time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InputEvent {
    /// What it tells.
    pub role: InputRole,
    /// Of which door; none for the panel's only one.
    pub door: Option<Key>,
    /// Whether that is so: somebody asks to leave, the door stands open.
    pub is_active: bool,
    /// It is the level at the start: nothing has happened.
    pub is_initial: bool,
    /// When it was seen.
    pub mono: MonoMs,
}

/// A real input under watch.
#[derive(Debug)]
pub(super) struct Watched {
    role: InputRole,
    door: Option<Key>,
    line: Request,
    /// For a line without edges.
    looked_at: Option<Debounce>,
    debounce_ms: u32,
    /// As it was last told.
    told: Option<bool>,
    has_failed: bool,
}

/// Nobody listens any more.
struct Gone;

impl Watched {
    pub(super) fn new(input: &Input, taken: TakenInput) -> Watched {
        let TakenInput { request, has_edges } = taken;
        let looked_at = (!has_edges).then(|| Debounce::new(false, input.debounce_ms));
        Watched {
            role: input.role,
            door: input.door.clone(),
            line: request,
            looked_at,
            debounce_ms: input.debounce_ms,
            told: None,
            has_failed: false,
        }
    }

    fn level(&self) -> gpiocdev::Result<bool> {
        Ok(self.line.lone_value()? == Value::Active)
    }

    /// Takes what has come, and tells it; a failure of the line is logged once, until it works again.
    fn look(&mut self, is_ready: bool, out: &Out) -> Result<(), Gone> {
        let mut seen = Vec::new();
        match self.read(is_ready, out.clock.mono(), &mut seen) {
            Ok(()) if self.has_failed => {
                self.has_failed = false;
                tracing::info!(
                    role = self.role.as_str(),
                    door = self.door.as_ref().map(display),
                    "an input can be read again"
                );
            }
            Ok(()) => {}
            Err(error) if !self.has_failed => {
                self.has_failed = true;
                tracing::error!(role = self.role.as_str(), door = self.door.as_ref().map(display), %error, "an input cannot be read");
            }
            Err(_) => {}
        }
        seen.into_iter().try_for_each(|is_active| self.tell(is_active, out))
    }

    fn read(&mut self, is_ready: bool, now: MonoMs, seen: &mut Vec<bool>) -> gpiocdev::Result<()> {
        if self.looked_at.is_none() && is_ready {
            for _ in 0..INPUT_EVENTS_MAX {
                if !self.line.has_edge_event()? {
                    break;
                }
                seen.push(self.line.read_edge_event()?.kind == EdgeKind::Rising);
            }
        }
        let level = self.level()?;
        match &mut self.looked_at {
            Some(debounce) if self.told.is_some() => seen.extend(debounce.look(level, now)),
            Some(debounce) => {
                *debounce = Debounce::new(level, self.debounce_ms);
                seen.push(level);
            }
            None => seen.push(level),
        }
        Ok(())
    }

    fn tell(&mut self, is_active: bool, out: &Out) -> Result<(), Gone> {
        if self.told == Some(is_active) {
            return Ok(());
        }
        let is_initial = self.told.replace(is_active).is_none();
        let (role, door, mono) = (self.role, self.door.clone(), out.clock.mono());
        let event = InputEvent { role, door, is_active, is_initial, mono };
        out.sender.blocking_send(event).map_err(|_| Gone)
    }
}

struct Out {
    sender: mpsc::Sender<InputEvent>,
    clock: Arc<dyn Clock>,
}

/// Watches `inputs` until nobody listens any more.
pub(super) fn start(
    mut inputs: Vec<Watched>,
    sender: Option<mpsc::Sender<InputEvent>>,
    clock: Arc<dyn Clock>,
) -> std::io::Result<()> {
    // Of what one wake brings, who asks to leave comes before the door that opens for it.
    inputs.sort_by_key(|input| input.role != InputRole::Rex);
    let Some(sender) = sender.filter(|_| !inputs.is_empty()) else { return Ok(()) };
    let out = Out { sender, clock };
    std::thread::Builder::new().name("inputs".into()).spawn(move || watch(inputs, &out)).map(|_| ())
}

fn watch(mut inputs: Vec<Watched>, out: &Out) {
    let every_ms = if inputs.iter().any(|input| input.looked_at.is_some()) { LOOK_EVERY_MS } else { IDLE_MS };
    let mut ready = vec![false; inputs.len()];
    let mut last = None;
    while !out.sender.is_closed() {
        // What failed is tried again now and then, not at once.
        let idle = last.is_none_or(|last: MonoMs| out.clock.mono() >= last.after_ms(IDLE_MS.into()));
        if idle {
            last = Some(out.clock.mono());
        }
        for (input, is_ready) in inputs.iter_mut().zip(&ready) {
            let is_due = *is_ready || idle || (input.looked_at.is_some() && !input.has_failed);
            if is_due && input.look(*is_ready, out).is_err() {
                return;
            }
        }
        wait(&inputs, every_ms, &mut ready);
    }
}

/// Until an edge comes, or `every_ms` have passed.
fn wait(inputs: &[Watched], every_ms: u32, ready: &mut [bool]) {
    ready.fill(false);
    let waits = |input: &&Watched| input.looked_at.is_none() && !input.has_failed;
    let mut fds: Vec<PollFd<'_>> =
        inputs.iter().filter(waits).map(|input| PollFd::new(&input.line, PollFlags::IN)).collect();
    let timeout = Timespec::try_from(Duration::from_millis(every_ms.into())).ok();
    // Interrupted, or out of memory: then the levels are read at the next look.
    let _ = poll(&mut fds, timeout.as_ref());
    let answered = fds.iter().map(|fd| !fd.revents().is_empty());
    for ((_, ready), is_ready) in inputs.iter().zip(ready).filter(|(input, _)| waits(input)).zip(answered) {
        *ready = is_ready;
    }
}
