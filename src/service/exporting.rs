//! Joins mirror and export: brings the PACS to what the rules say, one user at a time, several users at once.
//!
//! For each user: what should be (mirror, rules, time) against what the PACS acknowledged (ledger); the intent
//! is committed before a request leaves, its outcome before the next one does. Nothing is queued but user
//! keys: a user that is looked at twice costs a query, one that is never looked at would cost a promise.
//!
//! Not here: the rules of an item (`export::item`), what comes first (`export::plan`).

use super::agenda::Agenda;
use super::notices::Notices;
use super::timekeeping::Timekeeper;
use crate::clock::{MonoMs, Wake};
use crate::export::item::{Act, Answer, ItemKind, JITTER_MAX, Limits, Row, State, Step};
use crate::export::ledger;
use crate::export::pacs::rest::Rest;
use crate::export::plan::{Caps, Known, Plan, plan};
use crate::export::rows::Rows;
use crate::failpoint;
use crate::mirror::touched::{Haste, TOUCHED_USERS_MAX, Touched};
use crate::mirror::{Urgency, WriteError, Writer, facts, outbox, standing};
use access::id::Key;
use access::person::{Settings, person};
use contract::id::GatewayId;
use contract::messages::{Event, ExportResult};
use rusqlite::Connection;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long a user waits whose rows found no room on the disk, or could not be read.
const DISK_RETRY_MS: u64 = 5_000;
/// How long requests under way may take to end in an ordered shutdown.
const SHUTDOWN_MAX_MS: u64 = 5_000;
/// Users are listed this many at a time when everyone is to be looked at.
const PAGE_USERS: u32 = 256;

/// What one user's work needs.
pub struct Exporting {
    /// To write.
    pub writer: Writer,
    /// To read; read-only.
    pub conn: Rc<Connection>,
    /// The time.
    pub time: Timekeeper,
    /// What wakes it, and whom to tell.
    pub notices: Notices,
    /// The PACS.
    pub pacs: Rc<Rest>,
    /// What it can do.
    pub caps: Caps,
    /// Its times.
    pub limits: Limits,
    /// How it wants its persons.
    pub settings: Settings,
    /// This panel.
    pub gateway: GatewayId,
    /// Users worked on at the same time.
    pub concurrency: usize,
}

/// How a user's work ended.
struct Done {
    user: String,
    /// When to look again, if nothing happens before.
    again: Option<MonoMs>,
}

impl Exporting {
    /// Runs until `stop` says so, then lets requests under way end.
    pub async fn run(self: Rc<Self>, mut stop: watch::Receiver<bool>) {
        self.re_arm().await;
        let mut agenda = Agenda::new(self.time.time().now);
        let mut running: JoinSet<Done> = JoinSet::new();
        let mut trust = self.time.trust();
        while !*stop.borrow() {
            agenda.add(self.notices.take_touched());
            let collected = self.collect(&mut agenda);
            while running.len() < self.concurrency
                && let Some(user) = agenda.next(self.time.mono())
            {
                let (this, stop) = (self.clone(), stop.clone());
                running.spawn_local(async move { this.user(user, stop).await });
            }
            let idle = running.len() < self.concurrency;
            let wake = collected.and_then(|()| self.wake(&agenda, idle)).unwrap_or_else(|error| {
                tracing::error!(%error, "the mirror cannot be read; looking again in {DISK_RETRY_MS} ms");
                Wake { wall: None, mono: Some(self.time.mono().after_ms(DISK_RETRY_MS)) }
            });
            tokio::select! {
                Some(done) = running.join_next(), if !running.is_empty() => match done {
                    Ok(done) => agenda.done(&done.user, done.again),
                    Err(error) => tracing::error!(%error, "a user's export has failed; the next look repeats it"),
                },
                () = self.notices.work() => {}
                () = self.time.clock().wait(wake) => {}
                changed = trust.changed() => if changed.is_ok() { agenda.everyone() },
                changed = stop.changed() => if changed.is_err() { break },
            }
        }
        let rest = async { while running.join_next().await.is_some() {} };
        if tokio::time::timeout(Duration::from_millis(SHUTDOWN_MAX_MS), rest).await.is_err() {
            tracing::warn!("requests to the PACS were cut off; the ledger holds them as unsettled");
        }
    }

