//! One user's work: what should be against what the ledger knows, step by step.
//!
//! Not here: whose turn it is (`exporting`).

use super::collisions::Collision;
use super::{DISK_RETRY_MS, Done, Exporting};
use crate::clock::{MonoMs, Wake};
use crate::export::item::{Act, Answer, ItemId, ItemKind, JITTER_MAX, Row, State, Step};
use crate::export::ledger;
use crate::export::plan::{Grounds, Known, Plan, plan, token_of};
use crate::export::rows::Rows;
use crate::failpoint;
use crate::mirror::due::{self, Mark};
use crate::mirror::{Urgency, WriteError, facts, outbox, standing};
use crate::service::agenda::progress::Found;
use access::id::Key;
use access::person::{Facts, Person, Settings, barred_tokens, person};
use access::trust::{Time, Trust};
use access::user::UserStatus;
use contract::messages::{Event, ExportResult};
use tokio::sync::watch;

/// What one look at a user has shown.
struct Look {
    plan: Plan,
    rows: Rows,
    /// Under which the user stood on the list before anything was read.
    mark: Option<Mark>,
    /// By a trusted clock and a whole mirror: otherwise that nothing is left to do says nothing.
    is_final: bool,
    /// None of its tokens waits for a card number.
    is_alone: bool,
}

impl Look {
    fn found(&self) -> Found {
        let Plan { steps, wake, waiting, is_pending, wake_at, .. } = &self.plan;
        let nothing_later = wake.is_none() && wake_at.is_none() && !is_pending && self.is_alone;
        match steps.is_empty() && *waiting == 0 && nothing_later {
            _ if !self.is_final => Found::Unsaid,
            true => Found::AtRest(self.mark),
            false => Found::Restless,
        }
    }
}

impl Exporting {
    /// Works on one user until nothing more can be done now.
    pub(super) async fn user(&self, user: String, stop: watch::Receiver<bool>) -> Done {
        let (again, found) = match Key::new(&user) {
            Ok(key) => self.converge(&key, &stop).await,
            Err(_) => (None, Found::Restless),
        };
        Done { user, again, found }
    }

    async fn converge(&self, user: &Key, stop: &watch::Receiver<bool>) -> (Option<MonoMs>, Found) {
        let later = || (Some(self.time.mono().after_ms(DISK_RETRY_MS)), Found::Restless);
        loop {
            if *stop.borrow() || !self.may_send() {
                return (None, Found::Restless);
            }
            // Read anew for each step: someone may have approved or judged something meanwhile.
            let look = match self.look(user) {
                Ok(look) => look,
                Err(error) => {
                    tracing::error!(%error, %user, "the mirror cannot be read");
                    return later();
                }
            };
            let found = look.found();
            let Look { plan, mut rows, .. } = look;
            if plan.has_notes() {
                let Plan { notes, forget, .. } = plan.clone();
                if self.commit(Urgency::Narrowing, notes, forget, Vec::new()).await.is_err() {
                    return later();
                }
                rows.apply(&plan);
            }
            if plan.is_pending {
                self.judgement_is_due();
            }
            let Some(step) = plan.steps.first() else { return (plan.wake, found) };
            if !self.breaker.get().is_closed() {
                // Everyone who waits for the PACS is looked at again when it answers.
                return (None, Found::Restless);
            }
            if self.step(&mut rows, step, stop).await.is_err() {
                return later();
            }
        }
    }

    /// What there is to do for the user.
    fn look(&self, user: &Key) -> rusqlite::Result<Look> {
        let mark = due::mark(&self.conn, user.as_str())?;
        // Read before the rows: it only ever becomes true, and rows of before its proof are not whole.
        let is_whole = standing::standing(&self.conn)?.whole;
        let rows = Rows::new(user.clone(), ledger::load(&self.conn, user)?);
        let mut facts = facts::of_user(&self.conn, user)?;
        let time = self.time.time();
        let grounds = grounds(facts.as_ref(), &self.settings, &time);
        let is_alone = match &mut facts {
            Some(facts) => self.leave_out_collisions(facts, &rows)?,
            None => true,
        };
        let wanted = facts.and_then(|facts| person(&facts, &self.settings, &time));
        let mut plan = plan(wanted.as_ref(), &rows, self.time.mono(), &self.caps, &grounds);
        if !is_whole {
            self.withhold(user, wanted.as_ref(), &rows, &mut plan)?;
        }
        let is_final = is_whole && time.trust == Trust::Trusted;
        Ok(Look { plan, rows, mark, is_final, is_alone })
    }

    fn withhold(
        &self,
        user: &Key,
        wanted: Option<&Person>,
        rows: &Rows,
        plan: &mut Plan,
    ) -> rusqlite::Result<()> {
        let tokens = rows.children().filter(|row| row.id.kind == ItemKind::Credential);
        let tokens = tokens.map(|row| token_of(&row.id.item));
        let time = self.time.time();
        let (status, is_gone, denied_tokens) = facts::news_of_user(&self.conn, user, tokens, &time)?;
        plan.withhold(wanted, rows, &Known { status, is_gone, denied_tokens }, time.now);
        Ok(())
    }

