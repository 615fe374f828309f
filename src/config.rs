//! The configuration: strict TOML, checked at load. Every complaint names file, key, value and remedy.
//!
//! Secrets are never in the file itself: it names a file or a systemd credential that holds them.
//!
//! Not here: the PACS profile (the export's), boards (the board's).

mod card_number;
mod check;
mod door;
mod form;
mod leash;
mod load;
mod place;
mod reader;
mod secret;
mod tree;

use crate::clock::{SyncSource, SystemClock};
use access::leash::Leashes;
use access::trust::Limits;
use contract::id::{GatewayId, SiteId};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

pub use card_number::{CardNumberFormatName, Unfit};
pub use check::warnings;
pub use door::{DOORS_MAX, DoorConfig, Rex, WhenDiskFull};
pub use form::{Misfit, read_table};
pub use leash::{AfterRestart, LeashConfig, MaxAge};
pub use load::{ConfigError, Places, load, parse, places, read_toml, spelled};
pub use place::{Keep, Readers, place, service_group};
pub use reader::{PcscSignals, READERS_MAX, ReaderConfig, ReaderKind};
pub use secret::SECRETS_FOLDER;
pub use tree::{NoTree, read_tree};

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The site this panel belongs to.
    pub site: SiteId,
    /// This panel.
    pub gateway: GatewayId,
    /// Where the mirror, the clock floor and the space kept for revocations live.
    #[serde(default = "default_state_dir")]
    pub state_dir: PathBuf,
    /// Where the sockets are by which the running gateway is asked and told.
    #[serde(default = "default_control_dir")]
    pub control_dir: PathBuf,
    /// The board file of this panel.
    #[serde(default)]
    pub board: Option<PathBuf>,
    /// The MQTT broker.
    pub broker: Broker,
    /// The mirror.
    #[serde(default)]
    pub mirror: MirrorConfig,
    /// The clock.
    #[serde(default)]
    pub clock: ClockConfig,
    /// The PACS; without it the panel mirrors and answers, and exports nothing.
    #[serde(default)]
    pub pacs: Option<Pacs>,
    /// The card readers of this panel.
    #[serde(default)]
    pub reader: Vec<ReaderConfig>,
    /// How its doors are run, where that differs from what is usual.
    #[serde(default)]
    pub door: Vec<DoorConfig>,
    /// How long rights live without news from the source.
    #[serde(default)]
    pub leash: Vec<LeashConfig>,
}

/// Where a secret is.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretSource {
    /// A file that only the service can read.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// A name under systemd's `LoadCredential=`.
    #[serde(default)]
    pub credential: Option<String>,
}

/// The MQTT broker.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broker {
    /// Host name or address.
    pub host: String,
    /// Port; 1883, or 8883 with TLS.
    #[serde(default)]
    pub port: Option<u16>,
    /// The authority that signed the broker's certificate (PEM); its presence switches TLS on.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// This panel's certificate (PEM).
    #[serde(default)]
    pub client_cert_file: Option<PathBuf>,
    /// Its key (PEM).
    #[serde(default)]
    pub client_key: Option<SecretSource>,
    /// User name; the shipped access rules expect the gateway's id.
    #[serde(default)]
    pub username: Option<String>,
    /// Password.
    #[serde(default)]
    pub password: Option<SecretSource>,
    /// Seconds between pings.
    #[serde(default = "default_keep_alive_s")]
    pub keep_alive_s: u16,
    /// Seconds between two `state` messages; at least 60.
    #[serde(default = "default_heartbeat_s")]
    pub heartbeat_s: u64,
}

/// The mirror.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MirrorConfig {
    /// Most messages in one transaction.
    pub updates_per_poll: u32,
    /// Hours from one reading of the whole mirror to the next; 0 for never.
    pub scrub_every_h: u32,
}

/// The clock.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClockConfig {
    /// Whom to ask whether the clock is right.
    pub sync: SyncSource,
    /// Seconds for which it is believed after its synchronisation has ended.
    pub holdover_s: u32,
    /// Where the kernel's word is, for a gateway that may not ask: what `doorward clock relay` writes.
    pub relay: PathBuf,
}

impl ClockConfig {
    /// The kernel's clocks, with the witness that was chosen.
    pub fn system(&self) -> SystemClock {
        SystemClock::new(self.sync).or_told_by(self.relay.clone())
    }
}

