//! `doorward query`: what the mirror holds, read-only, network or not, daemon or not.

mod events;
mod notes;

use super::table::table;
use crate::cli::What;
use crate::config;
use crate::mirror::Mirror;
use crate::mirror::audit::{self, Entry};
use crate::mirror::list::{self, Listed, RefusedMessage};
use anyhow::{Result, anyhow};
use contract::id::Kind;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::Path;

/// Which events.
#[derive(Clone, Debug, Default)]
pub struct Only {
    /// Cards that might not pass.
    pub denied: bool,
    /// Since then.
    pub since: Option<String>,
}

/// Prints what was asked for.
///
/// # Errors
/// When the configuration or the mirror cannot be read.
pub fn query(
    file: &Path,
    what: What,
    filter: Option<&str>,
    as_json: bool,
    limit: u32,
    only: &Only,
) -> Result<()> {
    let config = config::load(file)?;
    if what != What::Events && (only.denied || only.since.is_some()) {
        return Err(anyhow!("--denied and --since are for events alone: leave them out"));
    }
    let conn = Mirror::at(&config.state_dir).open_reader()?;
    let text = match what {
        What::Users => records(&conn, Kind::User, filter, as_json, limit)?,
        What::Tokens => records(&conn, Kind::Token, filter, as_json, limit)?,
        What::Entitlements => records(&conn, Kind::Entitlement, filter, as_json, limit)?,
        What::Assignments => records(&conn, Kind::Assignment, filter, as_json, limit)?,
        What::Schedules => records(&conn, Kind::Schedule, filter, as_json, limit)?,
        What::Doors => records(&conn, Kind::Door, filter, as_json, limit)?,
        What::Audit => audited(&audit::list(&conn, limit)?, filter, as_json),
        What::Events => {
            let since = only.since.as_deref();
            let since = since.map(|text| events::instant(text, super::clock::standing(&config, file)?.now));
            let shown = events::Shown { denied: only.denied, since: since.transpose()?, filter, limit };
            events::events(&conn, &shown, as_json)?
        }
        What::Refused => refused(
            &list::refused_records(&conn, limit)?,
            &list::refused_messages(&conn, limit)?,
            filter,
            as_json,
        ),
    };
    print!("{text}");
    Ok(())
}

fn records(conn: &Connection, kind: Kind, filter: Option<&str>, as_json: bool, limit: u32) -> Result<String> {
    let mut rows = Vec::new();
    for found in list::records(conn, kind, filter, limit)? {
        let mut row = as_value(&found);
        if found.refused.is_none() {
            notes::add(conn, kind, &found.body, &mut row)?;
        }
        rows.push(row);
    }
    if as_json {
        return Ok(lines(rows.into_iter()));
    }
    Ok(tabled(kind, &rows))
}

fn tabled(kind: Kind, rows: &[Value]) -> String {
    match kind {
        Kind::User => table(
            ["USER", "NAME", "STATUS", "ORGANIZATION", "VERSION"],
            &cells(rows, |row| {
                let name =
                    format!("{} {}", text(row, "/record/given_name"), text(row, "/record/family_name"));
                [text(row, "/key"), name, status(row), text(row, "/record/organization"), version(row)]
            }),
        ),
        Kind::Token => tokens(rows),
        Kind::Entitlement => table(
            ["ENTITLEMENT", "NAME", "TYPE", "PACS REF", "IN PACS", "VERSION"],
            &cells(rows, |row| {
                let name = text(row, "/record/display_name");
                [
                    text(row, "/key"),
                    name,
                    text(row, "/record/type"),
                    text(row, "/record/pacs_ref"),
                    in_pacs(row),
                    version(row),
                ]
            }),
        ),
        Kind::Assignment => table(
            ["ASSIGNMENT", "USER", "ENTITLEMENT", "VALID", "HELD", "VERSION"],
            &cells(rows, |row| {
                let entitlement = text(row, "/record/entitlement");
                let (user, held) = (text(row, "/record/user"), text(row, "/held"));
                [text(row, "/key"), user, entitlement, valid(row), held, version(row)]
            }),
        ),
        Kind::Schedule => table(
            ["SCHEDULE", "ZONE", "VERSION"],
            &cells(rows, |row| [text(row, "/key"), text(row, "/record/zone"), version(row)]),
        ),
        Kind::Door => table(
            ["DOOR", "NAME", "CONTROLLED BY", "GRANTS", "VERSION"],
            &cells(rows, |row| {
                let by = row.pointer("/record/controlled_by").and_then(Value::as_str).unwrap_or("pacs");
                [text(row, "/key"), text(row, "/record/name"), by.into(), grants(row), version(row)]
            }),
        ),
    }
}

