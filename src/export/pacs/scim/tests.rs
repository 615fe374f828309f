//! The shipped profile against the double of a SCIM server: one whole life, request by request.

mod catalogue;
mod faults;
mod look_up;

use super::*;
use crate::export::content::PersonFields;
use crate::export::item::{Hash, Ids, ItemId};
use crate::export::profile::{Api, Profile};
use access::id::Key;
use access::person::{Credential, Permission};
use access::time::{UtcTime, Window};
use access::trust::Need;
use doorward_sim::double::{Api as _, Double, Fault, FaultKind, Recorded};
use doorward_sim::scim::{Habits, Scim as Server};
use serde_json::json;
use std::path::Path;

const TOKEN: &str = "hunter2";
const TIMEOUT_MS: u64 = 500;
/// Our extension of users.
const ACCESS: &str = "urn:doorward:scim:schemas:extension:1.0:User";

const PROFILE: &str = include_str!("../../../../profiles/scim.toml");

fn section() -> (toml::Table, BTreeMap<String, String>) {
    section_of(PROFILE)
}

fn section_of(text: &str) -> (toml::Table, BTreeMap<String, String>) {
    let profile = Profile::parse(Path::new("scim.toml"), text).expect("it has the form of a profile");
    match profile.api {
        Api::Native { section, properties, .. } => (section, properties),
        Api::Rest(_) => panic!("it has an adapter of its own"),
    }
}

fn settings(url: &str, token: &str) -> PacsSettings {
    PacsSettings {
        base_url: format!("{url}/scim/v2"),
        username: None,
        password: Some(Secret::from(token.to_owned())),
        system_id: None,
        timeout_ms: TIMEOUT_MS,
        tls: None,
    }
}

/// A server, and the adapter for it.
fn world(habits: Habits) -> (Double<Server>, Scim) {
    let double = Double::start(Server::new(Habits { token: Some(TOKEN.into()), ..habits }));
    let (section, properties) = section();
    let scim = Scim::new(section, &properties, &settings(&double.url(), TOKEN)).expect("it fits");
    (double, scim)
}

fn ada(family: &str) -> Content {
    Content::Person(PersonFields {
        given_name: "Ada".into(),
        family_name: family.into(),
        organization: Some("Engines".into()),
        email: Some("ada@example.org".into()),
        pin: Some(Secret::from(String::from("8642"))),
        properties: [("CellPhone".into(), "+44 1".into())].into(),
    })
}

fn card(number: &str, to: Option<&str>) -> Content {
    let window = Window { from: None, to: to.map(|to| UtcTime::parse(to).expect("an instant")) };
    Content::Credential(Credential { need: Need::Want, card_number: number.into(), window })
}

fn right(to: Option<&str>) -> Content {
    let to = to.map(|to| UtcTime::parse(to).expect("an instant"));
    let right = Permission {
        need: Need::Want,
        kind: "AccessProfile".into(),
        display_name: "Main entrance".into(),
        window: Window { from: None, to },
    };
    Content::of_permission(&right, Vec::new())
}

/// A step for `(our name, the server's id)` of a person, or of something that hangs on it.
fn step(kind: ItemKind, act: Act, ids: (&str, Option<&str>), person: Option<&str>) -> Step {
    let item = if kind == ItemKind::Person { String::new() } else { ids.0.to_owned() };
    Step {
        item: ItemId { user: Key::new("1").expect("a key"), kind, item },
        act,
        content: None,
        wanted: None,
        ids: Ids {
            ext_id: ids.0.into(),
            native_id: ids.1.map(str::to_owned),
            person_ext_id: person.map(|_| "PA1".into()),
            person_native_id: person.map(str::to_owned),
        },
        attempt: 1,
    }
}

fn with(content: Content, step: Step) -> Step {
    Step { wanted: Some(Hash([0; 16])), content: Some(content), ..step }
}

fn create_person() -> Step {
    with(ada("Byron"), step(ItemKind::Person, Act::Create, ("PA1", None), None))
}

