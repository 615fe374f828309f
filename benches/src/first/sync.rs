//! A first sync and a repair as a site has them: mosquitto, `doorward-source serve`, `doorward run`.

use super::site::{self, Template};
use crate::broker::{self, Broker};
use crate::contender::{GATEWAY, Writes, config, fresh, logged_at_ns, seconds};
use crate::data::{self, SITE};
use crate::meter;
use crate::watched::{Line, Speaks, Watched, now, wall_ns};
use access::time::UtcTime;
use anyhow::{Context, Result, anyhow, bail};
use contract::digest::Digest;
use doorward::mirror::{Mirror, standing};
use doorward_source::store::Store;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

/// How long a first sync may take.
const PATIENCE: Duration = Duration::from_secs(3600);
/// How long the source may take until it is ready, or has published everything.
const SOURCE_PATIENCE: Duration = Duration::from_secs(120);
/// Time between two readings of memory.
const SAMPLE: Duration = Duration::from_millis(20);
/// The broker counts anew each second; by then it has counted everything.
const COUNTED: Duration = Duration::from_millis(2500);
/// What the gateway's log says once the roots are equal after a run of repair.
const LOG_EQUAL: &str = "the mirror is equal to the source";
const LOG_CONNECTED: &str = "connected to the broker";
const LOG_COMMITTED: &str = "batch committed";
/// As `docs/brokers/mosquitto.conf` bounds one panel's queue, and counts every second what was published.
const BROKER_SETTINGS: &str = "max_queued_bytes 67108864\nmessage_size_limit 135168\nsys_interval 1\n";

/// One first sync, and the repair behind it.
#[derive(Clone, Debug)]
pub(crate) struct Synced {
    /// From the moment the broker took the gateway until it had proven its mirror.
    pub(crate) seconds: f64,
    /// CPU time in that time: gateway, source, broker.
    pub(crate) cpu_ns: [u64; 3],
    /// Peaks of anonymous memory: gateway, source.
    pub(crate) anonymous_bytes: [u64; 2],
    /// Given to the disk by all of the machine by then, and after a final checkpoint of the mirror.
    pub(crate) disk_bytes: Option<[u64; 2]>,
    /// By the gateway alone, as the kernel counts.
    pub(crate) write_bytes: u64,
    pub(crate) commits: u64,
    /// Payloads that the broker sent to anyone.
    pub(crate) sent_bytes: u64,
    pub(crate) repair: Repaired,
}

/// One repair.
#[derive(Clone, Debug)]
pub(crate) struct Repaired {
    /// From the checkpoint that shows the drift until the mirror was proven.
    pub(crate) seconds: f64,
    /// Payloads that the broker sent to anyone.
    pub(crate) sent_bytes: u64,
}

/// What all rounds share.
pub(crate) struct Programs {
    pub(crate) doorward: PathBuf,
    pub(crate) source: PathBuf,
    pub(crate) in_flight: u16,
    pub(crate) updates_per_poll: u32,
    /// Records that drift before the repair.
    pub(crate) drift: usize,
}

/// One site that runs.
struct Site<'a> {
    programs: &'a Programs,
    template: &'a Template,
    place: PathBuf,
    file: PathBuf,
    broker: Broker,
    source: Watched,
}

/// A first sync into an empty state directory, then the repair of a drift.
pub(crate) fn run(programs: &Programs, folder: &Path, template: &Template, round: usize) -> Result<Synced> {
    let place = fresh(&folder.join("place"))?;
    let file = place.join("source.db");
    fs::copy(&template.path, &file)?;
    let broker = Broker::start_with(&place, programs.in_flight, BROKER_SETTINGS)?;
    let source = start_source(programs, &place, &file, broker.port())?;
    let site = Site { programs, template, place, file, broker, source };
    let mut synced = site.first_sync()?;
    synced.repair = site.repair(round)?;
    site.source.end()?;
    Ok(synced)
}

fn start_source(programs: &Programs, place: &Path, file: &Path, port: u16) -> Result<Watched> {
    let (config, ready) = (place.join("source.toml"), place.join("ready"));
    let text = format!(
        "site = \"{SITE}\"\ndb = {:?}\n\n[broker]\nhost = \"127.0.0.1\"\nport = {port}\n",
        file.display().to_string()
    );
    fs::write(&config, text)?;
    let mut command = Command::new(&programs.source);
    command.arg("--config").arg(&config).arg("serve").arg("--ready-file").arg(&ready);
    let source = Watched::start(&mut command, Speaks::Stderr)?;
    let deadline = now() + SOURCE_PATIENCE;
    while !ready.exists() {
        if now() > deadline {
            bail!("doorward-source is not ready; it said{}", source.last_words());
        }
        thread::sleep(SAMPLE);
    }
    Ok(source)
}

