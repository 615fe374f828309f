use super::*;
use crate::mirror::apply::{Batch, Room};
use crate::mirror::outbox;
use crate::mirror::standing::{self, Restored};
use contract::digest::Digest;
use contract::messages::Event;
use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;

fn unpack(from: &Path, into: &Path) -> Result<Unpacked, BackupError> {
    super::unpack(&mut Backup::open(from)?, into)
}

const NOW: UtcTime = UtcTime::from_unix(1_800_000_000);

fn mirror(folder: &TempDir) -> (Mirror, Connection) {
    let mirror = Mirror::at(folder.path());
    let site = contract::id::SiteId::new("office").expect("site");
    let conn = mirror.open_writer(&site, || "first".into()).expect("mirror");
    (mirror, conn)
}

fn about() -> About {
    About { gateway: "panel-1".into(), made_at: NOW, clock_floor: NOW }
}

/// One message, with whatever changes.
fn apply(conn: &mut Connection, seq: usize, changes: &[serde_json::Value]) {
    let tx = conn.transaction().expect("begun");
    let mut batch = Batch::begin(&tx, NOW, Room::Ample).expect("begun");
    let root = "0".repeat(32);
    let message = json!({ "epoch": 7, "seq": seq, "root": root, "changes": changes }).to_string();
    batch.changes(message.as_bytes()).expect("applied");
    batch.end().expect("ended");
    tx.commit().expect("committed");
}

/// Users, tokens and what is refused; some of them deleted again.
fn change() -> impl Strategy<Value = serde_json::Value> {
    (0_u8..4, 0_u8..12, "[a-zA-Z ]{1,12}").prop_map(|(what, n, text)| match what {
        0 => json!({ "op": "delete", "kind": "user", "key": format!("u{n}") }),
        1 => json!({ "op": "upsert", "kind": "user", "key": format!("u{n}"),
            "record": { "status": "active", "given_name": text, "family_name": "Ek" } }),
        2 => json!({ "op": "upsert", "kind": "token", "key": format!("c{n}"), "record": { "user": format!("u{n}"),
            "kind": "card", "status": "ACTIVE", "identifiers": [{ "type": "mifare", "hex": format!("04A1{n:04X}") }] } }),
        _ => json!({ "op": "upsert", "kind": "user", "key": format!("u{n}"), "record": { "status": text } }),
    })
}

fn rows(conn: &Connection) -> Vec<String> {
    let mut read = conn
        .prepare("SELECT id || hex(digest) || coalesce(refused, '') || body FROM record ORDER BY id")
        .expect("SQL");
    let rows = read.query_map([], |row| row.get(0)).expect("read");
    rows.collect::<rusqlite::Result<_>>().expect("rows")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Whatever the mirror holds, and whatever is written while it is copied: what comes back is what was there at one moment.
    #[test]
    fn a_backup_of_any_mirror_restores_to_equal_roots(
        before in proptest::collection::vec(change(), 0..40),
        after in proptest::collection::vec(change(), 0..10),
    ) {
        let moments = moments(&before, &after);
        let folder = tempfile::tempdir().expect("folder");
        let (mirror, mut conn) = mirror(&folder);
        before.iter().enumerate().for_each(|(n, change)| apply(&mut conn, n + 1, std::slice::from_ref(change)));
        let (file, into) = (folder.path().join("b"), folder.path().join("c"));
        let writer = std::thread::spawn(move || {
            after.iter().enumerate().for_each(|(n, change)| apply(&mut conn, n + 100, std::slice::from_ref(change)));
        });
        make(&mirror, &file, &about(), &[]).expect("made");
        writer.join().expect("written");
        let unpacked = unpack(&file, &into).expect("sound");
        prop_assert_eq!(&unpacked.about, &about());
        let found = moment(&unpacked.conn);
        prop_assert!(moments.contains(&found), "{found:?}, and not one of {moments:?}");
        prop_assert_eq!(unpacked.records, found.0.len() as u64);
        afresh::begin(&unpacked.conn, "second", false).expect("begun");
        let standing = standing::standing(&unpacked.conn).expect("read");
        prop_assert_eq!((standing.root, standing.whole, standing.restored), (found.1, false, Restored::Yes));
        prop_assert!(found.1 != Digest::ZERO || found.0.is_empty());
    }
}

fn moment(conn: &Connection) -> (Vec<String>, Digest) {
    (rows(conn), standing::standing(conn).expect("read").root)
}

/// What the mirror holds after `before`, and after each of `after`.
fn moments(before: &[serde_json::Value], after: &[serde_json::Value]) -> Vec<(Vec<String>, Digest)> {
    let folder = tempfile::tempdir().expect("folder");
    let (_, mut conn) = mirror(&folder);
    before.iter().enumerate().for_each(|(n, change)| apply(&mut conn, n + 1, std::slice::from_ref(change)));
    let mut all = vec![moment(&conn)];
    for (n, change) in after.iter().enumerate() {
        apply(&mut conn, n + 100, std::slice::from_ref(change));
        all.push(moment(&conn));
    }
    all
}

