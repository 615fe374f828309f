//! The double of Gallagher Command Centre, written from the vendor's public reference of its REST API
//! ("Cardholders API", "Alarms and Events API").
//!
//! It has one division, one type of card, three personal data fields that are attached to one access group, and
//! access groups to be given. What a cardholder has in those fields shows only while it is in that group.
//!
//! | module | what it holds |
//! |---|---|
//! | `cardholders` | cardholders, cards and memberships, and how they are shown |
//! | `edits` | what a POST or a PATCH makes of a cardholder, whole or not at all |
//!
//! Not here: privileges, dates that pass, competencies, roles, lockers, and fields of the changes feed beside the
//! cardholder's address.

mod cardholders;
mod edits;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::double::{Api, Ask, Reply};
pub use cardholders::{Card, Cardholder, Membership};

/// The personal data fields, by id.
pub const FIELDS: [(&str, &str); 3] = [("2356", "Doorward ID"), ("2357", "Email"), ("2358", "Phone")];
/// The field that holds the name that outside systems give.
pub const EXTERNAL_ID: &str = "Doorward ID";
/// The path of the one division.
pub const DIVISION: &str = "/api/divisions/2";
/// The path of the one type of card.
pub const CARD_TYPE: &str = "/api/card_types/600";
/// The path of the access group that the personal data fields are attached to.
pub const FIELDS_GROUP: &str = "/api/access_groups/300";
/// The access groups: id and name.
const GROUPS: [(u64, &str); 4] =
    [(300, "Doorward persons"), (352, "Main entrance"), (353, "Laboratory"), (354, "Workshop")];
/// Items on a page when the request does not say.
const PAGE: usize = 100;

/// One server, with all that is in it.
#[derive(Clone, Debug)]
pub struct CommandCentre {
    key: String,
    page_max: usize,
    cardholders: BTreeMap<u64, Cardholder>,
    groups: BTreeMap<u64, String>,
    /// Cardholders that an operator has open in an editor.
    held: BTreeSet<u64>,
    changes: Vec<(&'static str, u64)>,
    next_id: u64,
}

impl CommandCentre {
    /// An empty one that takes this API key.
    #[must_use]
    pub fn new(key: &str) -> CommandCentre {
        CommandCentre {
            key: key.to_owned(),
            page_max: usize::MAX,
            cardholders: BTreeMap::new(),
            groups: GROUPS.map(|(id, name)| (id, name.to_owned())).into(),
            held: BTreeSet::new(),
            changes: Vec::new(),
            next_id: 325,
        }
    }

    /// Puts no more than this many items on a page, whatever is asked for.
    pub fn limit_pages(&mut self, items: usize) {
        self.page_max = items;
    }

    /// Adds an access group.
    pub fn add_group(&mut self, id: u64, name: &str) {
        self.groups.insert(id, name.to_owned());
    }

    /// An operator makes a cardholder by hand, in the group of the personal data fields.
    pub fn make(&mut self, external_id: &str) -> &mut Cardholder {
        let membership = Membership { id: self.take_id(), group: 300, from: None, until: None };
        let id = self.take_id();
        self.changes.push(("add", id));
        let mut made = Cardholder { groups: vec![membership], ..Cardholder::default() };
        made.fields.insert(EXTERNAL_ID.to_owned(), external_id.to_owned());
        self.cardholders.entry(id).insert_entry(made).into_mut()
    }

    /// An operator edits the first cardholder of this name by hand.
    pub fn edit(&mut self, external_id: &str) -> Option<&mut Cardholder> {
        let id = self.id_of(external_id)?;
        self.changes.push(("update", id));
        self.cardholders.get_mut(&id)
    }

    /// An operator opens, or closes, the first cardholder of this name in an editor.
    pub fn hold(&mut self, external_id: &str, is_held: bool) {
        let Some(id) = self.id_of(external_id) else { return };
        if is_held {
            self.held.insert(id);
        } else {
            self.held.remove(&id);
        }
    }

