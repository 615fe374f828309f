//! The same questions to the panel and to a second implementation in Python, over what the panel itself exports.
//!
//! The records come into a real mirror by the path that every message takes, some of them more than once; the panel
//! decides from its file, and the other from `doorward query … --json`.
//!
//! `DOORWARD_QUESTIONS=100000` is the long run; `DOORWARD_SEED` asks other questions.

#[path = "../../access/tests/decide/python.rs"]
mod python;
#[expect(dead_code, reason = "the door comes from the mirror here")]
#[path = "../../access/tests/decide/worlds.rs"]
mod worlds;

use crate::world::query;
use access::decide::{Decision, Facts, explain};
use access::id::Key;
use access::time::UtcTime;
use contract::digest::Digest;
use contract::messages::PacsEntitlement;
use doorward::mirror::Mirror;
use doorward::mirror::apply::{Batch, Room};
use doorward::mirror::entitlements::{self, Known};
use doorward::mirror::overlay;
use doorward::mirror::passing::Doors;
use python::{ask, count};
use rusqlite::Connection;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use worlds::{Dice, asked, question, text, world};

/// Worlds of 6 users that share one site.
const QUARTERS: u32 = 24;
/// Questions on one line for the other implementation.
const LINE_QUESTIONS: usize = 1_000;
/// Changes in one message.
const MESSAGE_CHANGES: usize = 50;
const TABLES: [&str; 6] = ["users", "tokens", "entitlements", "assignments", "schedules", "doors"];

/// A panel's files, with no daemon.
struct Panel {
    folder: TempDir,
    conn: Connection,
    seq: u64,
}

impl Panel {
    fn new() -> Panel {
        let folder = tempfile::tempdir().expect("folder");
        let site = "office".parse().expect("site");
        let conn = Mirror::at(folder.path()).open_writer(&site, || "stream".into()).expect("mirror");
        let config = format!(
            "site = \"office\"\ngateway = \"panel-1\"\nstate_dir = \"{}\"\n[broker]\nhost = \"localhost\"\n",
            folder.path().display()
        );
        std::fs::write(folder.path().join("config.toml"), config).expect("written");
        Panel { folder, conn, seq: 0 }
    }

    fn hear(&mut self, changes: &[Value]) {
        for part in changes.chunks(MESSAGE_CHANGES) {
            self.seq += 1;
            let message = json!({ "epoch": 1, "seq": self.seq, "root": Digest::ZERO, "changes": part });
            let tx = self.conn.transaction().expect("transaction");
            let mut batch = Batch::begin(&tx, UtcTime::from_unix(0), Room::Ample).expect("begun");
            batch.changes(message.to_string().as_bytes()).expect("applied");
            batch.end().expect("ended");
            tx.commit().expect("committed");
        }
    }

    /// What it says that it holds, as the other implementation wants it; what is refused grants nothing.
    fn exported(&self) -> Value {
        let config = self.folder.path().join("config.toml");
        let mut tables = Map::new();
        for table in TABLES {
            let rows = query(&config, &[table, "--limit", "1000000"]).into_iter();
            let in_force = rows.filter(|row| row.get("refused").is_none());
            let named =
                in_force.map(|row| (row["key"].as_str().expect("a key").to_owned(), row["record"].clone()));
            tables.insert(table.into(), Value::Object(named.collect()));
        }
        Value::Object(tables)
    }
}

/// A quarter's records, under keys of its own; most cards are its own as well.
fn quarter(dice: &mut Dice, number: u32) -> (Vec<Value>, Value) {
    let world = world(dice);
    let own = |key: &str| format!("q{number}-{key}");
    let mut changes = Vec::new();
    for table in TABLES {
        let kind = table.strip_suffix('s').expect("plural");
        for (key, record) in world[table].as_object().expect("a table") {
            let mut record = record.clone();
            rename(&mut record, &own);
            for identifier in identifiers(&mut record) {
                if !dice.one_in(20) {
                    let hex = identifier["hex"].as_str().expect("hex").to_owned();
                    identifier["hex"] = json!(format!("{number:02x}{hex}"));
                }
            }
            if dice.one_in(60) {
                record["status"] = json!(["refused"]);
            }
            let op = if dice.one_in(30) { "delete" } else { "upsert" };
            let mut change = json!({ "op": op, "kind": kind, "key": own(key) });
            if op == "upsert" {
                change["record"] = record;
            }
            changes.push(change);
        }
    }
    (changes, world)
}

fn identifiers(record: &mut Value) -> impl Iterator<Item = &mut Value> {
    record.get_mut("identifiers").and_then(Value::as_array_mut).into_iter().flatten()
}

/// Names of other records become the quarter's own.
fn rename(record: &mut Value, own: &dyn Fn(&str) -> String) {
    let Some(members) = record.as_object_mut() else { return };
    for name in ["user", "entitlement", "schedule"] {
        if let Some(key) = members.get_mut(name) {
            *key = json!(own(key.as_str().expect("a key")));
        }
    }
    for grant in members.get_mut("grants").and_then(Value::as_array_mut).into_iter().flatten() {
        rename(grant, own);
    }
}

