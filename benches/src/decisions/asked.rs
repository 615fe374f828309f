//! One process that answers, so that its memory can be told; it measures itself.

use super::site::{Question, questions};
use super::{Who, bare, casbin, cedar, ours};
use crate::meter;
use crate::watched::now;
use anyhow::{Context, Result, bail};
use doorward::mirror::Mirror;
use rustix::fs::{Advice, fadvise, fsync};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Questions that are asked cold.
const COLD: usize = 1_000;
/// How long somebody may take to be ready and to answer everything.
const PATIENCE: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(50);

/// What a process has measured.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub(super) struct Said {
    /// Of the warm questions.
    pub(super) warm: Times,
    /// Of the cold ones; those who hold everything in memory are never cold.
    pub(super) cold: Option<Times>,
    /// Anonymous memory at the end.
    pub(super) anonymous_bytes: u64,
    /// How many of the warm questions were granted.
    pub(super) granted: usize,
    /// From the start to the first answer.
    pub(super) ready_ms: f64,
}

/// Of one answer, in µs.
#[derive(Serialize, Deserialize, Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) mean: f64,
}

/// Somebody who answers.
pub(super) type Decide<'d> = Box<dyn FnMut(&Question) -> Result<bool> + 'd>;

/// Has one answer in a process of its own.
pub(super) fn ask(who: Who, site: &Path, users: u64, questions: usize) -> Result<Said> {
    let program = std::env::current_exe()?;
    let mut command = Command::new(program);
    command.arg("decide").arg(who.name()).arg(site).arg(users.to_string()).arg(questions.to_string());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let begun = now();
    while child.try_wait()?.is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            bail!("{}: not done after {} s", who.name(), PATIENCE.as_secs());
        }
        sleep(LOOK);
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{}: {}", who.name(), String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("what the process says")
}

/// That process.
pub(crate) fn answer(who: Who, site: &Path, users: u64, count: usize) -> Result<()> {
    let begun = now();
    let warm = questions(1, count, users);
    let cold = questions(2, count.min(COLD), users);
    let before = questions(3, count / 10, users);
    let prepared = now();
    let mut said = if who.is_in_memory() {
        let mut decide = match who {
            Who::Cedar => cedar::decide(users)?,
            Who::Casbin | Who::Bare | Who::Doorward => casbin::decide(users)?,
        };
        let ready_ms = prepared.elapsed().as_secs_f64() * 1000.0;
        run(&mut decide, &before)?;
        let (times, granted) = run(&mut decide, &warm)?;
        Said { warm: times, cold: None, anonymous_bytes: 0, granted, ready_ms }
    } else {
        forget(Mirror::at(site).path())?;
        let opened = now();
        let conn = Mirror::at(site).open_reader()?;
        let mut decide = match who {
            Who::Bare => bare::decide(&conn)?,
            Who::Doorward | Who::Cedar | Who::Casbin => ours::decide(&conn),
        };
        let ready_ms = opened.elapsed().as_secs_f64() * 1000.0;
        let (cold, _) = run(&mut decide, &cold)?;
        remember(Mirror::at(site).path())?;
        run(&mut decide, &before)?;
        let (times, granted) = run(&mut decide, &warm)?;
        Said { warm: times, cold: Some(cold), anonymous_bytes: 0, granted, ready_ms }
    };
    // The lists of questions and times are this benchmark's own.
    let own =
        (warm.len() + cold.len() + before.len()) * size_of::<Question>() + warm.len() * size_of::<u64>();
    said.anonymous_bytes = meter::anonymous_bytes(std::process::id())?.saturating_sub(own as u64);
    eprintln!("{:.1} s", begun.elapsed().as_secs_f64());
    println!("{}", serde_json::to_string(&said)?);
    Ok(())
}

fn run(decide: &mut Decide<'_>, questions: &[Question]) -> Result<(Times, usize)> {
    let (mut taken_ns, mut granted) = (Vec::with_capacity(questions.len()), 0);
    for question in questions {
        let begun = now();
        granted += usize::from(decide(question)?);
        taken_ns.push(u64::try_from(begun.elapsed().as_nanos())?);
    }
    taken_ns.sort_unstable();
    let us = |ns: u64| ns as f64 / 1000.0;
    let at = |percent: usize| taken_ns.get(taken_ns.len() * percent / 100).copied().map_or(0.0, us);
    let mean = us(taken_ns.iter().sum()) / (taken_ns.len().max(1) as f64);
    Ok((Times { p50: at(50), p99: at(99), mean }, granted))
}

/// Has the kernel drop the file from memory.
fn forget(path: &Path) -> Result<()> {
    let file = File::open(path)?;
    fsync(&file)?;
    Ok(fadvise(&file, 0, None, Advice::DontNeed)?)
}

/// Has the kernel read all of it.
fn remember(path: &Path) -> Result<()> {
    std::io::copy(&mut File::open(path)?, &mut std::io::sink())?;
    Ok(())
}
