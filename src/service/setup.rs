//! Opens everything that `check` looks at and `run` uses, from the configuration.
//!
//! Not here: acting.

use super::lock;
use super::reporting::last_will;
use super::timekeeping::Timekeeper;
use crate::board::{Board, BoardError};
use crate::clock::Clock;
use crate::clock::floor::{Floor, FloorError};
use crate::config::{CardNumberFormatName, Config, ConfigError, Pacs};
use crate::export::http::PacsSettings;
use crate::export::item::Limits;
use crate::export::pacs::PacsError;
use crate::export::pacs::rest::Rest;
use crate::export::plan::Caps;
use crate::export::profile::{Profile, ProfileError, SiteRules};
use crate::feed::FeedOptions;
use crate::mirror::reserve::Reserve;
use crate::mirror::{Mirror, OpenError};
use crate::tls::{self, ClientIdentity, TlsError};
use access::card::CardNumberFormat;
use access::person::Settings;
use access::time::UtcTime;
use access::trust::Trust;
use rusqlite::Connection;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// Why the gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration, or a secret that it names.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The board.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// The mirror.
    #[error(transparent)]
    Mirror(#[from] OpenError),
    /// The clock floor.
    #[error(transparent)]
    Floor(#[from] FloorError),
    /// TLS material.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The PACS profile.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The PACS settings.
    #[error(transparent)]
    Pacs(#[from] PacsError),
    /// The state directory.
    #[error("state directory {folder}: {source}; make it, writable by the service")]
    State {
        /// The folder.
        folder: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// Somebody is there already.
    #[error("state directory {folder}: another doorward runs over it; stop that one first")]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
}

/// The PACS, ready to be talked to.
pub struct OpenPacs {
    /// The adapter.
    pub rest: Rc<Rest>,
    /// What the product can do.
    pub caps: Caps,
    /// Its times.
    pub limits: Limits,
    /// How it wants its persons.
    pub settings: Settings,
    /// Users worked on at the same time.
    pub concurrency: usize,
    /// Milliseconds between two imports of entitlements.
    pub import_every_ms: u64,
}

/// The configuration and where it came from.
pub struct Setup {
    config: Config,
    file: PathBuf,
}

impl Setup {
    /// Of `config`, which was read from `file`.
    pub fn new(config: Config, file: &Path) -> Setup {
        Setup { config, file: file.into() }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn lock(&self) -> Result<File, StartError> {
        let folder = self.config.state_dir.clone();
        match lock::take(&folder) {
            Ok(Some(file)) => Ok(file),
            Ok(None) => Err(StartError::Locked { folder }),
            Err(source) => Err(StartError::State { folder, source }),
        }
    }

    pub(super) fn floor(&self) -> Result<Floor, FloorError> {
        Floor::open(&self.config.state_dir.join("clock-floor"))
    }

    fn mirror(&self) -> Mirror {
        Mirror::at(&self.config.state_dir)
    }

    /// Opens the mirror to write, if need be in the space kept for revocations: a panel that starts on a full
    /// disk still has windows to close.
    pub(super) fn open_writer(&self) -> Result<Connection, OpenError> {
        let open = || self.mirror().open_writer(&self.config.site, || format!("{:016x}", fastrand::u64(..)));
        match open() {
            Err(error) if error.is_disk_full() && self.reserve().give_up().is_ok() => {
                tracing::error!(%error, "starting on a full disk, in the space kept for revocations");
                open()
            }
            opened => opened,
        }
    }

    pub(super) fn open_reader(&self) -> Result<Connection, OpenError> {
        self.mirror().open_reader()
    }

    pub(super) fn broken(&self, source: rusqlite::Error) -> OpenError {
        OpenError::Sqlite { path: self.mirror().path().into(), source }
    }

    pub(super) fn reserve(&self) -> Reserve {
        Reserve::at(&self.config.state_dir)
    }

    pub(super) fn feed_options(
        &self,
        clock: Arc<dyn Clock>,
        floor: UtcTime,
    ) -> Result<FeedOptions, StartError> {
        let broker = &self.config.broker;
        let read = |key: &str, secret: &Option<crate::config::SecretSource>| {
            secret.as_ref().map(|secret| secret.read(&self.file, key)).transpose()
        };
        let key = read("broker.client_key", &broker.client_key)?;
        let identity = broker.client_cert_file.clone().zip(key);
        let identity = identity.map(|(cert_file, key)| ClientIdentity { cert_file, key });
        let tls = match &broker.ca_file {
            Some(ca_file) => Some(Arc::new(tls::client(ca_file, identity.as_ref(), clock, floor)?)),
            None => None,
        };
        let password = read("broker.password", &broker.password)?;
        let login =
            broker.username.clone().map(|name| (name, password.unwrap_or_else(|| String::new().into())));
        Ok(FeedOptions {
            site: self.config.site.clone(),
            gateway: self.config.gateway.clone(),
            host: broker.host.clone(),
            port: broker.port(),
            tls,
            login,
            keep_alive_s: broker.keep_alive_s,
            last_will: last_will(),
        })
    }

    /// The PACS, if one is configured.
    pub(super) fn open_pacs(
        &self,
        clock: Arc<dyn Clock>,
        floor: UtcTime,
    ) -> Result<Option<OpenPacs>, StartError> {
        let Some(pacs) = &self.config.pacs else { return Ok(None) };
        let profile = Profile::read(&pacs.profile)?;
        let settings = profile.rules(&site_rules(pacs))?;
        let password =
            pacs.password.as_ref().map(|secret| secret.read(&self.file, "pacs.password")).transpose()?;
        let tls = match &pacs.ca_file {
            Some(ca_file) => Some(tls::client(ca_file, None, clock, floor)?),
            None => None,
        };
        let caps = profile.caps;
        let http = PacsSettings {
            base_url: pacs.base_url.clone(),
            username: pacs.username.clone(),
            password,
            system_id: pacs.system_id.clone(),
            timeout_ms: u64::from(pacs.timeout_s) * 1000,
            tls,
        };
        Ok(Some(OpenPacs {
            rest: Rc::new(Rest::new(profile, &http)?),
            caps,
            limits: Limits { late_ms: u64::from(pacs.late_s) * 1000, ..Limits::DEFAULT },
            settings,
            concurrency: usize::from(pacs.concurrency),
            import_every_ms: u64::from(pacs.import_every_s) * 1000,
        }))
    }

    /// Looks at everything that `run` needs, writes nothing, sends nothing; a line for each thing found.
    ///
    /// # Errors
    /// The first thing that `run` would stumble over.
    pub fn check(&self, clock: Arc<dyn Clock>) -> Result<Vec<String>, StartError> {
        let config = &self.config;
        let mut lines = vec![format!("gateway   {} of site {}", config.gateway, config.site)];
        if let Some(path) = &config.board {
            let board = Board::load(path)?;
            lines.push(format!("board     {}: {}", board.name(), board.description()));
        }
        let folder = &config.state_dir;
        if !folder.is_dir() {
            let source = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(StartError::State { folder: folder.clone(), source });
        }
        let held = if lock::is_held(folder) { ", in use by a running daemon" } else { "" };
        lines.push(match self.open_reader() {
            Ok(_) => format!("mirror    {}{held}", self.mirror().path().display()),
            Err(OpenError::Missing { path }) => format!("mirror    {} will be made", path.display()),
            Err(error) => return Err(error.into()),
        });
        let time = Timekeeper::new(clock.clone(), self.floor()?).time();
        lines.push(match time.trust {
            Trust::Trusted => format!("clock     {}, trusted", time.now),
            Trust::Untrusted => {
                format!("clock     {}, NOT trusted: no window opens by it until it is synchronised", time.now)
            }
        });
        let feed = self.feed_options(clock.clone(), time.floor)?;
        let secure = if feed.tls.is_some() { "with TLS" } else { "WITHOUT TLS" };
        lines.push(format!("broker    {}:{} {secure}", feed.host, feed.port));
        match (&config.pacs, self.open_pacs(clock, time.floor)?) {
            (Some(pacs), Some(open)) => {
                let profile = open.rest.profile();
                lines.push(format!("pacs      {} at {}", profile.product, pacs.base_url));
                if !profile.unverified.is_empty() {
                    lines.push(format!(
                        "          unverified in the profile: {}",
                        profile.unverified.join(", ")
                    ));
                }
            }
            _ => lines.push("pacs      none: this panel exports nothing".into()),
        }
        Ok(lines)
    }
}

fn site_rules(pacs: &Pacs) -> SiteRules {
    let card_number_format = match pacs.card_number_format {
        CardNumberFormatName::Hex => CardNumberFormat::Hex,
        CardNumberFormatName::Decimal => CardNumberFormat::Decimal,
        // The configuration is checked: the linear format has its digits.
        CardNumberFormatName::Linear => {
            CardNumberFormat::Linear { digits: pacs.card_number_digits.unwrap_or(1) }
        }
    };
    SiteRules {
        delete_user_on_no_access_token: pacs.delete_user_on_no_access_token,
        delete_user_on_no_entitlement: pacs.delete_user_on_no_entitlement,
        user_identifier_prefix: pacs.user_identifier_prefix.clone(),
        default_organization: pacs.default_organization.clone(),
        email_type: pacs.email_type.clone(),
        identifier_type: pacs.identifier_type.clone(),
        card_number_format,
        user_field_mappings: pacs.user_field_mappings.clone(),
        entitlement_import_types: pacs.entitlement_import_types.clone(),
    }
}
