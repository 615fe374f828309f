//! Cards that a panel has enrolled: published and accepted, or refused with the reason.

use crate::world::{Observer, World, wait};
use contract::command::{Command, CommandMessage};
use contract::enrollment::Settlement;
use serde_json::{Value, json};

const TOKEN: &str = "enrolled-9f1c0a44b7e2d310";

fn settings(world: &World, enrollments: &str) {
    let text = std::fs::read_to_string(world.path("source.toml")).expect("settings");
    world.write("source.toml", &format!("enrollments = \"{enrollments}\"\n{text}"));
}

fn event(seq: u64, user: &str, hex: &str) -> Value {
    json!({ "stream": "s1", "seq": seq, "at": "2026-11-23T10:40:00Z", "event": {
        "type": "enrollment", "token": TOKEN, "user": user, "kind": "card", "identifier": "mifare", "hex": hex,
        "expires": "2026-11-26T10:40:00Z",
        "read": { "reader": "entrance", "technology": "MIFARE Classic 1K", "confirmed": true } } })
}

fn tell(panel: &Observer, event: &Value) {
    panel.publish("gateway/main-panel/events", false, event);
}

fn settlements(panel: &Observer) -> Vec<Settlement> {
    let settled = |payload: &Vec<u8>| match serde_json::from_slice::<CommandMessage>(payload)
        .expect("a command")
        .command
    {
        Command::EnrollmentSettled { token, settlement } if token.as_str() == TOKEN => Some(settlement),
        _ => None,
    };
    panel.on("gateway/main-panel/command").iter().filter_map(settled).collect()
}

fn person(world: &World, id: &str, status: &str) {
    world.ok(&[
        "set",
        "user",
        id,
        &format!(r#"{{"family_name":"Ek","given_name":"Ada","status":"{status}"}}"#),
    ]);
}

#[test]
fn a_card_that_contradicts_nothing_is_published_and_accepted_once() {
    let world = World::new();
    settings(&world, "accept");
    let panel = world.observer("panel");
    person(&world, "ada", "active");
    let _serve = world.serve();
    tell(&panel, &event(1, "ada", "04A1B2C3D4E5F6"));
    wait("the settlement", || settlements(&panel).pop().filter(|one| *one == Settlement::Accepted));
    let record: Value =
        serde_json::from_str(&world.store().record("token", TOKEN).expect("read").expect("there"))
            .expect("JSON");
    assert_eq!(record["user"], "ada");
    assert_eq!(record["identifiers"], json!([{ "hex": "04A1B2C3D4E5F6", "type": "mifare" }]));
    assert!(
        panel.caught_up(&world).rows.contains_key(&("token".to_string(), TOKEN.to_string())),
        "panels hear of it"
    );
    // Deleted since; the panel's event comes once more.
    world.ok(&["delete", "token", TOKEN]);
    tell(&panel, &event(1, "ada", "04A1B2C3D4E5F6"));
    tell(&panel, &event(2, "nobody", "04A1B2C3D4E5F7"));
    wait("the next one is settled", || (settlements(&panel).len() == 2).then_some(()));
    assert_eq!(world.store().record("token", TOKEN).expect("read"), None, "once is enough");
}

#[test]
fn a_card_of_somebody_else_or_for_nobody_is_refused_with_the_reason() {
    let world = World::new();
    settings(&world, "accept");
    let panel = world.observer("panel");
    person(&world, "ada", "active");
    person(&world, "bo", "locked");
    world.ok(&[
        "set",
        "token",
        "c1",
        r#"{"identifiers":[{"hex":"04a1b2c3d4e5f6","type":"mifare"}],"kind":"card","status":"ACTIVE"}"#,
    ]);
    let _serve = world.serve();
    for (seq, user, words) in [
        (1, "ada", "card 04A1B2C3D4E5F6 is token c1 already"),
        (2, "bo", "user bo is not active"),
        (3, "cy", "there is no user cy"),
    ] {
        tell(&panel, &event(seq, user, "04A1B2C3D4E5F6"));
        let refused = Settlement::Refused { words: words.into() };
        wait(words, || settlements(&panel).contains(&refused).then_some(()));
    }
    assert_eq!(world.store().record("token", TOKEN).expect("read"), None);
}

#[test]
fn where_somebody_is_to_say_it_a_verb_does() {
    let world = World::new();
    settings(&world, "ask");
    let panel = world.observer("panel");
    person(&world, "ada", "active");
    let _serve = world.serve();
    let missing = world.fails(&["settle-enrollment", "--gateway", "main-panel", TOKEN]);
    assert!(missing.contains("has told of no enrollment"), "{missing}");
    tell(&panel, &event(1, "ada", "04A1B2C3D4E5F6"));
    wait("the event", || (!world.store().events(9).expect("read").is_empty()).then_some(()));
    assert_eq!(settlements(&panel), [], "nobody has said anything");
    let answer = |done| {
        let command = wait("the command", || {
            panel
                .on("gateway/main-panel/command")
                .into_iter()
                .rev()
                .find(|payload| String::from_utf8_lossy(payload).contains("enrollment_settled"))
        });
        let id = serde_json::from_slice::<CommandMessage>(&command).expect("a command").id;
        json!({ "stream": "s1", "seq": 2, "at": "2026-11-23T10:41:00Z",
            "event": { "type": "command_result", "id": id, "done": done, "words": "it is settled" } })
    };
    std::thread::scope(|scope| {
        let said = scope
            .spawn(|| world.ok(&["settle-enrollment", "--gateway", "main-panel", TOKEN, "--to", "badge-17"]));
        tell(&panel, &answer(true));
        assert!(said.join().expect("no panic").contains("it is settled"));
    });
    let to = access::id::Key::new("badge-17").expect("a key");
    assert_eq!(settlements(&panel), [Settlement::Changed { to }]);
    assert!(world.store().record("token", "badge-17").expect("read").is_some());
}
