//! What is sent, and whether what is found is what would be sent. Pure.
//!
//! Not here: requests (`client`).

use super::client::text;
use super::section::Section;
use crate::export::content::PersonFields;
use access::text::Secret;
use access::time::{UtcTime, Window};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Command Centre keeps no more of a first or last name, in characters.
const NAME_MAX_CHARS: usize = 50;
/// Command Centre takes no later end: 2099-12-31T00:00:00Z, which is before 2100 wherever the server stands.
const UNTIL_MAX: UtcTime = UtcTime::from_unix(4_102_358_400);

/// Our name of a cardholder, if it has one: as a member, or among the definitions of its personal data.
pub(super) fn name(section: &Section, cardholder: &Value) -> Option<String> {
    let member = &*section.external_id_member;
    text(cardholder, member).or_else(|| {
        let definitions = cardholder.get("personalDataDefinitions")?.as_array()?;
        definitions.iter().find_map(|one| text(one.get(member)?, "value"))
    })
}

/// A new cardholder, in the access group that lets it have our name.
pub(super) fn created(
    section: &Section,
    properties: &BTreeMap<String, String>,
    person: &PersonFields,
    ext_id: &str,
) -> Value {
    let mut body = fields(section, properties, person);
    body.retain(|_, value| !is_blank(value));
    body.insert("division".into(), json!({ "href": &*section.division }));
    let group = json!({ "accessGroup": { "href": &*section.person_access_group } });
    body.insert("accessGroups".into(), json!([group]));
    body.insert((*section.external_id_member).into(), ext_id.into());
    body.into()
}

/// Its fields anew; what has no value is cleared.
pub(super) fn updated(
    section: &Section,
    properties: &BTreeMap<String, String>,
    person: &PersonFields,
    ext_id: &str,
) -> Value {
    let mut body = fields(section, properties, person);
    body.insert((*section.external_id_member).into(), ext_id.into());
    body.into()
}

/// Whether a cardholder has all fields that would be sent and can be read.
pub(super) fn is_person(
    section: &Section,
    properties: &BTreeMap<String, String>,
    person: &PersonFields,
    cardholder: &Value,
) -> bool {
    let named = [("firstName", &person.given_name), ("lastName", &person.family_name)];
    let is_named =
        named.iter().all(|(member, name)| text(cardholder, member).unwrap_or_default() == cut(name));
    let has = |(member, value): (&str, Option<&str>)| {
        text(cardholder, member).as_deref() == value.filter(|value| !value.is_empty())
    };
    let authorised = cardholder.get("authorised") == Some(&Value::Bool(true));
    is_named && authorised && members(section, properties, person).into_iter().all(has)
}

fn fields(
    section: &Section,
    properties: &BTreeMap<String, String>,
    person: &PersonFields,
) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("firstName".into(), cut(&person.given_name).into());
    body.insert("lastName".into(), cut(&person.family_name).into());
    body.insert("authorised".into(), true.into());
    for (member, value) in members(section, properties, person) {
        body.insert(member.into(), value.map_or_else(|| blank(member), Value::from));
    }
    if let Some(member) = &section.pin {
        let pin = person.pin.as_ref().map(Secret::expose);
        body.insert((**member).into(), pin.map_or_else(|| blank(member), Value::from));
    }
    body
}

/// The members of a cardholder that the profile gives to us, but for those that every profile does.
fn members<'a>(
    section: &'a Section,
    properties: &'a BTreeMap<String, String>,
    person: &'a PersonFields,
) -> Vec<(&'a str, Option<&'a str>)> {
    let named = [(&section.email, &person.email), (&section.organization, &person.organization)];
    let named = named.into_iter().filter_map(|(member, value)| Some((&**member.as_ref()?, value.as_deref())));
    let more = properties
        .iter()
        .map(|(property, member)| (member.as_str(), person.properties.get(property).map(String::as_str)));
    named.chain(more).collect()
}

/// What clears a member: null for personal data, empty text for the rest.
fn blank(member: &str) -> Value {
    if member.starts_with('@') { Value::Null } else { "".into() }
}

fn is_blank(value: &Value) -> bool {
    value.is_null() || value == ""
}

fn cut(name: &str) -> String {
    name.chars().take(NAME_MAX_CHARS).collect()
}

/// The edges of a window; on what is there already, an open edge is cleared.
pub(super) fn add_window(body: &mut Map<String, Value>, window: &Window, is_there: bool) {
    for (member, edge) in edges(window) {
        match edge {
            Some(at) => body.insert(member.into(), at.to_string().into()),
            None if is_there => body.insert(member.into(), "".into()),
            None => None,
        };
    }
}

/// Whether `found` has this window. An edge that cannot be read is another one.
pub(super) fn has_window(found: &Value, window: &Window) -> bool {
    edges(window).into_iter().all(|(member, edge)| match text(found, member) {
        None => edge.is_none(),
        Some(at) => edge.is_some() && instant(&at) == edge,
    })
}

/// As it can be sent.
fn edges(window: &Window) -> [(&'static str, Option<UtcTime>); 2] {
    [("from", window.from), ("until", window.to.map(|at| at.min(UNTIL_MAX)))]
}

/// Command Centre may write parts of a second; ours are whole.
fn instant(text: &str) -> Option<UtcTime> {
    let (whole, fraction) = text.trim_end_matches('Z').split_once('.').unwrap_or((text, ""));
    let zeros = fraction.bytes().all(|digit| digit == b'0');
    let whole = if whole.ends_with('Z') { whole.to_owned() } else { format!("{whole}Z") };
    UtcTime::parse(&whole).ok().filter(|_| zeros && text.ends_with('Z'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(text: &str) -> Window {
        Window { from: None, to: Some(UtcTime::parse(text).expect("an instant")) }
    }

    #[test]
    fn an_instant_may_have_parts_of_a_second_that_are_none() {
        let window = until("2030-03-17T17:46:40Z");
        for (text, is_that) in [
            ("2030-03-17T17:46:40Z", true),
            ("2030-03-17T17:46:40.0000000Z", true),
            ("2030-03-17T17:46:40.5Z", false),
            ("2030-03-17T17:46:41Z", false),
            ("2030-03-17T17:46:40+13:00", false),
            ("2030-03-17T17:46:40", false),
            ("soon", false),
        ] {
            assert_eq!(has_window(&json!({ "until": text }), &window), is_that, "{text}");
        }
        assert!(has_window(&json!({ "from": "", "until": null }), &Window::ALWAYS));
        assert!(!has_window(&json!({}), &window));
    }

    #[test]
    fn an_end_later_than_the_server_takes_is_the_latest_that_it_takes() {
        let mut body = Map::new();
        add_window(&mut body, &until("9999-01-01T00:00:00Z"), false);
        assert_eq!(Value::from(body.clone()), json!({ "until": "2099-12-31T00:00:00Z" }));
        assert!(has_window(&body.into(), &until("9999-01-01T00:00:00Z")));
    }
}
