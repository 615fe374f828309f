//! Steps on the cards and memberships of a cardholder: each reads the cardholder, then patches it.
//!
//! The address of a membership changes whenever it is updated, and a card's cannot be known when it is made. So
//! they are found anew in each step: a card by its number and type, a membership by its access group.
//!
//! Not here: the cardholder itself (`person`).

use super::client::{Trouble, text, unfit, without_content};
use super::person::{nobody, without_href};
use super::{Gallagher, body};
use crate::export::content::Content;
use crate::export::item::{Act, Answer, Step};
use crate::export::pacs::answer::of_found;
use access::time::Window;
use hyper::Method;
use serde_json::{Map, Value, json};

/// What a cardholder has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Child {
    Card,
    Membership,
}

impl Child {
    /// The member of a cardholder that lists them.
    fn list(self) -> &'static str {
        match self {
            Child::Card => "cards",
            Child::Membership => "accessGroups",
        }
    }
}

impl Gallagher {
    pub(super) async fn child(&self, child: Child, step: &Step) -> Result<Answer, Answer> {
        if child == Child::Membership && self.client.same(&step.ids.ext_id, &self.section.person_access_group)
        {
            return Err(unfit("every person has this access group: it is person_access_group".into()));
        }
        let person = step.ids.person_native_id.as_deref();
        let person =
            person.ok_or_else(|| Answer::NotSent { words: "the person's address is not known".into() })?;
        let path = self.client.path(person).map_err(Trouble::answer)?;
        let found = self.children(child, step, &path).await?;
        match step.act {
            Act::LookUp => {
                let judged = |item: &Value| {
                    let as_wanted = step.content.as_ref().map(|content| self.is_wanted(item, content));
                    Ok((text(item, "href").ok_or_else(without_href)?, as_wanted))
                };
                Ok(of_found(step, found.iter().map(judged).collect::<Result<_, Answer>>()?))
            }
            Act::Create if !found.is_empty() => {
                Err(Answer::Conflict { words: format!("the cardholder has {} already", step.ids.ext_id) })
            }
            Act::Create => {
                let body = self.added(child, step)?;
                self.patch(child, step, &path, "add", vec![body]).await?;
                Ok(Answer::Done { native_id: None })
            }
            Act::Update => self.update_children(child, step, &path, &found).await,
            Act::Remove => self.remove_children(child, step, &path, found.iter().collect()).await,
            Act::RemoveExtra => {
                let extra = step.ids.native_id.as_deref().unwrap_or_default();
                let is_extra =
                    |item: &&Value| text(item, "href").is_some_and(|href| self.client.same(&href, extra));
                self.remove_children(child, step, &path, found.iter().filter(is_extra).collect()).await
            }
        }
    }

    async fn update_children(
        &self,
        child: Child,
        step: &Step,
        path: &str,
        found: &[Value],
    ) -> Result<Answer, Answer> {
        if found.is_empty() {
            return Err(Answer::NotFound { words: format!("the cardholder has no {}", step.ids.ext_id) });
        }
        let content = step.content.as_ref().ok_or_else(|| without_content(step.act))?;
        let changed = |item: &Value| {
            let mut change = Map::new();
            change.insert("href".into(), text(item, "href").ok_or_else(without_href)?.into());
            body::add_window(&mut change, &content.window().unwrap_or(Window::ALWAYS), true);
            self.add_status(child, &mut change);
            Ok(change.into())
        };
        let changes = found.iter().map(changed).collect::<Result<_, Answer>>()?;
        self.patch(child, step, path, "update", changes).await?;
        let native_id = match child {
            Child::Card => None,
            // It has another address now. When that cannot be read, a look-up will find it.
            Child::Membership => {
                let again = self.children(child, step, path).await.unwrap_or_default();
                again.first().and_then(|item| text(item, "href"))
            }
        };
        Ok(Answer::Done { native_id })
    }

