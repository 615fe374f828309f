//! Card numbers that two tokens share: which tokens are held, and that it is on disk and told.
//!
//! Not here: what is on its way to the PACS (`collisions`).

use super::Exporting;
use crate::export::item::State;
use crate::export::ledger;
use crate::export::ledger::shared::{self, SharedCard};
use crate::export::plan::token_of;
use crate::export::rows::Rows;
use crate::mirror::{Urgency, WriteError, outbox};
use access::id::Key;
use access::person::Facts;
use contract::messages::{Event, ExportResult};

impl Exporting {
    /// Tokens whose card number is another's in the PACS: there one would open the other's doors.
    pub(super) fn held_tokens(&self, facts: &Facts, rows: &Rows) -> rusqlite::Result<Vec<SharedCard>> {
        let mut held = Vec::new();
        for (key, token) in &facts.tokens {
            let Some(card) = access::person::card_number(token, &self.settings) else { continue };
            let is_there = rows.children().any(|row| {
                row.state != State::Absent
                    && token_of(&row.id.item) == key.as_str()
                    && row.card.as_deref() == Some(card.as_str())
            });
            let holder = if is_there { None } else { self.holder_of(&card, &facts.key, key)? };
            if let Some(holder) = holder {
                held.push(SharedCard { user: facts.key.clone(), token: key.clone(), card, holder });
            }
        }
        Ok(held)
    }

    /// Who else has the card number in the PACS, or on its way there.
    fn holder_of(&self, card: &str, user: &Key, token: &Key) -> rusqlite::Result<Option<(Key, String)>> {
        let holder = ledger::whose::holder_of_card(&self.conn, card, user, token)?;
        Ok(holder.or_else(|| self.collisions.borrow().other_claim(card, user, token)))
    }

    /// Notes which tokens of `user` are held, and tells the source of those that are newly so.
    pub(super) async fn note_held(&self, user: &Key, held: Vec<SharedCard>) -> Result<(), WriteError> {
        let known = self.collisions.borrow().known(user).to_vec();
        let is_new = |one: &&SharedCard| !known.iter().any(|known| known.token == one.token);
        let events: Vec<Event> = held.iter().filter(is_new).map(news).collect();
        let (of, rows, has_events) = (user.clone(), held.clone(), !events.is_empty());
        let noted = self.writer.run(Urgency::Normal, move |context| {
            shared::replace(context.conn, &of, &rows)?;
            events.iter().try_for_each(|event| outbox::push(context.conn, context.now, event))
        });
        noted.await.inspect_err(|error| tracing::error!(%error, %user, "held tokens cannot be noted"))?;
        self.collisions.borrow_mut().noted(user, held);
        self.notices.ledger_changed();
        if has_events {
            self.notices.events();
        }
        Ok(())
    }

    /// What the last process has noted.
    pub(super) fn recall_held(&self) -> rusqlite::Result<()> {
        let all = shared::list(&self.conn, u32::MAX)?;
        for held in all.chunk_by(|one, next| one.user == next.user) {
            self.collisions.borrow_mut().noted(&held[0].user, held.to_vec());
        }
        Ok(())
    }
}

fn news(held: &SharedCard) -> Event {
    Event::ExportResult {
        user: held.user.to_string(),
        item: format!("token {}", held.token),
        result: ExportResult::Refused,
        words: Some(words(held)),
    }
}

/// Why the token is held, without the number: it opens doors.
pub(in crate::service) fn words(held: &SharedCard) -> String {
    let (user, token) = &held.holder;
    format!(
        "held: its card number is that of token {token} of {user} in the PACS; give one of them another card"
    )
}
