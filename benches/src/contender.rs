//! How each contender is started, measured, and known to be done.

use crate::bare;
use crate::broker::{self, Broker};
use crate::data::{self, Data, SITE};
use crate::meter::{self, Disk};
use crate::watched::{CONNECTED, DONE, Said, Speaks, Watched, now};
use access::time::UtcTime;
use anyhow::{Context, Result, anyhow, bail};
use clap::ValueEnum;
use contract::id::{GatewayId, SiteId};
use contract::topics::{GatewayTopic, Topics};
use doorward::mirror::{Mirror, standing};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub(crate) const GATEWAY: &str = "panel";
const PYTHON_CLIENT_ID: &str = "bench-python";
/// Messages in a transaction of the Python program.
pub(crate) const PYTHON_COMMIT_MESSAGES: usize = 1000;
/// How long a contender may take for the whole stream.
const PATIENCE: Duration = Duration::from_secs(300);
/// Time between two readings of memory.
const SAMPLE: Duration = Duration::from_millis(10);
/// What the gateway's log says after each transaction.
const LOG_COMMITTED: &str = "batch committed";
const PROGRAM: &str = include_str!("../paho_sqlite.py");

/// Who runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Contender {
    /// The gateway
    Doorward,
    /// (a) a subscriber that throws messages away
    Bare,
    /// (b) a loop that writes the same rows
    Rows,
    /// (c) paho-mqtt and sqlite3
    Python,
}

impl Contender {
    pub(crate) const ALL: [Contender; 4] =
        [Contender::Doorward, Contender::Bare, Contender::Rows, Contender::Python];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Contender::Doorward => "doorward run",
            Contender::Bare => "(a) bare rumqttc",
            Contender::Rows => "(b) rusqlite loop",
            Contender::Python => "(c) paho + sqlite3",
        }
    }
}

/// One run of one contender.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// From the moment the broker took the client to the last commit.
    pub(crate) seconds: f64,
    /// Of the process, in that time.
    pub(crate) cpu_ns: u64,
    /// Peak.
    pub(crate) anonymous_bytes: u64,
    /// Given to the disk by then, and after a final checkpoint.
    pub(crate) disk_bytes: Option<[u64; 2]>,
    /// As the kernel counts for the process, from its start to the last commit.
    pub(crate) write_bytes: u64,
    /// Transactions.
    pub(crate) commits: u64,
}

/// What all runs share.
pub(crate) struct Bench {
    pub(crate) folder: PathBuf,
    pub(crate) doorward: PathBuf,
    pub(crate) python: Option<Python>,
    pub(crate) data: Data,
    pub(crate) in_flight: u16,
    pub(crate) updates_per_poll: u32,
}

/// A Python that has paho.
pub(crate) struct Python {
    program: &'static str,
    /// Its version and those of paho and SQLite.
    pub(crate) versions: String,
    /// Whether it acknowledges after the commit.
    pub(crate) acknowledges_after_commit: bool,
}

/// Another python3 may come first in PATH, and does not see what apt has installed.
pub(crate) fn find_python() -> Option<Python> {
    const ASK: &str = "import sys, sqlite3, paho.mqtt as p, paho.mqtt.client as c; print(sys.version.split()[0], \
        p.__version__, sqlite3.sqlite_version, hasattr(c, 'CallbackAPIVersion'))";
    ["python3", "/usr/bin/python3"].into_iter().find_map(|program| {
        let output = Command::new(program).args(["-c", ASK]).output().ok().filter(|o| o.status.success())?;
        let text = String::from_utf8(output.stdout).ok()?;
        let mut words = text.split_whitespace();
        let versions =
            format!("Python {}, paho-mqtt {}, SQLite {}", words.next()?, words.next()?, words.next()?);
        Some(Python { program, versions, acknowledges_after_commit: words.next()? == "True" })
    })
}

impl Bench {
    /// Prepares, measures and clears away.
    pub(crate) fn run(&self, contender: Contender) -> Result<Measured> {
        let place = self.place(contender)?;
        match contender {
            Contender::Doorward => self.gateway(&place),
            Contender::Bare => {
                let broker = Broker::start(&place, self.in_flight)?;
                broker::leave_session(broker.port(), bare::CLIENT_ID, &topics()?.changes())?;
                self.publish(&broker)?;
                let messages = self.data.messages.len().to_string();
                let mut command = part("bare");
                command.args([&broker.port().to_string(), &messages]);
                child(&mut command, None, Some((&broker, bare::CLIENT_ID)))
            }
            Contender::Rows => {
                let mut command = part("rows");
                command.args([&place, &self.data.stream]);
                child(&mut command, Some(Mirror::at(&place).path()), None)
            }
            Contender::Python => self.python(&place),
        }
    }

