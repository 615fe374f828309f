//! What gateways ask for, they get: whole, fresh, by turns, and never before a change that is waiting.

use crate::asked::{Sums, holds};
use crate::world::{Observer, World, wait};
use contract::changes::parse_changes;
use contract::digest::Digest;
use contract::id::Version;
use contract::repair::{Digests, parse_bucket, parse_digests};
use doorward_source::change::{Change, Check};
use doorward_source::serve::wake::wake;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A large office: `count` doors with names of `bytes`.
fn doors(world: &World, file: &str, count: u32, bytes: usize) {
    let name = "x".repeat(bytes);
    let line = |n: u32| {
        let record = json!({"name": format!("{n} {name}"), "grants": []});
        json!({"op": "upsert", "kind": "door", "key": format!("d-{n}"), "record": record}).to_string()
    };
    world.write(file, &(0..count).map(line).collect::<Vec<_>>().join("\n"));
}

impl Observer {
    fn ask(&self, gateway: &str, high: Version, want: &Value) {
        self.publish(&format!("gateway/{gateway}/request"), false, &json!({"high": high, "want": want}));
    }

    fn digests(&self, gateway: &str) -> Vec<Digests> {
        let heard = self.on(&format!("gateway/{gateway}/digests"));
        heard.iter().map(|payload| parse_digests(payload).expect("valid")).collect()
    }

    /// Which buckets have come, at how many bits.
    fn buckets(&self, gateway: &str) -> BTreeSet<(u8, u32)> {
        let heard = self.on(&format!("gateway/{gateway}/bucket"));
        let name = |payload: &Vec<u8>| {
            let bucket = parse_bucket(payload).expect("valid");
            (bucket.bits.get(), bucket.bucket)
        };
        heard.iter().map(name).collect()
    }

    /// How many buckets were heard before the message at `version`.
    fn answers_before(&self, version: Version) -> usize {
        let at =
            self.position("changes", |payload| parse_changes(payload).expect("valid").version == version);
        self.topics()[..at].iter().filter(|topic| topic.ends_with("/bucket")).count()
    }

    /// The root at each version.
    fn roots(&self) -> BTreeMap<Version, Digest> {
        let heard = self.on("changes");
        let said = heard.iter().map(|payload| parse_changes(payload).expect("valid"));
        said.map(|message| (message.version, message.root)).collect()
    }

    /// Checkpoints at `version`.
    fn checkpoints(&self, version: Version) -> usize {
        let heard = self.on("changes");
        let is_one = |payload: &&Vec<u8>| {
            let message = parse_changes(payload).expect("valid");
            message.version == version && message.changes.is_empty()
        };
        heard.iter().filter(is_one).count()
    }
}

#[test]
fn answers_are_what_the_rows_say_and_a_checkpoint_follows() {
    let world = World::new();
    doors(&world, "doors.jsonl", 400, 250);
    world.ok(&["import", "doors.jsonl"]);
    let observer = world.observer("observer");
    let _serve = world.serve();
    let head = observer.caught_up(&world).versions.pop().expect("some");
    let rows = world.rows();
    let before = observer.checkpoints(head);
    observer.ask("main-panel", head, &json!({"type": "digests"}));
    let pages = wait("digests", || Some(observer.digests("main-panel")).filter(|pages| !pages.is_empty()));
    let bits = pages[0].bits;
    assert!(bits.get() >= 3, "{bits:?}");
    assert_eq!(pages[0].as_of(), head);
    Sums::of(&rows, bits).agree(&pages[0]);
    wait("a checkpoint", || (observer.checkpoints(head) > before).then_some(()));
    observer.ask("main-panel", head, &json!({"type": "buckets", "bits": bits, "buckets": [1, 3]}));
    observer.ask("back-panel", head, &json!({"type": "all", "from": 0, "count": 256}));
    let all = usize::try_from(bits.buckets()).expect("few");
    wait("all buckets", || (observer.buckets("back-panel").len() == all).then_some(()));
    wait("two buckets", || (observer.buckets("main-panel").len() == 2).then_some(()));
    for gateway in ["main-panel", "back-panel"] {
        for payload in observer.on(&format!("gateway/{gateway}/bucket")) {
            let bucket = parse_bucket(&payload).expect("valid");
            assert_eq!(bucket.as_of, head);
            holds(&rows, &bucket);
        }
    }
}

