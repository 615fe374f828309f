//! What a door's machine wants, done: the strike, the event, the light.
//!
//! Not here: what it wants (`machine`).

use super::machine::{Do, Trouble};
use super::{Cue, Run, Running};
use crate::failpoint;
use crate::mirror::door_orders;
use access::id::Key;
use access::signal::Signal;
use contract::at_door::AtDoor;
use contract::messages::{DoorState, Event};

impl Run {
    pub(super) async fn act(&mut self, key: &Key, todo: Vec<Do>) {
        for one in todo {
            let door = key.clone();
            let is_told =
                matches!(one, Do::TellRex | Do::TellForced | Do::TellHeldOpen { .. } | Do::TellClosed);
            if is_told && !self.may_tell(key) {
                continue;
            }
            match one {
                Do::Hold { until } => {
                    let held = self.strikes.hold(key, until).await;
                    failpoint::pass("door.energised");
                    self.moved(key, held).await;
                }
                Do::Rest => {
                    let rested = self.strikes.rest(key).await;
                    self.moved(key, rested).await;
                }
                Do::TellRex => self.tell(AtDoor::RequestToExit { door }).await,
                Do::TellForced => self.tell(AtDoor::Forced { door }).await,
                Do::TellHeldOpen { open_s } => self.tell(AtDoor::HeldOpen { door, open_s }).await,
                Do::TellClosed => self.tell(AtDoor::Closed { door }).await,
                Do::Show(signal) => self.cue(key, None, signal),
            }
        }
    }

    /// Whether what an input tells is worth an event still; what is not is counted in the log.
    fn may_tell(&mut self, key: &Key) -> bool {
        let now = self.time.mono();
        let told = self.doors.get_mut(key).and_then(|door| door.chatter.tell(now));
        if let Some(untold @ 1..) = told {
            tracing::warn!(door = %key, untold, "an input chatters: so many events of this door were not told");
        }
        told.is_some()
    }

    pub(super) async fn moved(&mut self, key: &Key, moved: Result<(), String>) {
        if let Err(words) = moved {
            tracing::error!(door = %key, words, "the strike does not do as it is told");
            self.cue(key, None, Signal::Error);
            self.tell(AtDoor::StrikeFailed { door: key.clone(), words }).await;
        }
    }

    pub(super) async fn tell(&mut self, what: AtDoor) {
        tracing::info!(?what, "door");
        self.unwritten.keep(self.time.time().now, Event::Door(what));
        self.write_what_waits().await;
    }

    pub(super) fn cue(&self, door: &Key, reader: Option<String>, signal: Signal) {
        // Full, the ones before are still to be shown.
        let _ = self.cues.try_send(Cue { door: door.clone(), reader, signal });
    }

    /// How the doors are, for `state`.
    pub(super) fn say_states(&self) {
        let now = self.time.mono();
        let state = |(key, door): (&Key, &Running)| {
            let word = match door.machine.trouble() {
                Trouble::Forced => "forced",
                Trouble::HeldOpen => "held_open",
                Trouble::None if door.machine.is_open_to_all(now) => "unlocked",
                Trouble::None => "locked",
            };
            DoorState { door: key.to_string(), state: word.into() }
        };
        let is_shut = door_orders::lockdown(&self.conn).is_ok_and(|shut| shut.is_some());
        self.notices.door_states(self.doors.iter().map(state).collect(), is_shut);
    }
}
