//! Events that wait in memory for room on the disk: bounded, and what gives way is told like the rest.
//!
//! Not here: writing them (`passing`, and the doors as they run).

use crate::clock::MonoMs;
use access::time::UtcTime;
use contract::at_door::Dropped;
use contract::messages::Event;
use std::collections::VecDeque;

/// Events that wait; then the oldest card that passed is forgotten, or the oldest of all.
const UNWRITTEN_MAX: usize = 256;
/// So often it is tried to write them: nobody else may have anything to write that would find out about room.
const AGAIN_AFTER_MS: u64 = 5_000;

/// Those that wait.
#[derive(Clone, Debug, Default)]
pub(super) struct Unwritten {
    events: VecDeque<(UtcTime, Event)>,
    forgotten: Option<Dropped>,
    tried: MonoMs,
}

impl Unwritten {
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// It is tried to write them now.
    pub(super) fn tried(&mut self, now: MonoMs) {
        self.tried = now;
    }

    /// When it is to be tried again.
    pub(super) fn due(&self) -> Option<MonoMs> {
        (!self.is_empty()).then(|| self.tried.after_ms(AGAIN_AFTER_MS))
    }

    /// It happened, and is to be written later.
    pub(super) fn keep(&mut self, at: UtcTime, event: Event) {
        if self.events.len() >= UNWRITTEN_MAX {
            let oldest = self.events.iter().position(|(_, event)| has_passed(event)).unwrap_or_default();
            self.events.remove(oldest).iter().for_each(|(at, event)| self.forget(*at, event));
        }
        self.events.push_back((at, event));
    }

    fn forget(&mut self, at: UtcTime, event: &Event) {
        let known = self.forgotten.get_or_insert(Dropped { count: 0, granted: 0, from: at, to: at });
        known.count += 1;
        known.granted += u64::from(has_passed(event));
        (known.from, known.to) = (known.from.min(at), known.to.max(at));
        let event = serde_json::to_string(event).unwrap_or_default();
        tracing::error!(event, "an event of a door is forgotten: too many wait for room on the disk");
    }

    /// What is to be written, in its order.
    pub(super) fn all(&self) -> Vec<(UtcTime, Event)> {
        let forgotten = self.forgotten.iter().map(|it| (it.to, Event::EventsDropped(it.clone())));
        forgotten.chain(self.events.iter().cloned()).collect()
    }

    /// It is on disk.
    pub(super) fn clear(&mut self) {
        *self = Unwritten::default();
    }
}

fn has_passed(event: &Event) -> bool {
    matches!(event, Event::Access(access) if access.granted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use access::id::Key;
    use contract::at_door::{Access, AtDoor};

    fn card(granted: bool) -> Event {
        Event::Access(Access {
            door: Key::new("front").expect("key"),
            reader: "entrance".into(),
            identifier: "mifare".into(),
            hex: "04A1B2C3".into(),
            token: None,
            user: None,
            granted,
            by: None,
            reasons: Vec::new(),
            opens: granted,
            clock: "trusted".into(),
            head: contract::id::Version::default(),
            root: contract::digest::Digest::default(),
            out_of_sync: None,
        })
    }

    #[test]
    fn whoever_shows_cards_on_end_hides_no_denial_and_what_is_forgotten_is_told() {
        let at = UtcTime::from_unix;
        let mut waiting = Unwritten::default();
        waiting.keep(at(1), Event::Door(AtDoor::Forced { door: Key::new("front").expect("key") }));
        for s in 2..=256 {
            waiting.keep(at(s), card(s == 7));
        }
        assert_eq!(waiting.all().len(), 256, "nothing is forgotten yet");
        waiting.keep(at(300), card(false));
        let all = waiting.all();
        let told = |count, granted, from, to| Event::EventsDropped(Dropped { count, granted, from, to });
        assert_eq!(all[0], (at(7), told(1, 1, at(7), at(7))), "who has passed first");
        assert_eq!((all.len(), all[1].0, all[256].0), (257, at(1), at(300)), "the rest in its order");
        waiting.keep(at(301), card(false));
        assert_eq!(waiting.all()[0], (at(7), told(2, 1, at(1), at(7))));
        waiting.clear();
        assert!(waiting.is_empty() && waiting.all().is_empty());
    }
}
