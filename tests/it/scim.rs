//! The gateway with a real SCIM server: lives of users, restarts of either side, and what is changed by hand.

use crate::world::{
    Ended, Process, ScimPerson, ScimServer, World, assignment, card, entitlement, eventually, user,
};
use access::id::Key;
use access::text::Secret;
use doorward::export::content::{Content, PersonFields};
use doorward::export::http::PacsSettings;
use doorward::export::item::{Act, Answer, Ids, ItemId, ItemKind, Step};
use doorward::export::pacs;
use doorward::export::profile::Profile;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const SHIPPED: &str = "profiles/scim.toml";

/// An office whose PACS is a SCIM server with two entitlements.
struct Office {
    world: World,
    server: ScimServer,
}

fn person(family_name: &str, cards: &[(&str, &str)], rights: &[&str]) -> ScimPerson {
    ScimPerson {
        family_name: family_name.into(),
        cards: cards.iter().map(|(token, number)| (token.to_string(), number.to_string())).collect(),
        rights: rights.iter().map(|right| right.to_string()).collect(),
    }
}

impl Office {
    fn new(pacs: &str) -> Office {
        let (mut world, server) = (World::new(), ScimServer::start());
        // The PACS's own ids change when it loses its memory, so entitlements go by names that its
        // administrator gives them.
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join(SHIPPED);
        let shipped = std::fs::read_to_string(shipped).expect("it is shipped");
        let own = shipped.replacen("ref = \"id\"  ", "ref = \"externalId\"  ", 1);
        assert_ne!(own, shipped, "the profile names entitlements by id");
        let profile = world.write("scim.toml", &own);
        let office = |world: &World, profile: &PathBuf| world.configure_for(profile, &server.url(), pacs);
        office(&world, &profile);
        define_entitlements(&server);
        world.source.put("entitlement", "main", entitlement("ap-main", "Main entrance"));
        world.source.put("entitlement", "lab", entitlement("ap-lab", "Lab"));
        Office { world, server }
    }

    fn hire(&mut self, id: &str, family: &str, hex: &str) {
        let source = &mut self.world.source;
        source.put("user", id, user("Given", family)).put("token", &format!("card-{id}"), card(id, hex));
        source.put("assignment", &format!("{id}.main"), assignment(id, "main", "", ""));
        source.publish();
    }

    /// Time passes until the server holds exactly these, and after much more time it still does.
    fn expect(&self, what: &str, expected: &[(&str, ScimPerson)]) {
        let expected: BTreeMap<String, ScimPerson> =
            expected.iter().map(|(name, person)| (name.to_string(), person.clone())).collect();
        let look = || match self.server.persons() {
            Ok(found) if found == expected => Ok(()),
            Ok(found) => Err(format!("{found:#?}")),
            Err(why) => Err(why),
        };
        eventually(what, || {
            self.world.clock.advance_s(1);
            look()
        });
        for _ in 0..30 {
            self.world.clock.advance_s(1);
            std::thread::yield_now();
        }
        assert_eq!(look(), Ok(()), "{what}, later");
    }
}

fn define_entitlements(server: &ScimServer) {
    server.define("ap-main", "Main entrance");
    server.define("ap-lab", "Lab");
}

#[test]
fn a_user_comes_changes_and_leaves() {
    let mut office = Office::new("");
    let _gateway = office.world.gateway();
    office.hire("ada", "Byron", "04A1B2C3");
    let first = ("card-ada", "04A1B2C3");
    office.expect("she is there", &[("PAada", person("Byron", &[first], &["Main entrance"]))]);
    office.world.source.put("user", "ada", user("Given", "Lovelace"));
    office.world.source.publish();
    office.expect("another name", &[("PAada", person("Lovelace", &[first], &["Main entrance"]))]);
    let ids = |office: &Office| -> Vec<Value> {
        office.server.all("Users").expect("a list").iter().map(|one| one["id"].clone()).collect()
    };
    let id = ids(&office);
    office.world.source.put("token", "card-2", card("ada", "04A1B2C4"));
    office.world.source.put("assignment", "ada.lab", assignment("ada", "lab", "", "2026-11-23T09:00:00Z"));
    office.world.source.publish();
    let cards = [first, ("card-2", "04A1B2C4")];
    let both = person("Lovelace", &cards, &["Lab", "Main entrance"]);
    office.expect("a second card, and the lab until nine", &[("PAada", both)]);
    let until = |office: &Office| {
        let all = office.server.all("Assignments").expect("a list");
        all.iter().find(|one| one["externalId"] == "PAada/ap-lab").map(|one| one["validTo"].clone())
    };
    assert_eq!(until(&office), Some(json!("2026-11-23T09:00:00Z")), "the server is told of the window");
    office.world.clock.advance_s(3600);
    office.expect("nine o'clock", &[("PAada", person("Lovelace", &cards, &["Main entrance"]))]);
    assert_eq!(ids(&office), id, "it is the same user all the time");
    office.world.source.delete("user", "ada");
    office.world.source.publish();
    office.expect("she has left", &[]);
    for endpoint in ["Tokens", "Assignments"] {
        assert_eq!(office.server.all(endpoint).expect("a list").len(), 0, "{endpoint}");
    }
    assert_eq!(office.server.all("Entitlements").expect("a list").len(), 2, "those are the PACS's own");
}

