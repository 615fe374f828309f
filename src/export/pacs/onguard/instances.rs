//! Instances: lists that are whole, changes that are certain, and the answer when one of them is not.
//!
//! A step lists all that it needs before it changes anything. Until then nothing has been done and the answer
//! may say so; from then on a failure leaves the step half done, and only [`Answer::Unknown`] is true.
//!
//! Not here: which instances a step is about (`person`, `badge`, `assignment`).

use super::section::RemoveBy;
use super::values::{Filter, Properties, escaped, key, text};
use super::{OnGuard, Trouble};
use crate::export::http::{Call, Response};
use crate::export::item::{Act, Answer, Step};
use crate::export::pacs::answer::{cleaned, json, text_at, unless_done};
use access::text::Secret;
use hyper::Method;
use serde_json::{Value, json};
use std::cell::Cell;

pub(super) const CARDHOLDER: &str = "Lnl_Cardholder";
pub(super) const BADGE: &str = "Lnl_Badge";
pub(super) const ASSIGNMENT: &str = "Lnl_AccessLevelAssignment";
/// Key of cardholders and access levels.
pub(super) const ID: &str = "ID";
/// Key of badges.
pub(super) const BADGE_KEY: &str = "BADGEKEY";
/// Most pages of one list.
const PAGES_MAX: u32 = 10_000;
/// In place of a status where a definite no needed no request.
const NO_REQUEST: u16 = 0;

/// One page of a list.
pub(super) struct Page {
    pub(super) items: Vec<Properties>,
    pub(super) is_last: bool,
}

impl OnGuard {
    pub(super) async fn page(
        &self,
        kind: &str,
        filter: Option<&Filter>,
        number: u32,
        size: u32,
    ) -> Result<Page, Trouble> {
        let filter = filter.map(Filter::parameter).unwrap_or_default();
        let path = format!("{}{filter}&page_number={number}&page_size={size}", path(kind));
        let response = self.session.send(Call::new(Method::GET, &path)).await?;
        let status = response.status.as_u16();
        if status != 200 {
            let words = self.session.words(&response, None);
            return Err(Trouble::Status { status, words, after_ms: response.retry_after_ms });
        }
        let answers = &self.section.answers;
        let wrong = |pointer: &str, key| Trouble::Form { pointer: pointer.to_owned(), key };
        let tree = json(&response).unwrap_or_default();
        let items = tree.pointer(&answers.items).and_then(Value::as_array);
        let items = items.ok_or_else(|| wrong(&answers.items, "onguard.answers.items"))?;
        let pages = text_at(&tree, &answers.total_pages).and_then(|pages| pages.parse::<u32>().ok());
        let pages = pages.ok_or_else(|| wrong(&answers.total_pages, "onguard.answers.total_pages"))?;
        let properties = |item: &Value| {
            let found = item.pointer(&answers.properties).and_then(Value::as_object).cloned();
            found.ok_or_else(|| wrong(&answers.properties, "onguard.answers.properties"))
        };
        let items = items.iter().map(properties).collect::<Result<_, _>>()?;
        Ok(Page { items, is_last: number >= pages })
    }

    /// All pages: a list is whole or an error.
    pub(super) async fn list(&self, kind: &str, filter: Option<&Filter>) -> Result<Vec<Properties>, Trouble> {
        let mut all = Vec::new();
        for number in 1..=PAGES_MAX {
            let page = self.page(kind, filter, number, self.section.page_size).await?;
            all.extend(page.items);
            if page.is_last {
                return Ok(all);
            }
        }
        Err(Trouble::Lost(format!("{kind}: more than {PAGES_MAX} pages")))
    }
}

fn path(kind: &str) -> String {
    format!("/instances?type_name={}&version=1.0", escaped(kind))
}

/// One step under way.
pub(super) struct Run<'a> {
    pub(super) onguard: &'a OnGuard,
    pub(super) step: &'a Step,
    /// A request that changes something was carried out.
    changed: Cell<bool>,
}

