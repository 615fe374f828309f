//! SCIM 2.0 (RFC 7643, RFC 7644): persons are its users; tokens, entitlements and assignments are resource types
//! that the profile's section `[scim]` names, since no standard has them.
//!
//! A resource is read before it is changed, in the same attempt: it must still carry our name. The change goes
//! with `If-Match` and the ETag that was read, where the server gives one. A request that runs late then meets a
//! precondition that fails, even if the server was restored from a backup and has given the id anew.
//!
//! Not here: the meaning of an answer for the ledger (`item`), TLS and deadlines (`http`), `/Bulk` and PATCH.

mod attribute;
mod catalogue;
mod list;
mod resource;
mod section;
#[cfg(test)]
mod tests;

use super::answer::{json, of_failure, of_found, text_at, unless_done, words};
use super::{Adapter, Doing, PacsError, PersonsPage};
use crate::config::{Misfit, read_table};
use crate::export::content::Content;
use crate::export::http::{Call, HttpClient, HttpError, PacsSettings, Response};
use crate::export::item::{Act, Answer, ItemKind, Step};
use crate::export::plan::Caps;
use access::text::Secret;
use attribute::Attribute;
use contract::messages::PacsEntitlement;
use hyper::Method;
use hyper::header::{ACCEPT, AUTHORIZATION, ETAG, HeaderValue, IF_MATCH};
use list::{Query, Trouble, equals, of_reading, push_encoded};
use resource::{EXTERNAL_ID, Properties};
use section::Section;
use serde_json::Value;
use std::collections::BTreeMap;

const ADAPTER: &str = "scim";
/// The type of every body (RFC 7644, 3.1).
const MEDIA_TYPE: &str = "application/scim+json";
/// Where an error says what is wrong (RFC 7644, 3.12).
const WORDS: [&str; 1] = ["/detail"];
/// The kind of an error that says that a value is taken.
const UNIQUENESS: &str = "uniqueness";
/// Most resources of one name, or of one person, that are read; more come from a server that knows no filters.
const NAMED_MAX: u64 = 1_000;

/// One PACS behind SCIM.
pub struct Scim {
    section: Section,
    properties: Properties,
    http: HttpClient,
    token: Option<Secret>,
}

/// A resource as it was read.
struct Held {
    resource: Value,
    etag: Option<HeaderValue>,
}

impl Scim {
    /// Prepares the client; nothing is sent. `properties` are the profile's: names, and the attribute of each.
    ///
    /// # Errors
    /// [`PacsError::Section`] when the section has mistakes, [`PacsError::Settings`] when the settings do not fit
    /// each other.
    pub fn new(
        section: toml::Table,
        properties: &BTreeMap<String, String>,
        settings: &PacsSettings,
    ) -> Result<Scim, PacsError> {
        let wrong = |source| PacsError::Section { adapter: ADAPTER, source };
        let section: Section = read_table(&section).map_err(wrong)?;
        let attribute = |(name, text): (&String, &String)| match Attribute::try_from(text.clone()) {
            Ok(attribute) => Ok((name.clone(), attribute)),
            Err(why) => Err(wrong(Misfit::new(format!("user_field_properties.{name}: {why}")))),
        };
        let properties = properties.iter().map(attribute).collect::<Result<_, _>>()?;
        let mut headers = vec![(ACCEPT, HeaderValue::from_static(MEDIA_TYPE))];
        if let Some(token) = &settings.password {
            let value = HeaderValue::try_from(format!("Bearer {}", token.expose()));
            let mut value = value.map_err(|_| HttpError::Header { key: "password" })?;
            value.set_sensitive(true);
            headers.push((AUTHORIZATION, value));
        }
        let http = HttpClient::new(settings, headers)?;
        Ok(Scim { section, properties, http, token: settings.password.clone() })
    }

    async fn carry_out(&self, step: &Step) -> Result<Answer, Answer> {
        match step.act {
            Act::Create => self.create(step).await,
            Act::Update => self.update(step).await,
            Act::Remove | Act::RemoveExtra => self.remove(step).await,
            Act::LookUp => self.look_up(step).await,
        }
    }

