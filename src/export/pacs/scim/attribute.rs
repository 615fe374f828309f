//! One attribute of a resource, named as SCIM names it (RFC 7644, 3.10), and its value in a resource's JSON.
//!
//! `name.givenName`, `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization`,
//! `emails[type eq "work"].value`. Names and types are compared without regard to case (RFC 7643, 2.1).
//!
//! Not here: which attributes there are (`section`), and what they are given (`resource`).

use serde::Deserialize;
use serde_json::{Map, Value};
use std::fmt;

/// Longest name of an attribute, in bytes.
const NAME_MAX_BYTES: usize = 300;
/// An attribute and its sub-attribute: SCIM knows no deeper ones.
const DEPTH_MAX: usize = 2;

/// Names an attribute.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Attribute {
    /// The extension that it belongs to; none for the resource's own schema.
    schema: Option<String>,
    name: String,
    place: Place,
}

/// Where the value is.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Place {
    Itself,
    Sub(String),
    /// In the element of this type of a list.
    Typed {
        kind: String,
        sub: String,
    },
}

impl TryFrom<String> for Attribute {
    type Error = String;

    fn try_from(text: String) -> Result<Attribute, String> {
        let form = "name it like userName, name.givenName, urn:…:User:organization or \
                    emails[type eq \"work\"].value";
        parse(&text).ok_or_else(|| format!("{text:?} names no attribute; {form}"))
    }
}

fn parse(text: &str) -> Option<Attribute> {
    if text.len() > NAME_MAX_BYTES {
        return None;
    }
    let (schema, path) = split_schema(text)?;
    let place = |name: &str, place| {
        is_name(name).then(|| Attribute { schema: schema.map(str::to_owned), name: name.into(), place })
    };
    if let Some((name, rest)) = path.split_once('[') {
        let (kind, sub) = rest.strip_prefix("type eq \"")?.split_once("\"].")?;
        let plain = |c: char| !c.is_control() && !"\"\\[]".contains(c);
        let sound = is_name(sub) && !kind.is_empty() && kind.chars().all(plain);
        return sound.then(|| place(name, Place::Typed { kind: kind.into(), sub: sub.into() }))?;
    }
    let parts: Vec<&str> = path.splitn(DEPTH_MAX + 1, '.').collect();
    match parts.as_slice() {
        [name] => place(name, Place::Itself),
        [name, sub] if is_name(sub) => place(name, Place::Sub((*sub).into())),
        _ => None,
    }
}

/// The last colon outside of quotes ends the URN.
fn split_schema(text: &str) -> Option<(Option<&str>, &str)> {
    let head = text.split('[').next()?;
    match head.rfind(':') {
        None => Some((None, text)),
        Some(at) => {
            let schema = text.get(..at).filter(|schema| is_urn(schema))?;
            Some((Some(schema), text.get(at + 1..)?))
        }
    }
}

/// Whether this may name a schema.
pub(super) fn is_urn(text: &str) -> bool {
    let rest = text.get(..4).filter(|head| head.eq_ignore_ascii_case("urn:")).and(text.get(4..));
    let plain = |c: char| c.is_ascii_graphic() && !"\"\\[]{}?#".contains(c);
    rest.is_some_and(|rest| rest.contains(':') && !rest.ends_with(':') && rest.chars().all(plain))
}

/// ATTRNAME of RFC 7643, 2.1, and `$ref`.
fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '$')
        && chars.all(|c| c.is_ascii_alphanumeric() || "-_$".contains(c))
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}:")?;
        }
        f.write_str(&self.name)?;
        match &self.place {
            Place::Itself => Ok(()),
            Place::Sub(sub) => write!(f, ".{sub}"),
            Place::Typed { kind, sub } => write!(f, "[type eq \"{kind}\"].{sub}"),
        }
    }
}

impl Attribute {
    /// One of the core schema.
    pub(super) fn own(name: &str) -> Attribute {
        Attribute { schema: None, name: name.into(), place: Place::Itself }
    }

    /// A sub-attribute of the core schema.
    pub(super) fn sub(name: &str, sub: &str) -> Attribute {
        Attribute { schema: None, name: name.into(), place: Place::Sub(sub.into()) }
    }

