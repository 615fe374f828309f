//! Joins readers, mirror and outbox: makes a card known by a tap.
//!
//! Whoever asks for it names a user and a reader. The reader is armed with a deadline; the card is read, taken away and
//! read again; its token is written with its event in one transaction, and is in force here until the source settles it
//! or it expires.
//!
//! - `machine`: which tap is awaited
//! - `judging`: whether the card may be the user's
//! - `writing`: the token and its event
//! - `showing`: cards that go to the doors, and signals that come from them
//! - `asking`: who asks, and how the answers get back
//! - `following`: the token on its way into the PACS
//!
//! Not here: what a UID means (`access::uid`), doors.

pub mod asking;
pub mod following;
mod judging;
pub mod machine;
mod showing;
mod writing;

use super::door::{Card, Cue};
use super::lights::Lights;
use super::notices::Notices;
use super::orders::{self, Who};
use super::timekeeping::Timekeeper;
use crate::clock::{MonoMs, Wake};
use crate::mirror::overlay::enrolled;
use crate::mirror::touched::{Haste, Touched};
use crate::mirror::{Urgency, WriteError, Writer, audit, outbox};
use crate::reader::line::{Presentation, Reason};
use crate::reader::supervisor::{ReaderEvent, Readers, What};
use access::id::Key;
use access::time::UtcTime;
use access::trust::Trust;
use asking::{Ask, CardWish};
use contract::messages::{Event, ReaderState};
use following::Following;
use machine::{Act, Machine, Step};
use rusqlite::Connection;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use tokio::sync::{mpsc, watch};
use writing::{Drawn, write_down};

/// Identifier type where no PACS says which it wants.
const IDENTIFIER_TYPE: &str = "mifare";

/// The joint.
pub struct Enrolling {
    /// The readers.
    pub readers: Readers,
    /// What happens at them.
    pub events: mpsc::Receiver<ReaderEvent>,
    /// The board's lights and buzzers.
    pub lights: RefCell<Lights>,
    /// Where cards go that nobody wants to enroll.
    pub cards: mpsc::Sender<Card>,
    /// What the doors have to show.
    pub cues: mpsc::Receiver<Cue>,
    /// Readers on which a card lies.
    pub covered: RefCell<BTreeSet<String>>,
    /// What is asked for.
    pub asks: mpsc::Receiver<Ask>,
    /// To write.
    pub writer: Writer,
    /// To read; read-only.
    pub conn: Rc<Connection>,
    /// The time.
    pub time: Timekeeper,
    /// Whom to tell.
    pub notices: Notices,
    /// To see what becomes of a token; its planner says which type of identifier the PACS wants.
    pub following: Rc<Following>,
}

/// An enrollment under way at one reader.
struct Session {
    /// Tells it from an earlier one at the same reader.
    number: u64,
    machine: Machine,
    wish: CardWish,
    who: Who,
    /// Whom to report to; none when it was ordered by command.
    steps: Option<mpsc::Sender<Step>>,
}

