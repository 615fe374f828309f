//! A whole `doorward why`, from its start until it has printed and ended, beside a program that does nothing.

use super::site::{DOORS, door_key, questions};
use crate::data::SITE;
use crate::watched::now;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Times that each is started.
const TIMES: usize = 300;

/// Milliseconds, the middle one and the hundredth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Started {
    pub(super) noop: (f64, f64),
    pub(super) why: (f64, f64),
}

pub(super) fn measure(doorward: &Path, site: &Path, users: u64) -> Result<Started> {
    let config = site.join("config.toml");
    let text = format!(
        "site = \"{SITE}\"\ngateway = \"panel\"\nstate_dir = \"{}\"\n[broker]\nhost = \"localhost\"\n[clock]\nsync = \"host\"\n",
        site.display()
    );
    fs::write(&config, text)?;
    let program = std::env::current_exe()?;
    let noop = program.with_file_name("noop");
    if !noop.exists() {
        bail!("{}: no such program; benches/run builds it", noop.display());
    }
    let asked = questions(4, TIMES, users);
    let (mut nothing, mut whole) = (Vec::new(), Vec::new());
    for question in &asked {
        nothing.push(ms(Command::new(&noop))?);
        let uid: String = question.uid.iter().map(|byte| format!("{byte:02X}")).collect();
        let mut why = Command::new(doorward);
        why.arg("--config").arg(&config).arg("why").arg(uid).arg(door_key(question.door % DOORS));
        whole.push(ms(why)?);
    }
    Ok(Started { noop: middle(nothing), why: middle(whole) })
}

fn ms(mut command: Command) -> Result<f64> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = now();
    let status = command.status()?;
    let taken = begun.elapsed().as_secs_f64() * 1000.0;
    if status.code().context("it was killed")? > 1 {
        bail!("{command:?} fails");
    }
    Ok(taken)
}

fn middle(mut taken: Vec<f64>) -> (f64, f64) {
    taken.sort_by(f64::total_cmp);
    let at = |percent: usize| taken.get(taken.len() * percent / 100).copied().unwrap_or(0.0);
    (at(50), at(99))
}
