//! What a profile can ask for beside what the shipped ones use: logins, idempotency, ways to turn pages, the probe.

use super::tests::{PASSWORD, ada, profile_of, step};
use super::*;
use crate::export::item::ItemKind;
use doorward_sim::double::{Api, Ask, Double, Recorded, Reply};
use serde_json::{Value, json};

const INTERFLEX: &str = include_str!("../../../../profiles/interflex.toml");

/// Answers what it is told to, whatever it is asked.
struct Parrot(Vec<Reply>);

impl Api for Parrot {
    fn answer(&mut self, _: &Ask) -> Reply {
        if self.0.is_empty() { Reply::json(200, &json!({ "items": [] })) } else { self.0.remove(0) }
    }

    fn dump(&self) -> Value {
        Value::Null
    }

    fn openapi(&self) -> &'static str {
        "paths: { /: { get: {} } }"
    }
}

/// The shipped profile with changes, against a PACS that gives these answers. It may be asked anything.
fn world(changes: &[(&str, &str)], replies: Vec<Reply>) -> (Double<Parrot>, Rest) {
    let parrot = Double::start(Parrot(replies));
    let settings = PacsSettings {
        base_url: format!("{}/api", parrot.url()),
        username: Some("panel".into()),
        password: Some(Secret::from(String::from(PASSWORD))),
        system_id: None,
        timeout_ms: 5_000,
        tls: None,
    };
    let rest = Rest::new(profile_of(INTERFLEX, changes), &settings).expect("it fits");
    (parrot, rest)
}

/// What was asked; the file of the parrot says nothing of it.
fn asked(parrot: &Double<Parrot>) -> Vec<Recorded> {
    parrot.violations();
    parrot.take_requests()
}

fn header(request: &Recorded, name: &str) -> String {
    request.headers.get(name).cloned().unwrap_or_default()
}

#[tokio::test]
async fn each_login_is_in_its_header_and_a_missing_setting_is_named() {
    let table = [
        ("login = \"none\"", "authorization", ""),
        ("login = \"basic\"", "authorization", "Basic …"),
        ("login = \"bearer\"", "authorization", "Bearer …"),
        ("login = \"header\"\nlogin_header = \"X-Key\"", "x-key", PASSWORD),
    ];
    for (login, name, value) in table {
        let changes = [("login = \"basic\"", login)];
        let (parrot, rest) = world(&changes, Vec::new());
        rest.probe().await.expect("it answers");
        assert_eq!(header(&asked(&parrot)[0], name), value, "{login}");
        let bare = PacsSettings {
            base_url: parrot.url(),
            username: Some("panel".into()),
            password: None,
            system_id: None,
            timeout_ms: 5_000,
            tls: None,
        };
        let opened = Rest::new(profile_of(INTERFLEX, &changes), &bare).map(drop);
        match opened {
            Ok(()) => assert!(login.contains("none")),
            Err(error) => assert!(error.to_string().contains("pacs.password is missing"), "{error}"),
        }
    }
}

#[tokio::test]
async fn a_creation_is_named_so_that_one_that_is_repeated_on_the_way_does_no_harm() {
    let keyed = ("login = ", "idempotency_header = \"Idempotency-Key\"\nlogin = ");
    let (parrot, rest) = world(&[keyed], vec![Reply::json(201, &json!({ "id": 7 })); 3]);
    let create = step(ItemKind::Person, Act::Create, Some(ada("1")), ("PA1", None, None));
    for attempt in [1, 2, 2] {
        rest.execute(&Step { attempt, ..create.clone() }).await;
    }
    rest.execute(&step(ItemKind::Person, Act::Update, Some(ada("1")), ("PA1", Some("7"), None))).await;
    let keys: Vec<String> = asked(&parrot).iter().map(|one| header(one, "idempotency-key")).collect();
    let form: Vec<usize> = keys[0].split('-').map(str::len).collect();
    assert_eq!(form, [8, 4, 4, 4, 12], "{}", keys[0]);
    assert!(keys[0] != keys[1] && keys[1] != keys[2], "two requests are never one, even of one attempt");
    assert_eq!(keys[3], "", "an update may be repeated");
}

/// One page of persons, with what it says of the next one.
fn page(persons: &[(&str, u64)], next: Value) -> Reply {
    let person = |(name, id): &(&str, u64)| json!({ "id": id, "personnelNumber": name });
    let items: Vec<Value> = persons.iter().map(person).collect();
    Reply::json(200, &json!({ "items": items, "next": next }))
}

/// A profile whose list of persons turns pages in this way.
fn listing(way: &str, replies: Vec<Reply>) -> (Double<Parrot>, Rest) {
    let list =
        "[person.list]\nmethod = \"GET\"\nitems = \"/items\"\nid = \"/id\"\next_id = \"/personnelNumber\"";
    world(&[("[credential.create]", &format!("{list}\n{way}\n\n[credential.create]"))], replies)
}