#[test]
fn a_gateway_that_dies_between_any_two_requests_makes_nothing_twice() {
    let mut office = Office::new("");
    // The session has to exist before anything is published.
    let gateway = office.world.program(None);
    office.world.source.expect_state("subscribed", |state| state["online"] == true);
    gateway.kill();
    for at in 0..3 {
        office.hire(&format!("u{at}"), &format!("Name-{at}"), &format!("04A1B2C{at}"));
    }
    let mut deaths = 0;
    for times in 1..=3 {
        for failpoint in ["export.intent_committed", "export.answered"] {
            let gateway = office.world.program(Some(&format!("{failpoint}@{times}")));
            deaths += usize::from(death(gateway) == Ended::AtFailpoint);
            // Something to do for the next life, whatever this one has finished.
            let id = format!("{}{times}", if failpoint.ends_with("answered") { "a" } else { "b" });
            office.hire(&id, &id, &format!("04A1B{}{times}", if id.starts_with('a') { "AA" } else { "BB" }));
        }
    }
    assert_eq!(deaths, 6, "each life ended at its failpoint");
    let _gateway = office.world.program(None);
    eventually("everybody is there once", || {
        let persons = office.server.persons()?;
        let whole = |one: &ScimPerson| one.cards.len() == 1 && one.rights.len() == 1;
        if persons.len() == 9 && persons.values().all(whole) { Ok(()) } else { Err(format!("{persons:#?}")) }
    });
}

/// How it ends, once it does.
fn death(mut gateway: Process) -> Ended {
    let mut how = Ended::Otherwise;
    eventually("it dies at its failpoint", || {
        how = gateway.ended().ok_or("it lives")?;
        Ok(())
    });
    how
}

#[test]
fn a_server_that_comes_back_without_its_memory_is_filled_again_as_soon_as_that_shows() {
    let mut office = Office::new("");
    let _gateway = office.world.gateway();
    office.hire("ada", "Byron", "04A1B2C3");
    let rights = ["Main entrance"];
    let first = [("card-ada", "04A1B2C3")];
    office.expect("she is there", &[("PAada", person("Byron", &first, &rights))]);
    office.server.stop();
    office.world.source.put("user", "ada", user("Given", "Lovelace"));
    office.world.source.publish();
    office.world.expect_equal_mirror();
    office.server.resume();
    define_entitlements(&office.server);
    office.expect("she is there again", &[("PAada", person("Lovelace", &first, &rights))]);
    office.world.source.delete("user", "ada");
    office.world.source.publish();
    office.expect("she has left", &[]);
}

#[test]
fn what_was_changed_by_hand_in_the_server_is_repaired() {
    let mut office = Office::new("drift_s = 1\n");
    let _gateway = office.world.gateway();
    for (id, family, hex) in
        [("ada", "Byron", "04A1B2C3"), ("bob", "Berg", "04A1B2C4"), ("eve", "Ek", "04A1B2C5")]
    {
        office.hire(id, family, hex);
    }
    let rights = ["Main entrance"];
    let whole = [
        ("PAada", person("Byron", &[("card-ada", "04A1B2C3")], &rights)),
        ("PAbob", person("Berg", &[("card-bob", "04A1B2C4")], &rights)),
        ("PAeve", person("Ek", &[("card-eve", "04A1B2C5")], &rights)),
    ];
    office.expect("all three are there", &whole);
    let server = &office.server;
    server.edit("Users", "PAada", |one| {
        one["name"]["familyName"] = "Bryon".into();
        true
    });
    server.edit("Tokens", "card-bob", |one| {
        one["cardNumber"] = "1".into();
        true
    });
    server.edit("Tokens", "card-ada", |_| false);
    server.edit("Assignments", "PAbob/ap-main", |_| false);
    // By hand one does what the gateway does: no cascade.
    server.edit("Assignments", "PAeve/ap-main", |_| false);
    server.edit("Tokens", "card-eve", |_| false);
    server.edit("Users", "PAeve", |_| false);
    office.expect("as the rules say", &whole);
    office.server.stop();
    office.server.resume();
    define_entitlements(&office.server);
    office.expect("a server that has lost everything is filled again", &whole);
}

