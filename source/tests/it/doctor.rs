//! What a login may not do is named, with the rule that allows it.

use crate::world::World;
use serde_json::{Value, json};

const RULES: &str = include_str!("../../../docs/brokers/mosquitto.acl");

/// What is refused, and what to do; the rest is fine.
fn refused(world: &World) -> Vec<(String, String)> {
    let output = world.run(&["doctor", "--json"]);
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |check: &Value, name: &str| check[name].as_str().expect(name).to_string();
    let mut refused = Vec::new();
    for check in found["checks"].as_array().expect("checks") {
        match check["verdict"].as_str() {
            Some("ok") => assert_eq!(check["remedy"], ""),
            Some("refused") => refused.push((text(check, "what"), text(check, "remedy"))),
            other => panic!("{other:?}: {check}"),
        }
    }
    assert_eq!(found["refused"], refused.len());
    assert_eq!(output.status.code(), Some(i32::from(!refused.is_empty())));
    refused
}

#[test]
fn the_rules_as_shipped_allow_everything_and_nobody_is_disturbed() {
    let world = World::with_rules(RULES);
    world.ok(&["set", "door", "main", r#"{"name":"Main","grants":[]}"#]);
    // Before the first `serve`, too.
    assert_eq!(refused(&world), []);
    let _serve = world.serve();
    let before = world.status();
    assert_eq!(refused(&world), []);
    let said = world.ok(&["doctor"]);
    assert!(said.lines().all(|line| line.starts_with("ok ")), "{said}");
    for what in ["publish doorward/v1/office/changes", "hear doorward/v1/office/gateway/+/request", "131072"]
    {
        assert!(said.contains(what), "{what}\n{said}");
    }
    assert_eq!(world.status(), before);
    assert!(!world.log().contains("WARN"), "{}", world.log());
}

#[test]
fn each_missing_rule_is_named() {
    let lines = RULES.lines().filter(|line| {
        let gone =
            ["topic write doorward/v1/office/changes", "topic write doorward/v1/office/gateway/+/bucket"];
        !gone.contains(line) && !line.ends_with("gateway/+/request")
    });
    let world = World::with_rules(&lines.collect::<Vec<_>>().join("\n"));
    let found = refused(&world);
    let rules = [
        ("publish doorward/v1/office/changes", "`topic write doorward/v1/office/changes`"),
        ("publish doorward/v1/office/gateway/+/bucket", "`topic write doorward/v1/office/gateway/+/bucket`"),
        ("hear doorward/v1/office/gateway/+/request", "`topic read doorward/v1/office/gateway/+/request`"),
    ];
    assert_eq!(found.len(), rules.len(), "{found:?}");
    for ((what, remedy), (expected, rule)) in found.iter().zip(rules) {
        assert_eq!(what, expected);
        assert!(remedy.contains(rule), "{remedy}");
    }
}

#[test]
fn a_broker_with_a_small_limit_and_without_retained_messages_is_told_so() {
    let mut world = World::with_rules(RULES);
    world.add_to_broker("message_size_limit 100000\nretain_available false\n");
    let found = refused(&world);
    let whats: Vec<&str> = found.iter().map(|(what, _)| what.as_str()).collect();
    assert!(whats.contains(&"publish the largest message, 131072 bytes"), "{found:?}");
    // mosquitto hangs up over a retained message that it may not keep.
    assert!(
        found.iter().any(|(what, remedy)| what.ends_with("meta") && remedy.contains("hung up")),
        "{found:?}"
    );
}

#[test]
fn a_wrong_password_and_no_broker_are_told_apart() {
    let mut world = World::with_rules(RULES);
    world.write("password", "wrong\n");
    let found = refused(&world);
    assert!(found.len() == 1 && found[0].1.contains("broker.password_file"), "{found:?}");
    world.stop_broker();
    let found = refused(&world);
    assert!(found.len() == 1 && found[0].1.contains("broker.host"), "{found:?}");
}

#[test]
fn where_no_panel_can_be_played_hearing_is_untried() {
    let rules = RULES.lines().filter(|line| !line.starts_with("pattern write"));
    let world = World::with_rules(&rules.collect::<Vec<_>>().join("\n"));
    let output = world.run(&["doctor", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let untried =
        found["checks"].as_array().expect("checks").iter().filter(|c| c["verdict"] == json!("untried"));
    assert_eq!(untried.count(), 3, "{found}");
}
