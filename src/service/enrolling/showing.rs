//! What goes between readers, board and doors beside enrolling: cards to the doors, and signals from them.
//!
//! Not here: what a card may (`door`).

use super::{Enrolling, IDENTIFIER_TYPE};
use crate::clock::MonoMs;
use crate::reader::line::{Presentation, Reason, State};
use crate::reader::supervisor::{ReaderEvent, What};
use crate::service::door::{Card, Cue};
use access::signal::Signal;
use access::text::Text;
use access::token::Identifier;

/// Of a reader that gives bits: they are no card's UID, whatever UID they may look like.
const IDENTIFIER_TYPE_BITS: &str = "wiegand";

impl Enrolling {
    /// A card that nobody wants to enroll is shown at the door beside the reader, if there is one.
    pub(super) fn pass_on(&self, event: ReaderEvent) {
        let Some(door) = self.lights.borrow().door_of(&event.reader).cloned() else { return };
        match event.what {
            What::Presentation(card) => {
                let identifier = Identifier { kind: self.identifier_type(&card), hex: card.uid };
                let (seen, reader) = (self.time.mono(), event.reader);
                let card = Card { door, reader: reader.clone(), identifier, seen };
                if let Err(error) = self.cards.try_send(card) {
                    tracing::warn!(%error, "a card is not decided: too many wait");
                    self.signal(&reader, Signal::Error);
                }
            }
            // Whoever stands there should know that it was not read.
            What::Unreadable(unread) if unread.reason != Reason::Resting => {
                self.signal(&event.reader, Signal::Error);
            }
            What::Unreadable(_) | What::Removed | What::Missed(_) | What::Health(_) => {}
        }
    }

    /// As the PACS wants it, or as is usual; bits that are no UID are another's.
    pub(super) fn identifier_type(&self, card: &Presentation) -> Text {
        let planner = self.following.planner.as_ref();
        let of_uid = planner.map_or(IDENTIFIER_TYPE, |planner| planner.settings.identifier_type.as_str());
        let kind = if card.bits.is_some() { IDENTIFIER_TYPE_BITS } else { of_uid };
        Text::try_from(kind.to_owned()).unwrap_or_default()
    }

    /// Keeps in mind on which readers a card lies: one that does is not presented again.
    pub(super) fn cover(&self, event: &ReaderEvent) {
        let mut covered = self.covered.borrow_mut();
        match &event.what {
            What::Presentation(_) => drop(covered.insert(event.reader.clone())),
            What::Unreadable(unread) if unread.reason == Reason::Resting => {
                covered.insert(event.reader.clone());
            }
            What::Removed => drop(covered.remove(&event.reader)),
            // Whoever comes back says what lies there.
            What::Health(health) if health.state != State::Ready => drop(covered.remove(&event.reader)),
            What::Unreadable(_) | What::Missed(_) | What::Health(_) => {}
        }
    }

    /// Goes on with what the board shows; gives when that changes.
    pub(super) fn play(&self) -> Option<MonoMs> {
        self.lights.borrow_mut().play(self.time.mono())
    }

    /// On the board, and on the reader itself where it has something to show it with.
    pub(super) fn signal(&self, reader: &str, signal: Signal) {
        self.lights.borrow_mut().show_for_reader(reader, signal, self.time.mono());
        self.signal_reader(reader, signal);
    }

    /// What a door has to show: beside it, and on its readers.
    pub(super) fn cue(&self, Cue { door, reader, signal }: &Cue) {
        self.lights.borrow_mut().show(Some(door), *signal, self.time.mono());
        let all = || self.lights.borrow().readers_of(door);
        for reader in reader.as_ref().map_or_else(all, |reader| vec![reader.clone()]) {
            self.signal_reader(&reader, *signal);
        }
    }

    pub(super) fn signal_reader(&self, reader: &str, signal: Signal) {
        if let Err(error) = self.readers.signal(reader, signal) {
            tracing::debug!(%error, ?signal, "a signal is not shown");
        }
    }
}
