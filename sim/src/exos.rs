//! A double of dormakaba exos 9300: the logins, OData persons and POST actions that published clients use.
//!
//! What is not public is played in one way that fits the rest: the members of answers, the list of access rights,
//! 404 for what is not there. Persons may share a personal number; ids are never used twice.
//!
//! Not here: HTTP and faults ([`double`](crate::double)), doors, and everything else that exos has.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::double::{Api, Ask, Reply};

/// Most persons that one answer has.
const PAGE_MAX: usize = 1000;
const API: [&str; 3] = ["ExosApi", "api", "v1.0"];

/// The state of one exos.
#[derive(Clone, Debug)]
pub struct Exos {
    /// Whom it lets in.
    pub login: (String, String),
    /// Tenant and channel, for the login that asks for them.
    pub tenant: (String, String),
    /// The access rights that are defined: id, type, name.
    pub rights: Vec<(String, String, String)>,
    /// By native id.
    pub persons: BTreeMap<u64, Person>,
    /// Most persons in one answer.
    pub page_max: usize,
    last_id: u64,
    session: Option<String>,
    /// How often someone logged in.
    pub logins: u64,
}

/// One of its persons.
#[derive(Clone, Debug, Default)]
pub struct Person {
    /// As last sent.
    pub base: Value,
    /// Lets nobody pass, and keeps all else.
    pub is_blocked: bool,
    /// Names of badges.
    pub badges: Vec<String>,
    /// Access rights as sent, by the id of the assignment.
    pub assignments: BTreeMap<u64, Value>,
}

/// Why something was not done.
enum Refusal {
    NotFound,
    Invalid(String),
    AlreadyAssigned,
}

impl Exos {
    /// An empty one that knows this user and these access rights.
    #[must_use]
    pub fn new(username: &str, password: &str, rights: &[(&str, &str, &str)]) -> Exos {
        let right = |(id, kind, name): &(&str, &str, &str)| {
            ((*id).to_owned(), (*kind).to_owned(), (*name).to_owned())
        };
        Exos {
            login: (username.to_owned(), password.to_owned()),
            tenant: ("tenant".to_owned(), "channel".to_owned()),
            rights: rights.iter().map(right).collect(),
            persons: BTreeMap::new(),
            page_max: PAGE_MAX,
            last_id: 0,
            session: None,
            logins: 0,
        }
    }

    /// The session in force ends: the next request that has it is answered with 401.
    pub fn expire(&mut self) {
        self.session = None;
    }

    /// Makes a person by hand; its id.
    pub fn add(&mut self, base: Value) -> u64 {
        let id = self.next_id();
        self.persons.insert(id, Person { base, ..Person::default() });
        id
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn log_in(&mut self, request: &Ask) -> Reply {
        let (username, password) = &self.login;
        let allowed = if request.segments.first().is_some_and(|root| root == "ExosAuth") {
            let (tenant, channel) = &self.tenant;
            let wanted = json!({
                "tenantId": tenant, "requestChannel": channel, "userName": username, "password": password,
            });
            request.json().is_ok_and(|given| given == wanted)
        } else {
            basic(request) == Some(format!("{username}:{password}"))
        };
        if !allowed {
            return error(401, 401_000, "unknown user or password");
        }
        self.logins += 1;
        let (key, identifier) = (format!("key-{}", self.logins), format!("identifier-{}", self.logins));
        self.session = Some(format!("{key}:{identifier}"));
        Reply::json(200, &json!({ "ApiKey": key, "Identifier": identifier }))
    }

    fn persons(&self, request: &Ask) -> Result<Value, Refusal> {
        let wanted = request.parameter("$filter").map(number_in).transpose()?;
        let count = |name: &str, default: usize| match request.parameter(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| Refusal::Invalid(format!("{name} is no number"))),
        };
        let top = count("$top", self.page_max)?.min(self.page_max);
        let named = |(_, person): &(&u64, &Person)| {
            wanted.as_ref().is_none_or(|wanted| person.base["PersonalNumber"] == wanted.as_str())
        };
        let found = self.persons.iter().filter(named).skip(count("$skip", 0)?).take(top);
        Ok(json!({ "value": found.map(|(id, person)| shown(*id, person)).collect::<Vec<_>>() }))
    }

    fn act(&mut self, id: &str, action: &[&str], request: &Ask) -> Result<Value, Refusal> {
        let id: u64 = id.parse().map_err(|_| Refusal::NotFound)?;
        let person = self.persons.get_mut(&id).ok_or(Refusal::NotFound)?;
        match action {
            ["Update"] => person.base = base_of(request)?,
            ["block"] => person.is_blocked = true,
            ["unblock"] => person.is_blocked = false,
            ["delete"] => {
                self.persons.remove(&id);
            }
            ["assignBadge"] => {
                let badge = member(request, "BadgeName")?;
                if self.persons.values().any(|person| person.badges.contains(&badge)) {
                    return Err(Refusal::AlreadyAssigned);
                }
                self.persons.get_mut(&id).ok_or(Refusal::NotFound)?.badges.push(badge);
            }
            ["unassignBadge"] => {
                let badge = member(request, "BadgeName")?;
                let at = person.badges.iter().position(|held| *held == badge).ok_or(Refusal::NotFound)?;
                person.badges.remove(at);
            }
            ["assignAccessRight"] => return self.assign(id, request),
            ["unassignAccessRight", assignment] => {
                let assignment = assignment.parse().map_err(|_| Refusal::NotFound)?;
                person.assignments.remove(&assignment).ok_or(Refusal::NotFound)?;
            }
            _ => return Err(Refusal::NotFound),
        }
        Ok(json!({}))
    }

