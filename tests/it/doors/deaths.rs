//! The gateway dies between decision, commit and pulse; the disk is full; the gateway hangs.

use super::site::{ADA, Taps, front};
use crate::full_disk::SmallDisk;
use crate::world::{Ended, Process, World, assignment, card, entitlement, eventually, query, user};
use std::path::PathBuf;

/// A panel as a process of its own, whose virtual strike leaves a trace.
struct Panel {
    world: World,
    taps: Taps,
}

impl Panel {
    fn new(door: &str) -> Panel {
        let mut world = World::new();
        let taps = Taps::new(world.folder.path());
        let board = "name = \"traced\"\ndescription = \"a virtual board that leaves a trace\"\ntrace = \"trace\"\n\
                     [[outputs]]\nrole = \"strike\"\ndriver = \"virtual\"\nrest = \"low\"\n\
                     [[outputs]]\nrole = \"red_led\"\ndriver = \"virtual\"\nrest = \"low\"\n";
        world.write("board.toml", board);
        world.configure(&format!("{}\n[[door]]\ndoor = \"front\"\nunlock_ms = 200\n{door}", taps.section()));
        let config = std::fs::read_to_string(world.config_file()).expect("the configuration");
        world.write("config.toml", &format!("board = \"board.toml\"\n{config}"));
        let source = &mut world.source;
        source.put("entitlement", "main", entitlement("ap-main", "Main entrance"));
        source.put("user", "ada", user("Ada", "Ek")).put("token", "c-ada", card("ada", ADA));
        source.put("assignment", "ada.main", assignment("ada", "main", "", ""));
        source.put("door", "front", front("doorward"));
        Panel { world, taps }
    }

    /// Starts it, and has the source say who works here.
    fn first(&mut self, failpoint: Option<&str>) -> Process {
        let process = self.world.program(failpoint);
        self.expect_ready();
        self.world.source.publish();
        self.world.expect_equal_mirror();
        process
    }

    fn expect_ready(&self) {
        self.world.source.expect_state("the reader is ready", |state| {
            state["online"] == true && state["readers"][0]["state"] == "ready"
        });
    }

