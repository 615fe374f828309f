//! Joins readers, mirror, outbox and board: a card is shown, decided, written down, and only then the strike moves.
//!
//! A door is run for what its record says: where the panel controls it, it moves the strike; where the PACS does, it shows
//! and tells what it makes of a card, and leaves the strike alone.
//!
//! - `passing`: one card, decided and written down in one transaction; `moment`: by what beside the mirror
//! - `standing`: what was ordered, and whose the doors are
//! - `machine`: what a door does next; `acting`: doing it
//! - [`canary`]: whether any card could be decided
//! - `strikes`: the thread that holds strikes, and lets go of them in time
//! - `full_disk`: when it takes nothing; `unwritten`: what waits for room; `chatter`: inputs that tell too much
//!
//! Not here: the rules of access, and cards that are to be enrolled (`enrolling`).

mod acting;
pub mod canary;
mod chatter;
mod full_disk;
mod machine;
mod moment;
mod passing;
mod standing;
mod strikes;
mod unwritten;

use super::notices::Notices;
use super::timekeeping::Timekeeper;
use crate::board::InputRole;
use crate::board::inputs::InputEvent;
use crate::board::strike::Strike;
use crate::clock::{Clock, MonoMs, Wake};
use crate::config::DoorConfig;
use crate::failpoint;
use crate::mirror::writer::Context;
use crate::mirror::{Urgency, WriteError, Writer};
use access::id::Key;
use access::leash::Leashes;
use access::signal::Signal;
use access::time::UtcTime;
use access::token::Identifier;
use access::trust::Reading;
use canary::Canary;
use chatter::Chatter;
use machine::{Happening, Machine};
use passing::{Passage, Shown};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use strikes::Strikes;
use tokio::sync::{mpsc, watch};
use unwritten::Unwritten;

/// Cards that wait to be decided: nobody stands there any longer then.
pub const CARDS_MAX: usize = 32;
/// Signals that wait to be shown.
pub const CUES_MAX: usize = 32;
/// After so long a card that may pass opens nothing any more.
const LATE_MAX_MS: u64 = 10_000;
/// Tokens of which it is remembered when they passed; the oldest is forgotten.
const PASSED_MAX: usize = 4_096;

/// A card was shown at a reader beside a door.
#[derive(Clone, Debug)]
pub struct Card {
    /// The door.
    pub door: Key,
    /// The reader's name.
    pub reader: String,
    /// What it has read.
    pub identifier: Identifier,
    /// When.
    pub seen: MonoMs,
}

/// Something to show.
#[derive(Clone, Debug)]
pub struct Cue {
    /// Beside this door.
    pub door: Key,
    /// On this reader; on all of the door's if absent.
    pub reader: Option<String>,
    /// What.
    pub signal: Signal,
}

/// The joint.
pub struct Doors {
    /// The panel's doors.
    pub doors: BTreeMap<Key, DoorConfig>,
    /// What their strikes are.
    pub strikes: BTreeMap<Key, Strike>,
    /// Cards that are shown.
    pub cards: mpsc::Receiver<Card>,
    /// What happens at the inputs.
    pub inputs: mpsc::Receiver<InputEvent>,
    /// Whether any card could be decided.
    pub canaries: mpsc::Receiver<Canary>,
    /// What is to be shown.
    pub cues: mpsc::Sender<Cue>,
    /// To write.
    pub writer: Writer,
    /// To read; read-only.
    pub conn: Rc<Connection>,
    /// The time.
    pub time: Timekeeper,
    /// Whom to tell.
    pub notices: Notices,
    /// This gateway, as a door's record names it.
    pub gateway: Key,
    /// How long rights live without news.
    pub leashes: Leashes,
}

/// One door, running.
struct Running {
    config: DoorConfig,
    machine: Machine,
    chatter: Chatter,
    has_strike: bool,
    /// When each token passed.
    passed: BTreeMap<Key, MonoMs>,
}

/// The doors, running.
struct Run {
    doors: BTreeMap<Key, Running>,
    strikes: Strikes,
    cues: mpsc::Sender<Cue>,
    writer: Writer,
    conn: Rc<Connection>,
    time: Timekeeper,
    notices: Notices,
    gateway: Key,
    leashes: Leashes,
    unwritten: Unwritten,
    /// The panel is in lockdown, as far as its doors know.
    is_shut: bool,
    /// When the first of the doors that are open to everyone is not any more.
    open_until: Option<UtcTime>,
    /// The clocks when that was looked at.
    seen: Reading,
}

