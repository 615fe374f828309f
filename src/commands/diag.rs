//! `doorward diag FOLDER`: what somebody else needs to help, as text, without what is nobody else's business.
//!
//! What goes in is named key by key: no secret but where it is, no name of a person, no card, no PIN. Whoever sends the folder
//! can read all of it first.
//!
//! Not here: the records and the log; the folder says how to get the log.

use super::doctor;
use crate::config;
use crate::mirror::Mirror;
use crate::mirror::outbox::{self, Kept};
use crate::service::{lock, status};
use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Newest events that go in.
const EVENTS_MAX: u32 = 200;
/// What stands for what is left out.
const LEFT_OUT: &str = "(left out)";
/// Of an event, what says neither who it was nor by which card.
const OF_EVENT: [&str; 7] = ["type", "door", "reader", "granted", "opens", "clock", "out_of_sync"];

/// Writes the folder, which must not be there yet.
///
/// # Errors
/// When it cannot be written. What cannot be read is said in the file that it would have filled.
pub fn diag(file: &Path, folder: &Path) -> Result<()> {
    let named =
        || format!("{}: name a folder that is not there yet, in one that you may write", folder.display());
    DirBuilder::new().mode(0o700).create(folder).with_context(named)?;
    let write = |name: &str, text: String| -> Result<()> {
        let path = folder.join(name);
        let mut made =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).with_context(named)?;
        made.write_all(text.as_bytes()).with_context(named)
    };
    write("versions.txt", versions())?;
    write("config.json", said(settings(file)))?;
    write("doctor.json", said(doctor::examine(file).map(|checks| doctor::as_value(&checks))))?;
    write("status.json", said(standing(file)))?;
    write("events.json", said(events(file)))?;
    write(
        "log.txt",
        "The log is not in here. To send it, read it first, then:\n    journalctl -u doorward --since -2d\n"
            .into(),
    )?;
    println!("{}: written; read it before you send it", folder.display());
    Ok(())
}

fn said(found: Result<Value>) -> String {
    match found {
        Ok(value) => format!("{value:#}\n"),
        Err(error) => format!("{:#}\n", json!({ "not_read": format!("{error:#}") })),
    }
}

fn versions() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let architecture = std::env::consts::ARCH;
    format!(
        "doorward {} on {architecture}\n{}{}",
        env!("CARGO_PKG_VERSION"),
        read("/proc/version"),
        read("/etc/os-release")
    )
}

/// The configuration, once it has been found to hold nothing but what it may: no secret, only the places of secrets.
fn settings(file: &Path) -> Result<Value> {
    config::load(file)?;
    let text = std::fs::read_to_string(file)?;
    let (mut settings, _): (Value, _) = config::read_toml(file, &text)?;
    if let Some(pacs) = settings.get_mut("pacs").and_then(Value::as_object_mut) {
        leave_out(pacs, &["username", "system_id"]);
        if let Some(Value::String(url)) = pacs.get_mut("base_url") {
            *url = without_login(url);
        }
    }
    Ok(settings)
}

fn leave_out(values: &mut Map<String, Value>, keys: &[&str]) {
    for (_, value) in values.iter_mut().filter(|(key, _)| keys.contains(&key.as_str())) {
        *value = LEFT_OUT.into();
    }
}

/// A URL may hold a login, `https://name:password@host`.
fn without_login(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.into() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..end].rsplit('@').next().unwrap_or_default();
    let path = rest[end..].split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

fn standing(file: &Path) -> Result<Value> {
    let config = config::load(file)?;
    let conn = Mirror::at(&config.state_dir).open_reader()?;
    let mut value = status::status(&conn, &config, lock::is_held(&config.state_dir))?;
    if let Some(values) = value.as_object_mut() {
        // By whom.
        leave_out(values, &["lockdown"]);
    }
    Ok(value)
}

fn events(file: &Path) -> Result<Value> {
    let config = config::load(file)?;
    let conn = Mirror::at(&config.state_dir).open_reader()?;
    let newest = outbox::newest(&conn, None, EVENTS_MAX, |_| true)?;
    Ok(newest.into_iter().map(|told| event(told.id, &told.event)).collect())
}

fn event(id: u64, message: &Kept) -> Value {
    let whole = serde_json::to_value(message).unwrap_or_default();
    let mut kept = json!({ "id": id, "at": whole["at"] });
    for key in OF_EVENT {
        if let Some(value) = whole["event"].get(key).filter(|value| !value.is_null()) {
            kept[key] = value.clone();
        }
    }
    // The words name whom a rule is about, the codes do not.
    let reasons = whole["event"]["reasons"].as_array().into_iter().flatten();
    let codes: Vec<&Value> = reasons.map(|reason| &reason["code"]).collect();
    if !codes.is_empty() {
        kept["reasons"] = json!(codes);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::without_login;

    #[test]
    fn a_login_in_a_url_is_left_out() {
        let table = [
            ("https://ada:secret@pacs.example:8443/api?key=secret", "https://pacs.example:8443/api"),
            ("https://pacs.example/a@b", "https://pacs.example/a@b"),
            ("https://pacs.example#secret", "https://pacs.example"),
        ];
        for (url, expected) in table {
            assert_eq!(without_login(url), expected);
        }
    }
}
