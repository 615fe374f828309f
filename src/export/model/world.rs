//! One run: the executor's loop over a disk that survives crashes, and a PACS that fails.
//!
//! Not here: what must hold (`check`).

use super::pacs::{SimPacs, Style};
use super::people;
use crate::clock::MonoMs;
use crate::export::item::{Act, Answer, ItemKind, Limits, Row, Step};
use crate::export::plan::{Plan, plan};
use crate::export::rows::Rows;
use access::id::Key;
use access::person::Person;
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};

const LIMITS: Limits = Limits {
    late_ms: 60_000,
    retry_min_ms: 1_000,
    retry_max_ms: 30_000,
    hold_min_ms: 20_000,
    hold_max_ms: 120_000,
};
const TIMEOUT_MS: u64 = 10_000;
/// The PACS is unreliable for so long.
const FAULTS_MS: u64 = 1_200_000;
/// Access that is to go is gone this long after the faults stopped: one late request, one back-off and one more
/// late request, with time for the requests themselves.
const REMOVED_WITHIN_MS: u64 = 2 * LIMITS.late_ms + LIMITS.retry_max_ms + 120_000;
/// Everything has settled this long after the faults stopped.
const CONVERGED_WITHIN_MS: u64 = 3_600_000;
const STEPS_MAX: u32 = 100_000;

/// What a run came to.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Outcome {
    pub(super) held_persons: u64,
    requests: u64,
    lost: u64,
    late: u64,
    crashes: u64,
    /// Fences, and persons under a new name.
    rebuilt: u64,
    removed_over_stuck_children: u64,
}

impl Outcome {
    pub(super) fn add(&mut self, other: &Outcome) {
        self.held_persons += other.held_persons;
        self.requests += other.requests;
        self.lost += other.lost;
        self.late += other.late;
        self.crashes += other.crashes;
        self.rebuilt += other.rebuilt;
        self.removed_over_stuck_children += other.removed_over_stuck_children;
    }
}

pub(super) struct World {
    rng: Rng,
    pub(super) style: Style,
    pub(super) pacs: SimPacs,
    now: u64,
    /// The monotonic clock's zero of this life.
    booted: u64,
    pub(super) rows: Rows,
    disk: BTreeMap<(ItemKind, String), Row>,
    pub(super) wanted: Option<Person>,
    faulty: bool,
    fault_percent: u32,
    down_until: u64,
    /// Items that the PACS refuses until then.
    refused: BTreeMap<(ItemKind, String), u64>,
    pub(super) outcome: Outcome,
    trace: Vec<String>,
}

impl World {
    pub(super) fn new(style: Style, seed: u64) -> World {
        let mut rng = Rng::with_seed(seed);
        let fault_percent = [5, 20, 50][rng.usize(0..3)];
        let rows = Rows::new(user(), []);
        World {
            rng,
            style,
            pacs: SimPacs::new(style),
            now: 1_000_000,
            booted: 0,
            rows,
            disk: BTreeMap::new(),
            wanted: None,
            faulty: true,
            fault_percent,
            down_until: 0,
            refused: BTreeMap::new(),
            outcome: Outcome::default(),
            trace: Vec::new(),
        }
    }

    pub(super) fn run(mut self) -> Result<Outcome, String> {
        let result = self.live();
        match result {
            Ok(()) => Ok(self.outcome),
            Err(broken) => Err(format!("{broken}\n{}", self.trace.join("\n"))),
        }
    }

    fn live(&mut self) -> Result<(), String> {
        let end = self.now + FAULTS_MS;
        while self.now < end {
            if self.rng.u32(0..8) == 0 {
                self.wanted = people::person(&mut self.rng, true);
                self.log(|world| format!("wanted {:?}", world.wanted));
            }
            if self.rng.u32(0..40) == 0 {
                self.crash()?;
            }
            if self.rng.u32(0..20) == 0 {
                self.operator_clears_held_person();
            }
            let idle = self.turn()?;
            let pause = if idle || self.rng.u32(0..3) == 0 { self.rng.u64(0..40_000) } else { 0 };
            self.pass(pause)?;
        }
        self.faulty = false;
        self.refused.clear();
        self.down_until = 0;
        self.wanted = people::person(&mut self.rng, false);
        self.log(|world| format!("faults stop; wanted {:?}", world.wanted));
        self.converge()
    }

