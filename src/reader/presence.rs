//! When a tap is one: a card that rests on a reader is one event, and it counts again only after it was taken away.
//!
//! Pure: what a driver sees comes in, what has happened comes out. [`Counted`] is for PC/SC, whose middleware counts
//! insertions and removals; [`Polled`] for a chip that is asked again and again.
//!
//! Not here: reading the card.

/// What has happened since the last look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Change {
    /// A card that was there has gone.
    pub removed: bool,
    /// Taps that came and went unseen.
    pub missed_taps: u32,
    /// A card is there that nobody has read yet.
    pub tapped: bool,
    /// A card lay there at the first look, so nobody has presented it now.
    pub resting: bool,
}

/// Presence by a counter that rises by one for each insertion and each removal, modulo 2^16 (pcsc-lite puts it into the
/// upper half of the event state). The middleware sets counter and presence one after the other, so the two may disagree
/// for a moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counted {
    last: Option<(bool, u16)>,
}

impl Counted {
    /// Takes what the middleware says now; `None` if its two words disagree, so that it has to be asked again.
    pub fn look(&mut self, is_present: bool, count: u16) -> Option<Change> {
        let Some((was_present, last_count)) = self.last else {
            self.last = Some((is_present, count));
            return Some(Change { resting: is_present, ..Change::default() });
        };
        let steps = u32::from(count.wrapping_sub(last_count));
        if (steps % 2 == 1) != (was_present != is_present) {
            return None;
        }
        self.last = Some((is_present, count));
        let insertions = if was_present { steps / 2 } else { steps.div_ceil(2) };
        let tapped = is_present && insertions > 0;
        Some(Change {
            removed: was_present && steps > 0,
            missed_taps: insertions - u32::from(tapped),
            tapped,
            resting: false,
        })
    }

    /// Takes what the middleware goes on saying though its two words disagree (a driver that counts otherwise): the
    /// presence is believed.
    pub fn believe(&mut self, is_present: bool, count: u16) -> Change {
        let was_present = self.last.replace((is_present, count)).is_some_and(|(was_present, _)| was_present);
        Change {
            removed: was_present && !is_present,
            tapped: !was_present && is_present,
            ..Change::default()
        }
    }
}

/// Vain looks in a row after which a card counts as gone: one may fail while a hand moves the card.
pub const VAIN_LOOKS_MAX: u8 = 2;

/// Presence by asking a chip again and again which card it sees.
#[derive(Clone, Debug, Default)]
pub struct Polled {
    seen: Option<Vec<u8>>,
    vain_looks: u8,
    has_looked: bool,
}

impl Polled {
    /// Takes the UID that the chip sees now, or that it sees none.
    pub fn look(&mut self, uid: Option<&[u8]>) -> Change {
        let is_first = !std::mem::replace(&mut self.has_looked, true);
        let Some(uid) = uid else { return self.vain() };
        self.vain_looks = 0;
        let last = self.seen.replace(uid.into());
        match last {
            None if is_first => Change { resting: true, ..Change::default() },
            None => Change { tapped: true, ..Change::default() },
            Some(last) if last == uid || (is_random(&last) && is_random(uid)) => Change::default(),
            // Another one at once: the first has gone in between.
            Some(_) => Change { removed: true, tapped: true, ..Change::default() },
        }
    }

    /// Whether nothing is there, as far as is known.
    pub fn is_empty(&self) -> bool {
        self.seen.is_none()
    }

    fn vain(&mut self) -> Change {
        if self.seen.is_none() {
            return Change::default();
        }
        self.vain_looks += 1;
        let removed = self.vain_looks >= VAIN_LOOKS_MAX;
        if removed {
            self.seen = None;
            self.vain_looks = 0;
        }
        Change { removed, ..Change::default() }
    }
}

/// Whether `uid` is drawn anew each time the card is powered (ISO/IEC 14443-3: four bytes, the first one 08): while it
/// rests on a reader that is asked again and again, two of them are one card.
fn is_random(uid: &[u8]) -> bool {
    uid.len() == 4 && uid[0] == 0x08
}

#[cfg(test)]
mod tests;
