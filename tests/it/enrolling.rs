//! A card becomes known by a tap: a real pcscd, a driver that plays the reader, a broker and a PACS.

mod in_pacs;
mod lights;
mod measure;
mod ordered;
mod resting;

use crate::readers::desk::{ACR122, NAME, listed};
use crate::world::{
    InProcess, PATIENCE, World, assignment, at, card, entitlement, eventually, permissions, status, user,
};
use access::id::Key;
use contract::command::{Command, CommandMessage};
use contract::enrollment::{Enrollment, Settlement};
use contract::messages::Event;
use doorward::board::Lines;
use doorward_sim::readers::card::Card;
use doorward_sim::readers::hardware::Hardware;
use doorward_sim::readers::pcscd::{Pcscd, SOCKET_VARIABLE};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};

const UID7: [u8; 7] = [0x04, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77];
const UID7_TEXT: &str = "04223344556677";

/// A panel with a reader, a person without a card, and an installer.
struct Door {
    world: World,
    hardware: Hardware,
    _pcscd: Pcscd,
    gateway: Option<InProcess>,
}

impl Door {
    fn new() -> Door {
        Door::with(|_| Lines::none())
    }

    /// With the lines of a board.
    fn with(lines: impl FnOnce(&World) -> Lines) -> Door {
        let mut world = World::new();
        let folder = world.folder.path().join("pcscd");
        std::fs::create_dir(&folder).expect("a folder");
        let hardware = Hardware::start(&folder.join("reader"), "SN-1").expect("a reader");
        let pcscd = Pcscd::start(&folder, &[listed(&hardware, ACR122)]).expect("pcscd");
        let program = env!("CARGO_BIN_EXE_doorward");
        let socket = pcscd.socket().display().to_string();
        world.configure(&format!(
            "[[reader]]\nname = \"{NAME}\"\nkind = \"pcsc\"\nreader = \"{ACR122}\"\ndoor = \"front\"\n\
             command = [\"/usr/bin/env\", \"{SOCKET_VARIABLE}={socket}\", \"{program}\", \"reader-child\"]\n"
        ));
        let gateway = Some(world.gateway_with(lines(&world)));
        world.source.put("entitlement", "main", entitlement("ap-main", "Main entrance"));
        world.source.put("user", "ada", user("Ada", "Ek"));
        world.source.put("assignment", "ada.main", assignment("ada", "main", "", ""));
        world.source.publish();
        world.expect_equal_mirror();
        let door = Door { world, hardware, _pcscd: pcscd, gateway };
        door.expect_ready();
        door
    }

    fn expect_ready(&self) {
        self.world.source.expect_state("the reader is ready", |state| {
            state["readers"] == json!([{ "reader": NAME, "door": "front", "state": "ready" }])
        });
    }

    fn restart(&mut self) {
        self.gateway.take().expect("it runs").stop();
        self.gateway = Some(self.world.gateway());
        self.expect_ready();
    }

    /// `doorward enroll`, up to the moment at which the card is awaited.
    fn installer(&self, words: &[&str]) -> Installer {
        let mut installer = Installer::start(&self.world, words);
        assert_eq!(installer.step()["step"], "armed");
        installer
    }

    fn tap(&self, card: &Card) {
        self.hardware.tap(card);
    }

    fn take_away(&self) {
        self.hardware.remove();
    }

    /// Both taps, as an installer makes them; gives the last step.
    fn two_taps(&self, installer: &mut Installer, card: &Card) -> Value {
        self.tap(card);
        let first = installer.after_tap();
        assert_eq!(first["step"], "tapped", "{first}");
        self.take_away();
        let taken = installer.step();
        assert_eq!(taken["step"], "again", "{taken}");
        self.tap(card);
        let last = installer.step();
        self.take_away();
        last
    }

    fn enrolled(&self, words: &[&str], card: &Card) -> Enrollment {
        let mut installer = self.installer(words);
        let last = self.two_taps(&mut installer, card);
        assert_eq!(last["step"], "enrolled", "{last}");
        assert_eq!(installer.step()["outcome"], "has");
        assert!(installer.ended().0);
        self.enrollment(last["token"].as_str().expect("a token"))
    }

    fn enrollment(&self, token: &str) -> Enrollment {
        let is_it = |event: &Event| matches!(event, Event::Enrollment(it) if it.token.as_str() == token);
        self.world.source.expect_event("the source is told", is_it);
        let mut events = self.world.source.events().into_iter();
        match events.find(|message| is_it(&message.event)).expect("it was there").event {
            Event::Enrollment(enrollment) => enrollment,
            other => panic!("{other:?}"),
        }
    }

    fn settle(&self, id: &str, token: &Key, settlement: Settlement) {
        self.order(id, Command::EnrollmentSettled { token: token.clone(), settlement });
    }

    fn order(&self, id: &str, command: Command) {
        let message = CommandMessage { id: id.into(), expires: at("2026-11-30T00:00:00Z"), command };
        self.world.source.publish_command(serde_json::to_vec(&message).expect("JSON"));
    }

