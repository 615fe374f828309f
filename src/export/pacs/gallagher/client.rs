//! Requests to Command Centre: discovery, pages, and what each failure means.
//!
//! Not here: bodies (`body`), and which requests make a step (`person`, `child`).

use crate::export::http::{Call, Failure, HttpClient, Response};
use crate::export::item::{Act, Answer, Step};
use crate::export::pacs::PacsError;
use crate::export::pacs::answer::{cleaned, json, of_failure, text_at, unless_done, words};
use access::text::Secret;
use hyper::Method;
use serde_json::Value;
use std::cell::RefCell;
use std::fmt::Write as _;

/// Where everything begins, below the base URL; all else is found from there.
const ROOT: &str = "/api";
/// Where that names the list of cardholders.
const CARDHOLDERS: &str = "/features/cardholders/cardholders/href";

/// The HTTP client, and what `GET /api` said.
pub(super) struct Client {
    http: HttpClient,
    key: Secret,
    error_words: String,
    /// Kept until a list is not where it was.
    root: RefCell<Option<Value>>,
}

/// Why something could not be read.
#[derive(Debug)]
pub(super) enum Trouble {
    /// There was no answer.
    Lost(Failure),
    /// It was an error.
    Status { status: u16, words: String, after_ms: Option<u64> },
    /// Something that the profile names is missing from it.
    Form { pointer: String, key: &'static str },
    /// It makes no sense.
    Wrong(String),
}

impl Trouble {
    /// For a step of which nothing that changes anything has gone out.
    pub(super) fn answer(self) -> Answer {
        match self {
            Trouble::Lost(Failure::NotSent(words) | Failure::Unknown(words)) | Trouble::Wrong(words) => {
                Answer::NotSent { words: cleaned(&words) }
            }
            Trouble::Form { pointer, key } => {
                Answer::NotSent { words: format!("the answer has no {pointer}; check {key}") }
            }
            Trouble::Status { status, words, after_ms } => match status {
                // What was asked makes no sense to it, and will not later.
                400 | 405..=407 | 409 | 411..=424 => Answer::Refused { status, words },
                _ => Answer::TryLater { status, words, after_ms },
            },
        }
    }

    pub(super) fn error(self, what: &'static str) -> PacsError {
        match self {
            Trouble::Lost(source) => PacsError::Failed { what, source },
            Trouble::Status { status, words, .. } => PacsError::Status { what, status, words },
            Trouble::Form { pointer, key } => PacsError::Form { what, pointer, key },
            Trouble::Wrong(words) => PacsError::Failed { what, source: Failure::Unknown(words) },
        }
    }
}

impl Client {
    pub(super) fn new(http: HttpClient, key: Secret, error_words: String) -> Client {
        Client { http, key, error_words, root: RefCell::new(None) }
    }

    /// Asks for the root anew.
    pub(super) async fn discover(&self) -> Result<Value, Trouble> {
        let root = self.get(ROOT).await?;
        *self.root.borrow_mut() = Some(root.clone());
        Ok(root)
    }

    /// The path of the list that the root names at `pointer`; `key` is where that is set.
    pub(super) async fn link(&self, pointer: &str, key: &'static str) -> Result<String, Trouble> {
        let kept = self.root.borrow().clone();
        let root = match kept {
            Some(root) => root,
            None => self.discover().await?,
        };
        let Some(href) = text_at(&root, pointer) else {
            // It names only what the server is licensed for: that may change.
            self.forget();
            return Err(Trouble::Form { pointer: pointer.into(), key });
        };
        self.path(&href)
    }

    /// The path of the list of cardholders.
    pub(super) async fn cardholders(&self) -> Result<String, Trouble> {
        self.link(CARDHOLDERS, "").await.map_err(|trouble| match trouble {
            Trouble::Form { pointer, .. } => {
                Trouble::Wrong(format!("GET {ROOT} has no {pointer}; check the licence RESTCardholders"))
            }
            Trouble::Lost(_) | Trouble::Status { .. } | Trouble::Wrong(_) => trouble,
        })
    }

    /// Something is not where the root said.
    pub(super) fn forget(&self) {
        *self.root.borrow_mut() = None;
    }

