//! A restore that is killed: the old state or the new one, and nothing in between.

use super::{backup, hire, listed};
use crate::world::{World, program, status};
use std::fs::{Permissions, metadata, read_dir, set_permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Whose the state is: the service's, which is not root, where the test itself is.
const SERVICE: u32 = 65_534;

fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { [vec![path.clone()], below(&path)].concat() } else { vec![path] })
        .collect()
}

/// Gives all of the state to the service, as an installation has it; only root can.
fn give_away(state: &Path) {
    if metadata(state).unwrap().uid() == 0 || metadata(state).unwrap().uid() == SERVICE {
        for path in [vec![state.to_path_buf()], below(state)].concat() {
            chown(path, Some(SERVICE), Some(SERVICE)).unwrap();
        }
    }
}

/// Whatever a restore has left there, the service can go on with it.
fn expect_owned(state: &Path, place: &str) {
    let owner = metadata(state).unwrap().uid();
    for path in below(state) {
        assert_eq!(metadata(&path).unwrap().uid(), owner, "{place}: {}", path.display());
    }
}

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
    set_permissions(world.folder.path(), Permissions::from_mode(0o755)).unwrap();
    for (place, times, is_decided) in PLACES {
        give_away(&state);
        let (from, before, after) = if is_old { (&newer, &old, &new) } else { (&file, &new, &old) };
        let mut killed = program(&world.config_file());
        killed
            .args(["restore", from.to_str().unwrap(), "--replace"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let ended = killed.env("DOORWARD_FAILPOINT", format!("{place}@{times}")).status().unwrap();
        assert_eq!(ended.code().is_none(), place != "nowhere", "{place}");
        expect_owned(&state, place);
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
