//! An output pin, real or virtual, by embedded-hal's traits.

use super::gpio::{Request, value};
use super::spec::Level;
use super::virtual_lines::VirtualPin;
use embedded_hal::digital::{Error, ErrorKind, ErrorType, OutputPin};
use std::sync::Arc;

/// A pin that could not be set. Its level is not known then.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{what} cannot be set: {words}; look at its chip: `doorward board check`, `dmesg`")]
pub struct PinError {
    what: Arc<str>,
    words: String,
}

impl Error for PinError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

/// An output pin, held for as long as anybody has it.
#[derive(Debug)]
pub enum Pin {
    /// In this process alone.
    Virtual(VirtualPin),
    /// Of a chip.
    Gpio {
        /// The line.
        line: Arc<Request>,
        /// What it moves, for people.
        what: Arc<str>,
    },
}

impl Pin {
    pub(super) fn gpio(line: Request, what: String) -> Pin {
        Pin::Gpio { line: Arc::new(line), what: what.into() }
    }

    /// The same pin once more.
    pub(super) fn share(&self) -> Pin {
        match self {
            Pin::Virtual(pin) => Pin::Virtual(pin.clone()),
            Pin::Gpio { line, what } => Pin::Gpio { line: line.clone(), what: what.clone() },
        }
    }

    /// Drives it at `level`.
    ///
    /// # Errors
    /// The chip's.
    pub fn set(&mut self, level: Level) -> Result<(), PinError> {
        match self {
            Pin::Virtual(pin) if pin.set(level) => Ok(()),
            Pin::Virtual(_) => {
                Err(PinError { what: "a virtual output".into(), words: "it was told to fail".into() })
            }
            Pin::Gpio { line, what } => line
                .set_lone_value(value(level))
                .map_err(|error| PinError { what: what.clone(), words: error.to_string() }),
        }
    }
}

impl ErrorType for Pin {
    type Error = PinError;
}

impl OutputPin for Pin {
    fn set_low(&mut self) -> Result<(), PinError> {
        self.set(Level::Low)
    }

    fn set_high(&mut self) -> Result<(), PinError> {
        self.set(Level::High)
    }
}
