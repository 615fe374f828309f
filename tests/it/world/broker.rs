//! A broker of our own, of any brand: a free port, a private folder, sessions kept across restarts.
//!
//! Nothing is shared with the system's own instance, nor with another scene's. What the brands call things
//! is in `mosquitto`, `rabbitmq` and `nats`. Not here: who may say what (the scenes bring the shipped files).

mod launch;
mod mosquitto;
mod nats;
mod rabbitmq;

use launch::Running;
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Below what the system gives to outgoing connections: while a broker is down nobody else's connection may
/// take its port.
const PORTS: Range<u16> = 20_000..32_000;
/// Ports that are tried before a broker is given up.
const ATTEMPTS_MAX: u32 = 20;

/// Whose broker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Brand {
    Mosquitto,
    /// With its MQTT plugin.
    RabbitMq,
    /// With JetStream.
    Nats,
}

/// Where one broker lives.
struct Place<'a> {
    folder: &'a Path,
    port: u16,
}

impl Place<'_> {
    /// What the broker remembers, and nothing else.
    fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// `text` with `{folder}`, `{state}` and `{port}` filled in.
    fn fill(&self, text: &str) -> String {
        text.replace("{folder}", &self.folder.display().to_string())
            .replace("{state}", &self.state().display().to_string())
            .replace("{port}", &self.port.to_string())
    }
}

impl Brand {
    /// A configuration with these lines in it.
    fn config(self, lines: &str) -> String {
        match self {
            Brand::Mosquitto => mosquitto::config(lines),
            Brand::RabbitMq => rabbitmq::config(lines),
            Brand::Nats => nats::config(lines),
        }
    }

    /// What to run, with this configuration.
    fn command(self, place: &Place<'_>, config: &Path) -> Command {
        match self {
            Brand::Mosquitto => mosquitto::command(config),
            Brand::RabbitMq => rabbitmq::command(place, config),
            Brand::Nats => nats::command(config),
        }
    }

    /// Whether the broker listens once it has said this.
    fn is_ready(self, said: &str) -> bool {
        match self {
            Brand::Mosquitto => said.ends_with(" running"),
            Brand::RabbitMq => said.contains("Server startup complete"),
            Brand::Nats => said.ends_with("Server is ready"),
        }
    }

    /// Lines by which everybody may come in.
    fn open(self) -> &'static str {
        match self {
            Brand::Mosquitto => "allow_anonymous true\n",
            Brand::RabbitMq => "mqtt.allow_anonymous = true\n",
            Brand::Nats => "",
        }
    }
}

pub(crate) struct Broker {
    brand: Brand,
    folder: TempDir,
    /// Its configuration, to be filled in.
    config: String,
    port: u16,
    running: Option<Running>,
}

impl Broker {
    /// A mosquitto for everybody.
    pub(crate) fn start() -> Broker {
        Broker::of(Brand::Mosquitto)
    }

    /// A broker for everybody.
    pub(crate) fn of(brand: Brand) -> Broker {
        Broker::configured(brand, &brand.config(brand.open()), &[])
    }

    /// A mosquitto with these lines in its configuration; for the rest see [`Broker::configured`].
    pub(crate) fn with(lines: &str, files: &[(&str, &str)]) -> Broker {
        Broker::configured(Brand::Mosquitto, &Brand::Mosquitto.config(lines), files)
    }

    /// With this configuration, and these files (name, content) beside it. In it `{folder}` is where they are,
    /// `{state}` what the broker may keep, `{port}` where it has to listen.
    pub(crate) fn configured(brand: Brand, config: &str, files: &[(&str, &str)]) -> Broker {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).expect("write");
        }
        let mut broker = Broker { brand, folder, config: config.into(), port: 0, running: None };
        let mut said = String::new();
        // Between finding a free port and the broker's taking it somebody else may: then it ends at once.
        for _ in 0..ATTEMPTS_MAX {
            broker.port = free_port();
            match broker.launch() {
                Ok(()) => return broker,
                Err(why) if why.contains("in use") || why.contains("eaddrinuse") => said = why,
                Err(why) => panic!("{brand:?} does not start with this configuration: {config}\n{why}"),
            }
        }
        panic!("{brand:?} finds no free port: {said}");
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Starts it again after [`Broker::stop`] or [`Broker::kill`].
    pub(crate) fn resume(&mut self) {
        if let Err(why) = self.launch() {
            panic!("{:?} does not start again: {why}", self.brand);
        }
    }

    /// Ends it in order, so that it keeps its sessions.
    pub(crate) fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }

    /// `kill -9`, now.
    pub(crate) fn kill(&mut self) {
        self.running = None;
    }

    /// Comes back without sessions, queues and retained messages, as from a lost disk.
    pub(crate) fn forget_sessions(&mut self) {
        self.stop();
        std::fs::remove_dir_all(self.place().state()).expect("what it remembers");
        self.resume();
    }

    fn place(&self) -> Place<'_> {
        Place { folder: self.folder.path(), port: self.port }
    }

    /// Ends with what it said, if it does not come to listen.
    fn launch(&mut self) -> Result<(), String> {
        let place = self.place();
        std::fs::create_dir_all(place.state()).expect("a folder for its state");
        let config = place.folder.join("broker.conf");
        std::fs::write(&config, place.fill(&self.config)).expect("write");
        let command = self.brand.command(&place, &config);
        self.running = Some(Running::start(command, self.brand)?);
        Ok(())
    }
}

/// A port that nobody listens on, and no outgoing connection takes.
pub(crate) fn free_port() -> u16 {
    let mut ports = std::iter::repeat_with(|| fastrand::u16(PORTS)).take(1_000);
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}
