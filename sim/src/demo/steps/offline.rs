//! Everything is stopped; the panel's file still answers.

use super::only_if;
use crate::screen::{grouped, shown};
use crate::setting::SECRETS;
use crate::{Show, clock};
use anyhow::{Context as _, Result, ensure};
use std::net::TcpStream;

/// Queries without any network, and a look through the logs.
pub(crate) fn queries(show: &mut Show) -> Result<()> {
    let Show { screen, stage, .. } = show;
    screen.step("Offline", "broker, source, PACS and gateway are stopped; who may pass?");
    let source = stage.source_head()?;
    let records: serde_json::Value = serde_json::from_str(&stage.source(&["status", "--json"])?)?;
    let ended = stage.stop_all().and_then(|()| {
        let silent = TcpStream::connect(("127.0.0.1", stage.broker_port)).is_err();
        only_if(silent, "something still listens on the broker's port")
    });
    screen.check("all four have ended in order", ended)?;
    for words in [["users", "ada"].as_slice(), &["tokens", "elsa"], &["assignments", "bo"], &["doors"]] {
        let command = [["query"].as_slice(), words].concat();
        let began = clock::now();
        let printed = stage.doorward(&command)?;
        let took = shown(began.elapsed());
        screen.block(&format!("doorward {}", command.join(" ")), &printed);
        let found = words.get(1).is_none_or(|name| printed.contains(name)) && printed.lines().count() > 1;
        screen.check("answered from the panel's own file", only_if(found, "no answer").map(|_| took))?;
    }
    screen.block("doorward status", &stage.doorward(&["status"])?);
    let status = stage.status()?;
    let same = status["running"] == false && status["in_sync"] == true && status["root"] == source.1.as_str();
    screen.check("stopped, with the root that the source had", only_if(same, "it says something else"))?;
    // It fails unless every digest is as it was written and their sum is the source's.
    let began = clock::now();
    let verified = stage.doorward(&["verify"]);
    let took = shown(began.elapsed());
    if let Ok(printed) = &verified {
        screen.block("doorward verify", printed);
    }
    screen.check("every digest computed again: what the source holds, bit by bit", verified.map(|_| took))?;
    let counts =
        [("user", "users"), ("token", "tokens"), ("assignment", "assignments")].map(|(kind, what)| {
            let wanted = records["records"][kind].as_u64().context("the source counts its records")?;
            let found = stage.query(what)?.len();
            ensure!(wanted == found as u64, "{wanted} {what} at the source, {found} on the panel");
            Ok(format!("{} {what}", grouped(found)))
        });
    let counts: Result<Vec<String>> = counts.into_iter().collect();
    screen.check("every record of the source is there", counts.map(|all| all.join(", ")))?;
    let told = stage.logs().find(|(_, log)| {
        let text = std::fs::read(log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        SECRETS.iter().any(|secret| text.contains(secret))
    });
    let told =
        told.map_or_else(|| Ok(String::new()), |(name, _)| only_if(false, &format!("{name} told one")));
    screen.check("no password is in any log", told)
}
