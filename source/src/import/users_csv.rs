//! users.csv: one user a line, with its card and entitlements. Comma-separated, UTF-8, a header line first.
//!
//! | column | what |
//! |---|---|
//! | `id` | the user's key: 1 to 64 of `A-Z a-z 0-9 . _ @ : + -`; required |
//! | `given_name`, `family_name` | required |
//! | `status` | `active`, `inactive` or `locked`; required |
//! | `organization` | overrides the PACS profile's default |
//! | `email_TYPE`, `phone_TYPE`, `attribute_NAME` | any number of them, e.g. `email_work`, `phone_mobile` |
//! | `pin` | PIN at the reader |
//! | `card_uid` | the card's raw bytes in hexadecimal: 8, 14 or 20 digits, leading zeros kept |
//! | `card_id` | the token's key; without it `card-` and the user's id |
//! | `card_kind` | `card` (default), `temporary_card` and the other token kinds |
//! | `site` | the only site that gets the line; without it all do |
//! | `entitlements` | `name`, or `name@from..to` with instants `YYYY-MM-DDTHH:MM:SSZ`, either of them optional; several with `;` |
//!
//! An empty cell leaves the member out. A line gives a `user`, with a `card_uid` a `token` (identifier type
//! `mifare`, status ACTIVE), and for each entitlement an `assignment` keyed `{user}.{entitlement}`.
//! Importing adds and changes, it never deletes: take a right away with `doorward-source delete`.

use super::{Lines, Problems};
use crate::change::{Change, Check};
use access::time::UtcTime;
use access::uid::RawId;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Columns with a meaning of their own.
const COLUMNS: [&str; 11] = [
    "id",
    "given_name",
    "family_name",
    "status",
    "organization",
    "pin",
    "card_uid",
    "card_id",
    "card_kind",
    "site",
    "entitlements",
];
const REQUIRED: [&str; 4] = ["id", "given_name", "family_name", "status"];
/// Open sets: the rest of the column's name goes into the member.
const PREFIXES: [(&str, &str); 3] =
    [("email_", "emails"), ("phone_", "phones"), ("attribute_", "attributes")];
/// Lengths of a MIFARE UID in bytes. Any other is a spreadsheet that dropped leading zeros.
const UID_BYTES: [usize; 3] = [4, 7, 10];

/// One line, its cells by column.
struct Cells<'a> {
    line: u64,
    by_column: Vec<(&'a str, &'a str)>,
}

impl<'a> Cells<'a> {
    /// The cell, unless it is empty or the column is not there.
    fn get(&self, column: &str) -> Option<&'a str> {
        self.by_column.iter().find(|(name, _)| *name == column).map(|(_, cell)| *cell)
    }
}

/// Reads `text`; what is wrong goes to the problems of `lines`.
pub(super) fn read(text: &str, lines: &mut Lines<'_>) -> Vec<Change> {
    let Lines { sites, problems, at: watch } = lines;
    // Spreadsheets put a byte-order mark in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => {
            problems.add(1, "header", error);
            return Vec::new();
        }
    };
    if !header_is_good(&header, problems) {
        return Vec::new();
    }
    let mut changes = Vec::new();
    let mut seen = HashMap::new();
    for record in reader.records() {
        match record {
            Err(error) => {
                problems.add(error.position().map_or(0, csv::Position::line), "line", csv_words(&error));
            }
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                let filled = header.iter().zip(record.iter()).filter(|(_, cell)| !cell.is_empty());
                let cells = Cells { line, by_column: filled.collect() };
                watch(record.position().map_or(0, csv::Position::byte));
                match sites.takes(line, cells.get("site")) {
                    Ok(true) => read_line(&cells, &mut seen, &mut changes, problems),
                    Ok(false) => {}
                    Err(rule) => problems.add(line, "site", rule),
                }
            }
        }
    }
    changes
}

fn csv_words(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("has {len} cells, the header has {expected_len}; quote cells that hold a comma")
        }
        _ => error.to_string(),
    }
}

fn header_is_good(header: &csv::StringRecord, problems: &mut Problems) -> bool {
    let known = |name: &str| {
        COLUMNS.contains(&name)
            || PREFIXES
                .iter()
                .any(|(prefix, _)| name.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()))
    };
    let mut names = Vec::new();
    for name in header {
        if !known(name) {
            let all = COLUMNS.join(", ");
            let reason = format!("is not a column; known are {all}, email_*, phone_*, attribute_*");
            problems.add(1, format_args!("column {name:?}"), reason);
        } else if names.contains(&name) {
            problems.add(1, format_args!("column {name:?}"), "is there twice");
        }
        names.push(name);
    }
    for missing in REQUIRED.into_iter().filter(|name| !names.contains(name)) {
        problems.add(1, "header", format_args!("column {missing:?} is missing"));
    }
    problems.first.is_empty()
}

