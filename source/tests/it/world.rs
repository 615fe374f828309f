//! The fixture: a broker, the program, and an observer who believes nothing.

use access::time::UtcTime;
use contract::changes::{Act, parse_changes};
use contract::digest::{self, Digest};
use contract::id::Version;
use contract::messages::Meta;
use doorward_source::store::{Row, Store};
use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const POLL_MS: u64 = 10;
const WAIT_MS: u64 = 30_000;

/// Waits until `done` gives something.
pub(crate) fn wait<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    for _ in 0..WAIT_MS / POLL_MS {
        if let Some(found) = done() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(POLL_MS));
    }
    panic!("waited in vain for {what}");
}

/// A process that does not outlive the test.
pub(crate) struct Process(Child);

impl Process {
    /// SIGKILL, and gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Sends `signal` by name.
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill").args(["-s", signal, &self.0.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Whether it ended well, once it has ended.
    pub(crate) fn ended_well(&mut self) -> bool {
        wait("the end of a process", || self.0.try_wait().expect("a child")).success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(crate) struct World {
    dir: tempfile::TempDir,
    port: u16,
    broker: Option<Process>,
}

impl World {
    /// A broker, and settings for it.
    pub(crate) fn new() -> World {
        World::started("allow_anonymous true\n", "")
    }

    /// A broker with these rules, where the source logs in as `source`.
    pub(crate) fn with_rules(rules: &str) -> World {
        let login = "username = \"source\"\npassword_file = \"password\"\n";
        let mut world = World::started("allow_anonymous true\n", login);
        world.stop_broker();
        world.write("rules", rules);
        world.write("password", "secret\n");
        let made = Command::new("mosquitto_passwd")
            .args(["-b", "-c"])
            .arg(world.path("logins"))
            .args(["source", "secret"])
            .status();
        assert!(made.expect("mosquitto_passwd is installed").success());
        let (logins, rules) = (world.path("logins"), world.path("rules"));
        let conf = std::fs::read_to_string(world.path("mosquitto.conf")).expect("settings");
        let conf = conf.replace("allow_anonymous true", "allow_anonymous false");
        let files = format!("password_file {}\nacl_file {}\n", logins.display(), rules.display());
        world.write("mosquitto.conf", &format!("{conf}{files}"));
        world.start_broker();
        world
    }

    /// Starts the broker again with more settings.
    pub(crate) fn add_to_broker(&mut self, settings: &str) {
        self.stop_broker();
        let conf = std::fs::read_to_string(self.path("mosquitto.conf")).expect("settings");
        self.write("mosquitto.conf", &format!("{conf}{settings}"));
        self.start_broker();
    }

    fn started(access: &str, login: &str) -> World {
        let dir = tempfile::tempdir().expect("a directory");
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("its number").port();
        drop(free);
        let mut world = World { dir, port, broker: None };
        // Without the second, the broker drops what an observer on a busy machine does not take fast enough.
        let rules = format!("{access}max_queued_messages 0\n");
        world.write("mosquitto.conf", &format!("listener {port} 127.0.0.1\n{rules}"));
        let broker = format!("[broker]\nhost = \"127.0.0.1\"\nport = {port}\n{login}");
        world.write("source.toml", &format!("site = \"office\"\nexporter = \"main-panel\"\n{broker}"));
        world.start_broker();
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
    }

    pub(crate) fn start_broker(&mut self) {
        let found = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"].into_iter();
        let program = found.map(Path::new).find(|path| path.exists()).unwrap_or(Path::new("mosquitto"));
        let child = Command::new(program)
            .arg("-c")
            .arg(self.path("mosquitto.conf"))
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("mosquitto is installed");
        self.broker = Some(Process(child));
        wait("the broker", || TcpStream::connect(("127.0.0.1", self.port)).ok());
    }

    pub(crate) fn stop_broker(&mut self) {
        self.broker = None;
    }

    fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward-source"));
        command.current_dir(self.dir.path());
        command
    }

    /// Runs a verb.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.program().args(args).output().expect("the program runs")
    }

