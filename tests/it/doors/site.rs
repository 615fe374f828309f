//! A panel with one door: a reader that a scene taps, a virtual board, people.

use crate::world::{InProcess, PATIENCE, World, assignment, card, entitlement, eventually, user};
use contract::at_door::{Access, AtDoor};
use contract::messages::Event;
use doorward::board::virtual_lines::VirtualLines;
use doorward::board::{InputRole, Role};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Ada's card.
pub(crate) const ADA: &str = "04A1B2C3";
/// For how long one card holds the strike.
pub(crate) const UNLOCK_MS: u64 = 3_000;

/// The door's record.
pub(crate) fn front(controlled_by: &str) -> Value {
    json!({ "name": "Front door", "gateway": "panel-1", "controlled_by": controlled_by,
        "grants": [{ "entitlement": "main" }] })
}

pub(crate) struct Site {
    pub(crate) world: World,
    gateway: Option<InProcess>,
    lines: Option<VirtualLines>,
    taps: Taps,
}

/// A reader whose helper repeats what is written into a pipe.
pub(crate) struct Taps {
    path: PathBuf,
    /// Open for as long as the scene lasts: what nobody has read yet would go with the last who has it open, and the
    /// helper may be started anew.
    pipe: File,
}

impl Taps {
    pub(crate) fn new(folder: &Path) -> Taps {
        let path = folder.join("taps");
        assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
        let pipe = File::options().read(true).write(true).open(&path).expect("the pipe");
        Taps { path, pipe }
    }

    /// The section of such a reader, beside the front door. It ends with its stdin, as every child does.
    pub(crate) fn section(&self) -> String {
        let ready = r#"{\"type\":\"health\",\"state\":\"ready\",\"detail\":\"helper\",\"at_ms\":1}"#;
        let script = format!(
            "exec 3<>'{}'; exec 4<&0; me=$$; (cat <&4 >/dev/null; kill $me) & \
             (while echo '{ready}' 2>/dev/null && kill -0 $me 2>/dev/null; do sleep 1; done) & exec cat <&3",
            self.path.display()
        );
        format!(
            "[[reader]]\nname = \"entrance\"\nkind = \"pcsc\"\nreader = \"any\"\ndoor = \"front\"\n\
             command = [\"/bin/sh\", \"-c\", \"{script}\"]\n"
        )
    }

    pub(crate) fn tap(&self, hex: &str) {
        let mut pipe = &self.pipe;
        writeln!(
            pipe,
            r#"{{"type":"presentation","reader":"x","uid":"{hex}","technology":"unknown","noticed_ms":1,"read_ms":2}}"#
        )
        .expect("written");
    }
}

impl Site {
    pub(crate) fn new() -> Site {
        Site::with("")
    }

    /// With more in the door's section.
    pub(crate) fn with(door: &str) -> Site {
        Site::of(door, "")
    }

    /// With more in the door's section, and more sections.
    pub(crate) fn of(door: &str, more: &str) -> Site {
        let world = World::new();
        let taps = Taps::new(world.folder.path());
        let section = taps.section();
        world.configure(&format!("{section}\n[[door]]\ndoor = \"front\"\n{door}\n{more}"));
        Site { world, gateway: None, lines: None, taps }
    }

    /// Starts the gateway, and has the source say who works here.
    pub(crate) fn open(&mut self) {
        self.start();
        let source = &mut self.world.source;
        source.put("entitlement", "main", entitlement("ap-main", "Main entrance"));
        source.put("user", "ada", user("Ada", "Ek")).put("token", "c-ada", card("ada", ADA));
        source.put("assignment", "ada.main", assignment("ada", "main", "", ""));
        source.put("door", "front", front("doorward"));
        self.publish();
    }

    /// Starts the gateway over a board whose lines are all at rest.
    pub(crate) fn start(&mut self) {
        let (lines, board) = self.world.board();
        self.lines = Some(board);
        self.gateway = Some(InProcess::with_lines(&self.world.config_file(), &self.world.clock, lines));
        self.world.source.expect_state("the reader is ready", |state| {
            state["online"] == true && state["readers"][0]["state"] == "ready"
        });
    }