type Seen = HashMap<(&'static str, String), u64>;

fn read_line(cells: &Cells<'_>, seen: &mut Seen, changes: &mut Vec<Change>, problems: &mut Problems) {
    let line = cells.line;
    let mut good = true;
    for column in REQUIRED {
        if cells.get(column).is_none() {
            problems.add(line, column, "is empty");
            good = false;
        }
    }
    let Some(id) = cells.get("id").filter(|_| good) else { return };
    let mut take = |kind: &'static str, key: &str, record: &Value, column: &str| {
        if let Some(earlier) = seen.insert((kind, key.into()), line) {
            let remedy = "a second one goes into changes.jsonl";
            problems.add(line, column, format_args!("{kind} {key} is on line {earlier} already; {remedy}"));
            return;
        }
        if kind == UID {
            return;
        }
        match Change::upsert(kind, key, &record.to_string(), Check::Full) {
            Ok(change) => changes.push(change),
            Err(reason) => problems.add(line, column_of(&reason).unwrap_or(column.into()), reason),
        }
    };
    take("user", id, &user(cells), "id");
    match card(cells, id) {
        Ok(None) => {}
        Ok(Some((key, uid, record))) => {
            take(UID, &uid, &Value::Null, "card_uid");
            take("token", &key, &record, "card_id");
        }
        Err((column, reason)) => return problems.add(line, column, reason),
    }
    for text in cells.get("entitlements").unwrap_or_default().split(';').map(str::trim) {
        if text.is_empty() {
            continue;
        }
        match assignment(id, text) {
            Ok((key, record)) => take("assignment", &key, &record, "entitlements"),
            Err(reason) => return problems.add(line, "entitlements", reason),
        }
    }
}

/// Pseudo-kind under which card UIDs are remembered: two users with one card would be ambiguous.
const UID: &str = "card";

fn user(cells: &Cells<'_>) -> Value {
    let mut record = Map::new();
    for name in ["status", "given_name", "family_name", "organization", "pin"] {
        if let Some(cell) = cells.get(name) {
            record.insert(name.into(), cell.into());
        }
    }
    for (prefix, member) in PREFIXES {
        let named =
            cells.by_column.iter().filter_map(|(name, cell)| Some((name.strip_prefix(prefix)?, cell)));
        let values: Map<String, Value> = named.map(|(name, cell)| (name.into(), (*cell).into())).collect();
        if !values.is_empty() {
            record.insert(member.into(), values.into());
        }
    }
    record.into()
}

type Card = (String, String, Value);

/// The token's key, the card's UID and the record.
fn card(cells: &Cells<'_>, id: &str) -> Result<Option<Card>, (&'static str, String)> {
    let Some(uid) = cells.get("card_uid") else {
        let lonely = ["card_id", "card_kind"].into_iter().find(|column| cells.get(column).is_some());
        return match lonely {
            Some(column) => Err((column, "is set, but card_uid is empty".into())),
            None => Ok(None),
        };
    };
    let bytes = RawId::from_hex(uid).map_err(|rule| ("card_uid", format!("{uid:?}: {rule}")))?;
    if !UID_BYTES.contains(&bytes.as_bytes().len()) {
        let rule = "a MIFARE UID has 8, 14 or 20 digits; format the column as text, so that zeros stay";
        return Err(("card_uid", format!("{uid:?}: {rule}")));
    }
    let uid = bytes.to_string();
    let key = cells.get("card_id").map_or_else(|| format!("card-{id}"), String::from);
    let kind = cells.get("card_kind").unwrap_or("card");
    let identifiers = json!([{"type": "mifare", "hex": uid}]);
    let record = json!({"user": id, "kind": kind, "status": "ACTIVE", "identifiers": identifiers});
    Ok(Some((key, uid, record)))
}

/// Key and record of `name` or `name@from..to`.
fn assignment(user: &str, text: &str) -> Result<(String, Value), String> {
    // A key may hold an @, a window is what has two dots after it.
    let split = text.rsplit_once('@').and_then(|(name, window)| Some((name, window.split_once("..")?)));
    let (name, (from, to)) = split.unwrap_or((text, ("", "")));
    let mut record = json!({"user": user, "entitlement": name});
    for (member, instant) in [("valid_from", from), ("valid_to", to)] {
        if !instant.is_empty() {
            UtcTime::parse(instant).map_err(|rule| format!("{text:?}: {instant:?}: {rule}"))?;
            record[member] = instant.into();
        }
    }
    Ok((format!("{user}.{name}"), record))
}

/// The column from which the member at the beginning of a reason came.
fn column_of(reason: &str) -> Option<String> {
    let member = reason.split_once(':')?.0;
    let typed = PREFIXES.iter().find_map(|(prefix, name)| {
        Some(format!("{prefix}{}", member.strip_prefix(name)?.strip_prefix('.')?))
    });
    let plain = || COLUMNS.contains(&member).then(|| member.to_string());
    let card = || (member == "kind").then(|| "card_kind".to_string());
    typed.or_else(plain).or_else(card)
}

