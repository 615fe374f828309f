//! RabbitMQ: an Erlang node that no other node can reach, so that any number of them share a name.

use super::Place;
use std::path::Path;
use std::process::Command;

/// Every node's name; it is part of what the node remembers.
const NODE: &str = "rabbit@localhost";
/// No distribution, hence neither a port nor Erlang's port mapper (RabbitMQ asks on which port it is to be found
/// and ends after a minute without an answer; nobody listens on the one that it is told). No spinning, either,
/// where two cores serve many.
const ERLANG: &str = "-sname rabbit@localhost -dist_listen false -erl_epmd_port 1 \
                      -setcookie scene \
                      +sbwt none +sbwtdcpu none +sbwtdio none";
/// The package's own start script changes to another user and the system's folders; this one does not.
const PROGRAM: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

pub(super) fn config(lines: &str) -> String {
    format!(
        "listeners.tcp = none\nmqtt.listeners.tcp.1 = 127.0.0.1:{{port}}\nmqtt.prefetch = 1000\n\
         disk_free_limit.absolute = 1MB\n{lines}"
    )
}

pub(super) fn command(place: &Place<'_>, config: &Path) -> Command {
    std::fs::write(place.folder.join("enabled_plugins"), "[rabbitmq_mqtt].\n").expect("write");
    let state = place.state();
    let mut command = Command::new(PROGRAM);
    command
        .env("HOME", &state)
        // Each minute the node sees to it that a port mapper runs and knows it: not that of the system, by a port
        // where nobody listens, nor one that it starts itself.
        .env("ERL_EPMD_PORT", "1")
        .env("ERL_ZFLAGS", "-start_epmd false")
        .env("RABBITMQ_NODENAME", NODE)
        .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
        .env("RABBITMQ_CONFIG_FILE", config)
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", place.folder.join("enabled_plugins"))
        .env("RABBITMQ_LOGS", "-")
        .env("RABBITMQ_MNESIA_BASE", state.join("mnesia"))
        .env("RABBITMQ_LOG_BASE", state.join("log"))
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", ERLANG);
    command
}
