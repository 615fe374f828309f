//! What several targets assert: another spelling means the same, and what was read reads back when written.
//!
//! - [`pacs`]: a PACS that answers what the fuzzer says
//!
//! Not here: the targets, one a file under `fuzz_targets/`.

pub mod pacs;

use contract::json::Value;
use contract::{RECORD_MAX_BYTES, digest, id, json, record};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::{Debug, Write as _};

/// Reads `payload` as the gateway or the source does; what is accepted reads back from its own text.
pub fn reads_back<T: DeserializeOwned + Serialize + PartialEq + Debug>(payload: &[u8]) {
    let Ok(message) = serde_json::from_slice::<T>(payload) else { return };
    let text = serde_json::to_string(&message).expect("a message can be written");
    assert_eq!(serde_json::from_str::<T>(&text).expect(&text), message);
}

/// All that holds for the text of a record, whatever it is.
pub fn check_record(kind: &str, sent: &str) {
    let parsed = record::parse(kind, sent);
    let canonical = std::str::from_utf8(&parsed.canonical).expect("canonical bytes are UTF-8");
    let again = record::parse(kind, canonical);
    assert_eq!(again.canonical, parsed.canonical, "canonical form is a fixed point");
    // One byte is left for the space below.
    let value = if sent.len() < RECORD_MAX_BYTES { json::parse(sent).ok() } else { None };
    let Some(value) = value else {
        assert!(parsed.record.is_err() || sent.len() == RECORD_MAX_BYTES, "no canonical form, yet accepted");
        return;
    };
    let mut written = Vec::new();
    json::write(&value, &mut written);
    assert_eq!(parsed.canonical, written, "the short way finds what the long way does");
    // A space in front is enough to be sent the long way.
    let spaced = format!(" {sent}");
    assert_eq!(record::parse(kind, &spaced), parsed, "both ways judge alike");
    if parsed.record.is_ok() {
        assert_eq!(again.record, parsed.record, "the canonical form means the same");
    }
    let other = respelled(&value);
    if other.len() <= RECORD_MAX_BYTES {
        let other = record::parse(kind, &other);
        assert_eq!(other.record.ok(), parsed.record.ok(), "another spelling means the same");
        let version = id::Version { epoch: 1, seq: 2 };
        let digest = |canonical: &[u8]| digest::record(kind, "k", canonical, version);
        assert_eq!(digest(&other.canonical), digest(&parsed.canonical));
    }
}

/// `value` spelled as far from its canonical form as it can be: members backwards, every character escaped,
/// blanks wherever they may be.
pub fn respelled(value: &Value) -> String {
    let mut out = String::new();
    respell(value, &mut out);
    out
}

fn respell(value: &Value, out: &mut String) {
    out.push_str("\t ");
    match value {
        Value::Bool(yes) => write!(out, "{yes}").expect("memory"),
        Value::Integer(n) => write!(out, "{n}").expect("memory"),
        Value::String(text) => escape(text, out),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                respell(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (at, (name, member)) in members.iter().rev().enumerate() {
                out.push_str(if at > 0 { ", " } else { " " });
                escape(name, out);
                out.push_str(" :");
                respell(member, out);
            }
            out.push('}');
        }
    }
    out.push_str("\r\n");
}

fn escape(text: &str, out: &mut String) {
    out.push('"');
    for unit in text.encode_utf16() {
        write!(out, "\\u{unit:04X}").expect("memory");
    }
    out.push('"');
}