    /// Someone looks into the PACS, removes the person there and says so.
    fn operator_clears_held_person(&mut self) {
        let Some(row) = self.rows.person().filter(|row| row.is_settled(self.mono())) else { return };
        if !self.is_person_held() {
            return;
        }
        let ext_id = row.ext_id.clone();
        self.pacs.persons.retain(|_, person| person.own.ext_id != ext_id);
        let rows = self.rows.declare_person_absent(self.mono());
        self.log(|_| "the operator removes the held person".into());
        self.commit(rows);
    }

    fn converge(&mut self) -> Result<(), String> {
        let stopped = self.now;
        for _ in 0..STEPS_MAX {
            if self.now - stopped > REMOVED_WITHIN_MS {
                self.check_nothing_unwanted()?;
            }
            if !self.turn()? {
                continue;
            }
            let Some(wake) = self.plan().wake else { break };
            let wake = wake.0 + self.booted;
            if wake <= self.now {
                return Err("it wakes for nothing".into());
            }
            self.pass(wake - self.now)?;
            if self.now - stopped > CONVERGED_WITHIN_MS {
                if self.is_person_held() {
                    break;
                }
                return Err("it does not come to rest".into());
            }
        }
        self.pass(LIMITS.late_ms)?;
        self.check_end()
    }

    pub(super) fn plan(&self) -> Plan {
        let plan = plan(self.wanted.as_ref(), &self.rows, self.mono(), &self.style.caps());
        crate::export::plan::expect_forgettable(&plan, &self.rows);
        plan
    }

    fn mono(&self) -> MonoMs {
        MonoMs(self.now - self.booted)
    }

    /// One turn of the executor; true when there was nothing to send.
    fn turn(&mut self) -> Result<bool, String> {
        let plan = self.plan();
        if plan.has_notes() {
            for row in &plan.notes {
                self.disk.insert(key(row), row.clone());
            }
            for id in &plan.forget {
                self.disk.remove(&(id.kind, id.item.clone()));
            }
            self.rows.apply(&plan);
        }
        let again = self.plan();
        if again.has_notes() || again.steps != plan.steps {
            return Err("a plan that is carried out leaves notes or other steps".into());
        }
        let Some(step) = plan.steps.first() else { return Ok(true) };
        self.count(step, &plan);
        let intent = self.rows.intend(step);
        self.commit(intent);
        if self.crashes_now() {
            self.crash()?;
            return Ok(false);
        }
        let answer = self.send(step)?;
        self.log(|_| format!("{:?} {} {:?} -> {answer:?}", step.act, step.item, step.ids.native_id));
        if self.crashes_now() {
            self.crash()?;
            return Ok(false);
        }
        let jitter = self.rng.u16(0..1_001);
        let settled = self.rows.settle(step, &answer, self.mono(), &LIMITS, jitter);
        self.commit(settled);
        self.check_always()?;
        Ok(false)
    }

    fn count(&mut self, step: &Step, plan: &Plan) {
        self.outcome.requests += 1;
        if (step.item.kind, step.act) == (ItemKind::Person, Act::Remove) {
            if self.wanted.is_some() {
                self.outcome.rebuilt += 1;
            } else if plan.waiting > 1 {
                self.outcome.removed_over_stuck_children += 1;
            }
        }
    }

    fn commit(&mut self, rows: Vec<Row>) {
        self.disk.extend(rows.into_iter().map(|row| (key(&row), row)));
    }

    fn crashes_now(&mut self) -> bool {
        self.faulty && self.rng.u32(0..30) == 0
    }

