//! An hour in which nothing happens, by an injected clock: what it costs the panel's flash.
//!
//! The hour runs in a process of its own, so that what other scenes write does not count. `make soak` acts it with a
//! figure, and lets the real program work for a while to see that it grows no further.
//!
//! Not here: what the file system writes besides.

use crate::world::{GATEWAY, World, assignment, card, entitlement, eventually, program, status, user};
use serde_json::{Value, json};
use std::process::Command;

/// What an idle hour may write.
const IDLE_HOUR_MAX_BYTES: u64 = 64 * 1024;
const MINUTES: u32 = 60;
/// How long the export of all may take to come to rest, in minutes of the injected clock.
const RESTLESS_MAX_MINUTES: u32 = 60;
/// The clock moves on by that, so that whatever looks now and then does.
const STEP_S: u32 = 10;
/// People of the site, a card for each.
const USERS: u32 = 200;
/// How often everybody's records change in a season, and how many seasons there are.
const ROUNDS: u32 = 10;
const SEASONS: u32 = 8;
/// What the rest of them may add to what the program holds after two.
const GROWTH_MAX_KIB: u64 = 512;
const FILES_MAX: usize = 2;
/// Before the line that is read.
const MARK: &str = "idle hour:";

/// Bytes of files on disks that this process has made dirty by now, those of the mirror's shared index among them.
///
/// Of each thread: what is counted for the process as a whole includes what the programs did that it has waited for.
fn dirtied_bytes() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").expect("threads");
    // One may end just now.
    let counts = threads
        .filter_map(|thread| std::fs::read_to_string(thread.expect("a thread").path().join("io")).ok());
    let of = |text: String| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix("write_bytes:")).expect("a line");
        line.trim().parse().expect("a number")
    };
    counts.map(of).sum()
}

/// Until a checkpoint of this moment has proven the mirror.
fn expect_fresh_news(world: &World) {
    eventually("the checkpoint has proven the mirror", || {
        let output = program(&world.config_file()).args(["clock", "--json"]).output().expect("it runs");
        let said: Value = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
        if said["news"]["proven_ago_s"] == 0 { Ok(()) } else { Err(said.to_string()) }
    });
}

/// A minute as every one of an idle site: the source says that it is there, and nothing else.
fn minute(world: &mut World) {
    for _ in 0..60 / STEP_S {
        world.clock.advance_s(STEP_S);
    }
    world.source.publish_meta(Some(GATEWAY));
    world.source.checkpoint();
    expect_fresh_news(world);
}

#[test]
#[ignore = "acted by the test below, in a process of its own"]
fn the_hour_itself() {
    let mut world = World::new();
    let _gateway = world.gateway();
    world.source.put("entitlement", "main", entitlement("ap-main", "Main entrance"));
    for number in 0..USERS {
        let name = format!("u{number}");
        world.source.put("user", &name, user("Given", "Family"));
        world.source.put("token", &name, card(&name, &format!("04A1B2C3D4{number:04X}")));
        world.source.put("assignment", &name, assignment(&name, "main", "", ""));
    }
    world.source.publish();
    world.expect_equal_mirror();
    assert!(dirtied_bytes() > 0, "what is written here is not counted: a file system in memory");
    // The last by their name.
    world.expect_permissions("PAu99", Some(&["ap-main"]));
    let came_to_rest = (0..RESTLESS_MAX_MINUTES).any(|_| {
        let before = dirtied_bytes();
        minute(&mut world);
        dirtied_bytes() == before
    });
    assert!(came_to_rest, "no minute without a write");
    let before = dirtied_bytes();
    for _ in 0..MINUTES {
        minute(&mut world);
    }
    println!("{MARK} {}", dirtied_bytes() - before);
}

#[test]
fn an_idle_hour_spares_the_flash() {
    let mut hour = Command::new(std::env::current_exe().expect("this test"));
    hour.args(["--exact", "soak::the_hour_itself", "--ignored", "--nocapture"]);
    // On a disk, where the folder for temporary files may be in memory.
    let output = hour.env("TMPDIR", env!("CARGO_TARGET_TMPDIR")).output().expect("it runs");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let line = said.lines().find_map(|line| line.split_once(MARK)).unwrap_or_else(|| panic!("{said}"));
    let bytes: u64 = line.1.trim().parse().expect("a number");
    println!("{MARK} {bytes} bytes");
    assert!(bytes <= IDLE_HOUR_MAX_BYTES, "{bytes} bytes, at most {IDLE_HOUR_MAX_BYTES}");
}

/// What a process holds: anonymous memory in KiB, and open files.
fn held(process: u32) -> (u64, usize) {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a line");
    let memory_kib = line.trim().trim_end_matches(" kB").parse().expect("a number");
    (memory_kib, std::fs::read_dir(format!("/proc/{process}/fd")).expect("it runs").count())
}

/// As much as months bring: people come, their cards change, the broker goes and comes, and somebody asks.
fn season(world: &mut World, season: u32) {
    for round in 0..ROUNDS {
        for number in 0..USERS {
            let name = format!("u{number}");
            let uid = format!("04A1B2C3{season:02X}{round:02X}{number:04X}");
            world.source.put("user", &name, user("Given", &format!("Family-{season}-{round}")));
            world.source.put("token", &name, card(&name, &uid));
            world.source.put("assignment", &name, assignment(&name, "main", "", ""));
        }
        world.source.publish();
        world.expect_equal_mirror();
        let asked = program(&world.config_file()).args(["status", "--json"]).output().expect("it runs");
        assert!(asked.status.success());
    }
    receive_events(world, season);
    world.broker.stop();
    world.broker.resume();
    world.source.checkpoint();
}

/// The source has them, so that the panel need not keep them: else the mirror's cache would fill with them.
fn receive_events(world: &World, season: u32) {
    let last = world.source.events().pop().expect("an event of each change in the PACS");
    let command = json!({ "type": "events_received", "stream": last.stream, "seq": last.seq });
    let message =
        json!({ "id": format!("received-{season}"), "expires": "2099-01-01T00:00:00Z", "command": command });
    world.source.publish_command(message.to_string().into_bytes());
    eventually("the events are gone", || {
        let found = status(&world.config_file())?;
        let waiting = found["events"]["waiting"].as_u64().ok_or("no number")?;
        if waiting < u64::from(USERS) { Ok(()) } else { Err(found.to_string()) }
    });
}

#[test]
#[ignore = "minutes; `make soak`"]
fn the_program_comes_to_a_size_and_stays_there() {
    let mut world = World::new();
    let gateway = world.program(None);
    world.source.expect_state("the gateway is online", |state| state["online"] == true);
    world.source.put("entitlement", "main", entitlement("ap-main", "Main entrance"));
    // The first ones fill caches and the allocator's pools.
    (0..2).for_each(|number| season(&mut world, number));
    let before = held(gateway.id());
    for number in 2..SEASONS {
        season(&mut world, number);
        println!("season {number}: {:?} KiB of anonymous memory and open files", held(gateway.id()));
    }
    let after = held(gateway.id());
    assert!(after.0 <= before.0 + GROWTH_MAX_KIB, "from {} KiB to {}", before.0, after.0);
    assert!(after.1 <= before.1 + FILES_MAX, "from {} open files to {}", before.1, after.1);
}