    /// Runs a verb that succeeds; returns what it printed.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {errors}");
        String::from_utf8_lossy(&output.stdout).trim().into()
    }

    /// Runs a verb that fails; returns its complaint.
    pub(crate) fn fails(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(!output.status.success(), "{args:?} succeeded");
        String::from_utf8_lossy(&output.stderr).trim().into()
    }

    /// What the file holds.
    pub(crate) fn rows(&self) -> Vec<Row> {
        self.store().rows(None, None).expect("rows")
    }

    /// The file.
    pub(crate) fn store(&self) -> Store {
        Store::open(&self.path("source.db"), UtcTime::from_unix(0)).expect("a file")
    }

    /// What the last `serve` has said.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("serve.log")).expect("a log")
    }

    pub(crate) fn status(&self) -> Value {
        serde_json::from_str(&self.ok(&["status", "--json"])).expect("JSON")
    }

    /// Starts `serve` without waiting for anything.
    pub(crate) fn start_serve(&self) -> Process {
        let log = std::fs::File::create(self.path("serve.log")).expect("a log");
        let mut command = self.program();
        command.args(["serve", "--ready-file", "ready"]).stderr(log).stdout(Stdio::null());
        Process(command.spawn().expect("the program runs"))
    }

    /// Starts `serve` and waits until it is ready.
    pub(crate) fn serve(&self) -> Process {
        let _ = std::fs::remove_file(self.path("ready"));
        let process = self.start_serve();
        wait("serve", || self.path("ready").exists().then_some(()));
        process
    }

    /// Starts to listen to everything.
    pub(crate) fn observer(&self, name: &str) -> Observer {
        let mut options = MqttOptions::new(name, "127.0.0.1", self.port);
        options.set_max_packet_size(1 << 20, 1 << 20);
        let (client, mut connection) = Client::new(options, 1000);
        client.subscribe("doorward/v1/office/#", QoS::AtLeastOnce).expect("queued");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (ready, subscribed) = std::sync::mpsc::channel();
        let sink = heard.clone();
        std::thread::spawn(move || {
            for event in connection.iter() {
                match event {
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        let topic = publish.topic.trim_start_matches("doorward/v1/office/").to_string();
                        sink.lock().expect("sound").push((topic, publish.payload.to_vec()));
                    }
                    Ok(Event::Incoming(Packet::SubAck(_))) => drop(ready.send(())),
                    Ok(_) => {}
                    Err(_) => return,
                }
            }
        });
        subscribed.recv_timeout(Duration::from_millis(WAIT_MS)).expect("subscribed");
        Observer { client, heard }
    }
}

/// Topic below the site, and payload.
type Heard = (String, Vec<u8>);

/// Hears everything, and keeps the rows and the root by itself.
pub(crate) struct Observer {
    pub(crate) client: Client,
    heard: Arc<Mutex<Vec<Heard>>>,
}

/// What a gateway would have after the stream so far.
#[derive(Debug, Default)]
pub(crate) struct Mirror {
    pub(crate) versions: Vec<Version>,
    /// Messages with changes, duplicates left out.
    pub(crate) messages: Vec<(Version, usize)>,
    pub(crate) rows: BTreeMap<(String, String), Digest>,
    pub(crate) root: Digest,
}

impl Observer {
    pub(crate) fn publish(&self, topic: &str, retain: bool, payload: &Value) {
        let topic = format!("doorward/v1/office/{topic}");
        self.client.publish(topic, QoS::AtLeastOnce, retain, payload.to_string()).expect("queued");
    }

    /// Payloads heard on `topic`.
    pub(crate) fn on(&self, topic: &str) -> Vec<Vec<u8>> {
        let heard = self.heard.lock().expect("sound");
        heard.iter().filter(|(at, _)| at == topic).map(|(_, payload)| payload.clone()).collect()
    }

