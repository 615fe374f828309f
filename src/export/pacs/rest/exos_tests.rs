//! The shipped profile for dormakaba exos 9300 against its double: a whole life, and each fault in it.

use super::life::{Story, id_in};
use super::tests::{PASSWORD, found_as, step};
use super::*;
use crate::export::content::PersonFields;
use crate::export::item::ItemKind;
use crate::export::profile::{Api, Profile};
use access::person::{Credential, Permission};
use access::time::{UtcTime, Window};
use access::trust::Need;
use doorward_sim::double::{Api as _, Double, Fault, FaultKind};
use doorward_sim::exos::Exos;
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

const EXOS: &str = include_str!("../../../../profiles/exos.toml");
const RIGHTS: [(&str, &str, &str); 2] =
    [("ar-main", "AccessRight", "Main entrance"), ("ar-lab", "AccessRight", "Laboratory")];

/// The profile as a site has filled it in.
fn filled(way: &str) -> RestApi {
    filled_from(EXOS, way)
}

fn filled_from(text: &str, way: &str) -> RestApi {
    let text = text
        .replace("use = \"api_login\"", &format!("use = \"{way}\""))
        .replace("FILL IN: the id of the time zone that access rights are given with", "tz-always")
        .replace("FILL IN: your tenant", "tenant")
        .replace("FILL IN: the channel that your tenant's API users have", "channel");
    let profile = Profile::parse(Path::new("exos.toml"), &text).expect("it is shipped");
    assert!(profile.lacks.is_empty(), "{:?}", profile.lacks);
    match profile.api {
        Api::Rest(api) => *api,
        Api::Native { .. } => panic!("it is described by its profile"),
    }
}

fn world_by(way: &str) -> (Double<Exos>, Rest) {
    let exos = Double::start(Exos::new("panel", PASSWORD, &RIGHTS));
    let rest = Rest::new(filled(way), &settings(&exos)).expect("it fits");
    (exos, rest)
}

fn settings(exos: &Double<Exos>) -> PacsSettings {
    PacsSettings {
        base_url: exos.url(),
        username: Some("panel".into()),
        password: Some(Secret::from(String::from(PASSWORD))),
        system_id: None,
        timeout_ms: 5_000,
        tls: None,
    }
}

fn world() -> (Double<Exos>, Rest) {
    world_by("api_login")
}

/// The profile has neither e-mail nor PIN nor properties.
fn ada() -> Content {
    Content::Person(PersonFields {
        given_name: "Ada".into(),
        family_name: "Lovelace".into(),
        organization: None,
        email: Some("ada@example.org".into()),
        pin: Some(Secret::from(String::from("4711"))),
        properties: Default::default(),
    })
}

fn badge() -> Content {
    let card_number = "04A1B2C3".into();
    Content::Credential(Credential { need: Need::Want, card_number, window: Window::ALWAYS })
}

fn right(from: Option<i64>, to: Option<i64>) -> Content {
    let window = Window { from: from.map(UtcTime::from_unix), to: to.map(UtcTime::from_unix) };
    let (kind, display_name) = ("AccessRight".into(), "Main entrance".into());
    Content::of_permission(&Permission { need: Need::Want, kind, display_name, window }, Vec::new())
}

fn create(kind: ItemKind, content: Content, ext_id: &str, person: Option<&str>) -> Step {
    step(kind, Act::Create, Some(content), (ext_id, None, person))
}

/// A person with a badge and a right: their ids.
async fn moved_in(rest: &Rest) -> (String, String, String) {
    let person = id_in(rest.execute(&create(ItemKind::Person, ada(), "PA1", None)).await);
    let badge = create(ItemKind::Credential, badge(), "04A1B2C3", Some(&person));
    let badge = id_in(rest.execute(&badge).await);
    let right = create(ItemKind::Permission, right(None, None), "ar-main", Some(&person));
    let right = id_in(rest.execute(&right).await);
    (person, badge, right)
}