    async fn create(&self, step: &Step) -> Result<Answer, Answer> {
        let wanted = self.wanted(step)?;
        self.expect_person(step).await?;
        let body = wanted.body(None);
        let call = Call::new(Method::POST, self.endpoint(step.item.kind));
        let response = self.change(step, with_body(call, &body)).await?;
        match json(&response).and_then(|tree| text_at(&tree, "/id")).filter(|id| !id.is_empty()) {
            Some(id) => Ok(Answer::Done { native_id: Some(id) }),
            None => Err(Answer::Unknown { words: "the answer has no id".into() }),
        }
    }

    async fn update(&self, step: &Step) -> Result<Answer, Answer> {
        let wanted = self.wanted(step)?;
        self.expect_person(step).await?;
        let path = self.own_path(step)?;
        let held = self.ours(step, &path).await?;
        let body = wanted.body(Some(&held.resource));
        self.change(step, matching(with_body(Call::new(Method::PUT, &path), &body), &held)).await?;
        Ok(Answer::Done { native_id: None })
    }

    /// With all that hangs on it, if it is a person: SCIM knows no cascade.
    async fn remove(&self, step: &Step) -> Result<Answer, Answer> {
        let path = self.own_path(step)?;
        let held = self.ours(step, &path).await?;
        let hanging = match (step.item.kind, &step.ids.native_id) {
            (ItemKind::Person, Some(id)) => self.hanging(step, id).await?,
            (ItemKind::Person | ItemKind::Credential | ItemKind::Permission, _) => Vec::new(),
        };
        let mut begun = false;
        for (path, held) in &hanging {
            match self.change(step, matching(Call::new(Method::DELETE, path), held)).await {
                Ok(_) | Err(Answer::NotFound { .. }) => begun = true,
                Err(answer) => return Err(half_done(begun, answer)),
            }
        }
        match self.change(step, matching(Call::new(Method::DELETE, &path), &held)).await {
            Ok(_) => Ok(Answer::Done { native_id: None }),
            Err(answer @ Answer::NotFound { .. }) => Err(answer),
            Err(answer) => Err(half_done(begun, answer)),
        }
    }

    async fn look_up(&self, step: &Step) -> Result<Answer, Answer> {
        let name = resource::name(step).map_err(|words| Answer::NotSent { words })?;
        let mut filter = equals(&Attribute::own(EXTERNAL_ID), &name);
        let owner = match resource::owner(&self.section, step.item.kind) {
            Some(owner) => Some((owner, self.person(step)?)),
            None => None,
        };
        if let Some((owner, person)) = owner {
            filter = format!("{filter} and {}", equals(owner, person));
        }
        let mut found = self.filtered(step, self.endpoint(step.item.kind), filter).await?;
        // A server that ignores the filter must not make us take somebody else's.
        found.retain(|one| {
            let of_person = owner.is_none_or(|(owner, person)| owner.text(one).as_deref() == Some(person));
            of_person && is_named(one, &name)
        });
        let wanted = resource::wanted(&self.section, &self.properties, step);
        let wanted = wanted.map_err(|words| Answer::NotSent { words })?;
        let judged = |one: &Value| {
            let as_wanted = wanted.as_ref().and_then(|wanted| wanted.is_in(one));
            Some((text_at(one, "/id")?, as_wanted))
        };
        let judged: Option<Vec<_>> = found.iter().map(judged).collect();
        let judged = judged.ok_or_else(|| Answer::NotSent { words: "what was found has no id".into() })?;
        Ok(of_found(step, judged))
    }

