//! A PACS that fails, and a broker that is away.

use super::{assignment, card, only_if, upsert};
use crate::screen::shown;
use crate::{Show, clock, patience};
use anyhow::Result;
use doorward_sim::Act;
use serde_json::{Value, json};
use std::thread;
use std::time::Duration;

/// How long an outage lasts, at least.
const OUTAGE: Duration = Duration::from_millis(1500);

/// Error 500 to everything, and a revocation in the middle of it.
pub(crate) fn pacs(show: &mut Show) -> Result<()> {
    let Show { screen, stage, office } = show;
    screen.step("The PACS fails", "it answers 500 to everything, and Farid's card must go");
    let words = "the database is on holiday";
    let fault = json!({"count": null, "fault": {"kind": "status", "status": 500, "words": words}});
    stage.pacs("POST", "/_sim/faults", &fault)?;
    office.dismiss("farid");
    let witness = stage.witness()?;
    let mark = stage.acts_so_far()?;
    let revoked = card("farid", "REVOKED", "04B83C9F127A80").to_string();
    stage.source(&["set", "token", "card-farid", &revoked])?;
    let version = stage.source_head()?.0;
    let mirrored = witness.mirrored(version);
    thread::sleep(OUTAGE);
    let backlog = mirrored.and_then(|_| {
        patience::until("doorward knows that it has something to do", || {
            let backlog = stage.status()?["export"]["backlog"].as_u64().unwrap_or(0);
            Ok((backlog > 0).then_some(backlog))
        })
    });
    let measured = backlog.map(|items| format!("doorward status: to do {items}"));
    screen.check("the revocation is mirrored, and known to be due", measured)?;
    let held = stage.world()?.persons.contains_key("PAfarid") && stage.acts_so_far()? == mark;
    screen.check("the PACS has done nothing", only_if(held, "it acted although it fails"))?;

    let began = clock::now();
    stage.pacs("DELETE", "/_sim/faults", &Value::Null)?;
    let gone = witness.act(mark, "Farid's card leaves the PACS", |effect| {
        effect.act == Act::Delete && effect.key == "PAfarid/credential/card-farid"
    });
    let measured = gone.map(|gone| format!("{} after it recovered", shown(gone.at.duration_since(began))));
    screen.check("the PACS answers again: the card is gone", measured)?;
    screen.check("the PACS equals the rules", stage.pacs_equals(office))?;
    let settled = patience::until("nothing is left to do", || {
        Ok((stage.status()?["export"]["backlog"] == 0).then(String::new))
    });
    screen.check("nothing is left to do", settled)
}

/// The broker stops; the source goes on working, and so does the door.
pub(crate) fn broker(show: &mut Show) -> Result<()> {
    let Show { screen, stage, office } = show;
    screen.step("The broker is away", "Bo gets the server room and Dmitri loses his card meanwhile");
    stage.stop_broker()?;
    office.hire("bo", "Bo Lindqvist", "0014F7E2", "ap-main ap-office ap-server")?;
    office.dismiss("dmitri");
    let mark = stage.acts_so_far()?;
    let lines = [
        upsert("assignment", "bo.server", &assignment("bo", "server-room")),
        upsert("token", "card-dmitri", &card("dmitri", "LOCKED", "04D9013BA26F80")),
    ];
    let version = stage.import("meanwhile.jsonl", &lines.join("\n"), &[])?;
    let waiting: Value = serde_json::from_str(&stage.source(&["status", "--json"])?)?;
    let waiting = waiting["outgoing"].as_u64().unwrap_or(0);
    let kept = only_if(waiting > 0, "nothing waits at the source");
    screen.check("the source keeps what it cannot say", kept.map(|_| format!("{waiting} message waits")))?;
    thread::sleep(OUTAGE);
    let began = clock::now();
    let users = stage.query("users")?.len();
    let answered = only_if(users > 0, "no user is known");
    let measured = answered.map(|_| format!("{users} users, {}", shown(began.elapsed())));
    screen.check("the panel answers queries all the same", measured)?;

    let began = clock::now();
    stage.start_broker()?;
    let witness = stage.witness()?;
    let mirrored = witness.mirrored(version);
    let measured =
        mirrored.map(|at| format!("{} after its start", shown(at.saturating_duration_since(began))));
    screen.check("the broker is back, and both have found it", measured)?;
    let gone = witness.act(mark, "Dmitri's card leaves the PACS", |effect| {
        effect.act == Act::Delete && effect.key == "PAdmitri/credential/card-dmitri"
    });
    let measured =
        gone.map(|gone| format!("{} after its start", shown(gone.at.saturating_duration_since(began))));
    screen.check("Dmitri's card is gone from the PACS", measured)?;
    screen.check("the PACS equals the rules", stage.pacs_equals(office))?;
    screen.check("mirror and source have equal roots", stage.roots_equal())
}
