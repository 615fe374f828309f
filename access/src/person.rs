//! The export rules of the seeds as one pure function: facts, settings and time in, the user as the PACS
//! should see it out.
//!
//! Not here: what the PACS has already (the gateway's ledger and plan), and how it is told.

#[cfg(test)]
mod tests;

use crate::assignment::Assignment;
use crate::card::{CardNumberFormat, render};
use crate::entitlement::Entitlement;
use crate::id::Key;
use crate::status::effective;
use crate::text::{Secret, Text};
use crate::time::{UtcTime, Window};
use crate::token::{Token, TokenStatus};
use crate::trust::{Need, Time, need};
use crate::user::User;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Everything the mirror knows that concerns one user's export.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The user's key.
    pub key: Key,
    /// The user.
    pub user: User,
    /// Its tokens.
    pub tokens: Vec<(Key, Token)>,
    /// Its assignments, each with the entitlement it names unless that dangles.
    pub assignments: Vec<(Assignment, Option<Entitlement>)>,
    /// References of those entitlements among them that the PACS has defined and defines no longer. Their
    /// permissions are held: not added, and kept where they are for as long as they are assigned.
    pub vanished: BTreeSet<String>,
}

/// Where an additional field of a person comes from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum UserField {
    /// `email.TYPE`
    Email(String),
    /// `phone.TYPE`
    Phone(String),
    /// `user.NAME`: a field of the user, else an attribute.
    User(String),
}

/// How one PACS wants its persons.
#[derive(Clone, Hash, Debug)]
pub struct Settings {
    /// A user without an exportable token leaves the PACS.
    pub delete_user_on_no_access_token: bool,
    /// A user without an active assignment leaves the PACS.
    pub delete_user_on_no_entitlement: bool,
    /// Put before the user's id.
    pub user_identifier_prefix: String,
    /// Organisation of users that name none.
    pub default_organization: Option<String>,
    /// Type of the e-mail address that is sent.
    pub email_type: String,
    /// Type of the identifier that becomes the card number.
    pub identifier_type: String,
    /// How its bytes are written.
    pub card_number_format: CardNumberFormat,
    /// Additional fields: from where, to which properties of the person.
    pub user_field_mappings: BTreeMap<UserField, Vec<String>>,
    /// Entitlement types that this PACS knows; others are never sent.
    pub entitlement_import_types: Vec<String>,
}

/// A user as the PACS should see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// Prefix and user key: how the PACS and we recognise the person.
    pub ext_id: String,
    /// [`Need::Keep`]: leave it if it is there, don't create it.
    pub need: Need,
    /// First name.
    pub given_name: String,
    /// Last name.
    pub family_name: String,
    /// Organisation.
    pub organization: Option<String>,
    /// E-mail address of the configured type.
    pub email: Option<String>,
    /// PIN.
    pub pin: Option<Secret>,
    /// Additional properties by their PACS names.
    pub properties: BTreeMap<String, String>,
    /// Tokens by key.
    pub credentials: BTreeMap<Key, Credential>,
    /// Permissions by the PACS's reference of the entitlement.
    pub permissions: BTreeMap<String, Permission>,
}

/// A token as the PACS should see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credential {
    /// As for [`Person::need`].
    pub need: Need,
    /// The rendered card number.
    pub card_number: String,
    /// When it is valid, for a PACS that can be told.
    pub window: Window,
}

/// An entitlement as the PACS should see it on the person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Permission {
    /// As for [`Person::need`].
    pub need: Need,
    /// The PACS's word for the sort of right.
    pub kind: String,
    /// What people call it.
    pub display_name: String,
    /// When it is given: the widest of the assignments that hold now.
    pub window: Window,
}

/// The user as the PACS should see it; `None` when it should not be there at all.
pub fn person(facts: &Facts, settings: &Settings, time: &Time) -> Option<Person> {
    let credentials = credentials(facts, settings, time);
    let permissions = permissions(facts, settings, time);
    let by_token = best(credentials.values().map(|c| c.need), settings.delete_user_on_no_access_token)?;
    let by_entitlement = best(permissions.values().map(|p| p.need), settings.delete_user_on_no_entitlement)?;
    let user = &facts.user;
    let mut properties = BTreeMap::new();
    for (field, names) in &settings.user_field_mappings {
        if let Some(value) = field_value(user, &facts.key, field) {
            properties.extend(names.iter().map(|name| (name.clone(), value.clone())));
        }
    }
    let organization = user.organization.as_ref().map(|text| text.as_str().into());
    Some(Person {
        ext_id: ext_id(settings, &facts.key),
        need: by_token.min(by_entitlement),
        given_name: user.given_name.as_str().into(),
        family_name: user.family_name.as_str().into(),
        organization: organization.or_else(|| settings.default_organization.clone()),
        email: typed(&user.emails, &settings.email_type),
        pin: user.pin.clone(),
        properties,
        credentials,
        permissions,
    })
}

