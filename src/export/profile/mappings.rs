//! User field mappings, checked: from which field of a user, to which properties of a person.
//!
//! Not here: which properties a product has (`file`), and looking the fields up (`access::person`).

use super::{Profile, ProfileError, listed};
use access::person::UserField;
use access::text::{TEXT_MAX_BYTES, Text};
use std::collections::BTreeMap;

/// Sources that one site maps.
pub(super) const SOURCES_MAX: usize = 64;
/// Properties that one source is sent as.
pub(super) const PROPERTIES_MAX: usize = 16;
/// Fields of a user that are no text; an attribute of such a name would be taken for the field.
const NO_TEXT: [&str; 5] = ["attributes", "emails", "phones", "pin", "status"];

const KEY: &str = "user_field_mappings";

/// Checks what a site maps. Types and names are the same in upper and lower case.
///
/// # Errors
/// [`ProfileError::Site`], naming the source or property and the remedy.
pub(super) fn check(
    profile: &Profile,
    site: &BTreeMap<String, Vec<String>>,
) -> Result<BTreeMap<UserField, Vec<String>>, ProfileError> {
    if site.len() > SOURCES_MAX {
        let remedy = format!("map at most {SOURCES_MAX} sources");
        return Err(profile.unfit(KEY, &site.len().to_string(), remedy));
    }
    let mut checked = BTreeMap::new();
    // What is filled already, by property and by the product's member, and from where.
    let mut filled: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for (source, properties) in site {
        let field = field(source).map_err(|remedy| profile.unfit(KEY, source, remedy))?;
        if !(1..=PROPERTIES_MAX).contains(&properties.len()) {
            let remedy = format!("name 1 to {PROPERTIES_MAX} properties for it");
            return Err(profile.unfit(KEY, source, remedy));
        }
        for property in properties {
            let Some(member) = profile.user_field_properties.get(property) else {
                let remedy = format!("the product has {}", listed(profile.user_field_properties.keys()));
                return Err(profile.unfit(KEY, property, remedy));
            };
            let Some((other, by)) = filled.insert(member, (source, property)) else { continue };
            let remedy = if by == property {
                format!("it is filled from {other} and from {source}: name it once")
            } else {
                format!("the product has {by} and {property} in the same place ({member}): map one of them")
            };
            return Err(profile.unfit(KEY, property, remedy));
        }
        if checked.insert(field, properties.clone()).is_some() {
            let remedy = "upper and lower case are the same: write the source once, with all its properties";
            return Err(profile.unfit(KEY, source, remedy.into()));
        }
    }
    Ok(checked)
}

/// A source, in lower case; otherwise the remedy.
fn field(source: &str) -> Result<UserField, String> {
    const FORM: &str = "a source is email.TYPE, phone.TYPE or user.NAME";
    let (table, name) = source.split_once('.').filter(|(_, name)| !name.is_empty()).ok_or(FORM)?;
    let name = Text::try_from(name.to_ascii_lowercase()).map_err(|_| {
        format!("a type or name has at most {TEXT_MAX_BYTES} bytes and no control characters")
    })?;
    let name = name.as_str();
    match table.to_ascii_lowercase().as_str() {
        "email" => Ok(UserField::Email(name.into())),
        "phone" => Ok(UserField::Phone(name.into())),
        "user" if NO_TEXT.contains(&name) => Err(format!(
            "{name} is no text of a user; map id, given_name, family_name, organization or an attribute"
        )),
        "user" => Ok(UserField::User(name.into())),
        _ => Err(FORM.into()),
    }
}
