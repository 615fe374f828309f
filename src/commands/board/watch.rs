//! `doorward board watch`: shows what happens at the inputs.

use super::clock;
use crate::board::inputs::InputEvent;
use crate::board::inspection::{Inspected, inspect};
use crate::board::spec::Wiring;
use crate::board::{Board, InputRole};
use crate::clock::Clock;
use crate::commands::readers::runtime;
use crate::commands::table::table;
use access::time::UtcTime;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

/// Shows the outputs once, as far as anyone can know them without taking them, and the inputs until SIGINT or SIGTERM.
pub(super) fn watch(board: &Board, as_json: bool) -> Result<()> {
    runtime()?.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("no signals")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("no signals")?;
        let clock = clock();
        let mut lines = board.take_inputs(&clock)?;
        show_outputs(board, as_json);
        for input in &lines.without_edges {
            eprintln!("{input}: the chip reports no edges, so the input is read all the time");
        }
        if board.spec().inputs.iter().all(|input| input.wiring == Wiring::Virtual) {
            eprintln!("no real inputs: what is virtual moves only in the gateway's own process");
        }
        loop {
            tokio::select! {
                Some(event) = lines.inputs.recv() => show(&event, clock.as_ref(), as_json),
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
            }
        }
        Ok(())
    })
}

fn show_outputs(board: &Board, as_json: bool) {
    let chips = board.chips();
    let outputs = inspect(board.spec(), &chips).into_iter().filter(|one| one.is_output);
    if as_json {
        for one in outputs {
            let found = one.found.as_ref().ok().copied().flatten();
            let direction = found.map(|found| if found.line.is_output { "output" } else { "input" });
            let held_by = found.and_then(|found| found.line.consumer.clone());
            println!(
                "{}",
                json!({ "output": one.role, "door": one.door, "direction": direction, "held_by": held_by })
            );
        }
        return;
    }
    let rows: Vec<[String; 3]> = outputs.map(|one| output_row(&one)).collect();
    println!("{}", table(["OUTPUT", "DOOR", "LEVEL"], &rows));
}

fn output_row(one: &Inspected<'_>) -> [String; 3] {
    let level = match &one.found {
        Ok(None) => "virtual".into(),
        Ok(Some(found)) => match (&found.line.consumer, found.line.is_output) {
            (Some(_), _) => "driven by the running gateway".into(),
            (None, true) => "not known: nobody holds it, and it was left as an output".into(),
            (None, false) => "not driven: an input, at whatever pulls it".into(),
        },
        Err(flaw) => format!("not known: {} {}", flaw.key, flaw.problem),
    };
    [one.role.into(), one.door.map(ToString::to_string).unwrap_or_default(), level]
}

fn show(event: &InputEvent, clock: &dyn Clock, as_json: bool) {
    println!("{}", if as_json { as_value(event).to_string() } else { as_text(event, clock.now()) });
}

fn as_text(event: &InputEvent, now: UtcTime) -> String {
    let meaning = match (event.role, event.is_active) {
        (InputRole::Rex, true) => "active: somebody asks to leave",
        (InputRole::Rex, false) => "inactive: nobody asks to leave",
        (InputRole::DoorContact, true) => "active: the door is open",
        (InputRole::DoorContact, false) => "inactive: the door is closed",
    };
    let door = event.door.as_ref().map(|door| format!(" of {door}")).unwrap_or_default();
    let start = if event.is_initial { " (at the start)" } else { "" };
    format!("{now}  {}{door}  {meaning}{start}", event.role.as_str())
}

fn as_value(event: &InputEvent) -> Value {
    json!({ "input": event.role, "door": event.door, "is_active": event.is_active,
            "is_initial": event.is_initial, "mono_ms": event.mono.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MonoMs;
    use access::id::Key;

    #[test]
    fn an_event_says_what_it_means_for_people_and_for_programs() {
        let door = Some(Key::new("front").expect("a key"));
        let mono = MonoMs(1_234);
        let event =
            InputEvent { role: InputRole::DoorContact, door, is_active: true, is_initial: true, mono };
        let text = as_text(&event, UtcTime::from_unix(0));
        assert_eq!(
            text,
            "1970-01-01T00:00:00Z  door_contact of front  active: the door is open (at the start)"
        );
        let expected = json!({ "input": "door_contact", "door": "front", "is_active": true, "is_initial": true,
                               "mono_ms": 1234 });
        assert_eq!(as_value(&event), expected);
    }
}
