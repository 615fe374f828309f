//! A SCIM 2.0 server for tests of faults and of what servers do differently: RFC 7643 and RFC 7644 as far as
//! they are used, with the resource types of `examples/scim/`.
//!
//! Not here: `/Bulk`, PATCH, `/.search`, sorting, and filters other than `eq` joined by `and`. The real server of
//! the scenes is somebody else's.

mod filter;

use crate::double::{Api, Ask, Reply};
use filter::Filter;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Resource types and their endpoints.
const ENDPOINTS: [&str; 4] = ["Users", "Tokens", "Entitlements", "Assignments"];
/// Where a user's PIN is; a server never gives it back.
const ACCESS: &str = "urn:doorward:scim:schemas:extension:1.0:User";

/// What one server does and another does not.
#[derive(Clone, Debug)]
pub struct Habits {
    /// The bearer token that it wants; none for everybody.
    pub token: Option<String>,
    /// Whether it gives and heeds ETags.
    pub has_etags: bool,
    /// Whether it refuses a second user of the same `userName`.
    pub names_are_unique: bool,
    /// Whether it passes over filters.
    pub ignores_filters: bool,
    /// Whether it gives the first page whatever `startIndex` says.
    pub ignores_start: bool,
    /// Most resources of a page.
    pub page_max: usize,
}

impl Default for Habits {
    fn default() -> Habits {
        Habits {
            token: None,
            has_etags: true,
            names_are_unique: false,
            ignores_filters: false,
            ignores_start: false,
            page_max: 100,
        }
    }
}

/// A server. A clone is a backup.
#[derive(Clone, Debug)]
pub struct Scim {
    /// What it does.
    pub habits: Habits,
    /// The statuses that it has answered with, in order.
    pub answered: Vec<u16>,
    last_id: u32,
    resources: BTreeMap<&'static str, Vec<Value>>,
}

impl Scim {
    /// One that holds nothing.
    #[must_use]
    pub fn new(habits: Habits) -> Scim {
        let resources = ENDPOINTS.into_iter().map(|endpoint| (endpoint, Vec::new())).collect();
        Scim { habits, answered: Vec::new(), last_id: 0, resources }
    }

    /// Makes a resource by hand; returns its id.
    pub fn add(&mut self, endpoint: &str, mut resource: Value) -> String {
        self.last_id += 1;
        let id = self.last_id.to_string();
        resource["id"] = id.clone().into();
        if let Some(all) = self.resources.get_mut(endpoint) {
            all.push(resource);
        }
        id
    }

    /// Changes what is named so by hand.
    pub fn edit(&mut self, endpoint: &str, external_id: &str, change: impl Fn(&mut Value)) {
        let all = self.resources.get_mut(endpoint).into_iter().flatten();
        all.filter(|one| one["externalId"] == external_id).for_each(change);
    }

    /// Takes away by hand what is named so.
    pub fn take_away(&mut self, endpoint: &str, external_id: &str) {
        if let Some(all) = self.resources.get_mut(endpoint) {
            all.retain(|one| one["externalId"] != external_id);
        }
    }

    /// Comes back as it was then; ids that were given since are given anew.
    pub fn restore(&mut self, backup: Scim) {
        let answered = std::mem::take(&mut self.answered);
        *self = Scim { answered, ..backup };
    }

    /// Its resources of one type.
    #[must_use]
    pub fn all(&self, endpoint: &str) -> &[Value] {
        self.resources.get(endpoint).map_or(&[], Vec::as_slice)
    }

    fn carry_out(&mut self, ask: &Ask) -> Reply {
        let parts = ask.parts();
        if parts == ["ServiceProviderConfig"] {
            let config = json!({ "filter": { "supported": true, "maxResults": self.habits.page_max } });
            return scim(Reply::json(200, &config));
        }
        let login = self.habits.token.as_ref().map(|token| format!("Bearer {token}"));
        if login.is_some() && ask.header("authorization") != login.as_deref() {
            return error(401, "", "the bearer token is not known");
        }
        let endpoint = parts.first().and_then(|name| ENDPOINTS.into_iter().find(|known| known == name));
        let Some(endpoint) = endpoint else { return error(404, "", "no such resource type") };
        match (ask.method.as_str(), parts.as_slice()) {
            ("GET", [_]) => scim(self.list(endpoint, ask)),
            ("POST", [_]) => self.create(endpoint, ask),
            (_, [_, id]) => self.one(endpoint, id, ask),
            _ => error(404, "", "no such resource"),
        }
    }

