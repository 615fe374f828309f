//! A permission is one access policy among those that are assigned to the user itself.
//!
//! The console takes a user's policies as one set, so it is read before it is written, and what others have
//! put there stays. Policies that come from a group, or apply to all, are not part of the set.
//!
//! Not here: what a policy opens, and when, which is set up in the console.

use super::Unifi;
use super::envelope::{Trouble, id_at, rows};
use super::users::{unsent, user_path};
use crate::export::item::{Act, Answer, Step};
use crate::export::pacs::answer::of_found;
use serde_json::json;

impl Unifi {
    /// Carries out a step of a permission.
    pub(super) async fn permission(&self, step: &Step) -> Result<Answer, Answer> {
        let policy = match step.act {
            Act::RemoveExtra => step.ids.native_id.as_ref().unwrap_or(&step.ids.ext_id),
            Act::Create | Act::Update | Act::Remove | Act::LookUp => &step.ids.ext_id,
        };
        if policy.is_empty() {
            return Err(unsent("the policy's id is not known"));
        }
        let path = format!("{}/access_policies", user_path(step.ids.person_native_id.as_deref())?);
        let set = self.policies(&path).await.map_err(|trouble| trouble.before(step))?;
        let is_in = set.contains(policy);
        let done = Answer::Done { native_id: Some(policy.clone()) };
        match (step.act, is_in) {
            (Act::LookUp, true) => {
                Ok(of_found(step, vec![(policy.clone(), step.content.as_ref().map(|_| true))]))
            }
            (Act::LookUp | Act::Remove | Act::RemoveExtra, false) => {
                Ok(Answer::NotFound { words: format!("the user does not have policy {policy}") })
            }
            (Act::Create | Act::Update, true) => Ok(done),
            (Act::Create | Act::Update, false) => {
                let set: Vec<&String> = set.iter().chain([policy]).collect();
                self.write(&path, &set, step).await?;
                Ok(done)
            }
            (Act::Remove | Act::RemoveExtra, true) => {
                let set: Vec<&String> = set.iter().filter(|one| *one != policy).collect();
                self.write(&path, &set, step).await?;
                Ok(Answer::Done { native_id: None })
            }
        }
    }

    async fn policies(&self, path: &str) -> Result<Vec<String>, Trouble> {
        let mut tree = self.console.get(&format!("{path}?only_user_policies=true")).await?;
        rows(&mut tree)?.iter().map(|policy| id_at(policy, "/id")).collect()
    }

    async fn write(&self, path: &str, set: &[&String], step: &Step) -> Result<(), Answer> {
        let written = self.console.put(path, &json!({ "access_policy_ids": set })).await;
        written.map(drop).map_err(|trouble| match trouble.answer(step) {
            // The user was there a moment ago, so this is about a policy. The next try reads again.
            Answer::NotFound { words } => Answer::Refused { status: 200, words },
            answer @ (Answer::Done { .. }
            | Answer::Found { .. }
            | Answer::Several { .. }
            | Answer::Conflict { .. }
            | Answer::Refused { .. }
            | Answer::TryLater { .. }
            | Answer::NotSent { .. }
            | Answer::Unknown { .. }) => answer,
        })
    }
}