/// Tokens of the user whose effective status keeps them out of the PACS, whatever else is true of them.
pub fn barred_tokens(facts: &Facts) -> impl Iterator<Item = &Key> {
    let is_barred = |(_, token): &&(Key, Token)| {
        effective(facts.user.status, token.kind, token.status) != TokenStatus::Active
    };
    facts.tokens.iter().filter(is_barred).map(|(key, _)| key)
}

/// How the PACS and we recognise the user: prefix and key.
pub fn ext_id(settings: &Settings, user: &Key) -> String {
    format!("{}{user}", settings.user_identifier_prefix)
}

/// The strongest need among the items, which the user has to have; if it need not, the user is wanted anyway.
fn best(needs: impl Iterator<Item = Need>, required: bool) -> Option<Need> {
    if required { needs.max() } else { Some(Need::Want) }
}

fn credentials(facts: &Facts, settings: &Settings, time: &Time) -> BTreeMap<Key, Credential> {
    let exportable = |(key, token): &(Key, Token)| {
        let status = effective(facts.user.status, token.kind, token.status);
        if status != TokenStatus::Active || token.user.as_ref() != Some(&facts.key) {
            return None;
        }
        let need = need(&token.window, time)?;
        let card_number = card_number(token, settings)?;
        Some((key.clone(), Credential { need, card_number, window: token.window }))
    };
    facts.tokens.iter().filter_map(exportable).collect()
}

/// The card number that a token would have in the PACS, if any.
pub fn card_number(token: &Token, settings: &Settings) -> Option<String> {
    let identifier = token.identifiers.iter().find(|id| id.kind.as_str() == settings.identifier_type)?;
    render(settings.card_number_format, &identifier.hex).ok()
}

fn permissions(facts: &Facts, settings: &Settings, time: &Time) -> BTreeMap<String, Permission> {
    let mut permissions: BTreeMap<String, Permission> = BTreeMap::new();
    for (assignment, entitlement) in &facts.assignments {
        let Some(entitlement) = entitlement else { continue };
        let known = settings.entitlement_import_types.iter().any(|kind| kind == entitlement.kind.as_str());
        let Some(mut need) = need(&assignment.window, time).filter(|_| known) else { continue };
        if facts.vanished.contains(entitlement.pacs_ref.as_str()) {
            need = Need::Keep;
        }
        let found = Permission {
            need,
            kind: entitlement.kind.as_str().into(),
            display_name: entitlement.display_name.as_str().into(),
            window: assignment.window,
        };
        permissions
            .entry(entitlement.pacs_ref.as_str().into())
            .and_modify(|known| {
                known.need = known.need.max(found.need);
                known.window = widest(known.window, found.window);
            })
            .or_insert(found);
    }
    permissions
}

/// Two windows that both hold now overlap, so their hull has no hole.
fn widest(a: Window, b: Window) -> Window {
    let from = a.from.zip(b.from).map(|(a, b)| a.min(b));
    let to = a.to.zip(b.to).map(|(a, b)| a.max(b));
    Window { from, to }
}

fn field_value(user: &User, key: &Key, field: &UserField) -> Option<String> {
    match field {
        UserField::Email(kind) => typed(&user.emails, kind),
        UserField::Phone(kind) => typed(&user.phones, kind),
        UserField::User(name) => match name.as_str() {
            "id" => Some(key.as_str().into()),
            "given_name" => Some(user.given_name.as_str().into()),
            "family_name" => Some(user.family_name.as_str().into()),
            "organization" => user.organization.as_ref().map(|text| text.as_str().into()),
            _ => typed(&user.attributes, name),
        },
    }
}

fn typed(values: &BTreeMap<Text, Text>, kind: &str) -> Option<String> {
    let found = values.iter().find(|(name, _)| name.as_str().eq_ignore_ascii_case(kind));
    found.map(|(_, value)| value.as_str().into())
}

/// The next instant after `now` at which one of the user's windows opens or closes.
pub fn next_edge(facts: &Facts, now: UtcTime) -> Option<UtcTime> {
    let tokens = facts.tokens.iter().map(|(_, token)| token.window);
    let assignments = facts.assignments.iter().map(|(assignment, _)| assignment.window);
    tokens.chain(assignments).filter_map(|window| window.next_edge(now)).min()
}
