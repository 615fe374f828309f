//! JSON as the contract allows it, and its one spelling.
//!
//! RFC 8785 (JSON Canonicalization Scheme) over a subset: no floats, no nulls, integers within ±(2^53 - 1),
//! no member twice, bounded depth. Within it, canonical form needs no number formatting, and two readers
//! cannot disagree about a value.

mod look;

pub use look::{Shape, look};

use serde::de::{DeserializeOwned, DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use std::cmp::Ordering;
use std::fmt;

use crate::id::INTEGER_MAX;

/// Deepest nesting of arrays and objects.
pub const DEPTH_MAX: usize = 16;

/// A value of the subset; members in canonical order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// `true` or `false`
    Bool(bool),
    /// An integer within ±(2^53 - 1).
    Integer(i64),
    /// A string, unescaped.
    String(String),
    /// An array.
    Array(Vec<Value>),
    /// An object, its members sorted by UTF-16 code units (RFC 8785, 3.2.3).
    Object(Vec<(String, Value)>),
}

/// Reads `text` as a value of the subset.
///
/// # Errors
/// What is wrong, with line and column.
pub fn parse(text: &str) -> Result<Value, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Seed { depth: 0 }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Reads `bytes` as JSON of a form, not held to the subset. serde makes its code anew for bytes and for text, and text is read
/// anyway: so a panel's binary has that alone.
///
/// # Errors
/// What is wrong, with line and column where there is text.
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| Error::custom(format_args!("not UTF-8: {error}")))?;
    serde_json::from_str(text)
}

/// Appends the canonical bytes of `value`.
pub fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Integer(n) => out.extend_from_slice(n.to_string().as_bytes()),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write(item, out);
            }
            out.push(b']');
        }
        Value::Object(members) => {
            out.push(b'{');
            for (at, (name, member)) in members.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_string(name, out);
                out.push(b':');
                write(member, out);
            }
            out.push(b'}');
        }
    }
}

/// Escapes as RFC 8785, 3.2.2.2 says: the two-character forms where they exist, `\u00xx` for other controls.
fn write_string(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let mut clean = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            0x08 => b"\\b",
            0x09 => b"\\t",
            0x0a => b"\\n",
            0x0c => b"\\f",
            0x0d => b"\\r",
            0x00..0x20 => {
                &[b'\\', b'u', b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]
            }
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[clean..at]);
        out.extend_from_slice(escape);
        clean = at + 1;
    }
    out.extend_from_slice(&text.as_bytes()[clean..]);
    out.push(b'"');
}

fn member_order(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

struct Seed {
    depth: usize,
}

impl Seed {
    fn deeper<E: Error>(&self) -> Result<Seed, E> {
        if self.depth >= DEPTH_MAX {
            return Err(E::custom("nested deeper than 16"));
        }
        Ok(Seed { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Value;
    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a boolean, an integer, a string, an array or an object")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, n: i64) -> Result<Value, E> {
        if n < -INTEGER_MAX {
            return Err(E::custom("integer below -(2^53 - 1)"));
        }
        Ok(Value::Integer(n))
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<Value, E> {
        let n = i64::try_from(n).ok().filter(|n| *n <= INTEGER_MAX);
        n.map(Value::Integer).ok_or_else(|| E::custom("integer above 2^53 - 1"))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Value, E> {
        Err(E::custom("a number with a fraction or exponent; the contract has integers only"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.into()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Err(E::custom("null; leave the member out instead"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self.deeper()?)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        // Also of an empty object, as for an array.
        self.deeper::<A::Error>()?;
        let mut members: Vec<(String, Value)> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(self.deeper()?)?;
            members.push((name, value));
        }
        members.sort_by(|(a, _), (b, _)| member_order(a, b));
        if let Some(pair) = members.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(A::Error::custom(format_args!("member {:?} twice", pair[0].0)));
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::{Value, parse, write};
    use proptest::prelude::*;

    fn canonical(text: &str) -> Result<String, String> {
        let value = parse(text).map_err(|error| error.to_string())?;
        let mut out = Vec::new();
        write(&value, &mut out);
        Ok(String::from_utf8(out).expect("UTF-8 in, UTF-8 out"))
    }

    #[test]
    fn one_spelling() {
        let table = [
            (r#" { "b" : 1 , "a" : [ true , -7 ] } "#, r#"{"a":[true,-7],"b":1}"#),
            (
                r#"{"\u20ac":1,"\r":2,"1":3,"\u0080":4,"\ud83d\ude00":5,"\ufb33":6,"\u00f6":7}"#,
                // The order of the example in RFC 8785, 3.2.3: by UTF-16, so the emoji precedes U+FB33.
                "{\"\\r\":2,\"1\":3,\"\u{80}\":4,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":6}",
            ),
            (
                r#""\u0000\b\t\n\u000b\f\r\u001f\"\\\/é""#,
                "\"\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f\\\"\\\\/é\"",
            ),
            ("9007199254740991", "9007199254740991"),
        ];
        for (text, expected) in table {
            assert_eq!(canonical(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        let deep = "[".repeat(17) + &"]".repeat(17);
        let deep_and_empty = "[".repeat(16) + "{}" + &"]".repeat(16);
        let table = [
            ("null", "null"),
            ("1.0", "fraction"),
            ("1e3", "fraction"),
            ("-0", "fraction"),
            ("9007199254740992", "above"),
            ("-9007199254740992", "below"),
            ("99999999999999999999999", "fraction"),
            (r#"{"a":1,"a":1}"#, "twice"),
            (r#""\ud800""#, "hex escape"),
            ("[1] 2", "trailing"),
            (deep.as_str(), "deeper"),
            (deep_and_empty.as_str(), "deeper"),
        ];
        for (text, word) in table {
            let error = canonical(text).expect_err(text);
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    /// Any value of the subset, not too large.
    pub(super) fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            (-(1i64 << 53) + 1..1i64 << 53).prop_map(Value::Integer),
            any::<String>().prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::btree_map(any::<String>(), inner, 0..6).prop_map(|members| {
                    let mut members: Vec<_> = members.into_iter().collect();
                    members.sort_by(|(a, _), (b, _)| super::member_order(a, b));
                    Value::Object(members)
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn canonical_bytes_read_back_as_the_same_value(value in values()) {
            let mut out = Vec::new();
            write(&value, &mut out);
            let text = String::from_utf8(out).expect("UTF-8");
            prop_assert_eq!(parse(&text).expect("own output"), value);
        }
    }
}
