//! What hangs on the panel: readers by pcscd or by a serial line, and the board.
//!
//! Not here: how a reader is (`doorward readers` opens it, which a running gateway would feel).

use super::{Check, Verdict};
use crate::board::Board;
use crate::board::inspection::{Inspected, inspect};
use crate::config::{Config, ReaderConfig, ReaderKind};
use crate::reader::{inventory, pcscd};
use crate::service::setup::Setup;
use rustix::fs::{Access, FileType, access, stat};
use std::fs;
use std::path::Path;

/// Modules of the kernel that take USB readers away from pcscd.
const GRABBING: [&str; 3] = ["pn533", "pn533_usb", "nfc"];

/// Those of the configuration; nothing where it has none.
pub(super) fn readers(setup: &Setup) -> Vec<Check> {
    let readers = &setup.config().reader;
    let mut checks = Vec::new();
    let is_pcsc = |reader: &&ReaderConfig| reader.kind == ReaderKind::Pcsc;
    if readers.iter().any(|reader| is_pcsc(&reader)) {
        checks.push(grabbing(&fs::read_to_string("/proc/modules").unwrap_or_default()));
        checks.push(client_of_pcscd(setup.config()).unwrap_or_else(client_of_others));
    }
    for reader in readers {
        if let Some(device) = &reader.device {
            checks.push(port(&reader.name, device));
        }
    }
    checks
}

/// `modules` is `/proc/modules`: a name begins each line.
fn grabbing(modules: &str) -> Check {
    let names = modules.lines().filter_map(|line| line.split_whitespace().next());
    let found: Vec<&str> = names.filter(|name| GRABBING.contains(name)).collect();
    if found.is_empty() {
        return Check::fine("kernel drivers", "none takes readers away from pcscd");
    }
    let remedy = "copy doorward-readers.conf from /usr/share/doc/doorward/examples (systemd/doorward-readers.modprobe) to \
                  /etc/modprobe.d, and restart the panel";
    Check::wrong(
        Verdict::Failed,
        "kernel drivers",
        format!("{} take USB readers away", found.join(", ")),
        remedy,
    )
}

/// Whether pcscd and the client of this program come along with each other; `None` where no reader uses that client.
pub fn client_of_pcscd(config: &Config) -> Option<Check> {
    let is_ours = |reader: &ReaderConfig| reader.kind == ReaderKind::Pcsc && reader.command.is_none();
    config.reader.iter().any(is_ours).then(|| match pcscd::protocol() {
        Ok(protocol) => own_client(protocol),
        Err(complaint) => Check::failed("pcscd", &complaint),
    })
}

/// Where a helper does it, pcscd has to be there all the same.
fn client_of_others() -> Check {
    match pcscd::protocol() {
        Ok(protocol) => {
            Check::fine("pcscd", format!("speaks version {protocol}; readers have a `command` of their own"))
        }
        Err(complaint) => Check::failed("pcscd", &complaint),
    }
}

fn own_client(protocol: pcscd::Protocol) -> Check {
    let listed = std::env::current_exe().map_err(|error| error.to_string());
    match listed.and_then(|program| inventory::pcsc(&program)) {
        Ok(found) => {
            let readers = found.len();
            Check::fine(
                "pcscd",
                format!("speaks version {protocol}, as this program does; {readers} readers there"),
            )
        }
        Err(why) => {
            let found = format!(
                "speaks version {protocol}, and this program's client does not come along with it: {why}"
            );
            let remedy = "install doorward-reader-pcsc, and give the reader command = [\"/usr/lib/doorward/reader\"] \
                          (docs/readers.md)";
            Check::wrong(Verdict::Failed, "pcscd", found, remedy)
        }
    }
}

fn port(reader: &str, device: &Path) -> Check {
    let what = format!("port of {reader}");
    let shown = device.display();
    let failed = |found: String, remedy: &str| Check::wrong(Verdict::Failed, &*what, found, remedy);
    let found = match stat(device) {
        Ok(found) => found,
        Err(error) => {
            return failed(
                format!("{shown}: {error}"),
                "plug it in, or correct `device`; `ls /dev/serial/by-id`",
            );
        }
    };
    if FileType::from_raw_mode(found.st_mode) != FileType::CharacterDevice {
        return failed(format!("{shown}: no serial port"), "correct `device`");
    }
    if access(device, Access::READ_OK | Access::WRITE_OK).is_err() {
        let remedy =
            "install systemd/doorward-readers.rules, then udevadm control --reload && udevadm trigger";
        return failed(format!("{shown}: this user may not use it"), remedy);
    }
    Check::fine(&*what, format!("{shown} may be used"))
}

/// The board's file against the chips that are there; nothing without a board.
pub(super) fn board(file: Option<&Path>) -> Vec<Check> {
    let Some(file) = file else { return Vec::new() };
    let board = match Board::load(file) {
        Ok(board) => board,
        Err(error) => return vec![Check::failed("board", &error.to_string())],
    };
    let chips = board.chips();
    let inspected = inspect(board.spec(), &chips);
    let complaints: Vec<String> = inspected.iter().filter_map(Inspected::complaint).collect();
    if complaints.is_empty() {
        return vec![Check::fine(
            "board",
            format!("{}: {} lines as the file has them", board.name(), inspected.len()),
        )];
    }
    complaints.iter().map(|complaint| Check::failed("board", complaint)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_that_grab_readers_are_named_and_their_namesakes_are_not() {
        let loaded = "nfc 167936 2 pn533_usb,pn533, Live 0x0\npn533 57344 1 pn533_usb, Live 0x0\n";
        let check = grabbing(loaded);
        assert_eq!((check.verdict, &*check.found), (Verdict::Failed, "nfc, pn533 take USB readers away"));
        assert_eq!(grabbing("nfct 1 0 - Live 0x0\nnf_conntrack 1 1 nfc, Live 0x0\n").verdict, Verdict::Ok);
    }

    #[test]
    fn a_port_is_a_device_that_is_there() {
        assert_eq!(port("yard", Path::new("/dev/null")).verdict, Verdict::Ok);
        assert!(port("yard", Path::new("/dev/no-such-port")).remedy.starts_with("plug it in"));
        assert!(port("yard", Path::new("/proc/version")).found.ends_with("no serial port"));
    }
}
