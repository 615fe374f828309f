//! Gallagher Command Centre through its REST API.
//!
//! A person is a cardholder, a credential one of its cards, a permission a membership in an access group. Our
//! name of a person is kept in a personal data field; a card goes by its number, a membership by its group.
//! Every address comes from `GET /api` or from what was found there: none is put together here.
//!
//! A step on a person or its children reads the cardholder first, so that a remembered address is never acted on
//! unless our name stands there. Facts: the vendor's public reference ("Cardholders API", "Alarms and Events API").
//!
//! Not here: the changes feed, card PINs, and the meaning of an answer for the ledger (`item`).

mod body;
mod child;
mod client;
mod person;
mod section;
#[cfg(test)]
mod tests;

use super::{Adapter, Doing, ENTITLEMENTS_MAX, ListedPerson, PacsError, PersonsPage};
use crate::config::read_table;
use crate::export::http::{HttpClient, HttpError, PacsSettings};
use crate::export::item::{Answer, ItemKind, Step};
use crate::export::plan::Caps;
use child::Child;
use client::{Client, Trouble, text, with_query};
use contract::messages::PacsEntitlement;
use hyper::header::{AUTHORIZATION, HeaderValue};
use section::Section;
use serde_json::Value;
use std::collections::BTreeMap;

/// The one type of entitlement.
pub const ACCESS_GROUP: &str = "AccessGroup";
/// Cardholders asked for at a time; the server's own default is 100 or 1000, by its version.
pub const PERSONS_PER_PAGE: usize = 500;
/// Access groups asked for at a time.
const GROUPS_PER_PAGE: usize = 1_000;
/// Most pages of access groups: with fewer groups than that on each, the list is not believed to end.
const GROUP_PAGES_MAX: usize = 1_000;

/// One Command Centre.
pub struct Gallagher {
    section: Section,
    /// Additional properties, and the member of a cardholder that each is.
    properties: BTreeMap<String, String>,
    client: Client,
}

impl Gallagher {
    /// Prepares the client; nothing is sent. `properties` are the profile's `user_field_properties`.
    ///
    /// # Errors
    /// [`PacsError::Section`] when the section has mistakes, [`PacsError::Settings`] when there is no key in
    /// `pacs.password`, or the settings do not fit each other.
    pub fn new(
        section: toml::Table,
        properties: BTreeMap<String, String>,
        settings: &PacsSettings,
    ) -> Result<Gallagher, PacsError> {
        let wrong = |source| PacsError::Section { adapter: "gallagher", source };
        let section: Section = read_table(&section).map_err(wrong)?;
        let key = settings.password.clone().ok_or(HttpError::Missing { key: "password" })?;
        let login = HeaderValue::try_from(format!("GGL-API-KEY {}", key.expose()));
        let mut login = login.map_err(|_| HttpError::Header { key: "password" })?;
        login.set_sensitive(true);
        let http = HttpClient::new(settings, vec![(AUTHORIZATION, login)])?;
        let client = Client::new(http, key, section.error_words.clone());
        Ok(Gallagher { section, properties, client })
    }

    async fn carry_out(&self, step: &Step) -> Answer {
        let outcome = match step.item.kind {
            ItemKind::Person => self.person(step).await,
            ItemKind::Credential => self.child(Child::Card, step).await,
            ItemKind::Permission => self.child(Child::Membership, step).await,
        };
        outcome.unwrap_or_else(|answer| answer)
    }

    async fn list_groups(&self) -> Result<Vec<PacsEntitlement>, Trouble> {
        let first = self.client.link(&self.section.access_groups, "gallagher.access_groups").await?;
        let query = format!("sort=id&top={GROUPS_PER_PAGE}&fields=href,name");
        let mut next = Some(with_query(&first, &query));
        let mut all = Vec::new();
        for _ in 0..GROUP_PAGES_MAX {
            let Some(path) = next else { return Ok(all) };
            let (groups, following) = self.client.page(&path).await?;
            for group in &groups {
                let member = |name| {
                    let words = || format!("an access group has no {name}");
                    text(group, name).ok_or_else(|| Trouble::Wrong(words()))
                };
                let (pacs_ref, display_name) = (member("href")?, member("name")?);
                // Every person of ours has it, so it is nobody's to give or take.
                if !self.client.same(&pacs_ref, &self.section.person_access_group) {
                    all.push(PacsEntitlement { pacs_ref, kind: ACCESS_GROUP.into(), display_name });
                }
            }
            if all.len() > ENTITLEMENTS_MAX {
                return Err(Trouble::Wrong(format!("it has more than {ENTITLEMENTS_MAX} access groups")));
            }
            next = following;
        }
        Err(Trouble::Wrong(format!("the list of access groups has more than {GROUP_PAGES_MAX} pages")))
    }

    async fn list_persons(&self, after: Option<&str>) -> Result<PersonsPage, Trouble> {
        let path = match after {
            Some(path) => path.to_owned(),
            None => {
                let list = self.client.cardholders().await?;
                let pdf = &self.section.external_id_pdf;
                with_query(&list, &format!("sort=id&top={PERSONS_PER_PAGE}&fields=href,pdf_{pdf}"))
            }
        };
        let (cardholders, next) = self.client.page(&path).await?;
        let listed = |cardholder: &Value| {
            let ext_id = body::name(&self.section, cardholder)?;
            Some(ListedPerson { ext_id, native_id: text(cardholder, "href")? })
        };
        Ok(PersonsPage { persons: cardholders.iter().filter_map(listed).collect(), next })
    }
}

impl Adapter for Gallagher {
    fn caps(&self) -> Caps {
        Caps {
            look_up: true,
            remove_person_cascades: true,
            native_windows: true,
            // Nothing public says that a personal data field refuses a value that another cardholder has.
            names_are_unique: false,
            credentials_named_by_number: true,
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
        Box::pin(async {
            if !wanted.iter().any(|kind| kind == ACCESS_GROUP) {
                return Ok(Vec::new());
            }
            let list = self.list_groups().await;
            let mut all = list.map_err(|trouble| trouble.error("list of access groups"))?;
            all.sort();
            all.dedup_by(|a, b| a.pacs_ref == b.pacs_ref);
            Ok(all)
        })
    }

    fn probe(&self) -> Doing<'_, Result<(), PacsError>> {
        Box::pin(async {
            self.client.discover().await.map(drop).map_err(|trouble| trouble.error("GET /api"))
        })
    }

    fn persons<'a>(&'a self, after: Option<&'a str>) -> Doing<'a, Result<Option<PersonsPage>, PacsError>> {
        Box::pin(async move {
            let page = self.list_persons(after).await;
            page.map(Some).map_err(|trouble| trouble.error("list of cardholders"))
        })
    }
}
