//! Decisions: may this card pass this door? From a mirror of so many users, beside the bare statement that joins the same
//! rows, and beside two engines for policies that hold the same rules in memory.
//!
//! - [`site`]: users, doors, questions
//! - [`asked`]: one process that answers, and what it says of itself
//! - [`ours`], [`bare`], [`cedar`], [`casbin`]: who answers
//! - [`started`]: a whole `doorward why`, from its start to its end
//! - [`report`]: the table
//!
//! *Warm*: the file is in the kernel's memory, and other questions were asked before. *Cold*: the file is not, and nothing
//! was asked before.

mod asked;
mod bare;
mod casbin;
mod cedar;
mod ours;
mod report;
mod site;
mod started;

pub(crate) use asked::answer;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use doorward::mirror::Mirror;
use std::fs;
use std::path::{Path, PathBuf};

/// What is measured.
#[derive(Args, Debug, Clone)]
pub(crate) struct Decisions {
    /// Users of each site
    #[arg(long, value_name = "COUNT", default_values_t = [10_000, 100_000])]
    users: Vec<u64>,
    /// Questions that are asked warm; a tenth as many before, and at most 1,000 cold
    #[arg(long, default_value_t = 50_000)]
    questions: usize,
    /// Times that each is asked, in turns; the middle one counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Most users for the engines that hold everything in memory
    #[arg(long, default_value_t = 100_000)]
    in_memory_max: u64,
    /// Only these, in this order
    #[arg(long, value_enum, value_name = "NAME")]
    only: Vec<Who>,
    /// Take the mirrors that an earlier run has left with --keep
    #[arg(long)]
    reuse: bool,
    /// Leave the mirrors
    #[arg(long)]
    keep: bool,
}

/// Who answers.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Who {
    /// The bare statement
    Bare,
    /// The mirror and the rules
    Doorward,
    /// cedar-policy
    Cedar,
    /// casbin
    Casbin,
}

impl Who {
    const ALL: [Who; 4] = [Who::Bare, Who::Doorward, Who::Cedar, Who::Casbin];

    fn name(self) -> &'static str {
        match self {
            Who::Bare => "bare",
            Who::Doorward => "doorward",
            Who::Cedar => "cedar",
            Who::Casbin => "casbin",
        }
    }

    fn is_in_memory(self) -> bool {
        matches!(self, Who::Cedar | Who::Casbin)
    }
}

pub(crate) fn measure(args: &Decisions, doorward: &Path, folder: &Path) -> Result<()> {
    let all = if args.only.is_empty() { Who::ALL.to_vec() } else { args.only.clone() };
    for users in &args.users {
        let site = mirror(folder, *users, args.reuse)?;
        let mut results: Vec<(Who, Vec<asked::Said>)> = all.iter().map(|who| (*who, Vec::new())).collect();
        for round in 1..=args.rounds.max(1) {
            for (who, said) in &mut results {
                if who.is_in_memory() && (*users > args.in_memory_max || round > 1) {
                    continue;
                }
                eprintln!("{users} users, round {round}: {}", who.name());
                match asked::ask(*who, &site, *users, args.questions) {
                    Ok(one) => said.push(one),
                    Err(why) => eprintln!("{why:#}"),
                }
            }
        }
        let started = started::measure(doorward, &site, *users)?;
        report::print(*users, &site, &results, &started)?;
        if !args.keep {
            fs::remove_dir_all(&site)?;
        }
    }
    Ok(())
}

/// The folder of a mirror of so many users.
fn mirror(folder: &Path, users: u64, reuse: bool) -> Result<PathBuf> {
    let site = folder.join(format!("site-{users}"));
    let done = site.join("done");
    if reuse && done.exists() {
        return Ok(site);
    }
    if site.exists() {
        fs::remove_dir_all(&site)?;
    }
    fs::create_dir_all(&site)?;
    eprintln!("{users} users: filling the mirror");
    site::fill(&site, users).with_context(|| format!("{}", Mirror::at(&site).path().display()))?;
    fs::write(done, "")?;
    Ok(site)
}
