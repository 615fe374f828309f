//! The adapter against the double of Command Centre.

mod faults;
mod life;
mod names;

use super::*;
use crate::export::content::{Content, PersonFields};
use crate::export::item::{Act, Hash, Ids, ItemId};
use crate::export::pacs::open;
use crate::export::profile::Profile;
use access::id::Key;
use access::person::{Credential, Permission};
use access::text::Secret;
use access::time::{UtcTime, Window};
use access::trust::Need;
use doorward_sim::double::{Double, Fault, FaultKind, Recorded};
use doorward_sim::gallagher::{self as sim, CommandCentre};
use std::path::Path;
use std::rc::Rc;

const KEY: &str = "C0FF-EE00";
const NAME: &str = "DW-1";
/// Shorter than a slow answer, longer than any other.
const TIMEOUT_MS: u64 = 1_000;

struct World {
    centre: Double<CommandCentre>,
    adapter: Rc<dyn Adapter>,
}

fn world() -> World {
    let centre = Double::start(CommandCentre::new(KEY));
    let adapter = adapter(&centre.url(), &centre.url(), KEY).expect("it fits");
    World { centre, adapter }
}

/// The shipped profile as a site would fill it in, with addresses that begin with `origin`.
fn filled(origin: &str) -> String {
    let text = include_str!("../../../../profiles/gallagher.toml");
    let site = [
        ("external_id_pdf = \"\"", "external_id_pdf = \"2356\"".to_owned()),
        ("person_access_group = \"\"", format!("person_access_group = \"{origin}{}\"", sim::FIELDS_GROUP)),
        ("division = \"\"", format!("division = \"{origin}{}\"", sim::DIVISION)),
        ("card_type = \"\"", format!("card_type = \"{origin}{}\"", sim::CARD_TYPE)),
        ("# card_status", "card_status".to_owned()),
        ("# email", "email".to_owned()),
        ("# organization", "organization".to_owned()),
        ("# pin", "pin".to_owned()),
        ("# Phone", "Phone".to_owned()),
    ];
    site.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    })
}

fn adapter(base_url: &str, origin: &str, key: &str) -> Result<Rc<dyn Adapter>, PacsError> {
    let profile = Profile::parse(Path::new("gallagher.toml"), &filled(origin)).expect("it is shipped");
    open(profile, &settings(base_url, key))
}

fn settings(base_url: &str, key: &str) -> PacsSettings {
    PacsSettings {
        base_url: base_url.into(),
        username: None,
        password: Some(Secret::from(key.to_owned())),
        system_id: None,
        timeout_ms: TIMEOUT_MS,
        tls: None,
    }
}

fn ada() -> PersonFields {
    PersonFields {
        given_name: "Ada".into(),
        family_name: "Lovelace".into(),
        organization: Some("Analytical Engines".into()),
        email: Some("ada@example.org".into()),
        pin: Some(Secret::from(String::from("1234"))),
        properties: [("Phone".into(), "+44 1".into())].into(),
    }
}

fn window(from: Option<i64>, to: Option<i64>) -> Window {
    Window { from: from.map(UtcTime::from_unix), to: to.map(UtcTime::from_unix) }
}

fn card(window: Window) -> Content {
    Content::Credential(Credential { need: Need::Want, card_number: "077705923".into(), window })
}

fn right(window: Window) -> Content {
    let (kind, display_name) = (ACCESS_GROUP.into(), "Main entrance".into());
    Content::of_permission(&Permission { need: Need::Want, kind, display_name, window }, Vec::new())
}

fn step(kind: ItemKind, act: Act, ext_id: &str, native_id: Option<&str>, content: Option<Content>) -> Step {
    let item = if kind == ItemKind::Person { String::new() } else { ext_id.to_owned() };
    let ids = Ids { ext_id: ext_id.into(), native_id: native_id.map(str::to_owned), ..Ids::default() };
    let wanted = content.as_ref().map(|_| Hash([0; 16]));
    Step {
        item: ItemId { user: Key::new("1").expect("a key"), kind, item },
        act,
        content,
        wanted,
        ids,
        attempt: 1,
    }
}

fn person(act: Act, native_id: Option<&str>, fields: Option<PersonFields>) -> Step {
    step(ItemKind::Person, act, NAME, native_id, fields.map(Content::Person))
}

fn of(person: &str, step: Step) -> Step {
    let ids =
        Ids { person_ext_id: Some(NAME.into()), person_native_id: Some(person.into()), ..step.ids.clone() };
    Step { ids, ..step }
}

fn done() -> Answer {
    Answer::Done { native_id: None }
}

/// The answer's kind.
fn kind(answer: &Answer) -> String {
    format!("{answer:?}").split(' ').next().unwrap_or_default().to_owned()
}

impl World {
    async fn run(&self, step: Step) -> Answer {
        self.adapter.execute(&step).await
    }

    /// Ada, by the address she was given.
    async fn ada(&self) -> String {
        match self.run(person(Act::Create, None, Some(ada()))).await {
            Answer::Done { native_id: Some(href) } => href,
            other => panic!("{other:?}"),
        }
    }

    async fn look_up(&self, step: Step) -> (String, Option<bool>) {
        match self.run(step).await {
            Answer::Found { native_id: Some(href), as_wanted } => (href, as_wanted),
            other => panic!("{other:?}"),
        }
    }

    fn group(&self, id: u64) -> String {
        format!("{}/api/access_groups/{id}", self.centre.url())
    }

    fn dump(&self) -> Value {
        self.centre.with(|centre| doorward_sim::double::Api::dump(centre))
    }

    fn methods(&self) -> Vec<String> {
        self.centre.take_requests().into_iter().map(|request| request.method).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.centre.violations(), [""; 0], "every request is one of the OpenAPI file");
            assert_eq!(self.centre.faults_left(), 0, "every fault was met");
        }
    }
}
