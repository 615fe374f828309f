//! A plan for a large site, all of which is in the PACS already: `doorward export plan`, with the gateway stopped.

use super::Export;
use super::town::{make_mirror, settings};
use crate::contender::fresh;
use crate::meter;
use crate::watched::now;
use access::id::Key;
use access::person::{Person, person};
use access::time::UtcTime;
use anyhow::{Context, Result, anyhow};
use contract::id::SiteId;
use doorward::clock::{Clock, SystemClock};
use doorward::config;
use doorward::export::content::Content;
use doorward::export::item::{ItemId, ItemKind, Row, State};
use doorward::export::ledger;
use doorward::mirror::{Mirror, due, facts};
use doorward::service::planning::Planner;
use doorward::service::setup::Setup;
use rusqlite::Connection;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Users read at a time.
const PAGE_USERS: u32 = 1_000;
/// Times that each plan is made; the first warms the page cache.
const TIMES: usize = 4;

/// What plans have cost.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) users: usize,
    /// Seconds and peaks of anonymous memory, of those who are due.
    pub(super) due: Vec<(f64, u64)>,
    /// Of everyone.
    pub(super) everyone: Vec<(f64, u64)>,
}

pub(super) fn measure(args: &Export, doorward: &Path, folder: &Path) -> Result<Planned> {
    let place = fresh(&folder.join("plan"))?;
    let state = place.join("state");
    std::fs::create_dir(&state)?;
    make_mirror(&state, args.plan_users)?;
    let file = settings(&place, args, "http://127.0.0.1:9")?;
    let setup = Setup::new(config::load(&file)?, &file);
    let planner = setup.open_planner()?.context("a PACS is configured")?;
    let clock: Arc<dyn Clock> = Arc::new(setup.config().clock.system());
    fill_ledger(&state, &setup, &planner, clock)?;
    let plan = |everyone: bool| -> Result<Vec<(f64, u64)>> {
        let mut all = Vec::new();
        for _ in 0..TIMES {
            all.push(plan(doorward, &file, args.plan_users, everyone)?);
        }
        Ok(all.split_off(1))
    };
    let planned = Planned { users: args.plan_users, due: plan(false)?, everyone: plan(true)? };
    std::fs::remove_dir_all(&place)?;
    Ok(planned)
}

/// As it is once everyone was exported and looked at.
fn fill_ledger(state: &Path, setup: &Setup, planner: &Planner, clock: Arc<dyn Clock>) -> Result<()> {
    let site: SiteId = setup.config().site.clone();
    let mut conn = Mirror::at(state).open_writer(&site, || "bench".into())?;
    let time = setup.time(clock)?;
    let mut after = String::new();
    loop {
        let tx = conn.transaction()?;
        let users = facts::users_after(&tx, &after, PAGE_USERS)?;
        let Some(last) = users.last() else { break };
        after.clone_from(last);
        for user in &users {
            let key = Key::new(user).map_err(|rule| anyhow!(rule))?;
            let facts = facts::of_user(&tx, &key)?.context("a user")?;
            let person = person(&facts, &planner.settings, &time).context("it is exported")?;
            for row in rows(&key, &person, planner) {
                ledger::save(&tx, &row, time.now)?;
            }
        }
        tx.commit()?;
    }
    rest(&conn, planner, time.now)?;
    crate::data::checkpoint(&conn)
}

fn rest(conn: &Connection, planner: &Planner, now: UtcTime) -> Result<()> {
    due::rest_on(conn, &planner.basis)?;
    due::begin(conn, now)?;
    let step = due::Step { mark: due::walk(conn)?.mark, to: None, restless: Vec::new() };
    due::settle(conn, &due::Settled { at_rest: Vec::new(), step: Some(step) })?;
    Ok(())
}

fn rows(user: &Key, person: &Person, planner: &Planner) -> Vec<Row> {
    let row = |kind, item: &str, ext_id: &str, content: &Content| {
        let hash = Some(content.hash(planner.caps.native_windows));
        let id = ItemId { user: user.clone(), kind, item: item.into() };
        Row {
            state: State::Present,
            prev: State::Present,
            ours: true,
            native_id: Some(format!("n-{user}-{item}")),
            sent_hash: hash,
            acked_hash: hash,
            until: content.until(),
            card: content.credential().map(|credential| credential.card_number.clone()),
            ..Row::new(id, ext_id.into())
        }
    };
    let mut rows = vec![row(ItemKind::Person, "", &person.ext_id, &Content::of_person(person))];
    for (key, credential) in &person.credentials {
        let content = Content::Credential(credential.clone());
        rows.push(row(ItemKind::Credential, key.as_str(), key.as_str(), &content));
    }
    for (item, permission) in &person.permissions {
        rows.push(row(ItemKind::Permission, item, item, &Content::of_permission(permission, Vec::new())));
    }
    rows
}

/// Seconds, and the peak of anonymous memory.
fn plan(doorward: &Path, file: &Path, users: usize, everyone: bool) -> Result<(f64, u64)> {
    let mut command = Command::new(doorward);
    command.arg("--config").arg(file).args(["export", "plan", "--json"]);
    if everyone {
        command.arg("--everyone");
    }
    let began = now();
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        // It may end between the two.
        peak = meter::anonymous_bytes(child.id()).unwrap_or(0).max(peak);
        std::thread::sleep(Duration::from_millis(1));
    }
    let seconds = now().duration_since(began).as_secs_f64();
    let output = child.wait_with_output()?;
    let text = String::from_utf8(output.stdout)?;
    let last: Value = serde_json::from_str(text.lines().last().unwrap_or_default())?;
    let summary = &last["summary"];
    let looked_at = if everyone { users } else { 0 };
    if summary["users"] != users || summary["users_differ"] != 0 || summary["looked_at"] != looked_at {
        return Err(anyhow!("the plan is not what it should be: {summary}"));
    }
    Ok((seconds, peak))
}
