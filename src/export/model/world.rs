//! One run: the executor's loop over a disk that survives crashes, several users, a source that is edited, a clock
//! that is stepped, and the brake.
//!
//! Not here: what goes wrong on the way to the PACS (`faults`), what must hold (`check`).

use super::outcome::Outcome;
use super::pacs::{SimPacs, Style};
use super::people::{self, users};
use crate::clock::MonoMs;
use crate::export::item::{Act, ItemId, ItemKind, Limits, Row};
use crate::export::plan::{Grounds, Plan, plan};
use crate::export::rows::Rows;
use crate::export::switch::{Rule, holds};
use access::id::Key;
use access::person::{Facts, Person, Settings, barred_tokens, person};
use access::time::UtcTime;
use access::trust::{Time, Trust};
use access::user::UserStatus;
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const LIMITS: Limits = Limits {
    late_ms: 60_000,
    retry_min_ms: 1_000,
    retry_max_ms: 30_000,
    hold_min_ms: 20_000,
    hold_max_ms: 120_000,
};
/// The PACS is unreliable, and the source edited, for so long.
const FAULTS_MS: u64 = 1_500_000;
/// Every row is compared with the PACS once in this time.
const DRIFT_MS: u64 = 400_000;
/// Everything has settled this long after the faults stopped.
const CONVERGED_WITHIN_MS: u64 = 3_600_000;
const STEPS_MAX: u32 = 100_000;
/// The wall clock at the world's zero.
const ORIGIN_S: i64 = 1_700_000_000;

pub(super) struct World {
    pub(super) rng: Rng,
    pub(super) style: Style,
    pub(super) pacs: SimPacs,
    pub(super) now: u64,
    /// The monotonic clock's zero of this life.
    booted: u64,
    /// How far the wall clock is off, in seconds, and whether it is trusted.
    offset_s: i64,
    trust: Trust,
    floor: UtcTime,
    settings: Settings,
    pub(super) source: BTreeMap<Key, Option<Facts>>,
    pub(super) rows: BTreeMap<Key, Rows>,
    disk: BTreeMap<ItemId, Row>,
    pub(super) brake_log: BTreeMap<Key, MonoMs>,
    /// By the world's time: who has lost something to an edit that nobody approved.
    pub(super) unapproved: Vec<(u64, Key)>,
    /// Items that were approved without having been seen.
    pub(super) smuggled: BTreeSet<ItemId>,
    checked: u64,
    pub(super) faulty: bool,
    pub(super) fault_percent: u32,
    pub(super) down_until: u64,
    /// Items that the PACS refuses until then.
    pub(super) refused: BTreeMap<ItemId, u64>,
    /// The PACS was changed behind our back, so that the ledger may be wrong until the next read-back.
    pub(super) drifted: bool,
    /// Nobody does that in this run, so that the ledger is never wrong.
    calm: bool,
    pub(super) unwanted_since: BTreeMap<String, u64>,
    pub(super) outcome: Outcome,
    pub(super) trace: Option<Vec<String>>,
}

impl World {
    pub(super) fn new(style: Style, seed: u64, traced: bool) -> World {
        let mut rng = Rng::with_seed(seed);
        let fault_percent = [5, 20, 50][rng.usize(0..3)];
        World {
            rng,
            style,
            pacs: SimPacs::new(style),
            now: 1_000_000,
            booted: 0,
            offset_s: 0,
            trust: Trust::Trusted,
            floor: UtcTime::from_unix(ORIGIN_S),
            settings: people::settings(),
            source: users().map(|user| (user, None)).collect(),
            rows: users().map(|user| (user.clone(), Rows::new(user, []))).collect(),
            disk: BTreeMap::new(),
            brake_log: BTreeMap::new(),
            unapproved: Vec::new(),
            smuggled: BTreeSet::new(),
            checked: 0,
            faulty: true,
            fault_percent,
            down_until: 0,
            refused: BTreeMap::new(),
            drifted: false,
            calm: seed.is_multiple_of(2),
            unwanted_since: BTreeMap::new(),
            outcome: Outcome::default(),
            trace: traced.then(Vec::new),
        }
    }

    pub(super) fn run(mut self) -> Result<Outcome, String> {
        match self.live() {
            Ok(()) => Ok(self.outcome),
            Err(broken) => Err(format!("{broken}\n{}", self.trace.unwrap_or_default().join("\n"))),
        }
    }

    fn live(&mut self) -> Result<(), String> {
        let end = self.now + FAULTS_MS;
        while self.now < end {
            self.something_happens()?;
            let users: Vec<Key> = users().collect();
            let user = users[self.rng.usize(0..users.len())].clone();
            let idle = self.turn(&user)?;
            let pause = if idle || self.rng.u32(0..3) == 0 { self.rng.u64(0..9_000) } else { 0 };
            self.pass(pause)?;
        }
        self.faults_stop();
        self.converge()
    }