    fn wanted(&self, step: &Step) -> Result<resource::Wanted<'_>, Answer> {
        let wanted = resource::wanted(&self.section, &self.properties, step);
        wanted
            .and_then(|wanted| wanted.ok_or_else(|| "nothing to send".into()))
            .map_err(|words| Answer::NotSent { words })
    }

    fn person<'a>(&self, step: &'a Step) -> Result<&'a str, Answer> {
        let id = step.ids.person_native_id.as_deref().filter(|id| !id.is_empty());
        id.ok_or_else(|| Answer::NotSent { words: "the person's id is not known".into() })
    }

    /// The person of a token or assignment must be there, under our name: what is given to an id that has
    /// become somebody else's would open doors to them.
    async fn expect_person(&self, step: &Step) -> Result<(), Answer> {
        match step.item.kind {
            ItemKind::Person => return Ok(()),
            ItemKind::Credential | ItemKind::Permission => {}
        }
        let path = path_of(&self.section.users.endpoint.0, self.person(step)?);
        let person = self.read(step, &path).await?;
        let name = step.ids.person_ext_id.as_deref().unwrap_or_default();
        match person.filter(|person| is_named(&person.resource, name)) {
            Some(_) => Ok(()),
            None => Err(Answer::NotFound { words: format!("user {name} is not there under its id") }),
        }
    }

    /// The resource at `path`, which must carry our name.
    async fn ours(&self, step: &Step, path: &str) -> Result<Held, Answer> {
        let name = resource::name(step).map_err(|words| Answer::NotSent { words })?;
        let held = self.read(step, path).await?;
        held.filter(|held| is_named(&held.resource, &name))
            .ok_or_else(|| Answer::NotFound { words: format!("{name} is not there under its id") })
    }

    /// None when the server says that there is nothing.
    async fn read(&self, step: &Step, path: &str) -> Result<Option<Held>, Answer> {
        let response = self.http.send(Call::new(Method::GET, path)).await;
        let response = response.map_err(|failure| Trouble::Failed(failure).answer(&[]))?;
        match response.status.as_u16() {
            200 => match json(&response) {
                Some(resource) => Ok(Some(self.held(resource, response.headers.get(ETAG)))),
                None => Err(Answer::NotSent { words: "what was read is no JSON".into() }),
            },
            404 | 410 => Ok(None),
            _ => Err(of_reading(&response, &self.secrets(step))),
        }
    }

    /// Sends a request that changes something.
    async fn change(&self, step: &Step, call: Call<'_>) -> Result<Response, Answer> {
        let response = self.http.send(call).await.map_err(of_failure)?;
        let status = response.status.as_u16();
        let words = || words(&response, &WORDS, &self.secrets(step));
        let is_taken = json(&response)
            .and_then(|tree| text_at(&tree, "/scimType"))
            .is_some_and(|kind| kind == UNIQUENESS);
        let refused = match (status, step.act) {
            (400 | 409, Act::Create) if is_taken => Answer::Conflict { words: words() },
            // What is missing is the endpoint: a resource that is yet to be made cannot be.
            (404 | 410, Act::Create) => Answer::Refused { status, words: words() },
            (409, Act::Update | Act::Remove | Act::RemoveExtra | Act::LookUp) if is_taken => {
                Answer::Refused { status, words: words() }
            }
            // Changed by somebody else since it was read.
            (409, Act::Update | Act::Remove | Act::RemoveExtra | Act::LookUp) | (412, _) => {
                Answer::TryLater { status, words: words(), after_ms: response.retry_after_ms }
            }
            _ => match unless_done(step, &response, words) {
                Some(answer) => answer,
                None => return Ok(response),
            },
        };
        Err(refused)
    }

    /// Tokens and assignments of the user with this id.
    async fn hanging(&self, step: &Step, id: &str) -> Result<Vec<(String, Held)>, Answer> {
        let Section { tokens, assignments, .. } = &self.section;
        let mut all = Vec::new();
        for (endpoint, owner) in
            [(&assignments.endpoint, &assignments.user), (&tokens.endpoint, &tokens.user)]
        {
            let found = self.filtered(step, &endpoint.0, equals(owner, id)).await?;
            for resource in found.into_iter().filter(|one| owner.text(one).as_deref() == Some(id)) {
                let words = || Answer::NotSent { words: "what was found has no id".into() };
                let path = path_of(&endpoint.0, &text_at(&resource, "/id").ok_or_else(words)?);
                all.push((path, self.held(resource, None)));
            }
        }
        Ok(all)
    }

    fn held(&self, resource: Value, header: Option<&HeaderValue>) -> Held {
        let etag = header.cloned().or_else(|| version(&resource));
        Held { etag: etag.filter(|_| self.section.etags), resource }
    }

    async fn filtered(&self, step: &Step, endpoint: &str, filter: String) -> Result<Vec<Value>, Answer> {
        let query = self.query(endpoint, Some(filter));
        query.all(&self.http, NAMED_MAX).await.map_err(|trouble| trouble.answer(&self.secrets(step)))
    }

    fn query<'a>(&self, endpoint: &'a str, filter: Option<String>) -> Query<'a> {
        Query { endpoint, filter, attributes: "", page_size: self.section.page_size.0 }
    }

    fn endpoint(&self, kind: ItemKind) -> &str {
        match kind {
            ItemKind::Person => &self.section.users.endpoint.0,
            ItemKind::Credential => &self.section.tokens.endpoint.0,
            ItemKind::Permission => &self.section.assignments.endpoint.0,
        }
    }

    fn own_path(&self, step: &Step) -> Result<String, Answer> {
        let id = step.ids.native_id.as_deref().filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| Answer::NotSent { words: "the item's id is not known".into() })?;
        Ok(path_of(self.endpoint(step.item.kind), id))
    }

    fn secrets<'a>(&'a self, step: &'a Step) -> Vec<&'a Secret> {
        let pin = step.content.as_ref().and_then(Content::person).and_then(|person| person.pin.as_ref());
        self.token.iter().chain(pin).collect()
    }
}

