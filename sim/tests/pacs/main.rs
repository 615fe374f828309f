//! The simulated PACS as a client sees it: the life of a person, refusals, the log, drift, a restart.

mod client;
mod faults;

use std::time::Duration;

use client::{expect, send, send_with};
use doorward_sim::{AccessElement, ElementType, Handle, Login, Options, Pacs};
use serde_json::{Value, json};

const NONE: Value = Value::Null;

fn open_pacs() -> Handle {
    Pacs::start(Options::default()).expect("it starts")
}

fn ada() -> Value {
    json!({"personnelNumber": "PA1", "firstName": "Ada", "lastName": "Lovelace", "HomePhoneNumber": "1"})
}

/// `create person PA1 api`, one line an effect.
fn log(pacs: &Handle) -> Vec<String> {
    let word = |value: &Value| value.as_str().map(str::to_owned).expect("it is text");
    let line = |effect: Value| ["act", "what", "key", "via"].map(|name| word(&effect[name])).join(" ");
    pacs.effects().iter().map(|effect| line(json!(effect))).collect()
}

/// Ada with a card and the main entrance; gives the native ids of person, credential and permission.
fn admit(pacs: &Handle) -> [String; 3] {
    let id = |answer: Value| answer["id"].as_str().expect("it has an id").to_owned();
    let person = id(expect(pacs, 201, "POST", "/persons", &ada()));
    let card = json!({"credentialId": "t1", "cardNumber": "0466"});
    let right = json!({"accessElement": "ap-main", "validTo": "2030-01-01T00:00:00Z"});
    let credential = id(expect(pacs, 201, "POST", &format!("/persons/{person}/credentials"), &card));
    let permission = id(expect(pacs, 201, "POST", &format!("/persons/{person}/permissions"), &right));
    [person, credential, permission]
}

#[test]
fn a_person_comes_changes_and_leaves_with_its_children() {
    let pacs = open_pacs();
    let [person, credential, permission] = admit(&pacs);
    let one = format!("/persons/{person}");

    let shown = expect(&pacs, 200, "GET", &one, &NONE);
    assert_eq!(shown["HomePhoneNumber"], "1");
    assert_eq!(shown["credentials"], json!([{"id": credential, "credentialId": "t1", "cardNumber": "0466"}]));
    assert_eq!(expect(&pacs, 200, "GET", "/persons?personnelNumber=PA1", &NONE), json!({"items": [shown]}));
    assert_eq!(expect(&pacs, 200, "GET", "/persons?personnelNumber=PA2", &NONE), json!({"items": []}));

    let renamed = expect(&pacs, 200, "PUT", &one, &json!({"firstName": "Augusta"}));
    assert_eq!(renamed["personnelNumber"], "PA1");
    assert_eq!(renamed.get("HomePhoneNumber"), None, "a replacement replaces everything");
    expect(&pacs, 200, "PUT", &format!("{one}/credentials/{credential}"), &json!({"cardNumber": "0477"}));
    expect(&pacs, 200, "PUT", &format!("{one}/permissions/{permission}"), &json!({}));
    let cards = expect(&pacs, 200, "GET", &format!("{one}/credentials?credentialId=t1"), &NONE);
    assert_eq!(cards["items"][0]["cardNumber"], "0477");
    let rights = expect(&pacs, 200, "GET", &format!("{one}/permissions?accessElement=ap-lab"), &NONE);
    assert_eq!(rights, json!({"items": []}));

    assert_eq!(expect(&pacs, 204, "DELETE", &one, &NONE), NONE);
    expect(&pacs, 404, "GET", &one, &NONE);
    expect(&pacs, 404, "DELETE", &one, &NONE);
    assert!(pacs.world().persons.is_empty());
    assert_eq!(
        log(&pacs),
        [
            "create person PA1 api",
            "create credential PA1/credential/t1 api",
            "create permission PA1/permission/ap-main api",
            "update person PA1 api",
            "update credential PA1/credential/t1 api",
            "update permission PA1/permission/ap-main api",
            "delete credential PA1/credential/t1 api",
            "delete permission PA1/permission/ap-main api",
            "delete person PA1 api",
        ]
    );

    let again = admit(&pacs);
    assert!(!again.contains(&person) && !again.contains(&credential) && !again.contains(&permission));
}

