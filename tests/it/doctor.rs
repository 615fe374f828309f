//! `doorward doctor` names what is wrong and disturbs nobody; `doorward diag` leaves out what is nobody's business.

use crate::doors::site::{ADA, Site};
use crate::world::{Broker, Process, World, doctor, entitlement, said, user};
use serde_json::{Value, json};
use std::path::Path;

fn verdict<'a>(checks: &'a [Value], what: &str) -> &'a Value {
    &checks.iter().find(|check| check["what"] == what).unwrap_or_else(|| panic!("{what}: {checks:#?}"))["verdict"]
}

/// Those that have failed, each with its remedy.
fn failed(checks: &[Value]) -> Vec<(&str, &str)> {
    let wrong = checks.iter().filter(|check| check["verdict"] == "failed");
    wrong.map(|check| (check["what"].as_str().unwrap(), check["remedy"].as_str().unwrap())).collect()
}

#[test]
fn a_panel_that_is_well_has_nothing_to_mend_and_feels_nothing() {
    let mut world = World::new();
    world.source.publish_meta(None);
    let mut gateway = world.program(None);
    world.source.expect_state("the gateway is online", |state| state["online"] == true);
    world.source.put("user", "ada", user("Ada", "Ek")).publish();
    world.expect_equal_mirror();
    let (subscriptions, asked) = (world.source.subscriptions(), world.pacs.effects().len());
    let (is_well, checks) = doctor(&world.config_file());
    assert!(is_well && failed(&checks).is_empty(), "{checks:#?}");
    for what in
        ["configuration", "gateway", "reserve", "clock", "mirror", "broker login", "source", "PACS login"]
    {
        assert_eq!(verdict(&checks, what), "ok", "{what}");
    }
    assert_eq!(verdict(&checks, "subscribe doorward/v1/office/changes"), "ok");
    assert_eq!(verdict(&checks, "client id"), "untried", "the gateway that runs is not thrown out");
    assert!(gateway.ended().is_none());
    world.expect_equal_mirror();
    assert_eq!(world.source.subscriptions(), subscriptions, "the gateway's connection has lasted");
    assert_eq!(world.pacs.effects().len(), asked, "nothing was written to the PACS");
    let (_, page) = said(&world.config_file(), &["doctor"]);
    assert!(page.lines().count() < 40 && page.contains("ok       mirror: equal to the source"), "{page}");
}

#[test]
fn each_trouble_is_named_with_what_to_do() {
    let rules = "topic readwrite doorward/v1/office/gateway/#\ntopic readwrite doorward/v1/office/changes\n";
    let mut world =
        World::on(Broker::with("allow_anonymous true\nacl_file {folder}/rules\n", &[("rules", rules)]));
    world.source.publish_meta(None);
    world.write("pacs-password", "not-the-password");
    world.configure_at("nowhere", "");
    std::fs::remove_dir(world.folder.path().join("nowhere")).unwrap();
    let (is_well, checks) = doctor(&world.config_file());
    assert!(!is_well);
    let failed_ones = failed(&checks);
    for (what, remedy) in
        [("state_dir", "install -d"), ("source", "let this login read"), ("PACS login", "check login")]
    {
        let found = failed_ones.iter().find(|(name, _)| *name == what);
        assert!(found.is_some_and(|(_, words)| words.contains(remedy)), "{what}: {checks:#?}");
    }
    world.broker.kill();
    world.configure("");
    let (_, checks) = doctor(&world.config_file());
    assert!(
        failed(&checks)
            .contains(&("broker login", "check broker.host and broker.port, and that the broker runs"))
    );
    world.write(
        "config.toml",
        "site = \"office\"\ngateway = \"panel-1\"\n[broker]\nhost = \"b\"\npassword = \"hunter2\"\n",
    );
    let (is_well, page) = said(&world.config_file(), &["doctor"]);
    assert!(!is_well && page.contains("broker.password") && !page.contains("hunter2"), "{page}");
}

#[test]
fn another_program_of_the_same_name_is_found_while_ours_is_stopped() {
    let world = World::new();
    world.source.publish_meta(None);
    world.configure_at("elsewhere", "");
    let (_, alone) = doctor(&world.config_file());
    assert_eq!(verdict(&alone, "client id"), "ok");
    let _rival = Process::start(&world.config_file(), None);
    world.source.expect_state("the other one is online", |state| state["online"] == true);
    world.configure("");
    let (_, checks) = doctor(&world.config_file());
    assert_eq!(verdict(&checks, "client id"), "failed", "{checks:#?}");
}

/// All that a folder holds.
fn whole(folder: &Path) -> String {
    let files =
        std::fs::read_dir(folder).unwrap().map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    files.collect()
}

#[test]
fn what_is_sent_away_names_nobody_and_opens_nothing() {
    let mut site = Site::new();
    site.world.write("broker-password", "secret-of-the-broker");
    site.open();
    let ada =
        json!({ "status": "active", "given_name": "Adalbertina", "family_name": "Ekholm", "pin": "907341" });
    site.world.source.put("user", "ada", ada).put(
        "entitlement",
        "main",
        entitlement("ap-main", "Main entrance"),
    );
    site.publish();
    site.tap(ADA);
    site.tap("04DEADBEEF0102");
    site.expect_access(|access| access.granted);
    site.expect_access(|access| !access.granted);
    let folder = site.world.folder.path().join("sent");
    let to = folder.display().to_string();
    let (is_written, words) = said(&site.world.config_file(), &["diag", &to]);
    assert!(is_written, "{words}");
    let sent = whole(&folder);
    for (what, word) in [
        ("the PACS's password", "pacs-secret"),
        ("the broker's password", "secret-of-the-broker"),
        ("a PIN", "907341"),
        ("a card", ADA),
        ("another card", "04DEADBEEF0102"),
        ("a name", "Adalbertina"),
        ("a name", "Ekholm"),
        ("a user's key", "\"ada\""),
        ("a token's key", "c-ada"),
    ] {
        assert!(!sent.to_lowercase().contains(&word.to_lowercase()), "{what}: {sent}");
    }
    for there in
        ["\"granted\": true", "unknown", "pacs-password", "\"in_sync\": true", "PACS login", "doorward 0."]
    {
        assert!(sent.contains(there), "{there}: {sent}");
    }
    let (again, words) = said(&site.world.config_file(), &["diag", &to]);
    assert!(!again && words.contains("not there yet"), "it overwrites nothing: {words}");
}
