//! The configuration is strict: every complaint names file, key, value and remedy.

use crate::world::World;
use doorward::config;
use std::path::Path;
use std::process::Command;

const GOOD: &str = r#"site = "office"
gateway = "panel-1"

[broker]
host = "broker.example"

[pacs]
profile = "interflex.toml"
base_url = "http://pacs.example"
entitlement_import_types = ["AccessProfile"]
"#;

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one case a line")]
fn every_complaint_names_file_key_value_and_remedy() {
    let table: [(&str, &str, &str, &str, &str); 30] = [
        ("site = \"office\"", "", "site", "", "add the key"),
        ("\"office\"", "\"Office 1\"", "site", "\"Office 1\"", "correct"),
        ("\"panel-1\"", "\"\"", "gateway", "\"\"", "correct"),
        ("\"panel-1\"", "7", "gateway", "7", "correct"),
        ("[broker]", "[brocker]", "brocker", "", "remove the key"),
        ("host =", "hots =", "broker.hots", "\"broker.example\"", "remove the key"),
        ("\"broker.example\"", "\"\"", "broker.host", "\"\"", "name the broker's host"),
        ("host = \"broker.example\"", "host = \"b\"\nport = 99999", "broker.port", "99999", "correct"),
        (
            "host = \"broker.example\"",
            "host = \"b\"\nkeep_alive_s = 1",
            "broker.keep_alive_s",
            "1",
            "at least 5",
        ),
        (
            "host = \"broker.example\"",
            "host = \"b\"\nclient_cert_file = \"x\"",
            "broker.client_cert_file",
            "\"x\"",
            "give both",
        ),
        (
            "host = \"broker.example\"",
            "host = \"b\"\npassword = { file = \"x\" }",
            "broker.password",
            "",
            "user name",
        ),
        (
            "host = \"broker.example\"",
            "host = \"b\"\nusername = \"u\"\npassword = { file = \"x\", credential = \"y\" }",
            "broker.password",
            "",
            "{ file",
        ),
        (
            "host = \"broker.example\"",
            "host = \"b\"\nusername = \"u\"\npassword = \"hunter2\"",
            "broker.password",
            "",
            "{ file",
        ),
        (
            "host = \"broker.example\"",
            "host = \"b\"\npassword = { value = \"hunter2\" }",
            "broker.password.value",
            "",
            "{ file",
        ),
        ("host = \"broker.example\"", "host = \"b\"\npassword = \"hunter2", "line 6", "", "TOML"),
        ("host = \"broker.example\"", "host = \"b\"\npassword = 98765432109876543210", "line 6", "", "TOML"),
        ("host = \"broker.example\"", "host = \"b\"\npasword = 98765.43", "line 6", "", "TOML"),
        ("host = \"broker.example\"", "host = \"b\"\npassword = [\n98765.43]", "line 7", "", "TOML"),
        ("http://pacs", "pacs", "pacs.base_url", "\"pacs.example\"", "http://"),
        ("http://pacs", "https://pacs", "pacs.ca_file", "", "PEM"),
        ("[pacs]", "[pacs]\nusername = \"u\"", "pacs.username", "\"u\"", "password as well"),
        ("[pacs]", "[pacs]\nclient_cert_file = \"x\"", "pacs.client_cert_file", "\"x\"", "give both"),
        (
            "[pacs]",
            "[pacs]\nclient_cert_file = \"x\"\nclient_key = { file = \"y\" }",
            "pacs.client_cert_file",
            "\"x\"",
            "pacs.ca_file",
        ),
        ("[pacs]", "[pacs]\ntimeout_s = 0", "pacs.timeout_s", "0", "10 is usual"),
        (
            "[pacs]",
            "[pacs]\ncard_number_format = \"linear\"",
            "pacs.card_number_digits",
            "",
            "number of digits",
        ),
        ("[pacs]", "[pacs]\ncard_number_digits = 9", "pacs.card_number_digits", "9", "linear"),
        (
            "[pacs]",
            "[pacs]\ncard_number_format = \"octal\"",
            "pacs.card_number_format",
            "\"octal\"",
            "correct",
        ),
        ("[broker]", "[broker]\npasword = \"hunter2\"", "broker.pasword", "", "name"),
        (
            "[pacs]",
            "[[reader]]\nname = \"a\"\nkind = \"osdp\"\ndevice = \"x\"\nkey = { value = \"hunter2\" }\n[pacs]",
            "reader[0].key.value",
            "",
            "credential",
        ),
        ("[broker]", "[broker", "line 4", "[broker", "TOML"),
    ];
    config::parse(Path::new("config.toml"), GOOD).expect("the starting point is good");
    let bearer = GOOD.replace("[pacs]", "[pacs]\npassword = { file = \"x\" }");
    config::parse(Path::new("config.toml"), &bearer).expect("a key needs no user name");
    for (from, to, key, value, remedy) in table {
        let text = GOOD.replacen(from, to, 1);
        let error = config::parse(Path::new("config.toml"), &text).expect_err(&text);
        assert!(error.to_string().starts_with("config.toml: "), "{error}");
        assert_eq!(error.key, key, "{error}");
        assert!(error.value.clone().unwrap_or_default().contains(value), "{error}");
        assert!(error.remedy.contains(remedy), "{error}");
        assert!(
            !["hunter2", "98765"].iter().any(|secret| error.to_string().contains(secret)),
            "a secret in the wrong place is not repeated: {error}"
        );
    }
}

