//! Joins the siblings of floor 2, and runs them together on one thread beside the mirror's writer.
//!
//! - [`sync`]: feed and mirror
//! - [`exporting`], [`importing`], [`drifting`], [`agenda`]: mirror and PACS
//! - [`handing_over`]: the export's ledger and the feed
//! - [`enrolling`]: readers, mirror and outbox
//! - [`door`]: readers, mirror, outbox and board; [`lights`]: what is shown; [`circumstances`]: what a decision rests on
//!   beside the records
//! - `allotting`: which of the board's lines are which door's
//! - [`answering`]: who may pass, and why, from the mirror alone
//! - [`outbox`], [`reporting`]: mirror and feed, outward
//! - [`control`]: the daemon's sockets, for people and scripts on the panel
//! - [`orders`]: what they, and commands of the source, may order
//! - [`status`], [`planning`]: what there is to see, with the daemon running or stopped
//! - [`doctoring`]: what is wrong with all that it rests on, with the daemon running or stopped
//! - [`backing_up`], [`restoring`]: a copy of the mirror and what else another panel needs, and that panel
//! - [`scrubbing`]: the mirror with itself
//! - [`timekeeping`]: one reading of time for all; [`clocks`]: how the clock stands
//! - [`notices`]: what one joint tells another
//! - [`setup`]: opens everything that `check` looks at and `run` uses
//! - [`supervising`]: what systemd is told
//! - [`lock`]: one daemon a state directory
//!
//! Not here: signals, the command line, the log (floor 4).

mod agenda;
mod allotting;
pub mod answering;
pub mod backing_up;
pub mod circumstances;
pub mod clocks;
pub mod control;
pub mod doctoring;
pub mod door;
pub mod drifting;
pub mod enrolling;
pub mod exporting;
pub mod handing_over;
pub mod importing;
pub mod lights;
pub mod lock;
pub mod notices;
pub mod orders;
pub mod outbox;
pub mod owner;
pub mod planning;
pub mod reporting;
pub mod restoring;
pub mod scrubbing;
pub mod setup;
pub mod status;
pub mod supervising;
pub mod sync;
pub mod timekeeping;

use crate::board::Lines;
use crate::board::inputs::InputEvent;
use crate::board::strike::Strike;
use crate::clock::Clock;
use crate::feed::Feed;
use crate::mirror::{Writer, apply, standing};
use crate::reader::supervisor::Readers;
use access::id::Key;
use access::time::UtcTime;
use allotting::{AtDoors, at_doors};
use contract::hand_over::LedgerMessage;
use contract::id::GatewayId;
use door::canary::Canary;
use door::{Card, Cue, Doors};
use drifting::Drifting;
use enrolling::Enrolling;
use enrolling::asking::Ask;
use enrolling::following::Following;
use exporting::{Exporting, USERS_PER_REQUEST};
use handing_over::HandingOver;
use handing_over::gate::Gate;
use importing::Importing;
use lights::Lights;
use notices::Notices;
use rusqlite::Connection;
use setup::{Setup, StartError};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use supervising::Supervisor;
use sync::Sync;
use timekeeping::Timekeeper;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, LocalSet};

/// How long doors, readers and the export may take to come to rest in an ordered shutdown.
const REST_MAX_MS: u64 = 3_000;
/// How long the last `state` may take to leave after that.
const LEAVE_MAX_MS: u64 = 1_500;

