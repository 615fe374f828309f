//! The board file: strict TOML, and what it may say.
//!
//! - `form`: the file as it is written
//!
//! Not here: whether this machine has what the file names ([`super::gpio`]).

mod form;

use super::gpio::Flaw;
use crate::config::{self, ConfigError};
use access::id::Key;
use form::FileForm;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};

/// Most outputs, and most inputs, on one board.
pub const LINES_MAX: usize = 32;
/// Longest time in which an input may bounce.
pub const DEBOUNCE_MAX_MS: u32 = 1_000;
/// How long an input bounces where the file does not say: relays and buttons are still within a few milliseconds.
pub const DEBOUNCE_MS: u32 = 20;

/// What an output moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
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

impl Role {
    /// As the file spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Strike => "strike",
            Role::GreenLed => "green_led",
            Role::RedLed => "red_led",
            Role::Buzzer => "buzzer",
        }
    }
}

/// What an input tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InputRole {
    /// Active: somebody inside asks to leave.
    Rex,
    /// Active: the door stands open.
    DoorContact,
}

impl InputRole {
    /// As the file spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            InputRole::Rex => "rex",
            InputRole::DoorContact => "door_contact",
        }
    }
}

/// An electrical level.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Low.
    Low,
    /// High.
    High,
}

impl Level {
    /// As the file spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Low => "low",
            Level::High => "high",
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Level {
        match self {
            Level::Low => Level::High,
            Level::High => Level::Low,
        }
    }
}

/// What pulls an input that nobody drives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bias {
    /// To the supply.
    PullUp,
    /// To ground.
    PullDown,
    /// Nothing inside the chip.
    Disabled,
}

/// Where a line ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wiring {
    /// In this process alone: for desks, demonstrations and tests.
    Virtual,
    /// In a chip that the kernel knows.
    Gpio(Place),
}

/// A line of a chip.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// By its number in a chip; the chip by its device, its name or its label.
    Offset {
        /// The chip.
        chip: String,
        /// The number.
        offset: u32,
    },
    /// By the name that the kernel gives it, in one chip or in whichever has it.
    Named {
        /// The chip.
        chip: Option<String>,
        /// The name.
        line: String,
    },
}

impl Place {
    /// The key of the file by which it is called.
    pub(super) fn key(&self) -> &'static str {
        match self {
            Place::Offset { .. } => "offset",
            Place::Named { .. } => "line",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Offset { chip, offset } => write!(f, "{chip} {offset}"),
            Place::Named { chip: Some(chip), line } => write!(f, "{chip} {line}"),
            Place::Named { chip: None, line } => f.write_str(line),
        }
    }
}

/// An output.
#[derive(Clone, Debug)]
pub struct Output {
    /// What it moves.
    pub role: Role,
    /// Of which door; none for the panel's only one, or for all.
    pub door: Option<Key>,
    /// Where it ends.
    pub wiring: Wiring,
    /// The level at which nothing is open, lit or loud.
    pub rest: Level,
}

/// An input.
#[derive(Clone, Debug)]
pub struct Input {
    /// What it tells.
    pub role: InputRole,
    /// Of which door; none for the panel's only one.
    pub door: Option<Key>,
    /// Where it ends.
    pub wiring: Wiring,
    /// The level at which it tells that.
    pub active: Level,
    /// What pulls it; as the chip has it if none.
    pub bias: Option<Bias>,
    /// How long it may bounce.
    pub debounce_ms: u32,
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        named(f, self.role.as_str(), self.door.as_ref())
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        named(f, self.role.as_str(), self.door.as_ref())
    }
}

/// `strike`, or `strike of front`.
fn named(f: &mut fmt::Formatter<'_>, role: &str, door: Option<&Key>) -> fmt::Result {
    match door {
        Some(door) => write!(f, "{role} of {door}"),
        None => f.write_str(role),
    }
}