    /// Whatever was under way when the last process ended may still run.
    async fn re_arm(&self) {
        loop {
            let (now, late_ms) = (self.time.mono(), self.limits.late_ms);
            match self
                .writer
                .run(Urgency::Narrowing, move |context| Ok(ledger::re_arm(context.conn, now, late_ms)?))
                .await
            {
                Ok(_) | Err(WriteError::Stopped) => return,
                Err(error) => {
                    tracing::error!(%error, "the ledger cannot be re-armed; nothing is exported until it can")
                }
            }
            let mono = Some(self.time.mono().after_ms(DISK_RETRY_MS));
            self.time.clock().wait(Wake { wall: None, mono }).await;
        }
    }

    /// Adds the users whose windows have opened or closed since the last look, and the next page of everyone.
    fn collect(&self, agenda: &mut Agenda) -> rusqlite::Result<()> {
        let now = self.time.time().now;
        if let Some((after, until)) = agenda.edges_to(now) {
            // A clock step over many edges at once is everyone's business.
            let users = facts::users_with_edges(&self.conn, after, until, TOUCHED_USERS_MAX + 1)?;
            let mut touched = Touched::nobody();
            users.into_iter().for_each(|user| touched.add(user, Haste::AtOnce));
            agenda.add(touched);
            agenda.edges_done(now);
        }
        if let Some(after) = agenda.wants_page() {
            let mut page = facts::users_after(&self.conn, &after, PAGE_USERS)?;
            // The ledger may know users that the mirror has forgotten.
            let after = Key::new(&after).ok();
            page.extend(ledger::users(&self.conn, after.as_ref(), PAGE_USERS)?.iter().map(Key::to_string));
            agenda.page(page, usize::try_from(PAGE_USERS).unwrap_or(usize::MAX));
        }
        Ok(())
    }

    /// When to look again if nothing else happens: the next edge of any window, or the next user's turn.
    fn wake(&self, agenda: &Agenda, idle: bool) -> rusqlite::Result<Wake> {
        let wall = facts::next_edge(&self.conn, self.time.time().now)?;
        let mono = if !idle {
            None
        } else if agenda.wants_page().is_some() {
            Some(self.time.mono())
        } else {
            agenda.next_turn()
        };
        Ok(Wake { wall, mono })
    }

    /// Works on one user until nothing more can be done now.
    async fn user(&self, user: String, stop: watch::Receiver<bool>) -> Done {
        let again = match Key::new(&user) {
            Ok(key) => self.converge(&key, &stop).await,
            Err(_) => None,
        };
        Done { user, again }
    }

    async fn converge(&self, user: &Key, stop: &watch::Receiver<bool>) -> Option<MonoMs> {
        let later = || Some(self.time.mono().after_ms(DISK_RETRY_MS));
        let mut rows = match ledger::load(&self.conn, user) {
            Ok(rows) => Rows::new(user.clone(), rows),
            Err(error) => {
                tracing::error!(%error, %user, "the ledger cannot be read");
                return later();
            }
        };
        loop {
            if *stop.borrow() {
                return None;
            }
            let next = match self.look(user, &rows) {
                Ok(Some(plan)) => plan,
                Ok(None) => return None,
                Err(error) => {
                    tracing::error!(%error, %user, "the mirror cannot be read");
                    return later();
                }
            };
            if next.has_notes() {
                let Plan { notes, forget, .. } = next.clone();
                if self.commit(Urgency::Narrowing, notes, forget, Vec::new()).await.is_err() {
                    return later();
                }
                rows.apply(&next);
            }
            let Some(step) = next.steps.first() else { return next.wake };
            if self.step(&mut rows, step, stop).await.is_err() {
                return later();
            }
        }
    }

