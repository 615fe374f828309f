//! `kill -9` of the gateway while thousands of changes come in, and again while they go out.

use super::{assignment, card, only_if, upsert, user};
use crate::office::Office;
use crate::screen::{grouped, shown};
use crate::stage::Stage;
use crate::witness::Act as Seen;
use crate::{Show, clock, patience};
use anyhow::{Result, ensure};
use contract::id::Version;
use doorward_sim::{Act, Effect, What};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// People hired at once. Each is a user, a card and two assignments.
const PEOPLE: usize = 500;
/// How their numbers in the PACS begin.
const PREFIX: &str = "PAp0";
/// Below the numbers of their cards, which are in no other example.
const FIRST_SERIAL: u64 = 0x0051_AB00_0000;
const CHANGES: usize = 4 * PEOPLE;
/// The first kill comes when this part of the changes is in the mirror...
const FIRST_KILL: usize = CHANGES / 8;
/// ...and the second when this many people have reached the PACS.
const SECOND_KILL: usize = PEOPLE / 4;

/// Two thousand changes, two kills.
pub(crate) fn killed_in_the_middle(show: &mut Show) -> Result<()> {
    let story = format!("{} changes in as many messages, and no mercy", grouped(CHANGES));
    show.screen.step("kill -9", &story);
    let lines = people(&mut show.office)?;
    let began = clock::now();
    let last = killed_while_mirroring(show, &lines)?;
    killed_while_exporting(show)?;

    let Show { screen, stage, office } = show;
    stage.witness()?.mirrored(last)?;
    // After a start the mirror counts as unproven until the next checkpoint: not for a heartbeat here.
    stage.gateway_runs()?;
    stage.source(&["checkpoint"])?;
    screen.check("mirror and source have equal roots", stage.roots_equal())?;
    let equal = stage.pacs_equals(office);
    let measured = equal.map(|_| format!("{} after the import began", shown(began.elapsed())));
    screen.check(&format!("all {PEOPLE} people are in the PACS, and no one else"), measured)?;
    screen.check("since start-up nothing was made twice there", no_twins(stage))?;
    let delivered = patience::until("the source has every event", || {
        Ok((stage.status()?["events"] == json!({"waiting": 0, "lost": 0})).then_some(()))
    });
    let received = delivered.and_then(|()| stage.source(&["events", "--json", "--limit", "1000000"]));
    let measured = received.map(|events| format!("{} events", grouped(events.lines().count())));
    screen.check("the source has heard of all of it", measured)
}

/// Kills the gateway with a part of `lines` in its mirror; gives the version of the last.
fn killed_while_mirroring(show: &mut Show, lines: &str) -> Result<Version> {
    let Show { screen, stage, .. } = show;
    let before = stage.source_head()?.0;
    // A panel may be as fast as the import: whoever waits for its end may come too late.
    let importing = stage.begin_import("burst.jsonl", lines, &["--batch", "1"])?;
    let part = Version { epoch: before.epoch, seq: before.seq + FIRST_KILL as u64 };
    stage.witness()?.mirrored(part)?;
    let (id, head) = stage.kill_gateway()?;
    importing.wait()?;
    let last = stage.source_head()?.0;
    let mirrored = usize::try_from(head.seq - before.seq)?;
    let killed =
        only_if(head < last, "it came too late: everything was mirrored").map(|_| format!("process {id}"));
    let claim = format!("killed with {} of {} changes mirrored", grouped(mirrored), grouped(CHANGES));
    screen.check(&claim, killed)?;
    restart(stage)?;
    Ok(last)
}

/// Kills it again with a part of the people in the PACS.
fn killed_while_exporting(show: &mut Show) -> Result<()> {
    let Show { screen, stage, .. } = show;
    let in_pacs = patience::until("a part of the people is in the PACS", || {
        let acts = stage.witness()?.acts();
        let made = |act: &&Seen| act.effect.what == What::Person && act.effect.act == Act::Create;
        let count = acts.iter().filter(made).filter(|act| act.effect.key.starts_with(PREFIX)).count();
        Ok((count >= SECOND_KILL).then_some(count))
    })?;
    let (id, _) = stage.kill_gateway()?;
    let killed = only_if(in_pacs < PEOPLE, "it came too late: everyone was in the PACS");
    let claim = format!("killed again with {in_pacs} of {PEOPLE} people in the PACS");
    screen.check(&claim, killed.map(|_| format!("process {id}")))?;
    restart(stage)
}

fn restart(stage: &mut Stage) -> Result<()> {
    stage.start_gateway()?;
    stage.witness()?.resume_mirror();
    Ok(())
}

/// The people's records as lines, and the people themselves in the office.
fn people(office: &mut Office) -> Result<String> {
    let mut lines = Vec::with_capacity(CHANGES);
    for number in 1..=PEOPLE {
        let key = format!("p0{number:03}");
        let serial = FIRST_SERIAL + 257 * number as u64;
        let hex = format!("04{serial:012X}");
        office.hire(&key, &format!("Person {number}"), &hex, "ap-main ap-office")?;
        lines.push(upsert("user", &key, &user("Person", &number.to_string())));
        lines.push(upsert("token", &format!("card-{key}"), &card(&key, "ACTIVE", &hex)));
        lines.push(upsert("assignment", &format!("{key}.main"), &assignment(&key, "main")));
        lines.push(upsert("assignment", &format!("{key}.office"), &assignment(&key, "office")));
    }
    Ok(lines.join("\n"))
}

/// Replays what the PACS did: whatever is made was not there.
fn no_twins(stage: &Stage) -> Result<String> {
    let log = stage.pacs("GET", "/_sim/effects?since=0", &Value::Null)?;
    ensure!(log["dropped"] == 0, "the PACS's log has a beginning no more");
    let acts: Vec<Effect> = serde_json::from_value(log["items"].clone())?;
    let mut there = BTreeSet::new();
    for Effect { n, act, key, .. } in &acts {
        let fits = match act {
            Act::Create => there.insert(key),
            Act::Update => there.contains(key),
            Act::Delete => there.remove(key),
        };
        ensure!(fits, "act {n} on {key} does not fit what was there");
    }
    Ok(format!("{} acts replayed", grouped(acts.len())))
}
