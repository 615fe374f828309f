//! JSON over HTTP as a profile describes it.
//!
//! - [`session`]: logins that an earlier request gives
//! - [`found`], [`compare`]: what a look-up found, and whether it is as wanted
//! - [`lists`]: entitlements and persons, and the probe
//!
//! Not here: the meaning of an answer for the ledger (`item`), TLS and deadlines (`http`).

mod compare;
#[cfg(test)]
mod exos_tests;
#[cfg(test)]
mod features;
mod found;
#[cfg(test)]
mod life;
mod lists;
mod session;
#[cfg(test)]
mod tests;

use super::answer::{cleaned, json, of_failure, text_at, unless_done, words};
use super::{Adapter, Doing, PacsError, PersonsPage};
use crate::export::content::Content;
use crate::export::http::{Call, Failure, HttpClient, HttpError, PacsSettings, Response, basic};
use crate::export::item::{Act, Answer, Step};
use crate::export::plan::Caps;
use crate::export::profile::{Login, RestApi, Sign, add_properties, value};
use access::text::Secret;
use contract::messages::PacsEntitlement;
use hyper::Method;
use hyper::header::{AUTHORIZATION, HeaderValue};
use serde_json::Value;
use session::{Session, Trouble};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// One PACS behind a REST API.
pub struct Rest {
    api: RestApi,
    http: HttpClient,
    session: Option<Session>,
    password: Option<Secret>,
}

/// A step as the profile asks for it.
struct Prepared {
    method: Method,
    path: String,
    body: Option<Value>,
}

impl Rest {
    /// Prepares the client; nothing is sent.
    ///
    /// # Errors
    /// [`PacsError::Settings`] when the settings do not fit each other or the profile.
    pub fn new(api: RestApi, settings: &PacsSettings) -> Result<Rest, PacsError> {
        let mut headers = Vec::new();
        let mut session = None;
        match &api.login {
            Login::None => {}
            Login::Basic => headers.push(basic(username(settings)?, password(settings)?)?),
            Login::Bearer => {
                let value = format!("Bearer {}", password(settings)?.expose());
                headers.push((AUTHORIZATION, secret_value(&value)?));
            }
            Login::Header(name) => {
                headers.push((name.clone(), secret_value(password(settings)?.expose())?));
            }
            Login::Session(form) => {
                let login = (username(settings)?.to_owned(), password(settings)?.clone());
                session = Some(Session::new((**form).clone(), login, api.error_words.clone()));
            }
        }
        if let (Some(name), Some(id)) = (&api.system_id_header, &settings.system_id) {
            let id = HeaderValue::from_str(id).map_err(|_| HttpError::Header { key: "system_id" })?;
            headers.push((name.clone(), id));
        }
        let http = HttpClient::new(settings, headers)?;
        Ok(Rest { api, http, session, password: settings.password.clone() })
    }

    async fn carry_out(&self, step: &Step) -> Answer {
        if self.api.replaces(step) { self.replace(step).await } else { self.one_act(step).await }
    }

    async fn one_act(&self, step: &Step) -> Answer {
        let answer = self.request(step).await;
        let nameless = answer == Answer::Done { native_id: None };
        if step.act == Act::Create && nameless && !self.api.caps.addressed_by_ext_id {
            return self.made(step).await;
        }
        answer
    }

    /// One request, and what its answer means.
    async fn request(&self, step: &Step) -> Answer {
        let prepared = match self.prepare(step) {
            Ok(prepared) => prepared,
            Err(words) => return Answer::NotSent { words },
        };
        let mut call = Call::new(prepared.method, &prepared.path);
        if let Some(body) = &prepared.body {
            call = call.json(body);
        }
        if let Some(header) = &self.api.idempotency_header
            && step.act == Act::Create
        {
            call = call.header(header.clone(), idempotency_key(step, fastrand::u64(..)));
        }
        match self.send(call).await {
            Ok(response) => self.judge(step, &response),
            Err(Trouble::Failure(failure)) => of_failure(failure),
            Err(Trouble::Login { status, words, after_ms }) => Answer::TryLater { status, words, after_ms },
        }
    }

    /// It was made, and its answer did not say how the PACS calls it.
    async fn made(&self, step: &Step) -> Answer {
        let look_up = Step { act: Act::LookUp, content: None, ..step.clone() };
        match self.request(&look_up).await {
            Answer::Found { native_id: Some(id), .. } => Answer::Done { native_id: Some(id) },
            other => {
                let why = other.words().unwrap_or("no id");
                Answer::Unknown { words: cleaned(&format!("made, but its id is not known: {why}")) }
            }
        }
    }

    /// Gives an item another content by removing and creating it.
    async fn replace(&self, step: &Step) -> Answer {
        let remove = Step { act: Act::Remove, content: None, ..step.clone() };
        match self.request(&remove).await {
            Answer::Done { .. } | Answer::NotFound { .. } => {}
            not_removed @ (Answer::Found { .. }
            | Answer::Several { .. }
            | Answer::Conflict { .. }
            | Answer::Refused { .. }
            | Answer::TryLater { .. }
            | Answer::NotSent { .. }
            | Answer::Unknown { .. }) => return not_removed,
        }
        let create = Step { act: Act::Create, ..step.clone() };
        let answer = self.one_act(&create).await;
        let told = |words: &str| cleaned(&format!("removed to be made again: {words}"));
        match answer {
            Answer::Done { native_id } => Answer::Done { native_id },
            // The removal was carried out, the creation was not: there is none.
            Answer::NotFound { words }
            | Answer::Refused { words, .. }
            | Answer::TryLater { words, .. }
            | Answer::NotSent { words } => Answer::NotFound { words: told(&words) },
            Answer::Conflict { words } | Answer::Unknown { words } | Answer::Several { words, .. } => {
                Answer::Unknown { words: told(&words) }
            }
            Answer::Found { .. } => Answer::Unknown { words: told("an answer to something else") },
        }
    }

