//! The double of LenelS2 OnGuard's OpenAccess 1.0: login, and instances of cardholders, badges, access levels
//! and their assignments.
//!
//! It is written from what is public. What is not public, and matters, can be set: how long a login lasts,
//! how large a page is, whether what hangs on a deleted instance goes along, whether filters work at all, in
//! which zone it shows instants.
//!
//! Not here: directories, segments, other types, `queue`, and rights of the user.

mod filter;
mod records;

use crate::double::{Api, Ask, Reply};
use filter::Filter;
pub use records::Record;
use records::{Kind, Records, Refusal};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What makes one OnGuard differ from another.
#[derive(Clone, Debug)]
pub struct Options {
    /// Sent as `Application-Id`.
    pub application_id: String,
    /// User name.
    pub username: String,
    /// Its password.
    pub password: String,
    /// Where the user is.
    pub directory_id: String,
    /// A new login is good for so many requests; none: for ever.
    pub session_requests: Option<u32>,
    /// No page holds more.
    pub page_size_max: usize,
    /// What hangs on a deleted instance is deleted with it; otherwise it is in the way.
    pub cascades: bool,
    /// Filters are passed over.
    pub is_blind: bool,
    /// Instants are shown in this zone, in minutes east of UTC.
    pub zone_minutes: i64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            application_id: "doorward-test".into(),
            username: "panel".into(),
            password: "hunter2".into(),
            directory_id: "id-1".into(),
            session_requests: None,
            page_size_max: 100,
            cascades: false,
            is_blind: false,
            zone_minutes: 60,
        }
    }
}

/// An OnGuard. A clone is a backup.
#[derive(Clone, Debug)]
pub struct OnGuard {
    /// May be changed while it runs.
    pub options: Options,
    records: Records,
    /// How many requests each login is still good for.
    sessions: BTreeMap<String, Option<u32>>,
    logins: u32,
    refused_logins: u32,
}

impl OnGuard {
    /// With these access levels, by id, and nobody in it.
    #[must_use]
    pub fn new(options: Options, levels: &[(i64, &str)]) -> OnGuard {
        OnGuard {
            options,
            records: Records::new(levels),
            sessions: BTreeMap::new(),
            logins: 0,
            refused_logins: 0,
        }
    }

    /// Every login ends now.
    pub fn end_sessions(&mut self) {
        self.sessions.clear();
    }

    /// Logins that were accepted, and those that were refused.
    #[must_use]
    pub fn logins(&self) -> (u32, u32) {
        (self.logins, self.refused_logins)
    }

    /// All instances of a type, to be looked at or edited by hand.
    ///
    /// # Panics
    /// When there is no such type.
    pub fn instances(&mut self, type_name: &str) -> &mut Vec<Record> {
        let kind = Kind::named(type_name).unwrap_or_else(|| panic!("{type_name} is no type"));
        self.records.all_mut(kind)
    }

    /// Makes an instance by hand; its key.
    ///
    /// # Panics
    /// When OnGuard would not have it.
    pub fn add(&mut self, type_name: &str, properties: &Value) -> Record {
        let kind = Kind::named(type_name).unwrap_or_else(|| panic!("{type_name} is no type"));
        let properties = properties.as_object().cloned().unwrap_or_default();
        self.records.create(kind, properties).unwrap_or_else(|refusal| panic!("{refusal:?}"))
    }

    fn authenticate(&mut self, ask: &Ask) -> Reply {
        let body = ask.json().unwrap_or_default();
        let says = |name: &str, wanted: &str| body.get(name).and_then(Value::as_str) == Some(wanted);
        let options = &self.options;
        let holds = says("user_name", &options.username)
            && says("password", &options.password)
            && says("directory_id", &options.directory_id);
        if !holds {
            self.refused_logins += 1;
            return failure(401, "openaccess.general.invaliduser", "The user name or password is not valid.");
        }
        self.logins += 1;
        let token = format!("session-{}", self.logins);
        self.sessions.insert(token.clone(), self.options.session_requests);
        Reply::json(200, &json!({ "session_token": token, "version": "1.0" }))
    }

