//! Gateways: the real program, or its services by the scene's clock.

use doorward::board::Lines;
use doorward::clock::ManualClock;
use doorward::config;
use doorward::service::supervising::Supervisor;
use doorward::service::{self, setup::Setup};
use serde_json::Value;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// The services in this process; ends in order when dropped.
pub(crate) struct InProcess {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl InProcess {
    pub(crate) fn start(config: &Path, clock: &ManualClock) -> InProcess {
        InProcess::with_lines(config, clock, Lines::none())
    }

    /// With the lines of a board.
    pub(crate) fn with_lines(config: &Path, clock: &ManualClock, lines: Lines) -> InProcess {
        let (stop, stopped) = oneshot::channel();
        let (config, clock): (PathBuf, _) = (config.into(), Arc::new(clock.clone()));
        if std::env::var_os("DOORWARD_TEST_LOG").is_some() {
            // The first scene of the process starts it; the others find it started.
            let _ =
                tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_test_writer().try_init();
        }
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
            let setup = Setup::new(config::load(&config).expect("configuration"), &config);
            let shutdown = async { stopped.await.unwrap_or(()) };
            runtime
                .block_on(service::run(&setup, clock, lines, Supervisor::default(), shutdown))
                .unwrap_or_else(|error| panic!("{error}"));
        });
        InProcess { stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the gateway's thread panicked");
        }
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        self.end();
    }
}

/// The real program; killed when dropped.
pub(crate) struct Process {
    child: Child,
}

/// How a program ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ended {
    /// At its failpoint.
    AtFailpoint,
    /// Otherwise.
    Otherwise,
}

impl Process {
    pub(crate) fn start(config: &Path, failpoint: Option<&str>) -> Process {
        let mut command = program(config);
        command.arg("run").stdout(Stdio::null());
        if std::env::var_os("DOORWARD_TEST_LOG").is_none() {
            command.stderr(Stdio::null());
        }
        if let Some(failpoint) = failpoint {
            command.env("DOORWARD_FAILPOINT", failpoint);
        }
        Process { child: command.spawn().expect("doorward starts") }
    }

    /// The real program, its log in a file.
    pub(crate) fn logged(config: &Path, log: &Path) -> Process {
        let log = std::fs::File::create(log).expect("a log file");
        let child =
            program(config).arg("run").stdout(Stdio::null()).stderr(log).spawn().expect("doorward starts");
        Process { child }
    }

    /// The real program as systemd starts it: it tells `socket` how it is, within so many milliseconds.
    pub(crate) fn supervised(config: &Path, socket: &Path, watchdog_ms: u64) -> Process {
        let mut command = program(config);
        command.arg("run").stdout(Stdio::null()).stderr(Stdio::null());
        command.env("NOTIFY_SOCKET", socket).env("WATCHDOG_USEC", (watchdog_ms * 1_000).to_string());
        Process { child: command.spawn().expect("doorward starts") }
    }

    /// `doorward clock relay`, which needs no configuration.
    pub(crate) fn relay(file: &Path) -> Process {
        let mut command = program(Path::new("/no/such/configuration"));
        command.args(["clock", "relay"]).arg(file).stdout(Stdio::null()).stderr(Stdio::null());
        Process { child: command.spawn().expect("doorward starts") }
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGTERM, as systemd ends it.
    pub(crate) fn terminate(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it runs");
    }

    /// `kill -9`, now.
    pub(crate) fn kill(mut self) -> Ended {
        let _ = self.child.kill();
        self.wait()
    }

    /// How it has ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<Ended> {
        self.child.try_wait().expect("a child").map(|status| how(status.signal()))
    }

    fn wait(&mut self) -> Ended {
        how(self.child.wait().expect("a child").signal())
    }
}

fn how(signal: Option<i32>) -> Ended {
    const SIGABRT: i32 = 6;
    if signal == Some(SIGABRT) { Ended::AtFailpoint } else { Ended::Otherwise }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program under test and what runs it: this build, or what DOORWARD_PROGRAM says (`make arm-test`: an emulator and
/// the panel's binary).
pub(crate) fn program_words() -> Vec<OsString> {
    match std::env::var("DOORWARD_PROGRAM") {
        Ok(words) => words.split_whitespace().map(OsString::from).collect(),
        Err(_) => vec![env!("CARGO_BIN_EXE_doorward").into()],
    }
}

/// The program under test, with this configuration.
pub(crate) fn program(config: &Path) -> Command {
    let words = program_words();
    let (first, others) = words.split_first().expect("DOORWARD_PROGRAM names a program");
    let mut command = Command::new(first);
    command.args(others).arg("--config").arg(config);
    command
}

fn output(config: &Path, words: &[&str]) -> Output {
    program(config).args(words).output().expect("doorward runs")
}

/// `doorward status --json`.
pub(crate) fn status(config: &Path) -> Result<Value, String> {
    let output = output(config, &["status", "--json"]);
    serde_json::from_slice(&output.stdout).map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// `doorward verify --json`, whatever it finds.
pub(crate) fn verify(config: &Path) -> Value {
    let output = output(config, &["verify", "--json"]);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// `doorward query … --json`.
pub(crate) fn query(config: &Path, words: &[&str]) -> Vec<Value> {
    let output = output(config, &[&["query"], words, &["--json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect()
}

/// `doorward doctor --json`: whether all is well, and the checks.
pub(crate) fn doctor(config: &Path) -> (bool, Vec<Value>) {
    let output = output(config, &["doctor", "--json"]);
    let found: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.success(), found["checks"].as_array().expect("checks").clone())
}

/// What the program says to these words, and whether it has done what it was told.
pub(crate) fn said(config: &Path, words: &[&str]) -> (bool, String) {
    let output = output(config, words);
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}
