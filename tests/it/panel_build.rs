//! The real program from an older version's file to an answer, by the real clock. `make arm-test` has the panel's own
//! binary do it, under an emulator, with the other scenes that start the program.

use crate::world::{World, assignment, card, entitlement, program, query, user, verify};
use rusqlite::Connection;
use serde_json::json;
use std::path::Path;

const UID: &str = "04A1B2C3D4E501";
const STRANGER: &str = "04A1B2C3D4E502";

/// The mirror's file as the first version has made it, and nothing in it.
fn file_of_version_1(path: &Path) {
    #[expect(clippy::disallowed_methods, reason = "an older program's file")]
    let conn = Connection::open(path).expect("a file");
    conn.pragma_update(None, "journal_mode", "WAL").expect("pragma");
    conn.execute_batch(include_str!("../../sql/migrations/0001_first.sql")).expect("version 1");
    conn.pragma_update(None, "user_version", 1).expect("pragma");
}

fn schema_version(path: &Path) -> i64 {
    #[expect(clippy::disallowed_methods, reason = "a hand at the disk")]
    let conn = Connection::open(path).expect("the mirror's file");
    conn.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a version")
}

fn office(world: &mut World) {
    let source = &mut world.source;
    source.put("user", "ada", user("Ada", "Ek")).put("user", "bo", user("Bo", "Al"));
    source.put("token", "c1", card("ada", UID)).put("token", "c2", card("bo", STRANGER));
    source.put("entitlement", "main", entitlement("ap-main", "Main entrance"));
    source.put("assignment", "a1", assignment("ada", "main", "", ""));
    source.put("door", "front", json!({ "name": "Front door", "grants": [{ "entitlement": "main" }] }));
    source.publish();
}

/// The exit code of `doorward why`, and what was said.
fn why(world: &World, uid: &str) -> (Option<i32>, String) {
    let output = program(&world.config_file()).args(["why", uid, "front"]).output().expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).expect("UTF-8"))
}

#[test]
fn a_panel_of_version_1_is_upgraded_and_fed_and_answers_also_with_the_gateway_dead() {
    let mut world = World::new();
    let file = world.folder.path().join("state/mirror.sqlite");
    file_of_version_1(&file);
    let gateway = world.program(None);
    world.source.expect_state("the gateway is online", |state| state["online"] == true);
    assert!(schema_version(&file) > 1, "no migration has run");
    office(&mut world);
    world.expect_equal_mirror();
    world.expect_permissions("PAada", Some(&["ap-main"]));

    let ask = |world: &World| {
        let (granted, denied) = (why(world, UID), why(world, STRANGER));
        assert_eq!(granted.0, Some(0), "{}", granted.1);
        assert_eq!(denied.0, Some(1), "{}", denied.1);
        assert!(denied.1.contains("user bo has no entitlement that opens this door"), "{}", denied.1);
        assert_eq!(query(&world.config_file(), &["users"]).len(), 2);
    };
    ask(&world);
    gateway.kill();
    ask(&world);
    assert_eq!(verify(&world.config_file())["sound"], true);
}
