//! The processes of the demo. None outlives it: a dropped child is killed.

use crate::patience;
use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Lines of a log that are shown after a failure.
const TAIL_LINES: usize = 12;

/// A process that runs beside the demo, and its log.
pub(crate) struct Running {
    name: &'static str,
    child: Child,
}

impl Running {
    /// Starts `command`; what it says is added to `log`.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn start(name: &'static str, command: &mut Command, log: &Path) -> Result<Running> {
        let open = || File::options().create(true).append(true).open(log);
        let (out, err) = (open()?, open()?);
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Running { name, child })
    }

    /// The process's number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to end (SIGTERM) and waits for that.
    ///
    /// # Errors
    /// When it does not end, or not well.
    pub(crate) fn terminate(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let what = format!("{} ends", self.name);
        let status = patience::until(&what, || Ok(self.child.try_wait()?))?;
        if !status.success() {
            bail!("{} ended with {status}", self.name);
        }
        Ok(())
    }

    /// `kill -9`: nothing of it runs when this returns.
    ///
    /// # Errors
    /// When it had ended before.
    pub(crate) fn kill(mut self) -> Result<()> {
        if !self.is_alive() {
            bail!("{} had ended by itself", self.name);
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both do nothing to a process that has ended and was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `command` to its end and gives what it printed; the files for that are made in `folder`.
///
/// # Errors
/// When it fails, with its complaint, or takes too long.
pub(crate) fn output(command: &mut Command, folder: &Path) -> Result<String> {
    let files = ["call.out", "call.err"].map(|name| folder.join(name));
    let mut running = Running {
        name: "a command",
        child: command
            .stdin(Stdio::null())
            .stdout(File::create(&files[0])?)
            .stderr(File::create(&files[1])?)
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?,
    };
    let status = patience::until("a command ends", || Ok(running.child.try_wait()?))?;
    let [printed, complaint] = files.map(std::fs::read_to_string);
    if !status.success() {
        bail!("{command:?}: {}", complaint?.trim());
    }
    Ok(printed?)
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

/// Where a program is that may stand outside the path of an ordinary user.
pub(crate) fn installed(name: &str) -> PathBuf {
    let folders = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"].iter();
    let found = folders.map(|folder| Path::new(folder).join(name)).find(|path| path.exists());
    found.unwrap_or_else(|| name.into())
}
