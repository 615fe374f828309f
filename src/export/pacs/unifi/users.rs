//! A person is a user, and is found by its employee number.
//!
//! Only a deactivated user can be deleted, so a removal is two requests. Between them the user is still
//! there, but opens nothing any more.
//!
//! Not here: PINs, photos and licence plates, which are not sent; cards and policies.

use super::Unifi;
use super::console::{Cursor, encoded};
use super::envelope::{Trouble, id_at};
use super::section::FindUsers;
use crate::export::content::{Content, PersonFields};
use crate::export::item::{Act, Answer, Step};
use crate::export::pacs::answer::{of_found, text_at};
use serde_json::{Map, Value, json};

/// The member with our name of the user.
pub(super) const NAME: &str = "/employee_number";
const ACTIVE: &str = "ACTIVE";
const DEACTIVATED: &str = "DEACTIVATED";

impl Unifi {
    /// Carries out a step of a person.
    pub(super) async fn person(&self, step: &Step) -> Result<Answer, Answer> {
        match step.act {
            Act::Create => self.register(step).await,
            Act::Update => self.rewrite(step).await,
            Act::Remove | Act::RemoveExtra => self.delete(step).await,
            Act::LookUp => self.find_users(step).await,
        }
    }

    async fn register(&self, step: &Step) -> Result<Answer, Answer> {
        let body = Value::Object(self.members(step)?);
        let answer = |trouble: Trouble| trouble.answer(step);
        let tree = self.console.post("/users", &body).await.map_err(answer)?;
        let id = id_at(&tree, "/data/id").map_err(answer)?;
        Ok(Answer::Done { native_id: Some(id) })
    }

    async fn rewrite(&self, step: &Step) -> Result<Answer, Answer> {
        let mut members = self.members(step)?;
        // Someone may have deactivated it by hand, or a removal of ours was lost halfway.
        members.insert("status".into(), ACTIVE.into());
        let path = user_path(step.ids.native_id.as_deref())?;
        let done = self.console.put(&path, &Value::Object(members)).await;
        done.map_err(|trouble| trouble.answer(step))?;
        Ok(Answer::Done { native_id: None })
    }

    async fn delete(&self, step: &Step) -> Result<Answer, Answer> {
        let path = user_path(step.ids.native_id.as_deref())?;
        let deactivated = self.console.put(&path, &json!({ "status": DEACTIVATED })).await;
        deactivated.map_err(|trouble| trouble.answer(step))?;
        match self.console.delete(&path).await.map_err(|trouble| trouble.answer(step)) {
            Ok(_) => Ok(Answer::Done { native_id: None }),
            Err(gone @ Answer::NotFound { .. }) => Ok(gone),
            // It is deactivated by now, and perhaps deleted.
            Err(other) => {
                let words = other.words().unwrap_or_default();
                Err(Answer::Unknown { words: format!("deactivated, but not known to be deleted: {words}") })
            }
        }
    }

    async fn find_users(&self, step: &Step) -> Result<Answer, Answer> {
        let name = &step.ids.ext_id;
        if name.is_empty() {
            return Err(unsent("the person has no name to look for"));
        }
        let before = |trouble: Trouble| trouble.before(step);
        let mut users = self.users_named(name).await.map_err(before)?;
        // A list that changes while it is read may miss one, so the one that the ledger knows is asked for.
        let known = step.ids.native_id.as_deref().filter(|known| !known.is_empty());
        if let Some(known) =
            known.filter(|known| !users.iter().any(|user| user["id"].as_str() == Some(*known)))
        {
            match self.user(Some(known), step).await {
                Ok(user) => users.extend(Some(user).filter(|user| is_named(user, name))),
                Err(Answer::NotFound { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        let wanted = step.content.as_ref().and_then(Content::person);
        let judged = |user: &Value| {
            let as_wanted = wanted.and_then(|wanted| self.is_as_wanted(wanted, user));
            Ok((id_at(user, "/id").map_err(before)?, as_wanted))
        };
        Ok(of_found(step, users.iter().map(judged).collect::<Result<_, Answer>>()?))
    }

    async fn users_named(&self, name: &str) -> Result<Vec<Value>, Trouble> {
        let list = match self.section.find_users {
            FindUsers::List => "/users".to_owned(),
            FindUsers::Search => {
                let all = "status=ACTIVE&status=DEACTIVATED&status=PENDING";
                format!("/users/search?keyword={}&{all}", encoded(name))
            }
        };
        let mut found = Vec::new();
        let mut cursor = Some(Cursor::START);
        while let Some(at) = cursor {
            let (rows, next) = self.console.page(&list, self.section.page_size.get(), at).await?;
            found.extend(rows.into_iter().filter(|user| is_named(user, name)));
            cursor = next;
        }
        Ok(found)
    }

    /// One user by its id.
    pub(super) async fn user(&self, id: Option<&str>, step: &Step) -> Result<Value, Answer> {
        let before = |trouble: Trouble| trouble.before(step);
        let mut tree = self.console.get(&user_path(id)?).await.map_err(before)?;
        match tree.get_mut("data").map(Value::take) {
            Some(user @ Value::Object(_)) => Ok(user),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_))
            | None => Err(Trouble::Form("the answer has no user at /data".into()).before(step)),
        }
    }

    /// The members that are ours to write.
    fn members(&self, step: &Step) -> Result<Map<String, Value>, Answer> {
        let person = step.content.as_ref().and_then(Content::person);
        let person = person.ok_or_else(|| unsent("the step has no person"))?;
        if step.ids.ext_id.is_empty() {
            return Err(unsent("the person has no name in the PACS"));
        }
        let mut members = self.fields(person);
        members.insert("employee_number".into(), step.ids.ext_id.clone().into());
        Ok(members)
    }

    fn fields(&self, person: &PersonFields) -> Map<String, Value> {
        let mut members = Map::new();
        for (name, value) in &person.properties {
            let member = self.properties.get(name).unwrap_or(name);
            members.insert(member.clone(), value.clone().into());
        }
        if self.section.send_email {
            members.insert("user_email".into(), person.email.clone().unwrap_or_default().into());
        }
        members.insert("first_name".into(), person.given_name.clone().into());
        members.insert("last_name".into(), person.family_name.clone().into());
        members
    }

    /// Whether the user is as we would write it, in what the console gives back; none when it gives nothing.
    fn is_as_wanted(&self, person: &PersonFields, user: &Value) -> Option<bool> {
        let differs = |(member, wanted): (&String, &Value)| match user.get(member)? {
            Value::Null => Some(wanted.as_str() != Some("")),
            Value::Number(number) => Some(wanted.as_str() != Some(number.to_string().as_str())),
            theirs @ (Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => {
                Some(theirs != wanted)
            }
        };
        let fields = self.fields(person);
        // A user that was invited is neither active nor ours to make so.
        let deactivated = text_at(user, "/status").map(|status| status == DEACTIVATED);
        let compared: Vec<bool> = fields.iter().filter_map(differs).chain(deactivated).collect();
        (!compared.is_empty()).then(|| !compared.contains(&true))
    }
}

fn is_named(user: &Value, name: &str) -> bool {
    text_at(user, NAME).is_some_and(|number| number == name)
}

/// The user's place, which no request may leave.
pub(super) fn user_path(id: Option<&str>) -> Result<String, Answer> {
    match id {
        Some(id) if !id.is_empty() => Ok(format!("/users/{}", encoded(id))),
        Some(_) | None => Err(unsent("the user's id is not known")),
    }
}

/// Nothing went out.
pub(super) fn unsent(words: &str) -> Answer {
    Answer::NotSent { words: words.into() }
}
