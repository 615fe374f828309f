//! A serial port of our own: locked, since neither the kernel nor libnfc keeps a second program from reading along.

use super::line::State;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use std::fs::File;
use std::path::Path;

/// Opens the port without waiting for anything, and locks it for as long as the result lives.
///
/// # Errors
/// How the reader is, then, and what to do.
pub(super) fn hold(device: &Path) -> Result<File, (State, String)> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let shown = device.display();
    let port = open(device, flags, Mode::empty()).map_err(|error| {
        let detail =
            format!("{shown}: {error}; is it plugged in, and may this user open it (docs/readers.md)?");
        (State::Lost, detail)
    })?;
    flock(&port, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
        let detail = format!("{shown}: another program holds the port ({error}); `fuser {shown}` names it");
        (State::Busy, detail)
    })?;
    Ok(File::from(port))
}