fn of_person(act: Act, name: &str, native_id: Option<&str>) -> Step {
    let content = PersonFields {
        given_name: "Ada".into(),
        family_name: "Byron".into(),
        organization: Some("Engines".into()),
        email: Some("ada@example.org".into()),
        pin: Some(Secret::from(String::from("8642"))),
        properties: [("CellPhone".into(), "+44 1".into()), ("Department".into(), "Looms".into())].into(),
    };
    let (ext_id, native_id) = (name.to_owned(), native_id.map(str::to_owned));
    Step {
        item: ItemId { user: Key::new("1").expect("a key"), kind: ItemKind::Person, item: String::new() },
        act,
        content: (act != Act::Remove).then_some(Content::Person(content)),
        wanted: None,
        ids: Ids { ext_id, native_id, ..Ids::default() },
        attempt: 1,
    }
}

/// What the scenes do not pass by: strange names, every attribute, lists and pages.
#[tokio::test]
async fn the_adapter_and_the_server_understand_each_other() {
    let server = ScimServer::start();
    let profile = Profile::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(SHIPPED)).expect("it is shipped");
    let settings = |token: &str| PacsSettings {
        base_url: server.url(),
        username: None,
        password: Some(Secret::from(token.to_owned())),
        system_id: None,
        timeout_ms: 10_000,
        tls: None,
    };
    let adapter = pacs::open(profile.clone(), &settings("pacs-secret")).expect("it fits");
    adapter.probe().await.expect("it takes the login");
    let stranger = pacs::open(profile, &settings("guess")).expect("it fits");
    let error = stranger.probe().await.expect_err("a wrong token").to_string();
    assert!(error.contains("401"), "{error}");
    let names = ["PA1", r#"a" or externalId eq "PA1"#, r"back\slash", "space & ümlaut % + #", "x/y?z"];
    let mut ids = BTreeMap::new();
    for name in names {
        let Answer::Done { native_id: Some(id) } = adapter.execute(&of_person(Act::Create, name, None)).await
        else {
            panic!("{name} is made")
        };
        let found = adapter.execute(&of_person(Act::LookUp, name, None)).await;
        assert_eq!(found, Answer::Found { native_id: Some(id.clone()), as_wanted: Some(true) }, "{name}");
        ids.insert(name.to_owned(), id);
    }
    let twin = adapter.execute(&of_person(Act::Create, "PA1", None)).await;
    assert!(matches!(twin, Answer::Conflict { .. }), "its user names are unique: {twin:?}");
    for at in 0..120 {
        let core = "urn:ietf:params:scim:schemas:core:2.0:User";
        let name = format!("X{at}");
        let id = server.make("Users", &json!({ "schemas": [core], "userName": name, "externalId": name }));
        ids.insert(name, id);
    }
    let (mut listed, mut after) = (BTreeMap::new(), None);
    loop {
        let page = adapter.persons(after.as_deref()).await.expect("a page").expect("it has a list");
        listed.extend(page.persons.into_iter().map(|person| (person.ext_id, person.native_id)));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(listed, ids);
    let main = server.define("ap-main", "Main entrance");
    let found = adapter.entitlements(&["AccessProfile".into()]).await.expect("a list");
    assert_eq!(found.iter().map(|one| one.pacs_ref.as_str()).collect::<Vec<_>>(), [main]);
    for name in names {
        let id = ids.get(name).map(String::as_str);
        let done = Answer::Done { native_id: None };
        assert_eq!(adapter.execute(&of_person(Act::Update, name, id)).await, done, "{name}");
        assert_eq!(adapter.execute(&of_person(Act::Remove, name, id)).await, done, "{name}");
        let gone = adapter.execute(&of_person(Act::LookUp, name, None)).await;
        assert!(matches!(gone, Answer::NotFound { .. }), "{name}: {gone:?}");
    }
}
