//! Steps on a cardholder itself.
//!
//! Not here: its cards and memberships (`child`).

use super::client::{Trouble, quoted, text, unfit, with_query, without_content};
use super::{Gallagher, body};
use crate::export::item::{Act, Answer, Step};
use crate::export::pacs::answer::of_found;
use hyper::Method;
use hyper::header::LOCATION;
use serde_json::Value;

/// Most pages of a search for one name; more means that the server does not heed the search.
const FOUND_PAGES_MAX: usize = 10;

impl Gallagher {
    pub(super) async fn person(&self, step: &Step) -> Result<Answer, Answer> {
        match step.act {
            Act::Create => self.create_person(step).await,
            Act::Update => self.update_person(step).await,
            Act::Remove => self.remove_persons(step, self.targets(step).await?).await,
            Act::RemoveExtra => {
                let extra = match self.native_path(step)? {
                    Some(path) => self.ours_at(&path, &step.ids.ext_id).await?,
                    None => None,
                };
                self.remove_persons(step, extra.into_iter().collect()).await
            }
            Act::LookUp => self.look_up_person(step).await,
        }
    }

    async fn create_person(&self, step: &Step) -> Result<Answer, Answer> {
        let person = step.content.as_ref().and_then(|content| content.person());
        let person = person.ok_or_else(|| without_content(step.act))?;
        let ext_id = &step.ids.ext_id;
        searchable(ext_id)?;
        let body = body::created(&self.section, &self.properties, person, ext_id);
        let list = self.client.cardholders().await.map_err(Trouble::answer)?;
        let response = self.client.change(step, Method::POST, &list, Some(&body)).await?;
        let unknown = |words: &str| Answer::Unknown { words: words.into() };
        let href = response.headers.get(LOCATION).and_then(|href| href.to_str().ok());
        let href = href.ok_or_else(|| unknown("it was created, but the answer does not say where"))?;
        let path =
            self.client.path(href).map_err(|_| unknown("it was created at an address of another host"))?;
        // A cardholder that did not keep our name could never be found again, and would be made anew.
        let created = self.client.find(&path).await.ok().flatten();
        let created = created.ok_or_else(|| unknown("it was created, but could not be read"))?;
        if body::name(&self.section, &created).as_ref() == Some(ext_id) {
            return Ok(Answer::Done { native_id: Some(href.into()) });
        }
        let undone = self.client.change(step, Method::DELETE, &path, None).await;
        undone.map_err(|_| unknown("it was created without our name, and could not be deleted again"))?;
        Err(unfit(format!(
            "the cardholder did not keep {}; check external_id_pdf, external_id_member and person_access_group",
            &*self.section.external_id_member
        )))
    }

    async fn update_person(&self, step: &Step) -> Result<Answer, Answer> {
        let person = step.content.as_ref().and_then(|content| content.person());
        let person = person.ok_or_else(|| without_content(step.act))?;
        let found = self.targets(step).await?;
        let href = text(found.first().ok_or_else(nobody)?, "href").ok_or_else(without_href)?;
        let path = self.client.path(&href).map_err(Trouble::answer)?;
        let body = body::updated(&self.section, &self.properties, person, &step.ids.ext_id);
        self.client.change(step, Method::PATCH, &path, Some(&body)).await?;
        let known = step.ids.native_id.as_deref().is_some_and(|known| self.client.same(known, &href));
        Ok(Answer::Done { native_id: Some(href).filter(|_| !known) })
    }

    async fn remove_persons(&self, step: &Step, found: Vec<Value>) -> Result<Answer, Answer> {
        let path = |cardholder: &Value| {
            let href = text(cardholder, "href").ok_or_else(without_href)?;
            self.client.path(&href).map_err(Trouble::answer)
        };
        let paths = found.iter().map(path).collect::<Result<Vec<_>, _>>()?;
        let mut removed = Err(nobody());
        for path in paths {
            let outcome = self.client.change(step, Method::DELETE, &path, None).await;
            removed = match (removed, outcome) {
                (_, Ok(_)) => Ok(Answer::Done { native_id: None }),
                (Err(_), Err(answer)) => return Err(answer),
                (Ok(_), Err(answer)) => {
                    let words = answer.words().unwrap_or_default();
                    return Err(Answer::Unknown {
                        words: format!("one of several is gone, another is not: {words}"),
                    });
                }
            };
        }
        removed
    }

