//! The table and the targets. It reports: a number that falls short is no error.

use crate::broker;
use crate::contender::{Bench, Contender, Measured, PYTHON_COMMIT_MESSAGES};
use crate::meter::Disk;
use anyhow::Result;
use std::fs;

/// Drain rate of the gateway, as a share of the bare subscriber's.
const TARGET_OF_BARE: f64 = 0.6;
/// Drain rate of the gateway, in multiples of the Python program's.
const TARGET_OF_PYTHON: f64 = 6.0;
/// Anonymous memory of the gateway, in MB.
const TARGET_ANONYMOUS_MB: f64 = 8.0;
/// Bytes given to the disk per byte of payload.
const TARGET_WRITTEN: f64 = 9.0;

type Results = [(Contender, Vec<Measured>)];

/// Prints everything.
pub(crate) fn print(bench: &Bench, results: &Results) -> Result<()> {
    heading(bench, results)?;
    println!();
    table(bench, results);
    println!();
    targets(bench, results);
    Ok(())
}

fn heading(bench: &Bench, results: &Results) -> Result<()> {
    let data = &bench.data;
    let (count, payload) = (data.messages.len(), number(data.payload_bytes));
    let rounds = results.first().map_or(0, |(_, rounds)| rounds.len());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let cpus = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    println!(
        "Durable ingest of {count} messages with one change each, {:.0} bytes on average",
        payload / number(count as u64)
    );
    println!(
        "into a mirror of {} users: {:.1} MB in pages of {} bytes",
        data.users,
        mb(data.mirror_bytes),
        data.page_bytes
    );
    println!(
        "broker     {}, messages queued in memory, in-flight window {}",
        broker::version(),
        bench.in_flight
    );
    println!("gateway    updates_per_poll {}, built as for a panel", bench.updates_per_poll);
    println!("(a) (b)    opt-level 3; (a) acknowledges at once, (b) commits every 1000 rows");
    match &bench.python {
        Some(python) => {
            let order = if python.acknowledges_after_commit {
                "after the commit"
            } else {
                "as it reads, before the commit"
            };
            println!(
                "(c)        {}; commits every {PYTHON_COMMIT_MESSAGES} messages, acknowledges {order}",
                python.versions
            );
        }
        None => println!("(c)        no python3 with paho-mqtt"),
    }
    let disk = Disk::below(&bench.folder).map_or("no block device found".to_string(), |disk| disk.name);
    println!("machine    Linux {}, {cpus} CPUs, disk {disk}", kernel.trim());
    println!(
        "           medians of {rounds} interleaved rounds (smallest to largest), from ConnAck to the last commit"
    );
    Ok(())
}

fn table(bench: &Bench, results: &Results) {
    let messages = number(bench.data.messages.len() as u64);
    let payload = number(bench.data.payload_bytes);
    println!(
        "{:<19} {:>24} {:>19} {:>18} {:>14}",
        "", "messages/s", "CPU us/message", "anon. RSS MB", "commits"
    );
    for (contender, rounds) in results {
        let rate = Spread::of(rounds, |one| Some(messages / one.seconds));
        let cpu = Spread::of(rounds, |one| Some(number(one.cpu_ns) / 1000.0 / messages));
        // Contender (b) holds all rows before it begins: its memory says nothing.
        let memory =
            Spread::of(rounds, |one| (*contender != Contender::Rows).then(|| mb(one.anonymous_bytes)));
        let commits = Spread::of(rounds, |one| Some(number(one.commits)));
        let (rate, cpu, memory, commits) = (rate.show(0), cpu.show(1), memory.show(1), commits.show(0));
        println!("{:<19} {rate:>24} {cpu:>19} {memory:>18} {commits:>14}", contender.title());
    }
    println!();
    println!("bytes written per payload byte");
    println!("{:<19} {:>24} {:>19} {:>18}", "", "disk, to last commit", "with checkpoint", "process");
    for (contender, rounds) in results.iter().filter(|(contender, _)| *contender != Contender::Bare) {
        let at = |which: usize| Spread::of(rounds, move |one| Some(number(one.disk_bytes?[which]) / payload));
        let own = Spread::of(rounds, |one| Some(number(one.write_bytes) / payload));
        println!("{:<19} {:>24} {:>19} {:>18}", contender.title(), at(0).show(1), at(1).show(1), own.show(1));
    }
    println!(
        "disk: sectors given to the device by the whole machine; process: pages dirtied, as /proc/PID/io counts"
    );
}