/// What a board file says.
#[derive(Clone, Debug)]
pub struct Spec {
    pub(super) file: PathBuf,
    pub(super) table: toml::Table,
    /// The board's name.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// Where virtual outputs leave a line each time they are driven: for demonstrations, and for tests that have to see what
    /// a process did that died.
    pub trace: Option<PathBuf>,
    /// The outputs.
    pub outputs: Vec<Output>,
    /// The inputs.
    pub inputs: Vec<Input>,
}

impl Spec {
    pub(super) fn load(path: &Path) -> Result<Spec, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError {
            file: path.into(),
            key: "the file".into(),
            value: None,
            problem: error.to_string(),
            remedy: "correct `board` in the configuration".into(),
        })?;
        Spec::parse(path, &text)
    }

    /// Checks `text` as the content of `path`.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Spec, ConfigError> {
        let (form, table): (FileForm, _) = config::read_toml(path, text)?;
        let mut spec = Spec {
            file: path.into(),
            table,
            name: form.name,
            description: form.description,
            trace: form.trace.map(|trace| path.parent().unwrap_or(path).join(trace)),
            outputs: Vec::new(),
            inputs: Vec::new(),
        };
        for (key, count) in [("outputs", form.outputs.len()), ("inputs", form.inputs.len())] {
            if count > LINES_MAX {
                let remedy = "two panels share such a site";
                return Err(spec.complain(
                    key,
                    Flaw::new("", format!("{count} of them, more than {LINES_MAX}"), remedy),
                ));
            }
        }
        for (at, form) in form.outputs.into_iter().enumerate() {
            let output = form.checked().map_err(|flaw| spec.complain(&format!("outputs[{at}]"), flaw))?;
            spec.outputs.push(output);
        }
        for (at, form) in form.inputs.into_iter().enumerate() {
            let input = form.checked().map_err(|flaw| spec.complain(&format!("inputs[{at}]"), flaw))?;
            spec.inputs.push(input);
        }
        spec.unique()?;
        Ok(spec)
    }

    /// Each role once a door, each line once.
    fn unique(&self) -> Result<(), ConfigError> {
        for (at, output) in self.outputs.iter().enumerate() {
            if self.outputs[..at].iter().any(|other| other.role == output.role && other.door == output.door) {
                return Err(self.complain(&format!("outputs[{at}]"), twice(output)));
            }
        }
        for (at, input) in self.inputs.iter().enumerate() {
            if self.inputs[..at].iter().any(|other| other.role == input.role && other.door == input.door) {
                return Err(self.complain(&format!("inputs[{at}]"), twice(input)));
            }
        }
        let wirings: Vec<&Wiring> = self.wirings().collect();
        for (at, wiring) in wirings.iter().enumerate() {
            if let Wiring::Gpio(place) = wiring
                && wirings[..at].contains(wiring)
            {
                let key = match at.checked_sub(self.outputs.len()) {
                    Some(at) => format!("inputs[{at}]"),
                    None => format!("outputs[{at}]"),
                };
                let problem = format!("is the line {place}, which is named above already");
                return Err(
                    self.complain(&key, Flaw::new("", problem, "a line has one use: correct one of them"))
                );
            }
        }
        Ok(())
    }

    /// Where outputs and inputs end, in their order.
    pub fn wirings(&self) -> impl Iterator<Item = &Wiring> {
        let inputs = self.inputs.iter().map(|input| &input.wiring);
        self.outputs.iter().map(|output| &output.wiring).chain(inputs)
    }

    /// The complaint about what stands at `key`.
    pub(super) fn complain(&self, key: &str, flaw: Flaw) -> ConfigError {
        let key = if flaw.key.is_empty() { key.to_owned() } else { format!("{key}.{}", flaw.key) };
        ConfigError::about(&self.file, &self.table, &key, flaw.problem, flaw.remedy)
    }
}

fn twice(named: &impl fmt::Display) -> Flaw {
    let problem = format!("{named} is there twice");
    Flaw::new("", problem, "give each its `door`, or remove one")
}
