//! The profile's section `[scim]`: which resource types there are, and what their attributes are called.
//!
//! Users are those of RFC 7643. For tokens, entitlements and assignments there is no standard: each server has
//! resource types of its own, and the section names them.
//!
//! Not here: what the attributes are given (`resource`).

use super::attribute::{Attribute, is_urn};
use serde::Deserialize;

/// The largest page that is asked for, in resources: an answer must stay below the largest body that is read.
const PAGE_MAX: u16 = 200;

/// The section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Section {
    pub(super) page_size: PageSize,
    /// Whether what is changed is named with its ETag, where the server gives one.
    pub(super) etags: bool,
    pub(super) users: Users,
    pub(super) tokens: Tokens,
    pub(super) entitlements: Entitlements,
    pub(super) assignments: Assignments,
}

/// Persons, by the core schema for users.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Users {
    pub(super) endpoint: Endpoint,
    pub(super) email: Option<Attribute>,
    pub(super) organization: Option<Attribute>,
    pub(super) pin: Option<Attribute>,
}

/// Credentials.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tokens {
    pub(super) endpoint: Endpoint,
    pub(super) schema: Urn,
    pub(super) user: Attribute,
    pub(super) card_number: Attribute,
    pub(super) valid_from: Option<Attribute>,
    pub(super) valid_to: Option<Attribute>,
}

/// What can be given; read, never written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entitlements {
    pub(super) endpoint: Endpoint,
    #[serde(rename = "ref")]
    pub(super) pacs_ref: Attribute,
    #[serde(rename = "type")]
    pub(super) kind: Attribute,
    pub(super) display_name: Attribute,
}

/// What is given to whom.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Assignments {
    pub(super) endpoint: Endpoint,
    pub(super) schema: Urn,
    pub(super) user: Attribute,
    pub(super) entitlement: Attribute,
    pub(super) entitlement_name: Option<Attribute>,
    pub(super) valid_from: Option<Attribute>,
    pub(super) valid_to: Option<Attribute>,
}

impl Section {
    /// Whether the PACS is told of windows.
    pub(super) fn has_windows(&self) -> bool {
        let Section { tokens, assignments, .. } = self;
        [&tokens.valid_from, &tokens.valid_to, &assignments.valid_from, &assignments.valid_to]
            .iter()
            .any(|edge| edge.is_some())
    }
}

/// Resources that one page is to have.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "u16")]
pub(super) struct PageSize(pub(super) u64);

impl TryFrom<u16> for PageSize {
    type Error = String;

    fn try_from(size: u16) -> Result<PageSize, String> {
        match size {
            1..=PAGE_MAX => Ok(PageSize(size.into())),
            _ => Err(format!("page_size = {size}: give 1 to {PAGE_MAX}")),
        }
    }
}

/// Where resources of one type are, below the base URL.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Endpoint(pub(super) String);

impl TryFrom<String> for Endpoint {
    type Error = String;

    fn try_from(text: String) -> Result<Endpoint, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
        let segment =
            |part: &str| !part.is_empty() && part.chars().any(|c| c != '.') && part.chars().all(plain);
        let sound = text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(segment));
        if sound { Ok(Endpoint(text)) } else { Err(format!("{text:?}: write an endpoint like /Tokens")) }
    }
}

/// Names a schema.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Urn(pub(super) String);

impl TryFrom<String> for Urn {
    type Error = String;

    fn try_from(text: String) -> Result<Urn, String> {
        if is_urn(&text) { Ok(Urn(text)) } else { Err(format!("{text:?}: a schema is named by a URN")) }
    }
}
