//! JSON over HTTP as a profile describes it.
//!
//! Not here: the meaning of an answer for the ledger (`item`), TLS and deadlines (`http`).

#[cfg(test)]
mod tests;

use super::PacsError;
use crate::export::content::Content;
use crate::export::http::{Failure, HttpClient, HttpError, PacsSettings, Response, basic};
use crate::export::item::{Act, Answer, Step, WORDS_MAX_CHARS};
use crate::export::profile::{Find, Login, Profile, Request, Variable, add_properties, value};
use access::text::Secret;
use contract::messages::PacsEntitlement;
use hyper::header::HeaderValue;
use serde_json::Value;

/// Most entitlements taken from one list.
pub const ENTITLEMENTS_MAX: usize = 100_000;
const LIST: &str = "list of entitlements";

/// One PACS behind a REST API.
pub struct Rest {
    profile: Profile,
    http: HttpClient,
    password: Option<Secret>,
}

impl Rest {
    /// Prepares the client; nothing is sent.
    ///
    /// # Errors
    /// [`PacsError::Settings`] when the settings do not fit each other or the profile.
    pub fn new(profile: Profile, settings: &PacsSettings) -> Result<Rest, PacsError> {
        let mut headers = Vec::new();
        match (profile.login, &settings.username, &settings.password) {
            (Login::Basic, Some(username), Some(password)) => headers.push(basic(username, password)?),
            (Login::Basic, _, _) | (Login::None, _, _) => {}
        }
        if let (Some(name), Some(id)) = (&profile.system_id_header, &settings.system_id) {
            let id = HeaderValue::from_str(id).map_err(|_| HttpError::Header { key: "system_id" })?;
            headers.push((name.clone(), id));
        }
        let http = HttpClient::new(settings, headers)?;
        Ok(Rest { profile, http, password: settings.password.clone() })
    }

    /// The profile in use.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Carries out `step`. Its intent must be committed by now.
    pub async fn execute(&self, step: &Step) -> Answer {
        let (request, path, body) = match self.prepare(step) {
            Ok(prepared) => prepared,
            Err(words) => return Answer::NotSent { words },
        };
        match self.http.send(request.method.clone(), &path, body).await {
            Ok(response) => self.judge(step, &response),
            Err(Failure::NotSent(words)) => Answer::NotSent { words: cleaned(&words) },
            Err(Failure::Unknown(words)) => Answer::Unknown { words: cleaned(&words) },
        }
    }

    /// What the PACS defines, of the types that are `wanted`, without repeats and in order.
    ///
    /// # Errors
    /// [`PacsError`]; a list is whole or an error, since what is missing from it counts as deleted.
    pub async fn entitlements(&self, wanted: &[String]) -> Result<Vec<PacsEntitlement>, PacsError> {
        let by_type = self.profile.entitlements.request.path.names(Variable::EntitlementType);
        let mut all = Vec::new();
        if by_type {
            for kind in wanted {
                all.extend(self.entitlements_of(Some(kind)).await?);
            }
        } else {
            all = self.entitlements_of(None).await?;
        }
        all.retain(|found| wanted.contains(&found.kind));
        all.sort();
        all.dedup_by(|a, b| a.pacs_ref == b.pacs_ref);
        all.truncate(ENTITLEMENTS_MAX);
        Ok(all)
    }

    async fn entitlements_of(&self, kind: Option<&str>) -> Result<Vec<PacsEntitlement>, PacsError> {
        let form = &self.profile.entitlements;
        let values = |variable| match variable {
            Variable::EntitlementType => kind.map(Value::from),
            Variable::ExtId
            | Variable::Id
            | Variable::PersonExtId
            | Variable::PersonId
            | Variable::GivenName
            | Variable::FamilyName
            | Variable::Organization
            | Variable::Email
            | Variable::Pin
            | Variable::CardNumber
            | Variable::DisplayName
            | Variable::ValidFrom
            | Variable::ValidTo => None,
        };
        let failed = |source| PacsError::Failed { what: LIST, source };
        let path = form.request.path.render(&values);
        let path = path.map_err(|missing| failed(Failure::NotSent(format!("{missing:?} has no value"))))?;
        let response = self.http.send(form.request.method.clone(), &path, None).await.map_err(failed)?;
        if !response.status.is_success() {
            let words = self.words(&response, None);
            return Err(PacsError::Status { what: LIST, status: response.status.as_u16(), words });
        }
        let wrong = |pointer: &str, key| PacsError::Form { what: LIST, pointer: pointer.into(), key };
        let tree = json(&response).unwrap_or_default();
        let items = tree.pointer(&form.items).and_then(Value::as_array);
        let items = items.ok_or_else(|| wrong(&form.items, "entitlements.items"))?;
        let entitlement = |item: &Value| {
            let text = |pointer: &str, key| text_at(item, pointer).ok_or_else(|| wrong(pointer, key));
            Ok(PacsEntitlement {
                pacs_ref: text(&form.pacs_ref, "entitlements.pacs_ref")?,
                kind: text(&form.kind, "entitlements.type")?,
                display_name: text(&form.display_name, "entitlements.display_name")?,
            })
        };
        items.iter().map(entitlement).collect()
    }

