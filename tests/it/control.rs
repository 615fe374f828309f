//! The ways in and out: the daemon's sockets, orders by command, and `doorward export`.

use crate::world::{World, assignment, at, card, entitlement, eventually, query, user};
use access::time::UtcTime;
use contract::command::{Command, CommandMessage};
use contract::messages::Event;
use doorward_sim::{Fault, FaultKind, Match};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Output;

const READ: &str = "read.sock";
const ACT: &str = "act.sock";

fn socket(world: &World, name: &str) -> PathBuf {
    world.folder.path().join("state-control").join(name)
}

/// One request as curl would send it; status and JSON.
fn send(world: &World, name: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut stream = UnixStream::connect(socket(world, name)).expect("somebody listens");
    let length = body.len();
    // A request that is refused early may be answered before all of it is read.
    let _ = write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text}"));
    let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
    (status, serde_json::from_str(body).unwrap_or_else(|_| panic!("{text}")))
}

fn read(world: &World, path: &str) -> Value {
    let (status, value) = send(world, READ, "GET", path, "");
    assert_eq!(status, 200, "{value}");
    value
}

fn program(world: &World, words: &[&str]) -> Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.arg("--config").arg(world.config_file()).args(words).output().expect("doorward runs")
}

fn shown(world: &World, words: &[&str]) -> String {
    let output = program(world, words);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn complaint(world: &World, words: &[&str]) -> String {
    let output = program(world, words);
    assert!(!output.status.success(), "{words:?} succeeded");
    String::from_utf8(output.stderr).expect("UTF-8")
}

fn audit(world: &World) -> Vec<Value> {
    query(&world.config_file(), &["audit"])
}

fn hire(world: &mut World, id: &str, hex: &str) {
    world.source.put("entitlement", "main", entitlement("ap-main", "Main entrance"));
    world.source.put("user", id, user("Given", id)).put("token", &format!("card-{id}"), card(id, hex));
    world.source.put("assignment", &format!("{id}.main"), assignment(id, "main", "", ""));
    world.source.publish();
}

/// The stopped mirror's file.
fn file(world: &World) -> Connection {
    let path = world.folder.path().join("state/mirror.sqlite");
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).expect("the mirror")
}

fn count(world: &World, condition: &str) -> u64 {
    let text = format!("SELECT count(*) FROM ledger WHERE {condition}");
    file(world).query_row(&text, [], |row| row.get::<_, i64>(0)).expect("counted").unsigned_abs()
}

fn order(world: &World, id: &str, expires: UtcTime, command: Command) {
    let message = CommandMessage { id: id.into(), expires, command };
    world.source.publish_command(serde_json::to_vec(&message).expect("JSON"));
}

fn results(world: &World, wanted: &str) -> Vec<(bool, String)> {
    let result = |event: Event| match event {
        Event::CommandResult { id, done, words } if id == wanted => Some((done, words)),
        _ => None,
    };
    world.source.events().into_iter().filter_map(|message| result(message.event)).collect()
}

