//! A serial port of our own: locked, since neither the kernel nor libnfc keeps a second program from reading along.
//!
//! libnfc has a lock of its own that outlives it: it marks the port's settings, which a real UART keeps when nobody has it
//! open, and takes no port that is marked. So whoever was killed would have been the last to read there until the next
//! boot. (glibc drops the mark unseen, musl does not.) Ours ends with its process, so the mark of a dead one goes.

use super::line::State;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::termios::{InputModes, OptionalActions, tcgetattr, tcsetattr};
use std::fs::File;
use std::path::Path;

/// libnfc's mark, among the modes of a port's input (`CCLAIMED` in its `buses/uart.c`).
const MARK: InputModes = InputModes::from_bits_retain(0x8000_0000);

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
    // A bus (I2C, SPI) has no such settings.
    if let Ok(mut settings) = tcgetattr(&port)
        && settings.input_modes.intersects(MARK)
    {
        settings.input_modes.remove(MARK);
        tcsetattr(&port, OptionalActions::Now, &settings).map_err(|error| {
            let detail = format!(
                "{shown}: its settings cannot be changed ({error}); pull the reader and plug it in again"
            );
            (State::Lost, detail)
        })?;
    }
    Ok(File::from(port))
}
