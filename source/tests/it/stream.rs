//! What is published, and what comes back.

use crate::world::{World, wait};
use contract::command::{Command, CommandMessage};
use contract::id::{GatewayId, Version};
use contract::messages::Meta;
use serde_json::{Value, json};

const OFFICE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/office");

#[test]
fn the_example_office_arrives_whole() {
    let world = World::new();
    let observer = world.observer("observer");
    let (users, changes) = (format!("{OFFICE}/users.csv"), format!("{OFFICE}/changes.jsonl"));
    let said = world.ok(&["import", "--batch", "10", &users, &changes]);
    let _serve = world.serve();
    let mirror = observer.caught_up(&world);
    let count = |kind: &str| mirror.rows.keys().filter(|(k, _)| k == kind).count();
    assert_eq!((count("user"), count("entitlement"), count("door"), count("schedule")), (12, 4, 4, 1));
    assert!(mirror.messages.iter().all(|(_, changes)| *changes <= 10), "{:?}", mirror.messages);
    assert!(said.ends_with(&mirror.messages.last().expect("some").0.to_string()), "{said}");
    let epoch = mirror.versions.last().expect("some").epoch;
    let meta = wait("meta", || observer.metas().pop());
    assert_eq!((meta.epoch, meta.head_seq), (epoch, 0));
    assert_eq!(meta.exporter.expect("named").as_str(), "main-panel");
    wait("an empty outgoing", || (world.status()["outgoing"] == 0).then_some(()));
}

#[test]
fn a_change_goes_out_at_once_and_with_the_version_that_was_printed() {
    let world = World::new();
    let observer = world.observer("observer");
    let mut serve = world.serve();
    let door = r#"{"grants":[],"name":"Main"}"#;
    let set = world.ok(&["set", "door", "main", door]);
    assert_eq!(world.ok(&["set", "door", "main", r#" {"name":"Main","grants":[]}"#]), "unchanged");
    let deleted = world.ok(&["delete", "door", "main"]);
    assert_eq!(world.ok(&["delete", "door", "main"]), "unchanged");
    let mirror = observer.caught_up(&world);
    let published: Vec<String> = mirror.messages.iter().map(|(version, _)| version.to_string()).collect();
    assert_eq!(published, [set, deleted]);
    assert!(mirror.rows.is_empty());
    let epoch = mirror.versions[0].epoch;
    wait("meta at 2", || observer.metas().into_iter().find(|m| (m.epoch, m.head_seq) == (epoch, 2)));
    serve.signal("TERM");
    assert!(serve.ended_well());
}

#[test]
fn checkpoints_come_by_verb_and_by_signal() {
    let world = World::new();
    let observer = world.observer("observer");
    let serve = world.serve();
    let checkpoints = || observer.replay().versions.len();
    assert_eq!(checkpoints(), 1);
    let said = world.ok(&["checkpoint"]);
    wait("a second checkpoint", || (checkpoints() == 2).then_some(()));
    serve.signal("USR1");
    wait("a third checkpoint", || (checkpoints() == 3).then_some(()));
    assert!(observer.replay().versions.iter().all(|version| version.to_string() == said));
}

fn event(seq: u64) -> Value {
    let event = json!({"type": "refused_message", "topic": "changes", "bytes": 1, "reason": "x"});
    json!({"stream": "s-1", "seq": seq, "at": "2026-11-21T10:00:00Z", "event": event})
}

fn received_up_to(payloads: &[Vec<u8>]) -> Option<u64> {
    let last = payloads.last()?;
    let message: CommandMessage = serde_json::from_slice(last).expect("a command");
    let Command::EventsReceived { stream, seq } = message.command else { panic!("a receipt: {message:?}") };
    assert_eq!(stream, "s-1");
    Some(seq)
}

#[test]
fn events_are_stored_once_in_order_and_told() {
    let world = World::new();
    let observer = world.observer("observer");
    let _serve = world.serve();
    for seq in [1, 2, 2, 1, 3] {
        observer.publish("gateway/main-panel/events", false, &event(seq));
    }
    observer.publish("gateway/main-panel/events", false, &json!({"not": "an event"}));
    let later = json!({"stream": "s-1", "seq": 4, "at": "2026-11-21T10:00:00Z", "event": {"type": "later"}});
    observer.publish("gateway/main-panel/events", false, &later);
    observer.publish("gateway/main-panel/state", true, &json!({"online": false, "software": "0.1.0"}));
    let commands = || observer.on("gateway/main-panel/command");
    wait("events_received up to 4", || (received_up_to(&commands()) == Some(4)).then_some(()));
    let events = world.ok(&["events", "--json"]);
    let seqs: Vec<Value> = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["seq"].clone())
        .collect();
    assert_eq!(seqs, [1, 2, 3, 4]);
    let ids: std::collections::HashSet<Vec<u8>> = commands().into_iter().collect();
    assert_eq!(ids.len(), commands().len(), "no command twice");
    wait("the state", || world.status()["gateways"]["main-panel"]["state"]["software"].as_str().map(drop));
}

#[test]
fn an_epoch_is_above_the_one_retained_at_the_broker() {
    let world = World::new();
    let observer = world.observer("observer");
    let far = 9_000_000_000_u64;
    observer.publish("meta", true, &json!({"epoch": far, "head_seq": 3, "minor": 0}));
    wait("the meta", || observer.metas().pop());
    let _serve = world.serve();
    assert_eq!(observer.caught_up(&world).versions, [Version { epoch: far + 1, seq: 0 }]);
    // Someone else's later epoch, heard while we publish.
    observer.publish("meta", true, &json!({"epoch": far + 7, "head_seq": 0, "minor": 0}));
    wait("another epoch", || (world.status()["epoch"] == far + 8).then_some(()));
    observer.caught_up(&world);
}

#[test]
fn another_exporter_takes_over_from_the_one_before_unless_somebody_says_that_it_is_dead() {
    let world = World::new();
    let observer = world.observer("observer");
    let expect = |what: &str, wanted: &dyn Fn(&Meta) -> bool| {
        wait(what, || observer.metas().pop().filter(|meta| wanted(meta)))
    };
    let serve = world.serve();
    let first = expect("the first", &|meta| meta.exporter.is_some());
    assert_eq!((first.exporter_after, first.exporter_claim > 1_700_000_000), (None, true));
    drop(serve);

    let settings = std::fs::read_to_string(world.path("source.toml")).expect("settings");
    world.write("source.toml", &settings.replace("main-panel", "side-panel"));
    let _serve = world.serve();
    let second = expect("a hand-over", &|meta| meta.exporter_after.is_some());
    assert_eq!(second.exporter.as_ref().map(GatewayId::as_str), Some("side-panel"));
    assert_eq!(second.exporter_after.as_ref().map(GatewayId::as_str), Some("main-panel"));
    assert_eq!(second.exporter_claim, first.exporter_claim);

    assert!(world.fails(&["take-over", "main-panel"]).contains("side-panel is named, not main-panel"));
    world.ok(&["take-over", "side-panel"]);
    let third = expect("a naming without a hand-over", &|meta| meta.exporter_claim > first.exporter_claim);
    assert_eq!((third.exporter, third.exporter_after), (second.exporter, None));
}

#[test]
fn one_serve_a_file() {
    let world = World::new();
    let _serve = world.serve();
    let complaint = world.fails(&["serve"]);
    assert!(complaint.contains("another `serve` publishes from this file"), "{complaint}");
}
