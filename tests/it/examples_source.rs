//! examples/source.py, run for real: against a panel played by this test, and against the gateway.

mod panel;

use crate::world::{self, Broker, GATEWAY, SITE, World, eventually};
use contract::digest::Digest;
use contract::id::Version;
use contract::repair::{Bits, Want};
use panel::Panel;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Most lines of the program, blank ones apart: the contract's text promises that it is short.
const LINES_MAX: usize = 150;

fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/source.py")
}

/// A Python that has paho-mqtt: one that comes first in PATH does not see the packages of apt's.
fn python() -> &'static str {
    let has_paho = |python: &&str| {
        let probe =
            Command::new(python).args(["-c", "import paho.mqtt.client"]).stderr(Stdio::null()).status();
        probe.is_ok_and(|status| status.success())
    };
    let found = ["python3", "/usr/bin/python3"].into_iter().find(has_paho);
    found.expect("python3 with paho-mqtt; `make setup` installs it (apt: python3-paho-mqtt)")
}

/// The program at work; killed when dropped.
struct Example {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl Example {
    /// With these lines in its file.
    fn start(port: u16, records: &str) -> Example {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut example = Example { folder, port, process: None };
        example.write(records);
        example.launch();
        example
    }

    fn write(&self, records: &str) {
        std::fs::write(self.folder.path().join("records.jsonl"), records).expect("write");
    }

    fn launch(&mut self) {
        let mut command = Command::new(python());
        command.arg(program()).args([SITE, "records.jsonl", "--db", "source.db", "--exporter", GATEWAY]);
        command.arg("--port").arg(self.port.to_string());
        command.current_dir(self.folder.path()).stdout(Stdio::null());
        if std::env::var_os("DOORWARD_TEST_LOG").is_none() {
            command.stderr(Stdio::null());
        }
        let child = command.spawn();
        self.process = Some(child.expect("the example starts"));
    }

    /// `kill -9`
    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Makes it read its file again.
    fn hang_up(&self) {
        let id = self.process.as_ref().expect("it runs").id().to_string();
        assert!(Command::new("kill").args(["-HUP", &id]).status().expect("kill").success());
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        self.kill();
    }
}

fn office() -> String {
    std::fs::read_to_string(program().with_file_name("office").join("changes.jsonl")).expect("the office")
}

/// So many users that one bucket does not hold them.
fn crowd(users: usize) -> String {
    let mut lines = String::new();
    for n in 0..users {
        let record = json!({
            "status": "active", "given_name": format!("Användare {n}"), "family_name": "x".repeat(200),
            "attributes": { "\u{fb00}": "after", "\u{1f600}": "before", "a": "\"\\\u{2028}é" },
        });
        let line = json!({ "op": "upsert", "kind": "user", "key": format!("u-{n}"), "record": record });
        let _ = writeln!(lines, "{line}");
    }
    lines
}

#[test]
fn it_is_as_short_as_the_contract_says() {
    let text = std::fs::read_to_string(program()).unwrap();
    let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= LINES_MAX, "{lines} lines");
}

#[test]
fn it_publishes_its_file_in_order_with_true_roots_and_only_what_is_new() {
    let broker = Broker::start();
    let panel = Panel::start(&broker);
    let mut example = Example::start(broker.port(), &office());
    let rows = office().lines().filter(|line| !line.is_empty()).count();
    panel.expect("all rows", |mirror| mirror.rows.len() == rows && mirror.is_proven());
    let first = panel.mirror().version;
    assert_eq!(first.seq, rows as u64, "one message a change");
    panel.expect_meta(first);

    // Once more the same, with one record changed, one gone and one new.
    let changed = office().replace("\"Server room\",\"pacs_ref\"", "\"Servers\",\"pacs_ref\"");
    let gone = r#"{"op":"delete","kind":"token","key":"temp-04"}"#;
    let new = r#"{"op":"upsert","kind":"user","key":"new","record":{"status":"active","given_name":"N","family_name":"N"}}"#;
    let less: Vec<&str> = changed.lines().filter(|line| !line.contains("temp-04")).collect();
    example.write(&format!("{}\n{gone}\n{new}\n", less.join("\n")));
    example.hang_up();
    let second = Version { seq: first.seq + 3, ..first };
    panel.expect("three changes", |mirror| mirror.version == second && mirror.is_proven());
    panel.expect_meta(second);

    // A restart takes a new epoch, moves nothing and says nothing but where it stands.
    let root = panel.mirror().root;
    example.kill();
    example.launch();
    panel.expect("a new epoch", |mirror| mirror.version.epoch > first.epoch && mirror.is_proven());
    let third = panel.mirror();
    assert_eq!((third.version.seq, third.root), (0, root));
    panel.expect_meta(third.version);
    panel.ask(third.version, &Want::Digests);
    panel.expect_checkpoint();
    assert_eq!(panel.mirror().version, third.version);
}

#[test]
fn it_answers_with_digests_and_buckets_that_add_up() {
    let broker = Broker::start();
    let panel = Panel::start(&broker);
    let _example = Example::start(broker.port(), &crowd(900));
    panel.expect("all rows", |mirror| mirror.rows.len() == 900 && mirror.is_proven());
    let mirror = panel.mirror();

    panel.ask(mirror.version, &Want::Digests);
    let (bits, digests) = panel.expect_digests();
    assert!(bits.get() > 0, "one bucket cannot hold them");
    for (bucket, digest) in (0..).zip(&digests) {
        assert_eq!(*digest, mirror.bucket(bits, bucket), "bucket {bucket}");
    }
    panel.expect_checkpoint();

    let wanted = vec![0, bits.buckets() - 1];
    panel.ask(mirror.version, &Want::Buckets { bits, buckets: wanted.clone() });
    assert_eq!(panel.expect_buckets(&mirror, bits, 2), wanted);

    let other = Bits::new(bits.get() + 1).expect("bits");
    panel.ask(mirror.version, &Want::Buckets { bits: other, buckets: vec![0] });
    assert_eq!(panel.expect_digests(), (bits, digests), "it says how it divides");

    panel.ask(Version::default(), &Want::All { from: 0, count: 256 });
    let all = panel.expect_buckets(&mirror, bits, bits.buckets() as usize);
    assert_eq!(all, (0..bits.buckets()).collect::<Vec<u32>>());
}

