//! The folder that everything happens in, and the programs as the steps start, stop and ask them.
//!
//! Not here: what is in the settings (`setting`), what is shown.

use crate::children::{Running, installed, output, tail};
use crate::office::Office;
use crate::reader::Reader;
use crate::witness::{Witness, utc_now};
use crate::{http, patience, setting};
use anyhow::{Context as _, Result, anyhow, bail};
use contract::id::Version;
use doorward_sim::World;
use serde_json::Value;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::JoinHandle;
use tempfile::TempDir;

/// The site's id: that of `examples/office` and of the shipped access rules.
pub(crate) const SITE: &str = "office";
/// The panel's id, which is its login, too.
pub(crate) const PANEL: &str = "main-panel";
/// The demo's own login at the broker: for the broker's rules it is a panel like any other.
pub(crate) const OBSERVER: &str = "observer";
/// Digits of a root that are shown.
const ROOT_DIGITS: usize = 16;
/// The programs that run, each with a log.
const PROGRAMS: [&str; 4] = ["mosquitto", "doorward-sim", "doorward-source", "doorward"];

/// Everything that stands on the stage.
pub(crate) struct Stage {
    // In this order they are dropped: the programs before the folder that they live in.
    gateway: Option<Running>,
    source: Option<Running>,
    broker: Option<Running>,
    pacs: Option<Running>,
    witness: Option<Witness>,
    pacs_at: Option<SocketAddr>,
    reader: Option<Reader>,
    /// Where the repository is.
    pub(crate) root: PathBuf,
    binaries: PathBuf,
    pub(crate) broker_port: u16,
    folder: TempDir,
}

/// An import under way.
pub(crate) struct Importing(JoinHandle<Result<String>>);

impl Importing {
    /// Returns when all of it is with the source.
    pub(crate) fn wait(self) -> Result<()> {
        self.0.join().map_err(|_| anyhow!("the import has panicked"))?.map(drop)
    }
}

impl Stage {
    /// An empty stage; `root` is the repository.
    ///
    /// # Errors
    /// When a program or an example is missing, or there is no room for a folder.
    pub(crate) fn new(root: &Path) -> Result<Stage> {
        let me = std::env::current_exe().context("cannot tell where this program is")?;
        let binaries = me.parent().context("this program stands nowhere")?.to_owned();
        for name in ["doorward", "doorward-source", "doorward-sim"] {
            let missing = || format!("{name} is not beside {}; `make demo` builds it", me.display());
            binaries.join(name).is_file().then_some(()).with_context(missing)?;
        }
        let root = root.canonicalize().with_context(|| format!("{}: no such folder", root.display()))?;
        if !root.join("examples/office").is_dir() {
            bail!("{} is not the repository; name it with --root", root.display());
        }
        let folder = tempfile::Builder::new().prefix("doorward-demo-").tempdir()?;
        let broker_port = setting::free_port()?;
        let (gateway, source, broker, pacs) = (None, None, None, None);
        let (witness, pacs_at, reader) = (None, None, None);
        Ok(Stage {
            gateway,
            source,
            broker,
            pacs,
            witness,
            pacs_at,
            reader,
            root,
            binaries,
            broker_port,
            folder,
        })
    }

