//! The shipped profile against the double of UniFi Access.

mod cards;
mod lists;
mod lost;
mod users;

use super::*;
use crate::export::content::{Content, PersonFields};
use crate::export::item::{Act, Hash, Ids, ItemId};
use crate::export::profile::{Api, Profile};
use access::id::Key;
use access::person::{Credential, Permission};
use access::text::Secret;
use access::time::Window;
use access::trust::Need;
use doorward_sim::double::{Double, Fault, FaultKind};
use doorward_sim::unifi::Unifi as Sim;
use serde_json::json;
use std::path::Path;

const TOKEN: &str = "wHFmHRuX4I7sB2oD";
const CARD: &str = "068E2836";
const OTHER_CARD: &str = "068E2839";

fn section() -> (toml::Table, BTreeMap<String, String>) {
    let text = include_str!("../../../../profiles/unifi.toml");
    let profile = Profile::parse(Path::new("unifi.toml"), text).expect("it is shipped");
    match profile.api {
        Api::Native { section, properties, .. } => (section, properties),
        Api::Rest(_) => panic!("it has an adapter of its own"),
    }
}

fn sim() -> Sim {
    Sim::new(TOKEN, &[("main", "Main entrance"), ("lab", "Laboratory"), ("club", "Chess club")])
}

fn settings(double: &Double<Sim>) -> PacsSettings {
    PacsSettings {
        base_url: double.url(),
        username: None,
        password: Some(Secret::from(String::from(TOKEN))),
        system_id: None,
        timeout_ms: 2_000,
        tls: None,
    }
}

/// The shipped profile with other values for some of its keys.
fn adapter(double: &Double<Sim>, keys: &[(&str, toml::Value)]) -> Unifi {
    let (mut section, properties) = section();
    section.extend(keys.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    Unifi::new(section, properties, &settings(double)).expect("it fits")
}

fn world() -> (Double<Sim>, Unifi) {
    let double = Double::start(sim());
    let unifi = adapter(&double, &[]);
    (double, unifi)
}

fn ada() -> Content {
    Content::Person(PersonFields {
        given_name: "Ada".into(),
        family_name: "Lovelace".into(),
        organization: None,
        email: Some("ada@example.org".into()),
        pin: Some(Secret::from(String::from("8642"))),
        properties: BTreeMap::new(),
    })
}

fn card(number: &str) -> Content {
    let card_number = number.to_owned();
    Content::Credential(Credential { need: Need::Want, card_number, window: Window::ALWAYS })
}

fn policy() -> Content {
    let (kind, display_name) = (ACCESS_POLICY.to_owned(), "Main entrance".to_owned());
    let right = Permission { need: Need::Want, kind, display_name, window: Window::ALWAYS };
    Content::of_permission(&right, Vec::new())
}

fn step(kind: ItemKind, act: Act, content: Option<Content>, ids: Ids) -> Step {
    let user = Key::new("u1").expect("a key");
    let item = match kind {
        ItemKind::Person => String::new(),
        ItemKind::Credential => "t1".into(),
        ItemKind::Permission => ids.ext_id.clone(),
    };
    let wanted = content.as_ref().map(|_| Hash([7; 16]));
    Step { item: ItemId { user, kind, item }, act, content, wanted, ids, attempt: 1 }
}

fn person(act: Act, native_id: Option<&str>) -> Step {
    let content = matches!(act, Act::Create | Act::Update | Act::LookUp).then(ada);
    let native_id = native_id.map(str::to_owned);
    step(ItemKind::Person, act, content, Ids { ext_id: "DW-1".into(), native_id, ..Ids::default() })
}

fn child(kind: ItemKind, act: Act, name: &str, native_id: Option<&str>, user: &str) -> Step {
    let content = match (kind, act) {
        (_, Act::Remove | Act::RemoveExtra) | (ItemKind::Person, _) => None,
        (ItemKind::Credential, Act::Create | Act::Update | Act::LookUp) => Some(card(name)),
        (ItemKind::Permission, Act::Create | Act::Update | Act::LookUp) => Some(policy()),
    };
    let ids = Ids {
        ext_id: name.into(),
        native_id: native_id.map(str::to_owned),
        person_ext_id: Some("DW-1".into()),
        person_native_id: Some(user.into()),
    };
    step(kind, act, content, ids)
}

fn done(native_id: Option<&str>) -> Answer {
    Answer::Done { native_id: native_id.map(str::to_owned) }
}

fn found(native_id: &str, as_wanted: Option<bool>) -> Answer {
    Answer::Found { native_id: Some(native_id.into()), as_wanted }
}

/// Which answer it is, without its words.
fn kind_of(answer: &Answer) -> &'static str {
    match answer {
        Answer::Done { .. } => "Done",
        Answer::Found { .. } => "Found",
        Answer::Several { .. } => "Several",
        Answer::NotFound { .. } => "NotFound",
        Answer::Conflict { .. } => "Conflict",
        Answer::Refused { .. } => "Refused",
        Answer::TryLater { .. } => "TryLater",
        Answer::NotSent { .. } => "NotSent",
        Answer::Unknown { .. } => "Unknown",
    }
}

