//! The panel runs a door by itself.

use super::{only_if, upsert};
use crate::Show;
use crate::clock;
use crate::patience;
use crate::screen::shown;
use crate::setting::TRACE;
use crate::stage::{PANEL, Stage};
use anyhow::Result;
use doorward_sim::readers::card::Card;
use serde_json::{Value, json};

/// Olga's card, which she was given a step before.
pub(crate) const OLGA: [u8; 7] = [0x04, 0xE3, 0x5B, 0x19, 0x77, 0x2C, 0x80];
/// A card that nobody knows.
const STRANGE: [u8; 7] = [0x04, 0x66, 0x6F, 0x72, 0x67, 0x65, 0x64];
/// The door beside which the reader hangs.
const DOOR: &str = "main";

/// Cards at a door that the panel controls: let in, turned away, and in a lockdown.
pub(crate) fn opens(show: &mut Show) -> Result<()> {
    let Show { screen, stage, .. } = show;
    screen.step("A door", "the panel decides by itself: written down, then the strike");
    let record = json!({"name": "Main entrance", "gateway": PANEL, "controlled_by": "doorward",
        "grants": [{"entitlement": "main"}]});
    stage.import("door.jsonl", &upsert("door", DOOR, &record), &[])?;
    stage.roots_equal()?;

    let began = clock::now();
    tap(stage, &Card::desfire(&OLGA), 1, true)?;
    let took = shown(began.elapsed());
    let moved = patience::until("the strike moves", || Ok((strike(stage) == 1).then_some(())));
    screen.check(
        "Olga's card opens it, and its event is on disk",
        moved.map(|()| format!("tap → event {took}")),
    )?;
    let rests =
        patience::until("the strike rests", || Ok(stage.trace_ends_with("strike rests").then_some(())));
    screen.check("the strike rests again in time", rests.map(|()| String::new()))?;

    let denied = tap(stage, &Card::ntag(&STRANGE), 1, false)?;
    let reason = denied["reasons"][0]["words"].as_str().unwrap_or_default().to_owned();
    screen.check("a card that nobody knows does not, and is told of", Ok(reason))?;
    stage.doorward(&["door", "lockdown"])?;
    tap(stage, &Card::desfire(&OLGA), 2, false)?;
    stage.doorward(&["door", "end-lockdown"])?;
    screen.check("in a lockdown not even Olga", only_if(strike(stage) == 1, "the strike has moved"))?;
    screen.block("doorward query events --denied", &stage.doorward(&["query", "events", "--denied"])?);
    let why = stage.doorward(&["why", &hex(&OLGA), DOOR]);
    if let Ok(printed) = &why {
        screen.block(&format!("doorward why {} {DOOR}", hex(&OLGA)), printed);
    }
    screen.check("why, rule by rule", why.and_then(|text| only_if(text.starts_with("GRANTED"), &text)))
}

/// Taps a card; gives its event once there are `count` of such an outcome on disk.
fn tap(stage: &Stage, card: &Card, count: usize, granted: bool) -> Result<Value> {
    let reader = &stage.reader()?.hardware;
    reader.tap(card);
    let found = patience::until("the card's event", || {
        let events = stage.query_filtered("events", "access")?;
        let mut fitting = events.into_iter().filter(|event| event["event"]["granted"] == granted);
        Ok(fitting.nth(count - 1).map(|event| event["event"].clone()))
    });
    reader.remove();
    found
}

/// How often the strike has moved.
fn strike(stage: &Stage) -> usize {
    let trace = std::fs::read_to_string(stage.path(TRACE)).unwrap_or_default();
    trace.lines().filter(|line| *line == "strike moves").count()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}