#[test]
fn events_go_on_in_a_stream_of_their_own_without_enrollments_and_without_a_gap() {
    let folder = tempfile::tempdir().expect("folder");
    let (mirror, conn) = mirror(&folder);
    let enrolled: Event =
        serde_json::from_value(json!({ "type": "enrollment", "token": "enrolled-1", "user": "ada",
        "kind": "card", "identifier": "mifare", "hex": "04A1B2C3", "expires": "2026-11-26T10:40:00Z",
        "read": { "reader": "entrance", "technology": "unknown", "confirmed": true }, "warnings": [] }))
        .expect("an event");
    let result = |n: u64| Event::CommandResult { id: n.to_string(), done: true, words: String::new() };
    let all = [result(1), enrolled.clone(), result(3), enrolled, result(5)];
    all.iter().for_each(|event| outbox::push(&conn, NOW, event).expect("pushed"));
    outbox::note_sent(&conn, 5).expect("noted");
    outbox::received(&conn, "first", 1).expect("noted");
    let (file, into) = (folder.path().join("b"), folder.path().join("c"));
    make(&mirror, &file, &about(), &[]).expect("made");
    let conn = unpack(&file, &into).expect("sound").conn;
    assert_eq!(afresh::begin(&conn, "second", false).expect("begun").events, 2);
    outbox::push(&conn, NOW, &result(9)).expect("pushed");
    let found = outbox::waiting_after(&conn, 0, 99).expect("read").into_iter().map(outbox::as_heard);
    let found: Vec<_> = found.collect();
    let told: Vec<_> = found.iter().map(|one| (one.stream.as_str(), one.seq, &one.event)).collect();
    assert_eq!(told, [("second", 2, &result(3)), ("second", 3, &result(5)), ("second", 4, &result(9))]);
    assert!(!outbox::may_send(&conn, 2).expect("asked"), "nothing of the new stream was sent");
    outbox::received(&conn, "first", 4).expect("noted");
    assert_eq!(
        outbox::waiting(&conn).expect("counted").waiting,
        3,
        "receipts of the old stream mean nothing"
    );
}

#[test]
fn what_is_no_backup_is_neither_overwritten_nor_taken() {
    let folder = tempfile::tempdir().expect("folder");
    let (mirror, _conn) = mirror(&folder);
    let (file, into) = (folder.path().join("config.toml"), folder.path().join("c"));
    std::fs::write(&file, "site = \"office\"").expect("written");
    let error = make(&mirror, &file, &about(), &[]).expect_err("a configuration");
    assert!(matches!(error, BackupError::Other { .. }), "{error}");
    assert!(matches!(unpack(&file, &into), Err(BackupError::NoBackup { .. })));
    assert_eq!(std::fs::read_to_string(&file).expect("read"), "site = \"office\"");
}

#[test]
fn a_backup_of_a_later_program_or_with_altered_rows_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().expect("folder");
    let (mirror, mut conn) = mirror(&folder);
    let ada = json!({ "op": "upsert", "kind": "user", "key": "ada",
        "record": { "status": "active", "given_name": "Ada", "family_name": "Ek" } });
    apply(&mut conn, 1, &[ada]);
    let file = folder.path().join("b");
    let refusal = |sql: &str, into: &str| {
        make(&mirror, &file, &about(), &[]).expect("made");
        // As if it had been so when it was made.
        let (copy, _) = Mirror::of_file(&file).open_copy(false).expect("opened");
        copy.execute_batch(sql).expect("altered");
        drop(copy);
        super::file::seal(&file).expect("sealed");
        unpack(&file, &folder.path().join(into)).expect_err("refused").to_string()
    };
    conn.execute_batch("UPDATE record SET seq = seq + 1").expect("altered");
    let error = make(&mirror, &file, &about(), &[]).expect_err("damaged").to_string();
    assert!(error.contains("damaged") && !file.exists(), "{error}");
    conn.execute_batch("UPDATE record SET seq = seq - 1").expect("as it was");
    let newer = refusal("PRAGMA user_version = 99", "c");
    assert!(newer.contains("schema 99 is newer"), "{newer}");
    let code = refusal("CREATE VIEW one AS SELECT 1", "e");
    assert!(code.contains("triggers or views"), "{code}");
    let altered = refusal("UPDATE record SET body = replace(body, 'Ada', 'Eve')", "d");
    assert!(altered.contains("damaged") && altered.contains("ada"), "{altered}");
}

#[test]
fn a_name_in_a_backup_is_a_place_below_the_configuration_and_no_line_of_a_unit() {
    for name in ["config.toml", "secrets/broker-password", "pki/site_1/ca.pem"] {
        assert!(is_name(name), "{name}");
    }
    for name in [
        "",
        "/etc/shadow",
        "../x",
        "a/../x",
        "a//b",
        "a/",
        "./a",
        "secrets/x\nExecStartPre=+sh",
        "a b",
        "a%n",
        "a:b",
        "\u{e4}",
    ] {
        assert!(!is_name(name), "{name:?}");
    }
}