    /// Takes away tokens whose card number is another's in the PACS: there one would open the other's doors. Says
    /// whether there are none.
    fn leave_out_collisions(&self, facts: &mut Facts, rows: &Rows) -> rusqlite::Result<bool> {
        let mut held = Vec::new();
        for (key, token) in &facts.tokens {
            let Some(card) = access::person::card_number(token, &self.settings) else { continue };
            let is_there = rows.children().any(|row| {
                row.state != State::Absent
                    && token_of(&row.id.item) == key.as_str()
                    && row.card.as_deref() == Some(card.as_str())
            });
            let holder = if is_there {
                None
            } else {
                ledger::whose::holder_of_card(&self.conn, &card, &facts.key, key)?
            };
            let holder = holder.or_else(|| self.collisions.borrow().other_claim(&card, &facts.key, key));
            if let Some(holder) = holder.filter(|_| !is_there) {
                held.push(Collision { user: facts.key.clone(), token: key.clone(), card, holder });
            }
        }
        facts.tokens.retain(|(key, _)| held.iter().all(|collision| collision.token != *key));
        let is_alone = held.is_empty();
        self.collisions.borrow_mut().found(&facts.key, held);
        Ok(is_alone)
    }

    /// Commits the intent, sends, commits the outcome.
    async fn step(
        &self,
        rows: &mut Rows,
        step: &Step,
        stop: &watch::Receiver<bool>,
    ) -> Result<(), WriteError> {
        let urgency = match step.act {
            Act::Remove | Act::RemoveExtra => Urgency::Narrowing,
            Act::Create | Act::Update | Act::LookUp => Urgency::Normal,
        };
        self.collisions.borrow_mut().claim(step);
        let intents = rows.intend(step, &self.caps);
        if !intents.is_empty() {
            self.commit(urgency, intents, Vec::new(), Vec::new()).await?;
        }
        failpoint::pass("export.intent_committed");
        let answer = self.pacs.execute(step).await;
        failpoint::pass("export.answered");
        self.heard(step, &answer);
        let before = rows.get(step.item.kind, &step.item.item).cloned();
        let rules = (&self.caps, &self.limits);
        let settled = rows.settle(step, &answer, self.time.mono(), rules, fastrand::u16(0..=JITTER_MAX));
        let after = rows.get(step.item.kind, &step.item.item);
        let events: Vec<Event> = after.and_then(|row| news(before.as_ref(), row)).into_iter().collect();
        let freed =
            settled.iter().filter(|row| row.state == State::Absent).filter_map(|row| row.card.clone());
        let freed: Vec<String> = freed.collect();
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
        let waiting = self.collisions.borrow_mut().freed(&freed);
        self.notices.touched(waiting);
        Ok(())
    }

    fn heard(&self, step: &Step, answer: &Answer) {
        let mut breaker = self.breaker.get();
        breaker.answered(answer, self.time.mono());
        if self.breaker.replace(breaker).is_closed() && !breaker.is_closed() {
            tracing::warn!("the PACS does not answer as it should: nothing is sent but a probe now and then");
            self.notices.circuit_open(true);
        }
        self.notices.pacs_reachable(!matches!(answer, Answer::NotSent { .. }));
        match answer.words() {
            Some(words) => {
                tracing::warn!(item = %step.item, act = ?step.act, words, "the PACS did not simply do it")
            }
            None => tracing::debug!(item = %step.item, act = ?step.act, "done"),
        }
    }

    pub(super) async fn commit(
        &self,
        urgency: Urgency,
        rows: Vec<Row>,
        forget: Vec<ItemId>,
        events: Vec<Event>,
    ) -> Result<(), WriteError> {
        let has_events = !events.is_empty();
        rows.iter().map(|row| &row.id).chain(&forget).for_each(|id| self.gate.note(&id.user));
        let written = self.writer.run(urgency, move |context| {
            for row in &rows {
                ledger::save(context.conn, row, context.now)?;
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

/// What the mirror says about why items of a user may have to go.
pub(in crate::service) fn grounds(facts: Option<&Facts>, settings: &Settings, time: &Time) -> Grounds {
    Grounds {
        user_is_barred: facts.is_some_and(|facts| facts.user.status != UserStatus::Active),
        barred_tokens: facts
            .map(|facts| barred_tokens(facts).map(Key::to_string).collect())
            .unwrap_or_default(),
        passed: match time.trust {
            Trust::Trusted => time.now,
            Trust::Untrusted => time.floor,
        },
        needs_token: settings.delete_user_on_no_access_token,
        needs_entitlement: settings.delete_user_on_no_entitlement,
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
