//! `doorward readers`: which readers are there, and how those of the configuration are.

use crate::clock::{Clock, MonoMs, SyncSource, SystemClock, Wake};
use crate::commands::table::table;
use crate::config::{self, Config};
use crate::reader::inventory;
use crate::reader::line::State;
use crate::reader::spec::Spec;
use crate::reader::supervisor::{Readers, Standing};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// How long a reader may take to say how it is.
const WAIT_MS: u64 = 3000;

/// Shows the readers of the configuration with their health, and what else this machine has. Works without a
/// configuration, for whoever is about to write one.
///
/// # Errors
/// When the configuration is wrong.
pub fn readers(file: &Path, as_json: bool) -> Result<()> {
    let config = if file.exists() { Some(config::load(file)?) } else { None };
    let program = std::env::current_exe().context("where this program is")?;
    let specs = config.as_ref().map_or(Ok(Vec::new()), |config| specs(config, file, &program))?;
    let standing = runtime()?.block_on(settle(specs));
    let found = inventory::pcsc(&program);
    let ports = inventory::serial_ports();
    if as_json {
        let configured: Vec<Value> = standing.iter().map(as_value).collect();
        let pcsc = match &found {
            Ok(found) => json!(found),
            Err(why) => json!({ "problem": why }),
        };
        println!("{}", json!({ "configured": configured, "pcsc": pcsc, "serial_ports": ports }));
        return Ok(());
    }
    if standing.is_empty() {
        println!("no [[reader]] in {}\n", file.display());
    } else {
        let row = |one: &Standing| {
            let door = one.door.clone().unwrap_or_default();
            [one.reader.clone(), one.kind.into(), door, one.state.as_str().into(), one.detail.clone()]
        };
        let rows: Vec<[String; 5]> = standing.iter().map(row).collect();
        println!("{}", table(["READER", "KIND", "DOOR", "STATE", "DETAIL"], &rows));
    }
    match found {
        Ok(found) => {
            let row = |one: inventory::Found| [one.reader, one.serial.unwrap_or_default()];
            let rows: Vec<[String; 2]> = found.into_iter().map(row).collect();
            println!("{}", table(["PCSC READER", "SERIAL"], &rows));
        }
        Err(why) => println!("pcsc: {why}\n"),
    }
    let rows: Vec<[String; 1]> = ports.iter().map(|port| [port.display().to_string()]).collect();
    print!("{}", table(["SERIAL PORT"], &rows));
    Ok(())
}

/// What the supervisor needs of each reader.
pub(super) fn specs(config: &Config, file: &Path, program: &Path) -> Result<Vec<Spec>> {
    Ok(config.reader.iter().map(|reader| Spec::new(reader, file, program)).collect::<Result<_, _>>()?)
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")
}

/// Starts the readers, and gives each a while to say how it is.
async fn settle(specs: Vec<Spec>) -> Vec<Standing> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(SyncSource::Host));
    let (readers, mut events) = Readers::start(specs, &clock);
    let until: MonoMs = clock.mono().after_ms(WAIT_MS);
    let is_open = |standing: &Standing| standing.state == State::Starting;
    while readers.standing().iter().any(is_open) && clock.mono() < until {
        tokio::select! {
            _ = events.recv() => {}
            () = clock.wait(Wake { wall: None, mono: Some(until) }) => {}
        }
    }
    let standing = readers.standing();
    readers.stop().await;
    standing
}

fn as_value(one: &Standing) -> Value {
    json!({ "reader": one.reader, "kind": one.kind, "door": one.door, "state": one.state.as_str(),
            "detail": one.detail })
}
