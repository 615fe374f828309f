//! `doorward check`: what `run` does up to the point where it would act.

use crate::board::Board;
use crate::clock::Clock;
use crate::commands::readers::specs;
use crate::config;
use crate::service::doctoring::{Verdict, client_of_pcscd};
use crate::service::setup::Setup;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::sync::Arc;

/// Looks at everything that `run` needs and says what was found.
///
/// # Errors
/// The first thing that `run` would stumble over.
pub fn check(file: &Path) -> Result<()> {
    let config = config::load(file)?;
    let clock: Arc<dyn Clock> = Arc::new(config.clock.system());
    for warning in config::warnings(&config) {
        println!("warning   {warning}");
    }
    let program = std::env::current_exe().context("where this program is")?;
    for spec in specs(&config, file, &program)? {
        let beside = spec.door.as_ref().map(|door| format!(", beside {door}")).unwrap_or_default();
        println!("reader    {}: {}{beside}", spec.name(), spec.opening.port.kind());
    }
    if let Some(pcscd) = client_of_pcscd(&config) {
        // Without its readers the gateway runs all the same.
        let (found, remedy) = (pcscd.found, pcscd.remedy);
        match pcscd.verdict {
            Verdict::Ok => println!("pcscd     {found}"),
            Verdict::Warning | Verdict::Failed | Verdict::Untried => {
                println!("warning   pcscd {found}; {remedy}");
            }
        }
    }
    let setup = Setup::new(config, file);
    let findings = setup.check(clock)?;
    for line in findings.lines {
        println!("{line}");
    }
    if let Some(path) = &setup.config().board {
        let complaints = super::board::complaints(&Board::load(path)?);
        complaints.iter().for_each(|complaint| println!("board     {complaint}"));
        if !complaints.is_empty() {
            bail!(
                "{} of the board's lines cannot be used as they are; `doorward board check` shows all",
                complaints.len()
            );
        }
    }
    findings.obstacle.map_or(Ok(()), |obstacle| Err(obstacle.into()))
}
