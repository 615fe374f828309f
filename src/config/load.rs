//! Reading the file and complaining well.

use super::form::{Misfit, read_table};
use super::reader::Flaw;
use super::{Config, HOLDOVER_MAX_S, ReaderConfig, SecretSource, Unfit};
use access::text::Secret;
use serde::de::DeserializeOwned;
use std::fs;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// Longest secret in bytes; a PEM key fits.
const SECRET_MAX_BYTES: u64 = 64 * 1024;

/// What is wrong with the configuration, and what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{file}: {key}{value}: {problem}; {remedy}", file = file.display(), value = shown(value))]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// The key, dotted; the line where there is no key.
    pub key: String,
    /// The value found there.
    pub value: Option<String>,
    /// What is wrong with it.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl ConfigError {
    /// About what stands at the dotted `key` of `table`, which is the content of `file`.
    pub fn about(
        file: &Path,
        table: &toml::Table,
        key: &str,
        problem: String,
        remedy: String,
    ) -> ConfigError {
        let value = lookup(table, key).map(spelled);
        ConfigError { file: file.into(), key: key.into(), value, problem, remedy }
    }
}

fn shown(value: &Option<String>) -> String {
    value.as_ref().map(|value| format!(" = {value}")).unwrap_or_default()
}

/// Reads and checks the file at `path`. Relative paths in it are relative to its folder.
///
/// # Errors
/// The first complaint.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    parse(path, &read_text(path)?)
}

/// Checks `text` as the content of `path`.
///
/// # Errors
/// The first complaint.
pub fn parse(path: &Path, text: &str) -> Result<Config, ConfigError> {
    let (mut config, table): (Config, _) = read_toml(path, text)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    resolve_paths(&mut config, folder);
    Check { file: path, table: &table }.all(&config)?;
    Ok(config)
}

/// Reads `text`, the content of `path`, into a form that refuses what it does not know.
///
/// # Errors
/// The first complaint.
pub fn read_toml<T: DeserializeOwned>(path: &Path, text: &str) -> Result<(T, toml::Table), ConfigError> {
    let table: toml::Table = toml::from_str(text).map_err(|error| syntax(path, text, &error))?;
    let form = read_table(&table).map_err(|misfit| wrong_value(path, &table, misfit))?;
    Ok((form, table))
}

/// What has to be known before anything else: it is read even where the rest of the file is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Places {
    /// The board file of this panel.
    pub board: Option<PathBuf>,
    /// Where the daemon's lock is.
    pub state_dir: PathBuf,
}

/// Reads these two keys of the file at `path`, whatever else is wrong with it.
///
/// # Errors
/// When there is no such file.
pub fn places(path: &Path) -> Result<Places, ConfigError> {
    let text = read_text(path)?;
    let (table, _) = DeTable::parse_recoverable(&text);
    let folder = path.parent().unwrap_or(Path::new("."));
    let named = |key: &str| Some(folder.join(table.get_ref().get(key)?.get_ref().as_str()?));
    Ok(Places {
        board: named("board"),
        state_dir: named("state_dir").unwrap_or_else(super::default_state_dir),
    })
}

fn read_text(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|error| ConfigError {
        file: path.into(),
        key: "the file".into(),
        value: None,
        problem: error.to_string(),
        remedy: "name a readable file with --config".into(),
    })
}

fn syntax(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    ConfigError {
        file: path.into(),
        key: format!("line {line}"),
        value: text
            .lines()
            .nth(line - 1)
            .filter(|line| !may_hold_a_secret(line))
            .map(|line| line.trim().into()),
        problem: error.message().trim().replace('\n', ", "),
        remedy: "write it as TOML: key = \"text\", key = 5, [section]".into(),
    }
}

fn wrong_value(path: &Path, table: &toml::Table, misfit: Misfit) -> ConfigError {
    let Misfit { mut key, problem: message } = misfit;
    let mut remedy = String::from("correct the value");
    if let Some(rest) = message.strip_prefix("missing field `") {
        let missing = rest.trim_end_matches('`');
        key = if key.is_empty() { missing.into() } else { format!("{key}.{missing}") };
        remedy = "add the key".into();
    } else if message.starts_with("unknown field") {
        remedy = "remove the key, or correct its name".into();
    }
    if may_hold_a_secret(&key) {
        // Somebody has written the secret itself; neither it nor words that quote it are repeated.
        let problem = "is not the place of a secret".into();
        let remedy = "give { file = \"…\" } or { credential = \"…\" }".into();
        return ConfigError { file: path.into(), key, value: None, problem, remedy };
    }
    let value = lookup(table, &key).map(spelled);
    ConfigError { file: path.into(), key, value, problem: message, remedy }
}

fn may_hold_a_secret(text: &str) -> bool {
    text.contains("password") || text.contains("client_key") || is_reader_key(text)
}

/// The base key of an OSDP reader, by its dotted key or by its line.
fn is_reader_key(text: &str) -> bool {
    let text = text.trim_start();
    (text.starts_with("reader[") && text.ends_with(".key"))
        || text.split('=').next().is_some_and(|key| key.trim() == "key")
}

