//! A profile file as it is written: strict, so that a misspelt key is a complaint.
//!
//! Not here: whether the values make sense (`check`).

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a profile of an adapter of its own says beside the adapter's section.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NativeFile {
    pub(super) adapter: String,
    pub(super) product: String,
    #[serde(default)]
    pub(super) unverified: Vec<String>,
    pub(super) defaults: Defaults,
    pub(super) entitlement_import_types: BTreeSet<String>,
    #[serde(default)]
    pub(super) user_field_properties: BTreeMap<String, String>,
}

/// A profile that describes a REST API.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default, rename = "adapter")]
    _adapter: Option<String>,
    pub(super) product: String,
    #[serde(default)]
    pub(super) unverified: Vec<String>,
    pub(super) login: LoginName,
    #[serde(default)]
    pub(super) login_header: Option<String>,
    #[serde(default)]
    pub(super) session: Option<SessionForm>,
    #[serde(default)]
    pub(super) system_id_header: Option<String>,
    #[serde(default)]
    pub(super) idempotency_header: Option<String>,
    pub(super) instants: InstantsName,
    pub(super) capabilities: Capabilities,
    pub(super) defaults: Defaults,
    pub(super) entitlement_import_types: BTreeSet<String>,
    #[serde(default)]
    pub(super) user_field_properties: BTreeMap<String, String>,
    pub(super) answers: Answers,
    #[serde(default)]
    pub(super) probe: Option<ProbeForm>,
    pub(super) entitlements: EntitlementsForm,
    pub(super) person: ActsForm,
    pub(super) credential: ActsForm,
    pub(super) permission: ActsForm,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LoginName {
    None,
    Basic,
    Bearer,
    Header,
    Session,
}

/// The ways to log in for a session, and the one that is used.
#[derive(Deserialize)]
pub(super) struct SessionForm {
    #[serde(rename = "use")]
    pub(super) used: String,
    #[serde(flatten)]
    pub(super) ways: BTreeMap<String, SessionWay>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionWay {
    pub(super) method: String,
    pub(super) path: String,
    #[serde(default)]
    pub(super) basic: bool,
    pub(super) body: Option<toml::Value>,
    pub(super) token: BTreeMap<String, String>,
    pub(super) send: SendForm,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SendForm {
    pub(super) header: Option<String>,
    pub(super) value: Option<String>,
    pub(super) basic: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum InstantsName {
    UtcSeconds,
    UnixSeconds,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AddressedBy {
    Id,
    ExtId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Capabilities {
    pub(super) addressed_by: AddressedBy,
    pub(super) look_up: bool,
    pub(super) remove_person_cascades: bool,
    pub(super) native_windows: bool,
    #[serde(default)]
    pub(super) names_are_unique: bool,
    #[serde(default)]
    pub(super) credentials_named_by_number: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Defaults {
    pub(super) user_identifier_prefix: String,
    pub(super) identifier_type: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answers {
    #[serde(default)]
    pub(super) created_id: Option<String>,
    pub(super) error_words: String,
    #[serde(default)]
    pub(super) conflict: Vec<SignForm>,
    #[serde(default)]
    pub(super) not_found: Vec<SignForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignForm {
    pub(super) status: u16,
    pub(super) pointer: String,
    pub(super) value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProbeForm {
    pub(super) method: String,
    pub(super) path: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntitlementsForm {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) items: String,
    pub(super) pacs_ref: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) display_name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActsForm {
    pub(super) create: RequestForm,
    #[serde(default)]
    pub(super) update: Option<RequestForm>,
    #[serde(default)]
    pub(super) update_by_replacing: bool,
    pub(super) remove: RequestForm,
    #[serde(default)]
    pub(super) find: Option<FindForm>,
    #[serde(default)]
    pub(super) list: Option<ListForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestForm {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Option<toml::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FindForm {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Option<toml::Value>,
    pub(super) items: String,
    pub(super) id: String,
    pub(super) ext_id: String,
    #[serde(default)]
    pub(super) person: Option<WithinForm>,
    #[serde(default)]
    pub(super) fields: BTreeMap<String, String>,
}

/// Where an answer about a child has the child's person.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WithinForm {
    pub(super) items: String,
    pub(super) id: String,
    pub(super) ext_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListForm {
    pub(super) method: String,
    pub(super) path: String,
    #[serde(default)]
    pub(super) first_path: Option<String>,
    #[serde(default)]
    pub(super) first_page: Option<u64>,
    #[serde(default)]
    pub(super) limit: Option<u64>,
    pub(super) items: String,
    pub(super) id: String,
    pub(super) ext_id: String,
    #[serde(default)]
    pub(super) next: Option<String>,
}
