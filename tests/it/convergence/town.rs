//! Source, broker and panels together, driven by a seed.

use super::broker::answer_topic;
use super::panel::{End, Panel};
use super::source::{Disk, Source};
use super::tally::Tally;
use contract::repair::Request;
use doorward::clock::MonoMs;
use doorward::feed::Topic;
use fastrand::Rng;
use std::collections::VecDeque;

/// Keys that come and go.
pub(super) const KEYS: u8 = 9;
const HEARTBEAT_MS: u64 = 60_000;
/// Heartbeats in which everything has to be equal once the faults have stopped: the longest pause of the
/// machine, and a few.
const SETTLE_HEARTBEATS: u32 = 40;
/// Messages in all that settling may take.
const SETTLE_MESSAGES_MAX: u64 = 4_000;

pub(super) fn key(n: u8) -> String {
    format!("t{n}")
}

pub(super) struct Town {
    seed: u64,
    rng: Rng,
    now: MonoMs,
    source: Source,
    is_up: bool,
    backup: Option<Disk>,
    retained_epoch: u64,
    requests: VecDeque<(usize, Request)>,
    panels: Vec<Panel>,
    since_heartbeat_ms: u64,
    tally: Tally,
    trace: Vec<String>,
}

impl Town {
    pub(super) fn new(seed: u64) -> Town {
        let mut rng = Rng::with_seed(seed);
        let mut town = Town {
            seed,
            now: MonoMs(1),
            source: Source::dividing_by(rng.u8(..4)),
            is_up: true,
            backup: None,
            retained_epoch: 0,
            requests: VecDeque::new(),
            panels: (0..rng.usize(1..=2)).map(|_| Panel::new()).collect(),
            since_heartbeat_ms: 0,
            tally: Tally::default(),
            trace: Vec::new(),
            rng,
        };
        town.start_source();
        for at in 0..town.panels.len() {
            town.panels[at].connect(false, town.now);
        }
        town
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally
    }

    /// One thing happens.
    pub(super) fn step(&mut self) {
        self.tally.steps += 1;
        let panel = self.rng.usize(..self.panels.len());
        match self.rng.u8(..100) {
            0..26 => self.change(),
            26..66 => self.deliver(panel, false),
            66..76 => self.answer(),
            76..84 => {
                let ms = self.rng.u64(..70_000);
                self.pass(ms);
            }
            84..87 => self.panels[panel].session.lose(&mut self.rng),
            87..89 => self.lose_session(panel),
            89..91 => self.restart(panel),
            91..93 => self.restart_source(),
            93..94 => self.backup = Some(self.source.disk.clone()),
            94..95 => self.restore(),
            95..96 => self.divide(),
            96..97 => self.is_up = !self.is_up,
            97..98 => drop(self.requests.pop_front()),
            _ => self.heartbeat(),
        }
        self.ask();
        self.check();
    }

    /// Whether the first panel has fetched or compared buckets since its last proof.
    pub(super) fn is_repairing(&self) -> bool {
        let summary = doorward::mirror::list::summary(&self.panels[0].conn).expect("readable");
        summary.covered.is_some()
    }

    /// The disk changes the first panel's rows, and the scrub looks at them. Returns how much it found.
    pub(super) fn damage(&mut self, sql: &str) -> usize {
        self.panels[0].conn.execute_batch(sql).expect("SQL");
        let found = self.panels[0].scrub();
        self.panels[0].ask(self.now);
        self.check();
        found
    }