    fn trace(&self) -> Vec<String> {
        let path: PathBuf = self.world.folder.path().join("trace");
        std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    fn granted(&self) -> usize {
        let events = query(&self.world.config_file(), &["events", "access"]);
        events.iter().filter(|event| event["event"]["granted"] == true).count()
    }
}

#[test]
fn wherever_it_dies_the_strike_rests_after_the_restart_and_nothing_moved_without_its_event() {
    let table = [
        // Where it dies, whether the event is on disk, and whether the strike has moved.
        ("door.decided", 0, false),
        ("door.committed", 1, false),
        ("door.energised", 1, true),
    ];
    for (failpoint, events, moved) in table {
        let mut panel = Panel::new("");
        let mut process = panel.first(Some(&format!("{failpoint}@1")));
        panel.taps.tap(ADA);
        eventually("it dies", || match process.ended() {
            Some(Ended::AtFailpoint) => Ok(()),
            other => Err(format!("{other:?}")),
        });
        assert_eq!(panel.granted(), events, "{failpoint}");
        let before = panel.trace();
        assert_eq!(before.iter().any(|line| line == "strike moves"), moved, "{failpoint}: {before:?}");
        panel.world.source.expect_state("the broker says so", |state| state["online"] == false);
        // The file outlives the process as a relay outlives it: what counts is what the next one does first.
        let _next = panel.world.program(None);
        panel.expect_ready();
        let after = panel.trace().split_off(before.len());
        assert_eq!(after.first().map(String::as_str), Some("strike rests"), "{failpoint}: {after:?}");
        assert!(!after.contains(&"strike moves".to_owned()), "no card, no pulse: {failpoint}: {after:?}");
        assert_eq!(panel.granted(), events, "{failpoint}: a card that was not decided is not");
        panel.taps.tap(ADA);
        eventually("it works", || {
            let moves = panel.trace().iter().filter(|line| *line == "strike moves").count();
            if moves == 1 + usize::from(moved) { Ok(()) } else { Err(format!("{:?}", panel.trace())) }
        });
        assert_eq!(panel.granted(), events + 1);
    }
}

#[test]
fn on_a_full_disk_nothing_new_is_granted_unless_the_door_says_so() {
    for (setting, passes) in [("deny", false), ("grant", true)] {
        let mut panel = Panel::new(&format!("when_disk_full = \"{setting}\"\n"));
        // On a disk of its own the state is another one: whatever is looked at is what the source hears.
        let mut disk = SmallDisk::start(&panel.world);
        panel.expect_ready();
        let head = panel.world.source.publish();
        panel.world.source.expect_state("it has everything", |state| {
            state["in_sync"] == true && state["head"] == serde_json::json!([head.epoch, head.seq])
        });
        disk.order("fill");
        // Enough to need more of the disk than the log has already.
        for number in 0..400 {
            let mut record = user("Some", "One");
            record["attributes"] = serde_json::json!({ "note": "x".repeat(200) });
            panel.world.source.put("user", &format!("new{number}"), record);
            panel.world.source.publish();
        }
        panel.world.source.expect_state("the disk is full", |state| state["disk_full"] == true);
        let before = panel.trace().len();
        let since = |what: &str| panel.trace().split_off(before).iter().filter(|line| *line == what).count();
        panel.taps.tap(ADA);
        let answer = if passes { "strike rests" } else { "red_led rests" };
        eventually("Ada is let in or not", || {
            if since(answer) == 1 { Ok(()) } else { Err(format!("{:?}", panel.trace())) }
        });
        let red = since("red_led rests");
        panel.taps.tap("04FFFFFF");
        eventually("the stranger is not", || {
            if since("red_led rests") > red { Ok(()) } else { Err(format!("{:?}", panel.trace())) }
        });
        disk.order("free");
        // What happened meanwhile was kept in memory, and is told.
        panel.world.source.expect_event("the stranger's card", |event| {
            matches!(event, contract::messages::Event::Access(access) if access.hex == "04FFFFFF" && !access.granted)
        });
        panel.world.source.expect_event("Ada's card", |event| {
            matches!(event, contract::messages::Event::Access(access)
                if access.hex == ADA && access.granted == passes
                    && (passes || access.reasons.iter().any(|reason| reason.code == "no_room")))
        });
        assert_eq!(since("strike moves"), usize::from(passes), "{setting}");
    }
}

#[test]
fn once_the_disk_has_room_what_happened_at_the_door_is_written_though_nobody_writes_anything_else() {
    let mut panel = Panel::new("");
    let mut disk = SmallDisk::start(&panel.world);
    panel.expect_ready();
    disk.order("fill");
    let hex = |number: u32| format!("04{number:06X}");
    let is_told = |number: u32| {
        panel.world.source.events().iter().any(|message| {
            matches!(&message.event, contract::messages::Event::Access(access) if access.hex == hex(number))
        })
    };
    // Until the log has no space any more that it has already.
    let last = (0..2_000).find(|number| {
        let before = panel.trace().len();
        panel.taps.tap(&hex(*number));
        eventually("red", || if panel.trace().len() > before { Ok(()) } else { Err("dark".into()) });
        *number % 20 == 19 && {
            // What has room is told by another process, by the real clock; what has none is not.
            std::thread::sleep(std::time::Duration::from_millis(300));
            !is_told(*number)
        }
    });
    let last = last.expect("the disk is full");
    panel.world.source.expect_state("it says so", |state| state["disk_full"] == true);
    // Nothing comes from the source that the panel would want to write.
    panel.world.broker.stop();
    // The process notices by itself, and writes once more what it has to.
    std::thread::sleep(std::time::Duration::from_secs(1));
    disk.order("free");
    eventually("it is on disk", || {
        disk.order("ask");
        // The shell in the namespace answers into a file.
        std::thread::sleep(std::time::Duration::from_millis(300));
        let answer = std::fs::read_to_string(panel.world.folder.path().join("answer")).unwrap_or_default();
        if answer.contains(&hex(last)) { Ok(()) } else { Err(answer) }
    });
}
