//! A restore that is killed: the old state or the new one, and nothing in between.

use super::{backup, hire, listed};
use crate::world::{World, program, status};
use std::process::Stdio;

/// Where it dies, how often it passes there before, and whether the new state is decided by then.
const PLACES: [(&str, u32, bool); 8] = [
    ("restore.made", 1, false),
    ("restore.decided", 1, true),
    ("restore.aside", 1, true),
    ("restore.aside", 2, true),
    ("restore.aside", 3, true),
    ("restore.in_place", 1, true),
    ("restore.finished", 1, true),
    ("nowhere", 1, true),
];

#[test]
fn a_restore_that_is_killed_anywhere_leaves_the_old_state_or_the_new_one() {
    let mut world = World::new();
    let gateway = world.gateway();
    hire(&mut world, 0..2);
    world.expect_equal_mirror();
    let file = backup_named(&world, "old.backup");
    let old = status(&world.config_file()).unwrap()["root"].clone();
    hire(&mut world, 2..5);
    world.expect_equal_mirror();
    let newer = backup_named(&world, "newer.backup");
    let new = status(&world.config_file()).unwrap()["root"].clone();
    gateway.stop();
    assert_ne!(old, new);
    // There and back again, whatever comes in between.
    let (mut is_old, state) = (false, world.folder.path().join("state"));
    for (place, times, is_decided) in PLACES {
        let (from, before, after) = if is_old { (&newer, &old, &new) } else { (&file, &new, &old) };
        let mut killed = program(&world.config_file());
        killed
            .args(["restore", from.to_str().unwrap(), "--replace"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let ended = killed.env("DOORWARD_FAILPOINT", format!("{place}@{times}")).status().unwrap();
        assert_eq!(ended.code().is_none(), place != "nowhere", "{place}");
        // The next start brings it to its end.
        let gateway = world.gateway();
        let found = status(&world.config_file()).unwrap()["root"].clone();
        gateway.stop();
        assert_eq!(&found, if is_decided { after } else { before }, "{place} {times}");
        let names = listed(&state);
        assert!(!names.iter().any(|name| name.contains("restor")), "{place}: {names:?}");
        is_old ^= is_decided;
    }
}

fn backup_named(world: &World, name: &str) -> std::path::PathBuf {
    let (from, to) = (backup(world, &[]), world.folder.path().join(name));
    std::fs::rename(from, &to).unwrap();
    to
}
