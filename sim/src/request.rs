//! A request as the PACS and its control API judge it, and what they answer: no HTTP library in sight.

use serde_json::{Value, json};

use crate::world::{Object, Refusal};

/// A parsed request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// As in the request line: `GET`, `POST`, …
    pub(crate) method: String,
    /// The path's segments, percent-decoded, without the base path.
    pub(crate) segments: Vec<String>,
    /// The query's parameters, percent-decoded, in order.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Parses a path (base path removed) and a query as they stand in the request line.
    pub(crate) fn new(method: &str, path: &str, query: &str, body: Vec<u8>) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        Self {
            method: method.to_owned(),
            segments: path.split('/').filter(|part| !part.is_empty()).map(percent_decoded).collect(),
            query: pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(decoded_pair).collect(),
            body,
        }
    }

    /// The value of a query parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Checks that there are no other parameters: a misspelt filter must not list everything.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming the first other parameter.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        match self.query.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            Some((key, _)) => Err(Refusal::Invalid(format!("unknown parameter {key}"))),
            None => Ok(()),
        }
    }

    /// A number from a query parameter, or `default` if it is not there.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if it is not a whole number.
    pub(crate) fn number(&self, name: &str, default: u64) -> Result<u64, Refusal> {
        let Some(text) = self.parameter(name) else { return Ok(default) };
        text.parse().map_err(|_| Refusal::Invalid(format!("{name} must be a whole number, not {text}")))
    }

    /// The body as a JSON object.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for anything else.
    pub(crate) fn object(&self) -> Result<Object, Refusal> {
        self.json()
    }

    /// The body as JSON of a type.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with the parser's words.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Refusal::Invalid(format!("the body is no good: {error}")))
    }
}

/// What is sent back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// None for 204.
    pub(crate) body: Option<Value>,
}

impl Answer {
    pub(crate) fn new(status: u16, body: Value) -> Self {
        Self { status, body: Some(body) }
    }

    pub(crate) fn nothing() -> Self {
        Self { status: 204, body: None }
    }

    pub(crate) fn items(items: Vec<Value>) -> Self {
        Self::new(200, json!({ "items": items }))
    }

    pub(crate) fn error(status: u16, words: &str) -> Self {
        Self::new(status, json!({ "error": words }))
    }

    /// 405: the path exists, the method does not.
    pub(crate) fn wrong_method(request: &Request) -> Self {
        Self::error(405, &format!("{} is not possible here", request.method))
    }

    /// 404: no such path.
    pub(crate) fn no_path() -> Self {
        Self::error(404, "no such path")
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal {
            Refusal::NotFound(_) => 404,
            Refusal::Conflict(_) => 409,
            Refusal::Invalid(_) => 400,
        };
        Self::error(status, &refusal.to_string())
    }
}

fn decoded_pair((key, value): (&str, &str)) -> (String, String) {
    (percent_decoded(&key.replace('+', " ")), percent_decoded(&value.replace('+', " ")))
}

/// Undoes `%41`; what is no valid escape stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        match escape(rest) {
            Some((byte, after)) => {
                bytes.push(byte);
                rest = after;
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn escape(text: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', high, low, after @ ..] = text else { return None };
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    Some((nibble(*high)? * 16 + nibble(*low)?, after))
}

#[cfg(test)]
mod tests {
    use super::Request;

    #[test]
    fn escapes_are_undone_in_segments_and_parameters() {
        let request = Request::new("GET", "/persons/a%2Fb", "personnelNumber=PA%201+x&y=%zz", Vec::new());
        assert_eq!(request.segments, ["persons", "a/b"]);
        assert_eq!(request.parameter("personnelNumber"), Some("PA 1 x"));
        assert_eq!(request.parameter("y"), Some("%zz"));
        assert!(request.only(&["personnelNumber"]).is_err());
    }
}