fn tokens(rows: &[Value]) -> String {
    table(
        ["TOKEN", "KIND", "STATUS", "EFFECTIVE", "CERTIFICATE", "USER", "IDENTIFIERS", "VALID", "VERSION"],
        &cells(rows, |row| {
            [
                text(row, "/key"),
                text(row, "/record/kind"),
                status(row),
                text(row, "/effective/status"),
                text(row, "/effective/certificate"),
                text(row, "/record/user"),
                identifiers(row),
                valid(row),
                version(row),
            ]
        }),
    )
}

fn cells<const N: usize>(rows: &[Value], cells: impl Fn(&Value) -> [String; N]) -> Vec<[String; N]> {
    rows.iter().map(cells).collect()
}

/// A record for a program: the PIN is only ever said to be there.
fn as_value(listed: &Listed) -> Value {
    let mut record = match serde_json::from_str(&listed.body) {
        Ok(record) => record,
        Err(_) => Value::String("(not readable as JSON)".into()),
    };
    if let Some(pin) = record.get_mut("pin") {
        *pin = Value::String("(set)".into());
    }
    let mut value =
        json!({ "kind": listed.kind, "key": listed.key, "version": listed.version, "record": record });
    if let (Some(reason), Some(members)) = (&listed.refused, value.as_object_mut()) {
        members.insert("refused".into(), Value::String(reason.clone()));
    }
    value
}

fn text(row: &Value, pointer: &str) -> String {
    match row.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

fn status(row: &Value) -> String {
    if row.get("refused").is_some() { "REFUSED".into() } else { text(row, "/record/status") }
}

fn version(row: &Value) -> String {
    format!("{}/{}", text(row, "/version/0"), text(row, "/version/1"))
}

fn valid(row: &Value) -> String {
    let (from, to) = (text(row, "/record/valid_from"), text(row, "/record/valid_to"));
    if from.is_empty() && to.is_empty() { "always".into() } else { format!("{from} .. {to}") }
}

fn in_pacs(row: &Value) -> String {
    let is_defined = row.pointer("/in_pacs/defined").and_then(Value::as_bool);
    match (is_defined, text(row, "/in_pacs/vanished_at").as_str()) {
        (None, _) => String::new(),
        (Some(true), _) => "yes".into(),
        (Some(false), "") => "not listed".into(),
        (Some(false), at) => format!("vanished {at}"),
    }
}

fn identifiers(row: &Value) -> String {
    let all = row.pointer("/record/identifiers").and_then(Value::as_array).cloned().unwrap_or_default();
    let all: Vec<String> =
        all.iter().map(|one| format!("{}:{}", text(one, "/type"), text(one, "/hex"))).collect();
    all.join(" ")
}

fn grants(row: &Value) -> String {
    let all = row.pointer("/record/grants").and_then(Value::as_array).cloned().unwrap_or_default();
    let one = |grant: &Value| match text(grant, "/schedule").as_str() {
        "" => text(grant, "/entitlement"),
        schedule => format!("{} ({schedule})", text(grant, "/entitlement")),
    };
    all.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn refused(records: &[Listed], messages: &[RefusedMessage], filter: Option<&str>, as_json: bool) -> String {
    let record = |one: &Listed| {
        json!({ "what": format!("{} {}", one.kind, one.key), "when": one.version.to_string(),
                "reason": one.refused, "content": one.body })
    };
    let message = |one: &RefusedMessage| {
        json!({ "what": format!("message on {}, {} bytes", one.topic, one.bytes), "when": one.at,
                "reason": one.reason, "content": String::from_utf8_lossy(&one.head) })
    };
    let all = records.iter().map(record).chain(messages.iter().map(message));
    let wanted = all.filter(|row| filter.is_none_or(|text| row.to_string().contains(text))).map(|mut row| {
        // Foreign bytes that nobody has understood may hold anything, a PIN among it.
        if row["content"].as_str().is_some_and(|content| content.contains("\"pin\"")) {
            row["content"] = Value::String("(holds a PIN; not shown)".into());
        }
        row
    });
    if as_json {
        return lines(wanted);
    }
    let rows: Vec<Value> = wanted.collect();
    table(
        ["WHAT", "WHEN", "REASON"],
        &cells(&rows, |row| [text(row, "/what"), text(row, "/when"), text(row, "/reason")]),
    )
}

fn audited(entries: &[Entry], filter: Option<&str>, as_json: bool) -> String {
    let spelled = |entry: &Entry| json!({ "at": entry.at, "who": entry.who, "order": entry.order, "outcome": entry.outcome });
    let wanted = entries.iter().map(spelled);
    let wanted = wanted.filter(|entry| filter.is_none_or(|text| entry.to_string().contains(text)));
    if as_json {
        return lines(wanted);
    }
    let rows: Vec<Value> = wanted.collect();
    table(
        ["AT", "WHO", "ORDER", "OUTCOME"],
        &cells(&rows, |row| ["/at", "/who", "/order", "/outcome"].map(|member| text(row, member))),
    )
}

/// One JSON value a line, so that programs can read as they go.
fn lines(values: impl Iterator<Item = Value>) -> String {
    values.map(|value| format!("{value}\n")).collect()
}
