//! Card numbers that two tokens share: the one that is in the PACS stays, the newcomer waits. Pure bookkeeping.
//!
//! What is in the PACS already the ledger knows; this knows what is on its way there, and who waits for what.
//!
//! Not here: how a number comes about (`access::card`), who waits on disk (`ledger::shared`).

use crate::export::item::{Act, ItemId, ItemKind, Row, State, Step};
use crate::export::ledger::shared::SharedCard;
use crate::export::plan::token_of;
use crate::mirror::touched::{Haste, Touched};
use access::id::Key;
use std::collections::BTreeMap;

/// Numbers on their way to the PACS, and tokens that wait for one.
#[derive(Default)]
pub struct Collisions {
    /// By number: the user and token that claim it until their ledger row says how it ended. A replaced number is
    /// claimed as well: as long as the request may have failed, the PACS may still have it.
    claims: BTreeMap<String, (Key, String)>,
    waiting: BTreeMap<Key, Vec<SharedCard>>,
}

impl Collisions {
    /// A credential is about to be sent; `before` is the number that the PACS knew it by.
    pub fn claim(&mut self, step: &Step, before: Option<&str>) {
        let credential = step.content.as_ref().and_then(|content| content.credential());
        if let (Some(credential), Act::Create | Act::Update) = (credential, step.act) {
            let holder = (step.item.user.clone(), token_of(&step.item.item).to_owned());
            for card in before.into_iter().chain([credential.card_number.as_str()]) {
                self.claims.insert(card.to_owned(), holder.clone());
            }
        }
    }

    /// Nothing was sent: the intent could not be written.
    pub fn withdraw(&mut self, item: &ItemId) {
        self.take_claims(&item.user, token_of(&item.item));
    }

    /// Who else has the number on its way.
    pub fn other_claim(&self, card: &str, user: &Key, token: &Key) -> Option<(Key, String)> {
        let is_other = |(by, held): &&(Key, String)| (by, held.as_str()) != (user, token.as_str());
        self.claims.get(card).filter(is_other).cloned()
    }

    /// Whether anything but `held` is known of the tokens of `user` that wait.
    pub fn is_news(&self, user: &Key, held: &[SharedCard]) -> bool {
        self.known(user) != held
    }

    /// The tokens of `user` that are known to wait.
    pub fn known(&self, user: &Key) -> &[SharedCard] {
        self.waiting.get(user).map_or(&[], Vec::as_slice)
    }

    /// It is noted on disk that these tokens of `user` wait, and no others.
    pub fn noted(&mut self, user: &Key, held: Vec<SharedCard>) {
        if held.is_empty() {
            self.waiting.remove(user);
        } else {
            self.waiting.insert(user.clone(), held);
        }
    }

    /// These rows are on disk now. Whoever waits for a number that the PACS no longer has is to be looked at.
    pub fn settled(&mut self, rows: &[Row]) -> Touched {
        let mut touched = Touched::nobody();
        for row in rows.iter().filter(|row| row.id.kind == ItemKind::Credential) {
            let has = match row.state {
                State::Absent => None,
                State::Present if row.acked_hash.is_some() && row.acked_hash == row.sent_hash => {
                    row.card.as_ref()
                }
                // It may have the number that was to be replaced.
                State::Present | State::Maybe => continue,
            };
            let mut freed = self.take_claims(&row.id.user, token_of(&row.id.item));
            freed.extend(row.card.clone());
            for card in freed.iter().filter(|card| Some(*card) != has) {
                self.waiting_for(card).for_each(|user| touched.add(user.to_string(), Haste::InTurn));
            }
        }
        touched
    }

    fn take_claims(&mut self, user: &Key, token: &str) -> Vec<String> {
        let is_theirs = |_: &String, (by, held): &mut (Key, String)| (&*by, held.as_str()) == (user, token);
        self.claims.extract_if(.., is_theirs).map(|(card, _)| card).collect()
    }

    fn waiting_for(&self, card: &str) -> impl Iterator<Item = &Key> {
        let waits = move |held: &[SharedCard]| held.iter().any(|collision| collision.card == card);
        self.waiting.iter().filter(move |(_, held)| waits(held)).map(|(user, _)| user)
    }
}

#[cfg(test)]
mod tests;