#[test]
fn what_exists_is_a_conflict_and_says_where() {
    let pacs = open_pacs();
    let [person, ..] = admit(&pacs);
    let twice = expect(&pacs, 409, "POST", "/persons", &ada());
    assert_eq!(twice, json!({"error": format!("personnelNumber PA1 exists as {person}")}));

    let other = expect(&pacs, 201, "POST", "/persons", &json!({"personnelNumber": "PA2"}));
    let others = format!("/persons/{}/credentials", other["id"].as_str().expect("it has an id"));
    expect(&pacs, 409, "POST", &others, &json!({"credentialId": "t9", "cardNumber": "0466"}));
    let cards = format!("/persons/{person}/credentials");
    expect(&pacs, 409, "POST", &cards, &json!({"credentialId": "t1", "cardNumber": "0488"}));
    let rights = format!("/persons/{person}/permissions");
    expect(&pacs, 409, "POST", &rights, &json!({"accessElement": "ap-main"}));
    assert_eq!(pacs.effects().len(), 4, "a refused act leaves no effect");

    // A card that was taken away, or re-numbered, is free again.
    expect(&pacs, 200, "PUT", &format!("{cards}/c1"), &json!({"cardNumber": "0499"}));
    expect(&pacs, 201, "POST", &others, &json!({"credentialId": "t9", "cardNumber": "0466"}));
    expect(&pacs, 409, "PUT", &format!("{cards}/c1"), &json!({"cardNumber": "0466"}));
    expect(&pacs, 204, "DELETE", &format!("{cards}/c1"), &NONE);
    expect(&pacs, 201, "POST", &others, &json!({"credentialId": "t8", "cardNumber": "0499"}));
}

#[test]
fn nonsense_is_refused_with_words() {
    let pacs = open_pacs();
    let [person, credential, _] = admit(&pacs);
    let one = format!("/persons/{person}");
    let unknown = json!({"accessElement": "ap-moon"});
    let answer = expect(&pacs, 400, "POST", &format!("{one}/permissions"), &unknown);
    assert_eq!(answer, json!({"error": "unknown access element ap-moon"}));
    let answer = expect(&pacs, 400, "POST", "/persons", &json!({"firstName": "Ada"}));
    assert_eq!(answer, json!({"error": "personnelNumber is missing"}));
    let answer = expect(&pacs, 400, "POST", "/persons", &json!({"personnelNumber": "PA3", "pin": 1234}));
    assert_eq!(answer, json!({"error": "pin must be text"}));
    expect(&pacs, 400, "PUT", &one, &json!({"personnelNumber": "PA7"}));
    expect(&pacs, 400, "POST", "/persons", &json!([]));
    expect(&pacs, 400, "GET", "/persons?personelNumber=PA1", &NONE);
    expect(&pacs, 400, "GET", "/accessElements?type=Moon", &NONE);
    expect(&pacs, 404, "POST", "/persons/p99/credentials", &json!({"credentialId": "t", "cardNumber": "1"}));
    expect(&pacs, 404, "DELETE", &format!("/persons/p99/credentials/{credential}"), &NONE);
    expect(&pacs, 405, "DELETE", "/persons", &NONE);
    expect(&pacs, 404, "GET", "/doors", &NONE);
    expect(&pacs, 413, "POST", "/persons", &json!({"personnelNumber": "x".repeat(70_000)}));
    assert_eq!(pacs.effects().len(), 3);
}

#[test]
fn only_the_right_login_at_the_right_path_is_let_in() {
    let login = Login { username: "gateway".to_owned(), password: "secret".to_owned() };
    let system_id = Some("7".to_owned());
    let options =
        Options { login: Some(login), system_id, base_path: "/rest/v1/".to_owned(), ..Options::default() };
    assert!(!format!("{options:?}").contains("secret"));
    let pacs = Pacs::start(options).expect("it starts");
    assert!(pacs.url().ends_with("/rest/v1"));
    // gateway:secret and gateway:wrong
    let right = "Authorization: Basic Z2F0ZXdheTpzZWNyZXQ=\r\n";
    let wrong = "Authorization: Basic Z2F0ZXdheTp3cm9uZw==\r\n";
    let get =
        |path: &str, headers: &str| send_with(&pacs, "GET", path, &NONE, headers).expect("it answers").0;
    assert_eq!(get("/rest/v1/persons", &format!("{right}X-System-Id: 7\r\n")), 200);
    assert_eq!(get("/rest/v1/persons", &format!("{right}X-System-Id: 8\r\n")), 401);
    assert_eq!(get("/rest/v1/persons", right), 401);
    assert_eq!(get("/rest/v1/persons", &format!("{wrong}X-System-Id: 7\r\n")), 401);
    assert_eq!(get("/rest/v1/persons", ""), 401);
    assert_eq!(get("/persons", ""), 404);
    assert_eq!(get("/_sim/world", ""), 200);
}

#[test]
fn access_elements_are_listed_by_type_and_replaced_by_control() {
    let pacs = open_pacs();
    let all = expect(&pacs, 200, "GET", "/accessElements", &NONE);
    let profiles = expect(&pacs, 200, "GET", "/accessElements?type=AccessProfile", &NONE);
    assert_eq!(
        profiles["items"][0],
        json!({"id": "ap-main", "name": "Main entrance", "type": "AccessProfile"})
    );
    assert!(
        profiles["items"].as_array().expect("a list").len() < all["items"].as_array().expect("a list").len()
    );

    let tower = AccessElement::new("ap-tower", "Tower", ElementType::AccessProfile);
    expect(&pacs, 204, "PUT", "/_sim/elements", &json!([tower]));
    assert_eq!(expect(&pacs, 200, "GET", "/accessElements", &NONE), json!({"items": [tower]}));
    expect(&pacs, 400, "PUT", "/_sim/elements", &json!([tower, tower]));
    pacs.set_elements(AccessElement::defaults()).expect("the defaults are good");
    assert_eq!(expect(&pacs, 200, "GET", "/accessElements", &NONE), all);
}