    /// A fresh folder with the contender's file as it was before the stream.
    fn place(&self, contender: Contender) -> Result<PathBuf> {
        let place = fresh(&self.folder.join("place"))?;
        match contender {
            Contender::Doorward | Contender::Rows => {
                fs::copy(Mirror::at(&self.data.mirror).path(), Mirror::at(&place).path())?;
            }
            Contender::Python => {
                fs::copy(&self.data.python, place.join("python.sqlite"))?;
            }
            Contender::Bare => {}
        }
        Ok(place)
    }

    fn publish(&self, broker: &Broker) -> Result<()> {
        broker::publish(broker.port(), &topics()?.changes(), &self.data.messages)
    }

    fn gateway(&self, place: &Path) -> Result<Measured> {
        let broker = Broker::start(place, self.in_flight)?;
        let config = place.join("config.toml");
        fs::write(&config, self::config(place, broker.port(), self.updates_per_poll))?;
        let mut command = Command::new(&self.doorward);
        // A line a transaction costs nothing, and tells the moment of each better than whoever watches the file.
        command.arg("--config").arg(&config).arg("run").env("DOORWARD_LOG", "debug");
        let start_cpu_ns = first_start(&mut command, &broker)?;
        self.publish(&broker)?;
        let writes = Writes::begin(Some(place))?;
        let process = Watched::start(&mut command, Speaks::Stderr)?;
        let (mut commits, last) = (0, format!(" head={}", self.data.head));
        let (done, anonymous_bytes) = until(&process, |line| {
            commits += u64::from(line.contains(LOG_COMMITTED));
            Ok(line.contains(&last).then(|| line.to_string()))
        })?;
        let cpu_ns = meter::cpu_ns(process.id())?.saturating_sub(start_cpu_ns);
        let write_bytes = meter::write_bytes(process.id())?;
        self.check_mirror(place)?;
        let disk_bytes = writes.end(|| {
            process.end()?;
            data::checkpoint(&data::open(Mirror::at(place).path())?)
        })?;
        let client_id = format!("doorward-{SITE}-{GATEWAY}");
        let seconds = seconds(broker.took_at_ns(&client_id)?, logged_at_ns(&done)?);
        Ok(Measured { seconds, cpu_ns, anonymous_bytes, disk_bytes, write_bytes, commits })
    }

    /// A number is worth nothing if the mirror is not what the source has.
    fn check_mirror(&self, place: &Path) -> Result<()> {
        let standing = standing::standing(&Mirror::at(place).open_reader()?)?;
        if standing.root != self.data.root || standing.out_of_sync.is_some() {
            bail!("the mirror is not what the source has: {standing:?}, expected root {}", self.data.root);
        }
        Ok(())
    }

    fn python(&self, place: &Path) -> Result<Measured> {
        let python = self.python.as_ref().context("no python3 has paho.mqtt; `make setup` installs it")?;
        let broker = Broker::start(place, self.in_flight)?;
        let topic = topics()?.changes();
        broker::leave_session(broker.port(), PYTHON_CLIENT_ID, &topic)?;
        self.publish(&broker)?;
        let file = place.join("python.sqlite");
        let mut command = Command::new(python.program);
        command.args(["-c", PROGRAM, &broker.port().to_string(), PYTHON_CLIENT_ID, &topic]).arg(&file);
        command.args([self.data.messages.len().to_string(), PYTHON_COMMIT_MESSAGES.to_string()]);
        child(&mut command, Some(&file), Some((&broker, PYTHON_CLIENT_ID)))
    }
}

/// An empty folder.
pub(crate) fn fresh(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir(folder)?;
    Ok(folder.into())
}

/// A gateway's settings.
pub(crate) fn config(state: &Path, port: u16, updates_per_poll: u32) -> String {
    format!(
        "site = \"{SITE}\"\ngateway = \"{GATEWAY}\"\nstate_dir = {:?}\ncontrol_dir = \"control\"\n\n[broker]\nhost = \"127.0.0.1\"\nport = {port}\n\n\
         [mirror]\nupdates_per_poll = {updates_per_poll}\n\n[clock]\nsync = \"host\"\n",
        state.display().to_string()
    )
}

/// This program as one of its parts. The kernel's name for it works even after a rebuild has replaced the file.
pub(crate) fn part(name: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg(name);
    command
}