    fn assign(&mut self, id: u64, request: &Ask) -> Result<Value, Refusal> {
        let right = member(request, "AccessRightId")?;
        let kind = member(request, "AccessRightType")?;
        if !self.rights.iter().any(|(known, of, _)| *known == right && *of == kind) {
            return Err(Refusal::Invalid(format!("no access right {right} of type {kind}")));
        }
        let assignment = self.next_id();
        let person = self.persons.get_mut(&id).ok_or(Refusal::NotFound)?;
        if person.assignments.values().any(|held| held["AccessRightId"] == right) {
            return Err(Refusal::AlreadyAssigned);
        }
        person.assignments.insert(assignment, request.json().unwrap_or_default());
        Ok(json!({}))
    }

    fn carry_out(&mut self, request: &Ask) -> Result<Value, Refusal> {
        let parts = request.parts();
        match (request.method.as_str(), parts.strip_prefix(&API).unwrap_or_default()) {
            ("GET", ["accessRights"]) => {
                let right = |(id, kind, name): &(String, String, String)| json!({ "AccessRightId": id, "AccessRightType": kind, "DisplayName": name });
                Ok(json!({ "value": self.rights.iter().map(right).collect::<Vec<_>>() }))
            }
            ("GET", ["persons"]) => self.persons(request),
            ("POST", ["persons", "Create"]) => {
                let base = base_of(request)?;
                self.add(base);
                Ok(json!({}))
            }
            ("POST", ["persons", id, action @ ..]) => self.act(id, action, request),
            _ => Err(Refusal::NotFound),
        }
    }
}

impl Api for Exos {
    fn answer(&mut self, request: &Ask) -> Reply {
        if request.segments.last().is_some_and(|last| last == "login") {
            return self.log_in(request);
        }
        if self.session.is_none() || basic(request) != self.session {
            return error(401, 401_001, "no session");
        }
        match self.carry_out(request) {
            Ok(value) => Reply::json(200, &value),
            Err(Refusal::NotFound) => error(404, 404_000, "not found"),
            Err(Refusal::Invalid(why)) => error(400, 400_000, &why),
            Err(Refusal::AlreadyAssigned) => error(400, 400_004, "already assigned"),
        }
    }

    fn dump(&self) -> Value {
        let person = |person: &Person| {
            json!({
                "number": person.base["PersonalNumber"],
                "name": format!("{} {}", text(&person.base["FirstName"]), text(&person.base["LastName"])),
                "blocked": person.is_blocked,
                "badges": person.badges,
                "rights": person.assignments.values().collect::<Vec<_>>(),
            })
        };
        self.persons.values().map(person).collect()
    }

    fn openapi(&self) -> &'static str {
        include_str!("../openapi/exos.yaml")
    }
}

fn shown(id: u64, person: &Person) -> Value {
    let mut base = person.base.clone();
    base["PersonId"] = id.into();
    let right = |(assignment, sent): (&u64, &Value)| {
        let mut right = sent.clone();
        right["AssignmentId"] = (*assignment).into();
        right
    };
    json!({
        "PersonBaseData": base,
        "Badges": person.badges.iter().map(|name| json!({ "BadgeName": name })).collect::<Vec<_>>(),
        "AccessRights": person.assignments.iter().map(right).collect::<Vec<_>>(),
    })
}

/// The text in `(PersonBaseData/PersonalNumber eq '…')`, where a quote is written twice.
fn number_in(filter: &str) -> Result<String, Refusal> {
    let quoted = filter.strip_prefix("(PersonBaseData/PersonalNumber eq '");
    let quoted = quoted.and_then(|rest| rest.strip_suffix("')"));
    let single = |text: &str| text.replace("''", "").contains('\'');
    match quoted.filter(|text| !single(text)) {
        Some(text) => Ok(text.replace("''", "'")),
        None => Err(Refusal::Invalid("the filter cannot be read".to_owned())),
    }
}

fn base_of(request: &Ask) -> Result<Value, Refusal> {
    let body = request.json().map_err(|error| Refusal::Invalid(error.to_string()))?;
    let base = body.get("PersonBaseData").filter(|base| !text(&base["PersonalNumber"]).is_empty());
    base.cloned().ok_or_else(|| Refusal::Invalid("there is no PersonalNumber".to_owned()))
}

fn member(request: &Ask, name: &str) -> Result<String, Refusal> {
    let body = request.json().map_err(|error| Refusal::Invalid(error.to_string()))?;
    let text = body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| Refusal::Invalid(format!("there is no {name}")))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What HTTP Basic holds.
fn basic(request: &Ask) -> Option<String> {
    let encoded = request.header("authorization")?.strip_prefix("Basic ")?;
    String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()
}

fn error(status: u16, code: u32, message: &str) -> Reply {
    Reply::json(status, &json!({ "Code": code, "Message": message }))
}
