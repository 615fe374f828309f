//! Imports: all lines or none, again without a change, and with reasons.

use crate::world::World;
use serde_json::{Value, json};

const HEADER: &str = "id,given_name,family_name,status,card_uid,entitlements";

#[test]
fn bad_lines_are_all_named_and_nothing_is_taken() {
    let world = World::new();
    world.write("users.csv", &format!("{HEADER}\nada,Ada,Ek,active,04A1B2C3,main\nbo,,Lind,gone,,\n"));
    world.write("changes.jsonl", "{\"op\":\"delete\",\"kind\":\"door\",\"key\":\"a b\"}\n{\n");
    let complaint = world.fails(&["--db", "s.db", "import", "users.csv", "changes.jsonl"]);
    for words in [
        "users.csv: line 3, given_name: is empty",
        "changes.jsonl: line 1, door a b: key \"a b\": a key has only",
        "changes.jsonl: line 2, character 1: EOF",
        "nothing was imported",
    ] {
        assert!(complaint.contains(words), "{words}\n{complaint}");
    }
    world.ok(&["--db", "s.db", "delete", "door", "main"]);
    assert_eq!(world.ok(&["--db", "s.db", "show", "--json"]), "");
}

#[test]
fn importing_again_changes_nothing_and_a_correction_only_its_line() {
    let world = World::new();
    let lines = "ada,Ada,Ek,active,04A1B2C3,main\nbo,Bo,Lind,active,,main;office\n";
    world.write("users.csv", &format!("{HEADER}\n{lines}"));
    let said = world.ok(&["import", "users.csv"]);
    assert!(said.starts_with("6 changed, 0 unchanged, 1 message, up to "), "{said}");
    let before = world.status();
    assert_eq!(world.ok(&["import", "users.csv"]), "0 changed, 6 unchanged");
    assert_eq!(world.status(), before);
    world.write("users.csv", &format!("{HEADER}\n{}", lines.replace("Lind", "Lund")));
    assert!(world.ok(&["import", "users.csv"]).starts_with("1 changed, 5 unchanged"));
}

