//! The disk below the state directory.
//!
//! Not here: what happens when it is full (`mirror::writer`).

use super::{Check, Verdict};
use crate::mirror::reserve::{RESERVE_BYTES, Reserve};
use rustix::fs::{Access, access, major, minor, stat, statfs, statvfs};
use std::fs;
use std::path::{Path, PathBuf};

/// Below this the gateway takes nothing but revocations.
const LEAST_BYTES: u64 = 2 * RESERVE_BYTES;
/// Below this it is time to look: two logs of the mirror.
const LITTLE_BYTES: u64 = 64 * 1024 * 1024;
/// Below this no file can be counted on.
const LEAST_INODES: u64 = 16;
/// Below this it is time to look.
const LITTLE_INODES: u64 = 256;
/// Steps of 10 % of its life that a flash has behind it before it is to be replaced.
const WORN_STEPS: u8 = 8;
/// What a flash says that has outlived what it was made for.
const OUTLIVED_STEPS: u8 = 11;

/// All of it.
pub(super) fn examine(folder: &Path, reserve: &Reserve, is_running: bool) -> Vec<Check> {
    let shown = folder.display();
    if !folder.is_dir() {
        let remedy =
            format!("make it, writable by the service: install -d -m 700 -o doorward -g doorward {shown}");
        return vec![Check::wrong(
            Verdict::Failed,
            "state_dir",
            format!("{shown}: there is no such folder"),
            remedy,
        )];
    }
    let mut checks = Vec::new();
    if access(folder, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let remedy = format!("run this as the service's user, or: chown -R doorward: {shown}");
        checks.push(Check::wrong(
            Verdict::Failed,
            "state_dir",
            format!("{shown}: this user may not write it"),
            remedy,
        ));
    }
    match statvfs(folder) {
        Ok(disk) => checks.extend([
            space(disk.f_bavail.saturating_mul(disk.f_frsize)),
            inodes(disk.f_files, disk.f_favail),
        ]),
        Err(error) => checks.push(Check::failed("disk", &format!("{shown}: {error}; is it mounted?"))),
    }
    if let Ok(found) = statfs(folder) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a magic number has 32 bits"
        )]
        checks.push(file_system(found.f_type as u32));
    }
    checks.extend(flash(folder));
    checks.push(kept(reserve.is_taken(), is_running));
    checks
}

fn space(free_bytes: u64) -> Check {
    let found = format!("{} MiB free", free_bytes / (1024 * 1024));
    judge(
        "disk space",
        found,
        free_bytes,
        LEAST_BYTES,
        LITTLE_BYTES,
        "free some space; `journalctl --vacuum-size=16M` often helps",
    )
}

fn inodes(all: u64, free: u64) -> Check {
    if all == 0 {
        return Check::fine("inodes", "this file system has no fixed number");
    }
    judge(
        "inodes",
        format!("{free} of {all} free"),
        free,
        LEAST_INODES,
        LITTLE_INODES,
        "remove files; `du --inodes -x /` finds them",
    )
}

fn judge(what: &str, found: String, free: u64, least: u64, little: u64, remedy: &str) -> Check {
    match free {
        free if free < least => Check::wrong(Verdict::Failed, what, found, remedy),
        free if free < little => Check::wrong(Verdict::Warning, what, found, remedy),
        _ => Check::fine(what, found),
    }
}

/// By the magic number that the kernel gives.
fn file_system(magic: u32) -> Check {
    const KNOWN: [(u32, &str, Option<&str>); 12] = [
        (0xEF53, "ext", None),
        (0xF2F5_2010, "f2fs", None),
        (0x9123_683E, "btrfs", None),
        (0x5846_5342, "xfs", None),
        (0x2405_1905, "ubifs", None),
        (
            0x794C_7630,
            "overlay",
            Some("if its upper side is in memory, all is fetched again after each start"),
        ),
        (0x0102_1994, "tmpfs", Some("it is memory, and gone with the power")),
        (0x8584_58F6, "ramfs", Some("it is memory, and gone with the power")),
        (0x4D44, "vfat", Some("it does not keep its promises when the power is cut")),
        (0x6969, "nfs", Some("its locks cannot be relied upon")),
        (0xFF53_4D42, "cifs", Some("its locks cannot be relied upon")),
        (0x7371_7368, "squashfs", Some("it cannot be written")),
    ];
    let remedy = "put state_dir on a file system of its own: ext4 or f2fs on flash";
    match KNOWN.iter().find(|(number, ..)| *number == magic) {
        Some((_, name, None)) => Check::fine("file system", *name),
        Some((_, name, Some(why))) => {
            Check::wrong(Verdict::Warning, "file system", format!("{name}: {why}"), remedy)
        }
        None => Check::fine("file system", format!("of number {magic:#x}")),
    }
}

