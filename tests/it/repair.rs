//! The mirror proves itself: gaps, first sync, damage on disk, and what the PACS sees of it.

use crate::world::{
    GATEWAY, World, assignment, at, card, entitlement, eventually, permissions, query, status, user, verify,
};
use contract::command::CommandMessage;
use contract::id::Version;
use contract::messages::Event;
use contract::repair::Bits;
use rusqlite::{Connection, params};
use serde_json::json;

/// Opens the mirror's file as a disk would change it: behind the gateway's back.
fn disk(world: &World) -> Connection {
    let path = world.folder.path().join("state/mirror.sqlite");
    #[expect(clippy::disallowed_methods, reason = "the disk does not ask the mirror's module")]
    let disk = Connection::open(path).expect("the mirror's file");
    disk.busy_timeout(std::time::Duration::from_secs(10)).expect("busy");
    disk
}

fn people(world: &mut World, count: usize) {
    for from in (0..count).step_by(200) {
        for n in from..count.min(from + 200) {
            world.source.put("user", &format!("u{n}"), user("A", &format!("B{n}")));
            world.source.put("token", &format!("t{n}"), card(&format!("u{n}"), &format!("04{n:08x}9011")));
        }
        world.source.publish();
    }
}

#[test]
fn a_gap_repairs_itself_by_moving_only_what_differs() {
    let mut world = World::new();
    let _gateway = world.gateway();
    people(&mut world, 500);
    world.expect_equal_mirror();
    let answers = world.source.answer_requests(6);
    world.source.put("user", "u7", user("Changed", "Unheard")).delete("token", "t8");
    let _lost = world.source.next_message();
    world.source.put("user", "u9", user("Changed", "Heard"));
    world.source.publish();
    world.expect_equal_mirror();
    let sent = answers.sent();
    assert_eq!((sent.pages, sent.buckets), (1, 2), "{sent:?}");
    assert_eq!(query(&world.config_file(), &["users", "u7"])[0]["record"]["given_name"], "Changed");
    let found = query(&world.config_file(), &["tokens", "t8"]);
    assert!(found.iter().all(|token| token["key"] != "t8"), "{found:?}");
}

#[test]
fn a_new_panel_fetches_everything_is_killed_and_goes_on_where_it_was() {
    let mut world = World::new();
    people(&mut world, 2_000);
    world.source.flush();
    // The panel was never there: nothing was queued for it.
    let answers = world.source.answer_requests(7);
    let mut deaths = 0;
    let mut progress = Vec::new();
    loop {
        let panel = world.program(Some("mirror.committed@6"));
        let mut panel = Some(panel);
        let mut done = false;
        eventually("it dies, or has everything", || {
            let died = panel.as_mut().is_some_and(|panel| panel.ended().is_some());
            done = status(&world.config_file()).is_ok_and(|status| status["in_sync"] == true);
            if died || done { Ok(()) } else { Err("neither".into()) }
        });
        if done {
            break;
        }
        drop(panel.take());
        let stopped = status(&world.config_file()).expect("status");
        assert_eq!((&stopped["whole"], &stopped["in_sync"]), (&json!(false), &json!(false)), "{stopped}");
        if stopped["repair"]["of"] == 128 {
            progress.push(stopped["repair"]["done"].as_u64().expect("a number"));
        }
        deaths += 1;
        assert!(deaths < 60, "it does not come further: {}", status(&world.config_file()).expect("status"));
    }
    world.expect_equal_mirror();
    assert!(deaths > 0, "it was to die on the way");
    assert!(!progress.is_empty() && progress.is_sorted(), "it goes on where it was: {progress:?}");
    let buckets = answers.sent().buckets;
    assert!(buckets < 128 + 32 * (deaths + 1), "{buckets} buckets moved in {deaths} deaths");
}

#[test]
fn a_session_that_the_broker_forgot_costs_a_repair() {
    let mut world = World::new();
    let _answers = world.source.answer_requests(4);
    let gateway = world.gateway();
    people(&mut world, 100);
    world.expect_equal_mirror();
    gateway.stop();
    world.forget_session();
    world.source.put("user", "u3", user("Unheard", "Of")).delete("user", "u4");
    world.source.publish();
    world.source.flush();
    let _gateway = world.gateway();
    world.source.expect_state("not proven", |state| state["online"] == true && state["in_sync"] == false);
    world.source.checkpoint();
    world.expect_equal_mirror();
}

#[test]
fn a_source_restored_from_a_backup_takes_a_new_epoch_and_is_followed() {
    let mut world = World::new();
    let _answers = world.source.answer_requests(3);
    let _gateway = world.gateway();
    people(&mut world, 50);
    world.expect_equal_mirror();
    let backup = world.source.held().clone();
    world.source.put("user", "u1", user("Made", "Later")).put("user", "new", user("Never", "Backed-Up"));
    world.source.publish();
    world.expect_equal_mirror();
    *world.source.held() = backup;
    world.source.publish_meta(Some(GATEWAY));
    eventually("the source is above what the panel has heard", || {
        let epoch = world.source.head().0.epoch;
        if epoch > 1_000 { Ok(()) } else { Err(format!("epoch {epoch}")) }
    });
    world.expect_equal_mirror();
    assert!(query(&world.config_file(), &["users", "new"]).is_empty());
}