fn create_card(person: &str) -> Step {
    with(card("077705923", None), step(ItemKind::Credential, Act::Create, ("t1", None), Some(person)))
}

async fn made(scim: &Scim, step: &Step) -> String {
    match scim.execute(step).await {
        Answer::Done { native_id: Some(id) } => id,
        other => panic!("{other:?}"),
    }
}

/// What was asked since the last time: what every request has is looked at once, and left out.
fn asked(double: &Double<Server>) -> String {
    let mut text = String::new();
    for request in double.take_requests() {
        let Recorded { method, path, mut headers, body } = request;
        let login = headers.remove("authorization");
        assert_eq!(login.as_deref(), Some("Bearer …"), "{path}");
        assert_eq!(headers.remove("content-type").is_some(), !body.is_null(), "{path}");
        text.push_str(&format!("{method} {path}\n"));
        text.extend(headers.iter().map(|(name, value)| format!("{name}: {value}\n")));
        if !body.is_null() {
            text.push_str(&format!("{body:#}\n"));
        }
    }
    text
}

fn changes(double: &Double<Server>) -> usize {
    double.requests().iter().filter(|request| request.method != "GET").count()
}

#[tokio::test]
async fn a_person_comes_changes_and_leaves() {
    use ItemKind::{Credential as Card, Permission as Right, Person};
    let (double, scim) = world(Habits::default());
    let entitlement = json!({ "type": "AccessProfile", "displayName": "Main entrance" });
    let main = double.with(|server| server.add("Entitlements", entitlement));
    let mut story = String::new();
    let mut tell = |what: &str, answer: &Answer| {
        story.push_str(&format!("# {what}: {answer:?}\n{}\n", asked(&double)));
    };
    let mut act = async |what: &str, step: Step| {
        let answer = scim.execute(&step).await;
        tell(what, &answer);
        match answer {
            Answer::Done { native_id: Some(id) } | Answer::Found { native_id: Some(id), .. } => id,
            _ => String::new(),
        }
    };
    act("nobody of that name", step(Person, Act::LookUp, ("PA1", None), None)).await;
    let ada_id = act("a person", create_person()).await;
    let own = Some(ada_id.as_str());
    let card_id = act("a card", create_card(&ada_id)).await;
    let until = Some("2026-11-23T17:00:00Z");
    let given = with(right(until), step(Right, Act::Create, (&main, None), own));
    let right_id = act("a right until five", given).await;
    let renamed = with(ada("Lovelace"), step(Person, Act::Update, ("PA1", own), None));
    act("another name", renamed.clone()).await;
    let longer = with(right(None), step(Right, Act::Update, (&main, Some(right_id.as_str())), own));
    act("the right without an end", longer.clone()).await;
    act("the person is looked at", Step { act: Act::LookUp, ..renamed }).await;
    act("the right is looked at", Step { act: Act::LookUp, ..longer }).await;
    let mut there = double.with(|server| server.dump());
    let pin = there["PA1"].as_object_mut().and_then(|ada| ada.remove(ACCESS));
    assert_eq!(pin, Some(json!({ "pin": "8642" })), "it is written, and never shown");
    act("the right goes", step(Right, Act::Remove, (&main, Some(right_id.as_str())), own)).await;
    act("the card goes", step(Card, Act::Remove, ("t1", Some(card_id.as_str())), own)).await;
    act("the person goes", step(Person, Act::Remove, ("PA1", own), None)).await;
    act("the person goes again", step(Person, Act::Remove, ("PA1", own), None)).await;
    story.push_str(&format!("# before they went\n{there:#}\n"));
    insta::assert_snapshot!(story);
    assert_eq!(double.with(|server| server.dump()), json!({}));
    assert_eq!(double.violations(), Vec::<String>::new());
}

