//! `resync`, `approve`, `retry`, `settle-…` and `take-over`: asks a gateway for something, by way of `serve`.
//!
//! Not here: sending it, and hearing what came of it (`serve`).

use access::id::Key;
use anyhow::{Result, bail};
use contract::command::Command;
use contract::enrollment::Settlement;
use contract::id::GatewayId;
use doorward_source::serve::wake::wake;
use doorward_source::store::Store;
use doorward_source::store::commands::EXPIRES_S;
use doorward_source::{clock, enrolling};
use std::path::Path;
use std::time::Duration;

/// How long a result is waited for, in milliseconds: a gateway that is there answers within a second or two.
const RESULT_WAIT_MS: u64 = 30_000;
/// How often the file is looked into meanwhile, in milliseconds.
const RESULT_LOOK_MS: u64 = 100;

/// Asks for a comparison.
pub(crate) fn resync(store: &mut Store, db: &Path, gateway: &GatewayId) -> Result<()> {
    queue(store, db, gateway, Command::Resync)?;
    Ok(())
}

/// Asks for something that is answered, and shows the answer.
pub(crate) fn and_wait(store: &mut Store, db: &Path, gateway: &GatewayId, command: Command) -> Result<()> {
    let (id, is_served) = queue(store, db, gateway, command)?;
    wait(store, gateway, &id, is_served)
}

/// Publishes a card that was enrolled, or refuses it, and shows what the panel says to that.
pub(crate) fn settle(
    store: &mut Store,
    db: &Path,
    gateway: &GatewayId,
    token: &Key,
    settlement: Settlement,
) -> Result<()> {
    let Some(enrollment) = store.enrollment(gateway, token)? else {
        bail!("{gateway} has told of no enrollment {token}; `doorward-source events` shows those it has");
    };
    if !matches!(settlement, Settlement::Refused { .. })
        && let Some(words) = enrolling::objection(store, &enrollment)?
    {
        bail!("{words}; correct that, or refuse the card (--refuse)");
    }
    let id = enrolling::settle(store, gateway, &enrollment, settlement, clock::now())?;
    let is_served = wake(db);
    wait(store, gateway, &id, is_served)
}

fn wait(store: &Store, gateway: &GatewayId, id: &str, is_served: bool) -> Result<()> {
    if !is_served {
        bail!("nothing came of it yet; `doorward-source events` will show it: command_result {id}");
    }
    for _ in 0..RESULT_WAIT_MS / RESULT_LOOK_MS {
        match store.command_result(gateway, id)? {
            Some((true, words)) => {
                println!("{gateway}: {words}");
                return Ok(());
            }
            Some((false, words)) => bail!("{gateway} refused: {words}"),
            // Another process writes the answer into the file.
            None => std::thread::sleep(Duration::from_millis(RESULT_LOOK_MS)),
        }
    }
    bail!(
        "{gateway} has not answered within {} s; it still may, until {EXPIRES_S} s from the order: \
         `doorward-source events` will show it: command_result {id}",
        RESULT_WAIT_MS / 1_000
    )
}

/// Says that whoever exported before is dead.
pub(crate) fn take_over(store: &mut Store, db: &Path, gateway: &GatewayId) -> Result<()> {
    match store.take_over(gateway, clock::now())? {
        None => bail!("nobody was named yet: name the exporter in the settings, and `serve`"),
        Some(naming) if naming.named != *gateway => {
            bail!("{} is named, not {gateway}; nothing was changed", naming.named)
        }
        Some(_) => println!("{gateway} exports without the ledger of the one before"),
    }
    if !wake(db) {
        eprintln!("no `serve` listens beside {}; it is said when it starts", db.display());
    }
    Ok(())
}

/// Returns the command's id, and whether a `serve` sends it now.
fn queue(store: &mut Store, db: &Path, gateway: &GatewayId, command: Command) -> Result<(String, bool)> {
    let id = store.queue_command(gateway, command, clock::now())?;
    println!("{gateway} is asked");
    if !store.gateways()?.iter().any(|heard| heard.gateway == gateway.as_str()) {
        eprintln!("{gateway} was never heard here; `doorward-source status` lists those that were");
    }
    let is_served = wake(db);
    if !is_served {
        eprintln!("no `serve` listens beside {}; it asks if it starts within {EXPIRES_S} s", db.display());
    }
    Ok((id, is_served))
}
