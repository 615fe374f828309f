//! A credential is a badge, called by its number, which stays.
//!
//! Not here: the access levels of a badge (`assignment`).

use super::instances::{ASSIGNMENT, BADGE, BADGE_KEY, Run, native, refused, unaddressed};
use super::person::created;
use super::section::{NumberForm, Section};
use super::values::{Edges, Properties, is, text};
use crate::export::content::Content;
use crate::export::item::{Act, Answer};
use crate::export::pacs::answer::of_found;
use access::person::Credential;
use serde_json::Value;

const NO_KEY: &str = "the badge's BADGEKEY is not known";
const NO_PERSON: &str = "the ID of the badge's cardholder is not known";
const NO_CONTENT: &str = "the step has no credential";

impl Run<'_> {
    /// The step of a credential.
    pub(super) async fn badge(&self) -> Result<Answer, Answer> {
        match self.step.act {
            Act::Create => self.create_badge().await,
            Act::Update => self.update_badge().await,
            Act::Remove | Act::RemoveExtra => self.remove_badge().await,
            Act::LookUp => self.look_up_badge().await,
        }
    }

    async fn create_badge(&self) -> Result<Answer, Answer> {
        let credential = self.wanted_credential().ok_or_else(|| unaddressed(NO_CONTENT))?;
        let section = &self.onguard.section;
        let person = native(self.step.ids.person_native_id.as_ref(), NO_PERSON)?;
        let number = number(section, &credential.card_number).ok_or_else(|| {
            refused(format!("badge number {:?} is no number; set card_number_format", credential.card_number))
        })?;
        let fixed = section.badge.on_create.iter().map(|(name, value)| (name.clone(), value.clone()));
        let mut properties: Properties = fixed.collect();
        properties.insert(section.badge.person.clone(), person);
        properties.insert(section.badge.number.clone(), number);
        edges(section).write(section, &credential.window, &mut properties);
        let made = self.create(BADGE, properties).await?;
        created(&made, BADGE_KEY)
    }

    /// Only its window can change.
    async fn update_badge(&self) -> Result<Answer, Answer> {
        let credential = self.wanted_credential().ok_or_else(|| unaddressed(NO_CONTENT))?;
        let key = native(self.step.ids.native_id.as_ref(), NO_KEY)?;
        self.check_badge(&key).await?;
        let section = &self.onguard.section;
        let mut properties = Properties::from_iter([(BADGE_KEY.to_owned(), key)]);
        edges(section).write(section, &credential.window, &mut properties);
        self.modify(BADGE, properties).await?;
        Ok(Answer::Done { native_id: None })
    }

    /// With its assignments: nobody has published whether OnGuard takes them along.
    async fn remove_badge(&self) -> Result<Answer, Answer> {
        let key = native(self.step.ids.native_id.as_ref(), NO_KEY)?;
        self.check_badge(&key).await?;
        let assignments = self.find(ASSIGNMENT, &[(BADGE_KEY, key.clone())]).await?;
        self.clear_assignments(&assignments).await?;
        self.delete(BADGE, &[(BADGE_KEY, key)]).await?;
        Ok(Answer::Done { native_id: None })
    }

    async fn look_up_badge(&self) -> Result<Answer, Answer> {
        let section = &self.onguard.section;
        let person = native(self.step.ids.person_native_id.as_ref(), NO_PERSON)?;
        let Some(number) = number(section, &self.step.ids.ext_id) else {
            return Ok(Answer::NotFound { words: "no badge has such a number".into() });
        };
        let wanted = [(section.badge.number.as_str(), number), (section.badge.person.as_str(), person)];
        let found = self.find(BADGE, &wanted).await?;
        let mut matches = Vec::new();
        for badge in &found {
            let window = self.wanted_credential().map(|credential| credential.window);
            let as_wanted = window.and_then(|window| edges(section).agree(section, &window, badge));
            matches.push((self.shown_key(badge, BADGE_KEY)?, as_wanted));
        }
        Ok(of_found(self.step, matches))
    }

    /// As for a cardholder: the remembered key must not be another badge's by now.
    async fn check_badge(&self, key: &Value) -> Result<(), Answer> {
        let names = &self.onguard.section.badge;
        let ours = &self.step.ids.ext_id;
        let wanted = number(&self.onguard.section, ours)
            .map(|number| number.as_str().map_or_else(|| number.to_string(), str::to_owned));
        for badge in self.find(BADGE, &[(BADGE_KEY, key.clone())]).await? {
            let other = text(&badge, &names.number).filter(|found| Some(found) != wanted.as_ref());
            if let Some(other) = other {
                return Err(refused(format!("badge {key} has number {other}, not {ours}; it is left alone")));
            }
            let person = self.step.ids.person_native_id.as_deref();
            let owner = text(&badge, &names.person);
            if person.is_some_and(|person| owner.is_some() && !is(&badge, &names.person, person)) {
                let owner = owner.unwrap_or_default();
                return Err(refused(format!("badge {key} is cardholder {owner}'s; it is left alone")));
            }
        }
        Ok(())
    }

    fn wanted_credential(&self) -> Option<&Credential> {
        self.step.content.as_ref().and_then(Content::credential)
    }
}

/// The card number as OnGuard has it; none when it has no such numbers.
fn number(section: &Section, card_number: &str) -> Option<Value> {
    match section.badge.number_form {
        NumberForm::Text => Some(Value::from(card_number)),
        NumberForm::Number => card_number.parse::<u64>().ok().map(Value::from),
    }
}

fn edges(section: &Section) -> Edges<'_> {
    Edges { from: section.badge.activate.as_deref(), until: section.badge.deactivate.as_deref() }
}
