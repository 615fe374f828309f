use super::walk::{self, Place};
use super::{Asked, Doors, facts};
use crate::mirror::apply::{Batch, Room};
use crate::mirror::overlay::{self, enrolled};
use crate::mirror::{Mirror, cards, entitlements, integrity};
use access::id::Key;
use access::time::UtcTime;
use access::uid::RawId;
use contract::digest::Digest;
use contract::messages::PacsEntitlement;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

const NOW: UtcTime = UtcTime::from_unix(1_800_000_000);

/// A mirror that hears messages without a broker.
struct Panel {
    folder: TempDir,
    conn: Connection,
    seq: u64,
}

impl Panel {
    /// Ada's card opens the front by day; Bo has one, too, and nothing that opens anything.
    fn new() -> Panel {
        let folder = tempfile::tempdir().expect("folder");
        let site = "office".parse().expect("site");
        let conn = Mirror::at(folder.path()).open_writer(&site, || "stream".into()).expect("mirror");
        let mut panel = Panel { folder, conn, seq: 0 };
        let person = json!({ "status": "active", "given_name": "A", "family_name": "B" });
        let right = |name: &str| json!({ "type": "AccessProfile", "display_name": name, "pacs_ref": name });
        let door = json!({ "name": "Front", "grants": [{ "entitlement": "main", "schedule": "day" }, { "entitlement": "fire" }] });
        panel.hear(&[
            ("user", "ada", person.clone()),
            ("user", "bo", person),
            ("token", "c1", card("ada", &["04a1b2c3d4e5f6", "0001"])),
            ("token", "c2", card("bo", &["04FFFFFF"])),
            ("entitlement", "main", right("main")),
            ("entitlement", "cellar", right("cellar")),
            ("assignment", "a1", json!({ "user": "ada", "entitlement": "main" })),
            ("assignment", "a2", json!({ "user": "ada", "entitlement": "cellar" })),
            ("assignment", "a3", json!({ "user": "bo", "entitlement": "cellar" })),
            ("schedule", "day", json!({ "zone": "UTC", "weekly": [] })),
            ("door", "front", door),
        ]);
        panel
    }

    fn hear(&mut self, records: &[(&str, &str, Value)]) {
        let change = |(kind, key, record): &(&str, &str, Value)| json!({ "op": "upsert", "kind": kind, "key": key, "record": record });
        self.apply(records.iter().map(change).collect());
    }

    fn apply(&mut self, changes: Vec<Value>) {
        self.seq += 1;
        let message = json!({ "epoch": 1, "seq": self.seq, "root": Digest::ZERO, "changes": changes });
        let tx = self.conn.transaction().expect("transaction");
        let mut batch = Batch::begin(&tx, NOW, Room::Ample).expect("begun");
        batch.changes(message.to_string().as_bytes()).expect("applied");
        batch.end().expect("ended");
        tx.commit().expect("committed");
    }

    fn ask(&self, hex: &str) -> Asked {
        facts(&self.conn, &uid(hex), &key("front")).expect("facts")
    }

    /// Keys of the tokens that the card is, with the assignments of their holders that lead through the front.
    fn found(&self, hex: &str) -> Vec<(String, Vec<String>)> {
        let spelled = |key: &Key| key.to_string();
        let (_, facts) = self.ask(hex);
        let tokens = facts.tokens.iter();
        tokens
            .map(|one| (spelled(&one.key), one.assignments.iter().map(|(key, _)| spelled(key)).collect()))
            .collect()
    }

    fn sql(&self, text: &str) {
        self.conn.execute_batch(text).expect("SQL");
    }

    fn verify(&mut self) -> Vec<String> {
        integrity::verify(&mut self.conn).expect("verified").faults.iter().map(ToString::to_string).collect()
    }
}

fn card(user: &str, hex: &[&str]) -> Value {
    let identifiers: Vec<Value> = hex.iter().map(|hex| json!({ "type": "mifare", "hex": hex })).collect();
    json!({ "user": user, "kind": "card", "status": "ACTIVE", "identifiers": identifiers })
}

fn uid(hex: &str) -> RawId {
    RawId::from_hex(hex).expect("hexadecimal")
}

fn key(text: &str) -> Key {
    Key::new(text).expect("a key")
}

fn ada() -> Vec<(String, Vec<String>)> {
    vec![("c1".into(), vec!["a1".into()])]
}

#[test]
fn a_card_is_found_by_any_of_its_identifiers_with_what_leads_through_the_door() {
    let panel = Panel::new();
    assert_eq!(panel.found("04A1B2C3D4E5F6"), ada());
    assert_eq!(panel.found("0001"), ada(), "leading zeros count");
    assert_eq!(panel.found("01"), []);
    assert_eq!(panel.found("04FFFFFF"), [("c2".into(), vec![])], "nothing leads through");
    let (door, facts) = panel.ask("0001");
    assert_eq!(door.expect("the front").name.as_str(), "Front");
    let names = |keys: Vec<&Key>| keys.iter().map(|key| key.to_string()).collect::<Vec<_>>();
    assert_eq!(names(facts.entitlements.keys().collect()), ["main"], "what the cellar opens is not asked");
    assert_eq!(names(facts.schedules.keys().collect()), ["day"]);
    assert!(facts.tokens[0].user.is_some() && !facts.tokens[0].revoked_here);
}

