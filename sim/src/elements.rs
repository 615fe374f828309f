//! Access elements: the rights that are defined in the PACS and can only be given, never made, from outside.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::world::Refusal;

/// The kinds of access element that this PACS knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ElementType {
    /// A named set of doors and times.
    AccessProfile,
    /// One zone with one time profile.
    AccessZoneTimeProfile,
}

impl ElementType {
    /// The type of that name.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for any other name; the words list the known ones.
    pub(crate) fn parse(name: &str) -> Result<Self, Refusal> {
        match name {
            "AccessProfile" => Ok(Self::AccessProfile),
            "AccessZoneTimeProfile" => Ok(Self::AccessZoneTimeProfile),
            other => Err(Refusal::Invalid(format!(
                "unknown type {other}: it is AccessProfile or AccessZoneTimeProfile"
            ))),
        }
    }
}

/// One right defined in the PACS, e.g. `{"id":"ap-main","name":"Main entrance","type":"AccessProfile"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessElement {
    /// What a permission names in `accessElement`.
    pub id: String,
    /// For people.
    pub name: String,
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: ElementType,
}

impl AccessElement {
    /// An element of the given kind.
    #[must_use]
    pub fn new(id: &str, name: &str, kind: ElementType) -> Self {
        Self { id: id.to_owned(), name: name.to_owned(), kind }
    }

    /// A small office: what the PACS has when nobody says otherwise.
    #[must_use]
    pub fn defaults() -> Vec<Self> {
        use ElementType::{AccessProfile, AccessZoneTimeProfile};
        vec![
            Self::new("ap-main", "Main entrance", AccessProfile),
            Self::new("ap-lab", "Laboratory", AccessProfile),
            Self::new("ap-archive", "Archive", AccessProfile),
            Self::new("zt-office", "Offices, office hours", AccessZoneTimeProfile),
            Self::new("zt-night", "All doors, night shift", AccessZoneTimeProfile),
        ]
    }
}

/// Checks that every id is named and named once.
///
/// # Errors
/// [`Refusal::Invalid`] naming the first id that is empty or repeated.
pub(crate) fn checked(elements: Vec<AccessElement>) -> Result<Vec<AccessElement>, Refusal> {
    let mut seen = BTreeSet::new();
    for element in &elements {
        if element.id.is_empty() {
            return Err(Refusal::Invalid(format!("access element {:?} has an empty id", element.name)));
        }
        if !seen.insert(&element.id) {
            return Err(Refusal::Invalid(format!("access element {} is there twice", element.id)));
        }
    }
    Ok(elements)
}
