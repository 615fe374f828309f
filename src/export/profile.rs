//! What belongs to one PACS product, read from a strict TOML file: requests, bodies, answers, capabilities.
//!
//! A profile is data of the vendor's API; what a site chooses is [`SiteRules`] and the PACS settings. Keys whose
//! values nobody could verify in public are listed in `unverified`, so that `doorward check` can name them.
//!
//! Not here: sending (`http`, `pacs`), and where the site's settings are written down (`config`).

mod file;
mod template;
#[cfg(test)]
mod tests;

use super::item::{Act, ItemKind, Step};
use super::plan::Caps;
use access::card::CardNumberFormat;
use access::person::{Settings, UserField};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
pub(in crate::export) use template::{Body, Instants, PathTemplate, Variable, add_properties, value};

/// Largest profile in bytes.
pub const PROFILE_MAX_BYTES: u64 = 256 * 1024;

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The file cannot be read.
    #[error("profile {file}: {source}; set pacs.profile to a profile file")]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// It is not TOML of the expected form.
    #[error("profile {file}: {source}; compare it with the profiles that are shipped")]
    Form {
        /// The file.
        file: PathBuf,
        /// Where, and what was expected.
        source: Box<toml::de::Error>,
    },
    /// A value makes no sense.
    #[error("profile {file}: {key} = {value:?}: {remedy}")]
    Value {
        /// The file.
        file: PathBuf,
        /// The dotted key.
        key: String,
        /// What it says.
        value: String,
        /// What it should say.
        remedy: String,
    },
    /// A setting of the site does not fit the product.
    #[error("setting pacs.{key} = {value:?} does not fit the profile {file}: {remedy}")]
    Site {
        /// The profile.
        file: PathBuf,
        /// The setting.
        key: &'static str,
        /// What it says.
        value: String,
        /// What it should say.
        remedy: String,
    },
}

/// How a request logs in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Login {
    /// Not at all.
    None,
    /// HTTP Basic with username and password.
    Basic,
}

/// One request of the API.
#[derive(Clone, Debug)]
pub(in crate::export) struct Request {
    pub(in crate::export) method: hyper::Method,
    pub(in crate::export) path: PathTemplate,
    pub(in crate::export) body: Option<Body>,
}

impl Request {
    fn names(&self, variable: Variable) -> bool {
        self.path.names(variable) || self.body.as_ref().is_some_and(|body| body.names(variable))
    }
}

/// How items are found by our name.
#[derive(Clone, Debug)]
pub(in crate::export) struct Find {
    pub(in crate::export) request: Request,
    /// JSON pointer to the list in the answer.
    pub(in crate::export) items: String,
    /// In each item: the PACS's id.
    pub(in crate::export) id: String,
    /// In each item: our name, compared with what was asked for.
    pub(in crate::export) ext_id: String,
}

/// The requests for one kind of item.
#[derive(Clone, Debug)]
pub(in crate::export) struct Acts {
    create: Request,
    update: Request,
    remove: Request,
    find: Option<Find>,
}

/// How the entitlements that the PACS defines are listed.
#[derive(Clone, Debug)]
pub(in crate::export) struct Entitlements {
    pub(in crate::export) request: Request,
    pub(in crate::export) items: String,
    pub(in crate::export) pacs_ref: String,
    pub(in crate::export) kind: String,
    pub(in crate::export) display_name: String,
}

/// One PACS product.
#[derive(Clone, Debug)]
pub struct Profile {
    file: PathBuf,
    /// The product's name, for people.
    pub product: String,
    /// Keys of this profile whose values could not be verified in public.
    pub unverified: Vec<String>,
    /// How a request logs in.
    pub login: Login,
    /// What the product can do.
    pub caps: Caps,
    pub(in crate::export) system_id_header: Option<hyper::header::HeaderName>,
    pub(in crate::export) instants: Instants,
    pub(in crate::export) created_id: String,
    pub(in crate::export) error_words: String,
    pub(in crate::export) entitlements: Entitlements,
    user_field_properties: BTreeMap<String, String>,
    entitlement_import_types: BTreeSet<String>,
    user_identifier_prefix: String,
    identifier_type: String,
    person: Acts,
    credential: Acts,
    permission: Acts,
}

/// What a site chooses about whom to export, and as what. `None` is the profile's own choice.
#[derive(Clone, Debug)]
pub struct SiteRules {
    /// A user without an exportable token leaves the PACS.
    pub delete_user_on_no_access_token: bool,
    /// A user without an active assignment leaves the PACS.
    pub delete_user_on_no_entitlement: bool,
    /// Put before the user's id.
    pub user_identifier_prefix: Option<String>,
    /// Organisation of users that name none.
    pub default_organization: Option<String>,
    /// Type of the e-mail address that is sent.
    pub email_type: String,
    /// Type of the identifier that becomes the card number.
    pub identifier_type: Option<String>,
    /// How its bytes are written.
    pub card_number_format: CardNumberFormat,
    /// `"phone.home" = ["HomePhoneNumber", "CellPhone"]`; sources are `email.TYPE`, `phone.TYPE`, `user.NAME`.
    pub user_field_mappings: BTreeMap<String, Vec<String>>,
    /// Entitlement types that are imported and sent.
    pub entitlement_import_types: Vec<String>,
}

