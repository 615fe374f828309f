//! The settings file `source.toml`: strict, checked as a whole at load. Relative paths start at its directory.
//!
//! Not here: reading the password and the certificates (`serve::link`, when they are used).

use crate::enrolling::Enrollments;
use contract::HEARTBEAT_MIN_S;
use contract::id::{GatewayId, SiteId};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Longest heartbeat in seconds: gateways prove their mirror by it.
pub const HEARTBEAT_MAX_S: u64 = 24 * 3600;
/// Most messages given to the broker and not yet acknowledged.
pub const IN_FLIGHT_MAX: u16 = 10_000;

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ConfigError {
    #[error("{}: cannot read: {source}; name another file with --config", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: {reason}\nexamples/office/source.toml shows every key", path.display())]
    Toml { path: PathBuf, reason: String },
    #[error("{}: {key} = {value}: {remedy}", path.display())]
    Value { path: PathBuf, key: &'static str, value: String, remedy: String },
}

/// The checked settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// The site that is published.
    pub site: SiteId,
    /// The source's file.
    pub db: PathBuf,
    /// Between checkpoints, at most.
    pub heartbeat_s: u64,
    /// The one gateway that exports to the PACS.
    pub exporter: Option<GatewayId>,
    /// What becomes of cards that are enrolled at panels.
    pub enrollments: Enrollments,
    /// Messages given to the broker and not yet acknowledged, at most.
    pub in_flight: u16,
    /// Where to publish.
    pub broker: Broker,
}

/// How to reach the broker.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broker {
    /// Name or address.
    pub host: String,
    /// Usually 1883, with TLS 8883.
    pub port: u16,
    /// PEM of the authorities that may have signed the broker's certificate; set: TLS.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// PEM of our own certificate.
    #[serde(default)]
    pub client_cert_file: Option<PathBuf>,
    /// PEM of its key.
    #[serde(default)]
    pub client_key_file: Option<PathBuf>,
    /// Login.
    #[serde(default)]
    pub username: Option<String>,
    /// File whose first line is the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    site: SiteId,
    #[serde(default = "db_default")]
    db: PathBuf,
    #[serde(default = "heartbeat_default")]
    heartbeat_s: u64,
    #[serde(default)]
    exporter: Option<GatewayId>,
    #[serde(default)]
    enrollments: Enrollments,
    #[serde(default = "in_flight_default")]
    in_flight: u16,
    broker: Broker,
}

fn db_default() -> PathBuf {
    "source.db".into()
}

fn heartbeat_default() -> u64 {
    HEARTBEAT_MIN_S
}

fn in_flight_default() -> u16 {
    100
}

impl Config {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// The file, the key, its value and what to do.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.into(), source })?;
        Config::parse(path, &text)
    }

    /// Checks `text`, which came from `path`.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(path: &Path, text: &str) -> Result<Config, ConfigError> {
        let wire: Wire = toml::from_str(text).map_err(|error| ConfigError::Toml {
            path: path.into(),
            reason: error.to_string().trim_end().to_string(),
        })?;
        let value = |key, value: &dyn ToString, remedy: String| ConfigError::Value {
            path: path.into(),
            key,
            value: value.to_string(),
            remedy,
        };
        let Wire { site, db, heartbeat_s, exporter, enrollments, in_flight, mut broker } = wire;
        if heartbeat_s > HEARTBEAT_MAX_S {
            let remedy = format!("seconds, {HEARTBEAT_MIN_S} to {HEARTBEAT_MAX_S}");
            return Err(value("heartbeat_s", &heartbeat_s, remedy));
        }
        if heartbeat_s < HEARTBEAT_MIN_S {
            tracing::warn!(heartbeat_s, "heartbeat_s is below {HEARTBEAT_MIN_S}, which is used instead");
        }
        if !(1..=IN_FLIGHT_MAX).contains(&in_flight) {
            return Err(value("in_flight", &in_flight, format!("messages, 1 to {IN_FLIGHT_MAX}")));
        }
        if broker.port == 0 {
            return Err(value("broker.port", &0, "1 to 65535, usually 1883, with TLS 8883".into()));
        }
        if broker.host.is_empty() || broker.host.contains([':', '/']) {
            let remedy = "a host's name or IPv4 address, without scheme and port".to_string();
            return Err(value("broker.host", &format!("{:?}", broker.host), remedy));
        }
        if let Some((key, remedy)) = unpaired(&broker) {
            return Err(value(key, &"(not set)", remedy.into()));
        }
        let beside = path.parent().unwrap_or(Path::new(""));
        let files = [
            &mut broker.ca_file,
            &mut broker.client_cert_file,
            &mut broker.client_key_file,
            &mut broker.password_file,
        ];
        for file in files.into_iter().flatten() {
            *file = beside.join(&*file);
        }
        let heartbeat_s = heartbeat_s.max(HEARTBEAT_MIN_S);
        Ok(Config { site, db: beside.join(db), heartbeat_s, exporter, enrollments, in_flight, broker })
    }
}

/// A key without which another means nothing.
fn unpaired(broker: &Broker) -> Option<(&'static str, &'static str)> {
    let Broker { ca_file, client_cert_file: cert, client_key_file: key, username, password_file, .. } =
        broker;
    if cert.is_some() && key.is_none() {
        return Some(("broker.client_key_file", "client_cert_file needs it"));
    }
    if key.is_some() && cert.is_none() {
        return Some(("broker.client_cert_file", "client_key_file needs it"));
    }
    if cert.is_some() && ca_file.is_none() {
        return Some(("broker.ca_file", "client_cert_file needs it: there is no TLS without"));
    }
    if password_file.is_some() && username.is_none() {
        return Some(("broker.username", "password_file needs it"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Config;
    use std::path::Path;

    const BROKER: &str = "[broker]\nhost = \"localhost\"\nport = 1883\n";

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Path::new("etc/source.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn every_wrong_value_names_file_key_value_and_remedy() {
        let table = [
            (format!("site = \"A B\"\n{BROKER}"), "1 to 32 of the characters"),
            (format!("site = \"a\"\nsitte = 1\n{BROKER}"), "unknown field `sitte`"),
            (
                format!("site = \"a\"\nheartbeat_s = 90000\n{BROKER}"),
                "heartbeat_s = 90000: seconds, 60 to 86400",
            ),
            (format!("site = \"a\"\nin_flight = 0\n{BROKER}"), "in_flight = 0: messages, 1 to"),
            (
                "site = \"a\"\n[broker]\nhost = \"mqtt://x\"\nport = 1".into(),
                "broker.host = \"mqtt://x\": a host's",
            ),
            ("site = \"a\"\n[broker]\nhost = \"x\"\nport = 0".into(), "broker.port = 0: 1 to 65535"),
            (format!("site = \"a\"\n{BROKER}password_file = \"p\""), "broker.username = (not set)"),
            ("site = \"a\"".into(), "missing field `broker`"),
        ];
        for (text, expected) in table {
            let error = parse(&text).expect_err(&text);
            assert!(error.contains(expected) && error.contains("etc/source.toml"), "{error}");
        }
    }

    #[test]
    fn paths_start_at_the_file_and_a_short_heartbeat_is_raised() {
        let config =
            parse(&format!("site = \"a\"\nheartbeat_s = 5\n{BROKER}ca_file = \"ca.pem\"")).expect("good");
        assert_eq!(config.db, Path::new("etc/source.db"));
        assert_eq!(config.broker.ca_file.as_deref(), Some(Path::new("etc/ca.pem")));
        assert_eq!((config.heartbeat_s, config.in_flight), (60, 100));
    }
}
