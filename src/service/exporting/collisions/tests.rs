//! Claims end when the ledger says how the request has ended, and whoever waits for the number is looked at.

use super::*;
use crate::export::content::Content;
use crate::export::item::{Hash, Ids};
use access::person::Credential;
use access::time::Window;
use access::trust::Need;

fn key(text: &str) -> Key {
    Key::new(text).expect("a key")
}

fn step(act: Act, user: &str, card: &str) -> Step {
    let credential = Credential { need: Need::Want, card_number: card.into(), window: Window::ALWAYS };
    Step {
        item: ItemId { user: key(user), kind: ItemKind::Credential, item: "c".into() },
        act,
        content: Some(Content::Credential(credential)),
        wanted: Some(Hash([card.as_bytes()[0]; 16])),
        ids: Ids::default(),
        attempt: 1,
    }
}

/// The row after `step` has come to `state`; acknowledged unless it is in doubt.
fn row(step: &Step, state: State) -> Row {
    let mut row = Row::new(step.item.clone(), "c".into());
    row.intend(step);
    row.state = state;
    row.acked_hash = step.wanted.filter(|_| state == State::Present);
    row
}

/// Bo waits for card 1.
fn waiting_for_1() -> Collisions {
    let mut collisions = Collisions::default();
    let holder = (key("ada"), "c".into());
    let held = SharedCard { user: key("bo"), token: key("c"), card: "1".into(), holder };
    assert!(collisions.is_news(&key("bo"), std::slice::from_ref(&held)));
    collisions.noted(&key("bo"), vec![held]);
    collisions
}

fn claimant(collisions: &Collisions, card: &str) -> Option<String> {
    collisions.other_claim(card, &key("nobody"), &key("c")).map(|(user, _)| user.to_string())
}

fn bo() -> Touched {
    let mut touched = Touched::nobody();
    touched.add("bo".into(), Haste::InTurn);
    touched
}

#[test]
fn a_number_is_claimed_until_its_credential_is_acknowledged() {
    let mut collisions = waiting_for_1();
    let create = step(Act::Create, "ada", "1");
    collisions.claim(&create, None);
    assert_eq!(claimant(&collisions, "1").as_deref(), Some("ada"));
    assert_eq!(collisions.other_claim("1", &key("ada"), &key("c")), None, "her own");
    assert_eq!(collisions.settled(&[row(&create, State::Present)]), Touched::nobody(), "she has it");
    assert!(collisions.claims.is_empty(), "the ledger knows it now");
}

#[test]
fn a_number_that_is_replaced_is_free_once_the_change_is_acknowledged() {
    let mut collisions = waiting_for_1();
    let update = step(Act::Update, "ada", "2");
    collisions.claim(&update, Some("1"));
    assert_eq!(collisions.settled(&[row(&update, State::Maybe)]), Touched::nobody());
    let mut refused = row(&update, State::Present);
    refused.acked_hash = step(Act::Update, "ada", "1").wanted;
    assert_eq!(collisions.settled(&[refused]), Touched::nobody(), "the PACS still has the old one");
    assert_eq!(claimant(&collisions, "1").as_deref(), Some("ada"));
    assert_eq!(collisions.settled(&[row(&update, State::Present)]), bo());
    assert!(collisions.claims.is_empty());
}

#[test]
fn what_leaves_the_pacs_frees_its_number() {
    let mut collisions = waiting_for_1();
    let create = step(Act::Create, "ada", "1");
    assert_eq!(collisions.settled(&[row(&create, State::Absent)]), bo(), "claimed before a restart");
    collisions.claim(&create, None);
    collisions.withdraw(&create.item);
    assert!(collisions.claims.is_empty(), "nothing was sent");
    collisions.noted(&key("bo"), Vec::new());
    assert_eq!(
        collisions.settled(&[row(&create, State::Absent)]),
        Touched::nobody(),
        "nobody waits any more"
    );
}