    fn prepare(&self, step: &Step) -> Result<(&Request, String, Option<Vec<u8>>), String> {
        let request = self.profile.request(step).ok_or("the profile has no look-up")?;
        let values = |variable| value(step, variable, self.profile.instants);
        let path = request.path.render(&values).map_err(|missing| format!("{missing:?} has no value"))?;
        let body = request.body.as_ref().and_then(|body| body.render(&values));
        let body = body.map(|mut body| {
            if let Some(person) = step.content.as_ref().and_then(Content::person) {
                add_properties(&mut body, &person.properties, |property| self.profile.member(property));
            }
            body.to_string().into_bytes()
        });
        Ok((request, path, body))
    }

    fn judge(&self, step: &Step, response: &Response) -> Answer {
        let status = response.status;
        let person = step.content.as_ref().and_then(Content::person);
        let words = || self.words(response, person.and_then(|person| person.pin.as_ref()));
        match status.as_u16() {
            // Accepted is not done: it may be carried out later, or never.
            202 => Answer::Unknown { words: "accepted for later".into() },
            200..=299 => self.done(step, response),
            404 | 410 => Answer::NotFound { words: words() },
            409 if step.act != Act::LookUp => Answer::Conflict { words: words() },
            401 | 403 | 407 | 408 | 425 | 429 => Answer::TryLater { status: status.as_u16(), words: words() },
            300..=499 => Answer::Refused { status: status.as_u16(), words: words() },
            _ => Answer::Unknown { words: words() },
        }
    }

    fn done(&self, step: &Step, response: &Response) -> Answer {
        match step.act {
            Act::Create => {
                let native_id = json(response).and_then(|tree| text_at(&tree, &self.profile.created_id));
                Answer::Done { native_id }
            }
            Act::Update | Act::Remove => Answer::Done { native_id: None },
            Act::LookUp => match self.profile.find(step.item.kind) {
                Some(find) => found(step, find, response),
                None => Answer::NotSent { words: "the profile has no look-up".into() },
            },
        }
    }

    /// The PACS's own words, else the beginning of what it sent. It may quote what it was sent, so secrets are
    /// taken out first.
    fn words(&self, response: &Response, pin: Option<&Secret>) -> String {
        let told = json(response).and_then(|tree| text_at(&tree, &self.profile.error_words));
        let told = told.unwrap_or_else(|| String::from_utf8_lossy(&response.body).into_owned());
        let secrets = [self.password.as_ref(), pin].into_iter().flatten().map(Secret::expose);
        let masked =
            secrets.filter(|secret| !secret.is_empty()).fold(told, |told, one| told.replace(one, "…"));
        let words = cleaned(&masked);
        if words.is_empty() { format!("status {}", response.status.as_u16()) } else { words }
    }
}

/// What a look-up found. Items under another name are passed over: a PACS that ignores the filter must not make
/// us take somebody else's.
fn found(step: &Step, find: &Find, response: &Response) -> Answer {
    let Some(tree) = json(response) else {
        return Answer::Unknown { words: "the answer is no JSON".into() };
    };
    let Some(items) = tree.pointer(&find.items).and_then(Value::as_array) else {
        return Answer::Unknown { words: format!("the answer has no list at {:?}", find.items) };
    };
    let named = |item: &&Value| text_at(item, &find.ext_id).is_some_and(|name| name == step.ids.ext_id);
    let named: Vec<&Value> = items.iter().filter(named).collect();
    let mut ids: Vec<String> = named.iter().filter_map(|item| text_at(item, &find.id)).collect();
    if ids.len() < named.len() {
        return Answer::Unknown { words: format!("what was found has no {:?}", find.id) };
    }
    if let Some(known) = ids.iter().position(|id| Some(id) == step.ids.native_id.as_ref()) {
        ids = vec![ids.swap_remove(known)];
    }
    let count = ids.len();
    match ids.into_iter().next() {
        None => Answer::NotFound { words: "no such item".into() },
        Some(id) if count == 1 => Answer::Done { native_id: Some(id) },
        Some(native_id) => {
            let words = format!("{count} items are named {}: remove the others in the PACS", step.ids.ext_id);
            Answer::Several { native_id, words }
        }
    }
}

fn json(response: &Response) -> Option<Value> {
    serde_json::from_slice(&response.body).ok()
}

/// Text, or a number as text: ids are often numbers.
fn text_at(tree: &Value, pointer: &str) -> Option<String> {
    match tree.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn cleaned(words: &str) -> String {
    words.chars().filter(|c| !c.is_control()).take(WORDS_MAX_CHARS).collect()
}