impl Doors {
    /// Starts the thread that holds strikes, and runs the doors until `stop` says so.
    ///
    /// # Errors
    /// When the system has no thread.
    pub fn start(
        self,
        clock: Arc<dyn Clock>,
        stop: watch::Receiver<bool>,
    ) -> std::io::Result<(impl Future<Output = ()>, JoinHandle<()>)> {
        let Doors {
            doors,
            strikes,
            cards,
            inputs,
            canaries,
            cues,
            writer,
            conn,
            time,
            notices,
            gateway,
            leashes,
        } = self;
        let now = time.mono();
        let running = |(key, config): (Key, DoorConfig)| {
            let (machine, has_strike) = (Machine::new(&config), strikes.contains_key(&key));
            let chatter = Chatter::new(now);
            (key, Running { config, machine, chatter, has_strike, passed: BTreeMap::new() })
        };
        let doors = doors.into_iter().map(running).collect();
        let (strikes, thread) = Strikes::start(strikes, clock)?;
        let seen = time.clock().reading();
        let unwritten = Unwritten::default();
        let run = Run {
            doors,
            strikes,
            cues,
            writer,
            conn,
            time,
            notices,
            gateway,
            leashes,
            unwritten,
            is_shut: false,
            open_until: None,
            seen,
        };
        Ok((run.run(cards, inputs, canaries, stop), thread))
    }
}

impl Run {
    async fn run(
        mut self,
        mut cards: mpsc::Receiver<Card>,
        mut inputs: mpsc::Receiver<InputEvent>,
        mut canaries: mpsc::Receiver<Canary>,
        mut stop: watch::Receiver<bool>,
    ) {
        let (mut level, mut trust) = (self.notices.watch(), self.time.trust());
        let (mut has_inputs, mut root) = (true, level.borrow().standing.root);
        self.follow_orders().await;
        while !*stop.borrow() {
            let mono = self.doors.values().filter_map(|door| door.machine.next());
            let mono = mono.chain(self.unwritten.due()).min();
            // The wall clock may be moved meanwhile.
            let wall = self.open_until;
            tokio::select! {
                Some(card) = cards.recv() => self.shown(card).await,
                event = inputs.recv(), if has_inputs => match event {
                    Some(event) => self.input(event).await,
                    None => has_inputs = false,
                },
                Some(answer) = canaries.recv() => self.ask_canary(answer),
                () = self.notices.doors_ordered() => self.follow_orders().await,
                // A record of a door may say otherwise now.
                changed = level.changed() => match changed {
                    Ok(()) => {
                        let now = *level.borrow_and_update();
                        if now.standing.root != root {
                            root = now.standing.root;
                            self.follow_orders().await;
                        }
                        if !now.disk_full {
                            self.write_what_waits().await;
                        }
                    }
                    Err(_) => break,
                },
                changed = trust.changed() => match changed {
                    Ok(()) => { trust.borrow_and_update(); self.follow_orders().await; }
                    Err(_) => break,
                },
                () = self.time.clock().wait_since(self.seen, Wake { wall, mono }), if wall.is_some() || mono.is_some() => self.look().await,
                changed = stop.changed() => if changed.is_err() { break },
            }
            self.say_states();
        }
        for door in self.doors.keys() {
            if let Err(error) = self.strikes.rest(door).await {
                tracing::error!(%door, error, "a strike may not be at rest");
            }
        }
    }

