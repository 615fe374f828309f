//! Cardholders, their cards and memberships, and how they are shown. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::FIELDS;

/// What a search shows of a cardholder when it is not told.
pub(super) const SUMMARY: [&str; 6] = ["href", "id", "firstName", "lastName", "description", "authorised"];

/// A cardholder.
#[derive(Clone, Debug, Default)]
pub struct Cardholder {
    /// `firstName`
    pub first_name: String,
    /// `lastName`
    pub last_name: String,
    /// `description`
    pub description: String,
    /// `authorised`
    pub authorised: bool,
    /// `usercode`, which is never shown by the API.
    pub user_code: String,
    /// Personal data by the names of the fields.
    pub fields: BTreeMap<String, String>,
    /// Its cards.
    pub cards: Vec<Card>,
    /// Its memberships in access groups.
    pub groups: Vec<Membership>,
}

/// A card.
#[derive(Clone, Debug)]
pub struct Card {
    pub(super) id: u64,
    /// Never changes.
    pub number: String,
    /// `status.value`
    pub status: String,
    /// `from`
    pub from: Option<String>,
    /// `until`
    pub until: Option<String>,
    /// `pin`, which is never shown by the API.
    pub pin: Option<String>,
}

/// A membership in an access group.
#[derive(Clone, Debug)]
pub struct Membership {
    pub(super) id: u64,
    pub(super) group: u64,
    /// `from`
    pub from: Option<String>,
    /// `until`
    pub until: Option<String>,
}

impl Cardholder {
    /// The value of a field, while the cardholder is in the group that the fields are attached to.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).filter(|_| self.may_have_fields()).map(String::as_str)
    }

    pub(super) fn may_have_fields(&self) -> bool {
        self.groups.iter().any(|membership| membership.group == 300)
    }

    /// All that a GET of its address shows.
    pub(super) fn shown(&self, origin: &str, id: u64, groups: &BTreeMap<u64, String>) -> Value {
        let href = format!("{origin}/api/cardholders/{id}");
        let mut shown = json!({
            "href": href,
            "id": id.to_string(),
            "firstName": self.first_name,
            "lastName": self.last_name,
            "authorised": self.authorised,
            "division": { "href": format!("{origin}{}", super::DIVISION) },
            "cards": self.cards.iter().map(|card| card.shown(origin, &href)).collect::<Vec<_>>(),
            "accessGroups": self.groups.iter().map(|one| one.shown(origin, &href, groups)).collect::<Vec<_>>(),
        });
        if !self.description.is_empty() {
            shown["description"] = self.description.clone().into();
        }
        let mut definitions = Vec::new();
        for (field, name) in FIELDS {
            if let Some(value) = self.field(name) {
                let member = format!("@{name}");
                let definition = json!({ "id": field, "name": name, "type": "string" });
                let href = format!("{href}/personal_data/{field}");
                definitions
                    .push(json!({ &member: { "href": href, "definition": definition, "value": value } }));
                shown[member] = value.into();
            }
        }
        if !definitions.is_empty() {
            shown["personalDataDefinitions"] = definitions.into();
        }
        shown
    }

    /// For tests, with what the API does not show but secrets.
    pub(super) fn dumped(&self, id: u64, groups: &BTreeMap<u64, String>) -> Value {
        let mut dumped = self.shown("", id, groups);
        dumped["userCodeDigits"] = self.user_code.len().into();
        dumped
    }
}

impl Card {
    pub(super) fn href(&self, cardholder: &str) -> String {
        format!("{cardholder}/cards/{:x}", self.id)
    }

    fn shown(&self, origin: &str, cardholder: &str) -> Value {
        let kind = if self.status.eq_ignore_ascii_case("active") { "active" } else { "inactive" };
        let mut shown = Map::new();
        shown.insert("href".to_owned(), self.href(cardholder).into());
        shown.insert("number".to_owned(), self.number.clone().into());
        shown.insert("status".to_owned(), json!({ "value": self.status, "type": kind }));
        let href = format!("{origin}{}", super::CARD_TYPE);
        shown.insert("type".to_owned(), json!({ "href": href, "name": "Card" }));
        with_dates(shown, &self.from, &self.until)
    }
}

impl Membership {
    pub(super) fn href(&self, cardholder: &str) -> String {
        format!("{cardholder}/access_groups/{:x}", self.id)
    }

    fn shown(&self, origin: &str, cardholder: &str, groups: &BTreeMap<u64, String>) -> Value {
        let mut shown = Map::new();
        shown.insert("href".to_owned(), self.href(cardholder).into());
        let href = format!("{origin}/api/access_groups/{}", self.group);
        shown.insert("accessGroup".to_owned(), json!({ "href": href, "name": groups.get(&self.group) }));
        with_dates(shown, &self.from, &self.until)
    }
}

fn with_dates(mut shown: Map<String, Value>, from: &Option<String>, until: &Option<String>) -> Value {
    for (name, date) in [("from", from), ("until", until)] {
        if let Some(date) = date {
            shown.insert(name.to_owned(), date.clone().into());
        }
    }
    shown.into()
}
