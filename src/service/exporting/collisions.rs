//! Card numbers that two tokens share: the one that is in the PACS stays, the newcomer waits. Pure bookkeeping.
//!
//! What is in the PACS already the ledger knows; this knows what is on its way there, and who waits for what.
//!
//! Not here: how a number comes about (`access::card`).

use crate::export::item::{Act, Step};
use crate::export::plan::token_of;
use crate::mirror::touched::{Haste, Touched};
use access::id::Key;
use std::collections::BTreeMap;

/// A token that waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Collision {
    /// Its user.
    pub user: Key,
    /// Its key.
    pub token: Key,
    /// The card number that it shares.
    pub card: String,
    /// The user and token that have it.
    pub holder: (Key, String),
}

/// Numbers on their way to the PACS, and tokens that wait for one.
#[derive(Default)]
pub struct Collisions {
    claims: BTreeMap<String, (Key, String)>,
    waiting: BTreeMap<Key, Vec<Collision>>,
}

impl Collisions {
    /// A credential is about to be sent.
    pub fn claim(&mut self, step: &Step) {
        let credential = step.content.as_ref().and_then(|content| content.credential());
        if let (Some(credential), Act::Create | Act::Update) = (credential, step.act) {
            let holder = (step.item.user.clone(), token_of(&step.item.item).to_owned());
            self.claims.insert(credential.card_number.clone(), holder);
        }
    }

    /// Who else has the number on its way.
    pub fn other_claim(&self, card: &str, user: &Key, token: &Key) -> Option<(Key, String)> {
        let is_other = |(by, held): &&(Key, String)| (by, held.as_str()) != (user, token.as_str());
        self.claims.get(card).filter(is_other).cloned()
    }

    /// All tokens of `user` that wait now.
    pub fn found(&mut self, user: &Key, held: Vec<Collision>) {
        if held.is_empty() {
            self.waiting.remove(user);
        } else {
            self.waiting.insert(user.clone(), held);
        }
    }

    /// These numbers have left the PACS: whoever waits for one is to be looked at.
    pub fn freed(&mut self, cards: &[String]) -> Touched {
        let mut touched = Touched::nobody();
        for card in cards {
            self.claims.remove(card);
            let waits = |held: &&Vec<Collision>| held.iter().any(|collision| collision.card == *card);
            let users = self.waiting.iter().filter(|(_, held)| waits(held)).map(|(user, _)| user.to_string());
            users.for_each(|user| touched.add(user, Haste::InTurn));
        }
        touched
    }

    /// Everything that waits, by user.
    pub fn waiting(&self) -> impl Iterator<Item = &Collision> {
        self.waiting.values().flatten()
    }
}
