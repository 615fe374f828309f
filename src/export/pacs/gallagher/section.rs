//! The section `[gallagher]` of a profile.
//!
//! Not here: what all products have (`profile`).

use serde::Deserialize;

/// What a site and a version of Command Centre decide.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Section {
    /// Id of the personal data field that holds our name of a person.
    pub(super) external_id_pdf: Filled,
    /// That field as a member of a cardholder: `@` and the field's name.
    pub(super) external_id_member: Member,
    /// Address of the access group that the field is attached to; every person of ours is put in it.
    pub(super) person_access_group: Filled,
    /// Address of the division that new cardholders come into.
    pub(super) division: Filled,
    /// Address of the type of new cards.
    pub(super) card_type: Filled,
    /// State that cards are given; without it the card type's default, and a state set by hand stays.
    #[serde(default)]
    pub(super) card_status: Option<String>,
    /// Member of a cardholder for the e-mail address.
    #[serde(default)]
    pub(super) email: Option<Filled>,
    /// Member of a cardholder for the organisation.
    #[serde(default)]
    pub(super) organization: Option<Filled>,
    /// Member of a cardholder for the PIN.
    #[serde(default)]
    pub(super) pin: Option<Filled>,
    /// JSON pointer into `GET /api`: the list of access groups.
    pub(super) access_groups: String,
    /// JSON pointer into the body of a refusal: its words.
    pub(super) error_words: String,
}

/// Text that must not be left empty.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Filled(String);

impl TryFrom<String> for Filled {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Filled, Self::Error> {
        if text.is_empty() { Err("is empty: write what your Command Centre has") } else { Ok(Filled(text)) }
    }
}

impl std::ops::Deref for Filled {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Filled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The member of a cardholder that is a personal data field.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Member(String);

impl TryFrom<String> for Member {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Member, Self::Error> {
        let is_named = text.strip_prefix('@').is_some_and(|name| !name.is_empty());
        if is_named {
            Ok(Member(text))
        } else {
            Err("is no personal data field: write @ and the field's name")
        }
    }
}

impl std::ops::Deref for Member {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}