async fn made(unifi: &Unifi, step: &Step) -> String {
    match unifi.execute(step).await {
        Answer::Done { native_id: Some(id) } => id,
        other => panic!("it is not made: {other:?}"),
    }
}

fn says(code: &str) -> FaultKind {
    FaultKind::Status { status: 200, headers: Vec::new(), body: json!({ "code": code, "msg": "no" }) }
}

#[tokio::test]
async fn the_full_life_of_a_user() {
    use ItemKind::{Credential, Permission};
    let (double, unifi) = world();
    let user = made(&unifi, &person(Act::Create, None)).await;
    let first = made(&unifi, &child(Credential, Act::Create, CARD, None, &user)).await;
    assert_eq!(made(&unifi, &child(Permission, Act::Create, "main", None, &user)).await, "main");
    double.with(|sim| {
        let user = sim.users.get_mut(&user).expect("it is there");
        user.policies.push("club".into());
        user.group_policies.push("lab".into());
    });
    assert_eq!(made(&unifi, &child(Permission, Act::Create, "lab", None, &user)).await, "lab");
    assert_eq!(unifi.execute(&person(Act::LookUp, Some(&user))).await, found(&user, Some(true)));
    let second = made(&unifi, &child(Credential, Act::Create, OTHER_CARD, None, &user)).await;
    let old = child(Credential, Act::Remove, CARD, Some(&first), &user);
    assert_eq!(unifi.execute(&old).await, done(None));
    assert_eq!(
        double.with(|sim| sim.users[&user].policies.clone()),
        ["main", "club", "lab"],
        "what others gave stays"
    );
    let main = child(Permission, Act::Remove, "main", Some("main"), &user);
    assert_eq!(unifi.execute(&main).await, done(None));
    for (kind, name, id) in [(Credential, OTHER_CARD, &*second), (Permission, "lab", "lab")] {
        let look_up = child(kind, Act::LookUp, name, Some(id), &user);
        assert_eq!(unifi.execute(&look_up).await, found(id, Some(true)), "{kind:?}");
    }
    assert_eq!(unifi.execute(&person(Act::Update, Some(&user))).await, done(None));
    let before = double.with(|sim| sim.users[&user].clone());
    assert_eq!(before.policies, ["club", "lab"]);
    assert_eq!((before.employee_number.as_str(), before.user_email.as_str()), ("DW-1", ""));
    assert_eq!(unifi.execute(&person(Act::Remove, Some(&user))).await, done(None));
    assert!(double.with(|sim| sim.users.is_empty() && sim.cards.values().all(|card| card.user.is_none())));
    let log: Vec<String> = double.take_requests().iter().map(ToString::to_string).collect();
    let log = log.join("\n");
    assert!(!log.contains(TOKEN) && !log.contains("8642"));
    insta::assert_snapshot!("full_life", log);
    for gone in [
        person(Act::Remove, Some(&user)),
        person(Act::LookUp, Some(&user)),
        person(Act::Update, Some(&user)),
        old,
        child(Credential, Act::LookUp, OTHER_CARD, Some(&second), &user),
        child(Permission, Act::Create, "main", None, &user),
        main,
    ] {
        assert_eq!(kind_of(&unifi.execute(&gone).await), "NotFound", "{gone:?}");
    }
    assert_eq!(double.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn each_status_has_its_meaning() {
    let (double, unifi) = world();
    let table = [
        (202, "Unknown"),
        (302, "Refused"),
        (400, "Refused"),
        (402, "Refused"),
        (404, "NotFound"),
        (409, "Conflict"),
        (401, "TryLater"),
        (403, "TryLater"),
        (408, "TryLater"),
        (425, "TryLater"),
        (429, "TryLater"),
        (500, "Unknown"),
        (502, "Unknown"),
        (503, "Unknown"),
        // A success that does not say so is none.
        (200, "Unknown"),
        (204, "Unknown"),
    ];
    for (status, meaning) in table {
        double.fault(Fault::next(FaultKind::status(status)));
        let answer = unifi.execute(&person(Act::Create, None)).await;
        assert_eq!(kind_of(&answer), meaning, "{status}: {answer:?}");
    }
    assert!(double.with(|sim| sim.users.is_empty()), "nothing is repeated behind the ledger's back");
    let body = json!({ "code": "CODE_PARAMS_INVALID", "msg": "Invalid parameters." });
    double.fault(Fault::next(FaultKind::Status { status: 400, headers: Vec::new(), body }));
    let words = "CODE_PARAMS_INVALID: Invalid parameters.".to_owned();
    let answer = unifi.execute(&person(Act::Create, None)).await;
    assert_eq!(answer, Answer::Refused { status: 400, words });
}

#[tokio::test]
async fn a_code_other_than_success_is_no_success_whatever_the_status() {
    let (double, unifi) = world();
    let table = [
        ("CODE_PARAMS_INVALID", "Refused"),
        ("CODE_OPERATION_FORBIDDEN", "Refused"),
        ("CODE_NEVER_HEARD_OF", "Refused"),
        ("CODE_USER_NAME_DUPLICATED", "Refused"),
        ("CODE_USER_WORKER_NOT_EXISTS", "NotFound"),
        ("CODE_NOT_EXISTS", "NotFound"),
        ("CODE_CREDS_NFC_HAS_BIND_USER", "Conflict"),
        ("CODE_ACCESS_TOKEN_INVALID", "TryLater"),
        ("CODE_AUTH_FAILED", "TryLater"),
        ("CODE_OTHERS_UID_ADOPTED_NOT_SUPPORTED", "TryLater"),
        ("CODE_SYSTEM_ERROR", "Unknown"),
        ("success", "Refused"),
    ];
    for (code, meaning) in table {
        double.fault(Fault::next(says(code)));
        let answer = unifi.execute(&person(Act::Create, None)).await;
        assert_eq!(kind_of(&answer), meaning, "{code}: {answer:?}");
        assert_eq!(answer.words(), Some(format!("{code}: no").as_str()));
    }
    // Public programs report such answers; what they mean, no document says.
    for body in [json!({ "code": 404, "codeS": "CODE_NOT_FOUND" }), json!({ "code": 1 }), json!([])] {
        double.fault(Fault::next(FaultKind::Status { status: 200, headers: Vec::new(), body }));
        assert_eq!(kind_of(&unifi.execute(&person(Act::Create, None)).await), "Unknown");
    }
    let body = json!({ "code": "SUCCESS", "msg": "success", "data": { "id": "user-0001" } });
    double.fault(Fault::next(FaultKind::Status { status: 202, headers: Vec::new(), body }));
    assert_eq!(kind_of(&unifi.execute(&person(Act::Create, None)).await), "Unknown", "accepted is not done");
    // A code does not make more of a status that leaves it open whether it was carried out.
    let body = json!({ "code": "CODE_NOT_EXISTS", "msg": "no" });
    double.fault(Fault::next(FaultKind::Status { status: 502, headers: Vec::new(), body }));
    assert_eq!(kind_of(&unifi.execute(&person(Act::Create, None)).await), "Unknown");
    let body = json!({ "code": "SUCCESS", "msg": "success", "data": {} });
    double.fault(Fault::next(FaultKind::Status { status: 200, headers: Vec::new(), body }));
    assert_eq!(kind_of(&unifi.execute(&person(Act::Create, None)).await), "Unknown", "it has no id");
    assert!(double.with(|sim| sim.users.is_empty()));
}

#[tokio::test]
async fn too_many_requests_are_tried_later_and_not_before_the_console_wants() {
    let (double, unifi) = world();
    for (headers, wait_ms) in [(vec![("retry-after".into(), "30".into())], Some(30_000)), (Vec::new(), None)]
    {
        double.fault(Fault::next(FaultKind::Status { status: 429, headers, body: json!(null) }));
        let answer = unifi.execute(&person(Act::Create, None)).await;
        assert!(
            matches!(answer, Answer::TryLater { status: 429, after_ms, .. } if after_ms == wait_ms),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn a_token_that_is_not_accepted_concerns_every_item() {
    let (double, unifi) = world();
    double.with(|sim| sim.token = "another".into());
    let answer = unifi.execute(&person(Act::Create, None)).await;
    assert!(matches!(&answer, Answer::TryLater { status: 401, .. }), "{answer:?}");
    assert!(answer.concerns_every_item());
    let error = unifi.probe().await.expect_err("the token is another").to_string();
    assert!(error.contains("401") && !error.contains(TOKEN), "{error}");
    double.with(|sim| sim.token = TOKEN.into());
    unifi.probe().await.expect("it is accepted");
    assert_eq!(
        double.requests().last().expect("a probe").path,
        "/api/v1/developer/users?page_num=1&page_size=1"
    );
}

#[tokio::test]
async fn secrets_are_taken_out_of_the_words() {
    let (double, unifi) = world();
    let body = json!({ "code": "CODE_PARAMS_INVALID", "msg": format!("token {TOKEN} is weak") });
    double.fault(Fault::next(FaultKind::Status { status: 200, headers: Vec::new(), body }));
    let answer = unifi.execute(&person(Act::Create, None)).await;
    assert_eq!(answer.words(), Some("CODE_PARAMS_INVALID: token … is weak"));
    let no_token = PacsSettings { password: None, ..settings(&double) };
    let (section, properties) = section();
    let error = Unifi::new(section, properties, &no_token).map(drop).expect_err("no token").to_string();
    assert!(error.contains("pacs.password"), "{error}");
}

#[test]
fn a_section_with_mistakes_names_the_key() {
    let double = Double::start(sim());
    for (key, value, named) in [
        ("page_size", toml::Value::Integer(0), "page_size"),
        ("find_users", "guess".into(), "guess"),
        ("card_number", toml::Value::Array(Vec::new()), "card_number"),
        ("colour", "blue".into(), "colour"),
    ] {
        let (mut section, properties) = section();
        section.insert(key.into(), value);
        let error = Unifi::new(section, properties, &settings(&double)).map(drop).expect_err(key).to_string();
        assert!(error.contains("[unifi]") && error.contains(named), "{error}");
    }
}
