//! The section `[onguard]` of a profile: what the public facts of the API leave open.
//!
//! Not here: what they say (`instances`, `session`), and the site's settings (`http::PacsSettings`).

use crate::config::{Misfit, read_table};
use crate::export::pacs::PacsError;
use access::time::UtcTime;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The name of adapter and section.
pub(super) const NAME: &str = "onguard";

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Section {
    /// The directory that the user belongs to.
    pub(super) directory_id: String,
    /// Most instances asked for at a time.
    pub(super) page_size: u32,
    pub(super) empty: Empty,
    pub(super) remove_by: RemoveBy,
    pub(super) instants: Instants,
    /// Stands for a window without beginning, where OnGuard wants one.
    pub(super) open_from: Option<UtcTime>,
    /// Stands for a window without end.
    pub(super) open_until: Option<UtcTime>,
    pub(super) answers: Answers,
    pub(super) cardholder: Cardholder,
    pub(super) badge: Badge,
    pub(super) assignment: Assignment,
    pub(super) access_level: AccessLevel,
    /// Additional properties by their names, and what each is sent as: the profile's, not the section's own.
    #[serde(skip)]
    pub(super) properties: BTreeMap<String, String>,
}

/// How a property without value is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Empty {
    Null,
    Text,
}

/// How the instance to delete is named.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RemoveBy {
    Body,
    Filter,
}

/// How instants are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Instants {
    /// `2026-03-01T08:00:00Z`
    UtcSeconds,
    /// `2026-03-01T08:00:00+00:00`
    UtcOffset,
}

/// How a card number is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum NumberForm {
    Number,
    Text,
}

/// JSON pointers into answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answers {
    pub(super) items: String,
    pub(super) total_pages: String,
    pub(super) properties: String,
    pub(super) error_words: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cardholder {
    pub(super) ext_id: String,
    pub(super) given_name: String,
    pub(super) family_name: String,
    pub(super) organization: Option<String>,
    pub(super) email: Option<String>,
    pub(super) pin: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Badge {
    pub(super) person: String,
    pub(super) number: String,
    pub(super) number_form: NumberForm,
    pub(super) activate: Option<String>,
    pub(super) deactivate: Option<String>,
    /// Sent with each new badge.
    #[serde(default)]
    pub(super) on_create: BTreeMap<String, Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Assignment {
    /// What names one.
    pub(super) key: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessLevel {
    #[serde(rename = "type")]
    pub(super) type_name: String,
    pub(super) display_name: String,
}

impl Section {
    /// Reads and checks it.
    ///
    /// # Errors
    /// [`PacsError::Section`], naming the key and what it should say.
    pub(super) fn parse(
        section: toml::Table,
        properties: BTreeMap<String, String>,
    ) -> Result<Section, PacsError> {
        let wrong = |source| PacsError::Section { adapter: NAME, source };
        let mut section: Section = read_table(&section).map_err(wrong)?;
        section.properties = properties;
        section.check().map_err(|words| wrong(Misfit::new(words)))?;
        Ok(section)
    }

    fn check(&self) -> Result<(), String> {
        let that = |holds: bool, words: &str| if holds { Ok(()) } else { Err(words.to_owned()) };
        that(self.page_size > 0, "page_size = 0: give the number of instances of a page, e.g. 100")?;
        that(!self.assignment.key.is_empty(), "assignment.key = []: name the properties of its key")?;
        let answers = &self.answers;
        for pointer in [&answers.items, &answers.total_pages, &answers.properties, &answers.error_words] {
            let holds = pointer.is_empty() || pointer.starts_with('/');
            that(holds, &format!("{pointer:?}: a JSON pointer is empty or begins with /, e.g. /item_list"))?;
        }
        for name in self.property_names() {
            // They stand in filters, where anything else would need rules that are not public.
            let holds =
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            that(holds, &format!("{name:?}: a property's name has letters, digits and _ only"))?;
        }
        Ok(())
    }

    fn property_names(&self) -> impl Iterator<Item = &String> {
        let (cardholder, badge) = (&self.cardholder, &self.badge);
        [
            &cardholder.ext_id,
            &cardholder.given_name,
            &cardholder.family_name,
            &badge.person,
            &badge.number,
            &self.access_level.type_name,
            &self.access_level.display_name,
        ]
        .into_iter()
        .chain([&cardholder.organization, &cardholder.email, &cardholder.pin].into_iter().flatten())
        .chain([&badge.activate, &badge.deactivate].into_iter().flatten())
        .chain(badge.on_create.keys())
        .chain(&self.assignment.key)
        .chain(self.properties.values())
    }
}
