//! Paths and bodies with variables, checked when the profile is loaded.
//!
//! A member whose value is absent is left out; text is never pasted into JSON or a path unescaped.

use crate::export::content::Content;
use crate::export::item::{ItemKind, Step};
use access::text::Secret;
use access::time::UtcTime;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How instants are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::export) enum Instants {
    /// `2026-03-01T08:00:00Z`
    UtcSeconds,
    /// Seconds since 1970.
    UnixSeconds,
}

/// What a template may name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::export) enum Variable {
    ExtId,
    Id,
    PersonExtId,
    PersonId,
    GivenName,
    FamilyName,
    Organization,
    Email,
    Pin,
    CardNumber,
    DisplayName,
    EntitlementType,
    ValidFrom,
    ValidTo,
}

/// Where a template stands: decides which variables it may name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// A request for an item; with or without content.
    Item(ItemKind, bool),
    /// The list of entitlements.
    Entitlements,
}

const IDS: [(&str, Variable); 2] = [("ext_id", Variable::ExtId), ("id", Variable::Id)];
const PERSON_IDS: [(&str, Variable); 2] =
    [("person_ext_id", Variable::PersonExtId), ("person_id", Variable::PersonId)];
const PERSON: [(&str, Variable); 5] = [
    ("given_name", Variable::GivenName),
    ("family_name", Variable::FamilyName),
    ("organization", Variable::Organization),
    ("email", Variable::Email),
    ("pin", Variable::Pin),
];
const CREDENTIAL: [(&str, Variable); 1] = [("card_number", Variable::CardNumber)];
const PERMISSION: [(&str, Variable); 2] =
    [("display_name", Variable::DisplayName), ("type", Variable::EntitlementType)];
const WINDOW: [(&str, Variable); 2] = [("valid_from", Variable::ValidFrom), ("valid_to", Variable::ValidTo)];

impl Place {
    /// The variables that have a meaning here.
    fn variables(self) -> Vec<(&'static str, Variable)> {
        let mut known = Vec::new();
        match self {
            Place::Entitlements => known.push(("type", Variable::EntitlementType)),
            Place::Item(kind, with_content) => {
                known.extend(IDS);
                match kind {
                    ItemKind::Person if with_content => known.extend(PERSON),
                    ItemKind::Credential if with_content => {
                        known.extend(PERSON_IDS.into_iter().chain(CREDENTIAL).chain(WINDOW));
                    }
                    ItemKind::Permission if with_content => {
                        known.extend(PERSON_IDS.into_iter().chain(PERMISSION).chain(WINDOW));
                    }
                    ItemKind::Person => {}
                    ItemKind::Credential | ItemKind::Permission => known.extend(PERSON_IDS),
                }
            }
        }
        known
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Literal(String),
    Variable(Variable),
}

/// Text with variables.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::export) struct PathTemplate(Vec<Part>);

fn parts(text: &str, place: Place) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((literal, tail)) = rest.split_once('{') {
        let Some((name, tail)) = tail.split_once('}') else {
            return Err("close the variable's brace".into());
        };
        let known = place.variables();
        let Some((_, variable)) = known.iter().find(|(known, _)| *known == name) else {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            return Err(format!("no variable {{{name}}} here; there are {}", names.join(", ")));
        };
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.into()));
        }
        parts.push(Part::Variable(*variable));
        rest = tail;
    }
    if rest.contains('}') {
        return Err("a brace is closed that was not opened".into());
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.into()));
    }
    Ok(parts)
}

/// Gives a variable's value; none when it is absent.
type Values<'a> = dyn Fn(Variable) -> Option<Value> + 'a;

impl PathTemplate {
    /// Checks a path with its query.
    pub(super) fn parse(text: &str, place: Place) -> Result<PathTemplate, String> {
        if !text.starts_with('/') || text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '#') {
            return Err("a path begins with / and has neither spaces nor #".into());
        }
        parts(text, place).map(PathTemplate)
    }

    pub(in crate::export) fn names(&self, variable: Variable) -> bool {
        self.0.contains(&Part::Variable(variable))
    }

    /// The path with every value percent-encoded; the missing variable if one has no value: half a path must
    /// never be sent, since it may name something larger.
    pub(in crate::export) fn render(&self, values: &Values<'_>) -> Result<String, Variable> {
        let mut path = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(text) => path.push_str(text),
                Part::Variable(variable) => {
                    let value = values(*variable).map(text_of).filter(|text| !text.is_empty());
                    push_encoded(&mut path, &value.ok_or(*variable)?);
                }
            }
        }
        Ok(path)
    }
}

fn text_of(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Everything but RFC 3986's unreserved characters is encoded. A value of dots alone would climb the path.
fn push_encoded(path: &mut String, text: &str) {
    let only_dots = text.bytes().all(|byte| byte == b'.');
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) || (byte == b'.' && !only_dots) {
            path.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(path, "%{byte:02X}");
        }
    }
}

