//! `doorward check`: what `run` does up to the point where it would act.

use crate::clock::{Clock, SystemClock};
use crate::config;
use crate::service::setup::Setup;
use anyhow::Result;
use std::path::Path;
use std::sync::Arc;

/// Looks at everything that `run` needs and says what was found.
///
/// # Errors
/// The first thing that `run` would stumble over.
pub fn check(file: &Path) -> Result<()> {
    let config = config::load(file)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(config.clock.sync));
    for warning in config::warnings(&config) {
        println!("warning   {warning}");
    }
    let setup = Setup::new(config, file);
    let findings = setup.check(clock)?;
    for line in findings.lines {
        println!("{line}");
    }
    findings.obstacle.map_or(Ok(()), |obstacle| Err(obstacle.into()))
}