    /// What there is to do for the user; `None` when it is another gateway's to do, or the PACS has not yet
    /// answered as its profile says.
    fn look(&self, user: &Key, rows: &Rows) -> rusqlite::Result<Option<Plan>> {
        if !self.notices.is_pacs_known() {
            return Ok(None);
        }
        if standing::exporter(&self.conn)?.as_deref() != Some(self.gateway.as_str()) {
            return Ok(None);
        }
        // Read before the rows: it only ever becomes true, and rows of before its proof are not whole.
        let is_whole = standing::standing(&self.conn)?.whole;
        let facts = facts::of_user(&self.conn, user)?;
        let wanted = facts.and_then(|facts| person(&facts, &self.settings, &self.time.time()));
        let mut plan = plan(wanted.as_ref(), rows, self.time.mono(), &self.caps);
        if !is_whole {
            let tokens = rows.children().filter(|row| row.id.kind == ItemKind::Credential);
            let tokens = tokens.map(|row| row.id.item.as_str());
            let time = self.time.time();
            let (status, is_gone, denied_tokens) = facts::news_of_user(&self.conn, user, tokens, &time)?;
            let known = Known { status, is_gone, denied_tokens };
            plan.withhold(wanted.as_ref(), rows, &known, time.now);
        }
        Ok(Some(plan))
    }

    /// Commits the intent, sends, commits the outcome.
    async fn step(
        &self,
        rows: &mut Rows,
        step: &Step,
        stop: &watch::Receiver<bool>,
    ) -> Result<(), WriteError> {
        let urgency = match step.act {
            Act::Remove => Urgency::Narrowing,
            Act::Create | Act::Update | Act::LookUp => Urgency::Normal,
        };
        let intents = rows.intend(step);
        if !intents.is_empty() {
            self.commit(urgency, intents, Vec::new(), Vec::new()).await?;
        }
        failpoint::pass("export.intent_committed");
        let answer = self.pacs.execute(step).await;
        failpoint::pass("export.answered");
        self.notices.pacs_reachable(!matches!(answer, Answer::NotSent { .. }));
        match answer.words() {
            Some(words) => {
                tracing::warn!(item = %step.item, act = ?step.act, words, "the PACS did not simply do it")
            }
            None => tracing::debug!(item = %step.item, act = ?step.act, "done"),
        }
        let before = rows.get(step.item.kind, &step.item.item).cloned();
        let settled =
            rows.settle(step, &answer, self.time.mono(), &self.limits, fastrand::u16(0..=JITTER_MAX));
        let event = rows.get(step.item.kind, &step.item.item).and_then(|row| news(before.as_ref(), row));
        let events: Vec<Event> = event.into_iter().collect();
        // The outcome must not be lost while this process lives: on disk the item still looks as if its
        // request were under way.
        while let Err(error) =
            self.commit(Urgency::Narrowing, settled.clone(), Vec::new(), events.clone()).await
        {
            if error == WriteError::Stopped || *stop.borrow() {
                return Err(error);
            }
            let mono = Some(self.time.mono().after_ms(DISK_RETRY_MS));
            self.time.clock().wait(Wake { wall: None, mono }).await;
        }
        Ok(())
    }

    async fn commit(
        &self,
        urgency: Urgency,
        rows: Vec<Row>,
        forget: Vec<crate::export::item::ItemId>,
        events: Vec<Event>,
    ) -> Result<(), WriteError> {
        let has_events = !events.is_empty();
        let written = self.writer.run(urgency, move |context| {
            for row in &rows {
                ledger::save(context.conn, row)?;
            }
            for id in &forget {
                ledger::forget(context.conn, id)?;
            }
            events.iter().try_for_each(|event| outbox::push(context.conn, context.now, event))
        });
        let written = written.await;
        match &written {
            Ok(()) => self.notices.ledger_changed(),
            Err(error) => tracing::error!(%error, "the ledger cannot be written"),
        }
        if has_events {
            self.notices.events();
        }
        written
    }
}

/// What to tell the source of an item that has come to rest.
fn news(before: Option<&Row>, row: &Row) -> Option<Event> {
    let was = before.map_or(State::Absent, |row| row.state);
    let refused =
        row.hold_reason.is_some() && before.is_none_or(|before| before.hold_reason != row.hold_reason);
    let result = match row.state {
        _ if refused => ExportResult::Refused,
        State::Present if was != State::Present => ExportResult::Present,
        State::Absent if was != State::Absent => ExportResult::Absent,
        State::Present | State::Absent | State::Maybe => return None,
    };
    let item = match row.id.kind {
        ItemKind::Person => "person".into(),
        ItemKind::Credential => format!("token {}", row.id.item),
        ItemKind::Permission => format!("permission {}", row.id.item),
    };
    let words = row.hold_reason.clone().filter(|_| refused);
    Some(Event::ExportResult { user: row.id.user.to_string(), item, result, words })
}