#[tokio::test]
async fn the_life_of_a_person_in_exos_reads_like_this() {
    use Act::{LookUp, Remove, RemoveExtra, Update};
    use ItemKind::{Credential, Permission, Person};
    let (exos, rest) = world();
    let sent = || {
        let all = exos.take_requests();
        all.iter().map(|one| format!("{one}\n")).collect::<String>().replace("%20", " ")
    };
    let mut story = Story::new(rest);
    story.rest.probe().await.expect("it answers");
    let _ = write!(story.told, "## Is it there?\n\n{}\n", sent());
    let known = story.rest.entitlements(&["AccessRight".into()]).await.expect("a list");
    let _ = write!(story.told, "## What is defined?\n\n{}\n=> {known:?}\n\n", sent());
    let one = create(Person, ada(), "PA1", None);
    let person = id_in(story.step("she comes", &one, |_| sent()).await);
    let under = Some(person.as_str());
    let one = create(Credential, badge(), "04A1B2C3", under);
    let token = id_in(story.step("with a badge", &one, |_| sent()).await);
    let one = create(Permission, right(None, Some(1_900_000_000)), "ar-main", under);
    let permission = id_in(story.step("and a right", &one, |_| sent()).await);
    let one = step(Permission, LookUp, one.content.clone(), ("ar-main", Some(&permission), under));
    assert_eq!(story.step("is it as wanted?", &one, |_| sent()).await, found_as(&permission, Some(true)));
    let longer = Some(right(Some(1_800_000_000), Some(1_900_000_000)));
    let one = step(Permission, Update, longer, ("ar-main", Some(&permission), under));
    let permission = id_in(story.step("its window changes", &one, |_| sent()).await);
    let one = step(Person, Update, Some(ada()), ("PA1", under, None));
    story.step("her name changes", &one, |_| sent()).await;
    let page = story.rest.persons(None).await.expect("a page").expect("it lists");
    let _ = write!(story.told, "## Who is there?\n\n{}\n=> {page:?}\n\n", sent());
    let one = step(Permission, Remove, None, ("ar-main", Some(&permission), under));
    story.step("she leaves", &one, |_| sent()).await;
    let one = step(Credential, Remove, None, ("04A1B2C3", Some(&token), under));
    story.step("she leaves", &one, |_| sent()).await;
    let one = step(Person, Remove, None, ("PA1", under, None));
    story.step("she leaves", &one, |_| sent()).await;
    let twin = exos.with(|exos| exos.add(json!({ "PersonalNumber": "PA1", "LastName": "Twin" }))).to_string();
    let one = step(Person, RemoveExtra, None, ("PA1", Some(&twin), None));
    story.step("her twin, made by hand, leaves", &one, |_| sent()).await;
    let one = step(Person, LookUp, None, ("PA1", None, None));
    assert!(matches!(story.step("nobody is left", &one, |_| sent()).await, Answer::NotFound { .. }));
    assert_eq!(exos.with(|exos| exos.persons.len()), 0);
    assert_eq!(exos.violations(), [""; 0]);
    insta::assert_snapshot!("exos", story.told);
}

#[tokio::test]
async fn both_ways_to_log_in_are_there_and_the_tenant_has_the_same_life() {
    let (exos, rest) = world_by("auth");
    moved_in(&rest).await;
    let first = &exos.requests()[0];
    assert_eq!(first.path, "/ExosAuth/api/v1/login");
    assert_eq!(first.body["tenantId"], "tenant");
    assert_eq!(first.body["userName"], "panel");
    assert_eq!(exos.with(|exos| exos.logins), 1);
    assert_eq!(exos.violations(), [""; 0]);
}

#[tokio::test]
async fn a_session_that_expires_in_the_middle_is_renewed_once_and_nothing_is_done_twice() {
    let (exos, rest) = world();
    let person = id_in(rest.execute(&create(ItemKind::Person, ada(), "PA1", None)).await);
    exos.with(Exos::expire);
    let (one, two) = (
        create(ItemKind::Credential, badge(), "04A1B2C3", Some(&person)),
        create(ItemKind::Permission, right(None, None), "ar-main", Some(&person)),
    );
    let (badge, right) = tokio::join!(rest.execute(&one), rest.execute(&two));
    assert_eq!((id_in(badge).as_str(), id_in(right).as_str()), ("04A1B2C3", "2"));
    assert_eq!(exos.with(|exos| exos.logins), 2, "both waited for one login");
    exos.with(|exos| exos.login.1 = "changed".into());
    exos.with(Exos::expire);
    let answer = rest.execute(&create(ItemKind::Person, ada(), "PA2", None)).await;
    let Answer::TryLater { status: 401, words, .. } = answer else { panic!("{answer:?}") };
    assert_eq!(words, "login: unknown user or password");
    let error = rest.probe().await.expect_err("the password is wrong").to_string();
    assert!(error.contains("401") && !error.contains(PASSWORD), "{error}");
    assert_eq!(exos.with(|exos| exos.persons.len()), 1);
}