impl Profile {
    /// Reads and checks a profile file.
    ///
    /// # Errors
    /// [`ProfileError`], naming the file, the key, the value and the remedy.
    pub fn read(file: &Path) -> Result<Profile, ProfileError> {
        use std::io::Read as _;
        let read = || {
            let mut text = String::new();
            std::fs::File::open(file)?.take(PROFILE_MAX_BYTES).read_to_string(&mut text)?;
            Ok(text)
        };
        let text = read().map_err(|source| ProfileError::Read { file: file.into(), source })?;
        Profile::parse(file, &text)
    }

    /// Checks the text of a profile; `file` is for the errors.
    ///
    /// # Errors
    /// As [`Profile::read`].
    pub fn parse(file: &Path, text: &str) -> Result<Profile, ProfileError> {
        file::parse(file, text)
    }

    /// The export rules for this product and this site.
    ///
    /// # Errors
    /// [`ProfileError::Site`] when the site asks for what the product does not have.
    pub fn rules(&self, site: &SiteRules) -> Result<Settings, ProfileError> {
        let known = &self.entitlement_import_types;
        for kind in &site.entitlement_import_types {
            if !known.contains(kind) {
                let remedy = format!("the product has {}", listed(known));
                return Err(self.unfit("entitlement_import_types", kind, remedy));
            }
        }
        if site.entitlement_import_types.is_empty() {
            let remedy = format!("name at least one of {}", listed(known));
            return Err(self.unfit("entitlement_import_types", "", remedy));
        }
        let mut user_field_mappings = BTreeMap::new();
        for (source, properties) in &site.user_field_mappings {
            let remedy = || "a source is email.TYPE, phone.TYPE or user.NAME".into();
            let field =
                user_field(source).ok_or_else(|| self.unfit("user_field_mappings", source, remedy()))?;
            for property in properties {
                if !self.user_field_properties.contains_key(property) {
                    let remedy = format!("the product has {}", listed(self.user_field_properties.keys()));
                    return Err(self.unfit("user_field_mappings", property, remedy));
                }
            }
            user_field_mappings.insert(field, properties.clone());
        }
        let or = |own: &Option<String>, default: &String| own.clone().unwrap_or_else(|| default.clone());
        Ok(Settings {
            delete_user_on_no_access_token: site.delete_user_on_no_access_token,
            delete_user_on_no_entitlement: site.delete_user_on_no_entitlement,
            user_identifier_prefix: or(&site.user_identifier_prefix, &self.user_identifier_prefix),
            default_organization: site.default_organization.clone(),
            email_type: site.email_type.clone(),
            identifier_type: or(&site.identifier_type, &self.identifier_type),
            card_number_format: site.card_number_format,
            user_field_mappings,
            entitlement_import_types: site.entitlement_import_types.clone(),
        })
    }

    fn unfit(&self, key: &'static str, value: &str, remedy: String) -> ProfileError {
        ProfileError::Site { file: self.file.clone(), key, value: value.into(), remedy }
    }

    fn acts(&self, kind: ItemKind) -> &Acts {
        match kind {
            ItemKind::Person => &self.person,
            ItemKind::Credential => &self.credential,
            ItemKind::Permission => &self.permission,
        }
    }

    /// How `step` is asked; none for a look-up that the product does not have.
    pub(in crate::export) fn request(&self, step: &Step) -> Option<&Request> {
        let acts = self.acts(step.item.kind);
        match step.act {
            Act::Create => Some(&acts.create),
            Act::Update => Some(&acts.update),
            Act::Remove => Some(&acts.remove),
            Act::LookUp => acts.find.as_ref().map(|find| &find.request),
        }
    }

    pub(in crate::export) fn find(&self, kind: ItemKind) -> Option<&Find> {
        self.acts(kind).find.as_ref()
    }

    /// The member of the request's body that holds an additional property.
    pub(in crate::export) fn member<'a>(&'a self, property: &'a str) -> &'a str {
        self.user_field_properties.get(property).map_or(property, String::as_str)
    }
}

fn user_field(source: &str) -> Option<UserField> {
    let (table, name) = source.split_once('.').filter(|(_, name)| !name.is_empty())?;
    match table {
        "email" => Some(UserField::Email(name.into())),
        "phone" => Some(UserField::Phone(name.into())),
        "user" => Some(UserField::User(name.into())),
        _ => None,
    }
}

fn listed<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| name.as_ref().to_owned()).collect();
    names.join(", ")
}
