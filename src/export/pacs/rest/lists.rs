//! What a PACS lists: its entitlements and its persons; and the probe.
//!
//! Not here: single items (`rest`).

use super::session::Trouble;
use super::{Rest, json, text_at};
use crate::export::http::{Call, Failure, Response};
use crate::export::pacs::{ENTITLEMENTS_MAX, ListedPerson, PacsError, PersonsPage};
use crate::export::profile::{Pages, Request, Turning, Variable};
use contract::messages::PacsEntitlement;
use serde_json::Value;

/// Most pages of persons, where the page's number is all there is to end a list that repeats itself.
const PAGES_MAX: u64 = 100_000;
/// Most persons of one PACS, likewise.
const PERSONS_MAX: u64 = 10_000_000;
const ENTITLEMENTS: &str = "list of entitlements";
const PERSONS: &str = "list of persons";
const PROBE: &str = "probe";

impl Rest {
    pub(super) async fn list_entitlements(
        &self,
        wanted: &[String],
    ) -> Result<Vec<PacsEntitlement>, PacsError> {
        let by_type = self.api.entitlements.request.path.names(Variable::EntitlementType);
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
        let form = &self.api.entitlements;
        let tree = self.ask(ENTITLEMENTS, &form.request, &of_type(kind)).await?;
        let items = tree.pointer(&form.items).and_then(Value::as_array);
        let wrong = |pointer: &str, key| form_error(ENTITLEMENTS, pointer, key);
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

    /// The profile's probe, else the list of one type of entitlement.
    pub(super) async fn ask_something_small(&self) -> Result<(), PacsError> {
        let (request, kind) = match &self.api.probe {
            Some(probe) => (probe, None),
            None => (&self.api.entitlements.request, Some(self.api.a_type.as_str())),
        };
        let path = path_of(PROBE, request, &of_type(kind))?;
        self.answered(PROBE, Call::new(request.method.clone(), &path)).await.map(drop)
    }

    pub(super) async fn page_of_persons(
        &self,
        after: Option<&str>,
    ) -> Result<Option<PersonsPage>, PacsError> {
        let Some(pages) = &self.api.pages else { return Ok(None) };
        let path = self.path_of_page(pages, after)?;
        let call = Call::new(pages.request.method.clone(), &path);
        let tree = json(&self.answered(PERSONS, call).await?).unwrap_or_default();
        let items = tree.pointer(&pages.list.items).and_then(Value::as_array);
        let items = items.ok_or_else(|| form_error(PERSONS, &pages.list.items, "person.list.items"))?;
        let mut page = PersonsPage::default();
        let mut last = None;
        for item in items {
            let id = text_at(item, &pages.list.id);
            let native_id = id.ok_or_else(|| form_error(PERSONS, &pages.list.id, "person.list.id"))?;
            last = Some(native_id.clone());
            let ext_id = text_at(item, &pages.list.ext_id).filter(|name| !name.is_empty());
            page.persons.extend(ext_id.map(|ext_id| ListedPerson { ext_id, native_id }));
        }
        page.next = self.next(pages, after, &tree, last, items.len())?;
        Ok(Some(page))
    }

    fn path_of_page(&self, pages: &Pages, after: Option<&str>) -> Result<String, PacsError> {
        if let (Turning::Link(_), Some(link)) = (&pages.turning, after) {
            let path = self.http.path_of(link);
            return path.ok_or_else(|| no_page("the address of the next page leads elsewhere"));
        }
        let (turns, first) = match &pages.turning {
            Turning::Page(first) => (Variable::Page, Some(Value::from(*first))),
            Turning::Skip => (Variable::Skip, Some(Value::from(0))),
            Turning::AfterLast | Turning::After(_) | Turning::Link(_) => (Variable::After, None),
        };
        let values = |variable| {
            if variable == Variable::Limit {
                pages.limit.map(Value::from)
            } else if variable == turns {
                after.map(Value::from).or_else(|| first.clone())
            } else {
                None
            }
        };
        let template = pages.first.as_ref().filter(|_| after.is_none()).unwrap_or(&pages.request.path);
        template.render(&values).map_err(|missing| no_page(&format!("{missing:?} has no value")))
    }

    /// How the next page is asked for. A list must end: with an empty page, or when the PACS names no further one.
    fn next(
        &self,
        pages: &Pages,
        after: Option<&str>,
        tree: &Value,
        last: Option<String>,
        count: usize,
    ) -> Result<Option<String>, PacsError> {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let number = |first: u64| match after {
            None => Ok(first),
            Some(text) => text.parse::<u64>().map_err(|_| no_page("it has no such page")),
        };
        let next = match &pages.turning {
            Turning::Page(first) => Some((number(*first)? + 1, first + PAGES_MAX)),
            Turning::Skip => Some((number(0)? + count, PERSONS_MAX)),
            Turning::AfterLast => return unrepeated(last, after),
            Turning::After(pointer) | Turning::Link(pointer) => {
                return unrepeated(text_at(tree, pointer).filter(|next| !next.is_empty()), after);
            }
        };
        match next.filter(|_| count > 0) {
            Some((next, most)) if next > most => Err(no_page("the list does not end")),
            next => Ok(next.map(|(next, _)| next.to_string())),
        }
    }

    async fn ask(
        &self,
        what: &'static str,
        request: &Request,
        values: &dyn Fn(Variable) -> Option<Value>,
    ) -> Result<Value, PacsError> {
        let path = path_of(what, request, values)?;
        let response = self.answered(what, Call::new(request.method.clone(), &path)).await?;
        Ok(json(&response).unwrap_or_default())
    }

    async fn answered(&self, what: &'static str, call: Call<'_>) -> Result<Response, PacsError> {
        let response = self.send(call).await.map_err(|trouble| match trouble {
            Trouble::Failure(source) => PacsError::Failed { what, source },
            Trouble::Login { status, words, .. } => PacsError::Status { what, status, words },
        })?;
        let status = response.status;
        if status.is_success() {
            return Ok(response);
        }
        Err(PacsError::Status { what, status: status.as_u16(), words: self.words(&response, None) })
    }
}

fn of_type(kind: Option<&str>) -> impl Fn(Variable) -> Option<Value> {
    move |variable| kind.filter(|_| variable == Variable::EntitlementType).map(Value::from)
}

fn path_of(
    what: &'static str,
    request: &Request,
    values: &dyn Fn(Variable) -> Option<Value>,
) -> Result<String, PacsError> {
    let missing = |missing| format!("{missing:?} has no value");
    let path = request.path.render(&values).map_err(missing);
    path.map_err(|words| PacsError::Failed { what, source: Failure::NotSent(words) })
}

/// What would ask for the same page again is no next page.
fn unrepeated(next: Option<String>, after: Option<&str>) -> Result<Option<String>, PacsError> {
    if next.is_some() && next.as_deref() == after {
        return Err(no_page("the list does not end"));
    }
    Ok(next)
}

fn no_page(words: &str) -> PacsError {
    PacsError::Failed { what: PERSONS, source: Failure::NotSent(words.into()) }
}

fn form_error(what: &'static str, pointer: &str, key: &'static str) -> PacsError {
    PacsError::Form { what, pointer: pointer.into(), key }
}