#[tokio::test]
async fn a_session_that_is_refused_again_after_its_renewal_is_for_later() {
    let (exos, rest) = world();
    for _ in 0..2 {
        exos.fault(Fault::on("POST", "Create", FaultKind::status(401)));
    }
    let answer = rest.execute(&create(ItemKind::Person, ada(), "PA1", None)).await;
    assert!(matches!(answer, Answer::TryLater { status: 401, .. }), "{answer:?}");
    let sent: Vec<String> = exos.requests().into_iter().map(|one| one.path).collect();
    let (login, create) = ("/ExosApiLogin/api/v1.0/login", "/ExosApi/api/v1.0/persons/Create");
    assert_eq!(sent, [login, create, login, create]);
    assert_eq!(exos.with(|exos| exos.persons.len()), 0);
}

#[tokio::test]
async fn a_login_that_fails_has_sent_nothing() {
    let (exos, rest) = world();
    let one = create(ItemKind::Person, ada(), "PA1", None);
    exos.fault(Fault::next(FaultKind::CutBefore));
    assert!(matches!(rest.execute(&one).await, Answer::NotSent { words } if words.contains("login")));
    let headers = vec![("Retry-After".to_owned(), "7".to_owned())];
    exos.fault(Fault::next(FaultKind::Status { status: 429, headers, body: json!({ "Message": "slow" }) }));
    let words = "login: slow".to_owned();
    assert_eq!(rest.execute(&one).await, Answer::TryLater { status: 429, words, after_ms: Some(7_000) });
    exos.fault(Fault::next(FaultKind::Status {
        status: 200,
        headers: Vec::new(),
        body: json!({ "ApiKey": "x" }),
    }));
    assert!(matches!(rest.execute(&one).await, Answer::NotSent { words } if words.contains("/Identifier")));
    assert!(exos.requests().iter().all(|one| one.path.contains("login")), "no other request went out");
    id_in(rest.execute(&one).await);
}

#[tokio::test]
async fn each_fault_has_its_meaning_and_nothing_is_repeated() {
    let (exos, rest) = world();
    let (person, ..) = moved_in(&rest).await;
    let lab = create(ItemKind::Permission, right(None, None), "ar-lab", Some(&person));
    let rights = |exos: &Double<Exos>| {
        exos.with(|exos| exos.persons.values().map(|one| one.assignments.len()).sum::<usize>())
    };
    let assigned = |exos: &Double<Exos>| {
        let requests = exos.take_requests();
        requests.iter().filter(|one| one.path.ends_with("assignAccessRight")).count()
    };
    let status = |status, headers: &[(&str, &str)]| {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers = headers.iter().map(own).collect();
        FaultKind::Status { status, headers, body: json!({ "Code": status, "Message": "no" }) }
    };
    let later = |status, after_ms| Answer::TryLater { status, words: "no".into(), after_ms };
    let unknown = |words: &str| Answer::Unknown { words: words.into() };
    let table = [
        (status(429, &[("Retry-After", "3")]), later(429, Some(3_000))),
        (status(429, &[]), later(429, None)),
        (status(409, &[]), Answer::Conflict { words: "no".into() }),
        (status(400, &[]), Answer::Refused { status: 400, words: "no".into() }),
        (status(503, &[]), unknown("no")),
        (status(202, &[]), unknown("accepted for later")),
    ];
    for (fault, meaning) in table {
        exos.take_requests();
        exos.fault(Fault::on("POST", "assignAccessRight", fault));
        assert_eq!(rest.execute(&lab).await, meaning);
        assert_eq!((assigned(&exos), rights(&exos)), (1, 1), "{meaning:?}");
    }
    exos.fault(Fault::on("POST", "assignAccessRight", FaultKind::CutBefore));
    assert!(matches!(rest.execute(&lab).await, Answer::Unknown { .. }));
    assert_eq!((assigned(&exos), rights(&exos)), (1, 1));
    exos.fault(Fault::on("POST", "assignAccessRight", FaultKind::CutAfter));
    assert!(matches!(rest.execute(&lab).await, Answer::Unknown { .. }), "a lost answer says nothing");
    assert_eq!((assigned(&exos), rights(&exos)), (1, 2));
    assert_eq!(rest.execute(&lab).await, Answer::Conflict { words: "already assigned".into() }, "400004");
    let look_up =
        step(ItemKind::Permission, Act::LookUp, lab.content.clone(), ("ar-lab", None, Some(&person)));
    assert!(matches!(rest.execute(&look_up).await, Answer::Found { as_wanted: Some(true), .. }));
    assert_eq!(exos.violations(), [""; 0]);
}