#[test]
fn a_resync_is_obeyed_at_once_and_finds_nothing() {
    let mut world = World::new();
    let _gateway = world.gateway();
    people(&mut world, 10);
    world.expect_equal_mirror();
    let answers = world.source.answer_requests(2);
    let message = CommandMessage {
        id: "r1".into(),
        expires: at("2027-01-01T00:00:00Z"),
        command: contract::command::Command::Resync,
    };
    world.source.publish_command(serde_json::to_vec(&message).expect("JSON"));
    eventually("it asks", || {
        let sent = answers.sent();
        if sent.pages > 0 { Ok(()) } else { Err(format!("{sent:?}")) }
    });
    world.expect_equal_mirror();
    assert_eq!(answers.sent().buckets, 0, "nothing differs");
}

#[test]
fn a_bucket_that_never_agrees_is_asked_for_ever_more_rarely_and_reported() {
    let mut world = World::new();
    let answers = world.source.answer_requests(2);
    let _gateway = world.gateway();
    people(&mut world, 10);
    world.expect_equal_mirror();
    // The source hashes something else than it sends.
    world.source.held().rows.entry(("user".into(), "u1".into())).and_modify(|row| {
        row.digest = contract::digest::Digest::from_bytes([9; 16]);
    });
    let bucket = Bits::new(2).expect("few").bucket(contract::digest::place("user", "u1"));
    eventually("the report", || {
        world.source.checkpoint();
        // Slowly, so that no answer comes too late.
        world.clock.advance_s(1);
        let events = world.source.events();
        let is_it = |event: &Event| {
            matches!(event, Event::RepairFailed { bits, buckets, count: 1 }
                if bits.get() == 2 && *buckets == [bucket])
        };
        if events.iter().any(|message| is_it(&message.event)) { Ok(()) } else { Err("none yet".into()) }
    });
    // `state` follows every few seconds: it knows of the three runs before the report at least.
    world.source.expect_state("how often it was tried", |state| {
        state["in_sync"] == false && state["repair"]["tries"].as_u64() >= Some(3)
    });
    // What is fetched in vain is fetched a few times, however many checkpoints disagree.
    let requests = answers.sent().requests;
    assert!(requests < 40, "{requests} requests");
}

#[test]
fn verify_finds_a_flipped_bit_a_lost_row_and_an_extra_row_and_repair_mends_them() {
    let mut world = World::new();
    let _answers = world.source.answer_requests(5);
    let gateway = world.gateway();
    people(&mut world, 300);
    world.expect_equal_mirror();
    let sound = verify(&world.config_file());
    assert_eq!(
        (&sound["sound"], &sound["equal"], &sound["faults"]),
        (&json!(true), &json!(true), &json!([]))
    );
    gateway.stop();

    let disk = disk(&world);
    let id = |kind: &str, key: &str| (contract::digest::place(kind, key) >> 1).cast_signed();
    // One bit of one letter of a name.
    let flipped = disk.execute(
        "UPDATE record SET body = replace(body, '\"B17\"', '\"C17\"') WHERE id = ?1",
        [id("user", "u17")],
    );
    assert_eq!(flipped.expect("SQL"), 1);
    let lost = disk.execute("DELETE FROM record WHERE id = ?1", [id("token", "t99")]);
    assert_eq!(lost.expect("SQL"), 1);
    // An extra row that is well-formed in every respect: a card that the source never gave anybody.
    let body = card("u5", "04ffffff9011").to_string();
    let canonical = contract::record::parse("token", &body).canonical.into_owned();
    let digest = contract::digest::record("token", "evil", &canonical, Version { epoch: 1_000, seq: 1 });
    let evil = id("token", "evil");
    disk.execute("INSERT INTO name (id, kind, key) VALUES (?1, 2, 'evil')", [evil]).expect("SQL");
    disk.execute(
        "INSERT INTO record (id, epoch, seq, digest, refused, body) VALUES (?1, 1000, 1, ?2, NULL, ?3)",
        params![evil, digest.to_bytes(), String::from_utf8(canonical).expect("UTF-8")],
    )
    .expect("SQL");
    disk.execute("INSERT INTO token (id, user) VALUES (?1, ?2)", [evil, id("user", "u5")]).expect("SQL");
    disk.execute("INSERT INTO card (token, uid) VALUES (?1, x'04ffffff9011')", [evil]).expect("SQL");
    // And a link that gives another user somebody's card.
    let stolen =
        disk.execute("UPDATE token SET user = ?1 WHERE id = ?2", [id("user", "u6"), id("token", "t7")]);
    assert_eq!(stolen.expect("SQL"), 1);
    drop(disk);

    let damaged = verify(&world.config_file());
    assert_eq!(damaged["sound"], false);
    let faults = damaged["faults"].to_string();
    for (key, word) in [
        ("user u17", "altered"),
        ("token t99", "lost"),
        ("token evil", "extra"),
        ("token t7", "does not lead"),
    ] {
        assert!(faults.contains(&format!("{key}: ")) && faults.contains(word), "{key} {word}: {faults}");
    }
    assert_eq!(damaged["faults"].as_array().map(Vec::len), Some(4), "{faults}");

    // The scrub finds the same, and the source has it right.
    let _gateway = world.gateway();
    eventually("the scrub reports", || {
        world.clock.advance_s(1);
        let events = world.source.events();
        let found = events.iter().any(|message| matches!(message.event, Event::MirrorDamaged { .. }));
        if found { Ok(()) } else { Err(format!("{events:?}")) }
    });
    eventually("equal and sound again", || {
        world.clock.advance_s(5);
        let found = verify(&world.config_file());
        if found["sound"] == true && found["equal"] == true { Ok(()) } else { Err(found.to_string()) }
    });
    assert!(query(&world.config_file(), &["tokens", "evil"]).is_empty());
    assert_eq!(query(&world.config_file(), &["users", "u17"])[0]["record"]["family_name"], "B17");
}