    /// The extension that it belongs to; none for the resource's own schema.
    pub(super) fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// Its value; none when the resource gives none, which may be written as null or an empty list.
    pub(super) fn get<'a>(&self, resource: &'a Value) -> Option<&'a Value> {
        let holder = match &self.schema {
            None => resource,
            Some(schema) => member(resource.as_object()?, schema)?,
        };
        let value = member(holder.as_object()?, &self.name)?;
        let value = match &self.place {
            Place::Itself => value,
            Place::Sub(sub) => member(value.as_object()?, sub)?,
            Place::Typed { kind, sub } => {
                let list = value.as_array()?;
                member(list.iter().find(|element| is_of_type(element, kind))?.as_object()?, sub)?
            }
        };
        match value {
            Value::Null => None,
            Value::Array(list) if list.is_empty() => None,
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                Some(value)
            }
        }
    }

    /// Its value as text; an id may be a number.
    pub(super) fn text(&self, resource: &Value) -> Option<String> {
        match self.get(resource)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// Gives it this value, or takes its value away, and leaves everything else as it is.
    pub(super) fn set(&self, resource: &mut Value, value: Option<Value>) {
        let Some(resource) = resource.as_object_mut() else { return };
        let Some(schema) = &self.schema else { return self.set_in(resource, value) };
        let key = key_of(resource, schema);
        let holder = resource.entry(key.clone()).or_insert_with(empty);
        if let Some(holder) = holder.as_object_mut() {
            self.set_in(holder, value);
        }
        drop_empty(resource, &key);
    }

    fn set_in(&self, holder: &mut Map<String, Value>, value: Option<Value>) {
        let key = key_of(holder, &self.name);
        match &self.place {
            Place::Itself => put(holder, key, value),
            Place::Sub(sub) => {
                let complex = holder.entry(key.clone()).or_insert_with(empty);
                if !complex.is_object() {
                    *complex = empty();
                }
                if let Some(complex) = complex.as_object_mut() {
                    let sub = key_of(complex, sub);
                    put(complex, sub, value);
                }
                drop_empty(holder, &key);
            }
            Place::Typed { kind, sub } => {
                let list = holder.entry(key.clone()).or_insert_with(|| Value::Array(Vec::new()));
                if !list.is_array() {
                    *list = Value::Array(Vec::new());
                }
                if let Some(list) = list.as_array_mut() {
                    set_typed(list, kind, sub, value);
                }
                drop_empty(holder, &key);
            }
        }
    }
}

/// What else the element says, such as that it is the primary one, stays.
fn set_typed(list: &mut Vec<Value>, kind: &str, sub: &str, value: Option<Value>) {
    let Some(value) = value else { return list.retain(|element| !is_of_type(element, kind)) };
    let known = list.iter_mut().filter(|element| is_of_type(element, kind)).find_map(Value::as_object_mut);
    match known {
        Some(element) => {
            let key = key_of(element, sub);
            element.insert(key, value);
        }
        None => list.push(serde_json::json!({ "type": kind, sub: value })),
    }
}

fn empty() -> Value {
    Value::Object(Map::new())
}

fn put(object: &mut Map<String, Value>, key: String, value: Option<Value>) {
    match value {
        Some(value) => drop(object.insert(key, value)),
        None => drop(object.remove(&key)),
    }
}

fn drop_empty(object: &mut Map<String, Value>, key: &str) {
    let is_empty = |value: &Value| {
        value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
    };
    if object.get(key).is_some_and(is_empty) {
        object.remove(key);
    }
}

/// As the object writes it, else as we do.
fn key_of(object: &Map<String, Value>, name: &str) -> String {
    object.keys().find(|key| key.eq_ignore_ascii_case(name)).map_or_else(|| name.to_owned(), String::clone)
}

fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object
        .get(name)
        .or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

fn is_of_type(element: &Value, kind: &str) -> bool {
    let found = element.as_object().and_then(|element| member(element, "type")).and_then(Value::as_str);
    found.is_some_and(|found| found.eq_ignore_ascii_case(kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn attribute(text: &str) -> Attribute {
        Attribute::try_from(text.to_owned()).expect("an attribute")
    }

    #[test]
    fn names_are_read_and_written_as_scim_writes_them() {
        let organization = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization";
        for text in
            ["userName", "name.givenName", organization, "emails[type eq \"work\"].value", "user.$ref"]
        {
            assert_eq!(attribute(text).to_string(), text);
        }
        assert_eq!(
            attribute(organization).schema(),
            Some("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")
        );
        let long = "a".repeat(NAME_MAX_BYTES + 1);
        for wrong in
            ["", ".", "a.b.c", "a b", "2a", "urn:x", "x:y", "emails[type eq \"\"].value", "emails[0]", &long]
        {
            assert!(Attribute::try_from(wrong.to_owned()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_value_is_set_and_taken_away_and_the_rest_stays() {
        let before = json!({
            "Name": { "givenName": "Ada", "middleName": "K" },
            "emails": [{ "type": "home", "value": "h" }, { "type": "WORK", "value": "w", "primary": true }],
            "urn:a:b": { "one": 1 },
        });
        let table = [
            ("name.givenname", json!("Ida"), "/Name/givenName"),
            ("emails[type eq \"work\"].value", json!("x"), "/emails/1/value"),
            ("emails[type eq \"other\"].value", json!("o"), "/emails/2/value"),
            ("urn:a:b:two", json!(2), "/urn:a:b/two"),
            ("urn:a:c:deep.er", json!(true), "/urn:a:c/deep/er"),
        ];
        for (text, value, pointer) in table {
            let (attribute, mut resource) = (attribute(text), before.clone());
            attribute.set(&mut resource, Some(value.clone()));
            assert_eq!(resource.pointer(pointer), Some(&value), "{text}: {resource}");
            assert_eq!(attribute.get(&resource), Some(&value), "{text}");
            assert_eq!(resource.pointer("/emails/0/value"), Some(&json!("h")), "{text}");
            attribute.set(&mut resource, None);
            assert_eq!(attribute.get(&resource), None, "{text}: {resource}");
        }
        let mut resource = before.clone();
        attribute("urn:a:b:one").set(&mut resource, None);
        assert!(resource.get("urn:a:b").is_none(), "an extension without a value is not sent: {resource}");
    }

    #[test]
    fn null_and_an_empty_list_are_no_value() {
        for none in [json!({ "emails": [] }), json!({ "emails": null }), json!({})] {
            assert_eq!(attribute("emails").get(&none), None);
        }
    }
}