    async fn look_up_person(&self, step: &Step) -> Result<Answer, Answer> {
        let mut found = self.search(&step.ids.ext_id).await?;
        if found.is_empty()
            && let Ok(Some(path)) = self.native_path(step)
        {
            found.extend(self.ours_at(&path, &step.ids.ext_id).await?);
        }
        let person = step.content.as_ref().and_then(|content| content.person());
        let judged = |cardholder: &Value| {
            let as_wanted =
                person.map(|person| body::is_person(&self.section, &self.properties, person, cardholder));
            Ok((text(cardholder, "href").ok_or_else(without_href)?, as_wanted))
        };
        Ok(of_found(step, found.iter().map(judged).collect::<Result<_, Answer>>()?))
    }

    /// The cardholder that the ledger knows, else all of our name.
    async fn targets(&self, step: &Step) -> Result<Vec<Value>, Answer> {
        if let Some(path) = self.native_path(step)?
            && let Some(cardholder) = self.ours_at(&path, &step.ids.ext_id).await?
        {
            return Ok(vec![cardholder]);
        }
        self.search(&step.ids.ext_id).await
    }

    fn native_path(&self, step: &Step) -> Result<Option<String>, Answer> {
        let path = step.ids.native_id.as_ref().map(|href| self.client.path(href)).transpose();
        path.map_err(Trouble::answer)
    }

    /// The cardholder at `path`; none when there is none, or one of another name.
    ///
    /// # Errors
    /// A refusal when it has no name at all: it may be ours, or another's who got an old address of ours, and
    /// neither is to be guessed.
    pub(super) async fn ours_at(&self, path: &str, ext_id: &str) -> Result<Option<Value>, Answer> {
        let Some(cardholder) = self.client.find(path).await.map_err(Trouble::answer)? else {
            return Ok(None);
        };
        match body::name(&self.section, &cardholder) {
            Some(name) if name == ext_id => Ok(Some(cardholder)),
            Some(_) => Ok(None),
            None => Err(unfit(format!(
                "the cardholder at {path} has lost {} = {ext_id}; write it there again, or delete the cardholder",
                &*self.section.external_id_member
            ))),
        }
    }

    /// All cardholders of this name.
    async fn search(&self, ext_id: &str) -> Result<Vec<Value>, Answer> {
        searchable(ext_id)?;
        let list = self.client.cardholders().await.map_err(Trouble::answer)?;
        let (pdf, value) = (&self.section.external_id_pdf, quoted(ext_id));
        let mut next =
            Some(with_query(&list, &format!("pdf_{pdf}={value}&fields=defaults,personalDataFields")));
        let mut all = Vec::new();
        for _ in 0..FOUND_PAGES_MAX {
            let Some(path) = next else { return Ok(all) };
            let (found, following) = self.client.page(&path).await.map_err(Trouble::answer)?;
            // The search does not tell upper from lower case, and must not be trusted to search at all.
            let named = |cardholder: &Value| body::name(&self.section, cardholder).as_deref() == Some(ext_id);
            all.extend(found.into_iter().filter(named));
            next = following;
        }
        let words =
            format!("a search for one name has more than {FOUND_PAGES_MAX} pages; check external_id_pdf");
        Err(unfit(words))
    }
}

/// A name that fits between the quotes of a search.
fn searchable(ext_id: &str) -> Result<(), Answer> {
    if ext_id.is_empty() || ext_id.contains('"') {
        return Err(unfit(format!(
            "{ext_id:?} cannot be searched for: it is empty, or has a quotation mark"
        )));
    }
    Ok(())
}

pub(super) fn nobody() -> Answer {
    Answer::NotFound { words: "there is no such cardholder of ours".into() }
}

pub(super) fn without_href() -> Answer {
    Answer::NotSent { words: "what was found has no href".into() }
}
