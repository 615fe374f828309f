//! UniFi Access through its developer API: persons are users, credentials NFC cards, permissions access
//! policies.
//!
//! - `console`: the login, paths, and lists page by page
//! - `envelope`: `{code, msg, data}`, and what a code means
//! - `users`, `cards`, `policies`: the steps of each kind of item
//! - `section`: what the profile settles
//!
//! What a step reads first changes nothing, so its failure is `NotSent` where one of a change is `Unknown`.
//!
//! Not here: windows, which users of UniFi Access do not have; the scheduler gives and takes at the edges.

mod cards;
mod console;
mod envelope;
mod policies;
mod section;
#[cfg(test)]
mod tests;
mod users;

use super::answer::text_at;
use super::{Adapter, Doing, ENTITLEMENTS_MAX, ListedPerson, PacsError, PersonsPage};
use crate::export::http::PacsSettings;
use crate::export::item::{Answer, ItemKind, Step};
use crate::export::plan::Caps;
use console::{Console, Cursor};
use contract::messages::PacsEntitlement;
use envelope::{Trouble, id_at};
use section::Section;
use serde_json::Value;
use std::collections::BTreeMap;

const POLICIES: &str = "list of access policies";
const PERSONS: &str = "list of users";
const PROBE: &str = "a list of one user";
/// UniFi Access has one sort of right.
const ACCESS_POLICY: &str = "AccessPolicy";

/// One console with UniFi Access.
pub struct Unifi {
    section: Section,
    properties: BTreeMap<String, String>,
    console: Console,
}

impl Unifi {
    /// Prepares the client; nothing is sent. `properties` are the profile's `user_field_properties`.
    ///
    /// # Errors
    /// [`PacsError::Section`] when the profile's section has mistakes, [`PacsError::Settings`] when the
    /// settings do not fit each other or lack the token (`password`).
    pub fn new(
        section: toml::Table,
        properties: BTreeMap<String, String>,
        settings: &PacsSettings,
    ) -> Result<Unifi, PacsError> {
        Ok(Unifi { section: Section::parse(section)?, properties, console: Console::new(settings)? })
    }

    async fn carry_out(&self, step: &Step) -> Answer {
        let outcome = match step.item.kind {
            ItemKind::Person => self.person(step).await,
            ItemKind::Credential => self.credential(step).await,
            ItemKind::Permission => self.permission(step).await,
        };
        outcome.unwrap_or_else(|answer| answer)
    }

    async fn list_policies(&self) -> Result<Vec<PacsEntitlement>, Trouble> {
        let tree = self.console.get("/access_policies").await?;
        let rows = tree.get("data").and_then(Value::as_array);
        let rows = rows.ok_or_else(|| Trouble::Form("the answer has no list at /data".into()))?;
        // No document says that this list has pages; if it ever has, its first page is not the whole.
        let total = tree.pointer("/pagination/total").and_then(Value::as_u64).unwrap_or_default();
        if usize::try_from(total).is_ok_and(|total| total > rows.len()) || rows.len() > ENTITLEMENTS_MAX {
            let words =
                format!("{} of {total} policies came; at most {ENTITLEMENTS_MAX} are read", rows.len());
            return Err(Trouble::Form(words));
        }
        let policy = |row: &Value| {
            let pacs_ref = id_at(row, "/id")?;
            let display_name = text_at(row, "/name").unwrap_or_else(|| pacs_ref.clone());
            Ok(PacsEntitlement { pacs_ref, kind: ACCESS_POLICY.into(), display_name })
        };
        let mut all = rows.iter().map(policy).collect::<Result<Vec<_>, Trouble>>()?;
        all.sort();
        all.dedup_by(|a, b| a.pacs_ref == b.pacs_ref);
        Ok(all)
    }

    async fn list_users(&self, after: Option<&str>) -> Result<PersonsPage, Trouble> {
        let cursor = after.map_or(Some(Cursor::START), Cursor::parse);
        let cursor = cursor.ok_or_else(|| Trouble::Form("there is no such page".into()))?;
        let (rows, next) = self.console.page("/users", self.section.page_size.get(), cursor).await?;
        let ours = |row: &Value| {
            let ext_id = text_at(row, users::NAME).filter(|name| !name.is_empty())?;
            Some(id_at(row, "/id").map(|native_id| ListedPerson { ext_id, native_id }))
        };
        let persons = rows.iter().filter_map(ours).collect::<Result<_, _>>()?;
        Ok(PersonsPage { persons, next: next.map(Cursor::text) })
    }
}

impl Adapter for Unifi {
    fn caps(&self) -> Caps {
        Caps {
            look_up: true,
            remove_person_cascades: true,
            credentials_named_by_number: true,
            permissions_are_one_set: true,
            // No document says that two users cannot have one employee number.
            names_are_unique: false,
            ..Caps::NONE
        }
    }

    fn execute<'a>(&'a self, step: &'a Step) -> Doing<'a, Answer> {
        Box::pin(self.carry_out(step))
    }

    fn entitlements<'a>(
        &'a self,
        wanted: &'a [String],
    ) -> Doing<'a, Result<Vec<PacsEntitlement>, PacsError>> {
        Box::pin(async move {
            if !wanted.iter().any(|kind| kind == ACCESS_POLICY) {
                return Ok(Vec::new());
            }
            self.list_policies().await.map_err(|trouble| trouble.error(POLICIES))
        })
    }

    fn probe(&self) -> Doing<'_, Result<(), PacsError>> {
        Box::pin(async {
            let page = self.console.page("/users", 1, Cursor::START).await;
            page.map(drop).map_err(|trouble| trouble.error(PROBE))
        })
    }

    fn persons<'a>(&'a self, after: Option<&'a str>) -> Doing<'a, Result<Option<PersonsPage>, PacsError>> {
        Box::pin(
            async move { self.list_users(after).await.map(Some).map_err(|trouble| trouble.error(PERSONS)) },
        )
    }
}