/// Runs the gateway until `shutdown` resolves, then ends it in order: the export first, so that nothing new is
/// begun; then the feed; the writer last, when nobody is left to ask it for anything.
///
/// # Errors
/// When something cannot be opened; nothing has been done then.
pub async fn run(
    setup: &Setup,
    clock: Arc<dyn Clock>,
    mut lines: Lines,
    supervisor: Supervisor,
    shutdown: impl Future<Output = ()>,
) -> Result<(), StartError> {
    let _lock = setup.lock()?;
    let time = setup.timekeeper(clock.clone())?;
    let mut conn = setup.open_writer()?;
    reconsider(&mut conn, clock.now());
    let standing = standing::standing(&conn).map_err(|error| setup.broken(error))?;
    let notices = Notices::new(standing, clock.mono());
    restoring::compare_first(&standing, &notices);
    let (writer, writer_thread) = Writer::start(conn, setup.reserve(), clock.clone());
    notices.disk_full(writer.is_disk_full());
    let reader = Rc::new(setup.open_reader()?);
    let (feed, heard, connection) = Feed::new(setup.feed_options(clock.clone(), time.time().floor)?);
    let (stop, stopping) = watch::channel(false);

    let tasks = LocalSet::new();
    let feed_task = tasks.spawn_local(connection);
    let updates_per_poll = usize::try_from(setup.config().mirror.updates_per_poll).unwrap_or(usize::MAX);
    let (asks, asked) = mpsc::channel(enrolling::asking::ASKS_MAX);
    let (ledgers, ledgers_heard) = mpsc::channel(handing_over::HEARD_MAX);
    let doors = Arc::new(setup.config().doors().into_keys().collect::<BTreeSet<Key>>());
    let sync = Sync {
        feed: feed.clone(),
        heard,
        writer: writer.clone(),
        conn: reader.clone(),
        clock: clock.clone(),
        time: time.clone(),
        notices: notices.clone(),
        updates_per_poll,
        note_every_s: setup.config().leashes().note_every_s(),
        gateway: setup.config().gateway.clone(),
        doors: doors.clone(),
        ledgers,
        asks: asks.clone(),
    };
    tasks.spawn_local(sync.run());
    tasks.spawn_local(time.clone().watch());
    let parts = Parts { setup, clock, writer, reader, time, notices, feed: feed.clone() };
    parts.spawn_outward(&tasks);
    parts.spawn_control(&tasks, doors, asks)?;
    parts.spawn_scrub(&tasks)?;
    let AtDoors { lights, strikes } = at_doors(setup.config(), &mut lines);
    let (cards, cards_shown) = mpsc::channel(door::CARDS_MAX);
    let (canaries, asked_canaries) = mpsc::channel(supervising::CANARIES_MAX);
    let (cues, cued) = mpsc::channel(door::CUES_MAX);
    let enrolling = parts.spawn_readers(&tasks, asked, (lights, cards, cued), stopping.clone())?;
    let (doors_run, strikes_thread) = parts
        .doors(strikes, (cards_shown, lines.inputs, asked_canaries), cues)?
        .start(parts.clock.clone(), stopping.clone())
        .map_err(StartError::Thread)?;
    let doors_run = tasks.spawn_local(doors_run);
    let exporting = parts.spawn_export(&tasks, ledgers_heard, stopping)?;
    let time = parts.time.clone();
    drop(parts);

    tasks.run_until(supervisor.attend_until(shutdown, canaries, time)).await;
    supervisor.stopping();
    tracing::info!("shutting down");
    let _ = stop.send(true);
    let end = async {
        rest(doors_run, enrolling, exporting).await;
        feed.say(contract::topics::GatewayTopic::State, true, reporting::last_will());
        feed.leave();
        let _ = tokio::time::timeout(Duration::from_millis(LEAVE_MAX_MS), feed_task).await;
    };
    tasks.run_until(end).await;
    // Dropping the tasks drops the last handles of the writer, which ends its thread.
    drop(tasks);
    tokio::task::spawn_blocking(move || (strikes_thread.join(), writer_thread.join())).await.ok();
    Ok(())
}

/// What was refused before may be understood by this program.
fn reconsider(conn: &mut Connection, now: UtcTime) {
    match apply::reconsider_refused(conn, now) {
        Ok(0) => {}
        Ok(understood) => tracing::info!(understood, "records that were refused before are in force now"),
        // They stay refused, which opens nothing.
        Err(error) => tracing::warn!(%error, "refused records are not looked at again"),
    }
}

/// Waits until nothing new is begun any more, for a bounded time.
async fn rest(doors: JoinHandle<()>, enrolling: JoinHandle<()>, exporting: Option<JoinHandle<()>>) {
    let rest = async {
        let _ = doors.await;
        let _ = enrolling.await;
        if let Some(exporting) = exporting {
            let _ = exporting.await;
        }
    };
    if tokio::time::timeout(Duration::from_millis(REST_MAX_MS), rest).await.is_err() {
        tracing::warn!("not everything came to rest in time; what is cut off is on disk as unsettled");
    }
}

/// What the joints share.
struct Parts<'a> {
    setup: &'a Setup,
    clock: Arc<dyn Clock>,
    writer: Writer,
    reader: Rc<Connection>,
    time: Timekeeper,
    notices: Notices,
    feed: Feed,
}

