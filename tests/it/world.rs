//! The world of the scenes: a real broker on a free port, a simulated PACS, a source, and gateways: either
//! the real program as a process, or the same services in this process by a clock that the scene moves.

mod answers;
mod broker;
mod gateway;
mod relay;
mod scim;
mod source;

pub(crate) use broker::{Brand, Broker, free_port};
pub(crate) use gateway::{
    Ended, InProcess, Process, doctor, program, program_words, query, said, status, verify,
};
pub(crate) use relay::Relay;
pub(crate) use scim::{Person as ScimPerson, ScimServer};
pub(crate) use source::{Source, assignment, card, entitlement, user};

use access::time::UtcTime;

use doorward::board::virtual_lines::VirtualLines;
use doorward::board::{Board, Lines};
use doorward::clock::{Clock, ManualClock};
use doorward_sim::{Act, Handle, Login, Options, Pacs, World as PacsWorld};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const SITE: &str = "office";
pub(crate) const GATEWAY: &str = "panel-1";
/// How long anything may take before a scene gives up; machines may be slow, so this is far beyond what is
/// expected.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Everything that a scene needs.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) broker: Broker,
    pub(crate) pacs: Handle,
    pub(crate) source: Source,
    /// Moves only when the scene moves it; used by gateways in this process.
    pub(crate) clock: ManualClock,
}

/// `text` as an instant.
pub(crate) fn at(text: &str) -> UtcTime {
    UtcTime::parse(text).expect("an instant")
}

/// One gateway's settings.
struct Panel<'a> {
    gateway: &'a str,
    file: &'a str,
    state_dir: &'a str,
}

fn own_panel(state_dir: &str) -> Panel<'_> {
    Panel { gateway: GATEWAY, file: "config.toml", state_dir }
}

fn interflex() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/interflex.toml")
}

impl World {
    /// A Monday morning in an office where nothing has happened yet.
    pub(crate) fn new() -> World {
        World::on(Broker::start())
    }

    /// As [`World::new`], with this broker.
    pub(crate) fn on(broker: Broker) -> World {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let login = Login { username: "doorward".into(), password: "pacs-secret".into() };
        let options = Options { login: Some(login), system_id: Some("panel".into()), ..Options::default() };
        let pacs = Pacs::start(options).expect("a simulated PACS");
        let source = Source::start(broker.port(), SITE);
        let world =
            World { folder, broker, pacs, source, clock: ManualClock::new(at("2026-11-23T08:00:00Z")) };
        world.write("broker-password", "unused");
        world.write("pacs-password", "pacs-secret");
        world.configure("");
        world
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).expect("write");
        path
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    /// Writes the configuration; `pacs` is added to the PACS's section.
    pub(crate) fn configure(&self, pacs: &str) {
        self.configure_at("state", pacs);
    }

    /// As [`World::configure`], with the state elsewhere.
    pub(crate) fn configure_at(&self, state_dir: &str, pacs: &str) {
        self.write_config(&own_panel(state_dir), &interflex(), &self.pacs.url(), pacs);
    }

    /// Another gateway of the site, with a state and a way to the PACS of its own.
    pub(crate) fn configure_gateway(&self, gateway: &'static str, base_url: &str) -> PathBuf {
        let file = format!("{gateway}.toml");
        let panel = Panel { gateway, file: &file, state_dir: gateway };
        self.write_config(&panel, &interflex(), base_url, "");
        self.folder.path().join(&file)
    }

    /// As [`World::configure`], with another PACS.
    pub(crate) fn configure_for(&self, profile: &Path, base_url: &str, pacs: &str) {
        self.write_config(&own_panel("state"), profile, base_url, pacs);
    }

    fn write_config(&self, panel: &Panel<'_>, profile: &Path, url: &str, pacs: &str) {
        let Panel { gateway, file, state_dir } = panel;
        let mut text = String::new();
        let _ = write!(
            text,
            r#"site = "{SITE}"
gateway = "{gateway}"
state_dir = "{state_dir}"
control_dir = "{state_dir}-control"

[broker]
host = "127.0.0.1"
port = {port}

[clock]
sync = "host"
holdover_s = 0

[pacs]
profile = "{profile}"
base_url = "{url}"
system_id = "panel"
username = "doorward"
password = {{ file = "pacs-password" }}
entitlement_import_types = ["AccessProfile", "AccessZoneTimeProfile"]
late_s = 1
timeout_s = 2
{pacs}
"#,
            port = self.broker.port(),
            profile = profile.display(),
        );
        std::fs::create_dir_all(self.folder.path().join(state_dir)).expect("state folder");
        self.write(file, &text);
    }

    /// The gateway as services in this process, by the scene's clock; connected and subscribed.
    pub(crate) fn gateway(&self) -> InProcess {
        self.gateway_with(Lines::none())
    }