    fn crash(&mut self) -> Result<(), String> {
        self.log(|_| "crash".into());
        self.outcome.crashes += 1;
        let down = self.rng.u64(0..5_000);
        self.pass(down)?;
        self.booted = self.now - self.rng.u64(0..2_000);
        self.rows = Rows::new(user(), self.disk.values().cloned());
        let armed = self.rows.re_arm(self.mono(), LIMITS.late_ms);
        self.commit(armed);
        Ok(())
    }

    /// Time passes; what is late happens.
    fn pass(&mut self, ms: u64) -> Result<(), String> {
        let end = self.now + ms;
        let mut times: BTreeSet<u64> =
            self.pacs.late.iter().map(|(at, _)| *at).filter(|at| *at < end).collect();
        times.insert(end);
        for at in times {
            self.now = at.max(self.now);
            self.pacs.catch_up(self.now);
            self.check_always()?;
        }
        Ok(())
    }

    fn send(&mut self, step: &Step) -> Result<Answer, String> {
        let words = String::from("…");
        let took = self.rng.u64(1..200);
        self.pacs.catch_up(self.now);
        if !self.faulty {
            let answer = self.pacs.execute(step);
            self.now += took;
            return Ok(answer);
        }
        let item = (step.item.kind, step.item.item.clone());
        if self.now < self.down_until {
            return Ok(Answer::NotSent { words });
        }
        if self.refused.get(&item).is_some_and(|until| self.now < *until) && step.act != Act::LookUp {
            return Ok(Answer::Refused { status: 400, words });
        }
        if self.rng.u32(0..100) >= self.fault_percent {
            let answer = self.pacs.execute(step);
            self.now += took;
            return Ok(answer);
        }
        self.fault(step, item, words)
    }

    fn fault(&mut self, step: &Step, item: (ItemKind, String), words: String) -> Result<Answer, String> {
        let read = step.act == Act::LookUp;
        match self.rng.u32(0..9) {
            0 => {
                self.down_until = self.now + self.rng.u64(0..60_000);
                Ok(Answer::NotSent { words })
            }
            1 => Ok(Answer::TryLater { status: 429, words }),
            2 if !read => {
                let until = self.now + self.rng.u64(0..300_000);
                self.refused.insert(item, until);
                Ok(Answer::Refused { status: 422, words })
            }
            3 if step.act == Act::Create => {
                // Something between us and the PACS sends it a second time, and passes on the second answer.
                if self.style.has_unique_names() && self.rng.bool() {
                    self.pacs.execute(step);
                }
                Ok(Answer::Conflict { words })
            }
            4 => self.lose(words, self.now + TIMEOUT_MS),
            5 | 6 if !read => {
                self.outcome.late += 1;
                let given_up = self.now + self.rng.u64(0..TIMEOUT_MS);
                self.pacs.late.push((self.rng.u64(self.now..given_up + LIMITS.late_ms), step.clone()));
                self.lose(words, given_up)
            }
            7 if self.rng.bool() => {
                self.pacs.execute(step);
                Ok(Answer::Unknown { words })
            }
            _ => {
                self.pacs.execute(step);
                self.lose(words, self.now + TIMEOUT_MS)
            }
        }
    }

    /// No answer comes until we give up, or the connection is cut.
    fn lose(&mut self, words: String, given_up: u64) -> Result<Answer, String> {
        self.outcome.lost += 1;
        self.pass(given_up - self.now)?;
        Ok(Answer::Unknown { words })
    }

    fn log(&mut self, what: impl FnOnce(&World) -> String) {
        if super::number("DOORWARD_MODEL_SEED").is_some() {
            let line = format!("{:>9} {}", self.now, what(self));
            self.trace.push(line);
        }
    }
}

fn key(row: &Row) -> (ItemKind, String) {
    (row.id.kind, row.id.item.clone())
}

fn user() -> Key {
    Key::new("u").expect("a key")
}