    /// The source, the clock, the PACS's operators, and power cuts.
    fn something_happens(&mut self) -> Result<(), String> {
        let now = self.time().now;
        for user in users() {
            if self.rng.u32(0..25) == 0 {
                let facts = self.source.entry(user.clone()).or_default();
                people::edit(facts, &user, &mut self.rng, now);
                self.log(|world| format!("edit of {user}: {:?}", world.source[&user]));
            }
        }
        match self.rng.u32(0..80) {
            0 | 1 => self.crash()?,
            2 => self.step_clock(),
            3 | 4 => self.operator_approves(),
            5 => self.operator_clears_held_person(),
            6 if !self.calm && self.style.caps().look_up => self.somebody_edits_the_pacs()?,
            7 => self.pacs.back_up(),
            8 if !self.calm => self.restore_pacs()?,
            9 => self.change_hands(),
            _ => {}
        }
        if self.now - self.checked > DRIFT_MS {
            self.check_everything();
        }
        Ok(())
    }

    fn faults_stop(&mut self) {
        self.faulty = false;
        self.refused.clear();
        self.down_until = 0;
        (self.offset_s, self.trust) = (0, Trust::Trusted);
        self.log(|_| "faults stop".into());
        self.check_everything();
    }

    /// Everything is read back once, now.
    fn check_everything(&mut self) {
        self.checked = self.now;
        if !self.style.caps().look_up {
            return;
        }
        for user in users() {
            let now = self.mono();
            let rows = self.rows.get_mut(&user).map(|rows| rows.check(now)).unwrap_or_default();
            self.commit(rows);
        }
        self.log(|_| "read-back".into());
    }

    fn converge(&mut self) -> Result<(), String> {
        let stopped = self.now;
        let mut again = true;
        for _ in 0..STEPS_MAX {
            self.check_how_long_access_outlives_the_rules(stopped)?;
            let mut idle = true;
            for user in users() {
                idle &= self.turn(&user)?;
            }
            if !idle {
                continue;
            }
            self.approve_everything();
            let wakes: Vec<u64> =
                users().filter_map(|user| self.plan(&user).wake).map(|at| at.0 + self.booted).collect();
            match wakes.into_iter().min() {
                Some(wake) if wake <= self.now => return Err("it wakes for nothing".into()),
                Some(wake) => self.pass(wake - self.now)?,
                // Doubts of the time before may have hidden something from the first reading.
                None if std::mem::take(&mut again) => self.check_everything(),
                None if users().all(|user| self.plan(&user).steps.is_empty()) => break,
                None => {}
            }
            if self.now - stopped > CONVERGED_WITHIN_MS {
                if users().any(|user| self.is_person_held(&user)) {
                    break;
                }
                return Err("it does not come to rest".into());
            }
        }
        self.pass(LIMITS.late_ms)?;
        // Windows have opened and closed meanwhile.
        while !users().try_fold(true, |idle, user| Ok::<_, String>(self.turn(&user)? && idle))? {
            self.approve_everything();
        }
        self.check_end()
    }

    pub(super) fn time(&self) -> Time {
        let true_s = i64::try_from(self.now / 1000).unwrap_or(0);
        let now = UtcTime::from_unix(ORIGIN_S + true_s + self.offset_s);
        Time { now, trust: self.trust, floor: self.floor }
    }

    pub(super) fn mono(&self) -> MonoMs {
        MonoMs(self.now - self.booted)
    }

    pub(super) fn wanted(&self, user: &Key) -> Option<Person> {
        let facts = self.source.get(user)?.as_ref()?;
        person(facts, &self.settings, &self.time())
    }

    pub(super) fn plan(&self, user: &Key) -> Plan {
        let time = self.time();
        let facts = self.source.get(user).and_then(Option::as_ref);
        let grounds = Grounds {
            user_is_barred: facts.is_some_and(|facts| facts.user.status != UserStatus::Active),
            barred_tokens: facts.map(|f| barred_tokens(f).map(Key::to_string).collect()).unwrap_or_default(),
            passed: if time.trust == Trust::Trusted { time.now } else { time.floor },
            needs_token: true,
            needs_entitlement: true,
        };
        let rows = &self.rows[user];
        let plan = plan(self.wanted(user).as_ref(), rows, self.mono(), &self.style.caps(), &grounds);
        crate::export::plan::expect_forgettable(&plan, rows);
        plan
    }