#[test]
fn without_the_door_the_card_and_its_holder_are_told_all_the_same() {
    let panel = Panel::new();
    let (door, facts) = super::facts(&panel.conn, &uid("0001"), &key("back")).expect("facts");
    assert!(door.is_none() && facts.tokens[0].user.is_some());
}

#[test]
fn a_card_is_found_by_what_its_newest_record_says() {
    let mut panel = Panel::new();
    panel.hear(&[("token", "c1", card("ada", &["0002"]))]);
    assert_eq!((panel.found("0001"), panel.found("0002")), (vec![], ada()));
    panel.hear(&[("token", "c1", json!({ "kind": "ring" }))]);
    assert_eq!(panel.found("0002"), [], "a refused record grants nothing");
    panel.hear(&[("token", "c1", card("bo", &["0002"])), ("token", "c3", card("ada", &["0002"]))]);
    assert_eq!(panel.found("0002").len(), 2, "two tokens, one card");
    panel.apply(vec![json!({ "op": "delete", "kind": "token", "key": "c1" })]);
    assert_eq!(panel.found("0002"), [("c3".into(), vec!["a1".into()])]);
    panel.hear(&[("user", "ada", json!({ "status": "gone" }))]);
    assert!(panel.ask("0002").1.tokens[0].user.is_none(), "its holder's record is refused");
    assert_eq!(panel.verify(), [""; 0]);
}

#[test]
fn what_was_done_at_this_panel_counts() {
    let panel = Panel::new();
    let record = card("ada", &["0003"]).to_string();
    let pending = enrolled::Pending { token: key("enrolled-1"), user: key("ada"), record, expires: NOW };
    enrolled::add(&panel.conn, &pending, NOW).expect("added");
    assert_eq!(panel.found("0003"), [("enrolled-1".into(), vec!["a1".into()])]);
    overlay::revoke(&panel.conn, &key("c1"), "test", NOW).expect("revoked");
    assert!(panel.ask("0001").1.tokens[0].revoked_here);
    let main = PacsEntitlement {
        pacs_ref: "main".into(),
        kind: "AccessProfile".into(),
        display_name: "Main".into(),
    };
    let known = entitlements::Known { entitlement: main, vanished_at: Some(NOW), missed_at: None };
    entitlements::save(&panel.conn, &[], &[known]).expect("saved");
    assert!(panel.ask("0001").1.vanished.contains("main"));
}

#[test]
fn what_is_remembered_of_a_door_is_forgotten_when_somebody_writes() {
    let mut panel = Panel::new();
    let reader = Mirror::at(panel.folder.path()).open_reader().expect("reader");
    let mut doors = Doors::default();
    let mut grants = || {
        let (door, _) = doors.facts(&reader, &uid("0001"), &key("front")).expect("facts");
        door.map_or(0, |door| door.grants.len())
    };
    assert_eq!((grants(), grants()), (2, 2));
    panel.hear(&[("door", "front", json!({ "name": "Front", "grants": [] }))]);
    assert_eq!(grants(), 0);
    panel.apply(vec![json!({ "op": "delete", "kind": "door", "key": "front" })]);
    let (door, facts) = doors.facts(&reader, &uid("0001"), &key("front")).expect("facts");
    assert!(door.is_none() && facts.tokens.len() == 1);
}

#[test]
fn where_the_disk_leads_astray_nothing_is_granted_and_the_scrub_finds_it() {
    let id = |panel: &Panel, key: &str| -> i64 {
        panel.conn.query_row("SELECT id FROM name WHERE key = ?1", [key], |row| row.get(0)).expect("an id")
    };
    let mut panel = Panel::new();
    panel.sql(&format!("INSERT INTO card (token, uid) VALUES ({}, x'0009')", id(&panel, "c1")));
    assert_eq!(panel.found("0009"), [], "the record decides");
    assert!(panel.verify()[0].contains("token c1: does not lead where its record says"));

    let mut panel = Panel::new();
    panel.sql(&format!("DELETE FROM card WHERE token = {}", id(&panel, "c1")));
    assert_eq!(panel.found("0001"), []);
    assert!(panel.verify()[0].contains("token c1: does not lead where its record says"));

    let mut panel = Panel::new();
    panel.sql("INSERT INTO card (token, uid) VALUES (77, x'0009')");
    assert!(panel.verify()[0].contains("row 77: leads somewhere without a record"));

    // What is Bo's by its record is not Ada's by a link.
    let panel = Panel::new();
    panel.sql(&format!(
        "UPDATE assignment SET user = {}, entitlement = {} WHERE id = {}",
        id(&panel, "bo"),
        id(&panel, "main"),
        id(&panel, "a1")
    ));
    let (door, facts) = panel.ask("04FFFFFF");
    let time = access::trust::Time { now: NOW, trust: access::trust::Trust::Trusted, floor: NOW };
    let shown = access::decide::Presentation { identifier: facts.tokens[0].token.identifiers[0].clone() };
    let decision = access::decide::decide(&facts, &shown, door.as_deref(), &time);
    assert!(matches!(decision, access::decide::Decision::Denied { .. }), "{decision:?}");

    let panel = Panel::new();
    panel.sql("UPDATE record SET body = replace(body, 'mifare', 'mif\"re')");
    assert_eq!(panel.found("0001"), []);
}

