//! Says `state` on every heartbeat and when something changed.
//!
//! Not here: `doorward status`, which reads the same rows from the disk.

use super::notices::{Level, Notices};
use super::status;
use super::timekeeping::Timekeeper;
use crate::clock::Wake;
use crate::export::brake::Limit;
use crate::export::ledger;
use crate::feed::Feed;
use crate::mirror::{list, outbox};
use contract::id::GatewayId;
use contract::messages::{Circuit, ExportState, State, StateDetail};
use contract::topics::GatewayTopic;
use rusqlite::Connection;
use std::rc::Rc;
use std::time::Duration;

/// Changes are said at most this often.
const QUIET: Duration = Duration::from_secs(1);

/// Says `state`.
pub struct Reporting {
    /// To say it.
    pub feed: Feed,
    /// To read; read-only.
    pub conn: Rc<Connection>,
    /// The time.
    pub time: Timekeeper,
    /// What has changed.
    pub notices: Notices,
    /// This panel.
    pub gateway: GatewayId,
    /// Seconds between two heartbeats.
    pub heartbeat_s: u64,
    /// Whether a PACS is configured.
    pub has_pacs: bool,
    /// When the brake holds.
    pub brake: Limit,
}

impl Reporting {
    /// Runs for as long as the gateway does.
    pub async fn run(self) {
        let mut level = self.notices.watch();
        let mut trust = self.time.trust();
        loop {
            let now = *level.borrow_and_update();
            trust.borrow_and_update();
            if now.online {
                self.say(&now);
                tokio::time::sleep(QUIET).await;
            }
            let heartbeat = Some(self.time.mono().after_ms(self.heartbeat_s * 1000));
            tokio::select! {
                changed = level.changed() => if changed.is_err() { return },
                changed = trust.changed() => if changed.is_err() { return },
                () = self.time.clock().wait(Wake { wall: None, mono: heartbeat }) => {}
            }
        }
    }

    fn say(&self, level: &Level) {
        match self.state(level) {
            Ok(state) => {
                let payload = serde_json::to_vec(&state).unwrap_or_default();
                if !self.feed.say(GatewayTopic::State, true, payload) {
                    tracing::debug!("no room to say state; the next one follows");
                }
            }
            Err(error) => tracing::error!(%error, "the mirror cannot be read for state"),
        }
    }

    fn state(&self, level: &Level) -> rusqlite::Result<State> {
        let time = self.time.time();
        let standing = level.standing;
        let events = outbox::waiting(&self.conn)?;
        let counts = ledger::counts(&self.conn)?;
        let exporter = ledger::role::standing(&self.conn)?;
        let (doors, lockdown) = self.notices.known_doors();
        let detail = StateDetail {
            at: time.now,
            head: standing.head,
            proven: standing.floor,
            root: standing.root,
            in_sync: standing.out_of_sync.is_none(),
            out_of_sync: standing.out_of_sync.map(|why| why.as_str().into()),
            repair: level.repair,
            whole: standing.whole,
            refused: list::count_refused(&self.conn)?,
            events_waiting: events.waiting,
            events_lost: events.lost,
            disk_full: level.disk_full,
            readers: self.notices.known_readers(),
            doors,
            lockdown,
            export: ExportState {
                exporting: self.has_pacs && exporter.may_send(),
                hand_over: exporter.hand_over(&self.gateway).filter(|_| self.has_pacs),
                reachable: level.pacs_reachable,
                backlog: counts.backlog,
                held: counts.held,
                persons: counts.persons,
                held_removals: status::held_removals(&self.conn, self.brake.of(counts.persons))?,
                adoptions: status::adoptions(&self.conn)?,
                strangers: status::strangers(&self.conn)?,
                circuit: self.has_pacs.then_some(if level.circuit_open {
                    Circuit::Open
                } else {
                    Circuit::Closed
                }),
            },
            clock: self.time.standing().as_str().into(),
        };
        Ok(State { online: true, software: env!("CARGO_PKG_VERSION").into(), detail: Some(detail) })
    }
}

/// What the broker says for us when we are gone.
pub fn last_will() -> Vec<u8> {
    let state = State { online: false, software: env!("CARGO_PKG_VERSION").into(), detail: None };
    serde_json::to_vec(&state).unwrap_or_default()
}