#[test]
fn it_goes_above_what_it_has_forgotten_but_not_at_any_rate() {
    let broker = Broker::start();
    let panel = Panel::start(&broker);
    let _example = Example::start(broker.port(), &office());
    panel.expect("all rows", |mirror| mirror.rows.len() == 13 && mirror.is_proven());
    let before = panel.mirror();
    let high = Version { epoch: before.version.epoch + 1000, seq: 7 };
    panel.ask(high, &Want::Digests);
    let (_, digests) = panel.expect_digests();
    let sum = digests.into_iter().fold(Digest::ZERO, Digest::plus);
    let after = panel.mirror();
    assert_eq!((after.version, sum), (Version { epoch: high.epoch + 1, seq: 0 }, before.root));

    panel.ask(Version { epoch: high.epoch + 5000, seq: 0 }, &Want::Digests);
    panel.ask(high, &Want::Digests);
    panel.expect_digests();
    assert_eq!(panel.mirror().version, after.version, "the second one within a minute is ignored");
}

#[test]
fn it_confirms_events_up_to_a_gap() {
    let broker = Broker::start();
    let panel = Panel::start(&broker);
    let mut example = Example::start(broker.port(), "");
    panel.expect("a checkpoint", |mirror| mirror.is_proven());
    for (seq, confirmed) in [(5, 5), (6, 6), (8, 6), (7, 7), (6, 7), (8, 8)] {
        panel.report(seq);
        assert_eq!(panel.expect_receipt(), ("stream-1".into(), confirmed), "after event {seq}");
    }
    let epoch = panel.mirror().version.epoch;
    example.kill();
    example.launch();
    panel.expect("a new epoch", |mirror| mirror.version.epoch > epoch);
    panel.report(10);
    assert_eq!(panel.expect_receipt().1, 8, "it knows after a restart what it has");
    panel.report(10);
    assert_eq!(panel.expect_receipt().1, 10, "what is repeated from behind a gap has nothing before it");
}

#[test]
fn what_it_cannot_read_is_left_out_and_it_goes_on() {
    let broker = Broker::start();
    let panel = Panel::start(&broker);
    let example = Example::start(broker.port(), &office());
    panel.expect("all rows", |mirror| mirror.rows.len() == 13 && mirror.is_proven());
    let before = panel.mirror();
    let user = |more: &str| {
        format!(r#"{{"op":"upsert","kind":"user","key":"u","record":{{"status":"active"{more}}}}}"#)
    };
    let bad = [
        user(r#","n":1.5"#),
        user(r#","n":9007199254740992"#),
        user(r#","n":-0"#),
        user(r#","pin":null"#),
        user(r#","pin":"1","pin":"2""#),
        user(r#","n":"\ud800""#),
        user(&format!(r#","n":"{}""#, "x".repeat(16 * 1024))),
        user("").replace("\"u\"", "\"a/b\""),
        user("").replace("\"user\"", "\"User\""),
        "half a li".into(),
    ];
    for line in bad {
        example.write(&line);
        example.hang_up();
        panel.publish_raw("request", b"nonsense");
        panel.ask(before.version, &Want::All { from: 5, count: 7 });
        panel.ask(before.version, &Want::Digests);
        panel.expect_digests();
        assert_eq!(panel.mirror().rows, before.rows, "{line}");
    }
}

/// The gateway itself hears the example, agrees with it, and fetches from it what it could not hear.
#[test]
fn the_gateway_and_the_example_agree() {
    let world = World::new();
    let panel = Panel::start(&world.broker);
    let gateway = world.gateway();
    let example = Example::start(world.broker.port(), &office());
    panel.expect("all rows", |mirror| mirror.rows.len() == 13 && mirror.is_proven());
    let agrees = || {
        let mirror = panel.mirror();
        let wanted = (json!([mirror.version.epoch, mirror.version.seq]), json!(mirror.root));
        let status: Value = world::status(&world.config_file())?;
        let found = (status["head"].clone(), status["root"].clone());
        let is_same = found == wanted && status["in_sync"] == true && status["refused"] == 0;
        if is_same { Ok(()) } else { Err(format!("{status} wanted {wanted:?}")) }
    };
    eventually("the gateway holds what the example says", agrees);
    let before = panel.mirror().version;
    example.write(r#"{"op":"delete","kind":"assignment","key":"karin.lab"}"#);
    example.hang_up();
    panel.expect("a delete", |mirror| mirror.version > before && mirror.is_proven());
    eventually("the gateway follows", agrees);

    gateway.stop();
    world.forget_session();
    let before = panel.mirror().version;
    example.write(&format!("{}{}", crowd(300), r#"{"op":"delete","kind":"assignment","key":"karin.main"}"#));
    example.hang_up();
    panel.expect("what the gateway does not hear", |mirror| {
        mirror.version.seq == before.seq + 301 && mirror.is_proven()
    });
    let _gateway = world.gateway();
    // It reads the same once more, and says where it stands.
    example.hang_up();
    eventually("the gateway has fetched what it missed", agrees);
}
