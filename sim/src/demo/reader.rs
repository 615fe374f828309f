//! The card reader of the demo: a pcscd of its own, with a driver that plays the reader.
//!
//! Not here: who taps what.

use anyhow::{Context as _, Result};
use doorward_sim::readers::hardware::Hardware;
use doorward_sim::readers::pcscd::{Listed, Pcscd, SOCKET_VARIABLE};
use std::path::Path;

/// What pcscd calls it.
pub(crate) const NAME: &str = "ACS ACR122U PICC Interface";
/// What pcscd loads; it is built beside the programs.
const DRIVER: &str = "libdoorward_sim_ifd.so";

/// A reader, and the middleware that knows it.
pub(crate) struct Reader {
    // Dropped before the reader that it drives.
    pcscd: Pcscd,
    pub(crate) hardware: Hardware,
}

impl Reader {
    /// Starts both in `folder`; the driver is among the `binaries`.
    ///
    /// # Errors
    /// When pcscd is missing, or does not start.
    pub(crate) fn start(folder: &Path, binaries: &Path) -> Result<Reader> {
        std::fs::create_dir(folder)?;
        let hardware = Hardware::start(&folder.join("reader"), "DEMO-1").context("cannot make a reader")?;
        let listed = Listed::hardware(NAME, hardware.path(), &binaries.join(DRIVER));
        let pcscd = Pcscd::start(folder, &[listed]).context("cannot start pcscd; `make demo` installs it")?;
        Ok(Reader { pcscd, hardware })
    }

    /// What a client of this pcscd has in its environment.
    pub(crate) fn variable(&self) -> String {
        format!("{SOCKET_VARIABLE}={}", self.pcscd.socket().display())
    }
}
