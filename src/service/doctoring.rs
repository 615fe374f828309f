//! Looks at everything that the gateway rests on and says what is wrong, with what to do: `doorward doctor`.
//!
//! Nothing is written to the mirror or the PACS, no line is taken, and a gateway that runs is not disturbed.
//!
//! - `disk`: space, inodes, kind of file system, wear of flash, the reserve
//! - `attached`: readers, the drivers that take them away, serial ports, the board
//! - `standing`: the clock, the mirror
//! - `remote`: the broker, the PACS; each bounded in time
//!
//! Not here: printing; the source's login at the broker (`doorward-source doctor`).

mod attached;
mod disk;
mod remote;
mod standing;

pub use attached::client_of_pcscd;

use super::clocks::Clock as ClockStanding;
use super::lock;
use super::setup::Setup;
use crate::clock::{Clock, kernel_says_synchronised};
use crate::config;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;

/// What came of one check.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is as it should be.
    Ok,
    /// It works, and will not for long, or not in every case.
    Warning,
    /// It does not work.
    Failed,
    /// It could not be tried.
    Untried,
}

/// One check.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Check {
    /// What was looked at.
    pub what: String,
    /// What came of it.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do; empty when it is as it should be.
    pub remedy: String,
}

impl Check {
    /// It is as it should be.
    pub fn fine(what: impl Into<String>, found: impl Into<String>) -> Check {
        Check { what: what.into(), verdict: Verdict::Ok, found: found.into(), remedy: String::new() }
    }

    /// It is not.
    pub fn wrong(
        verdict: Verdict,
        what: impl Into<String>,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Check {
        Check { what: what.into(), verdict, found: found.into(), remedy: remedy.into() }
    }

    /// It is not; `complaint` is a sentence of ours, which ends with the remedy.
    pub fn failed(what: &str, complaint: &str) -> Check {
        let (found, remedy) = complaint.rsplit_once("; ").unwrap_or((complaint, "mend that, and ask again"));
        Check::wrong(Verdict::Failed, what, found, remedy)
    }
}

/// Everything about the machine alone. `clock` is how the clock stands, from the daemon if one runs.
pub fn examine_panel(setup: &Setup, file: &Path, clock: Result<ClockStanding, String>) -> Vec<Check> {
    let config = setup.config();
    let warnings = config::warnings(config);
    let mut checks = vec![if warnings.is_empty() {
        Check::fine("configuration", format!("{}: {} of {}", file.display(), config.gateway, config.site))
    } else {
        let remedy = "write what is meant";
        Check::wrong(Verdict::Warning, "configuration", warnings.join("; "), remedy)
    }];
    let is_running = lock::is_held(&config.state_dir);
    checks.push(if is_running {
        Check::fine("gateway", "runs")
    } else {
        let remedy = "start it: systemctl start doorward";
        Check::wrong(Verdict::Warning, "gateway", "does not run", remedy)
    });
    checks.extend(disk::examine(&config.state_dir, &setup.reserve(), is_running));
    checks.push(standing::clock(clock, kernel_says_synchronised().ok()));
    checks.extend(standing::mirror(setup, is_running));
    checks.extend(attached::readers(setup));
    checks.extend(attached::board(config.board.as_deref()));
    checks
}

/// Everything that needs the network.
pub async fn examine_network(setup: &Setup, clock: Arc<dyn Clock>) -> Vec<Check> {
    let is_running = lock::is_held(&setup.config().state_dir);
    let mut checks = remote::broker(setup, clock.clone(), is_running).await;
    checks.extend(remote::pacs(setup, clock).await);
    checks
}
