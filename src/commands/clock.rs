//! `doorward clock`: how the clock stands, its floor put back, and the kernel's word on it handed on.
//!
//! Not here: the daemon's word on it (`service::clocks`); without a daemon the kernel's and the file's.

use super::client::{Client, NoDaemon};
use crate::cli::ClockVerb;
use crate::clock::relay::{EVERY_MS, Relay};
use crate::config::{self, Config};
use crate::service::circumstances::Age;
use crate::service::clocks::Clock;
use crate::service::setup::Setup;
use crate::service::supervising::Supervisor;
use anyhow::{Context as _, Result};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Does what was asked.
///
/// # Errors
/// When the floor cannot be read, or the daemon refuses the order or does not run.
pub fn clock(file: &Path, as_json: bool, verb: Option<ClockVerb>) -> Result<()> {
    match verb {
        None => show(&standing(&config::load(file)?, file)?, as_json),
        // It needs no configuration, and may not read it.
        Some(ClockVerb::Relay { file }) => relay(&file),
        Some(ClockVerb::ResetFloor { to }) => {
            let config = config::load(file)?;
            let body = to.map_or(json!({}), |to| json!({ "to": to }));
            let answer = Client::new(&config).act("/clock/reset-floor", &body)?;
            println!("{}", answer["words"].as_str().unwrap_or("done"));
            Ok(())
        }
    }
}

/// As the daemon has it, which alone knows of holdover and steps; without one, as it would at its start.
pub(super) fn standing(config: &Config, file: &Path) -> Result<Clock> {
    match Client::new(config).read("/clock") {
        Ok(answer) => Ok(serde_json::from_value(answer)?),
        Err(error) if error.is::<NoDaemon>() => {
            let sync = config.clock.sync;
            let time = Setup::new(config.clone(), file).timekeeper(Arc::new(config.clock.system()))?;
            Ok(Clock::of(&time, sync, Age::default()))
        }
        Err(error) => Err(error),
    }
}

/// Until it is ended, by whatever signal: there is nothing to put in order.
fn relay(file: &Path) -> Result<()> {
    let opened = Relay::open(file);
    let relay = opened.with_context(|| {
        format!("{}: does its folder exist, and may this user write there?", file.display())
    })?;
    let supervisor = Supervisor::from_environment()?;
    let tell = || relay.tell().context("the kernel was not asked, or its answer not written");
    tell()?;
    supervisor.ready();
    loop {
        std::thread::sleep(Duration::from_millis(EVERY_MS));
        tell()?;
        supervisor.alive();
    }
}

fn show(clock: &Clock, as_json: bool) -> Result<()> {
    if as_json {
        println!("{}", serde_json::to_string(clock)?);
        return Ok(());
    }
    let Clock { now, standing, doubt, holdover_left_s, floor, sync, synchronised, news } = clock;
    println!("clock     {now}");
    let why = doubt.as_ref().map(|doubt| format!(": {doubt}; no window opens by it")).unwrap_or_default();
    let left = holdover_left_s.map(|left_s| format!(", for {left_s} s more")).unwrap_or_default();
    println!("standing  {standing}{why}{left}");
    println!("synced    {}, says the {sync}", if *synchronised { "yes" } else { "no" });
    println!("floor     {floor}: that has certainly passed");
    if let Some(ago_s) = news.proven_ago_s {
        println!("news      from the source {ago_s} s ago");
    }
    if now < floor && *synchronised {
        println!("          if the time is right, the floor is wrong: doorward clock reset-floor");
    }
    Ok(())
}
