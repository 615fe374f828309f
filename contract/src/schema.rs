//! JSON Schemas (draft 7, which AsyncAPI tools all read) of messages and records, from their types.
//!
//! A schema says what a message looks like. What it cannot say is in the text: order, roots, bytes, calendars.
//! Members that it does not name are allowed: they are a later minor version's.
//!
//! Not here: the files (docs/contract/schemas), which a test keeps in step; what gateways say to each other, which no
//! source hears.

use crate::changes::ChangesOut;
use crate::command::CommandMessage;
use crate::digest::Digest;
use crate::id::{GatewayId, INTEGER_MAX, Version};
use crate::messages::{EventMessage, Meta, State};
use crate::repair::{Bits, BucketOut, Digests, Request};
use crate::{BITS_MAX, id::Kind};
use access::{
    assignment::Assignment, door::Door, entitlement::Entitlement, schedule::Schedule, token::Token,
    user::User,
};
use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};
use std::borrow::Cow;

/// Every schema with the name of its file, without the extension: the topic's last part, or the kind.
pub fn all() -> Vec<(&'static str, Schema)> {
    let messages = [
        ("meta", of::<Meta>()),
        ("changes", of::<ChangesOut<'_>>()),
        ("request", of::<Request>()),
        ("digests", of::<Digests>()),
        ("bucket", of::<BucketOut<'_>>()),
        ("state", of::<State>()),
        ("events", of::<EventMessage>()),
        ("command", of::<CommandMessage>()),
    ];
    let records = Kind::ALL.map(|kind| (kind.as_str(), of_kind(kind)));
    messages.into_iter().chain(records).collect()
}

fn of_kind(kind: Kind) -> Schema {
    match kind {
        Kind::User => of::<User>(),
        Kind::Token => of::<Token>(),
        Kind::Entitlement => of::<Entitlement>(),
        Kind::Assignment => of::<Assignment>(),
        Kind::Schedule => of::<Schedule>(),
        Kind::Door => of::<Door>(),
    }
}

fn of<T: JsonSchema>() -> Schema {
    let mut settings = SchemaSettings::draft07();
    // Before a reference loses its neighbours, which draft 7 ignores.
    settings.transforms.insert(0, Box::new(Plain));
    settings.into_generator().into_root_schema_for::<T>()
}

/// The contract has no null (a member that is not there is left out), and its readers no Rust.
#[derive(Clone, Debug)]
struct Plain;

impl Transform for Plain {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(members) = schema.as_object_mut() else { return };
        if let Some(Value::String(text)) = members.get_mut("description") {
            // Lines end where a comment's did.
            *text = text.replace('\n', " ");
        }
        if members.get("default").is_some_and(Value::is_null) {
            members.remove("default");
        }
        if let Some(Value::Array(types)) = members.get_mut("type") {
            types.retain(|name| name != "null");
            if let [only] = types.as_mut_slice() {
                let only = only.take();
                members.insert("type".into(), only);
            }
        }
        let Some(Value::Array(choices)) = members.get_mut("anyOf") else { return };
        choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
        if let [Value::Object(only)] = choices.as_mut_slice() {
            let only = std::mem::take(only);
            members.remove("anyOf");
            members.extend(only);
        }
    }
}

macro_rules! schema {
    ($name:ident, $($schema:tt)+) => {
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($($schema)+)
            }
        }
    };
}

schema!(Digest, {
    "description": "128 bits as 32 lower-case hexadecimal digits.",
    "type": "string",
    "pattern": "^[0-9a-f]{32}$",
});

schema!(Version, {
    "description": "[epoch, seq]",
    "type": "array",
    "items": { "type": "integer", "minimum": 0, "maximum": INTEGER_MAX },
    "minItems": 2,
    "maxItems": 2,
});

schema!(Bits, {
    "description": "How many leading bits of a key's hash name its bucket.",
    "type": "integer",
    "minimum": 0,
    "maximum": BITS_MAX,
});

schema!(GatewayId, {
    "description": "The id of a gateway.",
    "type": "string",
    "pattern": "^[a-z0-9-]{1,32}$",
});

/// A record inside a message: any object, since a record that its kind's schema does not allow is refused by
/// itself, not with its message.
pub(crate) struct AnyRecord;

impl JsonSchema for AnyRecord {
    fn schema_name() -> Cow<'static, str> {
        "Record".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A record; the schema of its kind says what it has to be, or it is refused.",
            "type": "object",
        })
    }
}

/// A kind's name: one of this version's, or of a later one's.
pub(crate) struct AnyKind;

impl JsonSchema for AnyKind {
    fn schema_name() -> Cow<'static, str> {
        "Kind".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "user, token, entitlement, assignment, schedule, door, or a later version's.",
            "type": "string",
            "pattern": "^[a-z_]{1,32}$",
        })
    }
}

/// What `op` asks for: a record, or none.
pub(crate) fn upsert_or_delete() -> Value {
    json!([
        { "properties": { "op": { "const": "upsert" } }, "required": ["record"] },
        { "properties": { "op": { "const": "delete" }, "record": false } },
    ])
}
