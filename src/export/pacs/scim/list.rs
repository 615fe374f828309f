//! Lists of resources: filters, pages, and what is wrong with them.
//!
//! Not here: what is listed, and what follows from it (`scim`).

use super::WORDS;
use super::attribute::Attribute;
use crate::export::http::{Call, Failure, HttpClient, Response};
use crate::export::item::Answer;
use crate::export::pacs::PacsError;
use crate::export::pacs::answer::{cleaned, json, words};
use access::text::Secret;
use hyper::Method;
use serde_json::Value;
use std::fmt::Write as _;

/// One page of a list.
pub(super) struct Page {
    pub(super) resources: Vec<Value>,
    /// What to ask the next page with (`startIndex`); none after the last.
    pub(super) next: Option<u64>,
    total: u64,
}

/// A list that is asked for.
pub(super) struct Query<'a> {
    pub(super) endpoint: &'a str,
    pub(super) filter: Option<String>,
    /// The only attributes that are needed (RFC 7644, 3.9); all of them if empty.
    pub(super) attributes: &'a str,
    pub(super) page_size: u64,
}

/// Why there is no list.
pub(super) enum Trouble {
    Failed(Failure),
    Status(Box<Response>),
    /// Something that a list must have, and has not.
    Form(&'static str),
    /// More than what is read at most.
    TooMany(u64),
    /// Pages of two different lists.
    Changed,
}

impl Query<'_> {
    /// The page that begins with the resource numbered `start`; the first is 1 (RFC 7644, 3.4.2.4).
    pub(super) async fn page(&self, http: &HttpClient, start: u64) -> Result<Page, Trouble> {
        let mut path = format!("{}?startIndex={start}&count={}", self.endpoint, self.page_size);
        if let Some(filter) = &self.filter {
            path.push_str("&filter=");
            push_encoded(&mut path, filter);
        }
        if !self.attributes.is_empty() {
            path.push_str("&attributes=");
            push_encoded(&mut path, self.attributes);
        }
        let response = http.send(Call::new(Method::GET, &path)).await.map_err(Trouble::Failed)?;
        if response.status != hyper::StatusCode::OK {
            return Err(Trouble::Status(Box::new(response)));
        }
        read(json(&response), start)
    }

    /// Whether there is such a list: asks for none of its resources.
    pub(super) async fn reachable(&self, http: &HttpClient) -> Result<(), Trouble> {
        let path = format!("{}?count=0", self.endpoint);
        let response = http.send(Call::new(Method::GET, &path)).await.map_err(Trouble::Failed)?;
        if response.status == hyper::StatusCode::OK {
            Ok(())
        } else {
            Err(Trouble::Status(Box::new(response)))
        }
    }

    /// All of them, but at most `max`: whole, or an error.
    pub(super) async fn all(&self, http: &HttpClient, max: u64) -> Result<Vec<Value>, Trouble> {
        let mut page = self.page(http, 1).await?;
        let total = page.total;
        let mut all = Vec::new();
        loop {
            if page.total != total {
                return Err(Trouble::Changed);
            }
            if total > max {
                return Err(Trouble::TooMany(max));
            }
            all.append(&mut page.resources);
            match page.next {
                Some(next) => page = self.page(http, next).await?,
                None => return Ok(all),
            }
        }
    }
}

/// Reads a ListResponse (RFC 7644, 3.4.2).
fn read(tree: Option<Value>, start: u64) -> Result<Page, Trouble> {
    let mut tree = tree.ok_or(Trouble::Form(""))?;
    let total = tree.get("totalResults").and_then(Value::as_u64).ok_or(Trouble::Form("/totalResults"))?;
    if tree.get("startIndex").and_then(Value::as_u64).is_some_and(|given| given != start && total >= start) {
        return Err(Trouble::Form("/startIndex as asked for"));
    }
    let resources = match tree.get_mut("Resources").map(Value::take) {
        Some(Value::Array(resources)) => resources,
        None | Some(Value::Null) => Vec::new(),
        Some(_) => return Err(Trouble::Form("/Resources")),
    };
    let count = u64::try_from(resources.len()).map_err(|_| Trouble::Form("/Resources"))?;
    let next = start.saturating_add(count);
    if next > total {
        return Ok(Page { resources, next: None, total });
    }
    // An empty page before the end would never end.
    if count == 0 {
        Err(Trouble::Form("/Resources"))
    } else {
        Ok(Page { resources, next: Some(next), total })
    }
}

impl Trouble {
    /// What it means for the step that needed the list: nothing that changes anything has gone out.
    pub(super) fn answer(self, secrets: &[&Secret]) -> Answer {
        let not_sent = |words: &str| Answer::NotSent { words: cleaned(words) };
        match self {
            Trouble::Failed(Failure::NotSent(words) | Failure::Unknown(words)) => not_sent(&words),
            Trouble::Status(response) => of_reading(&response, secrets),
            Trouble::Form(missing) => not_sent(&format!("the answer is no list: it has no {missing}")),
            Trouble::TooMany(max) => {
                not_sent(&format!("the list has more than {max} resources; does the server know filters?"))
            }
            Trouble::Changed => not_sent("the list changed while it was read"),
        }
    }

    /// What it means for who wants the list itself.
    pub(super) fn error(self, what: &'static str, key: &'static str, secrets: &[&Secret]) -> PacsError {
        let unsent = |words: String| PacsError::Failed { what, source: Failure::NotSent(words) };
        match self {
            Trouble::Failed(source) => PacsError::Failed { what, source },
            Trouble::Status(response) => {
                let words = words(&response, &WORDS, secrets);
                PacsError::Status { what, status: response.status.as_u16(), words }
            }
            Trouble::Form(pointer) => PacsError::Form { what, pointer: pointer.into(), key },
            Trouble::TooMany(max) => unsent(format!("there are more than {max}")),
            Trouble::Changed => unsent("the list changed while it was read; it is read again".into()),
        }
    }
}

/// What an error means that came to a request which only reads.
pub(super) fn of_reading(response: &Response, secrets: &[&Secret]) -> Answer {
    let status = response.status.as_u16();
    let words = words(response, &WORDS, secrets);
    match status {
        401 | 403 | 407 | 408 | 425 | 429 => {
            Answer::TryLater { status, words, after_ms: response.retry_after_ms }
        }
        // Also 404: a list without resources is an empty list, so this says that the endpoint is another one.
        300..=499 => Answer::Refused { status, words },
        _ => Answer::NotSent { words },
    }
}

/// `attribute eq "value"`, the value as JSON text (RFC 7644, 3.4.2.2).
pub(super) fn equals(attribute: &Attribute, value: &str) -> String {
    format!("{attribute} eq {}", Value::from(value))
}

/// Everything but RFC 3986's unreserved characters is encoded; a segment of dots alone would climb the path.
pub(super) fn push_encoded(path: &mut String, text: &str) {
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