/// A JSON body with variables.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::export) enum Body {
    Fixed(Value),
    Text(Vec<TextPart>),
    List(Vec<Body>),
    Object(Vec<(String, Body)>),
}

/// A part of a body's text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::export) struct TextPart(Part);

impl Body {
    /// Checks a body as it stands in the profile.
    pub(super) fn parse(value: &toml::Value, place: Place) -> Result<Body, String> {
        Ok(match value {
            toml::Value::String(text) => Body::Text(parts(text, place)?.into_iter().map(TextPart).collect()),
            toml::Value::Integer(number) => Body::Fixed((*number).into()),
            toml::Value::Boolean(truth) => Body::Fixed((*truth).into()),
            toml::Value::Array(list) => {
                Body::List(list.iter().map(|one| Body::parse(one, place)).collect::<Result<_, _>>()?)
            }
            toml::Value::Table(table) => {
                let member = |(name, value): (&String, &toml::Value)| {
                    Ok::<_, String>((name.clone(), Body::parse(value, place)?))
                };
                Body::Object(table.iter().map(member).collect::<Result<_, _>>()?)
            }
            toml::Value::Float(_) | toml::Value::Datetime(_) => {
                return Err("a body has text, whole numbers, true, false, lists and tables".into());
            }
        })
    }

    pub(super) fn names(&self, variable: Variable) -> bool {
        match self {
            Body::Fixed(_) => false,
            Body::Text(parts) => parts.contains(&TextPart(Part::Variable(variable))),
            Body::List(list) => list.iter().any(|one| one.names(variable)),
            Body::Object(members) => members.iter().any(|(_, one)| one.names(variable)),
        }
    }

    /// The JSON; none when a variable of this text has no value.
    pub(in crate::export) fn render(&self, values: &Values<'_>) -> Option<Value> {
        match self {
            Body::Fixed(value) => Some(value.clone()),
            Body::Text(parts) => match parts.as_slice() {
                // A variable that stands alone keeps its type.
                [TextPart(Part::Variable(variable))] => values(*variable),
                _ => {
                    let mut text = String::new();
                    for TextPart(part) in parts {
                        match part {
                            Part::Literal(literal) => text.push_str(literal),
                            Part::Variable(variable) => text.push_str(&text_of(values(*variable)?)),
                        }
                    }
                    Some(text.into())
                }
            },
            Body::List(list) => {
                Some(list.iter().filter_map(|one| one.render(values)).collect::<Vec<_>>().into())
            }
            Body::Object(members) => {
                let member = |(name, body): &(String, Body)| Some((name.clone(), body.render(values)?));
                Some(members.iter().filter_map(member).collect::<Map<_, _>>().into())
            }
        }
    }
}

/// The value of `variable` for `step`.
pub(in crate::export) fn value(step: &Step, variable: Variable, instants: Instants) -> Option<Value> {
    let at = |at: Option<UtcTime>| match instants {
        Instants::UtcSeconds => at.map(|at| Value::from(at.to_string())),
        Instants::UnixSeconds => at.map(|at| Value::from(at.unix())),
    };
    let content = step.content.as_ref();
    let person = content.and_then(Content::person);
    let permission = content.and_then(Content::permission);
    let text = match variable {
        Variable::ExtId => Some(step.ids.ext_id.as_str()),
        Variable::Id => step.ids.native_id.as_deref(),
        Variable::PersonExtId => step.ids.person_ext_id.as_deref(),
        Variable::PersonId => step.ids.person_native_id.as_deref(),
        Variable::GivenName => person.map(|person| person.given_name.as_str()),
        Variable::FamilyName => person.map(|person| person.family_name.as_str()),
        Variable::Organization => person.and_then(|person| person.organization.as_deref()),
        Variable::Email => person.and_then(|person| person.email.as_deref()),
        Variable::Pin => person.and_then(|person| person.pin.as_ref()).map(Secret::expose),
        Variable::CardNumber => content.and_then(Content::credential).map(|card| card.card_number.as_str()),
        Variable::DisplayName => permission.map(|permission| permission.display_name.as_str()),
        Variable::EntitlementType => permission.map(|permission| permission.kind.as_str()),
        Variable::ValidFrom => return at(content?.window()?.from),
        Variable::ValidTo => return at(content?.window()?.to),
    };
    text.map(Value::from)
}

/// Adds additional properties to a person's body, under the names of the product's members.
pub(in crate::export) fn add_properties<'a>(
    body: &mut Value,
    properties: &'a BTreeMap<String, String>,
    member: impl Fn(&'a str) -> &'a str,
) {
    if let Some(object) = body.as_object_mut() {
        object.extend(properties.iter().map(|(name, value)| (member(name).to_owned(), value.clone().into())));
    }
}