#[test]
fn until_the_mirror_is_whole_nobody_leaves_the_pacs_for_being_absent_in_it() {
    let mut world = World::new();
    let gateway = world.gateway();
    world.source.put("entitlement", "e", entitlement("ap-main", "Main entrance"));
    for n in 0..4 {
        world.source.put("user", &format!("u{n}"), user("A", &format!("B{n}")));
        world.source.put("token", &format!("t{n}"), card(&format!("u{n}"), &format!("04{n:08x}9011")));
        world.source.put("assignment", &format!("a{n}"), assignment(&format!("u{n}"), "e", "", ""));
    }
    world.source.publish();
    for n in 0..4 {
        world.expect_permissions(&format!("PAu{n}"), Some(&["ap-main"]));
    }
    world.expect_equal_mirror();
    gateway.stop();
    // The file of an older program: its rows are of no use to this one, its ledger is.
    as_of_version_1(&world);
    // Nobody hears that u3 is gone.
    world.source.delete("user", "u3");
    let _lost = world.source.next_message();
    let _gateway = world.gateway();
    // That it was online before may be the last thing heard of it; the file says when it has been upgraded.
    eventually("the upgraded mirror is not whole", || {
        let status = status(&world.config_file())?;
        if status["whole"] == false { Ok(()) } else { Err(status.to_string()) }
    });
    // What is said of somebody is obeyed: so the export is at work.
    let mut locked = user("A", "B0");
    locked["status"] = json!("locked");
    world.source.put("user", "u0", locked);
    world.source.publish();
    world.expect_permissions("PAu0", None);
    for n in 1..4 {
        assert!(permissions(&world.pacs.world(), &format!("PAu{n}")).is_some(), "u{n} is still to come");
    }
    let _answers = world.source.answer_requests(3);
    world.expect_repaired_mirror();
    assert_eq!(status(&world.config_file()).expect("status")["whole"], true);
    world.expect_permissions("PAu3", None);
    world.expect_permissions("PAu1", Some(&["ap-main"]));
}

/// Makes the mirror's file one of version 1 with the same ledger, as an upgrade finds it.
fn as_of_version_1(world: &World) {
    let state = world.folder.path().join("state");
    let (now, old) = (state.join("mirror.sqlite"), state.join("old.sqlite"));
    #[expect(clippy::disallowed_methods, reason = "an older program's file")]
    let conn = Connection::open(&old).expect("a file");
    conn.pragma_update(None, "journal_mode", "WAL").expect("pragma");
    conn.execute_batch(include_str!("../../sql/migrations/0001_first.sql")).expect("version 1");
    conn.execute("ATTACH ?1 AS now", [now.to_str().expect("UTF-8")]).expect("attached");
    conn.execute_batch(
        "INSERT INTO ledger SELECT user, kind, item, ext_id, native_id, parent, state, prev, sent_hash, acked_hash, until,
           gen, unsettled_until_mono_ms, ours, hold_reason, approved_gen, fails, next_try_mono_ms, check_at_mono_ms
           FROM now.ledger;
         INSERT INTO outbox SELECT one, stream, next_seq, received_seq, lost FROM now.outbox;
         INSERT INTO event SELECT seq, at, body FROM now.event; INSERT INTO pacs_entitlement
           SELECT pacs_ref, type, display_name FROM now.pacs_entitlement;
         INSERT INTO mirror SELECT one, site, head_epoch, head_seq, floor_epoch, floor_seq, root, out_of_sync,
           (SELECT named FROM now.exporter) FROM now.mirror;
         INSERT INTO name (kind, key) VALUES (1, 'u1');
         DETACH now; PRAGMA user_version = 1; PRAGMA wal_checkpoint(TRUNCATE);",
    )
    .expect("the same ledger");
    drop(conn);
    for suffix in ["", "-wal", "-shm"] {
        let path = state.join(format!("mirror.sqlite{suffix}"));
        let _ = std::fs::remove_file(path);
    }
    std::fs::rename(old, now).expect("in its place");
}
