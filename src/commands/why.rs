//! `doorward why`: may this card pass this door, and if not, what stands in the path.

use super::answer;
use super::table::clean;
use crate::cli::How;
use crate::config;
use crate::mirror::{Mirror, outbox};
use crate::service::answering::why::{Asked, Card, Instant, PathAsked, Shown, Why};
use access::id::Key;
use access::time::UtcTime;
use access::uid::RawId;
use anyhow::{Context as _, Result, anyhow};
use contract::at_door::Access;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

/// Prints the answer; true if any of the cards may pass.
///
/// # Errors
/// When the configuration or the mirror cannot be read.
pub fn why(file: &Path, uid: Option<RawId>, user: Option<Key>, door: Option<Key>, how: How) -> Result<bool> {
    let door = door.ok_or_else(|| anyhow!("name the door"))?;
    let shown = match (uid, user) {
        (_, Some(user)) => Shown::User(user),
        (Some(uid), None) => Shown::Uid(uid),
        (None, None) => return Err(anyhow!("name a card by its bytes, or a user")),
    };
    let why = answer::ask(file, how.at, |answering| Ok(answering.why(&shown, &door)?))?;
    if how.json {
        println!("{}", serde_json::to_string(&why)?);
    } else {
        print!("{}", said(&why, &shown));
    }
    Ok(why.granted)
}

/// What was said then of the card of an event, and what today's records say of that time. True if it might pass then.
///
/// # Errors
/// When the configuration or the mirror cannot be read, or there is no such event.
pub fn event(file: &Path, number: u64, how: How) -> Result<bool> {
    let config = config::load(file)?;
    let conn = Mirror::at(&config.state_dir).open_reader()?;
    let told = outbox::told(&conn, number)?.ok_or_else(|| {
        anyhow!(
            "event {number}: it is not here, or not any more; `doorward query events` lists those that are"
        )
    })?;
    let (at, access) = (told.event.at, of_card_at_door(number, told.event.event.get())?);
    let uid = RawId::from_hex(&access.hex).map_err(|reason| anyhow!("event {number}: {reason}"))?;
    let shown = Shown::Uid(uid);
    let why = answer::ask(file, Some(at), |answering| Ok(answering.why(&shown, &access.door)?))?;
    if how.json {
        println!("{}", json!({ "event": number, "at": at, "then": access, "now": why }));
    } else {
        print!("{}\n{}", then(number, at, &access), said(&why, &shown));
    }
    Ok(access.granted)
}

fn of_card_at_door(number: u64, event: &str) -> Result<Access> {
    let whole: Value = serde_json::from_str(event).with_context(|| format!("event {number}"))?;
    if whole["type"] != "access" {
        return Err(anyhow!(
            "event {number}: it is not of a card at a door; `doorward query events access` lists those"
        ));
    }
    serde_json::from_str(event).with_context(|| format!("event {number}: another version has written it"))
}

/// What was decided, by what.
fn then(number: u64, at: UtcTime, access: &Access) -> String {
    let verdict = if access.granted { "GRANTED" } else { "DENIED" };
    let door = &access.door;
    let mut text = format!("{verdict:<9} event {number}: card {} at door {door}, {at}\n", clean(&access.hex));
    for reason in &access.reasons {
        let _ = writeln!(text, "  ✗ {}", clean(&reason.words));
    }
    let proof = access.out_of_sync.as_deref().map_or("equal to the source", |_| "not proven");
    let _ = writeln!(text, "mirror    {}, {proof}, root {}", access.head, access.root);
    let _ = writeln!(text, "clock     {}", access.clock);
    text + "\nBy the records of now:\n"
}

fn said(why: &Why, shown: &Shown) -> String {
    let door = answer::named(&why.door, why.door_name.as_ref());
    let mut text = String::new();
    if let (Shown::User(user), []) = (shown, why.cards.as_slice()) {
        let _ = writeln!(text, "DENIED    user {user} at door {door}: there is no card of this user");
    }
    for card in &why.cards {
        text += &of_card(card, &door);
        text.push('\n');
    }
    text + &answer::basis(&why.basis)
}

fn of_card(card: &Card, door: &str) -> String {
    let verdict = if card.granted { "GRANTED" } else { "DENIED" };
    let of = card.user.as_ref().map_or_else(String::new, |user| format!(" of {user}"));
    let token = card.token.as_ref().map_or_else(String::new, |token| format!(", token {token}{of}"));
    let mut text = format!("{verdict:<9} card {}{token}, at door {door}\n", clean(&card.identifier));
    if let Some(until) = &card.until {
        let _ = writeln!(text, "until     {}, if nothing else changes", instant(until));
    }
    text += &rules(&card.rules, "  ");
    for path in &card.paths {
        text += &of_path(path);
    }
    if let Some(nearest) = &card.nearest {
        let _ = writeln!(
            text,
            "nearest   {}: from then on it may pass, if nothing else changes",
            instant(nearest)
        );
    }
    text
}

fn of_path(path: &PathAsked) -> String {
    let schedule = path.schedule.as_ref().map_or_else(String::new, |key| format!(", schedule {key}"));
    let wall = path.wall.as_ref().map_or_else(String::new, |wall| format!(" ({})", clean(wall)));
    let PathAsked { assignment, entitlement, .. } = path;
    format!(
        "  by assignment {assignment} of entitlement {entitlement}{schedule}{wall}\n{}",
        rules(&path.rules, "    ")
    )
}

/// One a line, with a tick or a cross.
fn rules(rules: &[Asked], indent: &str) -> String {
    let line = |asked: &Asked| match &asked.reason {
        None => format!("{indent}✓ {}\n", asked.rule),
        Some(reason) => format!("{indent}✗ {}: {}\n", asked.rule, clean(&reason.text)),
    };
    rules.iter().map(line).collect()
}

fn instant(instant: &Instant) -> String {
    match &instant.wall {
        None => instant.utc.to_string(),
        Some(wall) => format!("{} ({})", instant.utc, clean(wall)),
    }
}