#[tokio::test]
async fn pages_turn_in_each_way_and_end() {
    let two = |one: Value, two: Value| vec![page(&[("PA1", 1), ("PA2", 2)], one), page(&[("PA3", 3)], two)];
    let then_empty = || [two(Value::Null, Value::Null), vec![page(&[], Value::Null)]].concat();
    let (next, after) = ("next = \"/next\"", "path = \"/persons?after={after}\"\nfirst_path = \"/persons\"");
    let cases = [
        ("path = \"/persons?page={page}\"".to_owned(), then_empty(), vec!["?page=1", "?page=2", "?page=3"]),
        (
            "path = \"/persons?page={page}\"\nfirst_page = 0".to_owned(),
            then_empty(),
            vec!["?page=0", "?page=1", "?page=2"],
        ),
        (
            "path = \"/persons?skip={skip}&limit={limit}\"\nlimit = 2".to_owned(),
            then_empty(),
            vec!["?skip=0&limit=2", "?skip=2&limit=2", "?skip=3&limit=2"],
        ),
        (after.to_owned(), then_empty(), vec!["", "?after=2", "?after=3"]),
        (format!("{after}\n{next}"), two(json!("c 1"), Value::Null), vec!["", "?after=c%201"]),
        (
            format!("path = \"/persons\"\n{next}"),
            two(json!("/api/persons?from=3"), json!("")),
            vec!["", "?from=3"],
        ),
    ];
    for (way, replies, paths) in cases {
        let (parrot, rest) = listing(&way, replies);
        let (mut names, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = rest.persons(after.as_deref()).await.expect(&way).expect("it lists");
            names.extend(page.persons.into_iter().map(|one| one.ext_id));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(names, ["PA1", "PA2", "PA3"], "{way}");
        let paths: Vec<String> = paths.iter().map(|rest| format!("/api/persons{rest}")).collect();
        assert_eq!(asked(&parrot).into_iter().map(|one| one.path).collect::<Vec<_>>(), paths, "{way}");
    }
}

#[tokio::test]
async fn a_list_that_leads_elsewhere_or_does_not_end_is_an_error() {
    let (some, next) = ([("PA1", 1)], "path = \"/persons\"\nnext = \"/next\"");
    let table = [
        (next, page(&some, json!("http://elsewhere.example/api/persons")), None, "leads elsewhere"),
        (next, page(&some, json!("/api/persons?same")), Some("/api/persons?same"), "does not end"),
        ("path = \"/persons?skip={skip}\"", page(&some, Value::Null), Some("10000000"), "does not end"),
        ("path = \"/persons?page={page}\"", page(&some, Value::Null), Some("100001"), "does not end"),
        ("path = \"/persons?page={page}\"", page(&some, Value::Null), Some("x"), "no such page"),
        ("path = \"/persons?page={page}\"", Reply::json(200, &json!({})), None, "/items"),
    ];
    for (way, reply, after, why) in table {
        let (parrot, rest) = listing(way, vec![reply]);
        let page = match rest.persons(after).await {
            Ok(Some(page)) => rest.persons(page.next.as_deref()).await,
            other => other,
        };
        let error = page.expect_err(why).to_string();
        assert!(error.contains(why), "{error}");
        asked(&parrot);
    }
}

#[tokio::test]
async fn the_probe_is_the_profiles_own_else_one_type_of_entitlement() {
    let (parrot, rest) = world(&[], Vec::new());
    rest.probe().await.expect("it answers");
    assert_eq!(asked(&parrot)[0].path, "/api/accessElements?type=AccessProfile");
    let own = ("[answers]", "[probe]\nmethod = \"GET\"\npath = \"/version\"\n\n[answers]");
    let (parrot, rest) =
        world(&[own], vec![Reply::empty(204), Reply::json(403, &json!({ "error": PASSWORD }))]);
    rest.probe().await.expect("any success will do");
    let error = rest.probe().await.expect_err("it was refused").to_string();
    assert!(error.contains("403 …"), "{error}");
    assert_eq!(asked(&parrot)[1].path, "/api/version");
}

#[tokio::test]
async fn a_code_in_the_body_says_that_something_is_there_or_gone() {
    let signs = "[[answers.conflict]]\nstatus = 400\npointer = \"/code\"\nvalue = \"7\"\n\
                 [[answers.not_found]]\nstatus = 200\npointer = \"/code\"\nvalue = \"gone\"\n[entitlements]";
    let replies = |status, code: Value| vec![Reply::json(status, &json!({ "code": code, "error": "words" }))];
    let create = step(ItemKind::Person, Act::Create, Some(ada("1")), ("PA1", None, None));
    let update = step(ItemKind::Person, Act::Update, Some(ada("1")), ("PA1", Some("7"), None));
    let words = || "words".to_owned();
    let table = [
        (&create, 400, json!(7), Answer::Conflict { words: words() }),
        (&create, 400, json!(8), Answer::Refused { status: 400, words: words() }),
        (&update, 400, json!(7), Answer::Refused { status: 400, words: words() }),
        (&update, 200, json!("gone"), Answer::NotFound { words: words() }),
        (&update, 200, json!("fine"), Answer::Done { native_id: None }),
    ];
    for (one, status, code, meaning) in table {
        let (parrot, rest) = world(&[("[entitlements]", signs)], replies(status, code));
        assert_eq!(rest.execute(one).await, meaning);
        asked(&parrot);
    }
}
