//! A person is a cardholder.
//!
//! Not here: its badges' own steps (`badge`).

use super::instances::{ASSIGNMENT, BADGE, BADGE_KEY, CARDHOLDER, ID, Run, native, refused, unaddressed};
use super::section::Section;
use super::values::{Properties, is, or_empty, property, text};
use crate::export::content::{Content, PersonFields};
use crate::export::item::{Act, Answer};
use crate::export::pacs::answer::of_found;
use serde_json::Value;

const NO_ID: &str = "the cardholder's ID is not known";
const NO_CONTENT: &str = "the step has no person";

impl Run<'_> {
    /// The step of a person.
    pub(super) async fn person(&self) -> Result<Answer, Answer> {
        match self.step.act {
            Act::Create => self.create_person().await,
            Act::Update => self.update_person().await,
            Act::Remove | Act::RemoveExtra => self.remove_person().await,
            Act::LookUp => self.look_up_person().await,
        }
    }

    async fn create_person(&self) -> Result<Answer, Answer> {
        let person = self.wanted_person().ok_or_else(|| unaddressed(NO_CONTENT))?;
        let mut properties = fields(&self.onguard.section, person);
        // What is made has nothing to be emptied.
        properties.retain(|_, value| !value.is_null() && *value != "");
        let name = Value::from(self.step.ids.ext_id.as_str());
        properties.insert(self.onguard.section.cardholder.ext_id.clone(), name);
        let made = self.create(CARDHOLDER, properties).await?;
        created(&made, ID)
    }

    async fn update_person(&self) -> Result<Answer, Answer> {
        let person = self.wanted_person().ok_or_else(|| unaddressed(NO_CONTENT))?;
        let id = native(self.step.ids.native_id.as_ref(), NO_ID)?;
        self.check_cardholder(&id).await?;
        let mut properties = fields(&self.onguard.section, person);
        properties.insert(ID.to_owned(), id);
        self.modify(CARDHOLDER, properties).await?;
        Ok(Answer::Done { native_id: None })
    }

    /// Assignments, badges, cardholder: nobody has published whether OnGuard takes along what hangs on what
    /// it deletes.
    async fn remove_person(&self) -> Result<Answer, Answer> {
        let id = native(self.step.ids.native_id.as_ref(), NO_ID)?;
        self.check_cardholder(&id).await?;
        let mut assignments = Vec::new();
        let badges = self.badges_of(&id).await?;
        for badge in &badges {
            assignments.extend(self.find(ASSIGNMENT, &[(BADGE_KEY, badge.clone())]).await?);
        }
        self.clear_assignments(&assignments).await?;
        for badge in badges {
            self.clear(BADGE, &[(BADGE_KEY, badge)]).await?;
        }
        self.delete(CARDHOLDER, &[(ID, id)]).await?;
        Ok(Answer::Done { native_id: None })
    }

    async fn look_up_person(&self) -> Result<Answer, Answer> {
        let section = &self.onguard.section;
        let name = Value::from(self.step.ids.ext_id.as_str());
        let found = self.find(CARDHOLDER, &[(&section.cardholder.ext_id, name)]).await?;
        let mut matches = Vec::new();
        for cardholder in &found {
            let as_wanted = self.wanted_person().and_then(|person| agree(section, person, cardholder));
            matches.push((self.shown_key(cardholder, ID)?, as_wanted));
        }
        Ok(of_found(self.step, matches))
    }

    /// Asks whose the remembered id is before anything is done to it: an OnGuard restored from a backup may
    /// have given it to somebody else. That nobody has it is left for the change itself to find out.
    async fn check_cardholder(&self, id: &Value) -> Result<(), Answer> {
        let name = &self.onguard.section.cardholder.ext_id;
        for cardholder in self.find(CARDHOLDER, &[(ID, id.clone())]).await? {
            let other = text(&cardholder, name).filter(|found| *found != self.step.ids.ext_id);
            if let Some(other) = other {
                let ours = &self.step.ids.ext_id;
                return Err(refused(format!("cardholder {id} is {other:?}, not {ours}; it is left alone")));
            }
        }
        Ok(())
    }

    /// The keys of a person's badges, also of those that others made.
    pub(super) async fn badges_of(&self, person: &Value) -> Result<Vec<Value>, Answer> {
        let name = self.onguard.section.badge.person.as_str();
        let found = self.find(BADGE, &[(name, person.clone())]).await?;
        found
            .iter()
            .map(|badge| self.shown_key(badge, BADGE_KEY).map(|key| super::values::key(&key)))
            .collect()
    }

    /// The key of a listed instance.
    pub(super) fn shown_key(&self, of: &Properties, name: &str) -> Result<String, Answer> {
        let key = text(of, name).filter(|key| !key.is_empty());
        key.ok_or_else(|| self.unasked(&format!("what was found has no {name}")))
    }

    fn wanted_person(&self) -> Option<&PersonFields> {
        self.step.content.as_ref().and_then(Content::person)
    }
}

/// The answer to a creation: without the key it is made, and cannot be addressed.
pub(super) fn created(made: &Properties, key: &str) -> Result<Answer, Answer> {
    let native_id = text(made, key).filter(|key| !key.is_empty());
    let unknown = || Answer::Unknown { words: format!("made, but the answer has no {key}") };
    native_id.map(|id| Answer::Done { native_id: Some(id) }).ok_or_else(unknown)
}

/// A person's own fields with their properties, secrets aside.
fn told<'a>(section: &'a Section, person: &'a PersonFields) -> Vec<(&'a str, Option<&'a str>)> {
    let names = &section.cardholder;
    let mut told = vec![
        (names.given_name.as_str(), Some(person.given_name.as_str())),
        (names.family_name.as_str(), Some(person.family_name.as_str())),
    ];
    let optional =
        [(&names.organization, person.organization.as_deref()), (&names.email, person.email.as_deref())];
    told.extend(optional.into_iter().filter_map(|(name, value)| Some((name.as_deref()?, value))));
    let sent_as = |name: &'a String| section.properties.get(name).unwrap_or(name).as_str();
    told.extend(person.properties.iter().map(|(name, value)| (sent_as(name), Some(value.as_str()))));
    told
}

/// All that is sent of a person but its keys.
fn fields(section: &Section, person: &PersonFields) -> Properties {
    let pin = person.pin.as_ref().map(access::text::Secret::expose);
    let pin = section.cardholder.pin.as_deref().map(|name| (name, pin));
    let all = told(section, person).into_iter().chain(pin);
    all.map(|(name, value)| (name.to_owned(), or_empty(section, value))).collect()
}

/// Whether a cardholder has the person's fields; none when it shows none of them.
fn agree(section: &Section, person: &PersonFields, cardholder: &Properties) -> Option<bool> {
    let shown = told(section, person).into_iter().filter(|(name, _)| property(cardholder, name).is_some());
    let same = shown.map(|(name, value)| is(cardholder, name, value.unwrap_or_default()));
    same.reduce(|all, one| all && one)
}