impl Site<'_> {
    fn gateway(&self) -> Result<Watched> {
        let path = self.place.join("config.toml");
        let state = self.place.join("state");
        fs::create_dir_all(&state)?;
        fs::write(&path, config(&state, self.broker.port(), self.programs.updates_per_poll))?;
        let mut command = Command::new(&self.programs.doorward);
        command.arg("--config").arg(&path).arg("run").env("DOORWARD_LOG", "debug");
        Watched::start(&mut command, Speaks::Stderr)
    }

    fn state(&self) -> PathBuf {
        self.place.join("state")
    }

    fn first_sync(&self) -> Result<Synced> {
        let others = [self.source.id(), self.broker.id()];
        let before = [meter::cpu_ns(others[0])?, meter::cpu_ns(others[1])?];
        let writes = Writes::begin(Some(&self.place))?;
        let gateway = self.gateway()?;
        let mut commits = 0;
        let mut anonymous_bytes = [0; 2];
        let done = self.until(&gateway, LOG_EQUAL, |line| {
            if let Some(line) = line {
                commits += u64::from(line.text.contains(LOG_COMMITTED));
            }
            for (peak, pid) in anonymous_bytes.iter_mut().zip([gateway.id(), others[0]]) {
                *peak = meter::anonymous_bytes(pid)?.max(*peak);
            }
            Ok(())
        })?;
        let cpu_ns = [
            meter::cpu_ns(gateway.id())?,
            meter::cpu_ns(others[0])?.saturating_sub(before[0]),
            meter::cpu_ns(others[1])?.saturating_sub(before[1]),
        ];
        let write_bytes = meter::write_bytes(gateway.id())?;
        self.check(self.template.head.root)?;
        let client_id = client_id();
        let seconds = seconds(self.broker.took_at_ns(&client_id)?, logged_at_ns(&done)?);
        thread::sleep(COUNTED);
        let sent_bytes = self.broker.sent_bytes()?;
        let disk_bytes = writes.end(|| {
            gateway.end()?;
            data::checkpoint(&data::open(Mirror::at(&self.state()).path())?)
        })?;
        let repair = Repaired { seconds: 0.0, sent_bytes: 0 };
        Ok(Synced { seconds, cpu_ns, anonymous_bytes, disk_bytes, write_bytes, commits, sent_bytes, repair })
    }

    /// The gateway is away, and the broker has lost what was to wait for it.
    fn repair(&self, round: usize) -> Result<Repaired> {
        broker::forget_session(self.broker.port(), &client_id())?;
        site::drift(&self.file, self.template.users, self.programs.drift, round)?;
        let store = Store::open(&self.file, UtcTime::from_unix(0))?;
        let deadline = now() + SOURCE_PATIENCE;
        while store.outgoing_count()? > 0 {
            if now() > deadline {
                bail!("doorward-source does not publish; it said{}", self.source.last_words());
            }
            thread::sleep(SAMPLE);
        }
        thread::sleep(COUNTED);
        let before = self.broker.sent_bytes()?;
        let gateway = self.gateway()?;
        self.until(&gateway, LOG_CONNECTED, |_| Ok(()))?;
        let began_ns = wall_ns();
        let pid = i32::try_from(self.source.id()).ok().and_then(Pid::from_raw).context("no such process")?;
        // As `doorward-source checkpoint` does: nobody waits for the heartbeat here.
        kill_process(pid, Signal::USR1)?;
        let done = self.until(&gateway, LOG_EQUAL, |_| Ok(()))?;
        let seconds = seconds(began_ns, logged_at_ns(&done)?);
        self.check(store.head()?.root)?;
        thread::sleep(COUNTED);
        let sent_bytes = self.broker.sent_bytes()?.saturating_sub(before);
        gateway.end()?;
        Ok(Repaired { seconds, sent_bytes })
    }

    /// Waits for a line of the gateway's log with `word`; `look` sees each line, and nothing at each sample.
    fn until(
        &self,
        gateway: &Watched,
        word: &str,
        mut look: impl FnMut(Option<&Line>) -> Result<()>,
    ) -> Result<String> {
        let deadline = now() + PATIENCE;
        let mut sample_at = now();
        let mut last = String::new();
        while now() < deadline {
            if now() >= sample_at {
                look(None)?;
                sample_at = now() + SAMPLE;
            }
            let line = gateway.line(sample_at.saturating_duration_since(now()));
            let Some(line) = line.with_context(|| format!("its last words: {last}"))? else { continue };
            look(Some(&line))?;
            if line.text.contains(word) {
                return Ok(line.text);
            }
            last = line.text;
        }
        bail!("no word of {word:?} in {} s; it said last: {last}", PATIENCE.as_secs())
    }

    /// A number is worth nothing if the mirror is not what the source has.
    fn check(&self, root: Digest) -> Result<()> {
        let standing = standing::standing(&Mirror::at(&self.state()).open_reader()?)?;
        if standing.root != root || standing.out_of_sync.is_some() {
            return Err(anyhow!("the mirror is not what the source has: {standing:?}, expected root {root}"));
        }
        Ok(())
    }
}

fn client_id() -> String {
    format!("doorward-{SITE}-{GATEWAY}")
}
