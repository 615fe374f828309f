//! Whether a card may be a user's.
//!
//! Not here: what the bytes themselves say against it (`access::uid`).

use crate::mirror::cards;
use crate::mirror::facts;
use crate::reader::card;
use crate::reader::line::Presentation;
use access::id::Key;
use access::uid::check::{Refusal, Site, Warning, check};
use access::uid::{Technology, Uid};
use access::user::UserStatus;
use rusqlite::Connection;

/// What is to be known of the card, or why it may not be enrolled.
pub(super) type Judged = Result<Vec<String>, String>;

/// Whether the user may be given a card.
pub(super) fn user(conn: &Connection, user: &Key) -> rusqlite::Result<Result<(), String>> {
    Ok(match facts::of_user(conn, user)?.map(|facts| facts.user.status) {
        None => Err(format!("there is no user {user} here; look at `doorward query users`")),
        Some(UserStatus::Inactive) => Err(format!("user {user} is inactive")),
        Some(UserStatus::Locked) => Err(format!("user {user} is locked")),
        Some(UserStatus::Active) => Ok(()),
    })
}

/// Whether the card may be the user's.
pub(super) fn card(conn: &Connection, card: &Presentation, user: &Key) -> rusqlite::Result<Judged> {
    let technology = technology(card.technology);
    let (mut known, mut owners) = (Vec::new(), Vec::new());
    for (token, record) in cards::candidates(conn, &card.uid)? {
        for identifier in &record.identifiers {
            if identifier.hex == card.uid {
                let whose = whose(record.user.as_ref(), user);
                let words = format!(
                    "card {} is token {token} already, {whose}: revoke or delete that one at the source first",
                    card.uid
                );
                return Ok(Err(words));
            }
            if let Some(uid) = Uid::new(identifier.hex.as_bytes(), Technology::Other) {
                owners.push((uid.clone(), format!("token {token} {}", whose(record.user.as_ref(), user))));
                known.push(uid);
            }
        }
    }
    let verdict = check(card.uid.as_bytes(), technology, Site::default(), &known);
    let owner = |uid: &Uid| {
        let owner = owners.iter().find(|(known, _)| known == uid);
        owner.map(|(_, owner)| format!(" ({owner})")).unwrap_or_default()
    };
    if !verdict.may_enroll() {
        let words = verdict.refusals.iter().map(|refusal| match refusal {
            Refusal::LooksLike(other, _) => format!("{refusal}{}", owner(other)),
            Refusal::Empty
            | Refusal::Length { .. }
            | Refusal::AllZero
            | Refusal::Random
            | Refusal::CascadeTag
            | Refusal::Reserved => refusal.to_string(),
        });
        return Ok(Err(format!("{}: {}", card.uid, words.collect::<Vec<_>>().join("; "))));
    }
    let warnings = verdict.warnings.iter().map(|warning| match warning {
        Warning::LooksLike(other, _) => format!("{warning}{}", owner(other)),
        Warning::Reused | Warning::NotUnique | Warning::RandomIfReversed | Warning::TooShortFor(_) => {
            warning.to_string()
        }
    });
    Ok(Ok(warnings.collect()))
}

/// What the reader took it for, in the words of the rules.
fn technology(seen: card::Technology) -> Technology {
    match seen {
        card::Technology::MifareClassicMini => Technology::ClassicMini,
        card::Technology::MifareClassic1k => Technology::Classic1k,
        card::Technology::MifareClassic4k => Technology::Classic4k,
        card::Technology::MifareUltralight | card::Technology::Ntag => Technology::Ultralight,
        card::Technology::MifarePlus => Technology::Plus,
        card::Technology::MifareDesfire | card::Technology::MifareDesfireLight => Technology::Desfire,
        _ => Technology::Other,
    }
}

fn whose(holder: Option<&Key>, user: &Key) -> String {
    match holder {
        Some(holder) if holder == user => "of the same user".to_owned(),
        Some(holder) => format!("of {holder}"),
        None => "of nobody".to_owned(),
    }
}

/// The same once more in the transaction that writes it.
pub(super) fn at_the_end(conn: &Connection, card: &Presentation, user: &Key) -> rusqlite::Result<Judged> {
    match self::user(conn, user)? {
        Ok(()) => self::card(conn, card, user),
        Err(words) => Ok(Err(words)),
    }
}
