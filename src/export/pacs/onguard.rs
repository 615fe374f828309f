//! LenelS2 OnGuard through OpenAccess, version 1.0: persons are cardholders, credentials badges, and a
//! permission is the assignments of one access level to the person's badges.
//!
//! The parameter `queue=true` is never used: it makes OnGuard accept a change now and carry it out later, or
//! never, and an accepted request tells the ledger nothing.
//!
//! - [`session`]: the login
//! - [`instances`]: lists and changes of instances, and what their answers mean
//! - [`person`], [`badge`], [`assignment`]: the steps of each kind of item
//! - [`section`], [`values`]: what the profile settles, and how properties are written
//!
//! Not here: TLS and deadlines (`http`), and the meaning of an answer for the ledger (`item`).

mod assignment;
mod badge;
mod instances;
mod person;
mod section;
mod session;
#[cfg(test)]
mod tests;
mod values;

use super::{Adapter, Doing, ENTITLEMENTS_MAX, ListedPerson, PacsError, PersonsPage};
use crate::export::http::{Failure, PacsSettings};
use crate::export::item::{Answer, ItemKind, Step};
use crate::export::plan::Caps;
use contract::messages::PacsEntitlement;
use instances::{CARDHOLDER, ID, Run};
use section::Section;
use session::{LOGIN_PAUSE_MS, Session};
use std::collections::BTreeMap;

const LEVELS: &str = "list of access levels";
const PERSONS: &str = "list of cardholders";
const PROBE: &str = "a small list of access levels";
/// OnGuard has one sort of right.
const ACCESS_LEVEL: &str = "AccessLevel";

/// One OnGuard.
pub struct OnGuard {
    section: Section,
    session: Session,
}

/// Why a request brought nothing to go on with.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Trouble {
    /// The login was refused, so nothing was asked.
    Login { status: u16, words: String, after_ms: u64 },
    /// Nothing was asked, for want of a connection or a login.
    NotAsked(String),
    /// It was asked, and there is no whole answer.
    Lost(String),
    /// An answer other than success.
    Status { status: u16, words: String, after_ms: Option<u64> },
    /// An answer in another form than the profile says.
    Form { pointer: String, key: &'static str },
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Trouble {
        match failure {
            Failure::NotSent(words) => Trouble::NotAsked(words),
            Failure::Unknown(words) => Trouble::Lost(words),
        }
    }
}

impl Trouble {
    fn error(self, what: &'static str) -> PacsError {
        match self {
            Trouble::Login { status, words, .. } | Trouble::Status { status, words, .. } => {
                PacsError::Status { what, status, words }
            }
            Trouble::NotAsked(words) => PacsError::Failed { what, source: Failure::NotSent(words) },
            Trouble::Lost(words) => PacsError::Failed { what, source: Failure::Unknown(words) },
            Trouble::Form { pointer, key } => PacsError::Form { what, pointer, key },
        }
    }
}

impl OnGuard {
    /// Prepares the client; nothing is sent. `properties` are the profile's `user_field_properties`.
    ///
    /// # Errors [`PacsError::Section`] when the profile's section has mistakes, [`PacsError::Settings`] when
    /// the settings do not fit each other or lack the login.
    pub fn new(
        section: toml::Table,
        properties: BTreeMap<String, String>,
        settings: &PacsSettings,
    ) -> Result<OnGuard, PacsError> {
        OnGuard::with_pause(section, properties, settings, LOGIN_PAUSE_MS)
    }

    fn with_pause(
        section: toml::Table,
        properties: BTreeMap<String, String>,
        settings: &PacsSettings,
        login_pause_ms: u64,
    ) -> Result<OnGuard, PacsError> {
        let section = Section::parse(section, properties)?;
        let session = Session::new(
            settings,
            section.directory_id.clone(),
            section.answers.error_words.clone(),
            login_pause_ms,
        )?;
        Ok(OnGuard { section, session })
    }

    async fn carry_out(&self, step: &Step) -> Answer {
        let run = Run::new(self, step);
        let outcome = match step.item.kind {
            ItemKind::Person => run.person().await,
            ItemKind::Credential => run.badge().await,
            ItemKind::Permission => run.permission().await,
        };
        outcome.unwrap_or_else(|answer| answer)
    }

    async fn list_entitlements(&self, wanted: &[String]) -> Result<Vec<PacsEntitlement>, PacsError> {
        if !wanted.iter().any(|kind| kind == ACCESS_LEVEL) {
            return Ok(Vec::new());
        }
        let level = &self.section.access_level;
        let listed = self.list(&level.type_name, None).await.map_err(|trouble| trouble.error(LEVELS))?;
        if listed.len() > ENTITLEMENTS_MAX {
            let words = format!("there are more than {ENTITLEMENTS_MAX}");
            return Err(Trouble::Lost(words).error(LEVELS));
        }
        let entitlement = |found: &values::Properties| {
            let text = |name: &str, key| {
                let text = values::text(found, name).filter(|text| !text.is_empty());
                text.ok_or_else(|| Trouble::Form { pointer: name.to_owned(), key }.error(LEVELS))
            };
            Ok(PacsEntitlement {
                pacs_ref: text(ID, "onguard.access_level")?,
                kind: ACCESS_LEVEL.into(),
                display_name: text(&level.display_name, "onguard.access_level.display_name")?,
            })
        };
        let mut all = listed.iter().map(entitlement).collect::<Result<Vec<_>, PacsError>>()?;
        all.sort();
        all.dedup_by(|a, b| a.pacs_ref == b.pacs_ref);
        Ok(all)
    }

    async fn ask_something(&self) -> Result<(), PacsError> {
        let page = self.page(&self.section.access_level.type_name, None, 1, 1).await;
        page.map(drop).map_err(|trouble| trouble.error(PROBE))
    }

    async fn list_persons(&self, after: Option<&str>) -> Result<Option<PersonsPage>, PacsError> {
        // It comes from the page before.
        let number = after.map_or(Some(1), |after| after.parse().ok());
        let number =
            number.ok_or_else(|| Trouble::NotAsked("there is no such page".into()).error(PERSONS))?;
        let page = self.page(CARDHOLDER, None, number, self.section.page_size).await;
        let page = page.map_err(|trouble| trouble.error(PERSONS))?;
        let mut persons = Vec::new();
        for found in &page.items {
            let Some(ext_id) =
                values::text(found, &self.section.cardholder.ext_id).filter(|text| !text.is_empty())
            else {
                continue;
            };
            let missing = || Trouble::Form { pointer: ID.into(), key: "onguard.answers" }.error(PERSONS);
            let native_id = values::text(found, ID).ok_or_else(missing)?;
            persons.push(ListedPerson { ext_id, native_id });
        }
        let next = (!page.is_last).then(|| (number + 1).to_string());
        Ok(Some(PersonsPage { persons, next }))
    }
}

impl Adapter for OnGuard {
    fn caps(&self) -> Caps {
        Caps {
            look_up: true,
            // It is no known trait of OnGuard: the adapter removes badges and assignments itself.
            remove_person_cascades: true,
            native_windows: true,
            credentials_named_by_number: true,
            permissions_on_credentials: true,
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
        Box::pin(self.list_entitlements(wanted))
    }

    fn probe(&self) -> Doing<'_, Result<(), PacsError>> {
        Box::pin(self.ask_something())
    }

    fn persons<'a>(&'a self, after: Option<&'a str>) -> Doing<'a, Result<Option<PersonsPage>, PacsError>> {
        Box::pin(self.list_persons(after))
    }
}
