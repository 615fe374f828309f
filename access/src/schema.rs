//! JSON Schemas of the checked values, whose rules no derive can see.
//!
//! A schema counts characters where the rule counts bytes, and knows no calendar: what it lets through may
//! still be refused. Not here: the records themselves, which derive theirs.

use crate::id::Key;
use crate::schedule::{Date, MinuteOfDay};
use crate::text::{Secret, TEXT_MAX_BYTES, Text};
use crate::time::UtcTime;
use crate::uid::RawId;
use alloc::borrow::Cow;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

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

schema!(Key, {
    "description": "A record's key.",
    "type": "string",
    "pattern": "^[A-Za-z0-9._@:+-]{1,64}$",
});

schema!(Text, {
    "description": "At most 256 bytes of UTF-8, no control characters.",
    "type": "string",
    "maxLength": TEXT_MAX_BYTES,
    "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
});

schema!(Secret, {
    "description": "Text that is never shown again.",
    "type": "string",
    "writeOnly": true,
});

schema!(UtcTime, {
    "description": "An instant, UTC, whole seconds: YYYY-MM-DDTHH:MM:SSZ.",
    "type": "string",
    "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$",
});

schema!(RawId, {
    "description": "1 to 32 raw bytes, two hexadecimal digits each, in the order the card sends them.",
    "type": "string",
    "pattern": "^([0-9A-Fa-f]{2}){1,32}$",
});

schema!(MinuteOfDay, {
    "description": "A time of day, HH:MM, 00:00 to 24:00.",
    "type": "string",
    "pattern": "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$",
});

schema!(Date, {
    "description": "A day, YYYY-MM-DD.",
    "type": "string",
    "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
});