    /// As [`World::gateway`], with the lines of a board.
    pub(crate) fn gateway_with(&self, lines: Lines) -> InProcess {
        let gateway = InProcess::with_lines(&self.config_file(), &self.clock, lines);
        self.source.expect_state("the gateway is online", |state| state["online"] == true);
        gateway
    }

    /// The lines of the virtual board, taken at rest, and the way to watch and move them.
    pub(crate) fn board(&self) -> (Lines, VirtualLines) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards/virtual.toml");
        let board = Board::load(&file).unwrap_or_else(|error| panic!("{error}"));
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let lines = board.take_at_rest(&clock).unwrap_or_else(|error| panic!("{error}"));
        (lines, board.virtual_lines())
    }

    /// The services of another gateway in this process, by the scene's clock; connected and subscribed.
    pub(crate) fn gateway_of(&self, config: &Path, id: &str) -> InProcess {
        let gateway = InProcess::start(config, &self.clock);
        self.source.expect_state_of(id, "the gateway is online", |state| state["online"] == true);
        gateway
    }

    /// The real program; perhaps not yet connected.
    pub(crate) fn program(&self, failpoint: Option<&str>) -> Process {
        Process::start(&self.config_file(), failpoint)
    }

    /// Makes the broker forget the panel's session, with what is queued in it.
    pub(crate) fn forget_session(&self) {
        let id = format!("doorward-{SITE}-{GATEWAY}");
        let mut options = rumqttc::MqttOptions::new(id, "127.0.0.1", self.broker.port());
        options.set_clean_session(true);
        let (client, mut connection) = rumqttc::Client::new(options, 10);
        let acknowledged = |event| matches!(event, rumqttc::Event::Incoming(rumqttc::Packet::ConnAck(_)));
        while !acknowledged(connection.recv_timeout(PATIENCE).expect("in time").expect("connected")) {}
        client.disconnect().expect("room");
        while connection.recv_timeout(PATIENCE).is_ok_and(|event| event.is_ok()) {}
    }

    /// Waits until mirror and source have the same root at the same version.
    pub(crate) fn expect_equal_mirror(&self) {
        let expected = self.source.head();
        eventually("the mirror equals the source", || {
            let Ok(status) = status(&self.config_file()) else { return Err("no mirror yet".into()) };
            let found = (status["head"].to_string(), status["root"].as_str().unwrap_or("").to_string());
            let wanted = (format!("[{},{}]", expected.0.epoch, expected.0.seq), expected.1.to_string());
            if found == wanted && status["in_sync"] == true {
                Ok(())
            } else {
                Err(format!("{status} wanted {wanted:?}"))
            }
        });
    }

    /// As [`World::expect_equal_mirror`], of a gateway in this process whose request may have expired: time passes
    /// and the source goes on with its heartbeats.
    pub(crate) fn expect_repaired_mirror(&mut self) {
        eventually("the mirror is repaired", || {
            self.clock.advance_s(2);
            self.source.checkpoint();
            let head = self.source.head();
            let status = status(&self.config_file())?;
            let is_equal = status["root"] == head.1.to_string() && status["in_sync"] == true;
            if is_equal { Ok(()) } else { Err(status.to_string()) }
        });
    }

    /// Waits until the PACS satisfies `condition`.
    pub(crate) fn expect_pacs(&self, what: &str, condition: impl Fn(&PacsWorld) -> bool) {
        let reached = self.pacs.wait_until(PATIENCE, |world, _| condition(world));
        assert!(reached, "{what}: {:#?}", self.pacs.world());
    }

    /// No item was made twice without being removed in between, nor removed twice.
    pub(crate) fn expect_no_effect_twice(&self) {
        let mut present = BTreeSet::new();
        for effect in self.pacs.effects() {
            let item = (format!("{:?}", effect.what), effect.key.clone());
            match effect.act {
                Act::Create => assert!(present.insert(item), "made twice: {effect:?}"),
                Act::Delete => assert!(present.remove(&item), "removed twice: {effect:?}"),
                Act::Update => {}
            }
        }
    }

    /// Waits until the PACS holds exactly these permissions of the person; `None` when it must not be there.
    pub(crate) fn expect_permissions(&self, person: &str, expected: Option<&[&str]>) {
        self.expect_pacs(&format!("{person} has {expected:?}"), |world| {
            permissions(world, person).as_deref() == expected
        });
    }
}

/// The permissions of a person by name.
pub(crate) fn permissions<'a>(world: &'a PacsWorld, person: &str) -> Option<Vec<&'a str>> {
    world.persons.get(person).map(|person| person.permissions.keys().map(String::as_str).collect())
}

/// Looks again and again until `look` is content; for what happens in other processes.
#[expect(clippy::disallowed_methods, reason = "other processes live by the real clock")]
pub(crate) fn eventually(what: &str, mut look: impl FnMut() -> Result<(), String>) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look() {
            Ok(()) => return,
            Err(why) if Instant::now() > deadline => panic!("{what}: {why}"),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}