    async fn remove_children(
        &self,
        child: Child,
        step: &Step,
        path: &str,
        found: Vec<&Value>,
    ) -> Result<Answer, Answer> {
        if found.is_empty() {
            return Err(Answer::NotFound { words: format!("the cardholder has no {}", step.ids.ext_id) });
        }
        let named = |item: &Value| Ok(json!({ "href": text(item, "href").ok_or_else(without_href)? }));
        let removals = found.into_iter().map(named).collect::<Result<_, Answer>>()?;
        self.patch(child, step, path, "remove", removals).await?;
        Ok(Answer::Done { native_id: None })
    }

    async fn patch(
        &self,
        child: Child,
        step: &Step,
        path: &str,
        verb: &str,
        items: Vec<Value>,
    ) -> Result<(), Answer> {
        let body = json!({ child.list(): { verb: items } });
        self.client.change(step, Method::PATCH, path, Some(&body)).await.map(drop)
    }

    /// Those of the step's name on the cardholder at `path`.
    async fn children(&self, child: Child, step: &Step, path: &str) -> Result<Vec<Value>, Answer> {
        let person_ext_id = step.ids.person_ext_id.as_deref().unwrap_or_default();
        let cardholder = self.ours_at(path, person_ext_id).await?.ok_or_else(nobody)?;
        let hidden = |what: &str| unfit(format!("the API's operator may not see {what}"));
        let all = match (child, cardholder.get(child.list()).and_then(Value::as_array)) {
            (_, Some(all)) => all,
            (Child::Card, None) => return Ok(Vec::new()),
            // Each of ours has one membership at least.
            (Child::Membership, None) => return Err(hidden("memberships in access groups")),
        };
        let mine: Vec<Value> =
            all.iter().filter(|item| self.is_named(child, item, &step.ids.ext_id)).cloned().collect();
        let is_bare = |item: &Value| item.pointer("/accessGroup/href").is_none();
        if child == Child::Membership && mine.is_empty() && all.iter().any(is_bare) {
            return Err(hidden("every access group"));
        }
        Ok(mine)
    }

    fn is_named(&self, child: Child, item: &Value, ext_id: &str) -> bool {
        match child {
            Child::Card => {
                let kind = item.get("type").and_then(|kind| text(kind, "href"));
                text(item, "number").as_deref() == Some(ext_id)
                    && kind.is_none_or(|kind| self.client.same(&kind, &self.section.card_type))
            }
            Child::Membership => {
                let group = item.get("accessGroup").and_then(|group| text(group, "href"));
                group.is_some_and(|group| self.client.same(&group, ext_id))
            }
        }
    }

    fn is_wanted(&self, item: &Value, content: &Content) -> bool {
        // The status' type is Command Centre's reading of the state and the dates: the dates are compared.
        let disabled = item.pointer("/status/type").is_some_and(|kind| kind == "inactive");
        let is_managed = content.credential().is_some() && self.section.card_status.is_some();
        body::has_window(item, &content.window().unwrap_or(Window::ALWAYS)) && !(is_managed && disabled)
    }

    fn added(&self, child: Child, step: &Step) -> Result<Value, Answer> {
        let content = step.content.as_ref();
        let mut added = Map::new();
        match (child, content.and_then(Content::credential), content.and_then(Content::permission)) {
            (Child::Card, Some(card), _) => {
                added.insert("type".into(), json!({ "href": &*self.section.card_type }));
                added.insert("number".into(), card.card_number.clone().into());
            }
            (Child::Membership, _, Some(_)) => {
                added.insert("accessGroup".into(), json!({ "href": step.ids.ext_id }));
            }
            (Child::Card | Child::Membership, _, _) => return Err(without_content(step.act)),
        }
        let window = content.and_then(Content::window).unwrap_or(Window::ALWAYS);
        body::add_window(&mut added, &window, false);
        self.add_status(child, &mut added);
        Ok(added.into())
    }

    fn add_status(&self, child: Child, body: &mut Map<String, Value>) {
        if let (Child::Card, Some(status)) = (child, &self.section.card_status) {
            body.insert("status".into(), json!({ "value": status }));
        }
    }
}