    /// Sends with the login that is in force. A 401 renews it once and repeats the request, which it says was
    /// not carried out; nothing else is repeated.
    async fn send(&self, call: Call<'_>) -> Result<Response, Trouble> {
        let Some(session) = &self.session else { return Ok(self.http.send(call).await?) };
        let first = session.token(&self.http, None).await?;
        let response = self.http.send(first.on(call.clone())).await?;
        if response.status.as_u16() != 401 {
            return Ok(response);
        }
        let second = session.token(&self.http, Some(&first)).await?;
        Ok(self.http.send(second.on(call)).await?)
    }

    fn prepare(&self, step: &Step) -> Result<Prepared, String> {
        let request = self.api.request(step.item.kind, step.act).ok_or("the profile has no such request")?;
        let values = |variable| value(step, variable, self.api.instants);
        let path = request.path.render(&values).map_err(|missing| format!("{missing:?} has no value"))?;
        let body = request.body.as_ref().and_then(|body| body.render(&values));
        let body = body.map(|mut body| {
            if let Some(person) = step.content.as_ref().and_then(Content::person) {
                add_properties(&mut body, &person.properties, |property| self.api.member(property));
            }
            body
        });
        Ok(Prepared { method: request.method.clone(), path, body })
    }

    fn judge(&self, step: &Step, response: &Response) -> Answer {
        let person = step.content.as_ref().and_then(Content::person);
        let words = || self.words(response, person.and_then(|person| person.pin.as_ref()));
        if shows(&self.api.not_found, response) {
            return Answer::NotFound { words: words() };
        }
        if step.act == Act::Create && shows(&self.api.conflict, response) {
            return Answer::Conflict { words: words() };
        }
        unless_done(step, response, words).unwrap_or_else(|| self.done(step, response))
    }

    fn done(&self, step: &Step, response: &Response) -> Answer {
        match step.act {
            Act::Create => {
                let id = |pointer: &String| json(response).and_then(|tree| text_at(&tree, pointer));
                Answer::Done { native_id: self.api.created_id.as_ref().and_then(id) }
            }
            Act::Update | Act::Remove | Act::RemoveExtra => Answer::Done { native_id: None },
            Act::LookUp => match self.api.find(step.item.kind) {
                Some(find) => found::found(&self.api, step, find, response),
                None => Answer::NotSent { words: "the profile has no look-up".into() },
            },
        }
    }

    fn words(&self, response: &Response, pin: Option<&Secret>) -> String {
        let tokens = self.session.as_ref().map(Session::secrets).unwrap_or_default();
        let secrets: Vec<&Secret> = self.password.as_ref().into_iter().chain(pin).chain(&tokens).collect();
        words(response, &[&self.api.error_words], &secrets)
    }
}

impl Adapter for Rest {
    fn caps(&self) -> Caps {
        self.api.caps
    }

    fn execute<'a>(&'a self, step: &'a Step) -> Doing<'a, Answer> {
        Box::pin(self.carry_out(step))
    }

    fn entitlements<'a>(
        &'a self,
        wanted: &'a [String],
    ) -> Doing<'a, Result<Vec<PacsEntitlement>, PacsError>> {
        Box::pin(self.list_entitlements(wanted))
    }

    fn probe(&self) -> Doing<'_, Result<(), PacsError>> {
        Box::pin(self.ask_something_small())
    }

    fn persons<'a>(&'a self, after: Option<&'a str>) -> Doing<'a, Result<Option<PersonsPage>, PacsError>> {
        Box::pin(self.page_of_persons(after))
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Trouble {
        Trouble::Failure(failure)
    }
}

fn username(settings: &PacsSettings) -> Result<&str, HttpError> {
    settings.username.as_deref().ok_or(HttpError::Missing { key: "username" })
}

fn password(settings: &PacsSettings) -> Result<&Secret, HttpError> {
    settings.password.as_ref().ok_or(HttpError::Missing { key: "password" })
}

/// A header's value that no log shows.
fn secret_value(text: &str) -> Result<HeaderValue, HttpError> {
    let mut value = HeaderValue::try_from(text).map_err(|_| HttpError::Header { key: "password" })?;
    value.set_sensitive(true);
    Ok(value)
}

fn shows(signs: &[Sign], response: &Response) -> bool {
    let tree = json(response);
    signs.iter().any(|sign| {
        let text = tree.as_ref().and_then(|tree| text_at(tree, &sign.pointer));
        sign.status == response.status.as_u16() && text.as_ref() == Some(&sign.value)
    })
}

/// Names one request, so that a PACS can tell when something on the way sends it twice. The salt is for an item
/// that the ledger has forgotten in between: its attempts count from 1 again, and an answer that the PACS kept
/// would name what is long gone.
fn idempotency_key(step: &Step, salt: u64) -> HeaderValue {
    let named = format!("{}\n{}\n{salt}", step.item, step.attempt);
    let mut key = String::new();
    for (at, byte) in Sha256::digest(named.as_bytes()).iter().take(16).enumerate() {
        if [4, 6, 8, 10].contains(&at) {
            key.push('-');
        }
        // Writing to a String cannot fail.
        let _ = write!(key, "{byte:02x}");
    }
    HeaderValue::try_from(key).unwrap_or_else(|_| HeaderValue::from_static(""))
}
