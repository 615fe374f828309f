//! A card is written down: its token, and the event that tells of it, in one transaction.
//!
//! Not here: whether it may be (`judging`).

use super::asking::CardWish;
use super::machine::Step;
use super::touched;
use crate::mirror::overlay::enrolled::{self, Pending};
use crate::mirror::writer::Context;
use crate::mirror::{due, outbox};
use crate::reader::line::Presentation;
use crate::service::orders::Who;
use access::id::Key;
use access::time::UtcTime;
use contract::enrollment::{CardRead, Enrollment};
use contract::messages::Event;
use serde_json::json;

/// What was drawn and decided for a card.
pub(super) struct Drawn<'a> {
    pub(super) key: &'a Key,
    pub(super) expires: UtcTime,
    pub(super) identifier: &'a str,
    pub(super) confirmed: bool,
    pub(super) warnings: Vec<String>,
}

/// In force once it is on disk.
pub(super) fn write_down(
    context: &Context<'_>,
    wish: &CardWish,
    who: &Who,
    card: &Presentation,
    drawn: Drawn<'_>,
) -> rusqlite::Result<Step> {
    let Drawn { key, expires, identifier, confirmed, warnings } = drawn;
    let hex = card.uid.to_string();
    let record = json!({
        "user": wish.user.as_str(), "kind": wish.kind, "status": "ACTIVE",
        "identifiers": [{ "type": identifier, "hex": hex }], "valid_to": expires,
    });
    let pending =
        Pending { token: key.clone(), user: wish.user.clone(), record: record.to_string(), expires };
    if !enrolled::add(context.conn, &pending, context.now)? {
        let words = format!(
            "{} enrollments wait for the source already: it has to settle them",
            enrolled::PENDING_MAX
        );
        return Ok(Step::Refused { words });
    }
    due::add(context.conn, &touched(&wish.user))?;
    let event = Event::Enrollment(Enrollment {
        token: key.clone(),
        user: wish.user.clone(),
        kind: wish.kind,
        identifier: identifier.to_owned(),
        hex: hex.clone(),
        expires,
        read: CardRead {
            reader: card.reader.clone(),
            technology: card.technology.as_str().into(),
            confirmed,
            atr: card.atr.as_ref().map(ToString::to_string),
            sak: card.sak.as_ref().map(ToString::to_string),
            atqa: card.atqa.as_ref().map(ToString::to_string),
        },
        warnings: warnings.clone(),
        command: match who {
            Who::Command { id } => Some(id.clone()),
            Who::Local { .. } => None,
        },
    });
    outbox::push(context.conn, context.now, &event)?;
    Ok(Step::Enrolled { token: key.clone(), user: wish.user.clone(), uid: hex, expires, warnings })
}
