//! Imports: all lines or none, again without a change, and with reasons.

use crate::world::World;

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
