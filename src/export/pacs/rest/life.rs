//! A person's whole life, told as steps, requests and answers, for people to compare with a vendor's description;
//! with the shipped profile for Interflex here.

use super::tests::{ada, card, right, step, world};
use super::*;
use crate::export::item::ItemKind;
use std::fmt::Write as _;

/// The story of a life so far.
pub(super) struct Story {
    pub(super) told: String,
    pub(super) rest: Rest,
}

impl Story {
    pub(super) fn new(rest: Rest) -> Story {
        Story { told: String::new(), rest }
    }

    /// Carries out a step; `requests` tells what was sent for it.
    pub(super) async fn step(
        &mut self,
        title: &str,
        step: &Step,
        requests: impl FnOnce(&Rest) -> String,
    ) -> Answer {
        let answer = self.rest.execute(step).await;
        let sent = requests(&self.rest);
        let _ = write!(self.told, "## {title}: {} {:?}\n\n{sent}\n=> {answer:?}\n\n", step.item, step.act);
        answer
    }
}

/// The id in the answer to a creation or look-up.
pub(super) fn id_in(answer: Answer) -> String {
    match answer {
        Answer::Done { native_id: Some(id) } | Answer::Found { native_id: Some(id), .. } => id,
        other => panic!("{other:?}"),
    }
}

/// What the profile makes of a step.
fn prepared(rest: &Rest, step: &Step) -> String {
    let Prepared { method, path, body } = rest.prepare(step).expect("the profile has it");
    let body = body.map(|body| format!("{body:#}\n").replace("4711", "…"));
    format!("{method} {path}\n{}", body.unwrap_or_default())
}

#[tokio::test]
async fn the_life_of_a_person_in_interflex_reads_like_this() {
    use Act::{Create, LookUp, Remove, Update};
    use ItemKind::{Credential, Permission, Person};
    let (pacs, rest) = world();
    let mut story = Story::new(rest);
    let tell = |one: &Step| {
        let one = one.clone();
        move |rest: &Rest| prepared(rest, &one)
    };
    let one = step(Person, Create, Some(ada("4711")), ("PA1", None, None));
    let person = id_in(story.step("she comes", &one, tell(&one)).await);
    let under = Some(person.as_str());
    let one = step(Credential, Create, Some(card()), ("t1", None, under));
    let token = id_in(story.step("with a card", &one, tell(&one)).await);
    let one = step(Permission, Create, Some(right()), ("ap-main", None, under));
    let permission = id_in(story.step("and a right", &one, tell(&one)).await);
    let items = [
        (Person, "PA1", &person, None, ada("4711")),
        (Credential, "t1", &token, under, card()),
        (Permission, "ap-main", &permission, under, right()),
    ];
    for (kind, ext, id, under, content) in &items {
        let one = step(*kind, LookUp, Some(content.clone()), (ext, Some(id), *under));
        story.step("all is as wanted", &one, tell(&one)).await;
    }
    for (kind, ext, id, under, content) in &items {
        let one = step(*kind, Update, Some(content.clone()), (ext, Some(id), *under));
        story.step("written once more", &one, tell(&one)).await;
    }
    for (kind, ext, id, under, _) in items.iter().rev() {
        let one = step(*kind, Remove, None, (ext, Some(id), *under));
        story.step("she leaves", &one, tell(&one)).await;
    }
    let one = step(Person, LookUp, None, ("PA1", None, None));
    assert!(matches!(story.step("nobody is left", &one, tell(&one)).await, Answer::NotFound { .. }));
    assert!(pacs.world().persons.is_empty());
    insta::assert_snapshot!("interflex", story.told);
}

#[tokio::test]
async fn what_differs_in_the_pacs_is_seen_whoever_changed_it() {
    let (pacs, rest) = world();
    let create = |kind, content, ids| step(kind, Act::Create, Some(content), ids);
    let person = id_in(rest.execute(&create(ItemKind::Person, ada("1"), ("PA1", None, None))).await);
    let under = Some(person.as_str());
    let token = id_in(rest.execute(&create(ItemKind::Credential, card(), ("t1", None, under))).await);
    let look_up = |kind, content: &Content, ext, native, under| {
        step(kind, Act::LookUp, Some(content.clone()), (ext, Some(native), under))
    };
    let other = |change: fn(&mut crate::export::content::PersonFields)| {
        let Content::Person(mut fields) = ada("1") else { panic!("a person") };
        change(&mut fields);
        Content::Person(fields)
    };
    let p = |content| (ItemKind::Person, "PA1", person.as_str(), None, content);
    let c = |content| (ItemKind::Credential, "t1", token.as_str(), under, content);
    let window = |from: Option<i64>, to: Option<i64>| {
        let Content::Credential(credential) = card() else { panic!("a card") };
        let at = |edge: Option<i64>| edge.map(access::time::UtcTime::from_unix);
        let window = access::time::Window { from: at(from), to: at(to) };
        Content::Credential(access::person::Credential { window, ..credential })
    };
    let table = [
        (p(ada("1")), Some(true), "as sent"),
        (p(ada("9")), Some(true), "a PIN is never compared, whatever the PACS shows of it"),
        (p(other(|ada| ada.given_name = "Augusta".into())), Some(false), "a name"),
        (p(other(|ada| ada.email = None)), Some(true), "what we do not send is not compared"),
        (
            p(other(|ada| ada.organization = Some("Office".into()))),
            Some(true),
            "nor what it does not give back",
        ),
        (
            p(other(|ada| _ = ada.properties.insert("CellPhone".into(), "2".into()))),
            Some(false),
            "a property",
        ),
        (c(card()), Some(true), "as sent"),
        (c(window(None, Some(1_900_000_001))), Some(false), "another end"),
        (c(window(None, None)), Some(false), "an end of theirs where ours has none"),
        (c(window(Some(7), Some(1_900_000_000))), Some(false), "a beginning of ours that theirs lacks"),
    ];
    for ((kind, ext, id, under, content), as_wanted, why) in table {
        let answer = rest.execute(&look_up(kind, &content, ext, id, under)).await;
        let expected = Answer::Found { native_id: Some(id.into()), as_wanted };
        assert_eq!(answer, expected, "{why}");
    }
    drop(pacs);
}