impl Adapter for Scim {
    fn caps(&self) -> Caps {
        Caps { look_up: true, native_windows: self.section.has_windows(), ..Caps::NONE }
    }

    fn execute<'a>(&'a self, step: &'a Step) -> Doing<'a, Answer> {
        Box::pin(async { self.carry_out(step).await.unwrap_or_else(|answer| answer) })
    }

    fn entitlements<'a>(
        &'a self,
        wanted: &'a [String],
    ) -> Doing<'a, Result<Vec<PacsEntitlement>, PacsError>> {
        Box::pin(self.list_entitlements(wanted))
    }

    fn probe(&self) -> Doing<'_, Result<(), PacsError>> {
        Box::pin(self.ask())
    }

    fn persons<'a>(&'a self, after: Option<&'a str>) -> Doing<'a, Result<Option<PersonsPage>, PacsError>> {
        Box::pin(async move { self.list_persons(after).await.map(Some) })
    }
}

/// Something may have been taken away already, so the whole is no longer as it was.
fn half_done(begun: bool, answer: Answer) -> Answer {
    match answer.words() {
        Some(words) if begun => Answer::Unknown { words: words.to_owned() },
        Some(_) | None => answer,
    }
}

fn with_body<'a>(mut call: Call<'a>, body: &Value) -> Call<'a> {
    call.body = Some((MEDIA_TYPE, body.to_string().into_bytes()));
    call
}

fn matching<'a>(call: Call<'a>, held: &Held) -> Call<'a> {
    match &held.etag {
        Some(etag) => call.header(IF_MATCH, etag.clone()),
        None => call,
    }
}

/// The same tag as in the header (RFC 7643, 3.1).
fn version(resource: &Value) -> Option<HeaderValue> {
    HeaderValue::try_from(text_at(resource, "/meta/version")?).ok()
}

fn path_of(endpoint: &str, id: &str) -> String {
    let mut path = format!("{endpoint}/");
    push_encoded(&mut path, id);
    path
}

fn is_named(resource: &Value, name: &str) -> bool {
    Attribute::own(EXTERNAL_ID).text(resource).is_some_and(|found| found == name)
}
