//! `doorward doctor`: one page of checks, each with what to do.
//!
//! Not here: looking (`service::doctoring`).

use super::clock::standing;
use super::table::clean;
use crate::clock::Clock;
use crate::config;
use crate::service::doctoring::{self, Check, Verdict};
use crate::service::setup::Setup;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Looks at everything and prints what was found.
///
/// # Errors
/// When a check has failed.
pub fn doctor(file: &Path, as_json: bool) -> Result<()> {
    let checks = examine(file)?;
    let failed = checks.iter().filter(|check| check.verdict == Verdict::Failed).count();
    if as_json {
        println!("{}", as_value(&checks));
    } else {
        checks.iter().for_each(|check| print!("{}", lines(check)));
    }
    if failed > 0 {
        bail!("{failed} of {} checks have failed", checks.len());
    }
    Ok(())
}

/// Everything; a configuration that cannot be read leaves nothing else to look at.
pub(super) fn examine(file: &Path) -> Result<Vec<Check>> {
    let config = match config::load(file) {
        Ok(config) => config,
        Err(error) => {
            return Ok(vec![Check::failed("configuration", &error.to_string())]);
        }
    };
    let clock: Arc<dyn Clock> = Arc::new(config.clock.system());
    let standing = standing(&config, file).map_err(|error| format!("{error:#}"));
    let setup = Setup::new(config, file);
    let mut checks = doctoring::examine_panel(&setup, file, standing);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    checks.extend(runtime.block_on(doctoring::examine_network(&setup, clock)));
    // A name that is still being looked up is not waited for.
    runtime.shutdown_background();
    Ok(checks)
}

/// As programs read it.
pub(super) fn as_value(checks: &[Check]) -> Value {
    let failed = checks.iter().filter(|check| check.verdict == Verdict::Failed).count();
    json!({ "failed": failed, "checks": checks })
}

fn lines(check: &Check) -> String {
    let word = match check.verdict {
        Verdict::Ok => "ok",
        Verdict::Warning => "warning",
        Verdict::Failed => "FAILED",
        Verdict::Untried => "untried",
    };
    let what = clean(&format!("{}: {}", check.what, check.found));
    let remedy =
        if check.remedy.is_empty() { String::new() } else { format!("         {}\n", clean(&check.remedy)) };
    format!("{word:<9}{what}\n{remedy}")
}
