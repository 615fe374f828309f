//! What systemd is told, by a socket of the scene's own; and the unit that is shipped.

use crate::world::{
    Ended, GATEWAY, PATIENCE, Process, World, assignment, card, entitlement, eventually, status, user,
};
use doorward_sim::{Fault, FaultKind, Match};
use rusqlite::{Connection, OpenFlags};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Of the scenes: a question each third of it.
const WATCHDOG_MS: u64 = 300;
/// Words that may come before the one that is waited for.
const WORDS_MAX: usize = 20;
/// How long an ordered shutdown may take, in looks of 10 ms.
const SHUTDOWN_LOOKS: u32 = 500;

/// What stands for systemd.
struct Systemd {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Systemd {
    fn new(world: &World) -> Systemd {
        let path = world.folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time");
        Systemd { socket, path }
    }

    fn start(&self, world: &World) -> Process {
        Process::supervised(&world.config_file(), &self.path, WATCHDOG_MS)
    }

    /// The next word; none if there is none within `ms`.
    fn within(&self, ms: u64) -> Option<String> {
        self.socket.set_read_timeout(Some(Duration::from_millis(ms))).expect("a time");
        let mut word = [0; 256];
        let length = self.socket.recv(&mut word).ok()?;
        Some(String::from_utf8_lossy(&word[..length]).into_owned())
    }

    /// Waits for that word; others may come before.
    fn expect(&self, word: &str) {
        assert!((0..WORDS_MAX).any(|_| self.next() == word), "{word} has not come");
    }

    fn next(&self) -> String {
        self.within(u64::try_from(PATIENCE.as_millis()).expect("small")).expect("a word in time")
    }
}

fn mirror(world: &World) -> Connection {
    let path = world.folder.path().join("state/mirror.sqlite");
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).expect("the mirror")
}

#[test]
fn it_is_ready_without_a_network_and_alive_for_as_long_as_a_card_can_be_decided() {
    let mut world = World::new();
    world.broker.kill();
    let systemd = Systemd::new(&world);
    let _gateway = systemd.start(&world);
    assert_eq!(systemd.next(), "READY=1\nWATCHDOG=1");
    for _ in 0..4 {
        assert_eq!(systemd.next(), "WATCHDOG=1");
    }
    // What any card's decision reads first.
    mirror(&world).execute_batch("ALTER TABLE card RENAME TO gone").expect("taken away");
    // One or two words may be on their way.
    let is_silent = (0..WORDS_MAX).any(|_| systemd.within(4 * WATCHDOG_MS).is_none());
    assert!(is_silent, "a timer alone would go on");
    mirror(&world).execute_batch("ALTER TABLE gone RENAME TO card").expect("given back");
    assert_eq!(systemd.next(), "WATCHDOG=1", "it is not given up");
}

#[test]
fn it_is_never_ready_over_a_mirror_that_does_not_answer() {
    let world = World::new();
    let systemd = Systemd::new(&world);
    let mut gateway = systemd.start(&world);
    assert_eq!(systemd.next(), "READY=1\nWATCHDOG=1");
    gateway.terminate();
    systemd.expect("STOPPING=1");
    eventually("it ends", || gateway.ended().map(|_| ()).ok_or_else(|| "it runs".into()));
    mirror(&world).execute_batch("ALTER TABLE card RENAME TO gone").expect("taken away");
    let _gateway = systemd.start(&world);
    assert_eq!(systemd.within(3_000), None);
}

