//! Starting everything, and the first import.

use super::only_if;
use crate::screen::{grouped, shown};
use crate::stage::PANEL;
use crate::witness::utc_now;
use crate::{Show, clock, patience, setting};
use anyhow::{Context as _, Result};
use serde_json::Value;

/// The name that a login without the right to it tries to bring in.
const FORGED_USER: &str = "mallory";

/// A broker, a PACS, a source, a panel.
pub(crate) fn up(show: &mut Show) -> Result<()> {
    let Show { screen, stage, .. } = show;
    screen.step("Start-up", "four programs, each a process of its own, on 127.0.0.1");
    setting::broker(stage)?;
    setting::source(stage)?;
    let began = clock::now();
    let listens = stage.start_broker();
    let measured = listens.map(|()| format!("port {}, {}", stage.broker_port, shown(began.elapsed())));
    screen.check("mosquitto listens, with the shipped access rules", measured)?;

    let began = clock::now();
    let pacs = stage.start_pacs()?;
    let measured = format!("port {}, {}", pacs.port(), shown(began.elapsed()));
    screen.check("the simulated PACS listens, and is empty", {
        let is_empty = stage.world()?.persons.is_empty();
        only_if(is_empty, "it holds persons").map(|_| measured)
    })?;
    stage.start_reader()?;
    setting::panel(stage, pacs)?;
    stage.start_witness(pacs)?;

    let began = clock::now();
    let publishes = stage.start_source();
    let measured = publishes.map(|()| format!("checkpoint acknowledged after {}", shown(began.elapsed())));
    screen.check("doorward-source publishes", measured)?;

    let began = clock::now();
    stage.start_gateway()?;
    let online = patience::until("the source hears that the panel is online", || {
        let status: Value = serde_json::from_str(&stage.source(&["status", "--json"])?)?;
        Ok((status["gateways"][PANEL]["state"]["online"] == true).then(|| shown(began.elapsed())))
    });
    screen.check("doorward runs, and the source hears it", online.map(|took| format!("after {took}")))
}

/// The whole office in one go, and somebody who would like to belong to it.
pub(crate) fn import(show: &mut Show) -> Result<()> {
    show.screen.step("Import", "examples/office: twelve people, fourteen cards, four rights");
    let files = [examples(show, "users.csv")?, examples(show, "changes.jsonl")?];
    let Show { screen, stage, office } = show;
    let witness = stage.witness()?;
    witness.forge(FORGED_USER)?;
    let began = clock::now();
    let said = stage.source(&["import", &files[0], &files[1]])?;
    screen.check("the files are checked, numbered and taken", Ok(said.trim().to_owned()))?;
    let equal = stage.pacs_equals(office);
    let measured = equal.map(|_| format!("{} after the command", shown(began.elapsed())));
    let claim = format!("in the PACS: {} persons, and no one else", office.size(utc_now()));
    screen.check(&claim, measured)?;
    screen.check("mirror and source have equal roots", stage.roots_equal())?;
    let users = stage.query("users")?;
    let forged = users.iter().any(|row| row["key"] == FORGED_USER) || witness.heard_the_forgery();
    let claim = "a panel that spoke for the source was not heard";
    screen.check(claim, only_if(!forged, "the broker let a forged change through"))?;
    let imported = patience::until("the source hears which rights the PACS defines", || {
        let events = stage.source(&["events", "--json"])?;
        let found = events.lines().find(|line| line.contains("pacs_entitlements"));
        Ok(found.map(|line| line.matches("pacs_ref").count()))
    });
    let measured = imported.map(|count| format!("{} access elements, by {PANEL}", grouped(count)));
    screen.check("the source has heard which rights the PACS defines", measured)
}

fn examples(show: &Show, name: &str) -> Result<String> {
    let path = show.stage.root.join("examples/office").join(name);
    Ok(path.to_str().context("the repository's path is no UTF-8")?.to_owned())
}