#[tokio::test]
async fn what_was_made_and_cannot_be_looked_up_is_unknown() {
    let (exos, rest) = world();
    exos.fault(Fault::on("GET", "persons", FaultKind::status(500)));
    let one = create(ItemKind::Person, ada(), "PA1", None);
    let Answer::Unknown { words } = rest.execute(&one).await else { panic!("it was made") };
    assert!(words.contains("made, but its id is not known"), "{words}");
    assert_eq!(exos.with(|exos| exos.persons.len()), 1);
}

#[tokio::test]
async fn a_right_that_is_made_anew_is_there_gone_or_unknown_but_never_taken_for_what_it_is_not() {
    let (exos, rest) = world();
    let (person, _, first) = moved_in(&rest).await;
    let update = |native: &str| {
        let content = Some(right(None, Some(1_900_000_000)));
        step(ItemKind::Permission, Act::Update, content, ("ar-main", Some(native), Some(&person)))
    };
    let held = || exos.with(|exos| exos.persons.values().map(|one| one.assignments.len()).sum::<usize>());
    // The removal is refused: nothing has changed.
    exos.fault(Fault::on("POST", "/unassignAccessRight", FaultKind::status(429)));
    assert!(matches!(rest.execute(&update(&first)).await, Answer::TryLater { status: 429, .. }));
    assert_eq!(held(), 1);
    // The creation is refused: it is certainly gone.
    exos.fault(Fault::on("POST", "/assignAccessRight", FaultKind::status(429)));
    assert!(matches!(rest.execute(&update(&first)).await, Answer::NotFound { .. }));
    assert_eq!(held(), 0);
    // It is gone already: made all the same. Then the creation's answer is lost.
    let second = id_in(rest.execute(&update(&first)).await);
    exos.fault(Fault::on("POST", "/assignAccessRight", FaultKind::CutAfter));
    assert!(matches!(rest.execute(&update(&second)).await, Answer::Unknown { .. }));
    assert_eq!(held(), 1);
    // The same step again collides with what the lost one made; the look-up finds that as it should be.
    assert!(matches!(rest.execute(&update(&second)).await, Answer::Unknown { .. }));
    let look_up = Step { act: Act::LookUp, ..update(&second) };
    assert!(matches!(rest.execute(&look_up).await, Answer::Found { as_wanted: Some(true), .. }));
    assert_eq!(held(), 1);
    assert_eq!(exos.violations(), [""; 0]);
}

#[tokio::test]
async fn a_slow_answer_is_waited_for_and_a_late_one_is_unknown() {
    let (exos, rest) = world();
    exos.fault(Fault::on("POST", "Create", FaultKind::Slow { ms: 50 }));
    id_in(rest.execute(&create(ItemKind::Person, ada(), "PA1", None)).await);
    exos.fault(Fault::on("POST", "Create", FaultKind::Late { ms: 20 }));
    let late = create(ItemKind::Person, ada(), "PA2", None);
    assert!(matches!(rest.execute(&late).await, Answer::Unknown { .. }));
    assert!(exos.wait_until(Duration::from_secs(10), |exos| exos.persons.len() == 2));
    let look_up = step(ItemKind::Person, Act::LookUp, late.content.clone(), ("PA2", None, None));
    assert_eq!(rest.execute(&look_up).await, found_as("2", Some(true)));
}