/// Runs the gateway once, so that its session exists; returns the CPU time that starting costs.
fn first_start(command: &mut Command, broker: &Broker) -> Result<u64> {
    let state = topics()?.gateway(&gateway_id()?, GatewayTopic::State);
    let mut process = None;
    // It subscribes before it first says its state, and the broker takes both in order.
    let heard = broker::hear(broker.port(), &state, "\"online\":true", || {
        process = Some(Watched::start(command, Speaks::Stderr)?);
        Ok(())
    });
    let process = process.context("it was not started")?;
    heard.with_context(|| format!("it never said that it is online; it said{}", process.last_words()))?;
    let cpu_ns = meter::cpu_ns(process.id())?;
    process.end()?;
    Ok(cpu_ns)
}

/// A contender that says itself when it begins and when it is done; one with a broker begins when that takes it.
pub(crate) fn child(
    command: &mut Command,
    file: Option<&Path>,
    broker: Option<(&Broker, &str)>,
) -> Result<Measured> {
    let writes = Writes::begin(file.and_then(Path::parent))?;
    let process = Watched::start(command, Speaks::Stdout)?;
    let line = process.wait_for(CONNECTED)?;
    let connected = Said::parse(&line, CONNECTED).with_context(|| format!("unexpected: {line}"))?;
    let (done, anonymous_bytes) = until(&process, |line| Ok(Said::parse(line, DONE)))?;
    let write_bytes = meter::write_bytes(process.id())?;
    let disk_bytes = writes.end(|| {
        process.end()?;
        file.map_or(Ok(()), |file| data::checkpoint(&data::open(file)?))
    })?;
    let began_at_ns =
        broker.map_or(Ok(connected.at_ns), |(broker, client_id)| broker.took_at_ns(client_id))?;
    Ok(Measured {
        seconds: seconds(began_at_ns, done.at_ns),
        cpu_ns: done.cpu_ns.saturating_sub(connected.cpu_ns),
        anonymous_bytes,
        disk_bytes,
        write_bytes,
        commits: done.commits,
    })
}

/// Reads lines until `done` takes one; returns what it made of it and the peak of anonymous memory.
fn until<T>(process: &Watched, mut done: impl FnMut(&str) -> Result<Option<T>>) -> Result<(T, u64)> {
    let deadline = now() + PATIENCE;
    let mut peak_bytes = 0;
    while now() < deadline {
        peak_bytes = peak_bytes.max(meter::anonymous_bytes(process.id())?);
        let next_sample = now() + SAMPLE;
        while let Some(line) = process.line(next_sample.saturating_duration_since(now()))? {
            if let Some(found) = done(&line.text)? {
                return Ok((found, peak_bytes.max(meter::anonymous_bytes(process.id())?)));
            }
        }
    }
    bail!("not done after {} s", PATIENCE.as_secs())
}

pub(crate) fn seconds(from_ns: u64, to_ns: u64) -> f64 {
    Duration::from_nanos(to_ns.saturating_sub(from_ns)).as_secs_f64()
}

/// The time of day at the beginning of a line of the gateway's log, e.g. `2026-11-23T08:00:00.123456Z`.
pub(crate) fn logged_at_ns(line: &str) -> Result<u64> {
    let stamp = line.split_whitespace().next().unwrap_or_default();
    let parts = stamp.trim_end_matches('Z').split_once('.');
    let (whole, micros) = parts.with_context(|| format!("no time: {line}"))?;
    let whole = UtcTime::parse(&format!("{whole}Z")).map_err(|rule| anyhow!("{rule}: {line}"))?;
    Ok(whole.unix().unsigned_abs() * 1_000_000_000 + micros.parse::<u64>()? * 1000)
}

/// What the disk is given from now on.
pub(crate) struct Writes(Option<(Disk, u64)>);

impl Writes {
    pub(crate) fn begin(folder: Option<&Path>) -> Result<Writes> {
        let Some(disk) = folder.and_then(Disk::below) else { return Ok(Writes(None)) };
        let before = disk.written()?;
        Ok(Writes(Some((disk, before))))
    }

    /// Bytes by now, and after `checkpoint`.
    pub(crate) fn end(self, checkpoint: impl FnOnce() -> Result<()>) -> Result<Option<[u64; 2]>> {
        let Some((disk, before)) = self.0 else { return checkpoint().map(|()| None) };
        let at_end = disk.written()?;
        checkpoint()?;
        Ok(Some([at_end, disk.written()?].map(|at| at.saturating_sub(before))))
    }
}

fn topics() -> Result<Topics> {
    SiteId::new(SITE).map(|site| Topics::new(&site)).map_err(|rule| anyhow!(rule))
}

fn gateway_id() -> Result<GatewayId> {
    GatewayId::new(GATEWAY).map_err(|rule| anyhow!(rule))
}
