//! What an item consists of in the PACS, and the hash that tells one content from another. Pure.
//!
//! Not here: how a product writes it (`profile`), and whether it should be there (`access::person`).

use super::item::Hash;
use access::person::{Credential, Permission, Person};
use access::text::Secret;
use access::time::{UtcTime, Window};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// The fields of a person without its children.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PersonFields {
    /// First name.
    pub given_name: String,
    /// Last name.
    pub family_name: String,
    /// Organisation.
    pub organization: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// PIN.
    pub pin: Option<Secret>,
    /// Additional properties by their PACS names.
    pub properties: BTreeMap<String, String>,
}

/// A permission, and what it is given to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PermissionFields {
    /// The right and its window.
    pub permission: Permission,
    /// Native ids of the credentials that it is given to, where the API gives it to each of them
    /// ([`Caps::permissions_on_credentials`](super::plan::Caps)); otherwise empty.
    pub credentials: Vec<String>,
}

/// What is sent when an item is created or updated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// A person's own fields.
    Person(PersonFields),
    /// A card or another credential.
    Credential(Credential),
    /// A right defined in the PACS.
    Permission(PermissionFields),
}

impl Content {
    /// The person's own fields.
    pub fn of_person(person: &Person) -> Content {
        Content::Person(PersonFields {
            given_name: person.given_name.clone(),
            family_name: person.family_name.clone(),
            organization: person.organization.clone(),
            email: person.email.clone(),
            pin: person.pin.clone(),
            properties: person.properties.clone(),
        })
    }

    /// A permission, given to these credentials where the API gives it to each of them.
    pub fn of_permission(permission: &Permission, credentials: Vec<String>) -> Content {
        Content::Permission(PermissionFields { permission: permission.clone(), credentials })
    }

    /// When it holds; a person has no window.
    pub fn window(&self) -> Option<Window> {
        match self {
            Content::Person(_) => None,
            Content::Credential(credential) => Some(credential.window),
            Content::Permission(fields) => Some(fields.permission.window),
        }
    }

    /// The window's end.
    pub fn until(&self) -> Option<UtcTime> {
        self.window()?.to
    }

    /// If it is a person's.
    pub fn person(&self) -> Option<&PersonFields> {
        match self {
            Content::Person(person) => Some(person),
            Content::Credential(_) | Content::Permission(_) => None,
        }
    }

    /// If it is a credential's.
    pub fn credential(&self) -> Option<&Credential> {
        match self {
            Content::Credential(credential) => Some(credential),
            Content::Person(_) | Content::Permission(_) => None,
        }
    }

    /// If it is a permission's.
    pub fn permission(&self) -> Option<&Permission> {
        match self {
            Content::Permission(fields) => Some(&fields.permission),
            Content::Person(_) | Content::Credential(_) => None,
        }
    }

    /// Native ids of the credentials that a permission is given to.
    pub fn credentials(&self) -> &[String] {
        match self {
            Content::Permission(fields) => &fields.credentials,
            Content::Person(_) | Content::Credential(_) => &[],
        }
    }

    /// Names the content. Windows count only where the PACS is told of them (`with_windows`).
    pub fn hash(&self, with_windows: bool) -> Hash {
        let mut fields = Fields(Sha256::new());
        match self {
            Content::Person(person) => {
                fields.text("person");
                fields.text(&person.given_name);
                fields.text(&person.family_name);
                fields.option(person.organization.as_deref());
                fields.option(person.email.as_deref());
                fields.option(person.pin.as_ref().map(Secret::expose));
                for (name, value) in &person.properties {
                    fields.text(name);
                    fields.text(value);
                }
            }
            Content::Credential(credential) => {
                fields.text("credential");
                fields.text(&credential.card_number);
                fields.window(&credential.window, with_windows);
            }
            Content::Permission(PermissionFields { permission, credentials }) => {
                fields.text("permission");
                fields.text(&permission.kind);
                fields.text(&permission.display_name);
                fields.window(&permission.window, with_windows);
                credentials.iter().for_each(|id| fields.text(id));
            }
        }
        let mut cut = [0; 16];
        cut.copy_from_slice(&fields.0.finalize()[..16]);
        Hash(cut)
    }
}

/// Hashes fields with their lengths, so that no two lists of fields run together to the same bytes.
struct Fields(Sha256);

impl Fields {
    fn text(&mut self, text: &str) {
        self.0.update(text.len().to_be_bytes());
        self.0.update(text.as_bytes());
    }

    fn option(&mut self, text: Option<&str>) {
        self.0.update([u8::from(text.is_some())]);
        self.text(text.unwrap_or_default());
    }

    fn window(&mut self, window: &Window, with_windows: bool) {
        for edge in [window.from, window.to].into_iter().filter(|_| with_windows) {
            self.option(edge.map(|at| at.to_string()).as_deref());
        }
    }
}
