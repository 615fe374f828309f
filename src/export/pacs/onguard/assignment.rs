//! A permission is one access level, assigned to each of the person's badges by itself.
//!
//! The ledger knows it by the level's id, since there is one assignment a badge and no id of the whole.
//! Assignments of the level to other badges of the person, which someone else made, are left alone: they go
//! with their badge.
//!
//! Not here: the badges (`badge`).

use super::instances::{ASSIGNMENT, BADGE_KEY, Run, native, refused, unaddressed};
use super::values::{Edges, Properties, key, property};
use crate::export::content::Content;
use crate::export::item::{Act, Answer};
use crate::export::pacs::answer::of_found;
use access::time::Window;
use serde_json::Value;

const LEVEL: &str = "ACCESSLEVELID";
const EDGES: Edges<'static> = Edges { from: Some("ACTIVATE"), until: Some("DEACTIVATE") };
const NO_PERSON: &str = "the ID of the permission's cardholder is not known";
const NO_CONTENT: &str = "the step has no permission";
const NOT_GIVEN: &str = "no badge of the person has this access level";

/// What the assignments of one badge need.
struct Duty {
    badge: Value,
    found: Vec<Properties>,
}

impl Run<'_> {
    /// The step of a permission.
    pub(super) async fn permission(&self) -> Result<Answer, Answer> {
        match self.step.act {
            Act::Create | Act::Update => self.assign().await,
            Act::Remove | Act::RemoveExtra => self.withdraw().await,
            Act::LookUp => self.look_up_assignments().await,
        }
    }

    /// Brings about one assignment with the window for each badge of the content, from whatever is there: a
    /// repetition after a lost answer ends in the same.
    async fn assign(&self) -> Result<Answer, Answer> {
        let content = self.step.content.as_ref().ok_or_else(|| unaddressed(NO_CONTENT))?;
        let window = content.window().ok_or_else(|| unaddressed(NO_CONTENT))?;
        let wanted = content.credentials();
        if wanted.is_empty() {
            return self.assign_to_none().await;
        }
        let there = self.badges().await?;
        if there.is_empty() {
            return Err(Answer::NotFound { words: "the person has no badge".into() });
        }
        let mut duties = Vec::new();
        for badge in wanted.iter().map(|badge| key(badge)) {
            if !there.contains(&badge) {
                // Another badge may have the level, so that it is not gone. The badge's own look-up will
                // tell.
                return Err(refused(format!(
                    "the person has no badge {badge}; no badge was given the level"
                )));
            }
            let found = self.find(ASSIGNMENT, &[(LEVEL, self.level()), (BADGE_KEY, badge.clone())]).await?;
            duties.push(Duty { badge, found: self.distinct(found)? });
        }
        for duty in duties {
            self.fulfil(duty, &window).await?;
        }
        Ok(Answer::Done { native_id: Some(self.step.ids.ext_id.clone()) })
    }

    async fn fulfil(&self, duty: Duty, window: &Window) -> Result<(), Answer> {
        let section = &self.onguard.section;
        let mut found = duty.found.into_iter();
        match found.next() {
            None => {
                let mut properties = Properties::from_iter([
                    (LEVEL.to_owned(), self.level()),
                    (BADGE_KEY.to_owned(), duty.badge),
                ]);
                EDGES.write(section, window, &mut properties);
                self.create(ASSIGNMENT, properties).await?;
            }
            Some(kept) if !EDGES.certainly_agree(section, window, &kept) => {
                let key = self.key_of(&kept)?;
                let mut properties: Properties =
                    key.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                EDGES.write(section, window, &mut properties);
                self.modify(ASSIGNMENT, properties).await?;
            }
            Some(_) => {}
        }
        // One badge, one assignment: the others would outlive this one's window.
        self.clear_assignments(&found.collect::<Vec<_>>()).await
    }

    async fn withdraw(&self) -> Result<Answer, Answer> {
        let all = self.given().await?;
        if all.is_empty() {
            return Err(Answer::NotFound { words: NOT_GIVEN.into() });
        }
        self.clear_assignments(&all).await?;
        Ok(Answer::Done { native_id: None })
    }

    /// There is no badge of ours to give it to. What badges of others have of it is left alone.
    async fn assign_to_none(&self) -> Result<Answer, Answer> {
        if self.step.act == Act::Create {
            let words = "the person has no badge, and OnGuard gives access levels to badges";
            return Err(refused(words.into()));
        }
        if self.given().await?.is_empty() {
            return Err(Answer::NotFound { words: NOT_GIVEN.into() });
        }
        Ok(Answer::Done { native_id: None })
    }

    /// All assignments of the level to the person's badges.
    async fn given(&self) -> Result<Vec<Properties>, Answer> {
        let mut all = Vec::new();
        for badge in self.badges().await? {
            all.extend(self.find(ASSIGNMENT, &[(LEVEL, self.level()), (BADGE_KEY, badge)]).await?);
        }
        Ok(all)
    }

    async fn look_up_assignments(&self) -> Result<Answer, Answer> {
        let section = &self.onguard.section;
        let wanted: Option<(Window, Vec<Value>)> = self.step.content.as_ref().and_then(|content| {
            Some((content.window()?, Content::credentials(content).iter().map(|badge| key(badge)).collect()))
        });
        let mut is_there = false;
        let mut as_wanted = true;
        let mut holders = 0;
        for badge in self.badges().await? {
            let found = self.find(ASSIGNMENT, &[(LEVEL, self.level()), (BADGE_KEY, badge.clone())]).await?;
            let found = self.distinct(found)?;
            is_there |= !found.is_empty();
            let Some((window, badges)) = wanted.as_ref().filter(|_| !found.is_empty()) else { continue };
            // What somebody has given to a badge of their own is not ours to repair.
            if !badges.contains(&badge) {
                continue;
            }
            holders += 1;
            let one =
                found.len() == 1 && found.iter().all(|it| EDGES.agree(section, window, it) != Some(false));
            as_wanted &= one;
        }
        let as_wanted = wanted.map(|(_, badges)| as_wanted && holders == badges.len());
        let found = is_there.then(|| (self.step.ids.ext_id.clone(), as_wanted));
        Ok(of_found(self.step, found.into_iter().collect()))
    }

    /// Deletes them; those that are gone already are as good.
    pub(super) async fn clear_assignments(&self, all: &[Properties]) -> Result<(), Answer> {
        let keys = all.iter().map(|one| self.key_of(one)).collect::<Result<Vec<_>, _>>()?;
        for key in keys {
            self.clear(ASSIGNMENT, &key).await?;
        }
        Ok(())
    }

    /// The key of an assignment, as the profile says what that is.
    fn key_of(&self, of: &Properties) -> Result<Vec<(&str, Value)>, Answer> {
        let names = self.onguard.section.assignment.key.iter();
        let part = |name: &String| {
            property(of, name).filter(|value| value.is_number() || value.is_string()).cloned()
        };
        let missing = |name: &str| self.given_up(self.unasked(&format!("an assignment has no {name}")));
        names.map(|name| Ok((name.as_str(), part(name).ok_or_else(|| missing(name))?))).collect()
    }

    /// Without those that a list shows twice.
    fn distinct(&self, found: Vec<Properties>) -> Result<Vec<Properties>, Answer> {
        let mut keys = Vec::new();
        let mut distinct = Vec::new();
        for one in found {
            let key = self.key_of(&one)?;
            if !keys.contains(&key) {
                keys.push(key);
                distinct.push(one);
            }
        }
        Ok(distinct)
    }

    async fn badges(&self) -> Result<Vec<Value>, Answer> {
        self.badges_of(&native(self.step.ids.person_native_id.as_ref(), NO_PERSON)?).await
    }

    fn level(&self) -> Value {
        key(&self.step.ids.ext_id)
    }
}