/// The PACS and how this site uses it. What belongs to the product is in its profile.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pacs {
    /// The profile file of the PACS product.
    pub profile: PathBuf,
    /// Where its API is, e.g. `https://pacs.example:8443/api`.
    pub base_url: String,
    /// The authority that signed its certificate (PEM); needed for https.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// This panel's certificate for the PACS (PEM), where it wants one.
    #[serde(default)]
    pub client_cert_file: Option<PathBuf>,
    /// Its key (PEM).
    #[serde(default)]
    pub client_key: Option<SecretSource>,
    /// Sent with each request so that the PACS knows the client.
    #[serde(default)]
    pub system_id: Option<String>,
    /// Login.
    #[serde(default)]
    pub username: Option<String>,
    /// Password, API key or bearer token.
    #[serde(default)]
    pub password: Option<SecretSource>,
    /// Seconds until a request is given up.
    #[serde(default = "default_timeout_s")]
    pub timeout_s: u32,
    /// Seconds after which the PACS can no longer carry out a request whose answer was lost.
    #[serde(default = "default_late_s")]
    pub late_s: u32,
    /// Seconds in which every item of the ledger is read back from the PACS once, where the PACS can be asked.
    #[serde(default = "default_drift_s")]
    pub drift_s: u32,
    /// Edits at the source may take this share of the persons out of the PACS in 24 hours, in percent...
    #[serde(default = "default_max_removal_percent")]
    pub max_removal_percent: u8,
    /// ...and this many in any case. What goes beyond both is held until someone approves it.
    #[serde(default = "default_max_removal_persons")]
    pub max_removal_persons: u32,
    /// Requests in flight at the same time.
    #[serde(default = "default_concurrency")]
    pub concurrency: u8,
    /// Which sorts of entitlement are imported; the profile lists what the product has.
    pub entitlement_import_types: Vec<String>,
    /// Seconds between two imports.
    #[serde(default = "default_import_every_s")]
    pub import_every_s: u32,
    /// Organisation of users that name none.
    #[serde(default)]
    pub default_organization: Option<String>,
    /// Type of the identifier that becomes the card number; the profile's if absent.
    #[serde(default)]
    pub identifier_type: Option<String>,
    /// Put before the user's id; the profile's if absent.
    #[serde(default)]
    pub user_identifier_prefix: Option<String>,
    /// Type of the e-mail address that is sent.
    #[serde(default = "default_email_type")]
    pub email_type: String,
    /// How card numbers are written.
    #[serde(default)]
    pub card_number_format: CardNumberFormatName,
    /// Digits of the linear format.
    #[serde(default)]
    pub card_number_digits: Option<u8>,
    /// The facility of all cards; without it the identifier holds facility and number.
    #[serde(default)]
    pub card_number_facility: Option<u32>,
    /// What stands between facility and number; digits alone without it.
    #[serde(default)]
    pub card_number_separator: Option<String>,
    /// Cut an identifier that is too long for a Wiegand format, and accept that cards may share a number.
    #[serde(default)]
    pub card_number_cut: bool,
    /// A user without an exportable token leaves the PACS.
    #[serde(default = "default_true")]
    pub delete_user_on_no_access_token: bool,
    /// A user without an active assignment leaves the PACS.
    #[serde(default = "default_true")]
    pub delete_user_on_no_entitlement: bool,
    /// Additional fields: `"phone.home" = ["HomePhoneNumber", "CellPhone"]`.
    #[serde(default)]
    pub user_field_mappings: BTreeMap<String, Vec<String>>,
}

impl Broker {
    /// The port, or the usual one.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.ca_file.is_some() { 8883 } else { 1883 })
    }

    /// The heartbeat, never below the contract's minimum.
    pub fn heartbeat_s(&self) -> u64 {
        self.heartbeat_s.max(contract::HEARTBEAT_MIN_S)
    }
}

impl Default for MirrorConfig {
    fn default() -> MirrorConfig {
        MirrorConfig { updates_per_poll: 4096, scrub_every_h: 24 }
    }
}

impl Default for ClockConfig {
    fn default() -> ClockConfig {
        ClockConfig {
            sync: SyncSource::Kernel,
            holdover_s: Limits::default().holdover_s,
            relay: "/run/doorward-clock/kernel".into(),
        }
    }
}

/// Longest holdover: a month, in which a crystal of 100 ppm is off by four minutes.
const HOLDOVER_MAX_S: u32 = 30 * 24 * 3600;

impl Config {
    /// How long rights live without news from the source, by class.
    pub fn leashes(&self) -> Leashes {
        leash::leashes(&self.leash)
    }
}

impl ClockConfig {
    /// The rules by which the clock is believed.
    pub fn limits(&self) -> Limits {
        Limits { holdover_s: self.holdover_s, ..Limits::default() }
    }
}

fn default_state_dir() -> PathBuf {
    PathBuf::from("/var/lib/doorward")
}

fn default_control_dir() -> PathBuf {
    PathBuf::from("/run/doorward")
}

fn default_keep_alive_s() -> u16 {
    30
}

fn default_heartbeat_s() -> u64 {
    contract::HEARTBEAT_MIN_S
}

fn default_timeout_s() -> u32 {
    10
}

fn default_late_s() -> u32 {
    60
}

fn default_drift_s() -> u32 {
    86_400
}

fn default_max_removal_percent() -> u8 {
    10
}

fn default_max_removal_persons() -> u32 {
    20
}

fn default_concurrency() -> u8 {
    4
}

fn default_import_every_s() -> u32 {
    3600
}

fn default_email_type() -> String {
    "private".into()
}

fn default_true() -> bool {
    true
}