#[test]
fn the_dump_is_the_world_and_shows_ids_only_on_request() {
    let pacs = open_pacs();
    let [person, credential, permission] = admit(&pacs);
    let dump = expect(&pacs, 200, "GET", "/_sim/world", &NONE);
    assert_eq!(
        dump,
        json!({"persons": {"PA1": {
            "fields": ada(),
            "credentials": {"t1": {"credentialId": "t1", "cardNumber": "0466"}},
            "permissions": {"ap-main": {"accessElement": "ap-main", "validTo": "2030-01-01T00:00:00Z"}},
        }}})
    );
    assert_eq!(serde_json::from_value::<doorward_sim::World>(dump).expect("it is a world"), pacs.world());
    let dump = expect(&pacs, 200, "GET", "/_sim/world?ids=1", &NONE);
    let ada = &dump["persons"]["PA1"];
    assert_eq!(ada["id"], *person);
    assert_eq!(ada["credentials"]["t1"]["id"], *credential);
    assert_eq!(ada["permissions"]["ap-main"]["id"], *permission);
}

#[test]
fn drift_is_made_past_the_api_and_logged_as_such() {
    let pacs = open_pacs();
    admit(&pacs);
    let drifted = json!({
        "personnelNumber": "PA1", "firstName": "Mallory",
        "credentials": [{"credentialId": "t2", "cardNumber": "0499"}],
        "permissions": [{"accessElement": "ap-main"}],
    });
    expect(&pacs, 200, "POST", "/_sim/persons", &drifted);
    let world = pacs.world();
    assert_eq!(world.persons["PA1"].fields["firstName"], "Mallory");
    assert_eq!(world.persons["PA1"].credentials.len(), 2);
    pacs.force_person(&json!({"personnelNumber": "PA2"})).expect("it is a person");
    expect(&pacs, 204, "DELETE", "/_sim/persons/PA1", &NONE);
    expect(&pacs, 404, "DELETE", "/_sim/persons/PA1", &NONE);
    pacs.delete_person("PA2").expect("it is there");
    assert_eq!(
        log(&pacs)[3..],
        [
            "update person PA1 sim",
            "create credential PA1/credential/t2 sim",
            "update permission PA1/permission/ap-main sim",
            "create person PA2 sim",
            "delete credential PA1/credential/t1 sim",
            "delete credential PA1/credential/t2 sim",
            "delete permission PA1/permission/ap-main sim",
            "delete person PA1 sim",
            "delete person PA2 sim",
        ]
    );
}

#[test]
fn effects_can_be_read_from_a_number_on_and_waited_for() {
    let pacs = open_pacs();
    admit(&pacs);
    let tail = expect(&pacs, 200, "GET", "/_sim/effects?since=2", &NONE);
    assert_eq!((&tail["total"], &tail["dropped"]), (&json!(3), &json!(0)));
    assert_eq!(tail["items"].as_array().expect("a list").len(), 1);
    let last = &tail["items"][0];
    assert!(last["at_ms"].is_u64());
    assert_eq!((&last["n"], &last["key"]), (&json!(3), &json!("PA1/permission/ap-main")));

    let short = expect(&pacs, 200, "GET", "/_sim/wait?effects=4&timeout_ms=1", &NONE);
    assert_eq!(short, json!({"effects": 3, "reached": false}));
    std::thread::scope(|scope| {
        let waiting =
            scope.spawn(|| expect(&pacs, 200, "GET", "/_sim/wait?effects=4&timeout_ms=9000", &NONE));
        pacs.force_person(&json!({"personnelNumber": "PA2"})).expect("it is a person");
        assert_eq!(waiting.join().expect("it ends"), json!({"effects": 4, "reached": true}));
    });
}

#[test]
fn waiting_for_a_world_ends_when_it_is_there_or_time_is_up() {
    let pacs = open_pacs();
    assert!(!pacs.wait_until(Duration::from_millis(1), |world, _| !world.persons.is_empty()));
    let arrived = |pacs: &Handle| pacs.wait_until(Duration::from_secs(9), |_, effects| effects.len() == 3);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| arrived(&pacs));
        admit(&pacs);
        assert!(waiting.join().expect("it ends"));
    });
}

#[test]
fn a_pause_refuses_connections_and_a_resume_keeps_the_state() {
    let pacs = open_pacs();
    let [person, ..] = admit(&pacs);
    let before = pacs.world();
    pacs.pause().expect("it pauses");
    assert_eq!(send(&pacs, "GET", "/persons", &NONE), None);
    pacs.resume().expect("it resumes");
    assert_eq!(pacs.world(), before);
    expect(&pacs, 200, "GET", &format!("/persons/{person}"), &NONE);
    let address = pacs.address();
    pacs.stop();
    let next =
        Pacs::start(Options { listen: address, ..Options::default() }).expect("the port is free again");
    assert!(next.world().persons.is_empty(), "a stopped PACS forgets");
}
