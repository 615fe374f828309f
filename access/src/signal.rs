//! What a person at a reader sees and hears: a pattern for each thing there is to say. Pure.
//!
//! Not here: the outputs that show it (the gateway's board), and a reader's own lights (its driver).

use serde::{Deserialize, Serialize};

/// What there is to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signal {
    /// A card is awaited.
    Armed,
    /// "Come in", or "the card is known now".
    Good,
    /// "No."
    Bad,
    /// "The same card once more, please."
    Again,
    /// Something is broken here, or a card could not be read.
    Error,
}

impl Signal {
    /// All of them.
    pub const ALL: [Signal; 5] = [Signal::Armed, Signal::Good, Signal::Bad, Signal::Again, Signal::Error];
}

/// What is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lit {
    /// The green light.
    pub green: bool,
    /// The red light.
    pub red: bool,
    /// The buzzer.
    pub buzzer: bool,
}

impl Lit {
    /// Nothing is on.
    pub const DARK: Lit = Lit { green: false, red: false, buzzer: false };
    const GREEN: Lit = Lit { green: true, ..Lit::DARK };
    const RED: Lit = Lit { red: true, ..Lit::DARK };
    const GREEN_SOUND: Lit = Lit { buzzer: true, ..Lit::GREEN };
    const RED_SOUND: Lit = Lit { buzzer: true, ..Lit::RED };
}

/// A step of a pattern: what is on, and for how many milliseconds.
type Beat = (Lit, u32);

/// An armed reader blinks at most so long; an enrollment ends before.
pub const ARMED_MAX_MS: u32 = 360_000;

const ARMED: [Beat; 2] = [(Lit::GREEN, 150), (Lit::DARK, 850)];
const GOOD: [Beat; 2] = [(Lit::GREEN_SOUND, 200), (Lit::GREEN, 1_300)];
const BAD: [Beat; 5] =
    [(Lit::RED_SOUND, 150), (Lit::RED, 100), (Lit::RED_SOUND, 150), (Lit::RED, 100), (Lit::RED_SOUND, 150)];
/// Short, and then as long as it takes until the card is shown again.
const AGAIN: [Beat; 4] = [(Lit::GREEN_SOUND, 80), (Lit::DARK, 80), (Lit::GREEN, 120), (Lit::DARK, 120)];
const ERROR: [Beat; 2] = [(Lit::RED_SOUND, 600), (Lit::RED, 1_400)];

impl Signal {
    fn beats(self) -> &'static [Beat] {
        match self {
            Signal::Armed => &ARMED,
            Signal::Good => &GOOD,
            Signal::Bad => &BAD,
            Signal::Again => &AGAIN,
            Signal::Error => &ERROR,
        }
    }

    /// How long it is played, in milliseconds; then all is dark.
    fn length_ms(self) -> u64 {
        match self {
            Signal::Armed => u64::from(ARMED_MAX_MS),
            Signal::Good | Signal::Bad | Signal::Again | Signal::Error => {
                self.beats().iter().map(|(_, ms)| u64::from(*ms)).sum()
            }
        }
    }
}

/// Plays one signal at a time; a new one takes the place of the last. Times are milliseconds of one clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Player {
    playing: Option<(Signal, u64)>,
}

impl Player {
    /// Begins with `signal`.
    pub fn show(&mut self, signal: Signal, now_ms: u64) {
        self.playing = Some((signal, now_ms));
    }

    /// What is on at `now_ms`, and when that changes; never when nothing is played.
    pub fn at(&self, now_ms: u64) -> (Lit, Option<u64>) {
        let Some((signal, begun_ms)) = self.playing else { return (Lit::DARK, None) };
        let passed_ms = now_ms.saturating_sub(begun_ms);
        if passed_ms >= signal.length_ms() {
            return (Lit::DARK, None);
        }
        let beats = signal.beats();
        let round_ms: u64 = beats.iter().map(|(_, ms)| u64::from(*ms)).sum();
        let mut left_ms = passed_ms % round_ms;
        for (lit, ms) in beats {
            let ms = u64::from(*ms);
            if left_ms < ms {
                return (*lit, Some(now_ms.saturating_add(ms - left_ms)));
            }
            left_ms -= ms;
        }
        (Lit::DARK, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// Each change with its time, from the beginning.
    fn played(signal: Signal, until_ms: u64) -> Vec<(u64, Lit)> {
        let mut player = Player::default();
        player.show(signal, 1_000);
        let (mut now, mut changes) = (1_000, Vec::new());
        loop {
            let (lit, next) = player.at(now);
            changes.push((now - 1_000, lit));
            match next.filter(|next| *next < 1_000 + until_ms) {
                Some(next) => {
                    assert!(next > now, "time goes on");
                    now = next;
                }
                None => return changes,
            }
        }
    }

    #[test]
    fn each_signal_is_seen_and_ends_in_the_dark() {
        for signal in Signal::ALL {
            let all = played(signal, u64::MAX - 2_000);
            assert!(all[0].1 != Lit::DARK, "{signal:?} begins at once");
            assert_eq!(all.last().map(|(_, lit)| *lit), Some(Lit::DARK), "{signal:?}");
            assert!(all.iter().all(|(_, lit)| !(lit.green && lit.red)), "{signal:?} says one thing");
        }
        assert_eq!(Player::default().at(7), (Lit::DARK, None));
    }

    #[test]
    fn an_armed_reader_blinks_until_something_else_is_said() {
        let blinks = [(0, Lit::GREEN), (150, Lit::DARK), (1_000, Lit::GREEN), (1_150, Lit::DARK)];
        assert_eq!(played(Signal::Armed, 1_500), blinks);
        let mut player = Player::default();
        player.show(Signal::Armed, 0);
        player.show(Signal::Bad, 100);
        assert_eq!(player.at(100), (Lit::RED_SOUND, Some(250)));
        assert_eq!(player.at(5), (Lit::RED_SOUND, Some(155)), "a clock that is behind does no harm");
    }
}