    fn list(&self, endpoint: &str, ask: &Ask) -> Reply {
        let filter = match ask.parameter("filter").map(Filter::parse).transpose() {
            Ok(filter) => filter.filter(|_| !self.habits.ignores_filters),
            Err(why) => return error(400, "invalidFilter", &why),
        };
        let number =
            |name, default| ask.parameter(name).and_then(|text| text.parse().ok()).unwrap_or(default);
        let start = if self.habits.ignores_start { 1 } else { number("startIndex", 1_usize).max(1) };
        let count = number("count", self.habits.page_max).min(self.habits.page_max);
        let matching = self.all(endpoint).iter().filter(|one| filter.as_ref().is_none_or(|f| f.matches(one)));
        let matching: Vec<Value> = matching.map(|one| self.shown(one, ask.parameter("attributes"))).collect();
        let total = matching.len();
        let page: Vec<Value> = matching.into_iter().skip(start - 1).take(count).collect();
        let mut list = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": total,
            "startIndex": start,
            "itemsPerPage": page.len(),
        });
        if !page.is_empty() {
            list["Resources"] = page.into();
        }
        Reply::json(200, &list)
    }

    fn create(&mut self, endpoint: &'static str, ask: &Ask) -> Reply {
        let Ok(resource) = ask.json() else { return error(400, "invalidSyntax", "no JSON") };
        let taken = |one: &Value| one["userName"] == resource["userName"];
        if endpoint == "Users" && self.habits.names_are_unique && self.all(endpoint).iter().any(taken) {
            return error(409, "uniqueness", "userName is taken");
        }
        let id = self.add(endpoint, resource);
        match self.all(endpoint).iter().find(|one| one["id"] == id.as_str()) {
            Some(made) => self.whole(201, made),
            None => error(404, "", "no such resource type"),
        }
    }

    fn one(&mut self, endpoint: &'static str, id: &str, ask: &Ask) -> Reply {
        let Some(at) = self.all(endpoint).iter().position(|one| one["id"] == id) else {
            return error(404, "", "no such resource");
        };
        let Some(held) = self.all(endpoint).get(at).cloned() else {
            return error(404, "", "no such resource");
        };
        let expected = ask.header("if-match").filter(|_| self.habits.has_etags);
        if expected.is_some_and(|expected| expected != etag(&held)) {
            return error(412, "", "the resource has changed");
        }
        match ask.method.as_str() {
            "GET" => self.whole(200, &held),
            "PUT" => {
                let Ok(mut resource) = ask.json() else { return error(400, "invalidSyntax", "no JSON") };
                resource["id"] = id.into();
                if let Some(place) = self.resources.get_mut(endpoint).and_then(|all| all.get_mut(at)) {
                    *place = resource.clone();
                }
                self.whole(200, &resource)
            }
            "DELETE" => {
                if let Some(all) = self.resources.get_mut(endpoint) {
                    all.remove(at);
                }
                Reply::empty(204)
            }
            _ => error(405, "", "no such method"),
        }
    }

    fn whole(&self, status: u16, resource: &Value) -> Reply {
        let reply = scim(Reply::json(status, &self.shown(resource, None)));
        if self.habits.has_etags { reply.header("etag", &etag(resource)) } else { reply }
    }

    /// As it is given back: without the PIN, with `meta`, perhaps only some of it.
    fn shown(&self, resource: &Value, attributes: Option<&str>) -> Value {
        let mut shown = resource.clone();
        if let Some(members) = shown.as_object_mut() {
            members.remove(ACCESS);
            if self.habits.has_etags {
                members.insert("meta".into(), json!({ "version": etag(resource) }));
            }
            let wanted: Option<Vec<&str>> = attributes.map(|names| names.split(',').collect());
            members
                .retain(|name, _| name == "id" || wanted.as_ref().is_none_or(|all| all.contains(&&**name)));
        }
        shown
    }
}

impl Api for Scim {
    fn answer(&mut self, ask: &Ask) -> Reply {
        let reply = self.carry_out(ask);
        self.answered.push(reply.status);
        reply
    }

    /// Users with what hangs on them, by external names; entitlements by their ids.
    fn dump(&self) -> Value {
        let hanging = |endpoint: &str, user: &Value| -> Map<String, Value> {
            let own = self.all(endpoint).iter().filter(|one| one["user"]["value"] == user["id"]);
            own.map(|one| (text(one, "externalId"), without_ids(one))).collect()
        };
        let user = |user: &Value| {
            let mut shown = without_ids(user);
            shown["Tokens"] = hanging("Tokens", user).into();
            shown["Assignments"] = hanging("Assignments", user).into();
            (text(user, "externalId"), shown)
        };
        Value::Object(self.all("Users").iter().map(user).collect())
    }

    fn openapi(&self) -> &'static str {
        include_str!("../openapi/scim.yaml")
    }
}

/// Names the content (FNV-1a), so that it changes with it; after a restore from a backup, too.
fn etag(resource: &Value) -> String {
    let mixed = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = resource.to_string().bytes().fold(0xcbf2_9ce4_8422_2325, mixed);
    format!("W/\"{:08x}\"", hash & 0xffff_ffff)
}

fn text(resource: &Value, name: &str) -> String {
    resource[name].as_str().unwrap_or_default().to_owned()
}

fn without_ids(resource: &Value) -> Value {
    let mut shown = resource.clone();
    if let Some(members) = shown.as_object_mut() {
        members.retain(|name, _| !["id", "externalId", "user", "schemas"].contains(&name.as_str()));
    }
    shown
}

fn scim(mut reply: Reply) -> Reply {
    // Its own media type (RFC 7644, 3.1).
    reply.headers = vec![("content-type".to_owned(), "application/scim+json".to_owned())];
    reply
}

fn error(status: u16, kind: &str, detail: &str) -> Reply {
    let mut body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": status.to_string(),
        "detail": detail,
    });
    if !kind.is_empty() {
        body["scimType"] = kind.into();
    }
    scim(Reply::json(status, &body))
}