fn targets(bench: &Bench, results: &Results) {
    let rounds = |wanted: Contender| {
        results.iter().find(|(contender, _)| *contender == wanted).map(|(_, rounds)| rounds.as_slice())
    };
    let Some(gateway) = rounds(Contender::Doorward) else { return };
    println!("{:<48}{:>20}{:>10}", "targets", "reached", "wanted");
    let ratio = |other: Contender| {
        let pairs = gateway.iter().zip(rounds(other).unwrap_or_default());
        Spread::new(pairs.map(|(ours, theirs)| theirs.seconds / ours.seconds).collect())
    };
    let payload = number(bench.data.payload_bytes);
    let written = Spread::of(gateway, |one| Some(number(one.disk_bytes?[1]) / payload));
    let memory = Spread::of(gateway, |one| Some(mb(one.anonymous_bytes)));
    at_least("rate, of (a) bare rumqttc", &ratio(Contender::Bare), TARGET_OF_BARE, 2);
    at_least("rate, times (c) paho + sqlite3", &ratio(Contender::Python), TARGET_OF_PYTHON, 1);
    at_most("anonymous RSS, MB", &memory, TARGET_ANONYMOUS_MB);
    at_most("written per payload byte, with checkpoint", &written, TARGET_WRITTEN);
    let loops = ratio(Contender::Rows).show(2);
    println!("{:<48}{loops:>20}{:>10}", "rate, of (b) rusqlite loop", "-");
}

fn at_least(what: &str, found: &Spread, wanted: f64, digits: usize) {
    verdict(what, found, &format!(">= {wanted}"), found.median().map(|median| median >= wanted), digits);
}

fn at_most(what: &str, found: &Spread, wanted: f64) {
    verdict(what, found, &format!("<= {wanted}"), found.median().map(|median| median <= wanted), 1);
}

/// One line: what was reached beside what is wanted.
pub(crate) fn verdict(what: &str, found: &Spread, wanted: &str, reached: Option<bool>, digits: usize) {
    let word = match reached {
        Some(true) => "pass",
        Some(false) => "short",
        None => "not measured",
    };
    println!("{what:<48}{:>20}{wanted:>10}  {word}", found.show(digits));
}

/// What several rounds gave, smallest first.
pub(crate) struct Spread(Vec<f64>);

impl Spread {
    pub(crate) fn new(mut values: Vec<f64>) -> Spread {
        values.sort_by(f64::total_cmp);
        Spread(values)
    }

    fn of(rounds: &[Measured], value: impl Fn(&Measured) -> Option<f64>) -> Spread {
        Spread::new(rounds.iter().filter_map(value).collect())
    }

    pub(crate) fn median(&self) -> Option<f64> {
        let middle = self.0.len() / 2;
        match self.0.len() {
            0 => None,
            odd if odd % 2 == 1 => Some(self.0[middle]),
            _ => Some(f64::midpoint(self.0[middle - 1], self.0[middle])),
        }
    }

    pub(crate) fn show(&self, digits: usize) -> String {
        match (self.median(), self.0.as_slice()) {
            (Some(median), [first, .., last]) => {
                format!("{median:.digits$} ({first:.digits$}..{last:.digits$})")
            }
            (Some(median), _) => format!("{median:.digits$}"),
            (None, _) => "-".into(),
        }
    }
}

/// Counts here are far below the 2^53 up to which this is exact.
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

/// Millions.
pub(crate) fn mb(bytes: u64) -> f64 {
    number(bytes) / 1e6
}
