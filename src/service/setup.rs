//! Opens everything that `check` looks at and `run` uses, from the configuration.
//!
//! Not here: acting.

mod basis;
mod error;

use super::lock;
use super::planning::Planner;
use super::reporting::last_will;
use super::restoring;
use super::timekeeping::Timekeeper;
use crate::board::Board;
use crate::clock::Clock;
use crate::clock::floor::{Floor, FloorError};
use crate::config::{Config, Pacs};
use crate::export::brake::Limit;
use crate::export::http::PacsSettings;
use crate::export::item::Limits;
use crate::export::pacs::{self, Adapter};
use crate::export::plan::Caps;
use crate::export::profile::{Profile, SiteRules};
use crate::feed::FeedOptions;
use crate::mirror::reserve::Reserve;
use crate::mirror::{Mirror, OpenError};
use crate::reader::spec::Spec;
use crate::tls::{self, ClientIdentity, TlsError};
use access::card::CardNumberFormat;
use access::person::Settings;
use access::time::UtcTime;
use access::trust::{Time, Trust};
use basis::basis;
pub use error::StartError;
use rusqlite::Connection;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// The PACS, ready to be talked to.
pub struct OpenPacs {
    /// The adapter.
    pub adapter: Rc<dyn Adapter>,
    /// The product's name, for people.
    pub product: String,
    /// Keys of the profile that stand on no public document.
    pub unverified: Vec<String>,
    /// Keys of the profile that are yet to be filled in: until then nothing may be sent.
    pub lacks: Vec<String>,
    /// What the product can do.
    pub caps: Caps,
    /// Its times.
    pub limits: Limits,
    /// How it wants its persons.
    pub settings: Settings,
    /// Requests in flight at the same time.
    pub concurrency: usize,
    /// How many may lose something to edits before someone has to approve.
    pub brake: Limit,
    /// Milliseconds between two imports of entitlements.
    pub import_every_ms: u64,
    /// Milliseconds in which everything is read back from the PACS once; 0 for never.
    pub drift_every_ms: u64,
    /// Names what a plan depends on beside mirror and ledger.
    pub basis: [u8; 16],
}

/// What [`Setup::check`] found.
pub struct Findings {
    /// For people.
    pub lines: Vec<String>,
    /// What `run` would stumble over, when the lines say more of it.
    pub obstacle: Option<StartError>,
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