    /// Those of this name, in order of their ids.
    #[must_use]
    pub fn of_name(&self, external_id: &str) -> Vec<&Cardholder> {
        let named = |one: &&Cardholder| one.fields.get(EXTERNAL_ID).is_some_and(|name| name == external_id);
        self.cardholders.values().filter(named).collect()
    }

    fn id_of(&self, external_id: &str) -> Option<u64> {
        let named = |one: &Cardholder| one.fields.get(EXTERNAL_ID).is_some_and(|name| name == external_id);
        self.cardholders.iter().find(|(_, one)| named(one)).map(|(id, _)| *id)
    }

    /// Never given twice.
    fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn list(&self, ask: &Ask, origin: &str) -> Reply {
        let matching = |one: &&(u64, Value)| {
            self.cardholders.get(&one.0).is_some_and(|cardholder| {
                ask.query.iter().filter_map(|(name, value)| Some((name.strip_prefix("pdf_")?, value))).all(
                    |(field, value)| {
                        let name = FIELDS.iter().find(|(id, _)| *id == field).map(|(_, name)| *name);
                        name.and_then(|name| cardholder.field(name)).is_some_and(|held| finds(value, held))
                    },
                )
            })
        };
        let shown = |(id, one): (&u64, &Cardholder)| (*id, one.shown(origin, *id, &self.groups));
        let all: Vec<(u64, Value)> = self.cardholders.iter().map(shown).collect();
        let found = all.iter().filter(matching).map(|(_, shown)| chosen(ask, shown, &cardholders::SUMMARY));
        self.page(ask, origin, found.collect())
    }

    fn list_groups(&self, ask: &Ask, origin: &str) -> Reply {
        let shown = |(id, name): (&u64, &String)| json!({ "href": format!("{origin}/api/access_groups/{id}"), "id": id.to_string(), "name": name });
        let all = self.groups.iter().map(shown).map(|group| chosen(ask, &group, &["href", "id", "name"]));
        self.page(ask, origin, all.collect())
    }

    fn page(&self, ask: &Ask, origin: &str, all: Vec<Value>) -> Reply {
        let number = |name: &str| ask.parameter(name).and_then(|text| text.parse::<usize>().ok());
        let (top, skip) = (number("top").unwrap_or(PAGE).min(self.page_max), number("skip").unwrap_or(0));
        let results: Vec<&Value> = all.iter().skip(skip).take(top).collect();
        let mut page = json!({ "results": results });
        if all.len() > skip + top {
            let rest = ask.query.iter().filter(|(name, _)| name != "skip");
            let rest: String = rest
                .map(|(name, value)| format!("&{name}={}", value.replace('"', "%22").replace(' ', "%20")))
                .collect();
            page["next"] = json!({ "href": format!("{origin}{}?skip={}{rest}", ask.path, skip + top) });
        }
        Reply::json(200, &page)
    }

    fn changes(&self, ask: &Ask, origin: &str) -> Reply {
        // The first call only says where the list ends.
        let from = ask.parameter("pos").and_then(|pos| pos.parse().ok()).unwrap_or(self.changes.len());
        let shown = |(kind, id): &(&str, u64)| json!({ "type": kind, "item": { "href": format!("{origin}/api/cardholders/{id}") } });
        let results: Vec<Value> = self.changes.iter().skip(from).map(shown).collect();
        let next = format!("{origin}/api/cardholders/changes?pos={}", self.changes.len());
        Reply::json(200, &json!({ "results": results, "next": { "href": next } }))
    }

    fn create(&mut self, ask: &Ask, origin: &str) -> Reply {
        let mut made = Cardholder::default();
        let id = self.take_id();
        match edits::create(self, &mut made, ask, origin) {
            Ok(()) => {
                self.cardholders.insert(id, made);
                self.changes.push(("add", id));
                Reply::empty(201).header("location", &format!("{origin}/api/cardholders/{id}"))
            }
            Err(words) => refused(400, &words),
        }
    }

