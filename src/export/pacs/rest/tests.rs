//! The shipped profile against the simulated PACS, and the meaning of each status.

use super::*;
use crate::export::content::PersonFields;
use crate::export::item::{Hash, Ids, ItemId, ItemKind};
use crate::export::profile::{Api, Profile};
use access::id::Key;
use access::person::{Credential, Permission};
use access::time::{UtcTime, Window};
use access::trust::Need;
use doorward_sim::{Fault, FaultKind, Handle, Login as SimLogin, Match, Options, Pacs};
use std::path::Path;

pub(super) const PASSWORD: &str = "hunter2";

fn profile() -> RestApi {
    profile_of(include_str!("../../../../profiles/interflex.toml"), &[])
}

/// A profile in which texts were replaced.
pub(super) fn profile_of(text: &str, changes: &[(&str, &str)]) -> RestApi {
    let text = changes.iter().fold(text.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "{old}");
        text.replacen(old, new, 1)
    });
    match Profile::parse(Path::new("interflex.toml"), &text).expect("it is valid").api {
        Api::Rest(api) => *api,
        Api::Native { .. } => panic!("it is described by its profile"),
    }
}

pub(super) fn world() -> (Handle, Rest) {
    let login = SimLogin { username: "panel".into(), password: PASSWORD.into() };
    let options = Options {
        base_path: "/rest/v1".into(),
        login: Some(login),
        system_id: Some("door-1".into()),
        ..Options::default()
    };
    let pacs = Pacs::start(options).expect("it starts");
    let rest = Rest::new(profile(), &settings(&pacs)).expect("it fits");
    (pacs, rest)
}

fn settings(pacs: &Handle) -> PacsSettings {
    PacsSettings {
        base_url: pacs.url(),
        username: Some("panel".into()),
        password: Some(Secret::from(String::from(PASSWORD))),
        system_id: Some("door-1".into()),
        timeout_ms: 2_000,
        tls: None,
    }
}

pub(super) fn ada(pin: &str) -> Content {
    Content::Person(PersonFields {
        given_name: "Ada".into(),
        family_name: "Lovelace".into(),
        organization: None,
        email: Some("ada@example.org".into()),
        pin: Some(Secret::from(pin.to_owned())),
        properties: [("CellPhone".into(), "+44 1".into())].into(),
    })
}

pub(super) fn card() -> Content {
    let window = Window { from: None, to: Some(UtcTime::from_unix(1_900_000_000)) };
    Content::Credential(Credential { need: Need::Want, card_number: "077705923".into(), window })
}

pub(super) fn right() -> Content {
    let (kind, display_name) = ("AccessProfile".into(), "Main entrance".into());
    let right = Permission { need: Need::Want, kind, display_name, window: Window::ALWAYS };
    Content::of_permission(&right, Vec::new())
}

pub(super) fn step(
    kind: ItemKind,
    act: Act,
    content: Option<Content>,
    ids: (&str, Option<&str>, Option<&str>),
) -> Step {
    let (ext_id, native_id, person) = ids;
    let item = if kind == ItemKind::Person { String::new() } else { ext_id.to_owned() };
    Step {
        item: ItemId { user: Key::new("1").expect("a key"), kind, item },
        act,
        wanted: content.as_ref().map(|_| Hash([0; 16])),
        content,
        ids: Ids {
            ext_id: ext_id.into(),
            native_id: native_id.map(str::to_owned),
            person_ext_id: Some("PA1".into()),
            person_native_id: person.map(str::to_owned),
        },
        attempt: 1,
    }
}

pub(super) fn found_as(id: &str, as_wanted: Option<bool>) -> Answer {
    Answer::Found { native_id: Some(id.into()), as_wanted }
}