#[test]
fn what_a_gateway_would_refuse_is_refused_unless_unchecked() {
    let world = World::new();
    let complaint = world.fails(&["set", "user", "ada", r#"{"status":"active","given_name":"Ada"}"#]);
    assert!(complaint.contains("missing field `family_name`"), "{complaint}");
    world.write("bad.jsonl", r#"{"op":"upsert","kind":"user","key":"ada","record":{"b":1,"a":2}}"#);
    assert!(world.fails(&["import", "bad.jsonl"]).contains("line 1, user ada"));
    world.ok(&["import", "--unchecked", "bad.jsonl"]);
    assert!(world.ok(&["show", "user", "ada"]).contains(r#"{"a":2,"b":1}"#));
}

#[test]
fn pins_are_shown_only_when_asked_for() {
    let world = World::new();
    let ada = r#"{"status":"active","given_name":"Ada","family_name":"Ek","pin":"4711"}"#;
    world.ok(&["set", "user", "ada", ada]);
    assert!(!world.ok(&["show"]).contains("4711"));
    assert!(!world.ok(&["show", "--json"]).contains("4711"));
    assert!(world.ok(&["show", "user", "ada", "--secrets"]).contains("4711"));
}

#[test]
fn reading_verbs_make_no_file() {
    let world = World::new();
    assert!(world.fails(&["--db", "typo.db", "status"]).contains("typo.db: there is no such file"));
    assert!(!world.path("typo.db").exists());
}

#[test]
fn a_dry_run_says_what_an_import_would_do_and_does_nothing() {
    let world = World::new();
    let ada =
        r#"{"status":"active","given_name":"Ada","family_name":"Ek","pin":"4711","emails":{"work":"a@x"}}"#;
    world.ok(&["set", "user", "ada", ada]);
    world.ok(&["set", "user", "bo", r#"{"status":"active","given_name":"Bo","family_name":"Lind"}"#]);
    world.ok(&["set", "door", "main", r#"{"name":"Main","grants":[]}"#]);
    let lines = "ada,Ada,Ekström,locked,4712,a@y,b@y\nbo,Bo,Lind,active,,,\neva,Eva,Ny,active,0815,,\n";
    let header = "id,given_name,family_name,status,pin,email_work,email_private";
    world.write("users.csv", &format!("{header}\n{lines}"));
    let doors = [
        r#"{"op":"delete","kind":"door","key":"main"}"#,
        r#"{"op":"delete","kind":"door","key":"never"}"#,
        r#"{"op":"upsert","kind":"door","key":"twice","record":{"name":"A","grants":[]}}"#,
        r#"{"op":"delete","kind":"door","key":"twice"}"#,
    ];
    world.write("doors.jsonl", &doors.join("\n"));
    let before = world.status();
    let said = world.ok(&["import", "--dry-run", "users.csv", "doors.jsonl"]);
    insta::assert_snapshot!(said, @r#"
    KIND  ADDED  CHANGED  REMOVED  UNCHANGED
    door  0      0        1        2
    user  1      1        0        1

    - door main
    ~ user ada
        emails.private: (none) → "b@y"
        emails.work: "a@x" → "a@y"
        family_name: "Ek" → "Ekström"
        pin: "…" → "…"
        status: "active" → "locked"
    + user eva
    nothing was written
    "#);
    let json = world.ok(&["import", "--dry-run", "--json", "users.csv", "doors.jsonl"]);
    for said in [&said, &json] {
        assert!(!["4711", "4712", "0815"].iter().any(|pin| said.contains(pin)), "{said}");
    }
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let changed = |from: &str, to: &str| json!({"from": from, "to": to});
    let fields = json!({"emails.private": {"from": null, "to": "b@y"}, "emails.work": changed("a@x", "a@y"),
        "family_name": changed("Ek", "Ekström"), "pin": changed("…", "…"),
        "status": changed("active", "locked")});
    let expected = json!({"dry_run": true, "left_out": 0,
        "kinds": {"door": {"added": 0, "changed": 0, "removed": 1, "unchanged": 2},
            "user": {"added": 1, "changed": 1, "removed": 0, "unchanged": 1}},
        "changes": [{"op": "removed", "kind": "door", "key": "main"},
            {"op": "changed", "kind": "user", "key": "ada", "fields": fields},
            {"op": "added", "kind": "user", "key": "eva"}]});
    assert_eq!(json, expected);
    assert_eq!(world.status(), before);
    world.ok(&["import", "users.csv", "doors.jsonl"]);
    let after = world.ok(&["import", "--dry-run", "users.csv", "doors.jsonl"]);
    assert!(!after.contains(['+', '~']) && after.ends_with("nothing was written"), "{after}");
}

#[test]
fn a_dry_run_makes_no_file() {
    let world = World::new();
    world.write("users.csv", &format!("{HEADER}\nada,Ada,Ek,active,,\n"));
    assert!(world.ok(&["import", "--dry-run", "users.csv"]).contains("+ user ada"));
    assert!(!world.path("source.db").exists());
}

#[test]
fn one_export_feeds_several_sites() {
    let world = World::new();
    world.write("users.csv", &format!("{HEADER},site\nada,Ada,Ek,active,,main,office\nbo,,,,,,plant\n"));
    let lines = [
        r#"{"op":"upsert","kind":"door","key":"a","site":"plant","record":{"name":"A","grants":[]}}"#,
        r#"{"op":"upsert","kind":"door","key":"b","record":{"name":"B","grants":[]}}"#,
    ];
    world.write("doors.jsonl", &lines.join("\n"));
    let complaint = world.fails(&["--db", "s.db", "import", "users.csv"]);
    assert!(complaint.contains("users.csv: line 2 names a site"), "{complaint}");
    assert!(complaint.contains("--config"), "{complaint}");
    let said = world.ok(&["import", "users.csv", "doors.jsonl"]);
    assert!(
        said.starts_with("3 changed, 0 unchanged, 2 lines for other sites left out, 1 message"),
        "{said}"
    );
    let said = world.ok(&["import", "--json", "users.csv"]);
    assert_eq!(said, r#"{"changed":0,"left_out":1,"messages":0,"unchanged":2,"version":null}"#);
    let keys: Vec<String> = world.rows().into_iter().map(|row| row.key).collect();
    assert_eq!(keys, ["ada.main", "b", "ada"]);
    // Once it was served, the file knows its site by itself.
    let serve = world.serve();
    drop(serve);
    let said = world.ok(&["--db", "source.db", "import", "users.csv"]);
    assert_eq!(said, "0 changed, 2 unchanged, 1 lines for other sites left out");
}
