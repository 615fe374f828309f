//! One user's work: what should be against what the ledger knows, step by step.
//!
//! Not here: whose turn it is (`exporting`).

use super::{DISK_RETRY_MS, Done, Exporting};
use crate::clock::{MonoMs, Wake};
use crate::export::item::{Act, Answer, ItemId, ItemKind, JITTER_MAX, Row, State, Step};
use crate::export::ledger::shared::SharedCard;
use crate::export::ledger::{self, role};
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
use std::borrow::Cow;
use tokio::sync::watch;

/// What was read of a user. It holds until somebody else touches it: what this work changes, it changes here as well.
struct Seen {
    /// As the mirror has it.
    facts: Option<Facts>,
    rows: Rows,
    /// Under which the user stood on the list before anything was read.
    mark: Option<Mark>,
    is_whole: bool,
    /// What was touched by then ([`Notices::touches`](crate::service::notices::Notices::touches)).
    touches: u64,
}

/// What follows from it now.
struct Look {
    plan: Plan,
    found: Found,
    /// Tokens that wait for a card number.
    held: Vec<SharedCard>,
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
        let (mut known, mut is_noting) = (None::<Seen>, true);
        loop {
            if *stop.borrow() || !self.gate.is_open() {
                return (None, Found::Restless);
            }
            let is_current = |seen: &Seen| seen.touches == self.notices.touches();
            // Read anew when anybody was touched: someone may have approved or judged something meanwhile.
            let seen = known.take().filter(is_current).map_or_else(|| self.read(user), |seen| Ok(Some(seen)));
            let looked = seen.and_then(|seen| {
                seen.map(|seen| Ok::<_, rusqlite::Error>((self.look(&seen)?, seen))).transpose()
            });
            let (Look { plan, found, held }, mut seen) = match looked {
                Ok(Some(looked)) => looked,
                Ok(None) => return (None, Found::Restless),
                Err(error) => {
                    tracing::error!(%error, %user, "the mirror cannot be read");
                    return later();
                }
            };
            if is_noting && self.collisions.borrow().is_news(user, &held) {
                // A full disk must not keep the user's other items where they are.
                is_noting = self.note_held(user, held).await.is_ok();
                // From a look to the claim of a card number nobody else may come between.
                known = Some(seen);
                continue;
            }
            if plan.has_notes() {
                let Plan { notes, forget, .. } = plan.clone();
                if self.commit(Urgency::Narrowing, notes, forget, Vec::new()).await.is_err() {
                    return later();
                }
                seen.rows.apply(&plan);
                if plan.is_pending {
                    self.judgement_is_due();
                }
                known = Some(seen);
                continue;
            }
            if plan.is_pending {
                self.judgement_is_due();
            }
            let Some(step) = plan.steps.first() else { return (plan.wake, found) };
            if !self.breaker.get().is_closed() {
                // Everyone who waits for the PACS is looked at again when it answers.
                return (None, Found::Restless);
            }
            if self.step(&mut seen.rows, step, stop).await.is_err() {
                return later();
            }
            known = Some(seen);
        }
    }

    /// What mirror and ledger say of the user, at one moment; none when another gateway exports by now.
    fn read(&self, user: &Key) -> rusqlite::Result<Option<Seen>> {
        let touches = self.notices.touches();
        let at_once = self.conn.unchecked_transaction()?;
        if !role::standing(&at_once)?.may_send() {
            return Ok(None);
        }
        let seen = Seen {
            mark: due::mark(&at_once, user.as_str())?,
            is_whole: standing::standing(&at_once)?.whole,
            rows: Rows::new(user.clone(), ledger::load(&at_once, user)?),
            facts: facts::of_user(&at_once, user)?,
            touches,
        };
        at_once.commit()?;
        Ok(Some(seen))
    }

    /// What there is to do for the user.
    fn look(&self, seen: &Seen) -> rusqlite::Result<Look> {
        let time = self.time.time();
        let grounds = grounds(seen.facts.as_ref(), &self.settings, &time);
        let held = match &seen.facts {
            Some(facts) => self.held_tokens(facts, &seen.rows)?,
            None => Vec::new(),
        };
        let facts = seen.facts.as_ref().map(|facts| {
            if held.is_empty() { Cow::Borrowed(facts) } else { Cow::Owned(without(facts, &held)) }
        });
        let wanted = facts.and_then(|facts| person(&facts, &self.settings, &time));
        let mut plan = plan(wanted.as_ref(), &seen.rows, self.time.mono(), &self.caps, &grounds);
        if !seen.is_whole {
            self.withhold(seen.rows.user(), wanted.as_ref(), &seen.rows, &mut plan)?;
        }
        let nothing_later =
            plan.wake.is_none() && plan.wake_at.is_none() && !plan.is_pending && held.is_empty();
        let found = match plan.steps.is_empty() && plan.waiting == 0 && nothing_later {
            // Otherwise it says nothing that nothing is left to do.
            _ if !seen.is_whole || time.trust != Trust::Trusted => Found::Unsaid,
            true => Found::AtRest(seen.mark),
            false => Found::Restless,
        };
        Ok(Look { plan, found, held })
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
        let card = rows.get(step.item.kind, &step.item.item).filter(|row| row.state != State::Absent);
        self.collisions.borrow_mut().claim(step, card.and_then(|row| row.card.as_deref()));
        let intents = rows.intend(step, &self.caps);
        if !intents.is_empty()
            && let Err(error) = self.commit(urgency, intents, Vec::new(), Vec::new()).await
        {
            self.collisions.borrow_mut().withdraw(&step.item);
            return Err(error);
        }
        failpoint::pass("export.intent_committed");
        let answer = self.send(step, stop).await;
        failpoint::pass("export.answered");
        let before = rows.get(step.item.kind, &step.item.item).cloned();
        let rules = (&self.caps, &self.limits);
        let settled = rows.settle(step, &answer, self.time.mono(), rules, fastrand::u16(0..=JITTER_MAX));
        let settled = Rows::worth_writing(step, before.as_ref(), settled);
        let after = rows.get(step.item.kind, &step.item.item);
        let events: Vec<Event> = after.and_then(|row| news(before.as_ref(), row)).into_iter().collect();
        if settled.is_empty() && events.is_empty() {
            return Ok(());
        }
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
        let waiting = self.collisions.borrow_mut().settled(&settled);
        self.notices.touched(waiting);
        Ok(())
    }

    /// Sends the request in its turn: so many are in flight, and no more.
    async fn send(&self, step: &Step, stop: &watch::Receiver<bool>) -> Answer {
        let turn = self.in_flight.acquire().await;
        if turn.is_err() || *stop.borrow() || !self.breaker.get().is_closed() || !self.gate.is_open() {
            return Answer::NotSent { words: "sending stopped before its turn came".into() };
        }
        let answer = self.pacs.execute(step).await;
        drop(turn);
        self.heard(step, &answer);
        answer
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

fn without(facts: &Facts, held: &[SharedCard]) -> Facts {
    let mut facts = facts.clone();
    facts.tokens.retain(|(key, _)| !held.iter().any(|one| one.token == *key));
    facts
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