#[test]
fn mending_takes_cards_out_that_lead_nowhere() {
    let mut panel = Panel::new();
    panel.sql("INSERT INTO card (token, uid) VALUES (77, x'0009'); DELETE FROM card WHERE uid = x'0001';");
    let tx = panel.conn.transaction().expect("transaction");
    for part in 0..crate::mirror::standing::PARTS {
        let context = crate::mirror::writer::Context { conn: &tx, now: NOW, room: Room::Ample };
        integrity::mend(context, part).expect("mended");
    }
    tx.commit().expect("committed");
    assert_eq!(panel.verify(), [""; 0]);
    assert_eq!(cards::tokens_of_card(&panel.conn, &uid("04A1B2C3D4E5F6")).expect("looked"), [], "c1 is gone");
}

#[test]
fn a_mirror_of_version_3_learns_its_cards_from_its_records() {
    let mut panel = Panel::new();
    panel.hear(&[("token", "c4", card("bo", &["0004"])), ("token", "c5", json!({ "kind": "ring" }))]);
    let cards = |conn: &Connection| -> Vec<(i64, Vec<u8>)> {
        let mut rows = conn.prepare("SELECT token, uid FROM card ORDER BY token, uid").expect("SQL");
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
        rows.map(|row| row.expect("a row")).collect()
    };
    panel.sql("DELETE FROM card WHERE uid = x'0004'");
    let expected = cards(&panel.conn);
    assert_eq!(expected.len(), 3);
    panel.sql(
        "UPDATE record SET body = replace(body, '0004', '00\"4') WHERE instr(body, '0004');
         DROP TABLE card; DROP INDEX name_door; DROP INDEX assignment_user;
         CREATE INDEX assignment_user ON assignment (user);",
    );
    panel.sql(include_str!("../../../sql/migrations/0004_cards.sql"));
    assert_eq!(cards(&panel.conn), expected, "what the disk has made unreadable gives none");
}

#[test]
fn a_walk_finds_each_user_once_however_many_assignments_lead_there() {
    let mut panel = Panel::new();
    panel.hear(&[
        ("assignment", "a4", json!({ "user": "ada", "entitlement": "main" })),
        ("assignment", "a5", json!({ "user": "bo", "entitlement": "fire" })),
        ("assignment", "a6", json!({ "user": "bo", "entitlement": "main" })),
        ("assignment", "a7", json!({ "user": "cy", "entitlement": "roof" })),
    ]);
    let rights = [key("main"), key("cellar"), key("fire")];
    for limit in [1, 2, 100] {
        let (mut found, mut place) = (Vec::new(), Some(Place::START));
        while let Some(here) = place {
            let (users, next) = walk::users_of_rights(&panel.conn, &rights, here, limit).expect("a page");
            found.extend(users.iter().map(Key::to_string));
            place = next;
        }
        found.sort();
        assert_eq!(found, ["ada", "bo"], "pages of {limit}");
    }
}

#[test]
fn edges_come_by_time_and_no_later_than_asked() {
    let mut panel = Panel::new();
    let at = |s: i64| UtcTime::from_unix(NOW.unix() + s);
    let window = |mut record: Value, from: i64, to: i64| {
        record["valid_from"] = json!(at(from));
        record["valid_to"] = json!(at(to));
        record
    };
    panel.hear(&[
        ("token", "c1", window(card("ada", &["0001"]), -10, 30)),
        ("assignment", "a1", window(json!({ "user": "ada", "entitlement": "main" }), 20, 200)),
    ]);
    let edges = walk::edges(&panel.conn, NOW, at(100), 10).expect("edges");
    let said: Vec<_> = edges.iter().map(|edge| (edge.at, edge.key.as_str(), edge.opens)).collect();
    assert_eq!(said, [(at(20), "a1", true), (at(30), "c1", false)]);
    assert_eq!(edges[0].entitlement, Some(key("main")));
    assert_eq!(walk::edges(&panel.conn, NOW, at(100), 1).expect("edges").len(), 1);
}
