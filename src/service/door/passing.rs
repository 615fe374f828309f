//! One card at one door: decided and written down in one transaction, so that what is granted is what its event says.
//!
//! Not here: the rules (`access::decide`), and the strike.

use crate::failpoint;
use crate::mirror::standing::OutOfSync;
use crate::mirror::writer::Context;
use crate::mirror::{outbox, passing, standing};
use crate::service::circumstances::Circumstances;
use access::decide::{self, Decision, Presentation};
use access::door::{ControlledBy, Door};
use access::id::Key;
use access::token::Identifier;
use access::trust::Time;
use contract::at_door::{Access, AccessReason, outcome};
use contract::messages::Event;
use rusqlite::Connection;

/// One card shown at one door.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) door: Key,
    pub(super) reader: String,
    pub(super) identifier: Identifier,
}

/// What it is judged by beside the mirror.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub(super) time: Time,
    /// The clock in a word.
    pub(super) clock: &'static str,
    pub(super) circumstances: Circumstances,
    /// This gateway, as a door's record names it.
    pub(super) gateway: Key,
    /// The board has a strike for this door.
    pub(super) has_strike: bool,
    /// How long ago each token passed this door.
    pub(super) passed: Vec<(Key, u32)>,
    pub(super) passback_s: u32,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(super) struct Passage {
    pub(super) decision: Decision,
    pub(super) token: Option<Key>,
    /// The panel moves the strike of this door.
    pub(super) controls: bool,
    pub(super) event: Event,
}

impl Passage {
    /// The event of a card that may pass and does not, since its event finds no room.
    pub(super) fn barred(&self) -> Event {
        let mut event = self.event.clone();
        if let Event::Access(access) = &mut event {
            let words = "there is no room for the event, and nothing is granted without";
            access.reasons = vec![AccessReason { code: "no_room".into(), words: words.into() }];
            (access.granted, access.opens, access.by) = (false, false, None);
        }
        event
    }

    pub(super) fn is_granted(&self) -> bool {
        match self.decision {
            Decision::Granted { .. } => true,
            Decision::Denied { .. } => false,
        }
    }
}

/// Decides by the mirror as it is now.
pub(super) fn judge(conn: &Connection, shown: &Shown, moment: &Moment) -> rusqlite::Result<Passage> {
    let (door, mut facts) = passing::facts(conn, &shown.identifier.hex, &shown.door)?;
    moment.circumstances.fill(conn, &mut facts)?;
    facts.passback.wait_s = moment.passback_s;
    let is_here = |token: &Key| facts.tokens.iter().any(|one| one.key == *token);
    facts.passback.passed_ago_s =
        moment.passed.iter().filter(|(token, _)| is_here(token)).map(|(_, ago_s)| *ago_s).min();
    let presentation = Presentation { identifier: shown.identifier.clone() };
    let decision = decide::decide(&facts, &presentation, door.as_deref(), &moment.time);
    let candidate = decide::candidate(&facts, &presentation);
    let controls = door.as_deref().is_some_and(|door| controls(door, &moment.gateway));
    let stands = standing::standing(conn)?;
    let (granted, by, reasons) = outcome(&decision);
    let event = Event::Access(Access {
        door: shown.door.clone(),
        reader: shown.reader.clone(),
        identifier: shown.identifier.kind.as_str().into(),
        hex: shown.identifier.hex.to_string(),
        token: candidate.map(|one| one.key.clone()),
        user: candidate.and_then(|one| one.token.user.clone()),
        granted,
        by,
        reasons,
        opens: granted && controls && moment.has_strike,
        clock: moment.clock.into(),
        head: stands.head,
        root: stands.root,
        out_of_sync: stands.out_of_sync.map(OutOfSync::as_str).map(Into::into),
    });
    Ok(Passage { decision, token: candidate.map(|one| one.key.clone()), controls, event })
}

/// Whether this panel moves the strike. A record that names another panel's door moves nothing here.
pub(super) fn controls(door: &Door, gateway: &Key) -> bool {
    door.controlled_by == ControlledBy::Doorward && door.gateway.as_ref().is_none_or(|named| named == gateway)
}

/// As [`judge`], with the event written in the same transaction; events that found no room on the disk come first. None
/// when there is no room for this one: then nothing may be granted, and nothing of it is written or counted.
pub(super) fn pass(
    context: &Context<'_>,
    shown: &Shown,
    moment: &Moment,
    unwritten: &[(access::time::UtcTime, Event)],
) -> rusqlite::Result<Option<Passage>> {
    // The transaction may be others' as well: what found no room is taken back by itself, or it would be written again
    // with the next card, and counted again.
    context.conn.execute_batch("SAVEPOINT card")?;
    for (at, event) in unwritten {
        outbox::push(context.conn, *at, event)?;
    }
    let passage = judge(context.conn, shown, moment)?;
    failpoint::pass("door.decided");
    let kept = outbox::keep(context.conn, moment.time.now, &passage.event)?;
    context.conn.execute_batch(if kept.is_some() {
        "RELEASE card"
    } else {
        "ROLLBACK TO card; RELEASE card"
    })?;
    Ok(kept.map(|_| passage))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::Mirror;
    use crate::mirror::apply::Room;
    use crate::service::circumstances::Age;
    use access::leash::Leashes;
    use access::time::UtcTime;
    use access::trust::Trust;
    use contract::at_door::AtDoor;

    #[test]
    fn a_card_whose_event_finds_no_room_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("folder");
        let site = contract::id::SiteId::new("office").expect("site");
        let mut conn = Mirror::at(folder.path()).open_writer(&site, || "s".into()).expect("mirror");
        let tx = conn.transaction().expect("begun");
        let now = UtcTime::from_unix(1_800_000_000);
        let full = || Event::CommandResult { id: "1".into(), done: true, words: String::new() };
        (1..outbox::EVENTS_MAX).for_each(|_| outbox::push(&tx, now, &full()).expect("pushed"));
        let key = Key::new("front").expect("key");
        let hex = access::uid::RawId::from_hex("04A1B2C3").expect("bytes");
        let kind = "mifare".to_owned().try_into().expect("text");
        let shown =
            Shown { door: key.clone(), reader: "entrance".into(), identifier: Identifier { kind, hex } };
        let moment = Moment {
            time: Time { now, trust: Trust::Trusted, floor: now },
            clock: "trusted",
            circumstances: Circumstances { leashes: Leashes::default(), age: Age::default() },
            gateway: key.clone(),
            has_strike: true,
            passed: Vec::new(),
            passback_s: 0,
        };
        // Room for what waits, and none for the card.
        let waits = [(now, Event::Door(AtDoor::RequestToExit { door: key }))];
        let before = outbox::waiting(&tx).expect("counted");
        let context = Context { conn: &tx, now, room: Room::Ample };
        assert!(pass(&context, &shown, &moment, &waits).expect("decided").is_none());
        assert_eq!(outbox::waiting(&tx).expect("counted"), before);
    }
}
