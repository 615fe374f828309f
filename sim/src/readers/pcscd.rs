//! A pcscd of one test's own: its socket, its readers, its life.
//!
//! pcscd takes a socket that systemd would have opened; who plays systemd decides where it is, and needs no rights.

use rustix::process::{Pid, Signal, kill_process};
use std::fmt::Write as _;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What pcscd loads for vsmartcard's virtual reader.
const VPCD_DRIVER: &str = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";
/// Clients look for the daemon here.
pub const SOCKET_VARIABLE: &str = "PCSCLITE_CSOCK_NAME";

/// One reader in pcscd's file.
#[derive(Clone, Debug)]
pub struct Listed {
    name: String,
    device: String,
    driver: PathBuf,
}

impl Listed {
    /// A reader of [`super::hardware`] at the socket `device`, by the driver at `driver`.
    pub fn hardware(name: &str, device: &Path, driver: &Path) -> Listed {
        Listed { name: name.into(), device: device.display().to_string(), driver: driver.into() }
    }

    /// vsmartcard's reader, which listens at `port` and the next one.
    pub fn vpcd(name: &str, port: u16) -> Listed {
        Listed { name: name.into(), device: format!("/dev/null:{port:#06X}"), driver: VPCD_DRIVER.into() }
    }
}

/// The daemon; killed when dropped.
pub struct Pcscd {
    folder: PathBuf,
    child: Option<Child>,
}

impl Pcscd {
    /// Starts it in `folder`, which is its own.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(folder: &Path, readers: &[Listed]) -> io::Result<Pcscd> {
        std::fs::create_dir_all(folder.join("readers"))?;
        let mut pcscd = Pcscd { folder: folder.into(), child: None };
        pcscd.list(readers)?;
        pcscd.start_again()?;
        Ok(pcscd)
    }

    /// Its socket, the value of [`SOCKET_VARIABLE`].
    pub fn socket(&self) -> PathBuf {
        self.folder.join("pcscd.comm")
    }

    /// Its process.
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Writes which readers there are; it reads that at its start.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn list(&self, readers: &[Listed]) -> io::Result<()> {
        let mut text = String::new();
        for (channel, Listed { name, device, driver }) in readers.iter().enumerate() {
            let driver = driver.display();
            let _ = writeln!(
                text,
                "FRIENDLYNAME \"{name}\"\nDEVICENAME {device}\nLIBPATH {driver}\nCHANNELID {channel}\n"
            );
        }
        std::fs::write(self.folder.join("readers/readers.conf"), text)
    }

    /// Starts it after [`Pcscd::kill`].
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_again(&mut self) -> io::Result<()> {
        self.kill();
        let socket = self.socket();
        let _ = std::fs::remove_file(&socket);
        let listener = OwnedFd::from(UnixListener::bind(&socket)?);
        let log = std::fs::File::create(self.folder.join("pcscd.log"))?;
        // systemd passes the socket as descriptor 3, and names the process for which it is meant.
        let script =
            "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$1\" --foreground --config \"$2\"";
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).arg("sh").arg("/usr/sbin/pcscd").arg(self.folder.join("readers"));
        command.stdin(listener).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn()?);
        Ok(())
    }

    /// `kill -9`. Its socket stays, and refuses.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops it in the middle of whatever it does, and lets it go on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn freeze(&self, is_frozen: bool) -> io::Result<()> {
        let child = self.child.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        Ok(kill_process(Pid::from_child(child), if is_frozen { Signal::STOP } else { Signal::CONT })?)
    }

    /// What it has said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("pcscd.log")).unwrap_or_default()
    }
}

impl Drop for Pcscd {
    fn drop(&mut self) {
        self.kill();
    }
}
