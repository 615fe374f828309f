//! `doctor`: what the login may do at the broker.

use super::CONFIG_DEFAULT;
use super::show::print_table;
use anyhow::{Result, bail};
use doorward_source::clock;
use doorward_source::config::Config;
use doorward_source::doctor::{Check, Verdict, examine};
use doorward_source::store::exporter::Naming;
use doorward_source::store::{Head, Store, StoreError};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Examines, prints, and fails if anything does.
pub(crate) fn doctor(db: Option<PathBuf>, config: Option<PathBuf>, as_json: bool) -> Result<()> {
    let mut settings = Config::load(config.as_deref().unwrap_or(Path::new(CONFIG_DEFAULT)))?;
    if let Some(db) = db {
        settings.db = db;
    }
    let (head, naming) = standing(&settings)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let checks = runtime.block_on(examine(&settings, head, naming))?;
    let refused = checks.iter().filter(|check| check.verdict == Verdict::Refused).count();
    if as_json {
        let listed: Vec<Value> = checks
            .iter()
            .map(|check| json!({"what": check.what, "verdict": word(check), "remedy": check.remedy}))
            .collect();
        println!("{}", json!({"refused": refused, "checks": listed}));
    } else {
        let lines: Vec<[String; 3]> = checks
            .iter()
            .map(|check| [word(check).to_string(), check.what.clone(), check.remedy.clone()])
            .collect();
        print_table(&lines);
    }
    if refused > 0 {
        bail!("{refused} of {} checks failed", checks.len());
    }
    Ok(())
}

/// Where the stream stands, if gateways have heard so, of a file that was served and waits for nothing; and who
/// exports.
fn standing(settings: &Config) -> Result<(Option<Head>, Option<Naming>)> {
    if !settings.db.exists() {
        return Ok((None, None));
    }
    let store = Store::open(&settings.db, clock::now())?;
    match store.site()? {
        None => Ok((None, None)),
        Some(found) if found == settings.site => {
            let head = if store.outgoing_count()? == 0 { Some(store.head()?) } else { None };
            Ok((head, store.exporter()?))
        }
        Some(found) => {
            let (found, asked) = (found.to_string(), settings.site.to_string());
            Err(StoreError::OtherSite { found, asked }.into())
        }
    }
}

fn word(check: &Check) -> &'static str {
    match check.verdict {
        Verdict::Fine => "ok",
        Verdict::Refused => "refused",
        Verdict::Untried => "untried",
    }
}
