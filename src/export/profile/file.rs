//! The profile file's form, and its checks.

use super::template::{Body, Instants, PathTemplate, Place, Variable};
use super::{Acts, Entitlements, Find, Login, Profile, ProfileError, Request, listed};
use crate::export::item::{Act, ItemKind};
use crate::export::plan::Caps;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    product: String,
    #[serde(default)]
    unverified: Vec<String>,
    login: LoginName,
    #[serde(default)]
    system_id_header: Option<String>,
    instants: InstantsName,
    capabilities: Capabilities,
    defaults: Defaults,
    entitlement_import_types: BTreeSet<String>,
    #[serde(default)]
    user_field_properties: BTreeMap<String, String>,
    answers: Answers,
    entitlements: EntitlementsForm,
    person: ActsForm,
    credential: ActsForm,
    permission: ActsForm,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum LoginName {
    None,
    Basic,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum InstantsName {
    UtcSeconds,
    UnixSeconds,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum AddressedBy {
    Id,
    ExtId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Capabilities {
    addressed_by: AddressedBy,
    look_up: bool,
    remove_person_cascades: bool,
    native_windows: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Defaults {
    user_identifier_prefix: String,
    identifier_type: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answers {
    created_id: String,
    error_words: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntitlementsForm {
    method: String,
    path: String,
    items: String,
    pacs_ref: String,
    #[serde(rename = "type")]
    kind: String,
    display_name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActsForm {
    create: RequestForm,
    update: RequestForm,
    remove: RequestForm,
    find: Option<FindForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestForm {
    method: String,
    path: String,
    body: Option<toml::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FindForm {
    method: String,
    path: String,
    body: Option<toml::Value>,
    items: String,
    id: String,
    ext_id: String,
}

/// Parses and checks the text of a profile.
pub(super) fn parse(path: &Path, text: &str) -> Result<Profile, ProfileError> {
    let form = |source| ProfileError::Form { file: path.into(), source: Box::new(source) };
    let file: File = toml::from_str(text).map_err(form)?;
    let tree: toml::Table = toml::from_str(text).map_err(form)?;
    let check = Check { file: path, caps: caps(&file.capabilities) };
    for key in &file.unverified {
        check.that(stands_in(key, &tree), "unverified", key, "name a key of this file")?;
    }
    let some = !file.entitlement_import_types.is_empty();
    check.that(some, "entitlement_import_types", "[]", "name what the product has")?;
    check.pointer("answers.created_id", &file.answers.created_id)?;
    check.pointer("answers.error_words", &file.answers.error_words)?;
    let header = file.system_id_header.as_deref().map(|name| {
        let parsed = name.parse().ok();
        parsed.ok_or_else(|| check.wrong("system_id_header", name, "give the name of an HTTP header"))
    });
    Ok(Profile {
        file: path.into(),
        system_id_header: header.transpose()?,
        login: match file.login {
            LoginName::None => Login::None,
            LoginName::Basic => Login::Basic,
        },
        caps: check.caps,
        instants: match file.instants {
            InstantsName::UtcSeconds => Instants::UtcSeconds,
            InstantsName::UnixSeconds => Instants::UnixSeconds,
        },
        entitlements: check.entitlements(file.entitlements)?,
        person: check.acts("person", ItemKind::Person, file.person)?,
        credential: check.acts("credential", ItemKind::Credential, file.credential)?,
        permission: check.acts("permission", ItemKind::Permission, file.permission)?,
        product: file.product,
        unverified: file.unverified,
        created_id: file.answers.created_id,
        error_words: file.answers.error_words,
        user_field_properties: file.user_field_properties,
        entitlement_import_types: file.entitlement_import_types,
        user_identifier_prefix: file.defaults.user_identifier_prefix,
        identifier_type: file.defaults.identifier_type,
    })
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
    }
}

/// Whether a dotted key leads to something.
fn stands_in(key: &str, tree: &toml::Table) -> bool {
    match key.split_once('.') {
        None => tree.contains_key(key),
        Some((first, rest)) => {
            tree.get(first).and_then(toml::Value::as_table).is_some_and(|inner| stands_in(rest, inner))
        }
    }
}

struct Check<'a> {
    file: &'a Path,
    caps: Caps,
}

impl Check<'_> {
    fn wrong(&self, key: &str, value: &str, remedy: &str) -> ProfileError {
        ProfileError::Value {
            file: self.file.into(),
            key: key.into(),
            value: value.into(),
            remedy: remedy.into(),
        }
    }

    fn that(&self, holds: bool, key: &str, value: &str, remedy: &str) -> Result<(), ProfileError> {
        if holds { Ok(()) } else { Err(self.wrong(key, value, remedy)) }
    }

    fn pointer(&self, key: &str, text: &str) -> Result<(), ProfileError> {
        let remedy = "a JSON pointer is empty or begins with /, e.g. /items";
        self.that(text.is_empty() || text.starts_with('/'), key, text, remedy)
    }

    fn entitlements(&self, form: EntitlementsForm) -> Result<Entitlements, ProfileError> {
        let pointers = [
            ("items", &form.items),
            ("pacs_ref", &form.pacs_ref),
            ("type", &form.kind),
            ("display_name", &form.display_name),
        ];
        for (key, pointer) in pointers {
            self.pointer(&format!("entitlements.{key}"), pointer)?;
        }
        let request = RequestForm { method: form.method, path: form.path, body: None };
        let request = self.request("entitlements", request, Place::Entitlements)?;
        Ok(Entitlements {
            request,
            items: form.items,
            pacs_ref: form.pacs_ref,
            kind: form.kind,
            display_name: form.display_name,
        })
    }

    fn acts(&self, name: &str, kind: ItemKind, form: ActsForm) -> Result<Acts, ProfileError> {
        let key = |act: &str| format!("{name}.{act}");
        let find = form.find.map(|find| self.find(&key("find"), kind, find)).transpose()?;
        let remedy = "describe it, or set capabilities.look_up to false";
        self.that(find.is_some() || !self.caps.look_up, &key("find"), "", remedy)?;
        let act = |name: &str, act: Act, form: RequestForm| {
            let path = form.path.clone();
            let with_content = matches!(act, Act::Create | Act::Update);
            let request = self.request(&key(name), form, Place::Item(kind, with_content))?;
            self.addressing(&key(name), act, &path, &request)?;
            Ok::<_, ProfileError>(request)
        };
        Ok(Acts {
            create: act("create", Act::Create, form.create)?,
            update: act("update", Act::Update, form.update)?,
            remove: act("remove", Act::Remove, form.remove)?,
            find,
        })
    }

    /// A request must name what it acts on: one that names only the person would act on the person.
    fn addressing(&self, key: &str, act: Act, path: &str, request: &Request) -> Result<(), ProfileError> {
        let key = format!("{key}.path");
        let by_name = self.caps.addressed_by_ext_id;
        let native = request.names(Variable::Id) || request.names(Variable::PersonId);
        self.that(!(by_name && native), &key, path, "an API addressed by ext_id has no ids of its own")?;
        if act == Act::Create {
            let remedy = "what is yet to be made has no {id}";
            return self.that(!request.names(Variable::Id), &key, path, remedy);
        }
        let (own, remedy) = if by_name {
            (Variable::ExtId, "name the item by {ext_id}")
        } else {
            (Variable::Id, "name the item by {id}")
        };
        self.that(request.names(own), &key, path, remedy)
    }

    fn find(&self, key: &str, kind: ItemKind, form: FindForm) -> Result<Find, ProfileError> {
        for (name, pointer) in [("items", &form.items), ("id", &form.id), ("ext_id", &form.ext_id)] {
            self.pointer(&format!("{key}.{name}"), pointer)?;
        }
        let request = RequestForm { method: form.method, path: form.path, body: form.body };
        let request = self.request(key, request, Place::Item(kind, false))?;
        Ok(Find { request, items: form.items, id: form.id, ext_id: form.ext_id })
    }

    fn request(&self, key: &str, form: RequestForm, place: Place) -> Result<Request, ProfileError> {
        let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
        let method = methods.contains(&form.method.as_str()).then(|| form.method.parse().ok()).flatten();
        let remedy = format!("it is one of {}", listed(methods));
        let method = method.ok_or_else(|| self.wrong(&format!("{key}.method"), &form.method, &remedy))?;
        let path = PathTemplate::parse(&form.path, place)
            .map_err(|remedy| self.wrong(&format!("{key}.path"), &form.path, &remedy))?;
        let body = form.body.map(|body| {
            let parsed = Body::parse(&body, place);
            parsed.map_err(|remedy| self.wrong(&format!("{key}.body"), &format!("{body:?}"), &remedy))
        });
        Ok(Request { method, path, body: body.transpose()? })
    }
}
