//! A pin that exists only in this process.

use super::Level;
use embedded_hal::digital::{ErrorType, OutputPin};
use std::convert::Infallible;

/// Remembers its level; undriven until it is first set.
#[derive(Debug, Default)]
pub struct VirtualPin {
    level: Option<Level>,
}

impl VirtualPin {
    pub(super) fn level(&self) -> Option<Level> {
        self.level
    }
}

impl ErrorType for VirtualPin {
    type Error = Infallible;
}

impl OutputPin for VirtualPin {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.level = Some(Level::Low);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.level = Some(Level::High);
        Ok(())
    }
}
