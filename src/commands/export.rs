//! `doorward export`: what the export has to do and why it waits, and orders to it.
//!
//! - `show`: what came back, for people
//!
//! Not here: doing it; the daemon does, by itself.

mod show;

use super::client::{Client, NoDaemon};
use crate::cli::ExportVerb;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::service::planning::{self, Moment, Report, Wish};
use crate::service::setup::Setup;
use crate::service::status::{self, ExportStatus};
use access::id::Key;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Does what was asked.
///
/// # Errors
/// When the daemon refuses an order or does not run, or when nothing can be read.
pub fn export(file: &Path, verb: ExportVerb) -> Result<()> {
    let config = config::load(file)?;
    if config.pacs.is_none() {
        bail!("{}: this panel exports nothing: there is no [pacs]; ask the panel that has", file.display());
    }
    match verb {
        ExportVerb::Plan { json, limit, everyone } => plan(config, file, json, &Wish { limit, everyone }),
        ExportVerb::Status { json } => export_status(config, file, json),
        ExportVerb::Apply => order(&config, "/export/apply", &json!({})),
        ExportVerb::Approve { hash } => order(&config, "/export/approve", &json!({ "hash": hash })),
        ExportVerb::Retry { user, item } => {
            let user = user.map(|user| Key::new(&user).map_err(|reason| anyhow!("user {user:?}: {reason}")));
            let user = user.transpose()?.map(|user| user.to_string());
            order(&config, "/export/retry", &json!({ "user": user, "item": item }))
        }
    }
}

fn order(config: &Config, path: &str, body: &Value) -> Result<()> {
    let answer = Client::new(config).act(path, body)?;
    println!("{}", answer["words"].as_str().unwrap_or("done"));
    Ok(())
}

fn export_status(config: Config, file: &Path, as_json: bool) -> Result<()> {
    let found = match Client::new(&config).read("/export/status") {
        Ok(value) => serde_json::from_value(value).context("the daemon is of another version; restart it")?,
        Err(error) if error.is::<NoDaemon>() => {
            let setup = Setup::new(config, file);
            status::export_status(&setup.reader()?, setup.config(), None)?
        }
        Err(error) => return Err(error),
    };
    if as_json {
        println!("{}", serde_json::to_string(&found)?);
    } else {
        print!("{}", show::status(&found));
    }
    Ok(())
}

fn plan(config: Config, file: &Path, as_json: bool, wish: &Wish) -> Result<()> {
    let client = Client::new(&config);
    let everyone = if wish.everyone { "&everyone" } else { "" };
    let (report, found) = match client.read(&format!("/export/plan?limit={}{everyone}", wish.limit)) {
        Ok(report) => {
            let other = "the daemon is of another version; restart it";
            let found = serde_json::from_value(client.read("/export/status")?).context(other)?;
            (serde_json::from_value(report).context(other)?, found)
        }
        Err(error) if error.is::<NoDaemon>() => plan_stopped(&Setup::new(config, file), wish)?,
        Err(error) => return Err(error),
    };
    if as_json {
        for line in &report.lines {
            println!("{}", serde_json::to_string(line)?);
        }
        let summary = json!({ "summary": report.summary, "more": report.more, "export": found });
        println!("{summary}");
    } else {
        print!("{}", show::plan(&report, &found));
    }
    Ok(())
}

/// The same from the disk.
fn plan_stopped(setup: &Setup, wish: &Wish) -> Result<(Report, ExportStatus)> {
    let mut conn = setup.reader()?;
    let planner = setup.open_planner()?.context("this panel exports nothing: there is no [pacs]")?;
    let clock: Arc<dyn Clock> = Arc::new(setup.config().clock.system());
    let moment = Moment { time: setup.time(clock)?, mono: None };
    let found = status::export_status(&conn, setup.config(), None)?;
    let report = planning::report(&mut conn, &planner, &found, &moment, wish)?;
    Ok((report, found))
}