    pub(crate) fn stop(&mut self) {
        self.gateway.take().expect("it runs").stop();
        // Or the next one would be taken for ready by this one's last word.
        self.world.source.expect_state("it says so", |state| state["online"] == false);
    }

    pub(crate) fn lines(&self) -> &VirtualLines {
        self.lines.as_ref().expect("it runs")
    }

    pub(crate) fn publish(&mut self) {
        self.world.source.publish();
        self.world.expect_equal_mirror();
    }

    pub(crate) fn tap(&self, hex: &str) {
        self.taps.tap(hex);
    }

    pub(crate) fn input(&self, role: InputRole, is_active: bool) {
        self.lines().set_input(role, None, is_active).expect("the board has it");
        // The next thing that a scene does comes after it.
        std::thread::yield_now();
    }

    /// Time passes, by seconds: the clock of a scene has no smaller step.
    pub(crate) fn advance_ms(&self, ms: u64) {
        self.world.clock.advance_s(u32::try_from(ms / 1_000).expect("seconds"));
    }

    pub(crate) fn accesses(&self) -> Vec<Access> {
        let access = |event: Event| match event {
            Event::Access(access) => Some(access),
            _ => None,
        };
        self.world.source.events().into_iter().filter_map(|message| access(message.event)).collect()
    }

    /// Waits until the source has such an event, and gives the newest.
    pub(crate) fn expect_access(&self, wanted: impl Fn(&Access) -> bool) -> Access {
        self.expect_accesses(1, wanted)
    }

    /// Waits until the source has so many such events, and gives the newest.
    pub(crate) fn expect_accesses(&self, count: usize, wanted: impl Fn(&Access) -> bool) -> Access {
        let mut found = None;
        eventually("an access event", || {
            let all = self.accesses();
            let mut fitting: Vec<&Access> = all.iter().filter(|access| wanted(access)).collect();
            if fitting.len() < count {
                return Err(format!("{all:?}"));
            }
            found = fitting.pop().cloned();
            Ok(())
        });
        found.expect("it was there")
    }

    fn at_door(&self) -> Vec<Value> {
        let what = |event: Event| match event {
            Event::Door(what) => Some(serde_json::to_value::<AtDoor>(what).expect("JSON")),
            _ => None,
        };
        self.world.source.events().into_iter().filter_map(|message| what(message.event)).collect()
    }

    pub(crate) fn count_at_door(&self, what: &str) -> usize {
        self.at_door().iter().filter(|event| event["what"] == what).count()
    }

    /// Waits until the source was told of it, and gives the newest.
    pub(crate) fn expect_at_door(&self, why: &str, what: &str) -> Value {
        let mut found = None;
        eventually(why, || {
            let all = self.at_door();
            found = all.iter().rfind(|event| event["what"] == what).cloned();
            found.as_ref().map(|_| ()).ok_or_else(|| format!("{all:?}"))
        });
        found.expect("it was there")
    }

    /// Waits until the strike is held, or rests.
    pub(crate) fn expect_strike(&self, held: bool) {
        eventually(if held { "the strike is held" } else { "the strike rests" }, || {
            if self.is_lit(Role::Strike) == held {
                Ok(())
            } else {
                Err(format!("{:?}", self.lines().edges()))
            }
        });
    }

    /// Whether an output of the board is away from its rest: on this board rest is low.
    pub(crate) fn is_lit(&self, role: Role) -> bool {
        self.lines()
            .levels()
            .iter()
            .any(|(of, _, level)| *of == role && *level == doorward::board::Level::High)
    }

    /// What the strike has done: held or not, and when.
    pub(crate) fn strike_edges(&self) -> Vec<(bool, u64)> {
        let edges = self.lines().edges().into_iter().filter(|edge| edge.role == Role::Strike);
        edges.map(|edge| (!edge.is_rest, edge.mono.0)).collect()
    }

    /// Orders something over the control socket; gives the words.
    pub(crate) fn order(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(path, body);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    pub(crate) fn ask(&self, path: &str, body: &Value) -> (u16, Value) {
        let socket = self.world.folder.path().join("state-control/act.sock");
        let mut stream = UnixStream::connect(socket).expect("somebody listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        let body = body.to_string();
        write!(
            stream,
            "POST /{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text}"));
        let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
        (status, serde_json::from_str(body).unwrap_or_else(|_| panic!("{text}")))
    }
}