    /// The faults stop: within some heartbeats and messages everything is equal.
    pub(super) fn settle(&mut self) {
        self.is_up = true;
        let before = self.tally.answers;
        for _ in 0..SETTLE_HEARTBEATS {
            self.heartbeat();
            self.quiet();
            self.pass(HEARTBEAT_MS);
            self.quiet();
            let all_equal = self.panels.iter().all(|panel| panel.standing().out_of_sync.is_none());
            if all_equal {
                break;
            }
        }
        let answers = self.tally.answers - before;
        if answers > SETTLE_MESSAGES_MAX {
            self.fail(&format!("{answers} messages to settle"));
        }
        for at in 0..self.panels.len() {
            let standing = self.panels[at].standing();
            if standing.out_of_sync.is_some() || standing.floor != self.source.disk.version {
                self.fail(&format!("panel {at} is not in sync at the end: {standing:?}"));
            }
            if let Err(why) = self.panels[at].check_equal(&self.source.disk.rows) {
                self.fail(&format!("panel {at} at the end: {why}"));
            }
            if let Err(why) = self.panels[at].check_sound() {
                self.fail(&format!("panel {at} at the end: {why}"));
            }
        }
    }

    /// Everything under way arrives.
    fn quiet(&mut self) {
        for _ in 0..2_000 {
            self.ask();
            if self.requests.is_empty() && self.panels.iter().all(|panel| panel.session.is_empty()) {
                return;
            }
            self.answer();
            for at in 0..self.panels.len() {
                self.deliver(at, true);
                self.check();
            }
        }
        self.fail("no end of messages");
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        if self.trace.len() > 400 {
            self.trace.drain(..200);
        }
        self.trace.push(what());
    }

    fn fail(&self, why: &str) -> ! {
        for line in &self.trace {
            eprintln!("{line}");
        }
        panic!("DOORWARD_SYNC_SEED={} DOORWARD_SYNC_RUNS=1: {why}", self.seed);
    }

    fn check(&mut self) {
        for at in 0..self.panels.len() {
            if let Err(why) = self.panels[at].check_not_wider() {
                self.fail(&format!("panel {at} is wider than it was told: {why}"));
            }
        }
    }

    fn publish(&mut self, payload: &[u8]) {
        if !self.is_up {
            return;
        }
        for panel in &mut self.panels {
            panel.session.publish(Topic::Changes, payload.to_vec());
        }
    }

    fn publish_meta(&mut self) {
        if !self.is_up {
            return;
        }
        self.retained_epoch = self.source.disk.version.epoch;
        let meta = self.source.meta();
        for panel in &mut self.panels {
            panel.session.publish(Topic::Meta, meta.clone());
        }
    }

