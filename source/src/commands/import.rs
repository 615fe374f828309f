//! `import`: check all files, then take them, or only say what that would do.

use super::progress::Progress;
use super::show::table;
use anyhow::{Result, anyhow};
use contract::id::SiteId;
use doorward_source::change::{Change, Check};
use doorward_source::import::diff::{Affected, Diff, Difference, Field, diff};
use doorward_source::import::{self, Reading};
use doorward_source::serve::wake::wake;
use doorward_source::store::{Applied, Store};
use serde_json::{Map, Value, json};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Longest value of a field that is shown to people, in characters.
const VALUE_MAX_CHARS: usize = 60;

/// What to import, and how.
pub(crate) struct Import {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) batch: usize,
    pub(crate) unchecked: bool,
    pub(crate) dry_run: bool,
    pub(crate) json: bool,
    /// The site that the settings name.
    pub(crate) site: Option<SiteId>,
}

/// Checks all files, then takes them in order.
pub(crate) fn import(store: &mut Store, db: &Path, asked: Import) -> Result<()> {
    let as_json = asked.json;
    let (changes, left_out) = read(store, &asked)?;
    if asked.dry_run {
        let mut progress = Progress::new("comparing", as_json);
        let diff = diff(store, &changes, &mut |done, of| progress.at(done, of))?;
        drop(progress);
        let text = if as_json { format!("{}\n", diff_json(&diff, left_out)) } else { lines(&diff, left_out) };
        return print(&text);
    }
    let mut progress = Progress::new("importing", as_json);
    let applied = store.apply_watched(&changes, asked.batch, &mut |done, of| progress.at(done, of))?;
    drop(progress);
    wake(db);
    say(&applied, left_out, as_json);
    Ok(())
}

fn read(store: &Store, asked: &Import) -> Result<(Vec<Change>, u64)> {
    let bound = store.site()?.or_else(|| asked.site.clone());
    let check = if asked.unchecked { Check::Canonical } else { Check::Full };
    let reading = Reading { check, site: bound.as_ref() };
    let (mut changes, mut left_out) = (Vec::new(), 0);
    let mut problems = Vec::new();
    for file in &asked.files {
        let mut progress = Progress::new("reading", asked.json);
        match import::read(file, &reading, &mut |done, of| progress.at(done, of)) {
            Ok(read) => {
                changes.extend(read.changes);
                left_out += read.left_out;
            }
            Err(error) => problems.push(error.to_string()),
        }
    }
    if problems.is_empty() { Ok((changes, left_out)) } else { Err(anyhow!("{}", problems.join("\n"))) }
}

fn say(applied: &Applied, left_out: u64, as_json: bool) {
    let Applied { versions, changed, unchanged } = applied;
    let messages = versions.len();
    if as_json {
        let last = versions.last();
        println!(
            "{}",
            json!({"changed": changed, "unchanged": unchanged, "left_out": left_out, "messages": messages,
                "version": last})
        );
        return;
    }
    let noun = if messages == 1 { "message" } else { "messages" };
    let others = others(left_out);
    match versions.last() {
        Some(last) => {
            println!("{changed} changed, {unchanged} unchanged{others}, {messages} {noun}, up to {last}");
        }
        None => println!("0 changed, {unchanged} unchanged{others}"),
    }
}

fn others(left_out: u64) -> String {
    if left_out == 0 { String::new() } else { format!(", {left_out} lines for other sites left out") }
}

fn diff_json(diff: &Diff, left_out: u64) -> Value {
    let kinds: Map<String, Value> = diff
        .counts
        .iter()
        .map(|(kind, n)| {
            let counts = json!({"added": n.added, "changed": n.changed, "removed": n.removed,
                "unchanged": n.unchanged});
            (kind.clone(), counts)
        })
        .collect();
    let changes: Vec<Value> = diff.affected.iter().map(affected_json).collect();
    json!({"dry_run": true, "kinds": kinds, "left_out": left_out, "changes": changes})
}

fn affected_json(affected: &Affected) -> Value {
    let Affected { kind, key, difference } = affected;
    let (op, fields) = match difference {
        Difference::Added => ("added", None),
        Difference::Removed => ("removed", None),
        Difference::Changed(fields) => ("changed", Some(fields)),
    };
    let mut value = json!({"op": op, "kind": kind, "key": key});
    if let Some(fields) = fields {
        let named = fields
            .iter()
            .map(|Field { name, from, to }| (name.clone(), json!({"from": from, "to": to})))
            .collect();
        value["fields"] = Value::Object(named);
    }
    value
}

/// A reader who has seen enough is no failure: a list of a large site is long.
fn print(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        Err(_) | Ok(()) => Ok(()),
    }
}

fn lines(diff: &Diff, left_out: u64) -> String {
    let mut rows = vec![["KIND", "ADDED", "CHANGED", "REMOVED", "UNCHANGED"].map(String::from)];
    for (kind, n) in &diff.counts {
        let numbers = [n.added, n.changed, n.removed, n.unchanged].map(|n| n.to_string());
        let [added, changed, removed, unchanged] = numbers;
        rows.push([kind.clone(), added, changed, removed, unchanged]);
    }
    let mut text = table(&rows);
    text.push('\n');
    for Affected { kind, key, difference } in &diff.affected {
        let (sign, fields) = match difference {
            Difference::Added => ('+', [].as_slice()),
            Difference::Removed => ('-', [].as_slice()),
            Difference::Changed(fields) => ('~', fields.as_slice()),
        };
        text.push_str(&format!("{sign} {kind} {key}\n"));
        for Field { name, from, to } in fields {
            text.push_str(&format!("    {name}: {} → {}\n", shown(from.as_ref()), shown(to.as_ref())));
        }
    }
    text.push_str(&format!("nothing was written{}\n", others(left_out)));
    text
}

fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else { return "(none)".into() };
    let text = value.to_string();
    let mut short: String = text.chars().take(VALUE_MAX_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
