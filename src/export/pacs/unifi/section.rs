//! The profile's section: what no public document settles.
//!
//! Not here: what all products have (`profile`), and the site's login (`http`).

use crate::config::{Misfit, read_table};
use crate::export::pacs::PacsError;
use serde::Deserialize;
use std::num::NonZeroU16;

/// The adapter's name, and its section's.
pub(super) const ADAPTER: &str = "unifi";

/// The keys of `[unifi]`; the shipped profile says what each is for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Section {
    /// Items asked for with one page of a list. The console may give fewer.
    pub(super) page_size: NonZeroU16,
    /// How a user is found by its employee number.
    pub(super) find_users: FindUsers,
    /// Whether the console's cards are searched for a number before it is imported, or only after that gave
    /// nothing.
    pub(super) find_cards_first: bool,
    /// Members of a card that may hold its number; the first one that is there counts.
    pub(super) card_number: Vec<String>,
    /// Whether users get their e-mail addresses.
    pub(super) send_email: bool,
}

/// Where users are looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FindUsers {
    /// In the list of all.
    List,
    /// Among those that the console's own search gives.
    Search,
}

impl Section {
    /// # Errors
    /// [`PacsError::Section`], which names the key.
    pub(super) fn parse(section: toml::Table) -> Result<Section, PacsError> {
        let wrong = |source| PacsError::Section { adapter: ADAPTER, source };
        let section: Section = read_table(&section).map_err(wrong)?;
        if section.card_number.is_empty() {
            return Err(wrong(Misfit::new("card_number is empty: name a member, e.g. \"alias\"")));
        }
        Ok(section)
    }
}
