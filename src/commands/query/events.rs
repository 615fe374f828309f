//! `doorward query events`: what happened here, whether or not the source has it.

use super::{cells, lines, text};
use crate::commands::table::table;
use crate::mirror::outbox::{self, Kept, Told};
use access::time::UtcTime;
use anyhow::{Result, anyhow};
use rusqlite::Connection;
use serde_json::{Value, json};

/// Which are shown.
pub(super) struct Shown<'a> {
    pub(super) denied: bool,
    pub(super) since: Option<UtcTime>,
    pub(super) filter: Option<&'a str>,
    pub(super) limit: u32,
}

/// The newest that are wanted, oldest first.
pub(super) fn events(conn: &Connection, shown: &Shown<'_>, as_json: bool) -> Result<String> {
    let spelled = |event: &Kept| serde_json::to_value(event).unwrap_or_default();
    let wants = |event: &Kept| {
        let whole = spelled(event);
        let denied = whole["event"]["type"] == "access" && whole["event"]["granted"] == false;
        (!shown.denied || denied) && shown.filter.is_none_or(|text| whole.to_string().contains(text))
    };
    let rows = outbox::newest(conn, shown.since, shown.limit, wants)?.into_iter().map(|told| {
        let Told { id, event, is_received } = told;
        let mut row = spelled(&event);
        (row["id"], row["received"]) = (json!(id), json!(is_received));
        row
    });
    if as_json {
        return Ok(lines(rows));
    }
    let rows: Vec<Value> = rows.collect();
    let row = |row: &Value| {
        let received = if row["received"] == true { "yes" } else { "" };
        [text(row, "/id"), text(row, "/at"), received.into(), text(row, "/event/type"), detail(&row["event"])]
    };
    Ok(table(["EVENT", "AT", "AT SOURCE", "WHAT", "DETAIL"], &cells(&rows, row)))
}

/// A card at a door in words; anything else as it is.
fn detail(event: &Value) -> String {
    if event["type"] == "access" {
        let who = match text(event, "/user").as_str() {
            "" => format!("card {}", text(event, "/hex")),
            user => format!("{user}, card {}", text(event, "/hex")),
        };
        let verdict = if event["granted"] == true { "granted" } else { "denied" };
        let reasons = event["reasons"].as_array().into_iter().flatten();
        let reasons: Vec<String> = reasons.map(|reason| text(reason, "/words")).collect();
        let why = if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) };
        return format!("{who} at {}: {verdict}{why}", text(event, "/door"));
    }
    let mut detail = event.as_object().cloned().unwrap_or_default();
    detail.remove("type");
    Value::Object(detail).to_string()
}

/// `08:00` is the last time that it was that late, in UTC; `2h` ago; or an instant.
pub(super) fn instant(text: &str, now: UtcTime) -> Result<UtcTime> {
    const DAY_S: i64 = 24 * 3_600;
    let ago = |unit: char, unit_s: i64| {
        let number = text.strip_suffix(unit).and_then(|number| number.parse::<u32>().ok())?;
        Some(UtcTime::from_unix(now.unix().saturating_sub(i64::from(number) * unit_s)))
    };
    let of_day = || {
        let (hours, minutes) = text.split_once(':')?;
        let (hours, minutes) = (hours.parse::<u32>().ok()?, minutes.parse::<u32>().ok()?);
        let late_s = i64::from((hours < 24 && minutes < 60).then_some(hours * 3_600 + minutes * 60)?);
        let midnight = now.unix() - now.unix().rem_euclid(DAY_S);
        let today = midnight + late_s;
        Some(UtcTime::from_unix(if today <= now.unix() { today } else { today - DAY_S }))
    };
    let found = [ago('d', DAY_S), ago('h', 3_600), ago('m', 60), of_day(), UtcTime::parse_any(text)];
    found
        .into_iter()
        .flatten()
        .next()
        .ok_or_else(|| anyhow!("--since {text:?}: write it like 08:00, 2h, 30m, 7d or 2026-11-23T08:00:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_when() {
        let at = |text: &str| UtcTime::parse(text).expect("an instant");
        let now = at("2026-11-23T10:30:00Z");
        let table = [
            ("08:00", "2026-11-23T08:00:00Z"),
            ("10:30", "2026-11-23T10:30:00Z"),
            ("10:31", "2026-11-22T10:31:00Z"),
            ("2h", "2026-11-23T08:30:00Z"),
            ("45m", "2026-11-23T09:45:00Z"),
            ("7d", "2026-11-16T10:30:00Z"),
            ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ];
        for (text, wanted) in table {
            assert_eq!(instant(text, now).expect(text), at(wanted), "{text}");
        }
        for text in ["", "24:00", "8", "08:60", "h", "-1h", "yesterday"] {
            assert!(instant(text, now).is_err(), "{text}");
        }
    }
}
