//! The board file: strict TOML, and what it may say.
//!
//! Not here: whether this machine has what the file names ([`super::gpio`]).

use super::gpio::Flaw;
use crate::config::{self, ConfigError};
use access::id::Key;
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

/// What drives a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Driver {
    Virtual,
    Gpio,
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
    file: PathBuf,
    table: toml::Table,
    /// The board's name.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// The outputs.
    pub outputs: Vec<Output>,
    /// The inputs.
    pub inputs: Vec<Input>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForm {
    name: String,
    description: String,
    #[serde(default)]
    outputs: Vec<OutputForm>,
    #[serde(default)]
    inputs: Vec<InputForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputForm {
    role: Role,
    door: Option<Key>,
    driver: Driver,
    chip: Option<String>,
    offset: Option<u32>,
    line: Option<String>,
    rest: Level,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InputForm {
    role: InputRole,
    door: Option<Key>,
    driver: Driver,
    chip: Option<String>,
    offset: Option<u32>,
    line: Option<String>,
    active: Option<Level>,
    bias: Option<Bias>,
    debounce_ms: Option<u32>,
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

    pub(super) fn without_inputs(&self) -> Spec {
        Spec { inputs: Vec::new(), ..self.clone() }
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

impl OutputForm {
    fn checked(self) -> Result<Output, Flaw> {
        let wiring = wiring(self.driver, self.chip, self.offset, self.line)?;
        Ok(Output { role: self.role, door: self.door, wiring, rest: self.rest })
    }
}

impl InputForm {
    fn checked(self) -> Result<Input, Flaw> {
        let is_virtual = self.driver == Driver::Virtual;
        let real_only = [("bias", self.bias.is_some()), ("debounce_ms", self.debounce_ms.is_some())];
        if let Some((key, _)) = real_only.into_iter().find(|(_, given)| is_virtual && *given) {
            return Err(Flaw::new(key, "is for real lines", "remove the key, or set driver = \"gpio\""));
        }
        let active = match self.active {
            Some(active) => active,
            None if is_virtual => Level::High,
            None => {
                let remedy = "say at which level it is active: \"low\" for a button to ground";
                return Err(Flaw::new("active", "is missing", remedy));
            }
        };
        let debounce_ms = self.debounce_ms.unwrap_or(DEBOUNCE_MS);
        if debounce_ms > DEBOUNCE_MAX_MS {
            let problem = format!("is more than {DEBOUNCE_MAX_MS} ms");
            return Err(Flaw::new("debounce_ms", problem, "20 is usual, 0 is none"));
        }
        let wiring = wiring(self.driver, self.chip, self.offset, self.line)?;
        Ok(Input { role: self.role, door: self.door, wiring, active, bias: self.bias, debounce_ms })
    }
}

fn wiring(
    driver: Driver,
    chip: Option<String>,
    offset: Option<u32>,
    line: Option<String>,
) -> Result<Wiring, Flaw> {
    let given = [("chip", chip.is_some()), ("offset", offset.is_some()), ("line", line.is_some())];
    match (driver, chip, offset, line) {
        (Driver::Virtual, None, None, None) => Ok(Wiring::Virtual),
        (Driver::Virtual, ..) => {
            let key = given.into_iter().find(|(_, given)| *given).map_or("driver", |(key, _)| key);
            Err(Flaw::new(key, "is for real lines", "remove the key, or set driver = \"gpio\""))
        }
        (Driver::Gpio, _, Some(_), Some(_)) => {
            Err(Flaw::new("offset", "stands beside `line`", "name the line by one of them"))
        }
        (Driver::Gpio, Some(chip), Some(offset), None) => Ok(Wiring::Gpio(Place::Offset { chip, offset })),
        (Driver::Gpio, None, Some(_), None) => Err(Flaw::new(
            "chip",
            "is missing",
            "an offset counts within a chip: name it, as `gpiodetect` does",
        )),
        (Driver::Gpio, chip, None, Some(line)) => Ok(Wiring::Gpio(Place::Named { chip, line })),
        (Driver::Gpio, _, None, None) => {
            Err(Flaw::new("line", "is missing", "give `line`, or `chip` and `offset`; `gpioinfo` shows both"))
        }
    }
}
