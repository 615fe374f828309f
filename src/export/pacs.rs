//! Adapters: each carries out the steps of a plan in one kind of PACS API, all in one shape.
//!
//! - [`gallagher`]: Gallagher Command Centre
//! - [`rest`]: JSON over HTTP, described by a profile
//! - [`unifi`]: UniFi Access
//! - [`onguard`]: LenelS2 OnGuard's OpenAccess
//! - [`scim`]: SCIM 2.0, with resource types for tokens, entitlements and assignments
//!
//! Not here: when a step is sent, and what follows from its answer (`plan`, `rows`).

mod answer;
pub mod gallagher;
pub mod onguard;
pub mod rest;
pub mod scim;
pub mod unifi;

use super::http::{Failure, HttpError, PacsSettings};
use super::item::{Answer, Step};
use super::plan::Caps;
use super::profile::{Api, Profile};
use crate::config::Misfit;
use contract::messages::PacsEntitlement;
use std::pin::Pin;
use std::rc::Rc;

/// Most entitlements taken from one PACS.
pub const ENTITLEMENTS_MAX: usize = 100_000;

/// What an adapter is doing; everything runs on one thread.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// One kind of PACS API. An adapter has no memory but its login: whatever it must know comes with the step.
pub trait Adapter {
    /// What the API can do.
    fn caps(&self) -> Caps;

    /// Carries out `step`, whose intent is committed by now. One request or several: the answer must be
    /// [`Answer::Unknown`] unless what was done, or not done, is certain.
    fn execute<'a>(&'a self, step: &'a Step) -> Doing<'a, Answer>;

    /// The entitlements that the PACS defines, of the types that are `wanted`, without repeats and in order.
    /// A list is whole or an error, since what is missing from it counts as deleted.
    fn entitlements<'a>(&'a self, wanted: &'a [String])
    -> Doing<'a, Result<Vec<PacsEntitlement>, PacsError>>;

    /// Asks for something small, to learn whether the PACS answers and accepts the login.
    fn probe(&self) -> Doing<'_, Result<(), PacsError>>;

    /// One page of all persons, whoever made them; the first without `after`. `Ok(None)` when the API has no
    /// such list.
    fn persons<'a>(&'a self, after: Option<&'a str>) -> Doing<'a, Result<Option<PersonsPage>, PacsError>>;
}

/// Persons as the PACS lists them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PersonsPage {
    /// Persons that have a name for outside systems, by that name.
    pub persons: Vec<ListedPerson>,
    /// What to ask the next page with; none after the last.
    pub next: Option<String>,
}

/// One of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedPerson {
    /// Our name of it, if it is one of ours.
    pub ext_id: String,
    /// The PACS's own.
    pub native_id: String,
}

/// Prepares the adapter that `profile` names; nothing is sent.
///
/// # Errors
/// [`PacsError::Settings`] when the settings do not fit each other or the profile.
pub fn open(profile: Profile, settings: &PacsSettings) -> Result<Rc<dyn Adapter>, PacsError> {
    match profile.api {
        Api::Rest(api) => Ok(Rc::new(rest::Rest::new(*api, settings)?)),
        Api::Native { adapter, section, properties } => match adapter.as_str() {
            "unifi" => Ok(Rc::new(unifi::Unifi::new(section, properties, settings)?)),
            "onguard" => Ok(Rc::new(onguard::OnGuard::new(section, properties, settings)?)),
            "gallagher" => Ok(Rc::new(gallagher::Gallagher::new(section, properties, settings)?)),
            "scim" => Ok(Rc::new(scim::Scim::new(section, &properties, settings)?)),
            _ => Err(PacsError::Adapter { adapter }),
        },
    }
}

/// Why a PACS cannot be used, or did not give what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum PacsError {
    /// The settings contradict themselves.
    #[error(transparent)]
    Settings(#[from] HttpError),
    /// The profile wants an adapter that is not here.
    #[error(
        "profile: adapter = {adapter:?}: there is no such adapter; there are rest, scim, gallagher, onguard, unifi"
    )]
    Adapter {
        /// What it says.
        adapter: String,
    },
    /// The adapter's part of the profile has mistakes.
    #[error("profile: [{adapter}]: {source}; compare it with the profile that is shipped")]
    Section {
        /// The adapter.
        adapter: &'static str,
        /// The key, and what was expected.
        source: Misfit,
    },
    /// There was no answer.
    #[error("PACS, {what}: {source}; check pacs.base_url, the network and the PACS")]
    Failed {
        /// What was asked.
        what: &'static str,
        /// Why there is no answer.
        source: Failure,
    },
    /// It answered with an error.
    #[error("PACS, {what}: {status} {words}; check login, system id and profile")]
    Status {
        /// What was asked.
        what: &'static str,
        /// The HTTP status.
        status: u16,
        /// The PACS's words.
        words: String,
    },
    /// The answer has another form than expected.
    #[error("PACS, {what}: the answer has no {pointer}; correct {key} in the profile")]
    Form {
        /// What was asked.
        what: &'static str,
        /// The JSON pointer that leads nowhere.
        pointer: String,
        /// The profile's key.
        key: &'static str,
    },
}
