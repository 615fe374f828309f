//! The lock of a door.
//!
//! Not here: for how long, and for whom (the door's joint). It is told what to do each time, and remembers nothing: so both
//! orders may be given again, from any thread.

use super::pin::{Pin, PinError};
use super::spec::Level;

/// What unlocks a door. Dropping it moves nothing: a program that is killed drops nothing, either.
#[derive(Debug)]
pub struct Strike {
    pin: Pin,
    rest: Level,
}

impl Strike {
    /// Of `pin`, which is at rest already.
    pub(super) fn new(pin: Pin, rest: Level) -> Strike {
        Strike { pin, rest }
    }

    /// Drives it away from its rest.
    ///
    /// # Errors
    /// The pin's: whether the door is open is not known then.
    pub fn energise(&mut self) -> Result<(), PinError> {
        self.pin.set(self.rest.other())
    }

    /// Back to rest.
    ///
    /// # Errors
    /// The pin's: whether the door is open is not known then.
    pub fn rest(&mut self) -> Result<(), PinError> {
        self.pin.set(self.rest)
    }
}