    /// A card: decided and written down, then the strike, then the light.
    async fn shown(&mut self, card: Card) {
        let Some(door) = self.doors.get(&card.door) else { return };
        let when_full = door.config.when_disk_full;
        let shown =
            Shown { door: card.door.clone(), reader: card.reader.clone(), identifier: card.identifier };
        let moment = self.moment(door);
        self.unwritten.tried(self.time.mono());
        let unwritten = self.unwritten.all();
        let (asked, by) = (shown.clone(), moment.clone());
        let work = move |context: Context<'_>| passing::pass(&context, &asked, &by, &unwritten);
        let passage = match self.writer.run(Urgency::Normal, work).await {
            Ok(Some(passage)) => {
                self.unwritten.clear();
                self.notices.events();
                Some(passage)
            }
            Ok(None) | Err(WriteError::Full) => self.without_room(&shown, &moment, when_full),
            Err(error @ (WriteError::Sqlite(_) | WriteError::Stopped)) => {
                tracing::error!(%error, "what a card may cannot be decided: nothing is granted");
                None
            }
        };
        failpoint::pass("door.committed");
        let Some(passage) = passage else {
            return self.cue(&card.door, Some(card.reader), Signal::Error);
        };
        tracing::info!(door = %card.door, reader = card.reader, decision = %passage.decision, "card");
        if passage.is_granted() && passage.controls && is_late(card.seen, self.time.mono()) {
            return self
                .moved(&card.door, Err("the disk took too long: nobody may stand there any more".into()))
                .await;
        }
        self.follow(&card.door, &passage).await;
        self.cue(
            &card.door,
            Some(card.reader),
            if passage.is_granted() { Signal::Good } else { Signal::Bad },
        );
    }

    /// What is on disk is done.
    async fn follow(&mut self, key: &Key, passage: &Passage) {
        let now = self.time.mono();
        let Some(door) = self.doors.get_mut(key) else { return };
        let mut todo = door.machine.controls(passage.controls);
        if passage.is_granted() {
            if door.config.passback_s > 0
                && let Some(token) = &passage.token
            {
                remember(&mut door.passed, token.clone(), now);
            }
            todo.extend(door.machine.happen(Happening::Granted, now));
        }
        self.act(key, todo).await;
    }

    async fn input(&mut self, event: InputEvent) {
        let Some(key) = self.door_of(event.door.as_ref()) else {
            tracing::warn!(
                role = event.role.as_str(),
                door = event.door.as_ref().map(display),
                "an input is of no door of this panel: give its `door` in the board's file"
            );
            return;
        };
        let happening = match event.role {
            InputRole::Rex if event.is_initial && !event.is_active => return,
            InputRole::Rex => Happening::Rex { is_active: event.is_active },
            InputRole::DoorContact => {
                Happening::Contact { is_open: event.is_active, is_initial: event.is_initial }
            }
        };
        // It happened when it was seen, however late it is looked at: a second may be the difference to a break-in.
        self.happen(&key, happening, event.mono).await;
    }

    /// The door that an input belongs to: the panel's only one where it names none.
    fn door_of(&self, named: Option<&Key>) -> Option<Key> {
        match named {
            Some(key) => self.doors.contains_key(key).then(|| key.clone()),
            None if self.doors.len() == 1 => self.doors.keys().next().cloned(),
            None => None,
        }
    }

    async fn happen(&mut self, key: &Key, what: Happening, now: MonoMs) {
        let Some(door) = self.doors.get_mut(key) else { return };
        let todo = door.machine.happen(what, now);
        self.act(key, todo).await;
    }

    async fn look(&mut self) {
        let now = self.time.mono();
        for key in self.doors.keys().cloned().collect::<Vec<_>>() {
            let Some(door) = self.doors.get_mut(&key) else { continue };
            let todo = door.machine.at(now);
            self.act(&key, todo).await;
        }
        if self.unwritten.due().is_some_and(|due| due <= now) {
            self.write_what_waits().await;
        }
        self.follow_orders().await;
    }
}

/// Whether somebody else may stand at the door by now.
fn is_late(seen: MonoMs, now: MonoMs) -> bool {
    now.0.saturating_sub(seen.0) > LATE_MAX_MS
}

fn remember(passed: &mut BTreeMap<Key, MonoMs>, token: Key, now: MonoMs) {
    passed.insert(token, now);
    if passed.len() > PASSED_MAX
        && let Some(oldest) = passed.iter().min_by_key(|(_, at)| **at).map(|(token, _)| token.clone())
    {
        passed.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_too_late_when_nobody_may_stand_there_any_more() {
        let table = [(0, 0, false), (5, 5 + LATE_MAX_MS, false), (5, 6 + LATE_MAX_MS, true), (9, 5, false)];
        for (seen, now, late) in table {
            assert_eq!(is_late(MonoMs(seen), MonoMs(now)), late, "{seen} {now}");
        }
    }
}
