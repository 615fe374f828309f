//! Logins that an earlier request gives: one at a time, renewed when the PACS says 401.
//!
//! Not here: which request is repeated after a renewal (`rest`).

use super::secret_value;
use crate::export::http::{Call, Failure, HttpClient, Response, basic};
use crate::export::pacs::answer::{json, text_at, words};
use crate::export::profile::{self, Part, Send, Variable};
use access::text::Secret;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use tokio::sync::Mutex;

/// Why there is no answer to a request.
#[derive(Debug)]
pub(super) enum Trouble {
    /// On the way.
    Failure(Failure),
    /// The login was refused, so the request was not sent, or not carried out.
    Login {
        /// The HTTP status.
        status: u16,
        /// The PACS's words.
        words: String,
        /// When it wants to be asked again.
        after_ms: Option<u64>,
    },
}

/// What a login gave.
pub(super) struct Token {
    header: (HeaderName, HeaderValue),
    /// Its parts, to be taken out of the PACS's words.
    parts: Vec<Secret>,
}

impl Token {
    /// The request with this login.
    pub(super) fn on<'a>(&self, call: Call<'a>) -> Call<'a> {
        let (name, value) = self.header.clone();
        call.header(name, value)
    }
}

/// The login of one adapter.
pub(super) struct Session {
    form: profile::Session,
    username: String,
    password: Secret,
    error_words: String,
    token: RefCell<Option<Rc<Token>>>,
    /// Held while one logs in; the others wait for what comes of it.
    one_at_a_time: Mutex<()>,
}

impl Session {
    pub(super) fn new(
        form: profile::Session,
        (username, password): (String, Secret),
        error_words: String,
    ) -> Session {
        let (token, one_at_a_time) = (RefCell::new(None), Mutex::new(()));
        Session { form, username, password, error_words, token, one_at_a_time }
    }

    /// The login in force, else a new one. `stale` is one that the PACS no longer takes.
    pub(super) async fn token(
        &self,
        http: &HttpClient,
        stale: Option<&Rc<Token>>,
    ) -> Result<Rc<Token>, Trouble> {
        let _turn = self.one_at_a_time.lock().await;
        let held = self.token.borrow().clone();
        if let Some(held) = held.filter(|held| stale.is_none_or(|stale| !Rc::ptr_eq(held, stale))) {
            return Ok(held);
        }
        self.token.replace(None);
        let token = Rc::new(self.log_in(http).await?);
        self.token.replace(Some(token.clone()));
        Ok(token)
    }

    /// Parts of the login in force that must not show anywhere.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        self.token.borrow().as_ref().map(|token| token.parts.clone()).unwrap_or_default()
    }

    async fn log_in(&self, http: &HttpClient) -> Result<Token, Trouble> {
        // A login changes nothing, so whatever comes of it: the request it is for was not sent.
        let not_sent = |words: String| Trouble::Failure(Failure::NotSent(format!("login: {words}")));
        let login =
            [(Variable::Username, self.username.as_str()), (Variable::Password, self.password.expose())];
        let values = |variable| {
            login.iter().find(|(named, _)| *named == variable).map(|(_, value)| Value::from(*value))
        };
        let request = &self.form.request;
        let path =
            request.path.render(&values).map_err(|missing| not_sent(format!("{missing:?} has no value")))?;
        let mut call = Call::new(request.method.clone(), &path);
        if let Some(body) = request.body.as_ref().and_then(|body| body.render(&values)) {
            call = call.json(&body);
        }
        if self.form.basic {
            let header =
                basic(&self.username, &self.password).map_err(|error| not_sent(error.to_string()))?;
            call = call.header(header.0, header.1);
        }
        let response = http.send(call).await.map_err(|failure| not_sent(failure.to_string()))?;
        let status = response.status.as_u16();
        if !response.status.is_success() {
            let words = words(&response, &[&self.error_words], &[&self.password]);
            let after_ms = response.retry_after_ms;
            return Err(Trouble::Login { status, words: format!("login: {words}"), after_ms });
        }
        self.read(&response).map_err(not_sent)
    }

    fn read(&self, response: &Response) -> Result<Token, String> {
        let tree = json(response).ok_or("the answer is no JSON")?;
        let mut parts = BTreeMap::new();
        for (name, pointer) in &self.form.token {
            let part = text_at(&tree, pointer).filter(|part| !part.is_empty());
            parts.insert(name.as_str(), part.ok_or_else(|| format!("the answer has no {pointer}"))?);
        }
        let text = |template: &[Part<String>]| -> String {
            let piece = |part: &Part<String>| match part {
                Part::Literal(text) => text.clone(),
                Part::Variable(name) => parts.get(name.as_str()).cloned().unwrap_or_default(),
            };
            template.iter().map(piece).collect()
        };
        let header = match &self.form.send {
            Send::Header(name, value) => secret_value(&text(value)).map(|value| (name.clone(), value)),
            Send::Basic(pair) => {
                let pair = text(pair);
                let (name, rest) = pair.split_once(':').unwrap_or((&pair, ""));
                basic(name, &Secret::from(rest.to_owned()))
            }
        };
        let header = header.map_err(|_| "what it gave does not fit a header")?;
        Ok(Token { header, parts: parts.into_values().map(Secret::from).collect() })
    }
}