impl Parts<'_> {
    fn spawn_outward(&self, tasks: &LocalSet) {
        let config = self.setup.config();
        let outbox = outbox::Outbox {
            feed: self.feed.clone(),
            writer: self.writer.clone(),
            conn: self.reader.clone(),
            time: self.time.clone(),
            notices: self.notices.clone(),
        };
        tasks.spawn_local(outbox.run());
        let reporting = reporting::Reporting {
            feed: self.feed.clone(),
            conn: self.reader.clone(),
            time: self.time.clone(),
            notices: self.notices.clone(),
            gateway: config.gateway.clone(),
            heartbeat_s: config.broker.heartbeat_s(),
            has_pacs: config.pacs.is_some(),
            brake: status::brake_limit(config),
        };
        tasks.spawn_local(reporting.run());
    }

    /// Without its sockets a panel works all the same, so that they are no reason not to start.
    fn spawn_control(
        &self,
        tasks: &LocalSet,
        doors: Arc<BTreeSet<Key>>,
        asks: mpsc::Sender<Ask>,
    ) -> Result<(), StartError> {
        let control = control::Control {
            config: Arc::new(self.setup.config().clone()),
            planner: self.setup.open_planner()?.map(Arc::new),
            asks,
            doors,
            writer: self.writer.clone(),
            time: self.time.clone(),
            notices: self.notices.clone(),
        };
        tasks.spawn_local(control.run());
        Ok(())
    }

    /// Starts the readers, within the runtime.
    fn spawn_readers(
        &self,
        tasks: &LocalSet,
        asks: mpsc::Receiver<Ask>,
        (lights, cards, cues): (Lights, mpsc::Sender<Card>, mpsc::Receiver<Cue>),
        stopping: watch::Receiver<bool>,
    ) -> Result<JoinHandle<()>, StartError> {
        let (readers, events) = Readers::start(self.setup.readers()?, &self.clock);
        let following = Following {
            conn: self.reader.clone(),
            config: Arc::new(self.setup.config().clone()),
            planner: self.setup.open_planner()?,
            time: self.time.clone(),
            notices: self.notices.clone(),
        };
        let enrolling = Enrolling {
            readers,
            events,
            lights: std::cell::RefCell::new(lights),
            cards,
            cues,
            covered: std::cell::RefCell::default(),
            asks,
            writer: self.writer.clone(),
            conn: self.reader.clone(),
            time: self.time.clone(),
            notices: self.notices.clone(),
            following: Rc::new(following),
        };
        Ok(tasks.spawn_local(enrolling.run(stopping)))
    }

    fn doors(
        &self,
        strikes: BTreeMap<Key, Strike>,
        (cards, inputs, canaries): (mpsc::Receiver<Card>, mpsc::Receiver<InputEvent>, mpsc::Receiver<Canary>),
        cues: mpsc::Sender<Cue>,
    ) -> Result<Doors, StartError> {
        let config = self.setup.config();
        let gateway = Key::new(config.gateway.as_str()).map_err(StartError::Gateway)?;
        Ok(Doors {
            doors: config.doors(),
            strikes,
            cards,
            inputs,
            canaries,
            cues,
            writer: self.writer.clone(),
            conn: self.reader.clone(),
            time: self.time.clone(),
            notices: self.notices.clone(),
            gateway,
            leashes: config.leashes(),
        })
    }

    fn spawn_scrub(&self, tasks: &LocalSet) -> Result<(), StartError> {
        let every_h = u64::from(self.setup.config().mirror.scrub_every_h);
        if every_h > 0 {
            let scrubbing = scrubbing::Scrubbing {
                writer: self.writer.clone(),
                conn: self.setup.open_reader()?,
                time: self.time.clone(),
                notices: self.notices.clone(),
                every_ms: every_h * 3_600_000,
            };
            tasks.spawn_local(scrubbing.run());
        }
        Ok(())
    }

    fn spawn_export(
        &self,
        tasks: &LocalSet,
        heard: mpsc::Receiver<(GatewayId, LedgerMessage)>,
        stopping: watch::Receiver<bool>,
    ) -> Result<Option<JoinHandle<()>>, StartError> {
        let Some(pacs) = self.setup.open_whole_pacs(self.clock.clone(), self.time.time().floor)? else {
            return Ok(None);
        };
        let gate = Rc::new(Gate::default());
        let handing_over = HandingOver {
            feed: self.feed.clone(),
            heard,
            writer: self.writer.clone(),
            conn: self.reader.clone(),
            time: self.time.clone(),
            notices: self.notices.clone(),
            gate: gate.clone(),
            gateway: self.setup.config().gateway.clone(),
            late_ms: pacs.limits.late_ms,
        };
        tasks.spawn_local(handing_over.run());
        let importing = Importing {
            writer: self.writer.clone(),
            conn: self.reader.clone(),
            time: self.time.clone(),
            notices: self.notices.clone(),
            pacs: pacs.adapter.clone(),
            types: pacs.settings.entitlement_import_types.clone(),
            every_ms: pacs.import_every_ms,
        };
        tasks.spawn_local(importing.run());
        if pacs.caps.look_up && pacs.drift_every_ms > 0 {
            let drifting = Drifting {
                writer: self.writer.clone(),
                conn: self.reader.clone(),
                time: self.time.clone(),
                notices: self.notices.clone(),
                pacs: pacs.adapter.clone(),
                prefix: pacs.settings.user_identifier_prefix.clone(),
                every_ms: pacs.drift_every_ms,
            };
            tasks.spawn_local(drifting.run());
        }
        let exporting = Rc::new(Exporting {
            writer: self.writer.clone(),
            conn: self.reader.clone(),
            time: self.time.clone(),
            notices: self.notices.clone(),
            pacs: pacs.adapter,
            caps: pacs.caps,
            limits: pacs.limits,
            settings: pacs.settings,
            gate,
            in_flight: Semaphore::new(pacs.concurrency),
            users_at_once: pacs.concurrency * USERS_PER_REQUEST,
            brake: pacs.brake,
            breaker: std::cell::Cell::default(),
            collisions: std::cell::RefCell::default(),
            pending_since: std::cell::Cell::new(None),
            basis: pacs.basis,
        });
        Ok(Some(tasks.spawn_local(exporting.run(stopping))))
    }
}