    /// One turn of the executor; true when there was nothing to send.
    fn turn(&mut self, user: &Key) -> Result<bool, String> {
        if self.trust == Trust::Trusted {
            self.floor = self.floor.max(self.time().now);
        }
        let mut plan = self.plan(user);
        self.note(user, &plan);
        if plan.is_pending {
            self.judge();
            plan = self.plan(user);
            self.note(user, &plan);
        }
        let again = self.plan(user);
        if again.has_notes() || again.steps != plan.steps {
            return Err(format!(
                "a plan that is carried out leaves notes or other steps: {plan:#?} then {again:#?}"
            ));
        }
        self.check_nothing_else_holds_a_removal(user, &plan)?;
        let Some(step) = plan.steps.first() else { return Ok(true) };
        self.outcome.requests += 1;
        self.outcome.extras += u64::from(step.act == Act::RemoveExtra);
        self.note_unapproved(user, step)?;
        let caps = self.style.caps();
        let intent = self.rows.get_mut(user).map(|rows| rows.intend(step, &caps)).unwrap_or_default();
        if holds(Rule::IntentFirst) {
            self.commit(intent);
        }
        if self.crashes_now() {
            self.crash()?;
            return Ok(false);
        }
        let answer = self.send(step)?;
        self.log(|_| format!("{:?} {} {:?} -> {answer:?}", step.act, step.item, step.ids));
        if self.crashes_now() {
            self.crash()?;
            return Ok(false);
        }
        let (jitter, now) = (self.rng.u16(0..1_001), self.mono());
        let settled = self.rows.get_mut(user).map(|rows| {
            let before = rows.get(step.item.kind, &step.item.item).cloned();
            let settled = rows.settle(step, &answer, now, (&caps, &LIMITS), jitter);
            Rows::worth_writing(step, before.as_ref(), settled)
        });
        self.commit(settled.unwrap_or_default());
        self.check_always()?;
        Ok(false)
    }

    pub(super) fn note(&mut self, user: &Key, plan: &Plan) {
        if !plan.has_notes() {
            return;
        }
        for row in &plan.notes {
            self.disk.insert(row.id.clone(), row.clone());
        }
        for id in &plan.forget {
            self.disk.remove(id);
        }
        if let Some(rows) = self.rows.get_mut(user) {
            rows.apply(plan);
        }
    }

    /// Changes rows of everyone, on the disk as well.
    pub(super) fn change(&mut self, how: impl Fn(&mut Row)) {
        for rows in self.rows.values_mut() {
            rows.edit(&how);
        }
        self.disk.values_mut().for_each(how);
    }

    pub(super) fn commit(&mut self, rows: Vec<Row>) {
        self.disk.extend(rows.into_iter().map(|row| (row.id.clone(), row)));
    }

    fn crashes_now(&mut self) -> bool {
        self.faulty && self.rng.u32(0..40) == 0
    }

    fn crash(&mut self) -> Result<(), String> {
        self.log(|_| "crash".into());
        self.outcome.crashes += 1;
        let down = self.rng.u64(0..5_000);
        self.pass(down)?;
        self.booted = self.now - self.rng.u64(0..2_000);
        let now = self.mono();
        self.brake_log.values_mut().for_each(|at| *at = (*at).min(now));
        if !holds(Rule::BrakeRemembers) {
            self.brake_log.clear();
        }
        for user in users() {
            let own = self.disk.values().filter(|row| row.id.user == user).cloned();
            let mut rows = Rows::new(user.clone(), own);
            let armed = rows.re_arm(now, LIMITS.late_ms);
            self.rows.insert(user, rows);
            self.commit(armed);
        }
        Ok(())
    }

    /// Another gateway takes the ledger over, with nothing under way, and by a clock of its own.
    fn change_hands(&mut self) {
        self.log(|_| "the export changes hands".into());
        self.outcome.hand_overs += 1;
        let before = self.booted;
        self.booted = self.now - self.rng.u64(0..1_000_000);
        let (now, booted) = (self.mono(), self.booted);
        self.brake_log.values_mut().for_each(|at| *at = MonoMs((at.0 + before).saturating_sub(booted)));
        self.change(|row| row.change_hands(now, LIMITS.late_ms));
    }

    fn step_clock(&mut self) {
        self.outcome.clock_steps += 1;
        if self.trust == Trust::Trusted {
            self.trust = Trust::Untrusted;
            self.offset_s = self.rng.i64(-3_000..3_000);
        } else {
            (self.trust, self.offset_s) = (Trust::Trusted, 0);
        }
        self.log(|world| format!("clock {:?}", world.time()));
    }

    pub(super) fn log(&mut self, what: impl FnOnce(&World) -> String) {
        if self.trace.is_some() {
            let line = format!("{:>9} {}", self.now, what(self));
            self.trace.get_or_insert_default().push(line);
        }
    }

    pub(super) fn person_row(&self, user: &Key) -> Option<&Row> {
        self.rows[user].get(ItemKind::Person, "")
    }
}
