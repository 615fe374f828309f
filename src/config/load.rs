//! Reading the file and complaining well.
//!
//! Not here: what one value has to do with another (`check`).

use super::check::Check;
use super::form::{Misfit, read_table};
use super::tree::{NoTree, read_tree};
use super::{Config, SecretSource};
use serde::de::DeserializeOwned;
use std::fs;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

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
    let table = read_tree(text).map_err(|no_tree| syntax(path, text, no_tree))?;
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

fn syntax(path: &Path, text: &str, no_tree: NoTree) -> ConfigError {
    let NoTree { line, misfit } = no_tree;
    ConfigError {
        file: path.into(),
        key: format!("line {line}"),
        value: text
            .lines()
            .nth(line - 1)
            .filter(|line| {
                ![*line, &misfit.key].into_iter().any(|it| may_hold_a_secret(it) || looks_like_a_login(it))
            })
            .map(|line| line.trim().into()),
        problem: misfit.to_string(),
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
    let value = lookup(table, &key).map(spelled).filter(|_| !looks_like_a_login(&key));
    ConfigError { file: path.into(), key, value, problem: message, remedy }
}

fn may_hold_a_secret(text: &str) -> bool {
    text.contains("password") || text.contains("client_key") || is_reader_key(text)
}

/// A login under a misspelt name, which is nobody's place.
fn looks_like_a_login(key: &str) -> bool {
    ["pass", "pasw", "pwd", "secret"].iter().any(|part| key.contains(part))
}

/// The base key of an OSDP reader, by its dotted key or by its line.
fn is_reader_key(text: &str) -> bool {
    let text = text.trim_start();
    (text.starts_with("reader[") && text.split('.').any(|part| part == "key"))
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
pub fn spelled(value: &toml::Value) -> String {
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
    resolve(&mut config.clock.relay);
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