#[test]
fn the_shipped_section_says_what_the_adapter_can_do() {
    let (section, properties) = section();
    let settings = settings("http://pacs.example", TOKEN);
    let scim = |section| Scim::new(section, &properties, &settings).expect("it fits");
    let caps = Caps { look_up: true, native_windows: true, ..Caps::NONE };
    assert_eq!(scim(section.clone()).caps(), caps);
    let mut without = section;
    for kind in ["tokens", "assignments"] {
        let kind = without.get_mut(kind).and_then(toml::Value::as_table_mut).expect("a table");
        kind.retain(|name, _| !name.starts_with("valid_"));
    }
    assert_eq!(scim(without).caps(), Caps { native_windows: false, ..caps });
}

#[test]
fn a_section_with_a_mistake_is_refused_and_says_where() {
    let settings = settings("http://pacs.example", TOKEN);
    let table = [
        ("page_size = 100", "page_size = 0", "1 to 200"),
        ("\"/Tokens\"", "\"Tokens\"", "endpoint like"),
        ("\"/Tokens\"", "\"/../Tokens\"", "endpoint like"),
        ("\"user.value\"", "\"user value\"", "names no attribute"),
        ("\"urn:doorward:scim:schemas:1.0:Token\"", "\"Token\"", "URN"),
        ("\ncard_number", "\ncardnumber", "cardnumber"),
    ];
    for (old, new, expected) in table {
        assert!(PROFILE.contains(old), "{old}");
        let (wrong, properties) = section_of(&PROFILE.replacen(old, new, 1));
        let error = Scim::new(wrong, &properties, &settings).map(drop).expect_err(new).to_string();
        assert!(error.contains("[scim]") && error.contains(expected), "{error}");
    }
    let wrong = [("Shoe Size".into(), "shoe size".into())].into();
    let error = Scim::new(section().0, &wrong, &settings).map(drop).expect_err("no attribute").to_string();
    assert!(error.contains("user_field_properties.Shoe Size"), "{error}");
}

#[test]
fn the_shipped_schemas_have_what_the_profile_names() {
    let schemas = include_str!("../../../../examples/scim/schemas.json");
    let schemas: Value = serde_json::from_str(schemas).expect("JSON");
    let types: Value =
        serde_json::from_str(include_str!("../../../../examples/scim/resource-types.json")).expect("JSON");
    let schema = |id: &str| schemas.as_array().expect("a list").iter().find(|one| one["id"] == id).cloned();
    let named = |all: &Value, name: &str| {
        all.as_array().into_iter().flatten().find(|one| one["name"] == name).cloned().expect(name)
    };
    let (section, _) = section();
    for (key, attributes) in [
        ("tokens", ["user", "card_number", "valid_from", "valid_to"].as_slice()),
        ("assignments", &["user", "entitlement", "entitlement_name", "valid_from", "valid_to"]),
        ("entitlements", &["type", "display_name"]),
    ] {
        let form = section[key].as_table().expect("a table");
        let endpoint = form["endpoint"].as_str().expect("text");
        let kind = types.as_array().expect("a list").iter().find(|one| one["endpoint"] == endpoint);
        let urn = kind.expect(endpoint)["schema"].as_str().expect("a URN").to_owned();
        assert!(form.get("schema").is_none_or(|own| own.as_str() == Some(&urn)), "{urn}");
        let schema = schema(&urn).expect("it is defined");
        for attribute in attributes {
            let path = form[*attribute].as_str().expect("text");
            let (name, sub) = path.split_once('.').unwrap_or((path, ""));
            let attribute = named(&schema["attributes"], name);
            if !sub.is_empty() {
                named(&attribute["subAttributes"], sub);
            }
        }
    }
    let pin = section["users"]["pin"].as_str().expect("text");
    let (urn, name) = pin.rsplit_once(':').expect("a URN");
    let pin = named(&schema(urn).expect("it is defined")["attributes"], name);
    assert_eq!((&pin["returned"], &pin["mutability"]), (&json!("never"), &json!("writeOnly")));
}