#[cfg(test)]
mod tests {
    use super::{Lines, Problems};
    use crate::change::Change;
    use crate::import::sites::Sites;

    fn read(text: &str, problems: &mut Problems) -> Vec<Change> {
        let mut ignore = |_| {};
        let mut lines = Lines { sites: Sites::new(None), problems: Problems::default(), at: &mut ignore };
        let changes = super::read(text, &mut lines);
        *problems = lines.problems;
        changes
    }

    const HEADER: &str =
        "id,given_name,family_name,status,email_work,pin,card_uid,card_id,card_kind,entitlements";

    fn first_problem(text: &str) -> String {
        let mut problems = Problems::default();
        read(text, &mut problems);
        let problem = problems.first.first().cloned();
        problem.map_or_else(|| "none".into(), |p| format!("{} {}: {}", p.line, p.column, p.reason))
    }

    #[test]
    fn every_bad_cell_has_its_place_and_reason() {
        let long = format!("u,{},B,active,,,,,,", "A".repeat(300));
        let table = [
            ("a b,A,B,active,,,,,,", "2 id: key \"a b\": a key has only"),
            ("u,,B,active,,,,,,", "2 given_name: is empty"),
            ("u,A,B,gone,,,,,,", "2 status: status: unknown variant `gone`"),
            (long.as_str(), "2 given_name: given_name: text has at most 256 bytes"),
            ("u,A,B,active,\"a\tb\",,,,,", "2 email_work: emails.work: text has no control"),
            ("u,A,B,active,,,4A1B2C3,,,", "2 card_uid: \"4A1B2C3\": an identifier is written"),
            ("u,A,B,active,,,A1B2C3,,,", "2 card_uid: \"A1B2C3\": a MIFARE UID has 8, 14 or 20"),
            ("u,A,B,active,,,,c-1,,", "2 card_id: is set, but card_uid is empty"),
            ("u,A,B,active,,,04A1B2C3,,badge,", "2 card_kind: kind: unknown variant `badge`"),
            ("u,A,B,active,,,,,,e@2026-01-01..", "2 entitlements: \"e@2026-01-01..\""),
            ("u,A,B,active,,,,,,e x", "2 entitlements: key \"u.e x\""),
            (
                "u,A,B,active,,,,,,e@2026-01-02T00:00:00Z..2026-01-01T00:00:00Z",
                "2 entitlements: valid_to is after",
            ),
            ("u,A,B,active,,,,,,e;e", "2 entitlements: assignment u.e is on line 2 already"),
            ("u,A,B,active,,,,,", "2 line: has 9 cells, the header has 10"),
            (
                "u,A,B,active,,,04A1B2C3,,,\nv,A,B,active,,,04a1b2c3,,,",
                "3 card_uid: card 04A1B2C3 is on line 2",
            ),
            ("u,A,B,active,,,,,,\nu,A,B,active,,,,,,", "3 id: user u is on line 2 already"),
        ];
        for (lines, expected) in table {
            let problem = first_problem(&format!("{HEADER}\n{lines}\n"));
            assert!(problem.starts_with(expected), "{lines}\n  {problem}\n  {expected}");
        }
    }

    #[test]
    fn a_wrong_header_names_the_column_and_the_known_ones() {
        let problem = first_problem("id,given_name,family_name,status,room\n");
        assert!(
            problem.starts_with("1 column \"room\": is not a column; known are id, given_name"),
            "{problem}"
        );
        assert_eq!(first_problem("id,given_name,status\n"), "1 header: column \"family_name\" is missing");
        assert!(first_problem("id,given_name,family_name,status,email_\n").contains("email_"));
    }

    #[test]
    fn a_line_gives_user_token_and_assignments() {
        let line = "\u{feff}id,given_name,family_name,status,phone_mobile,card_uid,card_kind,entitlements\r\n\
            ada,Åda,Ek,active,+46 70 1,04a1b2c3d4e580,temporary_card,ap-main; ap-lab@2026-12-01T08:00:00Z..\r\n";
        let mut problems = Problems::default();
        let changes = read(line, &mut problems);
        assert_eq!(problems, Problems::default());
        let text: Vec<String> = changes
            .iter()
            .map(|c| format!("{}/{} {}", c.kind(), c.key(), c.record().unwrap_or_default()))
            .collect();
        assert_eq!(
            text,
            [
                r#"user/ada {"family_name":"Ek","given_name":"Åda","phones":{"mobile":"+46 70 1"},"status":"active"}"#,
                r#"token/card-ada {"identifiers":[{"hex":"04A1B2C3D4E580","type":"mifare"}],"kind":"temporary_card","status":"ACTIVE","user":"ada"}"#,
                r#"assignment/ada.ap-main {"entitlement":"ap-main","user":"ada"}"#,
                r#"assignment/ada.ap-lab {"entitlement":"ap-lab","user":"ada","valid_from":"2026-12-01T08:00:00Z"}"#,
            ]
        );
    }
}
