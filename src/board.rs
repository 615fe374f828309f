//! The board: which outputs this panel has, as one TOML file, and how they rest.
//!
//! - [`indicators`]: the lights and the buzzer
//!
//! Not here: strikes at a presentation (they come with the door), real GPIO (with the ARM panel).

pub mod indicators;
mod pin;

use embedded_hal::digital::OutputPin;
use indicators::{Indicator, Indicators};
pub use pin::VirtualPin;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Most outputs on one board.
const OUTPUTS_MAX: usize = 32;

/// Why a board cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// The file cannot be read.
    #[error("board {path}: {source}; correct `board` in the configuration")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The file is not a board.
    #[error("board {path}: {problem}; boards/virtual.toml shows the form")]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// What an output moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The lock.
    Strike,
    /// "Come in."
    GreenLed,
    /// "No."
    RedLed,
    /// A sound.
    Buzzer,
}

/// What drives an output.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    /// A pin that exists only in this process: for desks, demonstrations and tests.
    Virtual,
}

/// An electrical level.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Low.
    Low,
    /// High.
    High,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputSpec {
    role: Role,
    driver: Driver,
    /// The level at which nothing is open, lit or loud.
    rest: Level,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    name: String,
    description: String,
    outputs: Vec<OutputSpec>,
}

/// A panel's outputs.
#[derive(Debug)]
pub struct Board {
    name: String,
    description: String,
    outputs: Vec<(OutputSpec, VirtualPin)>,
}

impl Board {
    /// Reads the board file at `path`.
    ///
    /// # Errors
    /// When it is not a board.
    pub fn load(path: &Path) -> Result<Board, BoardError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| BoardError::Io { path: path.into(), source })?;
        let wrong = |problem: String| BoardError::Form { path: path.into(), problem };
        let spec: Spec = toml::from_str(&text).map_err(|error| wrong(error.message().replace('\n', ", ")))?;
        if spec.outputs.len() > OUTPUTS_MAX {
            return Err(wrong(format!("{} outputs, more than {OUTPUTS_MAX}", spec.outputs.len())));
        }
        for (at, output) in spec.outputs.iter().enumerate() {
            if spec.outputs[..at].iter().any(|other| other.role == output.role) {
                return Err(wrong(format!("{:?} is driven by two outputs", output.role)));
            }
        }
        let open = |output: OutputSpec| match output.driver {
            Driver::Virtual => (output, VirtualPin::default()),
        };
        let outputs = spec.outputs.into_iter().map(open).collect();
        Ok(Board { name: spec.name, description: spec.description, outputs })
    }

    /// The board's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is, for people.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Puts every output at rest. The first act of `run`, whatever state the last process left behind.
    pub fn rest(&mut self) {
        for (output, pin) in &mut self.outputs {
            let Ok(()) = match output.rest {
                Level::Low => pin.set_low(),
                Level::High => pin.set_high(),
            };
        }
    }

    /// Hands over the lights and the buzzer, at rest; they are the board's no more.
    pub fn take_indicators(&mut self) -> Indicators<VirtualPin> {
        let mut take = |role: Role| {
            let at = self.outputs.iter().position(|(output, _)| output.role == role)?;
            let (output, pin) = self.outputs.swap_remove(at);
            Some(Indicator::new(pin, output.rest))
        };
        let (green, red, buzzer) = (take(Role::GreenLed), take(Role::RedLed), take(Role::Buzzer));
        Indicators::new(green, red, buzzer)
    }

    /// Each output with its present level.
    pub fn levels(&self) -> impl Iterator<Item = (Role, Option<Level>)> {
        self.outputs.iter().map(|(output, pin)| (output.role, pin.level()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Board, Level, Role};
    use std::path::Path;

    #[test]
    fn every_shipped_board_loads_and_rests() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards");
        let files: Vec<_> =
            std::fs::read_dir(folder).expect("boards/").map(|file| file.expect("entry").path()).collect();
        assert!(!files.is_empty());
        for file in files {
            let mut board = Board::load(&file).unwrap_or_else(|error| panic!("{error}"));
            assert!(board.levels().all(|(_, level)| level.is_none()), "nothing moves before rest");
            board.rest();
            let strike = board.levels().find(|(role, _)| *role == Role::Strike);
            assert_eq!(strike, Some((Role::Strike, Some(Level::Low))), "{}", board.name());
        }
    }
}