    fn expect_result(&self, wanted: &str, done: bool, saying: &str) {
        self.world.source.expect_event(&format!("{wanted} is answered"), |event| {
            matches!(event, Event::CommandResult { id, done: it, words } if id == wanted && *it == done && words.contains(saying))
        });
    }

    fn tokens_in_pacs(&self) -> Vec<String> {
        let world = self.world.pacs.world();
        world.persons.get("PAada").map(|ada| ada.credentials.keys().cloned().collect()).unwrap_or_default()
    }
}

/// `doorward enroll --json`.
struct Installer {
    child: Child,
    lines: Receiver<String>,
}

impl Installer {
    fn start(world: &World, words: &[&str]) -> Installer {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_doorward"));
        command.arg("--config").arg(world.config_file()).args(["enroll", "--json"]).args(words);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("doorward starts");
        let (sender, lines) = sync_channel(64);
        let said = BufReader::new(child.stdout.take().expect("piped")).lines();
        std::thread::spawn(move || said.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Installer { child, lines }
    }

    fn step(&mut self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).expect("one more step in time");
        serde_json::from_str(&line).expect("JSON")
    }

    /// The step that a tap brings. The card before it may not have been seen to go yet when this reader was armed.
    fn after_tap(&mut self) -> Value {
        let step = self.step();
        let lay_there =
            step["step"] == "unread" && step["words"].as_str().is_some_and(|it| it.contains("lay there"));
        if lay_there { self.step() } else { step }
    }

