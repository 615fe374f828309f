//! The file against the chips: which lines are there, and free.
//!
//! Pure; nothing is taken.

use super::gpio::{CONSUMER, Chip, Flaw, Found, busy, find};
use super::spec::{Place, Spec, Wiring};
use access::id::Key;

/// What is known of one line.
#[derive(Clone, Debug)]
pub struct Inspected<'a> {
    /// What it moves or tells.
    pub role: &'static str,
    /// Of which door.
    pub door: Option<&'a Key>,
    /// Whether it is an output.
    pub is_output: bool,
    /// Where the file says it is; none for a virtual line.
    pub place: Option<&'a Place>,
    /// What is there: nothing for a virtual line.
    pub found: Result<Option<Found<'a>>, Flaw>,
}

impl Inspected<'_> {
    /// Whether a running gateway has it.
    pub fn is_ours(&self) -> bool {
        matches!(&self.found, Ok(Some(found)) if found.line.consumer.as_deref() == Some(CONSUMER))
    }

    /// Why it cannot be used as it is, and what to do.
    pub fn complaint(&self) -> Option<String> {
        let Flaw { key, problem, remedy } = self.found.as_ref().err()?;
        let door = self.door.map(|door| format!(" of {door}")).unwrap_or_default();
        Some(format!("{}{door}: {key} {problem}; {remedy}", self.role))
    }
}

/// Looks for each line of `spec` among `chips`, outputs first.
pub fn inspect<'a>(spec: &'a Spec, chips: &'a [Chip]) -> Vec<Inspected<'a>> {
    let outputs =
        spec.outputs.iter().map(|output| (output.role.as_str(), &output.door, true, &output.wiring));
    let inputs = spec.inputs.iter().map(|input| (input.role.as_str(), &input.door, false, &input.wiring));
    let mut seen: Vec<(&Chip, u32)> = Vec::new();
    let mut look = |place: &'a Place| {
        let found = find(place, chips)?;
        let key = place.key();
        if seen.iter().any(|(chip, offset)| chip.path == found.chip.path && *offset == found.offset) {
            let problem =
                format!("is {} line {}, which is used above already", found.chip.name, found.offset);
            return Err(Flaw::new(key, problem, "a line has one use: correct one of them"));
        }
        seen.push((found.chip, found.offset));
        match found.line.consumer.as_deref() {
            None | Some(CONSUMER) => Ok(Some(found)),
            other => Err(busy(key, other)),
        }
    };
    outputs
        .chain(inputs)
        .map(|(role, door, is_output, wiring)| {
            let (place, found) = match wiring {
                Wiring::Virtual => (None, Ok(None)),
                Wiring::Gpio(place) => (Some(place), look(place)),
            };
            Inspected { role, door: door.as_ref(), is_output, place, found }
        })
        .collect()
}
