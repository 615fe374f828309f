//! An office whose source is edited at random: users, tokens with statuses and windows, assignments.

use access::assignment::Assignment;
use access::card::CardNumberFormat;
use access::entitlement::Entitlement;
use access::id::Key;
use access::person::{Facts, Settings};
use access::text::Text;
use access::time::{UtcTime, Window};
use access::token::{Identifier, Token, TokenKind, TokenStatus};
use access::uid::RawId;
use access::user::{User, UserStatus};
use fastrand::Rng;
use std::collections::BTreeMap;

/// Users of the office.
pub(super) const USERS: usize = 5;
const TOKENS: [&str; 2] = ["t1", "t2"];
const RIGHTS: [&str; 2] = ["r1", "r2"];
/// Windows open and close within this many seconds around now.
const WINDOW_S: i64 = 1_500;

fn text(text: &str) -> Text {
    Text::try_from(text.to_owned()).expect("a text")
}

pub(super) fn key(name: &str) -> Key {
    Key::new(name).expect("a key")
}

pub(super) fn users() -> impl Iterator<Item = Key> {
    (1..=USERS).map(|at| key(&format!("u{at}")))
}

pub(super) fn settings() -> Settings {
    Settings {
        delete_user_on_no_access_token: true,
        delete_user_on_no_entitlement: true,
        user_identifier_prefix: "PA".into(),
        default_organization: None,
        email_type: "private".into(),
        identifier_type: "mifare".into(),
        card_number_format: CardNumberFormat::Hex,
        user_field_mappings: BTreeMap::new(),
        entitlement_import_types: vec!["AccessProfile".into()],
    }
}

/// The user of that name as the source first publishes it.
pub(super) fn hired(user: &Key, rng: &mut Rng, now: UtcTime) -> Facts {
    let mut facts = Facts {
        key: user.clone(),
        user: person(rng),
        tokens: Vec::new(),
        assignments: Vec::new(),
        vanished: std::collections::BTreeSet::new(),
    };
    for name in TOKENS {
        if rng.u8(0..3) > 0 {
            facts.tokens.push(token(user, name, rng, now));
        }
    }
    for name in RIGHTS {
        if rng.u8(0..3) > 0 {
            facts.assignments.push(assignment(user, name, rng, now));
        }
    }
    facts
}

/// One edit at the source.
pub(super) fn edit(facts: &mut Option<Facts>, user: &Key, rng: &mut Rng, now: UtcTime) {
    let Some(known) = facts else {
        *facts = Some(hired(user, rng, now));
        return;
    };
    match rng.u8(0..9) {
        0 => *facts = None,
        1 => known.user = person(rng),
        2 => known.user.status = status(rng),
        3 | 4 => {
            let name = TOKENS[rng.usize(0..TOKENS.len())];
            known.tokens.retain(|(key, _)| !key.as_str().ends_with(name));
            if rng.u8(0..4) > 0 {
                known.tokens.push(token(user, name, rng, now));
            }
        }
        5 => {
            if let Some((_, token)) = known.tokens.first_mut() {
                token.status = token_status(rng);
            }
        }
        _ => {
            let name = RIGHTS[rng.usize(0..RIGHTS.len())];
            let is_it = |entitlement: &Option<Entitlement>| {
                entitlement.as_ref().is_some_and(|found| found.pacs_ref.as_str() == name)
            };
            known.assignments.retain(|(_, entitlement)| !is_it(entitlement));
            if rng.u8(0..4) > 0 {
                known.assignments.push(assignment(user, name, rng, now));
            }
        }
    }
}

fn person(rng: &mut Rng) -> User {
    User {
        status: status(rng),
        given_name: text(["Ada", "Grace"][rng.usize(0..2)]),
        family_name: text("U"),
        organization: None,
        pin: None,
        emails: BTreeMap::new(),
        phones: BTreeMap::new(),
        attributes: BTreeMap::new(),
    }
}

fn status(rng: &mut Rng) -> UserStatus {
    match rng.u8(0..8) {
        0 => UserStatus::Locked,
        1 => UserStatus::Inactive,
        _ => UserStatus::Active,
    }
}

fn token_status(rng: &mut Rng) -> TokenStatus {
    match rng.u8(0..6) {
        0 => TokenStatus::Revoked,
        1 => TokenStatus::Locked,
        _ => TokenStatus::Active,
    }
}

fn token(user: &Key, name: &str, rng: &mut Rng, now: UtcTime) -> (Key, Token) {
    let bytes = [user.as_str().as_bytes()[1], name.as_bytes()[1], 0, rng.u8(1..3)];
    let hex = RawId::from_bytes(&bytes).expect("four bytes");
    let token = Token {
        user: Some(user.clone()),
        kind: TokenKind::Card,
        status: token_status(rng),
        identifiers: vec![Identifier { kind: text("mifare"), hex }],
        window: window(rng, now),
    };
    (key(&format!("{user}.{name}")), token)
}

fn assignment(user: &Key, right: &str, rng: &mut Rng, now: UtcTime) -> (Assignment, Option<Entitlement>) {
    let entitlement = Entitlement {
        kind: text("AccessProfile"),
        display_name: text(right),
        pacs_ref: text(right),
        class: None,
    };
    (Assignment { user: user.clone(), entitlement: key(right), window: window(rng, now) }, Some(entitlement))
}

fn window(rng: &mut Rng, now: UtcTime) -> Window {
    let edge = |rng: &mut Rng| UtcTime::from_unix(now.unix() + rng.i64(-WINDOW_S..WINDOW_S));
    let from = (rng.u8(0..4) == 0).then(|| edge(rng));
    let to = (rng.u8(0..2) == 0).then(|| edge(rng));
    Window::new(from, to).unwrap_or(Window::ALWAYS)
}
