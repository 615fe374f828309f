//! A mosquitto of our own: a free port, a private folder, sessions kept across restarts.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

pub(crate) struct Broker {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl Broker {
    pub(crate) fn start() -> Broker {
        Broker::with("allow_anonymous true\n", &[])
    }

    /// With these lines in its configuration, and these files (name, content) beside it; `{folder}` in the
    /// lines is where they are.
    pub(crate) fn with(lines: &str, files: &[(&str, &str)]) -> Broker {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).expect("write");
        }
        let lines = lines.replace("{folder}", &folder.path().display().to_string());
        let mut broker = Broker { folder, port: 0, process: None };
        // Between finding a free port and mosquitto's taking it somebody else may: then it ends at once.
        for _ in 0..20 {
            broker.port =
                TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
            broker.configure(&lines);
            if broker.launch() {
                return broker;
            }
        }
        panic!("mosquitto does not start with these lines: {lines}");
    }

    fn configure(&self, lines: &str) {
        let config = format!(
            "listener {} 127.0.0.1\npersistence true\npersistence_location {}/\nautosave_interval 1\n\
             autosave_on_changes true\nmax_inflight_messages 2000\nmax_queued_messages 0\nuser root\n{lines}",
            self.port,
            self.folder.path().display()
        );
        std::fs::write(self.folder.path().join("mosquitto.conf"), config).expect("write");
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Starts it again after [`Broker::stop`].
    pub(crate) fn resume(&mut self) {
        assert!(self.launch(), "mosquitto does not start again");
    }

    /// Whether it runs and listens; otherwise it has ended.
    fn launch(&mut self) -> bool {
        let installed = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];
        let program = installed.into_iter().find(|path| Path::new(path).exists()).unwrap_or("mosquitto");
        let mut process = Command::new(program)
            .arg("-c")
            .arg(self.folder.path().join("mosquitto.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("mosquitto is installed; `make setup` installs it");
        // It says that it runs once it listens, and closes the pipe when it ends.
        let said = BufReader::new(process.stderr.take().expect("a pipe"));
        let mut lines = said.lines().map_while(Result::ok);
        let runs = lines.by_ref().any(|line| line.ends_with(" running"));
        std::thread::spawn(move || lines.for_each(drop));
        if runs {
            self.process = Some(process);
        } else {
            let _ = process.wait();
        }
        runs
    }

    /// Ends it in order, so that it keeps its sessions.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = Command::new("kill").arg(process.id().to_string()).status();
            let _ = process.wait();
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