fn lookup<'a>(table: &'a toml::Table, key: &str) -> Option<&'a toml::Value> {
    let mut parts = key.split('.');
    let first = indexed(parts.next()?, |name| table.get(name))?;
    parts.try_fold(first, |value, part| indexed(part, |name| value.get(name)))
}

/// What `part` names: `reader`, or `reader[2]` for the third of an array.
fn indexed<'a>(part: &str, get: impl Fn(&str) -> Option<&'a toml::Value>) -> Option<&'a toml::Value> {
    let Some((name, at)) = part.strip_suffix(']').and_then(|part| part.split_once('[')) else {
        return get(part);
    };
    get(name)?.get(at.parse::<usize>().ok()?)
}

/// A value as a person would recognise it; tables and arrays only by what they are.
fn spelled(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => format!("{text:?}"),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Boolean(yes) => yes.to_string(),
        other => format!("(a TOML {})", other.type_str()),
    }
}

fn resolve_paths(config: &mut Config, folder: &Path) {
    let resolve = |path: &mut PathBuf| *path = folder.join(&*path);
    let resolve_secret = |secret: &mut Option<SecretSource>| {
        if let Some(file) = secret.as_mut().and_then(|secret| secret.file.as_mut()) {
            *file = folder.join(&*file);
        }
    };
    resolve(&mut config.state_dir);
    resolve(&mut config.control_dir);
    config.board.iter_mut().for_each(resolve);
    config.broker.ca_file.iter_mut().for_each(resolve);
    config.broker.client_cert_file.iter_mut().for_each(resolve);
    resolve_secret(&mut config.broker.client_key);
    resolve_secret(&mut config.broker.password);
    for reader in &mut config.reader {
        reader.device.iter_mut().for_each(resolve);
        resolve_secret(&mut reader.key);
    }
    if let Some(pacs) = &mut config.pacs {
        resolve(&mut pacs.profile);
        pacs.ca_file.iter_mut().for_each(resolve);
        pacs.client_cert_file.iter_mut().for_each(resolve);
        resolve_secret(&mut pacs.client_key);
        resolve_secret(&mut pacs.password);
    }
}

struct Check<'a> {
    file: &'a Path,
    table: &'a toml::Table,
}

impl Check<'_> {
    fn error(&self, key: &str, problem: &str, remedy: &str) -> ConfigError {
        ConfigError::about(self.file, self.table, key, problem.into(), remedy.into())
    }

    fn require(&self, holds: bool, key: &str, problem: &str, remedy: &str) -> Result<(), ConfigError> {
        if holds { Ok(()) } else { Err(self.error(key, problem, remedy)) }
    }

    fn all(&self, config: &Config) -> Result<(), ConfigError> {
        let broker = &config.broker;
        self.require(
            !broker.host.is_empty(),
            "broker.host",
            "is empty",
            "name the broker's host or address",
        )?;
        self.require(
            broker.keep_alive_s >= 5,
            "broker.keep_alive_s",
            "is below 5 s",
            "give at least 5; 30 is usual",
        )?;
        let pair = broker.client_cert_file.is_some() == broker.client_key.is_some();
        self.require(
            pair,
            "broker.client_cert_file",
            "stands without broker.client_key, or the other way round",
            "give both, or neither",
        )?;
        let tls = broker.ca_file.is_some() || broker.client_cert_file.is_none();
        self.require(tls, "broker.client_cert_file", "needs TLS", "give broker.ca_file as well")?;
        let login = broker.username.is_some() || broker.password.is_none();
        self.require(
            login,
            "broker.password",
            "stands without broker.username",
            "give the user name as well",
        )?;
        self.secret("broker.client_key", broker.client_key.as_ref())?;
        self.secret("broker.password", broker.password.as_ref())?;
        let per_poll = (1..=65_535).contains(&config.mirror.updates_per_poll);
        self.require(per_poll, "mirror.updates_per_poll", "is not within 1 to 65535", "4096 is usual")?;
        let every = config.mirror.scrub_every_h <= 8_760;
        self.require(every, "mirror.scrub_every_h", "is more than a year", "24 is usual, 0 is never")?;
        let holdover = config.clock.holdover_s <= HOLDOVER_MAX_S;
        self.require(holdover, "clock.holdover_s", "is more than 30 days", "86400, a day, is usual")?;
        self.readers(&config.reader)?;
        super::door::check(&config.door, &config.reader).map_err(|flaw| self.flaw(&flaw))?;
        super::leash::check(&config.leash).map_err(|flaw| self.flaw(&flaw))?;
        match &config.pacs {
            Some(pacs) => self.pacs(pacs),
            None => Ok(()),
        }
    }

    fn flaw(&self, flaw: &Flaw) -> ConfigError {
        self.error(&flaw.key, &flaw.problem, &flaw.remedy)
    }

    fn readers(&self, readers: &[ReaderConfig]) -> Result<(), ConfigError> {
        super::reader::check(readers).map_err(|flaw| self.flaw(&flaw))?;
        for (at, reader) in readers.iter().enumerate() {
            self.secret(&format!("reader[{at}].key"), reader.key.as_ref())?;
        }
        Ok(())
    }

    fn pacs(&self, pacs: &super::Pacs) -> Result<(), ConfigError> {
        let url = &pacs.base_url;
        let scheme = url.starts_with("http://") || url.starts_with("https://");
        self.require(scheme, "pacs.base_url", "is not a URL", "begin it with http:// or https://")?;
        let ca = pacs.ca_file.is_some() || !url.starts_with("https://");
        self.require(
            ca,
            "pacs.ca_file",
            "is missing for https",
            "name the PEM file of the authority that signed the PACS's certificate",
        )?;
        self.require(
            (1..=300).contains(&pacs.timeout_s),
            "pacs.timeout_s",
            "is not within 1 to 300 s",
            "10 is usual",
        )?;
        self.require(
            (1..=3600).contains(&pacs.late_s),
            "pacs.late_s",
            "is not within 1 to 3600 s",
            "60 is usual; not below the PACS's own time-out",
        )?;
        self.require(
            (1..=32).contains(&pacs.concurrency),
            "pacs.concurrency",
            "is not within 1 to 32",
            "4 is usual",
        )?;
        self.require(pacs.import_every_s >= 60, "pacs.import_every_s", "is below 60 s", "3600 is usual")?;
        // A key or bearer token has no user name beside it.
        let login = pacs.username.is_none() || pacs.password.is_some();
        self.require(login, "pacs.username", "stands without pacs.password", "give the password as well")?;
        let pair = pacs.client_cert_file.is_some() == pacs.client_key.is_some();
        self.require(
            pair,
            "pacs.client_cert_file",
            "stands without pacs.client_key, or the other way round",
            "give both, or neither",
        )?;
        let tls = pacs.ca_file.is_some() || pacs.client_cert_file.is_none();
        self.require(tls, "pacs.client_cert_file", "needs TLS", "give pacs.ca_file as well")?;
        self.secret("pacs.client_key", pacs.client_key.as_ref())?;
        self.secret("pacs.password", pacs.password.as_ref())?;
        let unfit = |Unfit { key, problem, remedy }| self.error(key, &problem, &remedy);
        pacs.card_number().map(|_| ()).map_err(unfit)
    }

    fn secret(&self, key: &str, secret: Option<&SecretSource>) -> Result<(), ConfigError> {
        let one = secret.is_none_or(|secret| secret.file.is_some() != secret.credential.is_some());
        self.require(one, key, "names no source, or two", "give { file = \"…\" } or { credential = \"…\" }")
    }
}