    /// Whether it succeeded, and what it complained of.
    fn ended(self) -> (bool, String) {
        let output = self.child.wait_with_output().expect("it ends");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
fn two_taps_put_a_card_into_mirror_and_pacs_and_the_source_accepts_it() {
    let mut door = Door::new();
    let enrollment = door.enrolled(&["--user", "ada"], &Card::desfire(&UID7));
    assert_eq!((enrollment.user.as_str(), enrollment.hex.as_str()), ("ada", UID7_TEXT));
    assert_eq!(enrollment.expires, at("2026-11-26T08:00:00Z"));
    assert!(enrollment.read.confirmed && enrollment.read.atr.is_some() && enrollment.command.is_none());
    door.world.expect_permissions("PAada", Some(&["ap-main"]));
    assert_eq!(door.tokens_in_pacs(), [enrollment.token.as_str()]);

    let mut again = door.installer(&["--user", "ada"]);
    door.tap(&Card::desfire(&UID7));
    let refused = again.step();
    assert!(refused["words"].as_str().is_some_and(|words| words.contains("is token enrolled-")), "{refused}");
    door.take_away();

    door.settle("settle-1", &enrollment.token, Settlement::Accepted);
    door.expect_result("settle-1", true, "settled");
    door.world.source.put("token", enrollment.token.as_str(), card("ada", UID7_TEXT));
    door.world.source.publish();
    door.world.expect_equal_mirror();
    // Longer than it would have waited.
    door.world.clock.advance_s(80 * 3600);
    door.world.expect_permissions("PAada", Some(&["ap-main"]));
    assert_eq!(door.tokens_in_pacs(), [enrollment.token.as_str()]);
    door.world.expect_no_effect_twice();
}

#[test]
fn a_card_that_the_source_refuses_leaves_mirror_and_pacs() {
    let door = Door::new();
    let enrollment = door.enrolled(&["--user", "ada"], &Card::ntag(&UID7));
    door.world.expect_permissions("PAada", Some(&["ap-main"]));
    door.settle("settle-1", &enrollment.token, Settlement::Refused { words: "not one of ours".into() });
    door.expect_result("settle-1", true, "settled");
    door.world.expect_permissions("PAada", None);
    door.settle("settle-2", &enrollment.token, Settlement::Accepted);
    door.expect_result("settle-2", false, "waits here");
}

#[test]
fn a_card_that_the_source_publishes_under_another_key_is_never_away() {
    let mut door = Door::new();
    let enrollment = door.enrolled(&["--user", "ada"], &Card::ntag(&UID7));
    door.world.expect_permissions("PAada", Some(&["ap-main"]));
    let to = Key::new("badge-17").expect("a key");
    door.settle("settle-1", &enrollment.token, Settlement::Changed { to });
    door.world.source.put("token", "badge-17", card("ada", UID7_TEXT));
    door.world.source.publish();
    eventually("the card has the source's name", || {
        let tokens = door.tokens_in_pacs();
        if tokens == ["badge-17"] { Ok(()) } else { Err(format!("{tokens:?}")) }
    });
    door.world.expect_permissions("PAada", Some(&["ap-main"]));
}

#[test]
fn what_the_source_never_settles_outlives_a_restart_and_ends_by_itself() {
    let mut door = Door::new();
    let enrollment = door.enrolled(&["--user", "ada"], &Card::ntag(&UID7));
    door.world.expect_permissions("PAada", Some(&["ap-main"]));
    door.restart();
    door.world.clock.advance_s(72 * 3600 - 1);
    assert_eq!(door.tokens_in_pacs(), [enrollment.token.as_str()]);
    door.world.clock.advance_s(1);
    door.world.expect_permissions("PAada", None);
    // And the card may be enrolled again.
    door.enrolled(&["--user", "ada"], &Card::ntag(&UID7));
    door.world.expect_permissions("PAada", Some(&["ap-main"]));
}

#[test]
fn a_card_with_a_random_uid_is_refused_at_the_first_tap_and_one_that_changes_at_the_second() {
    let door = Door::new();
    let mut installer = door.installer(&["--user", "ada"]);
    door.tap(&Card::desfire_random_id());
    let refused = installer.step();
    assert!(refused["words"].as_str().is_some_and(|words| words.contains("is random")), "{refused}");
    door.take_away();
    let (done, complaint) = installer.ended();
    assert!(!done && complaint.contains("not enrolled"), "{complaint}");

    let mut installer = door.installer(&["--user", "ada"]);
    door.tap(&Card::ntag(&UID7));
    installer.after_tap();
    door.take_away();
    installer.step();
    door.tap(&Card::ntag(&[0x04, 9, 9, 9, 9, 9, 9]));
    let refused = installer.step();
    assert!(refused["words"].as_str().is_some_and(|words| words.contains("another card")), "{refused}");
    door.take_away();
    assert!(permissions(&door.world.pacs.world(), "PAada").is_none());
}

#[test]
fn a_card_that_somebody_has_already_or_that_reads_like_one_is_refused_by_name() {
    let mut door = Door::new();
    let uid4 = [0xA4, 0xB1, 0xC2, 0xD3];
    door.world.source.put("user", "bo", user("Bo", "Al")).put("token", "card-bo", card("bo", "a4b1c2d3"));
    door.world.source.publish();
    door.world.expect_equal_mirror();
    for (uid, words) in
        [(uid4, "is token card-bo already"), ([0xD3, 0xC2, 0xB1, 0xA4], "gives the same number")]
    {
        let mut installer = door.installer(&["--user", "ada"]);
        door.tap(&Card::classic_1k(&uid));
        let refused = installer.after_tap();
        let said = refused["words"].as_str().expect("words");
        assert!(said.contains(words) && said.contains("of bo"), "{said}");
        door.take_away();
    }
    let mut installer = door.installer(&["--user", "ada"]);
    door.tap(&Card::ntag(&[0xA4, 0xB1, 0xC2, 0xD3, 5, 6, 7]));
    let tapped = installer.after_tap();
    assert!(
        tapped["warnings"][0].as_str().is_some_and(|words| words.contains("token card-bo of bo")),
        "{tapped}"
    );
    door.take_away();
}

#[test]
fn a_user_who_is_unknown_or_locked_gets_no_card_and_the_reader_is_not_armed() {
    let mut door = Door::new();
    let mut locked = user("Bo", "Al");
    locked["status"] = "locked".into();
    door.world.source.put("user", "bo", locked);
    door.world.source.publish();
    door.world.expect_equal_mirror();
    for (who, words) in [("nobody", "there is no user nobody here"), ("bo", "user bo is locked")] {
        let mut installer = Installer::start(&door.world, &["--user", who]);
        let refused = installer.step();
        assert!(
            refused["step"] == "refused" && refused["words"].as_str().is_some_and(|it| it.contains(words)),
            "{refused}"
        );
        assert!(!installer.ended().0);
    }
    let mut installer = Installer::start(&door.world, &["--user", "ada", "--reader", "back"]);
    assert!(installer.step()["words"].as_str().is_some_and(|it| it.contains("there are entrance")));
    let installer = Installer::start(&door.world, &["--user", "ada", "--timeout", "1s"]);
    assert!(installer.ended().1.contains("wait 5 to 300 seconds"));
}

#[test]
fn whoever_hangs_up_or_waits_too_long_leaves_the_reader_free() {
    let door = Door::new();
    let mut first = door.installer(&["--user", "ada"]);
    let mut second = Installer::start(&door.world, &["--user", "ada"]);
    assert!(
        second.step()["words"].as_str().is_some_and(|words| words.contains("awaited at entrance already"))
    );
    first.child.kill().expect("Ctrl-C, or worse");
    first.child.wait().expect("it ends");
    let mut third = None;
    eventually("the reader is free again", || {
        let mut installer = Installer::start(&door.world, &["--user", "ada"]);
        let step = installer.step();
        if step["step"] != "armed" {
            return Err(step.to_string());
        }
        third = Some(installer);
        Ok(())
    });
    let mut third = third.expect("armed");
    door.world.clock.advance_s(30);
    assert_eq!(third.step()["step"], "timed_out");
    assert!(third.ended().1.contains("in time"));
    door.installer(&["--user", "ada"]);
}

#[test]
fn a_card_that_was_enrolled_here_can_be_revoked_here() {
    let door = Door::new();
    door.enrolled(&["--user", "ada", "--kind", "temporary_card"], &Card::ntag(&UID7));
    door.world.expect_permissions("PAada", Some(&["ap-main"]));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_doorward"));
    let command = command.arg("--config").arg(door.world.config_file());
    assert!(command.args(["token", "revoke", UID7_TEXT]).status().expect("it runs").success());
    door.world.expect_permissions("PAada", None);
    assert_eq!(status(&door.world.config_file()).expect("a status")["revoked_here"], 1);
}