#[test]
fn it_ends_in_order_within_five_seconds_though_the_pacs_hangs() {
    let mut world = World::new();
    let patient =
        std::fs::read_to_string(world.config_file()).unwrap().replace("timeout_s = 2", "timeout_s = 60");
    world.write("config.toml", &patient);
    world.source.publish_meta(Some(GATEWAY));
    world
        .pacs
        .inject(Fault::forever(Match::any().method("POST"), FaultKind::Hang { ms: 60_000 }))
        .expect("room");
    let systemd = Systemd::new(&world);
    let mut gateway = systemd.start(&world);
    world.source.expect_state("the gateway is online", |state| state["online"] == true);
    world.source.put("user", "ada", user("Ada", "Ek")).put("token", "c-ada", card("ada", "04A1B2C3"));
    world.source.put("entitlement", "main", entitlement("ap-main", "Main entrance"));
    world.source.put("assignment", "ada.main", assignment("ada", "main", "", "")).publish();
    eventually("a request hangs", || {
        let status = status(&world.config_file())?;
        if status["export"]["backlog"] == 0 { Err(status.to_string()) } else { Ok(()) }
    });
    gateway.terminate();
    systemd.expect("STOPPING=1");
    let mut looks = 0;
    while gateway.ended().is_none() {
        looks += 1;
        assert!(looks < SHUTDOWN_LOOKS, "it has not ended after 5 s");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(gateway.ended(), Some(Ended::Otherwise));
    world.source.expect_state("it has said goodbye", |state| state["online"] == false);
}

fn unit(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name)
}

/// `systemd-analyze`, which has to be there: `scripts/setup test` installs it.
fn analyze(words: &[&str]) -> (bool, String) {
    let output = Command::new("systemd-analyze").args(words).output();
    let output = output.unwrap_or_else(|error| panic!("systemd-analyze: {error}; run scripts/setup test"));
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn the_units_are_understood() {
    // Their program has to be there to be found good.
    let folder = tempfile::tempdir().expect("a folder");
    let here = |name: &str| {
        let text = std::fs::read_to_string(unit(name)).expect("the unit");
        let text = text.replace("/usr/bin/doorward", env!("CARGO_BIN_EXE_doorward"));
        text.replace("man:doorward", "man:man")
    };
    let verify = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("written");
        analyze(&["verify", "--man=no", file.to_str().expect("UTF-8")])
    };
    for name in ["doorward-clock.service", "doorward.service"] {
        assert_eq!(verify(name, &here(name)), (true, String::new()), "{name}");
        let misspelt = here(name).replace("ProtectHostname=", "ProtectHostnam=");
        assert!(verify(name, &misspelt).1.contains("ProtectHostnam"), "a wrong key is found");
        // The other one wants it.
        verify(name, &here(name));
    }
}

/// The unit's text, if no more is left open in it than so many tenths as `systemd-analyze` counts, and it says of each why.
fn tight(name: &str, exposure_max_tenths: u32) -> String {
    let path = unit(name);
    let file = path.to_str().expect("UTF-8");
    let threshold = format!("--threshold={exposure_max_tenths}");
    let (is_tight, said) = analyze(&["security", "--offline=true", &threshold, file]);
    assert!(is_tight, "{said}");
    let (_, said) = analyze(&["security", "--offline=true", "--json=short", file]);
    let points: Vec<serde_json::Value> =
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    let text = std::fs::read_to_string(&path).expect("the unit");
    let why = text.split_once("still counts").expect("the reasons").1;
    let open = points.iter().filter(|point| !point["exposure"].is_null());
    for name in open.map(|point| point["name"].as_str().expect("a name")) {
        // Of `RestrictAddressFamilies=~AF_UNIX` the key counts; `SystemCallFilter` is open in groups, each by itself.
        let key = name.split("~AF_").next().and_then(|name| name.split('/').next()).unwrap_or(name);
        assert!(why.contains(key), "{name}: close it, or say in the unit why it is open");
    }
    text
}

#[test]
fn the_units_are_as_tight_as_their_work_allows_and_say_why_where_they_are_not() {
    tight("doorward-clock.service", 5);
    let text = tight("doorward.service", 12);
    let secret = "#LoadCredential=";
    for key in ["broker-password", "broker-key", "pacs-password", "pacs-key", "reader-key"] {
        assert!(text.contains(&format!("{secret}{key}:")), "{key} has no LoadCredential=");
    }
}