#[test]
fn fifty_gateways_get_everything_while_changes_go_before_answers() {
    let world = World::new();
    doors(&world, "doors.jsonl", 2000, 200);
    world.ok(&["import", "doors.jsonl"]);
    let observer = world.observer("observer");
    let mut serve = world.serve();
    let head = observer.caught_up(&world).versions.pop().expect("some");
    observer.ask("first", head, &json!({"type": "digests"}));
    let bits = wait("digests", || observer.digests("first").pop()).bits;
    let all = usize::try_from(bits.buckets()).expect("few");
    serve.kill();
    // The broker keeps the requests and the file the changes, so that they meet.
    let gateways: Vec<String> = (0..50).map(|n| format!("panel-{n}")).collect();
    for gateway in &gateways {
        observer.ask(gateway, head, &json!({"type": "all", "from": 0, "count": all}));
    }
    doors(&world, "changes.jsonl", 300, 20);
    world.ok(&["import", "--batch", "1", "changes.jsonl"]);
    let _serve = world.serve();
    let readers: Vec<String> = (0..50).map(|n| format!("reader-{n}")).collect();
    let mut store = world.store();
    for (n, gateway) in readers.iter().enumerate() {
        for part in 0..6 {
            let record = json!({"name": format!("{n} {part}"), "grants": []}).to_string();
            let change = Change::upsert("door", &format!("d-{n}"), &record, Check::Full).expect("good");
            store.apply(&[change], 1).expect("applied");
            wake(&world.path("source.db"));
        }
        observer.ask(gateway, head, &json!({"type": "digests"}));
        if n == 0 {
            wait("the first reader's digests", || observer.digests(gateway).pop());
        }
    }
    for gateway in &gateways {
        wait(gateway, || (observer.buckets(gateway).len() == all).then_some(()));
    }
    let last = observer.caught_up(&world).messages[319].0;
    let before = observer.answers_before(last);
    assert!(before < 150, "{before} of {} answers went before changes", 50 * all);
    // One snapshot each: together the buckets are the root at that version.
    let roots = observer.roots();
    let mut versions = BTreeSet::new();
    for gateway in &readers {
        let page = wait(gateway, || observer.digests(gateway).pop());
        let sum = page.digests.iter().fold(Digest::ZERO, |sum, digest| sum.plus(*digest));
        assert_eq!(roots.get(&page.as_of()), Some(&sum), "at {}", page.as_of());
        versions.insert(page.as_of());
    }
    assert!(versions.len() > 1, "all at once: {versions:?}");
    // By turns: nobody is done before everybody has begun.
    let order = observer.order("/bucket");
    let begun: Vec<usize> =
        gateways.iter().map(|g| order.iter().position(|at| at == g).expect("begun")).collect();
    let done: Vec<usize> =
        gateways.iter().map(|g| order.iter().rposition(|at| at == g).expect("done")).collect();
    assert!(begun.iter().max() < done.iter().min(), "{begun:?} {done:?}");
}

#[test]
fn an_import_of_hours_holds_up_no_answer() {
    let world = World::new();
    let observer = world.observer("observer");
    let mut serve = world.serve();
    serve.kill();
    doors(&world, "doors.jsonl", 3000, 50);
    world.ok(&["import", "--batch", "1", "doors.jsonl"]);
    // The broker keeps the request; the stream is full when it is heard.
    observer.ask("main-panel", Version::default(), &json!({"type": "digests"}));
    let _serve = world.serve();
    wait("digests", || observer.digests("main-panel").pop());
    observer.caught_up(&world);
    let topics = observer.topics();
    let answer = topics.iter().position(|topic| topic.ends_with("/digests")).expect("answered");
    let behind = topics[answer..].iter().filter(|topic| *topic == "changes").count();
    assert!(behind > 1000, "{behind} changes were behind the answer");
}