    fn change(&mut self) {
        let count = self.rng.u8(1..=3);
        let first = self.rng.u8(..KEYS);
        let stamp = self.rng.u32(..);
        let changes: Vec<(String, Option<String>)> = (0..count)
            .map(|n| {
                let record = match self.rng.u8(..10) {
                    0..3 => None,
                    3..6 => Some(token("LOCKED", stamp)),
                    6 => Some(format!(r#"{{"kind":"card","status":"MISLAID","attempt":{stamp}}}"#)),
                    _ => Some(token("ACTIVE", stamp)),
                };
                (key((first + n * 2) % KEYS), record)
            })
            .collect();
        self.note(|| format!("change {changes:?}"));
        let payload = self.source.change(&changes);
        self.tally.changes += 1;
        // A source that dies between commit and publication.
        if self.rng.u8(..) > 12 {
            self.publish(&payload);
        }
    }

    fn deliver(&mut self, panel: usize, orderly: bool) {
        let count = self.rng.usize(1..=4);
        let messages = self.panels[panel].session.next(count, &mut self.rng, orderly);
        if messages.is_empty() {
            return;
        }
        let end = match self.rng.u8(..100) {
            _ if orderly => End::Committed,
            0..3 => End::DiesWithin,
            3..6 => End::DiesUnacknowledged,
            6..9 => End::Full,
            _ => End::Committed,
        };
        match end {
            End::Full => self.tally.full += 1,
            End::DiesWithin | End::DiesUnacknowledged => self.tally.deaths += 1,
            End::Committed => {}
        }
        self.note(|| {
            let texts = messages
                .iter()
                .map(|(topic, payload)| format!("  {topic:?} {}", String::from_utf8_lossy(payload)));
            format!("panel {panel} {end:?}:\n{}", texts.collect::<Vec<_>>().join("\n"))
        });
        if let Some(standing) = self.panels[panel].take(messages, end, self.now, &self.source.history) {
            self.tally.proofs += 1;
            let Some(rows) = self.source.history.get(&standing.floor).cloned() else {
                self.fail(&format!("proven at {}, which no source ever said", standing.floor));
            };
            // Later messages of the batch may have changed rows again.
            let now = self.panels[panel].standing();
            if now.floor == standing.floor
                && now.root == now.heard_root
                && now.out_of_sync.is_none()
                && let Err(why) = self.panels[panel].check_equal(&rows)
            {
                self.fail(&format!("panel {panel} proven at {}: {why}", standing.floor));
            }
        }
    }

    fn ask(&mut self) {
        for at in 0..self.panels.len() {
            for request in self.panels[at].requests(self.now) {
                self.note(|| format!("panel {at} asks {request:?}"));
                self.tally.requests += 1;
                self.requests.push_back((at, request));
            }
        }
    }

    fn answer(&mut self) {
        if !self.is_up {
            return;
        }
        let Some((panel, request)) = self.requests.pop_front() else { return };
        let (risen, answers) = self.source.answer(&request);
        if let Some(checkpoint) = risen {
            self.publish(&checkpoint);
        }
        for (topic, payload) in answers {
            self.tally.answers += 1;
            self.panels[panel].session.publish(answer_topic(topic), payload);
        }
        let checkpoint = self.source.checkpoint();
        self.publish(&checkpoint);
    }

    fn pass(&mut self, ms: u64) {
        self.now = self.now.after_ms(ms);
        self.since_heartbeat_ms += ms;
        if self.since_heartbeat_ms >= HEARTBEAT_MS {
            self.heartbeat();
        }
    }

    fn heartbeat(&mut self) {
        self.since_heartbeat_ms = 0;
        self.source.heartbeat();
        let checkpoint = self.source.checkpoint();
        self.publish(&checkpoint);
        self.publish_meta();
    }

    fn start_source(&mut self) {
        // A start takes a while, so that the clock alone keeps epochs apart.
        self.now = self.now.after_ms(2_000);
        self.source.start(self.retained_epoch, self.now.0 / 1000);
        self.note(String::new);
        let checkpoint = self.source.checkpoint();
        self.publish(&checkpoint);
        self.publish_meta();
    }

    fn restart_source(&mut self) {
        self.requests.clear();
        self.start_source();
    }

    fn restore(&mut self) {
        if let Some(disk) = self.backup.clone() {
            self.tally.restores += 1;
            self.note(|| format!("restored to {}", disk.version));
            self.source.disk = disk;
            // Sometimes the broker has lost what it retained, and the clock is all there is.
            if self.rng.bool() {
                self.retained_epoch = 0;
                self.now = self.now.after_ms(1000);
            }
            self.restart_source();
        }
    }

    fn divide(&mut self) {
        self.tally.divisions += 1;
        self.source.bits = self.rng.u8(..4);
    }

    fn lose_session(&mut self, panel: usize) {
        self.tally.sessions_lost += 1;
        self.note(|| format!("panel {panel} loses its session"));
        self.panels[panel].connect(false, self.now);
        if self.rng.bool() {
            // The broker restarts: what it retained may be all it has.
            let meta = self.source.meta();
            self.panels[panel].session.publish(Topic::Meta, meta);
        }
    }

    fn restart(&mut self, panel: usize) {
        self.tally.deaths += 1;
        self.note(|| format!("panel {panel} restarts"));
        self.panels[panel].restart(true, self.now);
    }
}

pub(super) fn token(status: &str, stamp: u32) -> String {
    format!(
        r#"{{"kind":"card","status":"{status}","user":"u{}","identifiers":[{{"type":"mifare","hex":"04{stamp:08x}9011"}}]}}"#,
        stamp % 4
    )
}
