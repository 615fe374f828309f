//! The settings of the programs, written as an installer would write them: the shipped access rules of the
//! broker, a login for each, the shipped profile of the PACS.

use crate::children::{installed, output};
use crate::reader;
use crate::stage::{OBSERVER, PANEL, SITE, Stage};
use anyhow::{Context as _, Result};
use std::net::TcpListener;
use std::process::Command;

/// Login at the PACS.
pub(crate) const PACS_USER: &str = "doorward";
/// Where the board leaves a trace.
pub(crate) const TRACE: &str = "board.trace";
/// What the gateway calls itself to the PACS.
pub(crate) const PACS_SYSTEM: &str = "office-panels";
/// The observer's at the broker.
pub(crate) const OBSERVER_PASSWORD: &str = "demo-observer-word";
/// The others'. Good enough for a broker that lives for a minute on this machine alone.
const SOURCE_PASSWORD: &str = "demo-source-word";
const PANEL_PASSWORD: &str = "demo-panel-word";
const PACS_PASSWORD: &str = "demo-pacs-word";

/// Words that may stand in no log.
pub(crate) const SECRETS: [&str; 4] = [SOURCE_PASSWORD, PANEL_PASSWORD, PACS_PASSWORD, OBSERVER_PASSWORD];

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn write(stage: &Stage, name: &str, text: &str) -> Result<()> {
    let path = stage.path(name);
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// The broker's files, and the passwords.
///
/// # Errors
/// When one cannot be made.
pub(crate) fn broker(stage: &Stage) -> Result<()> {
    let passwd = stage.path("mosquitto.passwd");
    for (at, (login, password)) in
        [("source", SOURCE_PASSWORD), (PANEL, PANEL_PASSWORD), (OBSERVER, OBSERVER_PASSWORD)]
            .iter()
            .enumerate()
    {
        let mut command = Command::new(installed("mosquitto_passwd"));
        command.arg("-b").args((at == 0).then_some("-c")).arg(&passwd).args([login, password]);
        output(&mut command, &stage.path(""))?;
    }
    write(stage, "source.password", SOURCE_PASSWORD)?;
    write(stage, "panel.password", PANEL_PASSWORD)?;
    write(stage, "pacs.password", PACS_PASSWORD)?;
    std::fs::create_dir(stage.path("mosquitto"))?;
    // As root, mosquitto would change to a user who may not enter this folder.
    let user = if rustix::process::geteuid().is_root() { "user root\n" } else { "" };
    let conf = format!(
        "listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {passwd}\nacl_file {acl}\n\
         persistence true\npersistence_location {folder}/\nautosave_interval 60\n\
         max_inflight_messages 1000\nmax_queued_messages 100000\nmessage_size_limit 135168\nset_tcp_nodelay true\n{user}\
         log_dest stderr\nlog_type error\nlog_type warning\nlog_type notice\n",
        port = stage.broker_port,
        passwd = passwd.display(),
        acl = stage.root.join("docs/brokers/mosquitto.acl").display(),
        folder = stage.path("mosquitto").display(),
    );
    write(stage, "mosquitto.conf", &conf)
}

/// The source's settings.
///
/// # Errors
/// When they cannot be written.
pub(crate) fn source(stage: &Stage) -> Result<()> {
    let toml = format!(
        "site = \"{SITE}\"\nexporter = \"{PANEL}\"\nenrollments = \"accept\"\n\n[broker]\nhost = \"127.0.0.1\"\nport = {port}\n\
         username = \"source\"\npassword_file = \"source.password\"\n",
        port = stage.broker_port,
    );
    write(stage, "source.toml", &toml)
}

/// The panel's settings.
///
/// # Errors
/// When they cannot be written.
pub(crate) fn panel(stage: &Stage, pacs: std::net::SocketAddr) -> Result<()> {
    std::fs::create_dir(stage.path("state"))?;
    // The shipped board without hardware, which leaves a trace of what its outputs do.
    let board = std::fs::read_to_string(stage.root.join("boards/virtual.toml"))?;
    write(stage, "board.toml", &format!("trace = \"{TRACE}\"\n{board}"))?;
    let toml = format!(
        r#"site = "{SITE}"
gateway = "{PANEL}"
state_dir = "state"
control_dir = "control"
board = "board.toml"

[broker]
host = "127.0.0.1"
port = {port}
username = "{PANEL}"
password = {{ file = "panel.password" }}

[clock]
sync = "host"           # this machine keeps its clock, whatever a container lets us see of that

[pacs]
profile = "{profile}"
base_url = "http://{pacs}"
system_id = "{PACS_SYSTEM}"
username = "{PACS_USER}"
password = {{ file = "pacs.password" }}
timeout_s = 5
late_s = 2              # the simulated PACS forgets a request that long ago
entitlement_import_types = ["AccessProfile", "AccessZoneTimeProfile"]
default_organization = "Office"
email_type = "work"

[[reader]]
name = "entrance"
kind = "pcsc"
reader = "{reader}"
door = "main"
command = ["/usr/bin/env", "{variable}", "{program}", "reader-child"] # a pcscd of the demo's own
"#,
        reader = reader::NAME,
        variable = stage.reader()?.variable(),
        program = stage.doorward_program().display(),
        port = stage.broker_port,
        profile = stage.root.join("profiles/interflex.toml").display(),
    );
    write(stage, "panel.toml", &toml)
}