/// A site of many quarters: what came first was replaced here and there, and something was done at the panel.
fn site(dice: &mut Dice, panel: &mut Panel) -> (Vec<Key>, Vec<String>) {
    let (mut revoked, mut vanished) = (Vec::new(), Vec::new());
    for number in 0..QUARTERS {
        let (first, _) = quarter(dice, number);
        panel.hear(&first);
        let (then, world) = quarter(dice, number);
        let kept: Vec<Value> = then.into_iter().filter(|_| !dice.one_in(3)).collect();
        panel.hear(&kept);
        let names = world["revoked_here"].as_array().into_iter().flatten().filter_map(Value::as_str);
        revoked.extend(names.map(|key| Key::new(&format!("q{number}-{key}")).expect("a key")));
        if vanished.len() < 2 {
            let names = world["vanished"].as_array().into_iter().flatten().filter_map(Value::as_str);
            vanished.extend(names.map(str::to_owned));
        }
    }
    let now = UtcTime::from_unix(worlds::MIDDLE);
    for token in &revoked {
        overlay::revoke(&panel.conn, token, "a test", now).expect("revoked");
    }
    let known = vanished.iter().map(|name| Known {
        entitlement: PacsEntitlement {
            pacs_ref: name.clone(),
            kind: "AccessProfile".into(),
            display_name: "E".into(),
        },
        vanished_at: Some(now),
        missed_at: None,
    });
    entitlements::save(&panel.conn, &[], &known.collect::<Vec<_>>()).expect("saved");
    (revoked, vanished)
}

/// A random card at a random door, mostly of the same quarter.
fn draw(dice: &mut Dice) -> Value {
    let mut drawn = question(dice);
    let number = dice.below(QUARTERS);
    let door = if dice.one_in(12) { dice.below(QUARTERS) } else { number };
    drawn["door"] = json!(format!("q{door}-{}", drawn["door"].as_str().expect("a door")));
    if !dice.one_in(12) {
        let hex = drawn["identifier"]["hex"].as_str().expect("hex").to_owned();
        drawn["identifier"]["hex"] = json!(format!("{number:02X}{hex}"));
    }
    drawn
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("access/tests/decide/model.py")
}

#[test]
fn python_decides_the_same_over_what_a_real_mirror_exports() {
    let questions = usize::try_from(count("DOORWARD_QUESTIONS", 2_000)).expect("a number");
    let seed = count("DOORWARD_SEED", 11);
    println!("seed {seed}, {questions} questions");
    let mut dice = Dice(u64::from(seed));
    let mut panel = Panel::new();
    let (revoked, vanished) = site(&mut dice, &mut panel);
    let leash = |hours: u32, after: &str| json!({ "max_age_s": hours * 3600, "after_reboot": after });
    let leashes = json!({
        "by_class": { "staff": leash(48, "rests"), "contractor": leash(12, "begins_anew") },
        "otherwise": { "max_age_s": null, "after_reboot": "rests" },
    });
    let mut exported = panel.exported();
    exported["revoked_here"] = json!(revoked);
    exported["vanished"] = json!(vanished);
    exported["leashes"] = leashes.clone();
    // What the panel takes from its file is not told to it.
    let mut bare: Value = TABLES.iter().map(|table| ((*table).to_owned(), json!({}))).collect();
    (bare["revoked_here"], bare["vanished"], bare["leashes"]) = (json!([]), json!([]), leashes);

    let reader = Mirror::at(panel.folder.path()).open_reader().expect("reader");
    let (mut doors, mut seen) = (Doors::default(), BTreeMap::<String, u32>::new());
    let drawn: Vec<Value> = (0..questions).map(|_| draw(&mut dice)).collect();
    for part in drawn.chunks(LINE_QUESTIONS) {
        let answers = ask(&script(), &[json!({ "world": exported, "questions": part })]);
        for (question, expected) in part.iter().zip(answers[0].as_array().expect("answers")) {
            let case = asked(&bare, question);
            let door = Key::new(question["door"].as_str().expect("a door")).expect("a key");
            let (door, facts) = doors.facts(&reader, &case.shown.identifier.hex, &door).expect("facts");
            let Facts { leashes, news, lockdown, passback, is_restored, .. } = case.facts;
            let facts = Facts { leashes, news, lockdown, passback, is_restored, ..facts };
            let decision = explain(&facts, &case.shown, door.as_deref(), &case.time).decision();
            let (granted, mut reasons) = match &decision {
                Decision::Granted { .. } => (true, Vec::new()),
                Decision::Denied { reasons } => (false, reasons.iter().map(text).collect::<Vec<_>>()),
            };
            reasons.sort();
            assert_eq!(json!(reasons), expected["reasons"], "seed {seed}: {question}");
            assert_eq!(json!(granted), expected["granted"], "seed {seed}: {question}");
            let codes = reasons.iter().filter_map(|reason| reason.split(' ').next());
            for code in codes.chain(granted.then_some("granted")) {
                *seen.entry(code.into()).or_default() += 1;
            }
        }
    }
    println!("{seen:?}");
    assert_eq!(seen.len(), 21 + 1, "every reason, and grants: {seen:?}");
}
