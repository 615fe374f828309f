//! The table and the targets of the export. It reports: a number that falls short is no error.

use super::{Export, Found};
use crate::meter::Disk;
use crate::report::{Spread, mb, number, verdict};
use anyhow::Result;
use std::fs;
use std::path::Path;

/// Persons a second, as a share of the bare client's.
const TARGET_OF_BARE: f64 = 0.8;
/// Memory at the full site, in multiples of the smaller one's: the noise of an allocator, no more.
const TARGET_GROWTH: f64 = 1.25;
/// A plan for those who have not changed, in seconds.
const TARGET_PLAN_S: f64 = 2.0;

/// Prints everything.
pub(super) fn print(args: &Export, found: &Found, folder: &Path) -> Result<()> {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let cpus = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let disk = Disk::below(folder).map_or("no block device found".to_string(), |disk| disk.name);
    let persons = number(found.persons as u64);
    println!(
        "Export of {} persons, each with a credential and two permissions, into an empty PACS: {} requests",
        found.persons, found.requests
    );
    println!("pacs       simulated, {} ms from a request to its answer", args.latency_ms);
    println!(
        "gateway    {} in flight, each intent and each outcome on disk, built as for a panel",
        args.in_flight
    );
    println!(
        "bare       the same requests by hyper-util's client, {} in flight, opt-level 3",
        args.in_flight
    );
    println!("machine    Linux {}, {cpus} CPUs, disk {disk}; all of them share it", kernel.trim());
    println!("           medians of {} interleaved rounds (smallest to largest)", found.exported.len());
    println!();
    println!(
        "{:<14} {:>22} {:>20} {:>20} {:>18}",
        "", "seconds", "persons/s", "CPU us/request", "anon. RSS MB"
    );
    let requests = number(found.requests as u64);
    let line = |who: &str, cells: [Spread; 4]| {
        let [seconds, rate, cpu, memory] = cells;
        let (seconds, rate, cpu, memory) = (seconds.show(2), rate.show(0), cpu.show(0), memory.show(1));
        println!("{who:<14} {seconds:>22} {rate:>20} {cpu:>20} {memory:>18}");
    };
    let ours = &found.exported;
    line(
        "doorward run",
        [
            Spread::new(ours.iter().map(|one| one.seconds).collect()),
            Spread::new(ours.iter().map(|one| persons / one.seconds).collect()),
            Spread::new(ours.iter().map(|one| number(one.cpu_ns) / 1000.0 / requests).collect()),
            Spread::new(ours.iter().map(|one| mb(one.anonymous_bytes)).collect()),
        ],
    );
    line(
        "bare client",
        [
            Spread::new(found.replayed.iter().map(|(seconds, _)| *seconds).collect()),
            Spread::new(found.replayed.iter().map(|(seconds, _)| persons / seconds).collect()),
            Spread::new(found.replayed.iter().map(|(_, cpu)| number(*cpu) / 1000.0 / requests).collect()),
            Spread::new(Vec::new()),
        ],
    );
    let written = Spread::new(ours.iter().map(|one| number(one.write_bytes) / persons / 1024.0).collect());
    println!("KiB dirtied per person: {}", written.show(1));
    let (users, small) = &found.smaller;
    println!("a site of {users}: {:.2} s, {:.1} MB anonymous RSS", small.seconds, mb(small.anonymous_bytes));
    println!();
    planned(found);
    println!();
    targets(found);
    Ok(())
}

fn planned(found: &Found) {
    println!("`doorward export plan` for {} users who have not changed", found.planned.users);
    for (what, times) in [("those who are due", &found.planned.due), ("--everyone", &found.planned.everyone)]
    {
        let seconds = Spread::new(times.iter().map(|(seconds, _)| *seconds).collect());
        let memory = Spread::new(times.iter().map(|(_, bytes)| mb(*bytes)).collect());
        println!("{what:<20} {:>22} s {:>20} MB anonymous RSS", seconds.show(3), memory.show(1));
    }
}

fn targets(found: &Found) {
    println!("{:<48}{:>20}{:>10}", "targets", "reached", "wanted");
    let pairs = found.exported.iter().zip(&found.replayed);
    let rate = Spread::new(pairs.map(|(ours, (bare, _))| bare / ours.seconds).collect());
    let met = rate.median().map(|median| median >= TARGET_OF_BARE);
    verdict("persons/s, of the bare client", &rate, &format!(">= {TARGET_OF_BARE}"), met, 2);
    let small = mb(found.smaller.1.anonymous_bytes);
    let growth = found.exported.iter().map(|one| mb(one.anonymous_bytes) / small);
    let growth = Spread::new(growth.collect());
    let met = growth.median().map(|median| median < TARGET_GROWTH);
    verdict("anonymous RSS, times that of a quarter", &growth, &format!("< {TARGET_GROWTH}"), met, 2);
    let plan = Spread::new(found.planned.due.iter().map(|(seconds, _)| *seconds).collect());
    let met = plan.median().map(|median| median < TARGET_PLAN_S);
    verdict("plan, nobody has changed, s", &plan, &format!("< {TARGET_PLAN_S}"), met, 2);
}