    /// The path of an address that the PACS gave.
    pub(super) fn path(&self, href: &str) -> Result<String, Trouble> {
        let elsewhere =
            || format!("the address {href} is not below pacs.base_url; write that as the PACS does");
        self.http.path_of(href).ok_or_else(|| Trouble::Wrong(elsewhere()))
    }

    /// Whether two addresses are one.
    pub(super) fn same(&self, a: &str, b: &str) -> bool {
        let path = self.http.path_of(a);
        path.is_some() && path == self.http.path_of(b)
    }

    /// Reads JSON.
    pub(super) async fn get(&self, path: &str) -> Result<Value, Trouble> {
        let response = self.http.send(Call::new(Method::GET, path)).await.map_err(Trouble::Lost)?;
        if !response.status.is_success() {
            let status = response.status.as_u16();
            let words = self.words(&response, None);
            return Err(Trouble::Status { status, words, after_ms: response.retry_after_ms });
        }
        json(&response).ok_or_else(|| Trouble::Wrong(format!("GET {path}: the answer is no JSON")))
    }

    /// As [`Client::get`]; none when there is nothing at that address, or nothing that our operator may see.
    pub(super) async fn find(&self, path: &str) -> Result<Option<Value>, Trouble> {
        match self.get(path).await {
            Ok(found) => Ok(Some(found)),
            Err(Trouble::Status { status: 404 | 410, .. }) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// One page of a list, and the path of the next one.
    pub(super) async fn page(&self, path: &str) -> Result<(Vec<Value>, Option<String>), Trouble> {
        let mut page = self.get(path).await.inspect_err(|trouble| match trouble {
            Trouble::Status { status: 404 | 410, .. } => self.forget(),
            Trouble::Lost(_) | Trouble::Status { .. } | Trouble::Form { .. } | Trouble::Wrong(_) => {}
        })?;
        let next = text_at(&page, "/next/href").map(|href| self.path(&href)).transpose()?;
        if next.as_deref() == Some(path) {
            return Err(Trouble::Wrong(format!("the page after {path} is that page again")));
        }
        match page.get_mut("results").map(Value::take) {
            Some(Value::Array(results)) => Ok((results, next)),
            _ => Err(Trouble::Wrong(format!("GET {path}: the answer has no results"))),
        }
    }

    /// Sends a request that changes something.
    ///
    /// # Errors
    /// The step's answer, unless it was carried out.
    pub(super) async fn change(
        &self,
        step: &Step,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response, Answer> {
        let creates = method == Method::POST;
        let call = Call::new(method, path);
        let call = match body {
            Some(body) => call.json(body),
            None => call,
        };
        let response = self.http.send(call).await.map_err(of_failure)?;
        let pin = step.content.as_ref().and_then(|content| content.person()?.pin.as_ref());
        let words = || self.words(&response, pin);
        let status = response.status.as_u16();
        if status == 409 && !creates {
            // An operator has the cardholder open in an editor.
            return Err(Answer::TryLater { status, words: words(), after_ms: response.retry_after_ms });
        }
        match unless_done(step, &response, words) {
            Some(Answer::NotFound { words }) if creates => {
                self.forget();
                Err(Answer::TryLater { status, words, after_ms: None })
            }
            Some(answer) => Err(answer),
            None => Ok(response),
        }
    }

    fn words(&self, response: &Response, pin: Option<&Secret>) -> String {
        let secrets: Vec<&Secret> = std::iter::once(&self.key).chain(pin).collect();
        words(response, &[&self.error_words], &secrets)
    }
}

/// Text, or a number as text, of a member of an object; none when it is empty.
pub(super) fn text(tree: &Value, member: &str) -> Option<String> {
    match tree.get(member)? {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The addresses of lists may have queries of their own.
pub(super) fn with_query(path: &str, query: &str) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}{query}")
}

/// A parameter's value in quotes, which ask for the whole text instead of a part.
pub(super) fn quoted(value: &str) -> String {
    let mut encoded = String::from("%22");
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded + "%22"
}

/// A definite no of our own, since the PACS is not as the profile says. `412 Precondition Failed` stands for it.
pub(super) fn unfit(words: String) -> Answer {
    Answer::Refused { status: 412, words }
}

/// The words for a step whose act has no content.
pub(super) fn without_content(act: Act) -> Answer {
    Answer::NotSent { words: format!("{act:?} without a content that fits") }
}