#[tokio::test]
async fn a_name_with_a_quote_finds_its_own_person_and_no_other() {
    let (exos, rest) = world();
    for name in ["O'Hara", "' or PersonalNumber ne '", "''"] {
        let created = create(ItemKind::Person, ada(), name, None);
        let id = id_in(rest.execute(&created).await);
        let look_up = step(ItemKind::Person, Act::LookUp, created.content.clone(), (name, None, None));
        assert_eq!(rest.execute(&look_up).await, found_as(&id, Some(true)), "{name}");
    }
    assert_eq!(exos.violations(), [""; 0]);
}

#[tokio::test]
async fn an_additional_field_goes_into_the_table_that_its_pointer_names() {
    let (exos, _) = world();
    let changed = EXOS
        .replace("[defaults]", "[user_field_properties]\nFirst = \"/PersonBaseData/FirstName\"\n[defaults]");
    let changed = changed.replacen("FirstName = \"{given_name}\"\n", "", 2);
    let settings = settings(&exos);
    let rest = Rest::new(filled_from(&changed, "api_login"), &settings).expect("it fits");
    let Content::Person(fields) = ada() else { panic!("a person") };
    let named = |name: &str| {
        let properties = [("First".to_owned(), name.to_owned())].into();
        Content::Person(PersonFields { properties, ..fields.clone() })
    };
    let id = id_in(rest.execute(&create(ItemKind::Person, named("Augusta"), "PA1", None)).await);
    let found = exos.with(|exos| exos.dump());
    assert_eq!(found[0]["name"], "Augusta Lovelace");
    for (name, as_wanted) in [("Augusta", true), ("Ada", false)] {
        let look_up = step(ItemKind::Person, Act::LookUp, Some(named(name)), ("PA1", None, None));
        assert_eq!(rest.execute(&look_up).await, found_as(&id, Some(as_wanted)));
    }
    assert_eq!(exos.violations(), [""; 0]);
}

#[tokio::test]
async fn a_badge_of_somebody_else_is_not_taken_and_twins_are_told_apart() {
    let (exos, rest) = world();
    let (person, ..) = moved_in(&rest).await;
    let twin = exos.with(|exos| exos.add(json!({ "PersonalNumber": "PA1", "LastName": "Twin" }))).to_string();
    let under_twin = create(ItemKind::Credential, badge(), "04A1B2C3", Some(&twin));
    assert_eq!(rest.execute(&under_twin).await, Answer::Conflict { words: "already assigned".into() });
    for (under, there) in [(&person, true), (&twin, false)] {
        let look_up = step(ItemKind::Credential, Act::LookUp, Some(badge()), ("04A1B2C3", None, Some(under)));
        let answer = rest.execute(&look_up).await;
        assert_eq!(answer == found_as("04A1B2C3", Some(true)), there, "{answer:?}");
    }
    let both = step(ItemKind::Person, Act::LookUp, Some(ada()), ("PA1", Some(&twin), None));
    let Answer::Several { native_id, extra, .. } = rest.execute(&both).await else { panic!("there are two") };
    assert_eq!((native_id, extra), (twin, person));
}

#[tokio::test]
async fn all_persons_are_listed_page_by_page_however_small_the_pages_are() {
    let (exos, rest) = world();
    let number = |at: u64| format!("PA{at}");
    exos.with(|exos| {
        exos.page_max = 2;
        for at in 1..=5 {
            exos.add(json!({ "PersonalNumber": number(at), "LastName": "Somebody" }));
        }
        exos.add(json!({ "LastName": "of exos alone" }));
    });
    let (mut all, mut after, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let page = rest.persons(after.as_deref()).await.expect("a page").expect("it lists");
        all.extend(page.persons.into_iter().map(|one| (one.ext_id, one.native_id)));
        pages += 1;
        let Some(next) = page.next else { break };
        after = Some(next);
    }
    let expected: Vec<(String, String)> = (1..=5).map(|at| (number(at), at.to_string())).collect();
    assert_eq!((all, pages), (expected, 4), "the last page is the empty one");
    assert_eq!(exos.violations(), [""; 0]);
}
