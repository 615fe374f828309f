//! NATS: one process; MQTT's sessions and messages are streams of JetStream.

use std::path::Path;
use std::process::Command;

/// Above the largest packet that a scene sends.
const PAYLOAD_MAX_BYTES: u32 = 8 * 1024 * 1024;

pub(super) fn config(lines: &str) -> String {
    format!(
        "host: 127.0.0.1\nport: -1\nserver_name: scene\nmax_payload: {PAYLOAD_MAX_BYTES}\n\
         jetstream {{ store_dir: \"{{state}}\" }}\n\
         mqtt {{ host: 127.0.0.1, port: {{port}}, max_ack_pending: 1000, ack_wait: \"2s\" }}\n{lines}"
    )
}

pub(super) fn command(config: &Path) -> Command {
    let installed = Path::new("/usr/sbin/nats-server");
    let mut command = Command::new(if installed.exists() { installed } else { Path::new("nats-server") });
    command.arg("-c").arg(config);
    command
}
