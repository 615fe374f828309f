//! JSON bodies with variables. A member whose value is absent is left out; text is never pasted into JSON.
//!
//! Not here: what the variables mean (`template`), and comparing a body with an answer (`pacs::rest`).

use super::template::{Part, Place, Values, Variable, named, parts, text_of};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A JSON body with variables.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::export) enum Body {
    Fixed(Value),
    Text(Vec<Part<Variable>>),
    List(Vec<Body>),
    Object(Vec<(String, Body)>),
}

impl Body {
    /// Checks a body as it stands in the profile.
    pub(super) fn parse(value: &toml::Value, place: Place) -> Result<Body, String> {
        Ok(match value {
            toml::Value::String(text) => Body::Text(parts(text, |name, _| named(name, place))?),
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

    pub(in crate::export) fn names(&self, variable: Variable) -> bool {
        match self {
            Body::Fixed(_) => false,
            Body::Text(parts) => parts.contains(&Part::Variable(variable)),
            Body::List(list) => list.iter().any(|one| one.names(variable)),
            Body::Object(members) => members.iter().any(|(_, one)| one.names(variable)),
        }
    }

    /// Every member that is no table itself, by its JSON pointer.
    pub(in crate::export) fn leaves(&self) -> Vec<(String, &Body)> {
        match self {
            Body::Fixed(_) | Body::Text(_) | Body::List(_) => vec![(String::new(), self)],
            Body::Object(members) => members
                .iter()
                .flat_map(|(name, body)| {
                    let step = pointer_step(name);
                    body.leaves().into_iter().map(move |(rest, leaf)| (format!("{step}{rest}"), leaf))
                })
                .collect(),
        }
    }

    /// The JSON; none when a variable of this text has no value.
    pub(in crate::export) fn render(&self, values: &Values<'_>) -> Option<Value> {
        match self {
            Body::Fixed(value) => Some(value.clone()),
            Body::Text(parts) => match parts.as_slice() {
                // A variable that stands alone keeps its type.
                [Part::Variable(variable)] => values(*variable),
                _ => {
                    let mut text = String::new();
                    for part in parts {
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

/// A step of a JSON pointer.
fn pointer_step(member: &str) -> String {
    format!("/{}", member.replace('~', "~0").replace('/', "~1"))
}

/// Where the body has an additional property: its member's name, or a JSON pointer into what the body has.
pub(in crate::export) fn property_pointer(member: &str) -> String {
    if member.starts_with('/') { member.to_owned() } else { pointer_step(member) }
}

/// Adds additional properties to a person's body, under the names of the product's members.
pub(in crate::export) fn add_properties<'a>(
    body: &mut Value,
    properties: &'a BTreeMap<String, String>,
    member: impl Fn(&'a str) -> &'a str,
) {
    for (property, value) in properties {
        let pointer = property_pointer(member(property));
        let (object, name) = pointer.rsplit_once('/').unwrap_or_default();
        if let Some(object) = body.pointer_mut(object).and_then(Value::as_object_mut) {
            object.insert(name.replace("~1", "/").replace("~0", "~"), value.clone().into());
        }
    }
}
