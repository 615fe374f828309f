//! `doorward query`: what the mirror holds, read-only, network or not, daemon or not.

use super::table::table;
use crate::cli::What;
use crate::config;
use crate::mirror::Mirror;
use crate::mirror::list::{self, Listed, RefusedMessage};
use anyhow::Result;
use contract::id::Kind;
use contract::messages::EventMessage;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::Path;

/// Prints what was asked for.
///
/// # Errors
/// When the configuration or the mirror cannot be read.
pub fn query(config: &Path, what: What, filter: Option<&str>, as_json: bool, limit: u32) -> Result<()> {
    let config = config::load(config)?;
    let conn = Mirror::at(&config.state_dir).open_reader()?;
    let text = match what {
        What::Users => records(&conn, Kind::User, filter, as_json, limit)?,
        What::Tokens => records(&conn, Kind::Token, filter, as_json, limit)?,
        What::Entitlements => records(&conn, Kind::Entitlement, filter, as_json, limit)?,
        What::Assignments => records(&conn, Kind::Assignment, filter, as_json, limit)?,
        What::Schedules => records(&conn, Kind::Schedule, filter, as_json, limit)?,
        What::Doors => records(&conn, Kind::Door, filter, as_json, limit)?,
        What::Events => events(list::events(&conn, limit)?, filter, as_json),
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
    let found = list::records(conn, kind, filter, limit)?;
    if as_json {
        return Ok(lines(found.iter().map(as_value)));
    }
    let rows: Vec<Value> = found.iter().map(as_value).collect();
    Ok(match kind {
        Kind::User => table(
            ["USER", "NAME", "STATUS", "ORGANIZATION", "VERSION"],
            &cells(&rows, |row| {
                let name =
                    format!("{} {}", text(row, "/record/given_name"), text(row, "/record/family_name"));
                [text(row, "/key"), name, status(row), text(row, "/record/organization"), version(row)]
            }),
        ),
        Kind::Token => table(
            ["TOKEN", "KIND", "STATUS", "USER", "IDENTIFIERS", "VALID", "VERSION"],
            &cells(&rows, |row| {
                let user = text(row, "/record/user");
                [
                    text(row, "/key"),
                    text(row, "/record/kind"),
                    status(row),
                    user,
                    identifiers(row),
                    valid(row),
                    version(row),
                ]
            }),
        ),
        Kind::Entitlement => table(
            ["ENTITLEMENT", "NAME", "TYPE", "PACS REF", "VERSION"],
            &cells(&rows, |row| {
                let name = text(row, "/record/display_name");
                [
                    text(row, "/key"),
                    name,
                    text(row, "/record/type"),
                    text(row, "/record/pacs_ref"),
                    version(row),
                ]
            }),
        ),
        Kind::Assignment => table(
            ["ASSIGNMENT", "USER", "ENTITLEMENT", "VALID", "VERSION"],
            &cells(&rows, |row| {
                let entitlement = text(row, "/record/entitlement");
                [text(row, "/key"), text(row, "/record/user"), entitlement, valid(row), version(row)]
            }),
        ),
        Kind::Schedule => table(
            ["SCHEDULE", "ZONE", "VERSION"],
            &cells(&rows, |row| [text(row, "/key"), text(row, "/record/zone"), version(row)]),
        ),
        Kind::Door => table(
            ["DOOR", "NAME", "CONTROLLED BY", "GRANTS", "VERSION"],
            &cells(&rows, |row| {
                let by = row.pointer("/record/controlled_by").and_then(Value::as_str).unwrap_or("pacs");
                [text(row, "/key"), text(row, "/record/name"), by.into(), grants(row), version(row)]
            }),
        ),
    })
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

fn events(events: Vec<EventMessage>, filter: Option<&str>, as_json: bool) -> String {
    let spelled = |event: &EventMessage| serde_json::to_value(event).unwrap_or_default();
    let wanted =
        events.iter().map(spelled).filter(|event| filter.is_none_or(|text| event.to_string().contains(text)));
    if as_json {
        return lines(wanted);
    }
    let rows: Vec<Value> = wanted.collect();
    let row = |row: &Value| {
        let mut detail = row["event"].as_object().cloned().unwrap_or_default();
        detail.remove("type");
        [text(row, "/seq"), text(row, "/at"), text(row, "/event/type"), Value::Object(detail).to_string()]
    };
    table(["SEQ", "AT", "EVENT", "DETAIL"], &cells(&rows, row))
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

/// One JSON value a line, so that programs can read as they go.
fn lines(values: impl Iterator<Item = Value>) -> String {
    values.map(|value| format!("{value}\n")).collect()
}
