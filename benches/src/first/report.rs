//! The table and the targets of the first sync. It reports: a number that falls short is no error.

use super::bulk::COMMIT_RECORDS;
use super::share::Share;
use super::sync::Programs;
use super::{Found, Template};
use crate::broker;
use crate::meter::Disk;
use crate::report::{Spread, mb, number, verdict};
use anyhow::Result;
use std::fs;
use std::path::Path;

/// Records a second, as a share of the bulk load's.
const TARGET_OF_BULK: f64 = 0.2;
/// Anonymous memory of the gateway, in MB.
const TARGET_ANONYMOUS_MB: f64 = 16.0;
/// Memory at the full site, in multiples of the smaller one's: the noise of an allocator, no more.
const TARGET_GROWTH: f64 = 1.25;
/// Bytes of a repair, in percent of the first sync's.
const TARGET_REPAIR_PERCENT: f64 = 2.0;
/// Digests and root, in percent of taking records over.
const TARGET_PROOF_PERCENT: f64 = 30.0;

/// Prints everything.
pub(super) fn print(programs: &Programs, found: &Found, folder: &Path) -> Result<()> {
    heading(programs, found, folder)?;
    println!();
    table(found);
    println!();
    repair_and_proof(found);
    println!();
    targets(found);
    Ok(())
}

fn heading(programs: &Programs, found: &Found, folder: &Path) -> Result<()> {
    let Template { users, records, record_bytes, .. } = found.template;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let cpus = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let disk = Disk::below(folder).map_or("no block device found".to_string(), |disk| disk.name);
    println!(
        "First sync of {users} users: {records} records, {:.0} bytes each with their names, {:.0} MB",
        number(record_bytes) / number(records),
        mb(record_bytes)
    );
    println!("broker     {}, in-flight window {}", broker::version(), programs.in_flight);
    println!(
        "gateway    updates_per_poll {}, an empty disk, built as for a panel",
        programs.updates_per_poll
    );
    println!("bulk load  the same rows from memory by rusqlite, pragmas as the mirror's, by id,");
    println!("           {COMMIT_RECORDS} records a transaction, opt-level 3");
    println!(
        "machine    Linux {}, {cpus} CPUs, disk {disk}; broker, source and gateway share it",
        kernel.trim()
    );
    println!(
        "           medians of {} interleaved rounds (smallest to largest), from ConnAck to equal roots",
        found.synced.len()
    );
    Ok(())
}

fn table(found: &Found) {
    let (records, bytes) = (number(found.template.records), number(found.template.record_bytes));
    println!(
        "{:<14} {:>24} {:>22} {:>20} {:>16} {:>14}",
        "", "seconds", "records/s", "CPU us/record", "anon. RSS MB", "commits"
    );
    let line = |who: &str, cells: [Spread; 5]| {
        let [seconds, rate, cpu, memory, commits] = cells;
        let (seconds, rate, cpu) = (seconds.show(1), rate.show(0), cpu.show(1));
        let (memory, commits) = (memory.show(1), commits.show(0));
        println!("{who:<14} {seconds:>24} {rate:>22} {cpu:>20} {memory:>16} {commits:>14}");
    };
    let synced = &found.synced;
    let cpu = |who: usize| of(synced, move |one| Some(number(one.cpu_ns[who]) / 1000.0 / records));
    let memory = |who: usize| of(synced, move |one| Some(mb(one.anonymous_bytes[who])));
    line(
        "doorward run",
        [
            of(synced, |one| Some(one.seconds)),
            of(synced, |one| Some(records / one.seconds)),
            cpu(0),
            memory(0),
            of(synced, |one| Some(number(one.commits))),
        ],
    );
    let nothing = || Spread::new(Vec::new());
    line("  the source", [nothing(), nothing(), cpu(1), memory(1), nothing()]);
    line("  mosquitto", [nothing(), nothing(), cpu(2), nothing(), nothing()]);
    let bulk = &found.bulk;
    line(
        "bulk load",
        [
            of(bulk, |one| Some(one.seconds)),
            of(bulk, |one| Some(records / one.seconds)),
            of(bulk, |one| Some(number(one.cpu_ns) / 1000.0 / records)),
            nothing(),
            of(bulk, |one| Some(number(one.commits))),
        ],
    );
    println!();
    println!("bytes written per record byte");
    println!("{:<14} {:>24} {:>22} {:>20}", "", "disk, to the end", "with checkpoint", "process");
    for which in 0..2 {
        let (who, disk, own) = if which == 0 {
            let at = |at: usize| of(synced, move |one| Some(number(one.disk_bytes?[at]) / bytes));
            ("doorward run", [at(0), at(1)], of(synced, |one| Some(number(one.write_bytes) / bytes)))
        } else {
            let at = |at: usize| of(bulk, move |one| Some(number(one.disk_bytes?[at]) / bytes));
            ("bulk load", [at(0), at(1)], of(bulk, |one| Some(number(one.write_bytes) / bytes)))
        };
        println!("{who:<14} {:>24} {:>22} {:>20}", disk[0].show(2), disk[1].show(2), own.show(2));
    }
    println!(
        "disk: sectors given to the device by the whole machine; process: pages dirtied by the gateway alone"
    );
}

