//! The table, and what was to be reached.

use super::Who;
use super::asked::{Said, Times};
use super::started::Started;
use anyhow::Result;
use doorward::mirror::Mirror;
use std::fs;
use std::path::Path;

/// Of the bare statement's time.
const TIMES_BARE: f64 = 1.5;
const ANONYMOUS_MAX_MIB: f64 = 8.0;
/// Of what a program takes that does nothing.
const TIMES_NOOP: f64 = 3.0;

pub(super) fn print(users: u64, site: &Path, results: &[(Who, Vec<Said>)], started: &Started) -> Result<()> {
    let mib = fs::metadata(Mirror::at(site).path())?.len() as f64 / 1_048_576.0;
    println!(
        "\n{users} users, 3 tokens and 3 assignments each; the mirror has {mib:.0} MiB; µs for a decision"
    );
    println!(
        "{:10} {:>9} {:>9} {:>9} {:>9} {:>10} {:>9} {:>9}",
        "", "warm p50", "p99", "cold p50", "p99", "RSS anon", "ready", "granted"
    );
    for (who, said) in results {
        let Some(one) = middle(said) else {
            println!("{:10} no answer: everything would have to be in memory, or it failed", who.name());
            continue;
        };
        let Times { p50, p99, .. } = one.warm;
        let cold =
            one.cold.map_or(["".into(), "".into()], |cold| [cold.p50, cold.p99].map(|us| format!("{us:.1}")));
        let anonymous = one.anonymous_bytes as f64 / 1_048_576.0;
        println!(
            "{:10} {p50:>9.1} {p99:>9.1} {:>9} {:>9} {anonymous:>6.1} MiB {:>6.0} ms {:>9}",
            who.name(),
            cold[0],
            cold[1],
            one.ready_ms,
            one.granted
        );
    }
    let of = |who: Who| results.iter().find(|(one, _)| *one == who).and_then(|(_, said)| middle(said));
    if let (Some(bare), Some(ours)) = (of(Who::Bare), of(Who::Doorward)) {
        let ratio = |ours: f64, bare: f64| ours / bare.max(f64::MIN_POSITIVE);
        println!(
            "doorward / bare: p50 {:.2}, p99 {:.2} (to reach: {TIMES_BARE})",
            ratio(ours.warm.p50, bare.warm.p50),
            ratio(ours.warm.p99, bare.warm.p99)
        );
        let anonymous = ours.anonymous_bytes as f64 / 1_048_576.0;
        println!("anonymous memory {anonymous:.1} MiB (to reach: below {ANONYMOUS_MAX_MIB})");
    }
    let Started { noop, why } = started;
    println!(
        "doorward why, start to end: {:.2} ms p50, {:.2} p99; nothing at all: {:.2} ms, {:.2}: {:.2} times (to reach: below {TIMES_NOOP})",
        why.0,
        why.1,
        noop.0,
        noop.1,
        why.0 / noop.0.max(f64::MIN_POSITIVE)
    );
    Ok(())
}

/// The run with the middle p50.
fn middle(said: &[Said]) -> Option<&Said> {
    let mut all: Vec<&Said> = said.iter().collect();
    all.sort_by(|one, other| one.warm.p50.total_cmp(&other.warm.p50));
    all.get(all.len() / 2).copied()
}
