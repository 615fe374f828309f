//! What belongs to one PACS product, read from a strict TOML file: requests, bodies, answers, capabilities.
//!
//! A profile is data of the vendor's API; what a site chooses is [`SiteRules`] and the PACS settings. Keys whose
//! values nobody could verify in public are listed in `unverified`, so that `doorward check` can name them.
//!
//! Not here: sending (`http`, `pacs`), and where the site's settings are written down (`config`).

mod api;
mod body;
mod check;
mod file;
mod form;
mod lacks;
mod mappings;
mod session;
mod template;
#[cfg(test)]
mod tests;

use crate::config::{Misfit, NoTree};
use access::card::CardNumberFormat;
use access::person::Settings;
pub use api::RestApi;
pub(in crate::export) use api::{Find, Login, Pages, Request, Send, Session, Sign, Turning};
pub(in crate::export) use body::{Body, add_properties, property_pointer};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
pub(in crate::export) use template::{Instants, Part, Variable, value};

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
    /// It is not TOML.
    #[error("profile {file}: {source}; compare it with the profiles that are shipped")]
    Syntax {
        /// The file.
        file: PathBuf,
        /// Where, and what was expected.
        source: NoTree,
    },
    /// It is not of the expected form.
    #[error("profile {file}: {source}; compare it with the profiles that are shipped")]
    Form {
        /// The file.
        file: PathBuf,
        /// The key, and what was expected.
        source: Misfit,
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

/// One PACS product.
#[derive(Clone, Debug)]
pub struct Profile {
    file: PathBuf,
    /// The product's name, for people.
    pub product: String,
    /// Keys of this profile whose values could not be verified in public.
    pub unverified: Vec<String>,
    /// Keys of this profile whose values must be filled in before it can be used.
    pub lacks: Vec<String>,
    /// How it is talked to.
    pub api: Api,
    user_field_properties: BTreeMap<String, String>,
    entitlement_import_types: BTreeSet<String>,
    user_identifier_prefix: String,
    identifier_type: String,
}

/// How a product is talked to.
#[derive(Clone, Debug)]
pub enum Api {
    /// As the profile describes.
    Rest(Box<RestApi>),
    /// By an adapter of its own, with the section that is named after it.
    Native {
        /// The adapter.
        adapter: String,
        /// Its section; each adapter knows its own keys.
        section: toml::Table,
        /// Additional properties by their names, and the member of a person that each is sent as.
        properties: BTreeMap<String, String>,
    },
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
    /// `"phone.home" = ["HomePhoneNumber", "CellPhone"]`; sources are `email.TYPE`, `phone.TYPE`, `user.NAME`,
    /// in any case; a name that no field of the user has is an attribute's.
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

    /// The sorts of entitlement that the product has.
    pub fn import_types(&self) -> impl Iterator<Item = &str> {
        self.entitlement_import_types.iter().map(String::as_str)
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
        let mut kinds = BTreeSet::new();
        if let Some(kind) = site.entitlement_import_types.iter().find(|kind| !kinds.insert(*kind)) {
            return Err(self.unfit(
                "entitlement_import_types",
                kind,
                "it is named twice: once is enough".into(),
            ));
        }
        if site.identifier_type.as_deref() == Some("") {
            let remedy = format!("name the type of the card's identifier, e.g. {}", self.identifier_type);
            return Err(self.unfit("identifier_type", "", remedy));
        }
        let user_field_mappings = mappings::check(self, &site.user_field_mappings)?;
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
}

fn listed<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| name.as_ref().to_owned()).collect();
    names.join(", ")
}