impl<'a> Run<'a> {
    pub(super) fn new(onguard: &'a OnGuard, step: &'a Step) -> Run<'a> {
        Run { onguard, step, changed: Cell::new(false) }
    }

    /// All instances of `kind` with these values. They are compared here once more: an OnGuard that passes
    /// over a filter must not make us take somebody else's.
    pub(super) async fn find(&self, kind: &str, values: &[(&str, Value)]) -> Result<Vec<Properties>, Answer> {
        let mut filter: Option<Filter> = None;
        for (name, value) in values {
            let one = Filter::equals(name, value).ok_or_else(|| {
                self.answer(Trouble::NotAsked(format!("{name} cannot be asked for: {value}")))
            })?;
            filter = Some(match filter {
                None => one,
                Some(filter) => filter.and(one),
            });
        }
        let found = self.onguard.list(kind, filter.as_ref()).await.map_err(|it| self.answer(it))?;
        let mut matching = Vec::new();
        for item in found {
            let mut is_match = true;
            for (name, value) in values {
                let wanted = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                // What cannot be compared is neither taken nor passed over as absent.
                let shown = text(&item, name).ok_or_else(|| {
                    self.given_up(
                        self.unasked(&format!("an item of {kind} has no {name}; correct the profile")),
                    )
                })?;
                is_match &= shown == wanted;
            }
            if is_match {
                matching.push(item);
            }
        }
        Ok(matching)
    }

    /// Makes an instance; the properties of the answer.
    pub(super) async fn create(&self, kind: &str, properties: Properties) -> Result<Properties, Answer> {
        let response = self.change(Method::POST, &path(kind), Some(properties)).await;
        let response = response.map_err(|answer| self.given_up(answer))?;
        let tree = json(&response).unwrap_or_default();
        let properties = tree.pointer(&self.onguard.section.answers.properties).and_then(Value::as_object);
        Ok(properties.cloned().unwrap_or_default())
    }

    /// Changes the instance whose key is among `properties`; others stay as they are.
    pub(super) async fn modify(&self, kind: &str, properties: Properties) -> Result<(), Answer> {
        let response = self.change(Method::PUT, &path(kind), Some(properties)).await;
        response.map(drop).map_err(|answer| self.given_up(answer))
    }

    /// Deletes the instance with this key.
    pub(super) async fn delete(&self, kind: &str, key: &[(&str, Value)]) -> Result<(), Answer> {
        let (path, body) = match self.onguard.section.remove_by {
            RemoveBy::Body => (
                path(kind),
                Some(key.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()),
            ),
            RemoveBy::Filter => {
                let filters = key.iter().map(|(name, value)| Filter::equals(name, value));
                let filters: Option<Vec<Filter>> = filters.collect();
                let filter = filters.and_then(|filters| filters.into_iter().reduce(Filter::and));
                // Without a filter it would name them all.
                let filter = filter.ok_or_else(|| self.answer(Trouble::NotAsked("it has no key".into())))?;
                (format!("{}{}", path(kind), filter.parameter()), None)
            }
        };
        self.change(Method::DELETE, &path, body).await.map(drop)
    }

    /// As [`Run::delete`]; that it is gone already is as good.
    pub(super) async fn clear(&self, kind: &str, key: &[(&str, Value)]) -> Result<(), Answer> {
        let outcome = self.delete(kind, key).await;
        outcome.or_else(|answer| if matches!(answer, Answer::NotFound { .. }) { Ok(()) } else { Err(answer) })
    }

    async fn change(
        &self,
        method: Method,
        path: &str,
        properties: Option<Properties>,
    ) -> Result<Response, Answer> {
        let body = properties.map(|properties| json!({ "property_value_map": properties }));
        let call = Call::new(method, path);
        let call = match &body {
            Some(body) => call.json(body),
            None => call,
        };
        let response = self.onguard.session.send(call).await.map_err(|trouble| match trouble {
            Trouble::Lost(words) => Answer::Unknown { words: cleaned(&words) },
            Trouble::Login { .. } | Trouble::NotAsked(_) | Trouble::Status { .. } | Trouble::Form { .. } => {
                self.answer(trouble)
            }
        })?;
        let words = || self.onguard.session.words(&response, self.pin());
        match unless_done(self.step, &response, words) {
            // That one is gone is true of it alone, whatever was done to others.
            Some(answer @ Answer::NotFound { .. }) => Err(answer),
            Some(answer) => Err(self.given_up(answer)),
            None => {
                self.changed.set(true);
                Ok(response)
            }
        }
    }

    fn pin(&self) -> Option<&Secret> {
        self.step.content.as_ref()?.person()?.pin.as_ref()
    }

    /// The answer when a request that changes nothing failed.
    fn answer(&self, trouble: Trouble) -> Answer {
        let answer = match trouble {
            Trouble::Login { status, words, after_ms } => {
                Answer::TryLater { status, words, after_ms: Some(after_ms) }
            }
            Trouble::Status { status, words, after_ms } => match status {
                401 | 403 | 407 | 408 | 425 | 429 => Answer::TryLater { status, words, after_ms },
                // That there is no such list says nothing of the item.
                404 | 410 => self.unasked(&format!("{status} {words}")),
                300..=499 => Answer::Refused { status, words },
                _ => self.unasked(&format!("{status} {words}")),
            },
            Trouble::NotAsked(words) => Answer::NotSent { words: cleaned(&words) },
            Trouble::Lost(words) => self.unasked(&words),
            Trouble::Form { pointer, key } => {
                self.unasked(&format!("the answer has no {pointer}; correct {key} in the profile"))
            }
        };
        self.given_up(answer)
    }

    /// A list got no answer: a look-up has learnt nothing, and what it was to prepare was not sent.
    pub(super) fn unasked(&self, words: &str) -> Answer {
        let words = cleaned(words);
        match self.step.act {
            Act::LookUp => Answer::Unknown { words },
            Act::Create | Act::Update | Act::Remove | Act::RemoveExtra => Answer::NotSent { words },
        }
    }

    /// `answer`, unless something was done before.
    pub(super) fn given_up(&self, answer: Answer) -> Answer {
        if !self.changed.get() || matches!(answer, Answer::Unknown { .. }) {
            return answer;
        }
        let words = answer.words().unwrap_or_default();
        Answer::Unknown { words: cleaned(&format!("done in part, then: {words}")) }
    }
}

/// A definite no that needs no request.
pub(super) fn refused(words: String) -> Answer {
    Answer::Refused { status: NO_REQUEST, words: cleaned(&words) }
}

/// The step lacks what it must be addressed by.
pub(super) fn unaddressed(words: &str) -> Answer {
    Answer::NotSent { words: words.to_owned() }
}

/// The key of a cardholder or badge as the step names it.
pub(super) fn native(id: Option<&String>, words: &str) -> Result<Value, Answer> {
    // An empty id would name nothing, or everything.
    id.filter(|id| !id.is_empty()).map(|id| key(id)).ok_or_else(|| unaddressed(words))
}