    /// The topics heard, in order.
    pub(crate) fn topics(&self) -> Vec<String> {
        self.heard.lock().expect("sound").iter().map(|(topic, _)| topic.clone()).collect()
    }

    /// Where among the topics heard the first such message on `topic` is.
    pub(crate) fn position(&self, topic: &str, is_it: impl Fn(&[u8]) -> bool) -> usize {
        let heard = self.heard.lock().expect("sound");
        heard.iter().position(|(at, payload)| at == topic && is_it(payload)).expect("it was heard")
    }

    /// Which gateways' topics with this end were heard, in order.
    pub(crate) fn order(&self, end: &str) -> Vec<String> {
        let gateway = |topic: String| Some(topic.strip_prefix("gateway/")?.strip_suffix(end)?.to_string());
        self.topics().into_iter().filter_map(gateway).collect()
    }

    /// How many messages on topics with this end were heard, if any.
    pub(crate) fn heard(&self, end: &str) -> Option<usize> {
        Some(self.order(end).len()).filter(|heard| *heard > 0)
    }

    pub(crate) fn metas(&self) -> Vec<Meta> {
        self.on("meta").iter().map(|payload| serde_json::from_slice(payload).expect("a meta")).collect()
    }

    /// Replays `changes` from the first: numbers without gaps, a root that is the sum of the rows at every
    /// message, a new epoch that begins with a checkpoint at 0.
    pub(crate) fn replay(&self) -> Mirror {
        let mut mirror = Mirror::default();
        let mut seen = BTreeSet::new();
        for payload in self.on("changes") {
            let message = parse_changes(&payload).expect("a valid envelope");
            assert_eq!(message.misshapen, []);
            let last = seen.last().copied();
            let is_again = !seen.insert(message.version);
            if let (Some(last), false) = (last, is_again) {
                let next = Version { epoch: last.epoch, seq: last.seq + 1 };
                let begins = message.version.epoch > last.epoch && message.version.seq == 0;
                assert!(message.version == next || begins, "{} after {last}", message.version);
                assert!(!begins || message.changes.is_empty(), "an epoch begins with a checkpoint");
            }
            mirror.versions.push(message.version);
            if is_again && !message.changes.is_empty() {
                continue;
            }
            if !message.changes.is_empty() {
                mirror.messages.push((message.version, message.changes.len()));
            }
            for change in &message.changes {
                let name = (change.kind.to_string(), change.key.to_string());
                let old = mirror.rows.remove(&name).unwrap_or(Digest::ZERO);
                mirror.root = mirror.root.minus(old);
                if let Act::Upsert(sent) = change.act {
                    let canonical = contract::record::parse(&change.kind, sent).canonical;
                    assert_eq!(canonical, sent.as_bytes(), "records are sent in canonical form");
                    let digest = digest::record(&name.0, &name.1, &canonical, message.version);
                    mirror.root = mirror.root.plus(digest);
                    mirror.rows.insert(name, digest);
                }
            }
            let is_last = seen.last() == Some(&message.version);
            assert!(!is_last || message.root == mirror.root, "the root at {}", message.version);
        }
        assert_eq!(mirror.root, mirror.rows.values().fold(Digest::ZERO, |sum, digest| sum.plus(*digest)));
        mirror
    }

    /// Waits until the stream has reached what `status` says, and checks that it agrees.
    pub(crate) fn caught_up(&self, world: &World) -> Mirror {
        let status = world.status();
        let number = |name: &str| status[name].as_u64().expect(name);
        let head = Version { epoch: number("epoch"), seq: number("seq") };
        let mirror = wait("the stream", || {
            let mirror = self.replay();
            mirror.versions.contains(&head).then_some(mirror)
        });
        assert_eq!(Value::from(mirror.root.to_string()), status["root"]);
        mirror
    }
}