#[test]
fn killed_while_answering_it_answers_again_when_asked_again() {
    let world = World::new();
    doors(&world, "doors.jsonl", 2000, 240);
    world.ok(&["import", "doors.jsonl"]);
    let observer = world.observer("observer");
    let mut serve = world.serve();
    let head = observer.caught_up(&world).versions.pop().expect("some");
    for n in 0..20 {
        observer.ask(&format!("panel-{n}"), head, &json!({"type": "all", "from": 0, "count": 256}));
    }
    wait("some answers", || observer.heard("/bucket").filter(|heard| *heard >= 10));
    serve.kill();
    // Asked while nobody serves: the broker keeps it.
    observer.ask("panel-7", head, &json!({"type": "digests"}));
    observer.ask("panel-8", head, &json!({"type": "all", "from": 0, "count": 256}));
    let _serve = world.serve();
    let page = wait("digests", || observer.digests("panel-7").pop());
    let all = usize::try_from(page.bits.buckets()).expect("few");
    wait("all buckets", || (observer.buckets("panel-8").len() == all).then_some(()));
    let mirror = observer.caught_up(&world);
    assert_eq!(mirror.rows.len(), 2000);
    Sums::of(&world.rows(), page.bits).agree(&page);
}

#[test]
fn a_restored_backup_rises_above_what_a_gateway_has_seen_once_a_heartbeat() {
    let world = World::new();
    let observer = world.observer("observer");
    let serve = world.serve();
    let ours = observer.caught_up(&world).versions.pop().expect("some");
    let seen = Version { epoch: ours.epoch + 500, seq: 12 };
    observer.ask("main-panel", seen, &json!({"type": "digests"}));
    let page = wait("digests", || observer.digests("main-panel").pop());
    assert_eq!(page.as_of(), Version { epoch: seen.epoch + 1, seq: 0 });
    let order = observer.topics();
    let checkpoint = order.iter().rposition(|topic| topic == "changes").expect("some");
    let answer = order.iter().position(|topic| topic.ends_with("/digests")).expect("some");
    assert!(checkpoint < answer || observer.checkpoints(page.as_of()) > 1, "its checkpoint goes first");
    let again = Version { epoch: seen.epoch + 500, seq: 0 };
    observer.ask("back-panel", again, &json!({"type": "digests"}));
    let page = wait("digests", || observer.digests("back-panel").pop());
    assert_eq!(page.epoch, seen.epoch + 1);
    serve.signal("USR1");
    wait("another epoch", || {
        observer.ask("back-panel", again, &json!({"type": "digests"}));
        (world.status()["epoch"] == again.epoch + 1).then_some(())
    });
    observer.caught_up(&world);
}

#[test]
fn what_cannot_be_a_request_is_dropped_and_a_forged_epoch_takes_none_away() {
    let world = World::new();
    let observer = world.observer("observer");
    let _serve = world.serve();
    let ours = observer.caught_up(&world).versions.pop().expect("some");
    observer.publish("gateway/main-panel/request", false, &json!({"want": {"type": "digests"}}));
    observer.publish("gateway/main-panel/request", false, &json!({"pad": "x".repeat(200_000)}));
    observer.publish("gateway/MAIN/request", false, &json!({"high": ours, "want": {"type": "digests"}}));
    let forged = Version { epoch: (1 << 53) - 1, seq: 0 };
    observer.ask("main-panel", forged, &json!({"type": "digests"}));
    let page = wait("digests", || observer.digests("main-panel").pop());
    assert_eq!(page.epoch, ours.epoch);
    assert_eq!(world.status()["epoch"], ours.epoch);
    let log = world.log();
    assert_eq!(log.matches("message dropped").count(), 3, "{log}");
    assert!(log.contains("is it forged?"), "{log}");
}

#[test]
fn data_that_grows_is_divided_finer_and_whoever_asks_by_the_old_number_hears_the_new_one() {
    let world = World::new();
    let observer = world.observer("observer");
    let _serve = world.serve();
    let head = observer.caught_up(&world).versions.pop().expect("some");
    observer.ask("main-panel", head, &json!({"type": "digests"}));
    let first = wait("digests", || observer.digests("main-panel").pop());
    assert_eq!(first.bits.get(), 0);
    doors(&world, "doors.jsonl", 1000, 230);
    world.ok(&["import", "doors.jsonl"]);
    let head = observer.caught_up(&world).versions.pop().expect("some");
    observer.ask("main-panel", head, &json!({"type": "buckets", "bits": 0, "buckets": [0]}));
    let grown =
        wait("digests", || observer.digests("main-panel").pop().filter(|page| page.bits > first.bits));
    Sums::of(&world.rows(), grown.bits).agree(&grown);
    assert!(observer.buckets("main-panel").is_empty());
}

fn resyncs(observer: &Observer) -> Vec<Value> {
    commands(observer, "resync")
}

