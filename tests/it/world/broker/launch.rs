//! One broker's processes: started, heard until they listen, ended with all that they have started.
//!
//! Not here: what to run.

use super::Brand;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// Kills the whole group when dropped.
pub(super) struct Running {
    process: Child,
}

impl Running {
    /// Returns once it listens, or with what it said before it ended.
    pub(super) fn start(mut command: Command, brand: Brand) -> Result<Running, String> {
        let (said, told) = std::io::pipe().expect("a pipe");
        // A group of its own, so that helpers of the broker end with it.
        command.process_group(0).stdin(Stdio::null());
        command.stdout(told.try_clone().expect("a pipe")).stderr(told);
        let process = command.spawn();
        // With it go our ends of the pipe: it closes when the broker ends.
        drop(command);
        let running = Running {
            process: process
                .unwrap_or_else(|why| panic!("{brand:?} is installed ({why}); `make setup` installs it")),
        };
        let log = std::env::var_os("DOORWARD_TEST_LOG").is_some();
        let mut lines = BufReader::new(said).lines().map_while(Result::ok).inspect(move |line| {
            if log {
                eprintln!("{brand:?}: {line}");
            }
        });
        let mut heard = Vec::new();
        let listens = lines.by_ref().any(|line| {
            let ready = brand.is_ready(&line);
            heard.push(line);
            ready
        });
        if !listens {
            return Err(heard.join("\n"));
        }
        std::thread::spawn(move || lines.for_each(drop));
        Ok(running)
    }

    /// Asks it to end, and waits until it has.
    pub(super) fn stop(mut self) {
        self.signal("TERM");
        let _ = self.process.wait();
    }

    fn signal(&self, signal: &str) {
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill").args(["-s", signal, "--", &group]).stderr(Stdio::null()).status();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal("KILL");
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