    /// The lock; what a restore has left is brought to its end under it.
    pub(super) fn lock(&self) -> Result<File, StartError> {
        let folder = self.config.state_dir.clone();
        match lock::take(&folder) {
            Ok(Some(file)) => match restoring::finish(&folder) {
                Ok(()) => Ok(file),
                Err(source) => Err(StartError::State { folder, source }),
            },
            Ok(None) => Err(StartError::Locked { folder }),
            Err(source) => Err(StartError::State { folder, source }),
        }
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
            can_export: self.config.pacs.is_some(),
        })
    }

    /// The PACS to export to, if one is configured.
    pub(super) fn open_whole_pacs(
        &self,
        clock: Arc<dyn Clock>,
        floor: UtcTime,
    ) -> Result<Option<OpenPacs>, StartError> {
        let open = self.open_pacs(clock, floor)?;
        match open.as_ref().and_then(|open| self.lacking(open)) {
            Some(lacking) => Err(lacking),
            None => Ok(open),
        }
    }

    fn lacking(&self, open: &OpenPacs) -> Option<StartError> {
        let file = self.config.pacs.as_ref()?.profile.clone();
        (!open.lacks.is_empty()).then(|| StartError::Lacking { file, keys: open.lacks.clone() })
    }

    /// The PACS, if one is configured, complete or not.
    fn open_pacs(&self, clock: Arc<dyn Clock>, floor: UtcTime) -> Result<Option<OpenPacs>, StartError> {
        let Some(pacs) = &self.config.pacs else { return Ok(None) };
        let profile = Profile::read(&pacs.profile)?;
        // The configuration was checked when it was read: this cannot fail any more.
        let card_number = pacs.card_number().map_err(|unfit| unfit.in_file(&self.file))?;
        let settings = profile.rules(&site_rules(pacs, card_number))?;
        let password =
            pacs.password.as_ref().map(|secret| secret.read(&self.file, "pacs.password")).transpose()?;
        let key =
            pacs.client_key.as_ref().map(|secret| secret.read(&self.file, "pacs.client_key")).transpose()?;
        let identity = pacs.client_cert_file.clone().zip(key);
        let identity = identity.map(|(cert_file, key)| ClientIdentity { cert_file, key });
        let tls = match &pacs.ca_file {
            Some(ca_file) => Some(tls::client(ca_file, identity.as_ref(), clock, floor)?),
            None => None,
        };
        let http = PacsSettings {
            base_url: pacs.base_url.clone(),
            username: pacs.username.clone(),
            password,
            system_id: pacs.system_id.clone(),
            timeout_ms: u64::from(pacs.timeout_s) * 1000,
            tls,
        };
        let (product, unverified) = (profile.product.clone(), profile.unverified.clone());
        let lacks = profile.lacks.clone();
        let adapter = pacs::open(profile, &http)?;
        Ok(Some(OpenPacs {
            caps: adapter.caps(),
            basis: basis(&settings, &adapter.caps()),
            adapter,
            product,
            unverified,
            lacks,
            limits: Limits { late_ms: u64::from(pacs.late_s) * 1000, ..Limits::DEFAULT },
            settings,
            brake: Limit { percent: pacs.max_removal_percent, persons: pacs.max_removal_persons },
            concurrency: usize::from(pacs.concurrency),
            import_every_ms: u64::from(pacs.import_every_s) * 1000,
            drift_every_ms: u64::from(pacs.drift_s) * 1000,
        }))
    }

    /// What a plan needs of the PACS, if one is configured. It takes no secret, so that who may read the mirror
    /// may plan; nothing is ever sent with it.
    ///
    /// # Errors
    /// When the profile cannot be read or does not fit the settings.
    pub fn open_planner(&self) -> Result<Option<Planner>, StartError> {
        let Some(pacs) = &self.config.pacs else { return Ok(None) };
        let profile = Profile::read(&pacs.profile)?;
        let card_number = pacs.card_number().map_err(|unfit| unfit.in_file(&self.file))?;
        let settings = profile.rules(&site_rules(pacs, card_number))?;
        let http = PacsSettings {
            base_url: pacs.base_url.clone(),
            username: pacs.username.clone(),
            password: pacs.password.as_ref().map(|_| "never sent".to_owned().into()),
            system_id: pacs.system_id.clone(),
            timeout_ms: u64::from(pacs.timeout_s) * 1000,
            tls: Some(tls::none().map_err(TlsError::from)?),
        };
        let caps = pacs::open(profile, &http)?.caps();
        let basis = basis(&settings, &caps);
        Ok(Some(Planner { settings, caps, late_ms: u64::from(pacs.late_s) * 1000, basis }))
    }

    /// How the readers are held.
    ///
    /// # Errors
    /// When a key cannot be read, or where this program is.
    pub fn readers(&self) -> Result<Vec<Spec>, StartError> {
        let program = std::env::current_exe().map_err(StartError::Program)?;
        let specs = self.config.reader.iter().map(|reader| Spec::new(reader, &self.file, &program));
        Ok(specs.collect::<Result<_, _>>()?)
    }

    /// Opens the mirror to read.
    ///
    /// # Errors
    /// As [`OpenError`] says.
    pub fn reader(&self) -> Result<Connection, OpenError> {
        self.open_reader()
    }

    /// The time, of a program that does not stay: a look at the clock and the floor.
    ///
    /// # Errors
    /// When the floor cannot be read.
    pub fn time(&self, clock: Arc<dyn Clock>) -> Result<Time, FloorError> {
        Ok(self.timekeeper(clock)?.time())
    }

    /// The clock and its floor.
    ///
    /// # Errors
    /// When the floor cannot be read.
    pub fn timekeeper(&self, clock: Arc<dyn Clock>) -> Result<Timekeeper, FloorError> {
        let floor = Floor::open(&self.config.state_dir)?;
        Ok(Timekeeper::new(clock, floor, self.config.clock.limits()))
    }

    /// Looks at everything that `run` needs, writes nothing, sends nothing; a line for each thing found.
    ///
    /// # Errors
    /// The first thing that `run` would stumble over, unless it has lines of its own.
    pub fn check(&self, clock: Arc<dyn Clock>) -> Result<Findings, StartError> {
        let config = &self.config;
        let mut obstacle = None;
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
        let time = self.timekeeper(clock.clone())?.time();
        lines.push(match time.trust {
            Trust::Trusted => format!("clock     {}, trusted", time.now),
            Trust::Untrusted => {
                format!("clock     {}, NOT trusted: no window opens by it until it is synchronised", time.now)
            }
        });
        let control = &config.control_dir;
        lines.push(if control.is_dir() || control.parent().is_some_and(Path::is_dir) {
            format!("control   {}", control.display())
        } else {
            format!("control   {}: cannot be made: there will be no control sockets", control.display())
        });
        let feed = self.feed_options(clock.clone(), time.floor)?;
        let secure = if feed.tls.is_some() { "with TLS" } else { "WITHOUT TLS" };
        lines.push(format!("broker    {}:{} {secure}", feed.host, feed.port));
        match (&config.pacs, self.open_pacs(clock, time.floor)?) {
            (Some(pacs), Some(open)) => {
                lines.push(format!("pacs      {} at {}", open.product, pacs.base_url));
                let lacking = open.lacks.iter().map(|key| format!("          to be filled in: {key}"));
                lines.extend(lacking);
                let unverified = open.unverified.iter().map(|key| format!("          unverified: {key}"));
                lines.extend(unverified);
                obstacle = self.lacking(&open);
            }
            _ => lines.push("pacs      none: this panel exports nothing".into()),
        }
        Ok(Findings { lines, obstacle })
    }
}

fn site_rules(pacs: &Pacs, card_number_format: CardNumberFormat) -> SiteRules {
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