fn commands(observer: &Observer, sort: &str) -> Vec<Value> {
    let heard = observer.on("gateway/main-panel/command");
    let heard = heard.iter().map(|payload| serde_json::from_slice::<Value>(payload).expect("JSON"));
    heard.filter(|message| message["command"]["type"] == sort).collect()
}

#[test]
fn a_resync_goes_out_at_once_or_when_serve_starts() {
    let world = World::new();
    let observer = world.observer("observer");
    world.ok(&["set", "door", "main", r#"{"name":"Main","grants":[]}"#]);
    let output = world.run(&["resync", "main-panel"]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("300 s"), "{output:?}");
    let _serve = world.serve();
    wait("the first", || (resyncs(&observer).len() == 1).then_some(()));
    world.ok(&["resync", "main-panel"]);
    wait("the second", || (resyncs(&observer).len() == 2).then_some(()));
    let ids: BTreeSet<String> = resyncs(&observer).iter().map(|m| m["id"].to_string()).collect();
    assert_eq!(ids.len(), 2);
    assert!(world.fails(&["resync", "Main"]).contains("1 to 32"));
}

#[test]
fn an_order_to_the_export_waits_for_its_answer_and_shows_it() {
    let world = World::new();
    let observer = world.observer("observer");
    world.ok(&["set", "door", "main", r#"{"name":"Main","grants":[]}"#]);
    let late = world.fails(&["approve", "--gateway", "main-panel", "0123456789abcdef"]);
    assert!(late.contains("no `serve` listens") && late.contains("command_result"), "{late}");
    let _serve = world.serve();
    wait("the first", || (commands(&observer, "export_approve").len() == 1).then_some(()));

    let answer = |seq: u64, sort: &str, done: bool, words: &str| {
        let order = wait("the order", || commands(&observer, sort).pop());
        let event = json!({"type": "command_result", "id": order["id"], "done": done, "words": words});
        let message = json!({"stream": "s", "seq": seq, "at": "2026-11-23T08:00:00Z", "event": event});
        observer.publish("gateway/main-panel/events", false, &message);
        order
    };
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| world.run(&["retry", "--gateway", "main-panel", "ada", "card-ada"]));
        let order = answer(1, "export_retry", true, "1 items are tried again");
        assert_eq!(order["command"], json!({"type": "export_retry", "user": "ada", "item": "card-ada"}));
        let output = asked.join().expect("it ran");
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && shown.contains("main-panel: 1 items are tried again"),
            "{output:?}"
        );
    });
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| world.fails(&["approve", "--gateway", "main-panel", "fedcba9876543210"]));
        wait("the second", || (commands(&observer, "export_approve").len() == 2).then_some(()));
        answer(2, "export_approve", false, "the hash names nothing that is held now");
        let shown = asked.join().expect("it ran");
        assert!(shown.contains("main-panel refused: the hash names nothing"), "{shown}");
    });
    assert!(world.fails(&["retry", "--gateway", "main-panel", "a/da"]).contains("a/da"));
}

#[test]
fn what_a_gateway_holds_is_shown_with_the_command_that_lets_it_through() {
    let world = World::new();
    let observer = world.observer("observer");
    let _serve = world.serve();
    let held = json!({"persons": 412, "items": 1236, "hash": "894c1f960db6403f", "limit_persons": 90});
    let export = json!({"exporting": true, "reachable": true, "backlog": 0, "held": 0, "persons": 900,
        "held_removals": held, "adoptions": {"persons": 2, "hash": "0f3d5b7a99c1e2d4"}});
    let state = json!({"online": true, "software": "0.1.0", "at": "2026-11-23T09:40:30Z", "head": [1, 3],
        "proven": [1, 3], "root": "0".repeat(32), "in_sync": true, "whole": true, "refused": 0,
        "events_waiting": 0, "events_lost": 0, "disk_full": false, "clock": "trusted", "export": export});
    observer.publish("gateway/main-panel/state", true, &state);
    let text = wait("the state", || Some(world.ok(&["status"])).filter(|text| text.contains("are held")));
    assert!(text.contains("1236 removals of 412 persons"), "{text}");
    assert!(text.contains("doorward-source approve --gateway main-panel 894c1f960db6403f"), "{text}");
    assert!(text.contains("doorward-source approve --gateway main-panel 0f3d5b7a99c1e2d4"), "{text}");
}
