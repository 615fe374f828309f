//! kill -9 loses nothing that was committed.

use crate::world::{World, wait};
use contract::id::Version;

fn doors(world: &World, count: u32, name: &str) {
    let line = |n: u32| {
        let record = format!(r#"{{"name":"{name} {n}","grants":[]}}"#);
        format!(r#"{{"op":"upsert","kind":"door","key":"d-{n}","record":{record}}}"#)
    };
    world.write("doors.jsonl", &(0..count).map(line).collect::<Vec<_>>().join("\n"));
}

#[test]
fn what_was_committed_and_not_published_goes_out_first_with_its_version() {
    let mut world = World::new();
    let mut serve = world.serve();
    world.stop_broker();
    doors(&world, 30, "Door");
    world.ok(&["import", "--batch", "10", "doors.jsonl"]);
    let committed = world.status();
    serve.kill();
    world.start_broker();
    let observer = world.observer("observer");
    let _serve = world.serve();
    let mirror = observer.caught_up(&world);
    let epoch = committed["epoch"].as_u64().expect("a number");
    let old: Vec<Version> = (1..=3).map(|seq| Version { epoch, seq }).collect();
    assert_eq!(mirror.versions[..3], old);
    let after = mirror.versions[3];
    assert!(after.epoch > epoch && after.seq == 0, "{after}");
    assert_eq!((mirror.versions.len(), mirror.rows.len()), (4, 30));
}

#[test]
fn killed_again_and_again_under_load_nothing_is_missing() {
    let world = World::new();
    let observer = world.observer("observer");
    let mut epochs = 0;
    for round in 0..3 {
        doors(&world, 1500, &format!("Round {round}"));
        let mut serve = world.start_serve();
        world.ok(&["import", "--batch", "1", "doors.jsonl"]);
        let heard = observer.on("changes").len();
        wait("some of it", || (observer.on("changes").len() > heard + 100).then_some(()));
        serve.kill();
    }
    let _serve = world.serve();
    let mirror = observer.caught_up(&world);
    assert_eq!(mirror.rows.len(), 1500);
    assert_eq!(mirror.messages.len(), 4500);
    for pair in mirror.messages.windows(2) {
        epochs += u32::from(pair[0].0.epoch != pair[1].0.epoch);
    }
    assert!(epochs <= 3, "{epochs}");
    wait("an empty outgoing", || (world.status()["outgoing"] == 0).then_some(()));
}

#[test]
fn a_broker_that_comes_back_gets_the_rest() {
    let mut world = World::new();
    let _serve = world.serve();
    world.stop_broker();
    let version = world.ok(&["set", "door", "main", r#"{"name":"Main","grants":[]}"#]);
    world.start_broker();
    let observer = world.observer("observer");
    wait("the change", || observer.replay().versions.iter().find(|v| v.to_string() == version).copied());
    observer.caught_up(&world);
}

#[test]
fn killed_in_the_middle_of_a_migration_it_is_done_again() {
    // On a busy machine it may be done before it is seen to have begun: then once more.
    let killed_within = (0..10).find_map(killed_in_a_migration);
    let (world, root) = killed_within.expect("ten migrations were done before they were killed");
    let status = world.status();
    assert_eq!((&status["root"], layout(&world)), (&serde_json::Value::from(root), 3));
    assert_eq!(status["records"]["note"], 60_000);
}

/// A world whose file was being migrated when its program died, and the root of its rows; none if that was too late.
fn killed_in_a_migration(_try: u32) -> Option<(World, String)> {
    let world = World::new();
    let root = crate::buckets::layout_1(&world.path("source.db"), 60_000).to_string();
    // It has written something when the journal grows beyond what the fixture left.
    let journal = || std::fs::metadata(world.path("source.db-wal")).map_or(0, |found| found.len());
    let before = journal();
    let mut serve = world.start_serve();
    wait("the migration to write", || (journal() > before + 100_000).then_some(()));
    serve.kill();
    drop(serve);
    (layout(&world) == 1).then_some((world, root))
}

fn layout(world: &World) -> i64 {
    #[expect(clippy::disallowed_methods, reason = "looks at what the program left")]
    let db = rusqlite::Connection::open(world.path("source.db")).expect("a file");
    db.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a number")
}