    /// The folder stays behind.
    pub(crate) fn keep(&mut self) {
        self.folder.disable_cleanup(true);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log(&self, name: &str) -> PathBuf {
        self.path(&format!("{name}.log"))
    }

    /// What each program said, by its name.
    pub(crate) fn logs(&self) -> impl Iterator<Item = (&'static str, PathBuf)> {
        PROGRAMS.into_iter().map(|name| (name, self.log(name)))
    }

    /// The last lines of each log.
    pub(crate) fn tails(&self) -> Vec<(String, String)> {
        self.logs()
            .map(|(name, log)| (name.to_owned(), tail(&log)))
            .filter(|(_, tail)| !tail.is_empty())
            .collect()
    }

    fn program(&self, name: &str) -> Command {
        Command::new(self.binaries.join(name))
    }

    pub(crate) fn start_pacs(&mut self) -> Result<SocketAddr> {
        let mut command = self.program("doorward-sim");
        command
            .arg("pacs")
            .arg("--port-file")
            .arg(self.path("pacs.port"))
            .arg("--elements")
            .arg(self.root.join("examples/office/access-elements.json"))
            .args(["--username", setting::PACS_USER, "--system-id", setting::PACS_SYSTEM, "--password-file"])
            .arg(self.path("pacs.password"));
        self.pacs = Some(Running::start("doorward-sim", &mut command, &self.log("doorward-sim"))?);
        let file = self.path("pacs.port");
        let address = patience::until("the PACS listens", || Ok(std::fs::read_to_string(&file).ok()))?;
        let address = address.trim().parse().context("the PACS's port file")?;
        self.pacs_at = Some(address);
        Ok(address)
    }

    /// Hangs a card reader on the panel.
    pub(crate) fn start_reader(&mut self) -> Result<()> {
        self.reader = Some(Reader::start(&self.path("pcscd"), &self.binaries)?);
        Ok(())
    }

    pub(crate) fn reader(&self) -> Result<&Reader> {
        self.reader.as_ref().context("there is no card reader yet")
    }

    /// The gateway's program.
    pub(crate) fn doorward_program(&self) -> PathBuf {
        self.binaries.join("doorward")
    }

    /// Starts a verb of `doorward` that goes on while the demo does; its output is the log `name`.
    pub(crate) fn start_doorward(&self, name: &'static str, words: &[&str]) -> Result<Running> {
        let mut command = self.program("doorward");
        Running::start(
            name,
            command.arg("--config").arg(self.path("panel.toml")).args(words),
            &self.log(name),
        )
    }

    /// What a program has said so far.
    pub(crate) fn said(&self, name: &str) -> String {
        std::fs::read_to_string(self.log(name)).unwrap_or_default()
    }

    pub(crate) fn start_broker(&mut self) -> Result<()> {
        let mut command = Command::new(installed("mosquitto"));
        command.arg("-c").arg(self.path("mosquitto.conf"));
        self.broker = Some(Running::start("mosquitto", &mut command, &self.log("mosquitto"))?);
        let port = self.broker_port;
        patience::until("mosquitto listens", || Ok(TcpStream::connect(("127.0.0.1", port)).ok().map(drop)))
    }

    pub(crate) fn start_source(&mut self) -> Result<()> {
        let ready = self.path("source.ready");
        let mut command = self.program("doorward-source");
        command.arg("serve").arg("--config").arg(self.path("source.toml")).arg("--ready-file").arg(&ready);
        self.source = Some(Running::start("doorward-source", &mut command, &self.log("doorward-source"))?);
        patience::until("the source's first checkpoint", || Ok(ready.exists().then_some(())))
    }

    pub(crate) fn start_gateway(&mut self) -> Result<()> {
        let mut command = self.program("doorward");
        command.arg("--config").arg(self.path("panel.toml")).arg("run");
        self.gateway = Some(Running::start("doorward", &mut command, &self.log("doorward"))?);
        Ok(())
    }

    /// Begins to watch broker, mirror and PACS.
    pub(crate) fn start_witness(&mut self, pacs: SocketAddr) -> Result<()> {
        let mirror = self.path("state/mirror.sqlite");
        self.witness = Some(Witness::start(self.broker_port, setting::OBSERVER_PASSWORD, pacs, &mirror)?);
        Ok(())
    }

    pub(crate) fn witness(&self) -> Result<&Witness> {
        self.witness.as_ref().context("nobody watches yet")
    }

    /// `kill -9` of the gateway; gives its process number, and the version that is in its mirror.
    pub(crate) fn kill_gateway(&mut self) -> Result<(u32, Version)> {
        let gateway = self.gateway.take().context("doorward does not run")?;
        let id = gateway.id();
        gateway.kill()?;
        let head = self.witness()?.leave_mirror().context("the mirror cannot be read")?;
        Ok((id, head))
    }

    pub(crate) fn stop_broker(&mut self) -> Result<()> {
        self.broker.take().map_or(Ok(()), Running::terminate)
    }

    /// Ends everything in order.
    pub(crate) fn stop_all(&mut self) -> Result<()> {
        if let Some(witness) = &self.witness {
            witness.leave_mirror();
        }
        for running in [&mut self.gateway, &mut self.source, &mut self.broker, &mut self.pacs] {
            running.take().map_or(Ok(()), Running::terminate)?;
        }
        Ok(())
    }

    /// Waits until `doorward` says of itself that it runs.
    pub(crate) fn gateway_runs(&self) -> Result<()> {
        patience::until("doorward runs", || {
            Ok(self.status().is_ok_and(|status| status["running"] == true).then_some(()))
        })
    }

    /// Runs a verb of `doorward-source`; gives what it printed.
    pub(crate) fn source(&self, words: &[&str]) -> Result<String> {
        let mut command = self.program("doorward-source");
        output(command.arg("--config").arg(self.path("source.toml")).args(words), self.folder.path())
    }

    /// Publishes records that it reads from `file`; gives the version of the last.
    pub(crate) fn import(&self, file: &str, lines: &str, words: &[&str]) -> Result<Version> {
        self.begin_import(file, lines, words)?.wait()?;
        Ok(self.source_head()?.0)
    }

    /// Begins to publish records that it reads from `file`.
    pub(crate) fn begin_import(&self, file: &str, lines: &str, words: &[&str]) -> Result<Importing> {
        let path = self.path(file);
        std::fs::write(&path, lines)?;
        let mut command = self.program("doorward-source");
        command.arg("--config").arg(self.path("source.toml")).arg("import").arg(path).args(words);
        // Others may be asked meanwhile, and have their answers elsewhere.
        let folder = self.path("importing");
        std::fs::create_dir_all(&folder)?;
        Ok(Importing(std::thread::spawn(move || output(&mut command, &folder))))
    }

    /// Where the source stands: version and root.
    pub(crate) fn source_head(&self) -> Result<(Version, String)> {
        let status: Value = serde_json::from_str(&self.source(&["status", "--json"])?)?;
        head(&status["epoch"], &status["seq"], &status["root"])
    }

    /// Runs a verb of `doorward`; gives what it printed.
    pub(crate) fn doorward(&self, words: &[&str]) -> Result<String> {
        let mut command = self.program("doorward");
        output(command.arg("--config").arg(self.path("panel.toml")).args(words), self.folder.path())
    }

    /// `doorward status`, for programs.
    pub(crate) fn status(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.doorward(&["status", "--json"])?)?)
    }

    /// `doorward query`, for programs.
    pub(crate) fn query(&self, what: &str) -> Result<Vec<Value>> {
        let text = self.doorward(&["query", what, "--json", "--limit", "100000"])?;
        text.lines().map(|line| serde_json::from_str(line).context("a line of JSON")).collect()
    }

    /// `doorward query` for what has this text in it, for programs.
    pub(crate) fn query_filtered(&self, what: &str, filter: &str) -> Result<Vec<Value>> {
        let text = self.doorward(&["query", what, filter, "--json"])?;
        text.lines().map(|line| serde_json::from_str(line).context("a line of JSON")).collect()
    }

    /// Whether the board's strike has last done this.
    pub(crate) fn trace_ends_with(&self, wanted: &str) -> bool {
        let trace = std::fs::read_to_string(self.path(setting::TRACE)).unwrap_or_default();
        trace.lines().rfind(|line| line.starts_with("strike")) == Some(wanted)
    }

    /// Asks the PACS's control API.
    pub(crate) fn pacs(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        http::ask(self.pacs_at.context("the PACS does not run")?, method, path, body)
    }

    /// How many acts there were in the PACS: by its own count, which no witness can lag behind.
    pub(crate) fn acts_so_far(&self) -> Result<u64> {
        self.pacs("GET", "/_sim/wait?effects=0", &Value::Null)?["effects"]
            .as_u64()
            .context("the PACS counts its acts")
    }

    /// Everything in the PACS.
    pub(crate) fn world(&self) -> Result<World> {
        Ok(serde_json::from_value(self.pacs("GET", "/_sim/world", &Value::Null)?)?)
    }

    /// Waits until the PACS is as `office` says; there is nothing to measure.
    pub(crate) fn pacs_equals(&self, office: &Office) -> Result<String> {
        let mut last = String::new();
        let equal = patience::until("the PACS equals the rules", || {
            last = office.difference(&self.world()?, utc_now()).unwrap_or_default();
            Ok(last.is_empty().then_some(()))
        });
        equal.map(|()| String::new()).map_err(|error| anyhow!("{error}; {last}"))
    }

    /// Waits until mirror and source have the same root at the same version; gives both as a text.
    pub(crate) fn roots_equal(&self) -> Result<String> {
        let wanted = self.source_head()?;
        let mut last = Value::Null;
        let equal = patience::until("the roots are equal", || {
            let Ok(status) = self.status() else { return Ok(None) };
            let found = head(&status["head"][0], &status["head"][1], &status["root"])?;
            let is_equal = found == wanted && status["in_sync"] == true;
            last = status;
            Ok(is_equal.then_some(()))
        });
        equal.map_err(|error| anyhow!("{error}; wanted {wanted:?}, found {last}"))?;
        let (root, _) = wanted.1.split_at_checked(ROOT_DIGITS).context("a root is longer")?;
        Ok(format!("{root}… at {}", wanted.0))
    }
}

fn head(epoch: &Value, seq: &Value, root: &Value) -> Result<(Version, String)> {
    let version = epoch.as_u64().zip(seq.as_u64()).and_then(|(epoch, seq)| Version::new(epoch, seq));
    let version = version.context("a status without a version")?;
    Ok((version, root.as_str().context("a status without a root")?.to_owned()))
}
