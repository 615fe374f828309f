//! From the text of a profile to a [`Profile`].
//!
//! Not here: the form of the file (`form`), and the single checks (`check`, `session`).

use super::check::Check;
use super::form::{AddressedBy, Answers, Capabilities, File, InstantsName, NativeFile};
use super::lacks::lacks;
use super::template::Instants;
use super::{Api, Profile, ProfileError, RestApi, Sign};
use crate::config::{read_table, read_tree};
use crate::export::item::ItemKind;
use crate::export::plan::Caps;
use hyper::header::HeaderName;
use std::path::Path;

/// Parses and checks the text of a profile.
pub(super) fn parse(path: &Path, text: &str) -> Result<Profile, ProfileError> {
    let syntax = |source| ProfileError::Syntax { file: path.into(), source };
    let form = |source| ProfileError::Form { file: path.into(), source };
    let tree = read_tree(text).map_err(syntax)?;
    match tree.get("adapter").map(toml::Value::as_str) {
        None | Some(Some("rest")) => rest(path, read_table(&tree).map_err(form)?, &tree),
        Some(adapter) => native(path, adapter.unwrap_or_default(), tree.clone()),
    }
}

/// A product with an adapter of its own: what all products have, and the adapter's section.
fn native(path: &Path, adapter: &str, mut tree: toml::Table) -> Result<Profile, ProfileError> {
    let form = |source| ProfileError::Form { file: path.into(), source };
    let check = Check { file: path, caps: Caps::NONE };
    check.that(!adapter.is_empty(), "adapter", adapter, "name an adapter")?;
    let whole = tree.clone();
    let section = match tree.remove(adapter) {
        Some(toml::Value::Table(section)) => section,
        _ => return Err(check.wrong(adapter, "", "add the section that is named after the adapter")),
    };
    let file: NativeFile = read_table(&tree).map_err(form)?;
    check.common(&file.unverified, &file.entitlement_import_types, &whole)?;
    Ok(Profile {
        file: path.into(),
        api: Api::Native { adapter: file.adapter, section, properties: file.user_field_properties.clone() },
        product: file.product,
        unverified: file.unverified,
        lacks: lacks(&whole, &[]),
        user_field_properties: file.user_field_properties,
        entitlement_import_types: file.entitlement_import_types,
        user_identifier_prefix: file.defaults.user_identifier_prefix,
        identifier_type: file.defaults.identifier_type,
    })
}

fn rest(path: &Path, mut file: File, tree: &toml::Table) -> Result<Profile, ProfileError> {
    let check = Check { file: path, caps: caps(&file.capabilities) };
    check.common(&file.unverified, &file.entitlement_import_types, tree)?;
    let api = api(&check, &mut file)?;
    // Ways to log in that are not used need not be filled in.
    let ways = file.session.iter().flat_map(|session| session.ways.keys().map(|way| (way, &session.used)));
    let unused: Vec<String> =
        ways.filter(|(way, used)| way != used).map(|(way, _)| format!("session.{way}")).collect();
    Ok(Profile {
        file: path.into(),
        api: Api::Rest(Box::new(api)),
        product: file.product,
        unverified: file.unverified,
        lacks: lacks(tree, &unused),
        user_field_properties: file.user_field_properties,
        entitlement_import_types: file.entitlement_import_types,
        user_identifier_prefix: file.defaults.user_identifier_prefix,
        identifier_type: file.defaults.identifier_type,
    })
}

/// The API; the requests are taken out of `file`.
fn api(check: &Check<'_>, file: &mut File) -> Result<RestApi, ProfileError> {
    let (conflict, not_found) = answers(check, &file.answers)?;
    let person_list = file.person.list.take();
    let person = check.acts("person", ItemKind::Person, &mut file.person)?;
    check.properties(&file.user_field_properties, &person)?;
    Ok(RestApi {
        login: check.login(file.login, file.login_header.as_deref(), file.session.as_ref())?,
        system_id_header: header(check, "system_id_header", file.system_id_header.as_deref())?,
        idempotency_header: header(check, "idempotency_header", file.idempotency_header.as_deref())?,
        caps: check.caps,
        instants: match file.instants {
            InstantsName::UtcSeconds => Instants::UtcSeconds,
            InstantsName::UnixSeconds => Instants::UnixSeconds,
        },
        probe: file.probe.take().map(|probe| check.probe(probe)).transpose()?,
        entitlements: check.entitlements(&file.entitlements)?,
        a_type: file.entitlement_import_types.first().cloned().unwrap_or_default(),
        pages: person_list.map(|list| check.pages(list)).transpose()?,
        person,
        credential: check.acts("credential", ItemKind::Credential, &mut file.credential)?,
        permission: check.acts("permission", ItemKind::Permission, &mut file.permission)?,
        created_id: file.answers.created_id.clone(),
        error_words: file.answers.error_words.clone(),
        conflict,
        not_found,
        properties: file.user_field_properties.clone(),
    })
}

fn header(check: &Check<'_>, key: &str, name: Option<&str>) -> Result<Option<HeaderName>, ProfileError> {
    name.map(|name| check.header(key, name)).transpose()
}

fn answers(check: &Check<'_>, form: &Answers) -> Result<(Vec<Sign>, Vec<Sign>), ProfileError> {
    match &form.created_id {
        Some(pointer) => check.pointer("answers.created_id", pointer)?,
        None => {
            let found = check.caps.look_up || check.caps.addressed_by_ext_id;
            let remedy = "without it an item is looked up once it is made: set capabilities.look_up to true";
            check.that(found, "answers.created_id", "", remedy)?;
        }
    }
    check.pointer("answers.error_words", &form.error_words)?;
    let signs = |key: &str, forms: &[super::form::SignForm]| {
        let one = |form: &super::form::SignForm| {
            let remedy = "only an answer from 200 to 499 says for certain what was done";
            let certain = (200..=499).contains(&form.status) && form.status != 202;
            check.that(certain, &format!("{key}.status"), &form.status.to_string(), remedy)?;
            check.pointer(&format!("{key}.pointer"), &form.pointer)?;
            Ok(Sign { status: form.status, pointer: form.pointer.clone(), value: form.value.clone() })
        };
        forms.iter().map(one).collect::<Result<Vec<Sign>, ProfileError>>()
    };
    Ok((signs("answers.conflict", &form.conflict)?, signs("answers.not_found", &form.not_found)?))
}

fn caps(form: &Capabilities) -> Caps {
    Caps {
        addressed_by_ext_id: match form.addressed_by {
            AddressedBy::Id => false,
            AddressedBy::ExtId => true,
        },
        look_up: form.look_up,
        remove_person_cascades: form.remove_person_cascades,
        native_windows: form.native_windows,
        names_are_unique: form.names_are_unique,
        credentials_named_by_number: form.credentials_named_by_number,
        permissions_are_one_set: false,
        permissions_on_credentials: false,
    }
}