/// What an eMMC below the folder says of its own wear; nothing where no such disk is.
fn flash(folder: &Path) -> Option<Check> {
    let device = stat(folder).ok()?.st_dev;
    let block = fs::canonicalize(format!("/sys/dev/block/{}:{}", major(device), minor(device))).ok()?;
    // A partition has no `device` of its own; the disk above it has.
    let disk: PathBuf = block.ancestors().take(2).find(|at| at.join("device").exists())?.into();
    let said = fs::read_to_string(disk.join("device/life_time")).ok()?;
    wear(&said)
}

/// `said` has two numbers, for its two kinds of cells, in steps of 10 % of its life; 0 where it does not know.
fn wear(said: &str) -> Option<Check> {
    let step = |word: &str| u8::from_str_radix(word.trim_start_matches("0x"), 16).ok();
    let steps = said.split_whitespace().filter_map(step).max().filter(|steps| *steps > 0)?;
    let found = format!("at most {} % of its life behind it", u32::from(steps) * 10);
    let remedy = "have the panel or its eMMC replaced, and take a copy of its configuration now";
    Some(match steps {
        steps if steps >= OUTLIVED_STEPS => {
            Check::wrong(Verdict::Failed, "flash wear", "has outlived what it was made for", remedy)
        }
        steps if steps >= WORN_STEPS => Check::wrong(Verdict::Warning, "flash wear", found, remedy),
        _ => Check::fine("flash wear", found),
    })
}

/// The space kept for revocations.
fn kept(is_taken: bool, is_running: bool) -> Check {
    let found = format!("{} KiB are kept for revocations", RESERVE_BYTES / 1024);
    match (is_taken, is_running) {
        (true, _) => Check::fine("reserve", found),
        (false, true) => {
            let found = "given up: the disk was full, and only revocations are written";
            Check::wrong(Verdict::Failed, "reserve", found, "free some space: the gateway goes on by itself")
        }
        (false, false) => {
            Check::wrong(Verdict::Untried, "reserve", "not there yet", "the first start takes it")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_warned_of_and_nothing_left_has_failed() {
        const MIB: u64 = 1024 * 1024;
        let verdicts = [(3 * MIB, Verdict::Failed), (40 * MIB, Verdict::Warning), (64 * MIB, Verdict::Ok)];
        for (free, verdict) in verdicts {
            assert_eq!(space(free).verdict, verdict, "{free}");
        }
        let of_inodes = [
            (0, 0, Verdict::Ok),
            (9_000, 3, Verdict::Failed),
            (9_000, 200, Verdict::Warning),
            (9_000, 8_000, Verdict::Ok),
        ];
        for (all, free, verdict) in of_inodes {
            assert_eq!(inodes(all, free).verdict, verdict, "{free} of {all}");
        }
    }

    #[test]
    fn memory_is_no_place_for_a_mirror() {
        assert_eq!(file_system(0xEF53), Check::fine("file system", "ext"));
        assert_eq!(file_system(0x0102_1994).verdict, Verdict::Warning);
        assert!(file_system(0x1234).found.contains("0x1234"));
    }

    #[test]
    fn flash_tells_its_wear_by_the_worse_of_two_kinds_of_cells() {
        let verdict = |said| wear(said).map(|check| check.verdict);
        assert_eq!(verdict("0x01 0x02\n"), Some(Verdict::Ok));
        assert_eq!(verdict("0x01 0x08\n"), Some(Verdict::Warning));
        assert_eq!(verdict("0x0b 0x01\n"), Some(Verdict::Failed));
        assert_eq!(verdict("0x00 0x00\n"), None, "it does not know");
        assert_eq!(verdict(""), None);
    }

    #[test]
    fn a_reserve_that_a_running_gateway_lacks_was_given_up() {
        assert_eq!(kept(true, false).verdict, Verdict::Ok);
        assert_eq!(kept(false, true).verdict, Verdict::Failed);
        assert_eq!(kept(false, false).verdict, Verdict::Untried);
    }
}