#[test]
fn sockets_are_the_services_and_its_groups_and_each_has_its_own_methods() {
    let world = World::new();
    // What a daemon leaves behind that died.
    std::fs::create_dir(world.folder.path().join("state-control")).expect("a folder");
    drop(UnixListener::bind(socket(&world, ACT)).expect("bound"));
    let gateway = world.gateway();
    for name in [READ, ACT] {
        let file = std::fs::metadata(socket(&world, name)).expect("it is there");
        assert!(file.file_type().is_socket());
        assert_eq!(file.permissions().mode() & 0o777, 0o660, "{name}");
    }
    assert_eq!(read(&world, "/status")["running"], true);
    assert!(read(&world, "/export/status")["live"]["known"].is_boolean());

    for (name, method, path) in [(READ, "POST", "/export/apply"), (ACT, "GET", "/status")] {
        let (status, answer) = send(&world, name, method, path, "");
        assert_eq!(status, 405, "{answer}");
        let words = answer["error"].as_str().expect("words");
        assert!(words.contains(path) && words.contains(if name == READ { ACT } else { READ }), "{words}");
    }
    assert_eq!(audit(&world), [Value::Null; 0], "nothing was ordered");
    // Those who connect and say nothing hold up their own socket for a while, not the other.
    let idle: Vec<UnixStream> =
        (0..9).map(|_| UnixStream::connect(socket(&world, READ)).expect("room in the queue")).collect();
    assert_eq!(send(&world, ACT, "POST", "/export/approve", &"x".repeat(5_000)).0, 400);
    drop(idle);
    assert_eq!(send(&world, READ, "GET", "/nothing", "").0, 404);
    assert_eq!(send(&world, READ, "GET", "/export/plan?limit=many", "").0, 400);
    gateway.stop();
    assert!(!socket(&world, READ).exists() && !socket(&world, ACT).exists(), "they go with the daemon");
}

#[test]
fn a_folder_that_is_made_by_the_daemon_lets_nobody_else_in() {
    let world = World::new();
    let _gateway = world.gateway();
    let folder = std::fs::metadata(world.folder.path().join("state-control")).expect("it is there");
    // The process's mask may only take rights away.
    assert_eq!(folder.permissions().mode() & 0o777 & !0o750, 0);
}

#[test]
fn an_action_is_audited_with_the_peer_that_the_kernel_names() {
    let world = World::new();
    let _gateway = world.gateway();
    let (status, answer) = send(&world, ACT, "POST", "/export/apply", "");
    assert_eq!((status, &answer["done"]), (200, &json!(true)), "{answer}");
    let entries = audit(&world);
    let own = std::fs::metadata("/proc/self").expect("this process");
    let (uid, gid) = {
        use std::os::unix::fs::MetadataExt;
        (own.uid(), own.gid())
    };
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!(entries[0]["who"], format!("uid {uid} gid {gid} pid {}", std::process::id()));
    assert_eq!(entries[0]["order"], "apply");
    assert_eq!(entries[0]["at"], "2026-11-23T08:00:00Z");

    shown(&world, &["export", "apply"]);
    assert_eq!(audit(&world).len(), 2);
    assert!(shown(&world, &["query", "audit"]).contains("everyone is looked at again"));
}

/// A gateway with ada's three items held, and cy found; it is not the exporter, so that nothing moves by itself.
fn with_held_rows() -> (World, crate::world::InProcess) {
    let mut world = World::new();
    let gateway = world.gateway();
    hire(&mut world, "ada", "04A1B2C3");
    hire(&mut world, "cy", "04A1B2C4");
    world.expect_permissions("PAada", Some(&["ap-main"]));
    world.expect_permissions("PAcy", Some(&["ap-main"]));
    eventually("the ledger has all of it", || {
        let found = count(&world, "state = 1");
        if found == 6 { Ok(()) } else { Err(format!("{found} rows")) }
    });
    world.source.publish_meta(Some("panel-2"));
    world.source.expect_state("another gateway exports", |state| state["export"]["exporting"] == false);
    // What is held must be on its way out: what is wanted again is not held any more.
    world.source.delete("user", "ada");
    world.source.publish();
    world.expect_equal_mirror();
    gateway.stop();
    let text = "UPDATE ledger SET clearance = 2, cause = 3 WHERE user = 'ada';
        UPDATE ledger SET ours = 0 WHERE user = 'cy' AND kind = 0";
    file(&world).execute_batch(text).expect("written");
    let gateway = world.gateway();
    // The source may still have in its hands that the first one was online.
    eventually("the second one listens", || {
        UnixStream::connect(socket(&world, ACT)).map(drop).map_err(|error| error.to_string())
    });
    (world, gateway)
}