fn repair_and_proof(found: &Found) {
    let synced = &found.synced;
    let sent = |bytes: u64| mb(bytes);
    let (first, repair) =
        (of(synced, |one| Some(sent(one.sent_bytes))), of(synced, |one| Some(sent(one.repair.sent_bytes))));
    let seconds = of(synced, |one| Some(one.repair.seconds));
    println!("payloads sent by the broker, MB: first sync {}, repair {}", first.show(1), repair.show(2));
    println!("seconds from the checkpoint that shows the drift to equal roots: {}", seconds.show(2));
    let (small, small_synced) = &found.smaller;
    println!(
        "a site of {} records: {:.1} s, {:.1} MB anonymous RSS",
        small.records,
        small_synced.seconds,
        mb(small_synced.anonymous_bytes[0])
    );
    println!();
    println!(
        "CPU us/record, in one process  {:>10} {:>10} {:>10} {:>14}",
        "ingest", "digests", "canonical", "(hash of key)"
    );
    for (what, share) in ["first sync, by buckets", "single changes"].iter().zip(found.shares) {
        let each = |ns: u64| number(ns) / 1000.0 / number(share.records);
        println!(
            "{what:<30} {:>10.2} {:>10.2} {:>10.2} {:>14.2}",
            each(share.ingest_ns),
            each(share.digest_ns),
            each(share.canonical_ns),
            each(share.place_ns)
        );
    }
}

fn targets(found: &Found) {
    println!("{:<48}{:>20}{:>10}", "targets", "reached", "wanted");
    let synced = &found.synced;
    let pairs = synced.iter().zip(&found.bulk);
    let rate = Spread::new(pairs.map(|(ours, bulk)| bulk.seconds / ours.seconds).collect());
    let memory = of(synced, |one| Some(mb(one.anonymous_bytes[0])));
    let small = mb(found.smaller.1.anonymous_bytes[0]);
    let growth = of(synced, |one| Some(mb(one.anonymous_bytes[0]) / small));
    let repair = of(synced, |one| Some(number(one.repair.sent_bytes) / number(one.sent_bytes) * 100.0));
    let proof = |share: &Share| Spread::new(vec![share.of_ingest() * 100.0]);
    let met = rate.median().map(|median| median >= TARGET_OF_BULK);
    verdict("records/s, of the bulk load", &rate, &format!(">= {TARGET_OF_BULK}"), met, 2);
    below("anonymous RSS, MB", &memory, TARGET_ANONYMOUS_MB, 1);
    below("anonymous RSS, times that of a quarter", &growth, TARGET_GROWTH, 2);
    below("repair, % of the first sync's bytes", &repair, TARGET_REPAIR_PERCENT, 2);
    below("digests and root, % of ingest by buckets", &proof(&found.shares[0]), TARGET_PROOF_PERCENT, 0);
    below("digests and root, % of ingest by changes", &proof(&found.shares[1]), TARGET_PROOF_PERCENT, 0);
}

fn below(what: &str, found: &Spread, wanted: f64, digits: usize) {
    verdict(what, found, &format!("< {wanted}"), found.median().map(|median| median < wanted), digits);
}

fn of<T>(rounds: &[T], value: impl Fn(&T) -> Option<f64>) -> Spread {
    Spread::new(rounds.iter().filter_map(value).collect())
}