    /// Whether the request has a login, which it uses up a little.
    fn admits(&mut self, ask: &Ask) -> bool {
        let Some(left) = ask.header("session-token").and_then(|token| self.sessions.get_mut(token)) else {
            return false;
        };
        match left {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    fn instances_of(&mut self, ask: &Ask) -> Result<Value, Refusal> {
        let kind = ask.parameter("type_name").and_then(Kind::named);
        let kind = kind.ok_or_else(|| Refusal::wrong("The type does not exist."))?;
        let properties = || {
            let body = ask.json().unwrap_or_default();
            let map = body.get("property_value_map").and_then(Value::as_object).cloned();
            map.ok_or_else(|| Refusal::wrong("property_value_map is missing."))
        };
        match ask.method.as_str() {
            "GET" => self.list(kind, ask),
            "POST" => {
                let key = self.records.create(kind, properties()?)?;
                let key = kind.answered(&key);
                Ok(json!({ "type_name": kind.name(), "property_value_map": key, "version": "1.0" }))
            }
            "PUT" => {
                self.records.modify(kind, &properties()?)?;
                Ok(json!({ "type_name": kind.name(), "version": "1.0" }))
            }
            "DELETE" => {
                let key = match ask.parameter("filter") {
                    Some(filter) => Filter::parse(filter).ok_or_else(unreadable)?.into_key(),
                    None => properties()?,
                };
                self.records.delete(kind, &key, self.options.cascades)?;
                Ok(json!({ "version": "1.0" }))
            }
            _ => Err(Refusal::wrong("The method is not supported.")),
        }
    }

    fn list(&self, kind: Kind, ask: &Ask) -> Result<Value, Refusal> {
        let filter =
            ask.parameter("filter").map(|text| Filter::parse(text).ok_or_else(unreadable)).transpose()?;
        let filter = filter.filter(|_| !self.options.is_blind);
        let number = |name: &str, default: usize| {
            let number = ask.parameter(name).map_or(Ok(default), str::parse);
            number.ok().filter(|number| *number > 0).ok_or_else(|| Refusal::wrong("The page does not exist."))
        };
        let page = number("page_number", 1)?;
        let size = number("page_size", self.options.page_size_max)?.min(self.options.page_size_max);
        let all = self.records.all(kind).iter();
        let found: Vec<&Record> =
            all.filter(|record| filter.as_ref().is_none_or(|filter| filter.fits(record))).collect();
        let shown =
            |record: &&Record| json!({ "property_value_map": kind.shown(record, self.options.zone_minutes) });
        let items: Vec<Value> = found.iter().skip((page - 1) * size).take(size).map(shown).collect();
        Ok(json!({
            "type_name": kind.name(),
            "page_number": page,
            "page_size": size,
            "total_pages": found.len().div_ceil(size),
            "total_items": found.len(),
            "count": items.len(),
            "item_list": items,
            "version": "1.0",
        }))
    }
}

impl Api for OnGuard {
    fn answer(&mut self, request: &Ask) -> Reply {
        if request.header("application-id") != Some(&self.options.application_id) {
            return failure(401, "openaccess.general.invalidapplication", "The application is not licensed.");
        }
        if request.parameter("version") != Some("1.0") {
            return failure(400, "openaccess.general.invalidversion", "The version is not supported.");
        }
        let outcome = match request.parts().as_slice() {
            ["authentication"] => return self.authenticate(request),
            ["instances"] if self.admits(request) => self.instances_of(request),
            ["instances"] => {
                return failure(401, "openaccess.general.invalidsession", "The session is not valid.");
            }
            _ => return failure(404, "openaccess.general.notfound", "There is no such resource."),
        };
        match outcome {
            Ok(body) => Reply::json(200, &body),
            Err(refusal) => failure(refusal.status, refusal.code, &refusal.message),
        }
    }

    fn dump(&self) -> Value {
        let text = |record: &Record, name: &str| match record.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        };
        let without = |record: &Record, names: &[&str]| {
            let kept =
                record.iter().filter(|(name, value)| !names.contains(&name.as_str()) && !value.is_null());
            kept.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>()
        };
        let mut persons = Map::new();
        for cardholder in self.records.all(Kind::Cardholder) {
            let mut badges = Map::new();
            for badge in self.records.all(Kind::Badge) {
                if badge.get("PERSONID") != cardholder.get("ID") {
                    continue;
                }
                let mut levels = Map::new();
                for one in self.records.all(Kind::Assignment) {
                    if one.get("BADGEKEY") == badge.get("BADGEKEY") {
                        let window = without(one, &["BADGEKEY", "ACCESSLEVELID"]);
                        levels.insert(self.records.level(one), Value::Object(window));
                    }
                }
                let mut shown = without(badge, &["PERSONID", "BADGEKEY", "ID"]);
                shown.insert("levels".into(), Value::Object(levels));
                badges.insert(text(badge, "ID"), Value::Object(shown));
            }
            let mut shown = without(cardholder, &["ID", "SSNO"]);
            shown.insert("badges".into(), Value::Object(badges));
            let mut name = text(cardholder, "SSNO");
            if persons.contains_key(&name) {
                name = format!("{name}, {}", text(cardholder, "ID"));
            }
            persons.insert(name, Value::Object(shown));
        }
        Value::Object(persons)
    }

    fn openapi(&self) -> &'static str {
        include_str!("../openapi/onguard.yaml")
    }
}

fn unreadable() -> Refusal {
    Refusal::wrong("The filter cannot be read.")
}

fn failure(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({ "error": { "code": code, "message": message }, "version": "1.0" }))
}