impl Enrolling {
    /// Runs until `stop` says so, then ends the readers.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut sessions: BTreeMap<String, Session> = BTreeMap::new();
        let (left, mut leavers) = mpsc::channel::<u64>(asking::ASKS_MAX);
        let mut number = 0;
        self.say_readers();
        while !*stop.borrow() {
            let deadline = sessions.values().map(|session| session.machine.deadline()).min();
            let mono = deadline.into_iter().chain(self.play()).min();
            tokio::select! {
                Some(event) = self.events.recv() => self.happened(&mut sessions, event).await,
                Some(ask) = self.asks.recv() => match ask {
                    Ask::Enroll { wish, who, steps } => {
                        number += 1;
                        self.begin(&mut sessions, Session::new(number, wish, who, steps, self.time.mono()), &left).await;
                    }
                    Ask::Cancel { reader } => self.cancel(&mut sessions, |name, _| reader.as_deref().is_none_or(|one| one == name)).await,
                },
                Some(cue) = self.cues.recv() => self.cue(&cue),
                Some(gone) = leavers.recv() => self.cancel(&mut sessions, |_, session| session.number == gone).await,
                () = self.time.clock().wait(Wake { wall: None, mono }) => {}
                changed = stop.changed() => if changed.is_err() { break },
            }
            let now = self.time.mono();
            let late: Vec<String> = sessions
                .iter()
                .filter(|(_, session)| session.machine.deadline() <= now)
                .map(|(name, _)| name.clone())
                .collect();
            for name in late {
                if let Some(act) = sessions.get(&name).and_then(|session| session.machine.at(now)) {
                    self.act(&mut sessions, &name, act).await;
                }
            }
        }
        self.cancel(&mut sessions, |_, _| true).await;
        self.lights.borrow_mut().rest();
        self.readers.stop().await;
    }

    /// Arms the reader, if it and the user are fit for it.
    async fn begin(
        &self,
        sessions: &mut BTreeMap<String, Session>,
        mut session: Session,
        left: &mpsc::Sender<u64>,
    ) {
        let reader = match self.reader_for(session.wish.reader.as_deref(), sessions) {
            Ok(reader) => reader,
            Err(words) => return self.end(None, session, Step::Refused { words }).await,
        };
        match judging::user(&self.conn, &session.wish.user) {
            Ok(Ok(())) => {}
            Ok(Err(words)) => return self.end(None, session, Step::Refused { words }).await,
            Err(error) => {
                let words = format!("the mirror cannot be read: {error}; try `doorward verify`");
                return self.end(None, session, Step::Refused { words }).await;
            }
        }
        self.forget_expired().await;
        session.wish.reader = Some(reader.clone());
        if let Some(steps) = session.steps.clone() {
            let (left, number) = (left.clone(), session.number);
            tokio::task::spawn_local(async move {
                steps.closed().await;
                // Full only when many leave at once; then the deadline ends it.
                let _ = left.try_send(number);
            });
        }
        tracing::info!(reader, user = %session.wish.user, who = %session.who, "a card is awaited");
        let armed = Step::Armed { reader: reader.clone(), timeout_s: session.wish.timeout_s };
        let lies = self.covered.borrow().contains(&reader).then(|| session.machine.unread(Reason::Resting));
        sessions.insert(reader.clone(), session);
        for act in [Some(Act::Say(armed)), lies].into_iter().flatten() {
            self.act(sessions, &reader, act).await;
        }
    }

    /// What has expired holds no card any more.
    async fn forget_expired(&self) {
        let time = self.time.time();
        if time.trust == Trust::Trusted {
            let forgotten = self
                .writer
                .run(Urgency::Normal, move |context| enrolled::forget_expired(context.conn, time.now));
            if let Err(error) = forgotten.await {
                tracing::debug!(%error, "expired enrollments stay on the list");
            }
        }
    }

    /// The reader that is meant; one enrollment at a time.
    fn reader_for(
        &self,
        wanted: Option<&str>,
        sessions: &BTreeMap<String, Session>,
    ) -> Result<String, String> {
        let names: Vec<String> = self.readers.standing().into_iter().map(|one| one.reader).collect();
        let all = names.join(", ");
        let name = match (wanted, names.as_slice()) {
            (_, []) => {
                return Err("this panel has no reader: write a [[reader]] into its configuration".into());
            }
            (Some(wanted), _) if names.iter().any(|name| name == wanted) => wanted.to_owned(),
            (Some(wanted), _) => return Err(format!("there is no reader {wanted:?}; there are {all}")),
            (None, [one]) => one.clone(),
            (None, _) => return Err(format!("name the reader: there are {all}")),
        };
        if sessions.contains_key(&name) {
            return Err(format!("a card is awaited at {name} already; wait, or call that off"));
        }
        Ok(name)
    }

    async fn happened(&self, sessions: &mut BTreeMap<String, Session>, event: ReaderEvent) {
        if let What::Health(health) = &event.what {
            tracing::info!(
                reader = event.reader,
                state = health.state.as_str(),
                detail = health.detail,
                "reader"
            );
            self.say_readers();
        }
        self.cover(&event);
        let now = self.time.mono();
        let Some(session) = sessions.get_mut(&event.reader) else { return self.pass_on(event) };
        let act = match event.what {
            What::Presentation(card) => {
                let judged = judging::card(&self.conn, &card, &session.wish.user);
                let judged =
                    judged.unwrap_or_else(|error| Err(format!("the mirror cannot be read: {error}")));
                Some(session.machine.shown(&card, judged, now))
            }
            What::Removed => session.machine.removed(),
            What::Unreadable(unread) => Some(session.machine.unread(unread.reason)),
            What::Missed(_) => None,
            What::Health(health) => session.machine.health(health.state, &health.detail),
        };
        if let Some(act) = act {
            self.act(sessions, &event.reader, act).await;
        }
    }

    async fn act(&self, sessions: &mut BTreeMap<String, Session>, reader: &str, act: Act) {
        let Some(session) = sessions.get(reader) else { return };
        let step = match act {
            Act::Say(step) => step,
            Act::Enroll { card, confirmed } => self.enroll(session, *card, confirmed).await,
        };
        if step.frees_reader() {
            if let Some(session) = sessions.remove(reader) {
                self.end(Some(reader), session, step).await;
            }
            return;
        }
        self.show(reader, &step);
        if let Some(steps) = &session.steps {
            let _ = steps.try_send(step);
        }
    }

    /// Calls off those that `which` names.
    async fn cancel(&self, sessions: &mut BTreeMap<String, Session>, which: impl Fn(&str, &Session) -> bool) {
        let names: Vec<String> = sessions
            .iter()
            .filter(|(name, session)| which(name, session))
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            self.act(sessions, &name, Act::Say(Step::Cancelled)).await;
        }
    }

    /// The reader is free: that is shown, reported, and told to the source when it was the source that asked.
    async fn end(&self, reader: Option<&str>, session: Session, step: Step) {
        if let Some(reader) = reader {
            self.show(reader, &step);
        }
        let (done, words) = asking::summary(&step);
        tracing::info!(user = %session.wish.user, who = %session.who, words, "enrollment ended");
        if let Some(steps) = session.steps {
            self.follow(&step, steps.clone());
            let _ = steps.try_send(step);
        }
        let (who, order) = (session.who, session.wish.to_string());
        let noted = self.writer.run(Urgency::Normal, move |context| {
            let outcome = if done { words.clone() } else { format!("refused: {words}") };
            let entry = audit::Entry { at: context.now, who: who.to_string(), order: order.clone(), outcome };
            audit::note(context.conn, &entry)?;
            if let Who::Command { id } = &who {
                let event = Event::CommandResult { id: id.clone(), done, words: words.clone() };
                outbox::push(context.conn, context.now, &event)?;
            }
            Ok(())
        });
        if let Err(error) = noted.await {
            tracing::error!(%error, "what came of an enrollment is not noted");
        }
        self.notices.events();
    }

    /// Reports where the token stands in the PACS, once that is known; whoever asked for it waits.
    fn follow(&self, step: &Step, steps: mpsc::Sender<Step>) {
        let Step::Enrolled { user, token, .. } = step else { return };
        let (following, user, token) = (self.following.clone(), user.clone(), token.clone());
        tokio::task::spawn_local(async move {
            tokio::select! {
                step = following.follow(&user, &token) => drop(steps.try_send(step)),
                () = steps.closed() => {}
            }
        });
    }

    /// Writes the token and its event, if the card may still be enrolled; in force once it is on disk.
    async fn enroll(&self, session: &Session, card: Presentation, confirmed: bool) -> Step {
        let time = self.time.time();
        if time.trust != Trust::Trusted {
            // Its end could not be told.
            let words = "the clock is not trusted, so nobody could say when the enrollment ends: wait until it is set";
            return Step::Refused { words: words.into() };
        }
        let key = enrolled::draw_key(fastrand::u64(..));
        let expires = UtcTime::from_unix(time.now.unix() + enrolled::PENDING_MAX_S);
        let planner = self.following.planner.as_ref();
        let identifier = planner
            .map_or_else(|| IDENTIFIER_TYPE.into(), |planner| planner.settings.identifier_type.clone());
        let (wish, who) = (session.wish.clone(), session.who.clone());
        let written = self.writer.run(Urgency::Normal, move |context| {
            let warnings = match judging::at_the_end(context.conn, &card, &wish.user)? {
                Ok(warnings) => warnings,
                Err(words) => return Ok(Step::Refused { words }),
            };
            let drawn = Drawn { key: &key, expires, identifier: &identifier, confirmed, warnings };
            write_down(&context, &wish, &who, &card, drawn)
        });
        match written.await {
            Ok(step) => {
                if let Step::Enrolled { user, .. } = &step {
                    orders::tell(&self.notices, touched(user));
                    self.notices.events();
                }
                step
            }
            Err(error @ (WriteError::Full | WriteError::Sqlite(_) | WriteError::Stopped)) => {
                Step::Refused { words: error.to_string() }
            }
        }
    }

    fn show(&self, reader: &str, step: &Step) {
        if let Some(signal) = step.signal() {
            self.signal(reader, signal);
        }
    }

    /// How the readers are, for `state`.
    fn say_readers(&self) {
        let state = |one: crate::reader::supervisor::Standing| ReaderState {
            reader: one.reader,
            door: one.door,
            state: one.state.as_str().into(),
        };
        self.notices.readers(self.readers.standing().into_iter().map(state).collect());
    }
}

impl Session {
    fn new(number: u64, wish: CardWish, who: Who, steps: Option<mpsc::Sender<Step>>, now: MonoMs) -> Session {
        let deadline = now.after_ms(u64::from(wish.timeout_s) * 1000);
        Session { number, machine: Machine::new(wish.single, deadline), wish, who, steps }
    }
}

fn touched(user: &Key) -> Touched {
    let mut touched = Touched::nobody();
    touched.add(user.to_string(), Haste::InTurn);
    touched
}
