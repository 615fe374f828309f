//! What a resource consists of for us: the attributes that are ours, what they are given, and whether what was
//! found has the same. Pure.
//!
//! An update starts from what the server holds: attributes of others stay, ours are set or taken away.
//!
//! Not here: requests (`scim`), and how one attribute is written (`attribute`).

use super::attribute::Attribute;
use super::section::{Section, Users};
use crate::export::content::{Content, PersonFields};
use crate::export::item::{ItemKind, Step};
use access::text::Secret;
use access::time::{UtcTime, Window};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The core schema for users (RFC 7643, 4.1).
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// Our name of a resource is kept there (RFC 7643, 3.1).
pub(super) const EXTERNAL_ID: &str = "externalId";

/// Additional properties of a person, by the profile's names.
pub(super) type Properties = BTreeMap<String, Attribute>;

/// How a field of ours is compared with what was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Compared {
    /// Not at all: the server never gives it back.
    Never,
    /// Unless the server gives nothing back.
    IfGiven,
    /// As an instant; no edge is an edge, too.
    AsEdge,
}

struct Field {
    attribute: Attribute,
    value: Option<Value>,
    compared: Compared,
}

/// A resource as it should be.
pub(super) struct Wanted<'a> {
    schema: &'a str,
    fields: Vec<Field>,
}

/// Our name of the item: an assignment's is made of both sides, since two users may have the same entitlement.
pub(super) fn name(step: &Step) -> Result<String, String> {
    let ids = &step.ids;
    let name = match (step.item.kind, &ids.person_ext_id) {
        (ItemKind::Person | ItemKind::Credential, _) => ids.ext_id.clone(),
        (ItemKind::Permission, Some(person)) => format!("{person}/{}", ids.ext_id),
        (ItemKind::Permission, None) => return Err("the person's name is not known".into()),
    };
    if name.is_empty() { Err("the item has no name".into()) } else { Ok(name) }
}

/// The attribute that says whose it is; none for a person.
pub(super) fn owner(section: &Section, kind: ItemKind) -> Option<&Attribute> {
    match kind {
        ItemKind::Person => None,
        ItemKind::Credential => Some(&section.tokens.user),
        ItemKind::Permission => Some(&section.assignments.user),
    }
}

/// The resource that `step` wants; none without a content.
pub(super) fn wanted<'a>(
    section: &'a Section,
    properties: &Properties,
    step: &Step,
) -> Result<Option<Wanted<'a>>, String> {
    let Some(content) = &step.content else { return Ok(None) };
    let mut fields = vec![Field::text(&Attribute::own(EXTERNAL_ID), Some(name(step)?))];
    if let Some(owner) = owner(section, step.item.kind) {
        let person = step.ids.person_native_id.clone().ok_or("the person's id is not known")?;
        fields.push(Field::text(owner, Some(person)));
    }
    let schema = match content {
        Content::Person(person) => {
            fields.extend(user(&section.users, properties, person, &step.ids.ext_id));
            USER
        }
        Content::Credential(credential) => {
            let form = &section.tokens;
            fields.push(Field::text(&form.card_number, Some(credential.card_number.clone())));
            fields.extend(edges(&form.valid_from, &form.valid_to, credential.window));
            form.schema.0.as_str()
        }
        Content::Permission(given) => {
            let form = &section.assignments;
            let called = Some(given.permission.display_name.clone());
            fields.push(Field::text(&form.entitlement, Some(step.ids.ext_id.clone())));
            fields.extend(form.entitlement_name.iter().map(|name| Field::text(name, called.clone())));
            fields.extend(edges(&form.valid_from, &form.valid_to, given.permission.window));
            form.schema.0.as_str()
        }
    };
    Ok(Some(Wanted { schema, fields }))
}

