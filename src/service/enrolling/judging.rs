//! Whether a card may be a user's.
//!
//! Not here: what the bytes themselves say against it (`access::uid`).

use crate::mirror::cards;
use crate::mirror::facts;
use crate::reader::line::Presentation;
use access::id::Key;
use access::uid::check::check;
use access::uid::likeness::{Likeness, likeness};
use access::user::UserStatus;
use rusqlite::Connection;

/// Most warnings of one card.
const WARNINGS_MAX: usize = 8;

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
    let warnings = match check(&card.uid) {
        Ok(warnings) => warnings,
        Err(refusal) => return Ok(Err(format!("{}: {refusal}", card.uid))),
    };
    let mut words: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    for (token, record) in cards::candidates(conn, &card.uid)? {
        for identifier in &record.identifiers {
            let whose = whose(record.user.as_ref(), user);
            if identifier.hex == card.uid {
                let words = format!(
                    "card {} is token {token} already, {whose}: revoke or delete that one at the source first",
                    card.uid
                );
                return Ok(Err(words));
            }
            match likeness(&identifier.hex, &card.uid) {
                Some(Likeness::Reversed) => {
                    let words = format!(
                        "card {} is token {token} read from the other end, {whose}: this reader, or the one that read \
                         that card, sends the last byte first",
                        card.uid
                    );
                    return Ok(Err(words));
                }
                Some(Likeness::FourBytes) if words.len() < WARNINGS_MAX => words.push(format!(
                    "a reader that sends 4 bytes takes it for token {token} ({}), {whose}",
                    identifier.hex
                )),
                // Too many share 3 bytes; where the PACS wants those, the export holds one of two.
                Some(Likeness::FourBytes | Likeness::ThreeBytes) | None => {}
            }
        }
    }
    Ok(Ok(words))
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
