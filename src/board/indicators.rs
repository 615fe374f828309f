//! The board's lights and buzzer, which show signals.
//!
//! Not here: the patterns (`access::signal`), the strike, which no signal moves.

use super::Level;
use crate::clock::MonoMs;
use access::signal::{Lit, Player, Signal};
use embedded_hal::digital::{OutputPin, PinState};

/// An output that rests at a level, and is on at the other.
#[derive(Debug)]
pub struct Indicator<P> {
    pin: P,
    rest: Level,
    is_on: bool,
}

impl<P: OutputPin> Indicator<P> {
    /// At rest already.
    pub fn new(pin: P, rest: Level) -> Indicator<P> {
        Indicator { pin, rest, is_on: false }
    }

    fn set(&mut self, on: bool) -> Result<(), P::Error> {
        if on == self.is_on {
            return Ok(());
        }
        let level = match (self.rest, on) {
            (Level::Low, false) | (Level::High, true) => PinState::Low,
            (Level::Low, true) | (Level::High, false) => PinState::High,
        };
        self.pin.set_state(level)?;
        self.is_on = on;
        Ok(())
    }
}

/// The lights and the buzzer of a board, as far as it has them.
#[derive(Debug)]
pub struct Indicators<P> {
    /// "Come in."
    pub green: Option<Indicator<P>>,
    /// "No."
    pub red: Option<Indicator<P>>,
    /// A sound.
    pub buzzer: Option<Indicator<P>>,
    player: Player,
}

impl<P: OutputPin> Indicators<P> {
    /// All at rest.
    pub fn new(
        green: Option<Indicator<P>>,
        red: Option<Indicator<P>>,
        buzzer: Option<Indicator<P>>,
    ) -> Indicators<P> {
        Indicators { green, red, buzzer, player: Player::default() }
    }

    /// Begins to show `signal`; gives when to call [`Indicators::at`] next.
    ///
    /// # Errors
    /// The pin's.
    pub fn show(&mut self, signal: Signal, now: MonoMs) -> Result<Option<MonoMs>, P::Error> {
        self.player.show(signal, now.0);
        self.at(now)
    }

    /// Puts the outputs as they should be at `now`; gives when that changes, if it does.
    ///
    /// # Errors
    /// The pin's; the other outputs are set all the same.
    pub fn at(&mut self, now: MonoMs) -> Result<Option<MonoMs>, P::Error> {
        let (lit, next) = self.player.at(now.0);
        self.set(lit).map(|()| next.map(MonoMs))
    }

    /// Ends whatever is shown.
    ///
    /// # Errors
    /// The pin's; the other outputs are set all the same.
    pub fn rest(&mut self) -> Result<(), P::Error> {
        self.player = Player::default();
        self.set(Lit::DARK)
    }

    fn set(&mut self, lit: Lit) -> Result<(), P::Error> {
        let outputs =
            [(&mut self.green, lit.green), (&mut self.red, lit.red), (&mut self.buzzer, lit.buzzer)];
        let set = outputs.map(|(output, on)| output.as_mut().map_or(Ok(()), |output| output.set(on)));
        set.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_hal_mock::eh1::digital::{Mock, State, Transaction};

    fn set(levels: &[State]) -> Mock {
        Mock::new(&levels.iter().map(|level| Transaction::set(*level)).collect::<Vec<_>>())
    }

    #[test]
    fn good_lights_up_sounds_and_goes_dark_whatever_the_rest_levels_are() {
        // The green light hangs between supply and pin: it is lit when the pin is low.
        let mut green = set(&[State::Low, State::High]);
        let mut red = set(&[]);
        let mut buzzer = set(&[State::High, State::Low]);
        let on = |pin: &Mock, rest| Some(Indicator::new(pin.clone(), rest));
        let mut all = Indicators::new(on(&green, Level::High), on(&red, Level::Low), on(&buzzer, Level::Low));
        let first = all.show(Signal::Good, MonoMs(5_000)).expect("set");
        assert_eq!(first, Some(MonoMs(5_200)));
        assert_eq!(all.at(MonoMs(5_100)).expect("nothing to set"), Some(MonoMs(5_200)));
        assert_eq!(all.at(MonoMs(5_200)).expect("set"), Some(MonoMs(6_500)), "the sound ends first");
        assert_eq!(all.at(MonoMs(6_500)).expect("set"), None);
        for pin in [&mut green, &mut red, &mut buzzer] {
            pin.done();
        }
    }

    #[test]
    fn an_armed_light_rests_when_it_is_told_to_and_a_board_without_lights_shows_nothing() {
        let mut green = set(&[State::High, State::Low]);
        let mut all = Indicators::new(Some(Indicator::new(green.clone(), Level::Low)), None, None);
        all.show(Signal::Armed, MonoMs(0)).expect("set");
        all.rest().expect("set");
        assert_eq!(all.at(MonoMs(1_000)).expect("nothing"), None);
        green.done();
        let mut none = Indicators::<Mock>::new(None, None, None);
        assert!(none.show(Signal::Bad, MonoMs(0)).expect("nothing to fail").is_some());
    }
}