fn user(form: &Users, properties: &Properties, person: &PersonFields, ext_id: &str) -> Vec<Field> {
    let active =
        Field { attribute: Attribute::own("active"), value: Some(true.into()), compared: Compared::IfGiven };
    let mut fields = vec![
        Field::text(&Attribute::own("userName"), Some(ext_id.to_owned())),
        Field::text(&Attribute::sub("name", "givenName"), Some(person.given_name.clone())),
        Field::text(&Attribute::sub("name", "familyName"), Some(person.family_name.clone())),
        active,
    ];
    fields.extend(form.email.iter().map(|email| Field::text(email, person.email.clone())));
    fields.extend(form.organization.iter().map(|name| Field::text(name, person.organization.clone())));
    fields.extend(form.pin.iter().map(|pin| Field {
        compared: Compared::Never,
        ..Field::text(pin, person.pin.as_ref().map(|pin| Secret::expose(pin).to_owned()))
    }));
    let property = |(name, attribute): (&String, &Attribute)| {
        Field::text(attribute, person.properties.get(name).cloned())
    };
    fields.extend(properties.iter().map(property));
    fields
}

fn edges(from: &Option<Attribute>, to: &Option<Attribute>, window: Window) -> Vec<Field> {
    let edges = [(from, window.from), (to, window.to)];
    let field = |(attribute, at): (&Option<Attribute>, Option<UtcTime>)| {
        let attribute = attribute.clone()?;
        Some(Field { attribute, value: at.map(|at| at.to_string().into()), compared: Compared::AsEdge })
    };
    edges.into_iter().filter_map(field).collect()
}

impl Field {
    fn text(attribute: &Attribute, text: Option<String>) -> Field {
        let value = text.filter(|text| !text.is_empty()).map(Value::from);
        Field { attribute: attribute.clone(), value, compared: Compared::IfGiven }
    }

    /// Whether what was found has it; none when that cannot be told.
    fn is_in(&self, found: &Value) -> Option<bool> {
        let theirs = self.attribute.get(found);
        match (self.compared, &self.value, theirs) {
            (Compared::Never, _, _) => None,
            (Compared::IfGiven, Some(ours), Some(theirs)) => Some(ours == theirs),
            (Compared::IfGiven, Some(_), None) => None,
            (Compared::AsEdge, Some(ours), Some(theirs)) => Some(is_same_instant(ours, theirs)),
            (Compared::AsEdge, Some(_), None) => Some(false),
            (Compared::IfGiven | Compared::AsEdge, None, theirs) => Some(theirs.is_none()),
        }
    }
}

/// Servers may write an instant with a fraction, or in another zone (RFC 7643, 2.3.5). One that cannot be read
/// equals none of ours.
fn is_same_instant(ours: &Value, theirs: &Value) -> bool {
    let at = |value: &Value| UtcTime::parse_any(value.as_str()?);
    at(ours).is_some_and(|ours| at(theirs) == Some(ours))
}

impl Wanted<'_> {
    /// The whole resource: what the server holds now, with what is ours.
    pub(super) fn body(&self, current: Option<&Value>) -> Value {
        let mut body = current.filter(|current| current.is_object()).cloned().unwrap_or_else(|| json!({}));
        for field in &self.fields {
            field.attribute.set(&mut body, field.value.clone());
        }
        let mut schemas = vec![Value::from(self.schema)];
        schemas.extend(
            current.and_then(|current| current.get("schemas")?.as_array()).into_iter().flatten().cloned(),
        );
        let extended = self.fields.iter().filter(|field| field.value.is_some());
        schemas.extend(extended.filter_map(|field| field.attribute.schema().map(Value::from)));
        let mut seen = Vec::new();
        schemas.retain(|schema| {
            let is_new = !seen.contains(schema);
            seen.push(schema.clone());
            is_new
        });
        if let Some(body) = body.as_object_mut() {
            // The server's own, which it would not take from us.
            body.remove("meta");
            body.insert("schemas".into(), schemas.into());
        }
        body
    }

    /// Whether what was found is as wanted in all that can be compared.
    pub(super) fn is_in(&self, found: &Value) -> Option<bool> {
        self.fields.iter().filter_map(|field| field.is_in(found)).reduce(|all, one| all && one)
    }
}