#[test]
fn the_example_is_a_whole_configuration() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/panel.toml");
    let config = config::load(&path).expect("the example");
    assert!(config.pacs.is_some() && config.broker.client_key.is_some());
}

#[test]
fn a_short_heartbeat_is_taken_as_sixty_with_a_warning() {
    let text = GOOD.replace("[broker]", "[broker]\nheartbeat_s = 5");
    let config = config::parse(Path::new("config.toml"), &text).expect("accepted");
    assert_eq!(config.broker.heartbeat_s(), 60);
    assert!(config::warnings(&config)[0].contains("taken as 60"));
}

#[test]
fn check_looks_at_everything_and_touches_nothing() {
    let world = World::new();
    let check = || {
        let config = world.config_file();
        let output =
            Command::new(env!("CARGO_BIN_EXE_doorward")).arg("--config").arg(config).arg("check").output();
        let output = output.expect("doorward runs");
        (
            output.status.success(),
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    };
    let (good, said) = check();
    assert!(good, "{said}");
    assert!(said.contains("unverified"), "paths that are not public are named: {said}");
    let left: Vec<_> = std::fs::read_dir(world.folder.path().join("state")).expect("state").collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(world.pacs.effects().is_empty());

    std::fs::remove_file(world.folder.path().join("pacs-password")).expect("remove");
    let (good, said) = check();
    assert!(
        !good && said.contains("pacs.password") && said.contains("readable by the service alone"),
        "{said}"
    );
}

#[test]
fn a_second_daemon_over_the_same_state_is_refused() {
    let world = World::new();
    let _gateway = world.gateway();
    world.source.expect_state("the first one runs", |state| state["online"] == true);
    let output = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .arg("--config")
        .arg(world.config_file())
        .arg("run")
        .output()
        .expect("doorward runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("another doorward"), "{said}");
}

#[test]
fn a_profile_that_is_not_filled_in_is_refused_and_check_names_every_key_of_it() {
    let world = World::new();
    let profiles = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let text = std::fs::read_to_string(world.config_file()).expect("the configuration");
    let interflex = profiles.join("interflex.toml").display().to_string();
    let exos = profiles.join("exos.toml").display().to_string();
    let text = text.replace(&interflex, &exos);
    let kinds = "entitlement_import_types = [\"AccessProfile\", \"AccessZoneTimeProfile\"]";
    assert!(text.contains(kinds));
    world.write("config.toml", &text.replace(kinds, "entitlement_import_types = [\"AccessRight\"]"));
    let said = |verb: &str| {
        let config = world.config_file();
        let output =
            Command::new(env!("CARGO_BIN_EXE_doorward")).arg("--config").arg(config).arg(verb).output();
        let output = output.expect("doorward runs");
        assert!(!output.status.success(), "{verb}");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let checked = said("check");
    let lines: Vec<&str> = checked.lines().map(str::trim).collect();
    for line in
        ["to be filled in: permission.create.body.TimeZoneId", "unverified: session", "unverified: answers"]
    {
        assert!(lines.contains(&line), "{line}: {checked}");
    }
    assert!(!checked.contains("tenantId"), "a way to log in that is not used: {checked}");
    let refused = said("run");
    assert!(
        refused.contains("permission.create.body.TimeZoneId") && refused.contains("fill them in"),
        "{refused}"
    );
    assert!(world.pacs.effects().is_empty());
}
