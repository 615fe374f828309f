//! `doorward readers` and `doorward read`, as a person calls them.

use super::desk::{ACR122, Middleware, is_alive};
use super::pcsc::UID4;
use crate::world::eventually;
use doorward_sim::readers::card::Card;
use doorward_sim::readers::pcscd::SOCKET_VARIABLE;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

fn configured(middleware: &Middleware, readers: &str) -> PathBuf {
    let head = "site = \"office\"\ngateway = \"panel-1\"\n[broker]\nhost = \"127.0.0.1\"\n";
    let file = middleware.folder.path().join("config.toml");
    std::fs::write(&file, format!("{head}{readers}")).expect("written");
    file
}

fn entrance() -> String {
    format!("[[reader]]\nname = \"entrance\"\nkind = \"pcsc\"\nreader = \"{ACR122}\"\ndoor = \"front\"\n")
}

fn doorward(middleware: &Middleware, config: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.arg("--config").arg(config).env(SOCKET_VARIABLE, middleware.pcscd.socket());
    command
}

fn said(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn readers_shows_what_is_configured_and_what_is_there() {
    let (middleware, _reader, desk) = Middleware::with_reader();
    drop(desk);
    let missing = "[[reader]]\nname = \"yard\"\nkind = \"pcsc\"\nserial = \"SN-9\"\n";
    let config = configured(&middleware, &(entrance() + missing));
    let shown = said(doorward(&middleware, &config).args(["readers", "--json"]));
    let shown: Value = serde_json::from_str(&shown).expect(&shown);
    assert_eq!(shown["configured"][0]["state"], "ready", "{shown}");
    assert_eq!(shown["configured"][1]["state"], "lost", "{shown}");
    assert_eq!(shown["pcsc"], serde_json::json!([{ "reader": ACR122, "serial": "SN-1" }]), "{shown}");
    let shown = said(doorward(&middleware, &config).arg("readers"));
    assert!(shown.contains("entrance") && shown.contains("front") && shown.contains("SN-1"), "{shown}");
    // For whoever is about to write the configuration.
    let shown = said(doorward(&middleware, &config.with_file_name("none.toml")).arg("readers"));
    assert!(shown.contains("no [[reader]]") && shown.contains("SN-1"), "{shown}");
}

/// A pcscd that speaks a later version of the protocol alone: each client hears which, and is refused.
fn pcscd_of_another_version(socket: &std::path::Path) {
    const ANSWER: [u32; 3] = [4, 9, 0x8010_001E];
    let listener = UnixListener::bind(socket).expect("a socket");
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut question = [0; 20];
            if client.read_exact(&mut question).is_ok() {
                let _ = client.write_all(&ANSWER.map(u32::to_ne_bytes).concat());
            }
        }
    });
}

#[test]
fn check_and_doctor_say_that_pcscd_speaks_another_version_and_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let (socket, config) = (folder.path().join("pcscd.comm"), folder.path().join("config.toml"));
    pcscd_of_another_version(&socket);
    let head = "site = \"office\"\ngateway = \"panel-1\"\n[broker]\nhost = \"127.0.0.1\"\n";
    let ask = |reader: &str, verb: &str| {
        std::fs::write(&config, format!("{head}{reader}")).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        said(command.arg("--config").arg(&config).arg(verb).env(SOCKET_VARIABLE, &socket))
    };
    for verb in ["check", "doctor"] {
        let page = ask(&entrance(), verb);
        assert!(page.contains("speaks version 4:9, and this program's client does not"), "{verb}: {page}");
        assert!(page.contains("doorward-reader-pcsc") && page.contains("/usr/lib/doorward/reader"), "{page}");
    }
    let helped = entrance() + "command = [\"/usr/lib/doorward/reader\"]\n";
    assert!(!ask(&helped, "check").contains("4:9"));
    assert!(ask(&helped, "doctor").contains("speaks version 4:9; readers have a `command`"));
}

#[test]
fn readers_names_a_dead_pcscd() {
    let (mut middleware, _reader, desk) = Middleware::with_reader();
    drop(desk);
    middleware.pcscd.kill();
    let config = configured(&middleware, &entrance());
    let shown = said(doorward(&middleware, &config).arg("readers"));
    assert!(shown.contains("lost") && shown.contains("pcscd.socket"), "{shown}");
}

#[test]
fn read_shows_each_tap_in_hex_and_leaves_no_child_behind() {
    let (middleware, reader, desk) = Middleware::with_reader();
    drop(desk);
    let config = configured(&middleware, &entrance());
    let mut command = doorward(&middleware, &config);
    let child = command
        .args(["read", "--json", "--reader", "entrance", "--printed", "2763113171"])
        .stdout(Stdio::piped())
        .spawn();
    let mut running = Running(child.expect("it runs"));
    let mut lines = BufReader::new(running.0.stdout.take().expect("a pipe")).lines();
    let mut next = |kind: &str| loop {
        let line = lines.next().expect("a line").expect("text");
        let value: Value = serde_json::from_str(&line).expect(&line);
        if value["type"] == kind {
            return value;
        }
    };
    assert_eq!(next("health")["state"], "ready");
    reader.tap(&Card::classic_1k(&UID4));
    let shown = next("presentation");
    assert_eq!(shown["uid"], "A4B1C2D3");
    assert_eq!(shown["door"], "front");
    assert_eq!(shown["renderings"]["hex, all bytes, reversed"], "D3C2B1A4");
    assert_eq!(shown["printed"], serde_json::json!(["decimal, all bytes"]));
    let children = format!("/proc/{0}/task/{0}/children", running.0.id());
    let children = std::fs::read_to_string(children).expect("its children");
    let child: u32 = children.trim().parse().expect("one child");
    assert!(is_alive(child));
    // Not even a parent that is killed leaves one.
    running.0.kill().expect("it runs");
    eventually("its child ends by itself", || if is_alive(child) { Err("alive".into()) } else { Ok(()) });
}

#[test]
fn check_names_the_readers_and_a_key_that_is_none() {
    let (middleware, _reader, desk) = Middleware::with_reader();
    drop(desk);
    let config = configured(&middleware, &entrance());
    let shown = said(doorward(&middleware, &config).arg("check"));
    assert!(shown.contains("reader    entrance: pcsc, beside front"), "{shown}");
    let yard =
        "[[reader]]\nname = \"yard\"\nkind = \"osdp\"\ndevice = \"port\"\nkey = { file = \"yard.key\" }\n";
    let config = configured(&middleware, yard);
    std::fs::write(config.with_file_name("yard.key"), "not a key").expect("written");
    let shown = said(doorward(&middleware, &config).arg("check"));
    assert!(shown.contains("\"yard\"") && shown.contains("32 hexadecimal digits"), "{shown}");
    assert!(!shown.contains("not a key"), "{shown}");
}

#[test]
fn read_names_a_reader_that_is_not_configured() {
    let (middleware, _reader, desk) = Middleware::with_reader();
    drop(desk);
    let config = configured(&middleware, &entrance());
    let shown = said(doorward(&middleware, &config).args(["read", "--reader", "yard"]));
    assert!(shown.contains("\"yard\"") && shown.contains("doorward readers"), "{shown}");
}
