//! A board file as it is written, and the rules of each line.

use super::{Bias, DEBOUNCE_MAX_MS, DEBOUNCE_MS, Input, InputRole, Level, Output, Place, Role, Wiring};
use crate::board::gpio::Flaw;
use access::id::Key;
use serde::Deserialize;
use std::path::PathBuf;

/// What drives a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Driver {
    Virtual,
    Gpio,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileForm {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) trace: Option<PathBuf>,
    #[serde(default)]
    pub(super) outputs: Vec<OutputForm>,
    #[serde(default)]
    pub(super) inputs: Vec<InputForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OutputForm {
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
pub(super) struct InputForm {
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

impl OutputForm {
    pub(super) fn checked(self) -> Result<Output, Flaw> {
        let wiring = wiring(self.driver, self.chip, self.offset, self.line)?;
        Ok(Output { role: self.role, door: self.door, wiring, rest: self.rest })
    }
}

impl InputForm {
    pub(super) fn checked(self) -> Result<Input, Flaw> {
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