    fn patch(&mut self, id: u64, mut edited: Cardholder, ask: &Ask, origin: &str) -> Reply {
        match edits::patch(self, &mut edited, id, ask, origin) {
            Ok(()) => {
                self.cardholders.insert(id, edited);
                self.changes.push(("update", id));
                Reply::empty(204)
            }
            Err(words) => refused(400, &words),
        }
    }

    fn cardholder(&mut self, ask: &Ask, origin: &str, id: &str) -> Reply {
        let found = id.parse().ok().and_then(|id: u64| Some((id, self.cardholders.get(&id)?.clone())));
        let Some((id, cardholder)) = found else { return refused(404, "there is no such cardholder") };
        let is_held = self.held.contains(&id);
        match ask.method.as_str() {
            "GET" => Reply::json(200, &chosen(ask, &cardholder.shown(origin, id, &self.groups), &[])),
            "PATCH" | "DELETE" if is_held => refused(409, "locked for editing by Operator on WORKSTATION-1"),
            "PATCH" => self.patch(id, cardholder, ask, origin),
            "DELETE" => {
                self.cardholders.remove(&id);
                self.changes.push(("remove", id));
                Reply::empty(204)
            }
            _ => refused(405, "no such method"),
        }
    }
}

impl Api for CommandCentre {
    fn answer(&mut self, request: &Ask) -> Reply {
        if request.header("authorization") != Some(format!("GGL-API-KEY {}", self.key).as_str()) {
            return refused(401, "the API key is not known");
        }
        let origin = format!("http://{}", request.header("host").unwrap_or_default());
        match (request.method.as_str(), request.parts().as_slice()) {
            ("GET", ["api"]) => Reply::json(200, &root(&origin)),
            ("GET", ["api", "cardholders"]) => self.list(request, &origin),
            ("POST", ["api", "cardholders"]) => self.create(request, &origin),
            ("GET", ["api", "cardholders", "changes"]) => self.changes(request, &origin),
            (_, ["api", "cardholders", id]) => self.cardholder(request, &origin, id),
            ("GET", ["api", "access_groups"]) => self.list_groups(request, &origin),
            _ => refused(404, "there is nothing here"),
        }
    }

    fn dump(&self) -> Value {
        let shown = |(id, one): (&u64, &Cardholder)| one.dumped(*id, &self.groups);
        self.cardholders.iter().map(shown).collect()
    }

    fn openapi(&self) -> &'static str {
        include_str!("../openapi/gallagher.yaml")
    }
}

fn root(origin: &str) -> Value {
    let href = |path: &str| json!({ "href": format!("{origin}/api/{path}") });
    json!({ "version": "9.30.0", "features": {
        "accessGroups": { "accessGroups": href("access_groups") },
        "cardholders": { "cardholders": href("cardholders"), "changes": href("cardholders/changes") },
    } })
}

fn refused(status: u16, words: &str) -> Reply {
    Reply::json(status, &json!({ "message": words }))
}

/// Whether a search finds this: quotes ask for the whole text, else a part is enough; case never counts.
fn finds(search: &str, held: &str) -> bool {
    let (search, held) = (search.to_lowercase(), held.to_lowercase());
    match search.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(whole) => held == whole,
        None => search == "%" || held.contains(&search),
    }
}

/// The members that `fields` asks for; without it `defaults`, or all if there are none.
fn chosen(ask: &Ask, whole: &Value, defaults: &[&str]) -> Value {
    let fields = ask.parameter("fields").unwrap_or("defaults");
    let is_asked_for = |member: &str| {
        fields.split(',').any(|field| match field {
            "defaults" => defaults.is_empty() || defaults.contains(&member),
            "personalDataFields" => member.starts_with('@') || member == "personalDataDefinitions",
            _ => {
                let field =
                    field.strip_prefix("pdf_").and_then(|id| FIELDS.iter().find(|(known, _)| *known == id));
                field.map_or(fields.split(',').any(|field| field == member), |(_, name)| {
                    member == format!("@{name}")
                })
            }
        })
    };
    let members = whole.as_object().into_iter().flatten();
    members
        .filter(|(name, _)| is_asked_for(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
