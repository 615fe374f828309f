//! A request as a double sees it, its answer, and a request as a test sees it. Pure.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::request::Request;

/// Headers that say nothing of what is asked.
const HEADERS_OF_TRANSPORT: [&str; 5] = ["host", "accept", "content-length", "connection", "user-agent"];
/// Headers whose value is a secret, but for the name of its scheme.
const HEADERS_WITH_SECRETS: [&str; 5] =
    ["authorization", "cookie", "session-token", "x-api-key", "x-auth-token"];
/// Members of bodies that are secrets.
const MEMBERS_WITH_SECRETS: [&str; 5] = ["password", "pin", "pin_code", "secret", "usercode"];
/// Stands for a secret.
const HIDDEN: &str = "…";

/// A request.
#[derive(Clone, Debug)]
pub struct Ask {
    /// As in the request line: `GET`, `POST`, …
    pub method: String,
    /// As in the request line, below the base path, without the query.
    pub path: String,
    /// The path's segments, percent-decoded.
    pub segments: Vec<String>,
    /// The query's parameters, percent-decoded, in order.
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As sent.
    pub body: Vec<u8>,
}

impl Ask {
    /// From the parts of a request line, and names of headers in lower case.
    #[must_use]
    pub fn new(method: &str, path: &str, query: &str, headers: Vec<(String, String)>, body: Vec<u8>) -> Ask {
        let Request { method, segments, query, body } = Request::new(method, path, query, body);
        Ask { method, path: path.to_owned(), segments, query, headers, body }
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// The parser's words.
    pub fn json(&self) -> Result<Value, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }

    /// The first header of this name, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        first(&self.headers, name)
    }

    /// The first parameter of the query with this name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        first(&self.query, name)
    }

    /// The path's segments, to be matched as a slice.
    #[must_use]
    pub fn parts(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }
}

fn first<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// An answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// The HTTP status, 200 to 599.
    pub status: u16,
    /// Beside the length, which the server adds.
    pub headers: Vec<(String, String)>,
    /// As it is sent.
    pub body: Vec<u8>,
}

impl Reply {
    /// With this JSON.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Reply {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Reply { status, headers, body: body.to_string().into_bytes() }
    }

    /// Without a body.
    #[must_use]
    pub fn empty(status: u16) -> Reply {
        Reply { status, headers: Vec::new(), body: Vec::new() }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A request as it was received, without its secrets and without the double's address (`{url}` stands for it).
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Recorded {
    /// As in the request line.
    pub method: String,
    /// As in the request line, with base path and query.
    pub path: String,
    /// Headers of interest; of a login only the scheme.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// JSON if it is any, else text; null when there is none.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub body: Value,
}

impl Recorded {
    pub(super) fn new(ask: &Ask, line: &str, url: &str) -> Recorded {
        let placed = |text: &str| text.replace(url, "{url}");
        let mut body = ask.json().unwrap_or_else(|_| placed(&String::from_utf8_lossy(&ask.body)).into());
        if body == "" {
            body = Value::Null;
        }
        clean(&mut body, &placed);
        let header = |(name, value): &(String, String)| {
            let interesting = !HEADERS_OF_TRANSPORT.contains(&name.as_str());
            interesting.then(|| (name.clone(), shown(name, value)))
        };
        Recorded {
            method: ask.method.clone(),
            path: placed(line),
            headers: ask.headers.iter().filter_map(header).collect(),
            body,
        }
    }
}

/// For snapshots: the request line, the headers but the body's type, and the body.
impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.method, self.path)?;
        for (name, value) in self.headers.iter().filter(|(_, value)| *value != "application/json") {
            writeln!(f, "{name}: {value}")?;
        }
        match &self.body {
            Value::Null => Ok(()),
            Value::String(text) => writeln!(f, "{text}"),
            body => writeln!(f, "{body:#}"),
        }
    }
}

fn shown(name: &str, value: &str) -> String {
    if !HEADERS_WITH_SECRETS.contains(&name) {
        return value.to_owned();
    }
    match value.split_once(' ') {
        Some((scheme, _)) => format!("{scheme} {HIDDEN}"),
        None => HIDDEN.to_owned(),
    }
}

/// Hides secrets, and changes all other text.
fn clean(value: &mut Value, text: &impl Fn(&str) -> String) {
    match value {
        Value::String(inner) => *inner = text(inner),
        Value::Array(items) => items.iter_mut().for_each(|item| clean(item, text)),
        Value::Object(members) => {
            for (name, member) in members {
                let secret = MEMBERS_WITH_SECRETS.contains(&name.to_lowercase().as_str());
                if secret && !member.is_object() && !member.is_array() && *member != "" {
                    *member = HIDDEN.into();
                } else {
                    clean(member, text);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