pub(super) async fn native(rest: &Rest, step: &Step) -> String {
    match rest.execute(step).await {
        Answer::Done { native_id: Some(id) } => id,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_person_comes_is_found_changes_and_leaves() {
    use ItemKind::{Credential, Permission, Person};
    let (pacs, rest) = world();
    let create = |kind, content, ext, person| step(kind, Act::Create, Some(content), (ext, None, person));
    let p = native(&rest, &create(Person, ada("1234"), "PA1", None)).await;
    let c = native(&rest, &create(Credential, card(), "t1", Some(p.as_str()))).await;
    let m = native(&rest, &create(Permission, right(), "ap-main", Some(p.as_str()))).await;
    let seen = pacs.world().persons["PA1"].clone();
    assert_eq!(seen.fields["firstName"], "Ada");
    assert_eq!(seen.fields["CellPhone"], "+44 1");
    assert!(!seen.fields.contains_key("organization"), "what has no value is left out");
    assert_eq!(seen.credentials["t1"]["validTo"], "2030-03-17T17:46:40Z");
    assert_eq!(seen.permissions["ap-main"]["accessElementName"], "Main entrance");
    for (kind, ext, id, person) in [
        (Person, "PA1", &p, None),
        (Credential, "t1", &c, Some(p.as_str())),
        (Permission, "ap-main", &m, Some(p.as_str())),
    ] {
        let look_up = step(kind, Act::LookUp, None, (ext, None, person));
        assert_eq!(rest.execute(&look_up).await, found_as(id, None), "{kind:?}");
        let again = step(
            kind,
            Act::Create,
            Some(if kind == Person {
                ada("1")
            } else if kind == Credential {
                card()
            } else {
                right()
            }),
            (ext, None, person),
        );
        assert!(matches!(rest.execute(&again).await, Answer::Conflict { .. }), "{kind:?}");
    }
    let update = step(Person, Act::Update, Some(ada("9")), ("PA1", Some(p.as_str()), None));
    assert_eq!(rest.execute(&update).await, Answer::Done { native_id: None });
    assert_eq!(pacs.world().persons["PA1"].fields["pin"], "9");
    for (kind, ext, id, person) in [
        (Permission, "ap-main", &m, Some(p.as_str())),
        (Credential, "t1", &c, Some(p.as_str())),
        (Person, "PA1", &p, None),
    ] {
        let remove = step(kind, Act::Remove, None, (ext, Some(id.as_str()), person));
        assert_eq!(rest.execute(&remove).await, Answer::Done { native_id: None }, "{kind:?}");
        assert!(matches!(rest.execute(&remove).await, Answer::NotFound { .. }), "{kind:?}");
        let look_up = step(kind, Act::LookUp, None, (ext, None, person));
        assert!(matches!(rest.execute(&look_up).await, Answer::NotFound { .. }), "{kind:?}");
    }
    assert!(pacs.world().persons.is_empty());
}

#[tokio::test]
async fn each_fault_has_its_meaning() {
    let (pacs, rest) = world();
    let create = step(ItemKind::Person, Act::Create, Some(ada("1")), ("PA1", None, None));
    let name = |answer: &Answer| format!("{answer:?}").split(' ').next().unwrap_or_default().to_owned();
    let table = [
        (400, "Refused"),
        (405, "Refused"),
        (422, "Refused"),
        (302, "Refused"),
        (404, "NotFound"),
        (410, "NotFound"),
        (409, "Conflict"),
        (401, "TryLater"),
        (403, "TryLater"),
        (407, "TryLater"),
        (408, "TryLater"),
        (425, "TryLater"),
        (429, "TryLater"),
        (500, "Unknown"),
        (502, "Unknown"),
        (503, "Unknown"),
        (202, "Unknown"),
    ];
    for (status, meaning) in table {
        let fault = FaultKind::Status { status, words: "bad".into() };
        pacs.inject(Fault::once(Match::any(), fault)).expect("there is room");
        let answer = rest.execute(&create).await;
        assert_eq!(name(&answer), meaning, "{status}: {answer:?}");
        assert!(status == 202 || answer.words() == Some("bad"), "{answer:?}");
    }
    for fault in [FaultKind::CutBefore, FaultKind::Hang { ms: 9_000 }] {
        pacs.inject(Fault::once(Match::any(), fault)).expect("there is room");
        assert_eq!(name(&rest.execute(&create).await), "Unknown");
    }
    assert!(pacs.world().persons.is_empty(), "nothing is repeated behind the ledger's back");
    pacs.pause().expect("it pauses");
    assert_eq!(name(&rest.execute(&create).await), "NotSent");
}

#[tokio::test]
async fn a_request_without_an_id_is_never_sent() {
    let (pacs, rest) = world();
    let remove = step(ItemKind::Credential, Act::Remove, None, ("t1", None, Some("p1")));
    assert!(matches!(rest.execute(&remove).await, Answer::NotSent { .. }));
    let whole = step(ItemKind::Person, Act::Remove, None, ("PA1", Some(""), None));
    assert!(
        matches!(rest.execute(&whole).await, Answer::NotSent { .. }),
        "an empty id would name the collection"
    );
    assert!(pacs.effects().is_empty());
}

#[tokio::test]
async fn ids_are_escaped_in_paths() {
    let (pacs, rest) = world();
    let create = step(ItemKind::Person, Act::Create, Some(ada("1")), ("PA1", None, None));
    let id = native(&rest, &create).await;
    for strange in ["../persons", "..", "p1/credentials", "p1?x=y", "p1#"] {
        let remove = step(ItemKind::Person, Act::Remove, None, ("PA1", Some(strange), None));
        assert!(
            matches!(rest.execute(&remove).await, Answer::NotFound { .. } | Answer::Refused { .. }),
            "{strange}"
        );
    }
    assert_eq!(pacs.world().persons.len(), 1, "{id}");
    let look_up = step(ItemKind::Person, Act::LookUp, None, ("PA1&x=+ %", None, None));
    assert!(matches!(rest.execute(&look_up).await, Answer::NotFound { .. }));
}

#[tokio::test]
async fn secrets_are_taken_out_of_the_words() {
    let (pacs, rest) = world();
    let fault = FaultKind::Status { status: 400, words: format!("pin 8642 is weak, {PASSWORD} too") };
    pacs.inject(Fault::once(Match::any(), fault)).expect("there is room");
    let create = step(ItemKind::Person, Act::Create, Some(ada("8642")), ("PA1", None, None));
    let answer = rest.execute(&create).await;
    assert_eq!(answer.words(), Some("pin … is weak, … too"));
    assert!(!format!("{create:?}").contains("8642"));
}

#[tokio::test]
async fn entitlements_are_imported_by_type_and_a_wrong_login_says_so() {
    let (pacs, rest) = world();
    let both = ["AccessProfile".to_owned(), "AccessZoneTimeProfile".to_owned()];
    let all = rest.entitlements(&both).await.expect("a list");
    assert_eq!(all.len(), 5);
    assert_eq!(rest.entitlements(&both[..1]).await.expect("a list").len(), 3);
    let main = all.iter().find(|one| one.pacs_ref == "ap-main").expect("it is there");
    assert_eq!((main.kind.as_str(), main.display_name.as_str()), ("AccessProfile", "Main entrance"));
    let wrong = PacsSettings { password: Some(Secret::from(String::from("guess"))), ..settings(&pacs) };
    let rest = Rest::new(profile(), &wrong).expect("it fits");
    let error = rest.entitlements(&both).await.expect_err("a wrong password").to_string();
    assert!(error.contains("401") && error.contains("login") && !error.contains("guess"), "{error}");
}

#[test]
fn a_look_up_takes_only_our_own_name() {
    let look_up = |native: Option<&str>| step(ItemKind::Person, Act::LookUp, None, ("PA1", native, None));
    let profile = profile();
    let find = profile.find(ItemKind::Person).expect("it has one");
    let judge = |native, body: &str| {
        let body = body.to_owned().into_bytes().into();
        found::found(
            &profile,
            &look_up(native),
            find,
            &Response {
                status: hyper::StatusCode::OK,
                headers: Default::default(),
                body,
                retry_after_ms: None,
            },
        )
    };
    let other = r#"{"items":[{"id":7,"personnelNumber":"PA2"}]}"#;
    assert!(matches!(judge(None, other), Answer::NotFound { .. }));
    let own = r#"{"items":[{"id":7,"personnelNumber":"PA2"},{"id":8,"personnelNumber":"PA1"}]}"#;
    assert_eq!(judge(None, own), found_as("8", None));
    let two = r#"{"items":[{"id":7,"personnelNumber":"PA1"},{"id":8,"personnelNumber":"PA1"}]}"#;
    assert!(matches!(judge(None, two), Answer::Several { native_id, .. } if native_id == "7"));
    assert!(
        matches!(judge(Some("8"), two), Answer::Several { native_id, extra, .. } if (native_id.as_str(), extra.as_str()) == ("8", "7"))
    );
    for broken in ["", "[]", r#"{"items":{}}"#, r#"{"items":[{"personnelNumber":"PA1"}]}"#] {
        assert!(matches!(judge(None, broken), Answer::Unknown { .. }), "{broken:?}");
    }
}
