//! Variables, and paths with them, checked when the profile is loaded.
//!
//! A value is never pasted into a path unescaped: percent-encoded always, with its quotes doubled inside an OData
//! text (`'{ext_id:odata}'`).
//!
//! Not here: bodies (`body`).

use crate::export::content::Content;
use crate::export::item::{ItemKind, Step};
use access::text::Secret;
use access::time::UtcTime;
use serde_json::Value;
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
    /// Of a page: counted.
    Page,
    /// Of a page: how many items the pages before it had.
    Skip,
    /// Of a page: what the page before it gave.
    After,
    /// Most items of a page.
    Limit,
    /// For a login.
    Username,
    /// For a login.
    Password,
}

/// Where a template stands: decides which variables it may name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// A request for an item; with or without content.
    Item(ItemKind, bool),
    /// The list of entitlements.
    Entitlements,
    /// The list of persons.
    Persons,
    /// A login.
    Login,
    /// What has no variables.
    Plain,
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

const PAGES: [(&str, Variable); 4] = [
    ("page", Variable::Page),
    ("skip", Variable::Skip),
    ("after", Variable::After),
    ("limit", Variable::Limit),
];
const LOGIN: [(&str, Variable); 2] = [("username", Variable::Username), ("password", Variable::Password)];

impl Place {
    /// The variables that have a meaning here.
    fn variables(self) -> Vec<(&'static str, Variable)> {
        let mut known = Vec::new();
        match self {
            Place::Entitlements => known.push(("type", Variable::EntitlementType)),
            Place::Persons => known.extend(PAGES),
            Place::Login => known.extend(LOGIN),
            Place::Plain => {}
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

/// A piece of text with variables.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::export) enum Part<T> {
    Literal(String),
    Variable(T),
}

/// Text with variables in braces; `variable` knows the names, given the text before each.
pub(super) fn parts<T>(
    text: &str,
    mut variable: impl FnMut(&str, &str) -> Result<T, String>,
) -> Result<Vec<Part<T>>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((literal, tail)) = rest.split_once('{') {
        let Some((name, tail)) = tail.split_once('}') else {
            return Err("close the variable's brace".into());
        };
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.into()));
        }
        let before = &text[..text.len() - rest.len() + literal.len()];
        parts.push(Part::Variable(variable(name, before)?));
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

/// The variable of that name.
pub(super) fn named(name: &str, place: Place) -> Result<Variable, String> {
    let known = place.variables();
    let found = known.iter().find(|(known, _)| *known == name).map(|(_, variable)| *variable);
    found.ok_or_else(|| match known.as_slice() {
        [] => format!("no variable {{{name}}} here; there are none"),
        known => {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            format!("no variable {{{name}}} here; there are {}", names.join(", "))
        }
    })
}

/// Gives a variable's value; none when it is absent.
pub(in crate::export) type Values<'a> = dyn Fn(Variable) -> Option<Value> + 'a;

/// How a value in a path is escaped, beside percent-encoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Quoting {
    None,
    /// Inside an OData text: a quote is written twice.
    OData,
}

/// A path with its query.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::export) struct PathTemplate(Vec<Part<(Variable, Quoting)>>);

impl PathTemplate {
    /// Checks a path with its query.
    pub(super) fn parse(text: &str, place: Place) -> Result<PathTemplate, String> {
        if !text.starts_with('/') || text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '#') {
            return Err("a path begins with / and has neither spaces nor #".into());
        }
        let variable = |name: &str, before: &str| {
            let (name, quoting) = match name.strip_suffix(":odata") {
                Some(name) => (name, Quoting::OData),
                None => (name, Quoting::None),
            };
            let quoted = before.matches('\'').count() % 2 == 1;
            match (quoted, quoting) {
                (true, Quoting::None) => Err(format!("inside quotes write {{{name}:odata}}")),
                (false, Quoting::OData) => Err(format!("outside quotes write {{{name}}}")),
                (true, Quoting::OData) | (false, Quoting::None) => Ok((named(name, place)?, quoting)),
            }
        };
        parts(text, variable).map(PathTemplate)
    }

    pub(in crate::export) fn names(&self, variable: Variable) -> bool {
        self.0.iter().any(|part| match part {
            Part::Literal(_) => false,
            Part::Variable((named, _)) => *named == variable,
        })
    }

    /// The path with every value percent-encoded; the missing variable if one has no value: half a path must
    /// never be sent, since it may name something larger.
    pub(in crate::export) fn render(&self, values: &Values<'_>) -> Result<String, Variable> {
        let mut path = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(text) => path.push_str(text),
                Part::Variable((variable, quoting)) => {
                    let value = values(*variable).map(text_of).filter(|text| !text.is_empty());
                    let value = value.ok_or(*variable)?;
                    match quoting {
                        Quoting::None => push_encoded(&mut path, &value),
                        Quoting::OData => push_encoded(&mut path, &value.replace('\'', "''")),
                    }
                }
            }
        }
        Ok(path)
    }
}

pub(super) fn text_of(value: Value) -> String {
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
        // Of lists and logins.
        Variable::Page
        | Variable::Skip
        | Variable::After
        | Variable::Limit
        | Variable::Username
        | Variable::Password => None,
    };
    text.map(Value::from)
}
