//! mosquitto: one process, everything in memory, written to one file.

use std::path::Path;
use std::process::Command;

pub(super) fn config(lines: &str) -> String {
    format!(
        "listener {{port}} 127.0.0.1\npersistence true\npersistence_location {{state}}/\nautosave_interval 1\n\
         autosave_on_changes true\nmax_inflight_messages 2000\nmax_queued_messages 0\nuser root\n{lines}"
    )
}

pub(super) fn command(config: &Path) -> Command {
    let installed = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];
    let program = installed.into_iter().find(|path| Path::new(path).exists()).unwrap_or("mosquitto");
    let mut command = Command::new(program);
    command.arg("-c").arg(config);
    command
}
