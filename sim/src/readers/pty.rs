//! A serial line that exists only here: a pseudo-terminal, by the name of a link that stays.

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

/// How long one look for bytes may take, in milliseconds.
const LOOK_MS: i64 = 20;

/// Both ends of a line. The host opens the link; the device has [`Line::device`].
pub struct Line {
    link: PathBuf,
    master: Arc<OwnedFd>,
    /// Held open, so that the line lives on when the host closes it.
    _slave: OwnedFd,
}

/// The device's end; it is gone when the [`Line`] is, whoever still has it.
#[derive(Clone)]
pub struct End(Weak<OwnedFd>);

impl Line {
    /// A new line by the name `link`, which is replaced if it is there.
    ///
    /// # Errors
    /// When there is none to be had.
    pub fn start(link: &Path) -> io::Result<Line> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = rustix::fs::open(name.as_c_str(), flags, Mode::empty())?;
        // Bytes as they are: no echo, no lines.
        let mut how = tcgetattr(&slave)?;
        how.make_raw();
        tcsetattr(&slave, OptionalActions::Now, &how)?;
        let _ = std::fs::remove_file(link);
        std::os::unix::fs::symlink(name.to_string_lossy().as_ref(), link)?;
        Ok(Line { link: link.into(), master: Arc::new(master), _slave: slave })
    }

    /// What the host opens.
    pub fn link(&self) -> &Path {
        &self.link
    }

    /// The other end.
    pub fn device(&self) -> End {
        End(Arc::downgrade(&self.master))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // As when an adapter is pulled out: its name goes, and whoever holds the port gets errors.
        let _ = std::fs::remove_file(&self.link);
    }
}

impl End {
    /// What has come within a moment; `None` when the line is gone.
    pub fn read(&self) -> Option<Vec<u8>> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let line = self.0.upgrade()?;
        let mut fds = [PollFd::new(&line, PollFlags::IN)];
        let limit = Timespec { tv_sec: 0, tv_nsec: LOOK_MS * 1_000_000 };
        match poll(&mut fds, Some(&limit)) {
            Ok(0) | Err(Errno::INTR) => return Some(Vec::new()),
            Ok(_) => {}
            Err(_) => return None,
        }
        let mut buffer = [0; 512];
        let count = rustix::io::read(&line, &mut buffer).ok()?;
        Some(buffer[..count].to_vec())
    }

    /// What has come already, into `buffer`: how much; `None` when it is nothing.
    pub fn read_now(&self, buffer: &mut [u8]) -> Option<usize> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let line = self.0.upgrade()?;
        let mut fds = [PollFd::new(&line, PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        if poll(&mut fds, Some(&now)) != Ok(1) {
            return None;
        }
        rustix::io::read(&line, buffer).ok()
    }

    /// Sends `bytes`; what does not fit is lost, as on a wire.
    pub fn write(&self, bytes: &[u8]) {
        if let Some(line) = self.0.upgrade() {
            let _ = rustix::io::write(&line, bytes);
        }
    }
}