impl SecretSource {
    /// Reads the secret; one newline at the end is not part of it.
    ///
    /// # Errors
    /// Which file cannot be read, and how to mend it; never the content.
    pub fn read(&self, file: &Path, key: &str) -> Result<Secret, ConfigError> {
        let path = self.path();
        let complain = |problem: String, remedy: &str| ConfigError {
            file: file.into(),
            key: key.into(),
            value: Some(path.as_ref().map_or_else(|| format!("{self:?}"), |path| path.display().to_string())),
            problem,
            remedy: remedy.into(),
        };
        let Some(path) = &path else {
            return Err(complain(
                "systemd has passed no credentials".into(),
                "add LoadCredential= to the unit, or name a file instead",
            ));
        };
        let size = fs::metadata(path).map(|file| file.len());
        if size.as_ref().is_ok_and(|size| *size > SECRET_MAX_BYTES) {
            return Err(complain("is larger than 64 KiB".into(), "name the file that holds just the secret"));
        }
        let mut text = fs::read_to_string(path)
            .map_err(|error| complain(error.to_string(), "make the file, readable by the service alone"))?;
        let end = text.trim_end_matches('\n').trim_end_matches('\r').len();
        text.truncate(end);
        if text.is_empty() {
            return Err(complain("is empty".into(), "write the secret into it"));
        }
        Ok(Secret::from(text))
    }

    fn path(&self) -> Option<PathBuf> {
        match (&self.file, &self.credential) {
            (Some(file), _) => Some(file.clone()),
            (None, Some(name)) => {
                std::env::var_os("CREDENTIALS_DIRECTORY").map(|folder| PathBuf::from(folder).join(name))
            }
            (None, None) => None,
        }
    }
}

/// Settings that are taken otherwise than written, or whose price should be known.
pub fn warnings(config: &Config) -> Vec<String> {
    let asked = config.broker.heartbeat_s;
    let short = (asked < contract::HEARTBEAT_MIN_S)
        .then(|| format!("broker.heartbeat_s = {asked} is taken as {}", contract::HEARTBEAT_MIN_S));
    let cut = config.pacs.as_ref().is_some_and(|pacs| pacs.card_number_cut).then(|| {
        "pacs.card_number_cut = true: cards may share a number; of two that do, one is held".to_owned()
    });
    short.into_iter().chain(cut).collect()
}