#[test]
fn a_wrong_hash_changes_nothing_and_the_right_one_lets_exactly_that_through() {
    let (world, _gateway) = with_held_rows();
    let status = read(&world, "/status");
    let held = &status["export"]["held_removals"];
    assert_eq!(
        (&held["persons"], &held["items"], &held["limit_persons"]),
        (&json!(1), &json!(3), &json!(20))
    );
    let hash = held["hash"].as_str().expect("a hash").to_owned();
    let found = status["export"]["adoptions"]["hash"].as_str().expect("a hash").to_owned();
    world.source.expect_state("the state names both", |state| {
        state["export"]["held_removals"]["hash"] == *hash && state["export"]["adoptions"]["hash"] == *found
    });
    let text = shown(&world, &["status"]);
    let line = text.lines().find(|line| line.starts_with("brake")).expect("one line says why");
    assert!(line.contains("3 removals of 1 persons") && line.contains("more than 20"), "{line}");
    assert!(line.ends_with(&format!("doorward export approve {hash}")), "{line}");

    let (code, answer) = send(&world, ACT, "POST", "/export/approve", r#"{"hash": "0123456789abcdef"}"#);
    assert_eq!(code, 409, "{answer}");
    assert!(answer["error"].as_str().expect("words").contains(&hash), "{answer}");
    assert_eq!(count(&world, "clearance = 2"), 3);
    assert_eq!(count(&world, "clearance = 3 OR approved_gen IS NOT NULL"), 0);
    assert!(complaint(&world, &["export", "approve", "0123456789abcdef"]).contains(&hash));

    assert!(shown(&world, &["export", "approve", &hash]).contains("3 removals of 1 persons go on"));
    assert_eq!(count(&world, "user = 'ada' AND clearance = 3 AND approved_gen = gen"), 3);
    assert_eq!(count(&world, "user = 'cy' AND ours = 0"), 1, "one word is not for both");
    assert!(shown(&world, &["export", "approve", &found]).contains("1 items of 1 persons are taken over"));
    assert_eq!(count(&world, "user = 'cy' AND kind = 0 AND ours = 1 AND acked_hash IS NULL"), 1);
    world.clock.advance_s(2);
    world.source.expect_state("nothing is held any more", |state| {
        state["export"].get("held_removals").is_none() && state["export"].get("adoptions").is_none()
    });
    let orders: Vec<String> = audit(&world).iter().map(|entry| entry["outcome"].to_string()).collect();
    assert_eq!(orders.iter().filter(|outcome| outcome.contains("refused")).count(), 2, "{orders:?}");
    assert_eq!(orders.len(), 4);
}

#[test]
fn retry_clears_a_refusal_and_the_pacs_gets_it() {
    let mut world = World::new();
    let words = "surname contains a banned character";
    let refusal = FaultKind::Status { status: 422, words: words.into() };
    let matching = Match::any().method("POST").path("/persons").body("bad");
    world.pacs.inject(Fault::forever(matching, refusal)).expect("room");
    let _gateway = world.gateway();
    hire(&mut world, "bad", "04A1B2C3");
    eventually("the PACS refuses it", || {
        let status = read(&world, "/export/status");
        let first = &status["refused_first"][0];
        if status["refused"] == 1 && first["words"].as_str().is_some_and(|said| said.contains(words)) {
            Ok(())
        } else {
            Err(status.to_string())
        }
    });
    let plan = shown(&world, &["export", "plan"]);
    assert!(
        plan.contains("+ person") && plan.contains(&format!("refused: {words}; tried again in")),
        "{plan}"
    );
    assert!(shown(&world, &["export", "status"]).contains(words));

    world.pacs.clear_faults();
    // Its next try is minutes away by a clock that stands still.
    assert!(shown(&world, &["export", "retry", "nobody"]).contains("nothing of these"));
    assert!(!world.pacs.world().persons.contains_key("PAbad"));
    assert!(shown(&world, &["export", "retry", "bad", "person"]).contains("1 items are tried again"));
    world.expect_permissions("PAbad", Some(&["ap-main"]));
}

#[test]
fn a_command_is_carried_out_once_and_not_when_it_has_expired() {
    let (world, _gateway) = with_held_rows();
    let hash = read(&world, "/status")["export"]["held_removals"]["hash"].as_str().expect("hash").to_owned();
    let approve = || Command::ExportApprove { hash: hash.clone() };
    order(&world, "late", at("2026-11-23T07:59:59Z"), approve());
    world.source.expect_event(
        "it came too late",
        |event| matches!(event, Event::CommandResult { id, done: false, words } if id == "late" && words.contains("expired")),
    );
    assert_eq!(count(&world, "clearance = 2"), 3, "nothing has changed");

    let expires = at("2026-11-23T08:05:00Z");
    for _ in 0..2 {
        order(&world, "once", expires, approve());
    }
    // Commands keep their order, so that this one's answer follows those of the two.
    order(&world, "after", expires, Command::ExportRetry { user: None, item: None });
    world.source.expect_event(
        "the last is answered",
        |event| matches!(event, Event::CommandResult { id, done: true, .. } if id == "after"),
    );
    assert_eq!(results(&world, "once"), [(true, "3 removals of 1 persons go on".to_owned())]);
    assert_eq!(count(&world, "clearance = 3"), 3);
    let who: Vec<Value> = audit(&world).into_iter().map(|entry| entry["who"].clone()).collect();
    assert_eq!(who, ["command after", "command once", "command late"], "newest first");
}

#[test]
fn a_command_whose_id_cannot_be_kept_is_refused_with_its_message() {
    let world = World::new();
    let _gateway = world.gateway();
    let expires = at("2026-11-23T08:05:00Z");
    order(&world, &"x".repeat(65), expires, Command::ExportRetry { user: None, item: None });
    world.source.expect_event(
        "it is named",
        |event| matches!(event, Event::RefusedMessage { topic, reason, .. } if topic == "command" && reason.contains("id has 1 to 64 bytes")),
    );
}

#[test]
fn a_plan_reads_the_same_with_the_daemon_running_or_stopped() {
    let mut world = World::new();
    let gateway = world.gateway();
    hire(&mut world, "ada", "04A1B2C3");
    world.expect_permissions("PAada", Some(&["ap-main"]));
    eventually("nothing is left to do", || {
        let plan = shown(&world, &["export", "plan"]);
        if plan == "nothing to do: 1 users are as they should be\n" { Ok(()) } else { Err(plan) }
    });
    world.source.publish_meta(Some("panel-2"));
    world.source.expect_state("another gateway exports", |state| state["export"]["exporting"] == false);
    let mut revoked = card("ada", "04A1B2C3");
    revoked["status"] = "REVOKED".into();
    world.source.put("token", "card-ada", revoked);
    world.source.put("user", "bo", user("Bo", "Al")).put("token", "card-bo", card("bo", "04A1B2C5"));
    world.source.put("assignment", "bo.main", assignment("bo", "main", "", "2099-01-01T00:00:00Z"));
    world.source.publish();
    world.expect_equal_mirror();
    let running = shown(&world, &["export", "plan"]);
    insta::assert_snapshot!("plan", running);

    gateway.stop();
    let lines = shown(&world, &["export", "plan", "--json", "--limit", "2"]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 3, "two lines and the sums: {lines:?}");
    assert_eq!((&lines[0]["user"], &lines[0]["change"]), (&json!("ada"), &json!("remove")));
    assert_eq!(lines[0]["waits"], "panel-2 exports");
    assert_eq!(lines[2]["more"], 4);

    for order in [&["export", "apply"][..], &["export", "approve", "0123456789abcdef"], &["export", "retry"]]
    {
        let words = complaint(&world, order);
        assert!(words.contains("no daemon listens") && words.contains("systemctl start doorward"), "{words}");
    }
    assert!(shown(&world, &["export", "status"]).contains("the daemon does not run"));
}
