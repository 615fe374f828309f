//! The adapter against the double of OnGuard.

mod answers;
mod life;
mod login;
mod read_back;

use super::*;
use crate::export::content::{Content, PersonFields};
use crate::export::item::{Act, Hash, Ids, ItemId};
use crate::export::profile::{Api, Profile};
use access::id::Key;
use access::person::{Credential, Permission};
use access::text::Secret;
use access::time::{UtcTime, Window};
use access::trust::Need;
use doorward_sim::double::{Double, Fault, FaultKind};
use doorward_sim::onguard::{OnGuard as Sim, Options};
use serde_json::{Value, json};
use std::path::Path;

const PROFILE: &str = include_str!("../../../../profiles/onguard.toml");
const PASSWORD: &str = "hunter2";
const PIN: &str = "8642";
const BASE: &str = "/api/access/onguard/openaccess";
/// Long enough for a loaded machine.
const TIMEOUT_MS: u64 = 10_000;
const MAIN: &str = "1";
const LAB: &str = "2";

/// A double and the adapter before it.
struct World {
    pacs: Double<Sim>,
    onguard: OnGuard,
}

fn world() -> World {
    with_options(Options::default())
}

fn with_options(options: Options) -> World {
    built(options, PROFILE, TIMEOUT_MS)
}

fn built(options: Options, profile: &str, timeout_ms: u64) -> World {
    let sim = Sim::new(options, &[(1, "Main entrance"), (2, "Laboratory")]);
    let pacs = Double::start(sim);
    let settings = PacsSettings { timeout_ms, ..settings(&pacs) };
    let onguard = adapter(profile, &settings).expect("it fits");
    World { pacs, onguard }
}

fn settings(pacs: &Double<Sim>) -> PacsSettings {
    PacsSettings {
        base_url: format!("{}{BASE}", pacs.url()),
        username: Some("panel".into()),
        password: Some(Secret::from(String::from(PASSWORD))),
        system_id: Some("doorward-test".into()),
        timeout_ms: TIMEOUT_MS,
        tls: None,
    }
}

fn adapter(profile: &str, settings: &PacsSettings) -> Result<OnGuard, PacsError> {
    let profile = Profile::parse(Path::new("onguard.toml"), profile).expect("it is a profile");
    match profile.api {
        Api::Native { section, properties, .. } => OnGuard::new(section, properties, settings),
        Api::Rest(_) => panic!("it has an adapter of its own"),
    }
}

/// The profile of a site whose cardholders have a PIN.
fn with_pin() -> String {
    PROFILE.replacen("# pin = ", "pin = ", 1)
}

fn at(text: &str) -> UtcTime {
    UtcTime::parse(text).expect("an instant")
}

fn until(text: &str) -> Window {
    Window { from: None, to: Some(at(text)) }
}

fn ada() -> PersonFields {
    PersonFields {
        given_name: "Ada".into(),
        family_name: "Lovelace".into(),
        organization: None,
        email: Some("ada@example.org".into()),
        pin: Some(Secret::from(String::from(PIN))),
        properties: [("OfficePhone".into(), "+44 1".into())].into(),
    }
}

fn card(number: &str, window: Window) -> Content {
    Content::Credential(Credential { need: Need::Want, card_number: number.into(), window })
}

fn right(badges: &[&str], window: Window) -> Content {
    let (kind, display_name) = ("AccessLevel".into(), "Main entrance".into());
    let right = Permission { need: Need::Want, kind, display_name, window };
    Content::of_permission(&right, badges.iter().map(|&badge| badge.to_owned()).collect())
}

/// A step on an item: our name, its native id, its person's native id.
fn step(kind: ItemKind, act: Act, content: Option<Content>, ids: (&str, Option<&str>, Option<&str>)) -> Step {
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
            person_ext_id: Some("DW-1".into()),
            person_native_id: person.map(str::to_owned),
        },
        attempt: 1,
    }
}

fn person(act: Act, content: Option<PersonFields>, id: Option<&str>) -> Step {
    step(ItemKind::Person, act, content.map(Content::Person), ("DW-1", id, None))
}

fn badge(act: Act, number: &str, window: Option<Window>, id: Option<&str>, person: &str) -> Step {
    let content = window.map(|window| card(number, window));
    step(ItemKind::Credential, act, content, (number, id, Some(person)))
}

fn permission(act: Act, level: &str, content: Option<Content>, person: &str) -> Step {
    step(ItemKind::Permission, act, content, (level, Some(level), Some(person)))
}

impl World {
    async fn answer(&self, step: &Step) -> Answer {
        self.onguard.execute(step).await
    }

    /// Carries it out; the native id, when the answer has one.
    async fn done(&self, step: &Step) -> Option<String> {
        match self.answer(step).await {
            Answer::Done { native_id } => native_id,
            other => panic!("{other:?}"),
        }
    }

    async fn made(&self, step: &Step) -> String {
        self.done(step).await.expect("the answer has its id")
    }

    /// Ada with two badges; the native ids.
    async fn with_ada(&self) -> (String, String, String) {
        let ada = self.made(&person(Act::Create, Some(ada()), None)).await;
        let first = self.made(&badge(Act::Create, "5001", Some(Window::ALWAYS), None, &ada)).await;
        let second = self.made(&badge(Act::Create, "5002", Some(Window::ALWAYS), None, &ada)).await;
        (ada, first, second)
    }

    fn dump(&self) -> Value {
        self.pacs.with(|sim| doorward_sim::double::Api::dump(sim))
    }

    /// Methods and types of all requests since the last call, e.g. `POST Lnl_Badge`.
    fn asked(&self) -> Vec<String> {
        let short = |line: &str| match line.split_once("type_name=") {
            Some((_, rest)) => rest.split('&').next().unwrap_or_default().to_owned(),
            None => "login".to_owned(),
        };
        self.pacs.take_requests().iter().map(|one| format!("{} {}", one.method, short(&one.path))).collect()
    }

    /// Adds what was sent since the last call to a story; every path begins with the API's.
    fn tell(&self, story: &mut String, what: &str) {
        story.push_str(&format!("### {what}\n\n"));
        for request in self.pacs.take_requests() {
            let request = request.to_string();
            assert!(request.contains(BASE), "{request}");
            story.push_str(&format!("{}\n", request.replacen(BASE, "", 1)));
        }
    }

    fn end(self) {
        assert_eq!(self.pacs.violations(), Vec::<String>::new());
    }
}

/// The name of an answer without its words.
fn name(answer: &Answer) -> String {
    format!("{answer:?}").split(' ').next().unwrap_or_default().to_owned()
}
