//! What one value has to do with another, and what is too much of it.
//!
//! Not here: readers, doors, leashes and card numbers, which check themselves.

use super::load::ConfigError;
use super::reader::Flaw;
use super::{Config, HOLDOVER_MAX_S, ReaderConfig, SecretSource, Unfit};
use std::path::Path;

/// The content of a file, to complain about.
pub(super) struct Check<'a> {
    pub(super) file: &'a Path,
    pub(super) table: &'a toml::Table,
}

impl Check<'_> {
    fn error(&self, key: &str, problem: &str, remedy: &str) -> ConfigError {
        ConfigError::about(self.file, self.table, key, problem.into(), remedy.into())
    }

    fn require(&self, holds: bool, key: &str, problem: &str, remedy: &str) -> Result<(), ConfigError> {
        if holds { Ok(()) } else { Err(self.error(key, problem, remedy)) }
    }

    /// The first complaint about `config`, which was read from it.
    pub(super) fn all(&self, config: &Config) -> Result<(), ConfigError> {
        let broker = &config.broker;
        self.require(
            !broker.host.is_empty(),
            "broker.host",
            "is empty",
            "name the broker's host or address",
        )?;
        self.require(
            broker.keep_alive_s >= 5,
            "broker.keep_alive_s",
            "is below 5 s",
            "give at least 5; 30 is usual",
        )?;
        let pair = broker.client_cert_file.is_some() == broker.client_key.is_some();
        self.require(
            pair,
            "broker.client_cert_file",
            "stands without broker.client_key, or the other way round",
            "give both, or neither",
        )?;
        let tls = broker.ca_file.is_some() || broker.client_cert_file.is_none();
        self.require(tls, "broker.client_cert_file", "needs TLS", "give broker.ca_file as well")?;
        let login = broker.username.is_some() || broker.password.is_none();
        self.require(
            login,
            "broker.password",
            "stands without broker.username",
            "give the user name as well",
        )?;
        self.secret("broker.client_key", broker.client_key.as_ref())?;
        self.secret("broker.password", broker.password.as_ref())?;
        let per_poll = (1..=65_535).contains(&config.mirror.updates_per_poll);
        self.require(per_poll, "mirror.updates_per_poll", "is not within 1 to 65535", "4096 is usual")?;
        let every = config.mirror.scrub_every_h <= 8_760;
        self.require(every, "mirror.scrub_every_h", "is more than a year", "24 is usual, 0 is never")?;
        let holdover = config.clock.holdover_s <= HOLDOVER_MAX_S;
        self.require(holdover, "clock.holdover_s", "is more than 30 days", "86400, a day, is usual")?;
        self.readers(&config.reader)?;
        super::door::check(&config.door, &config.reader).map_err(|flaw| self.flaw(&flaw))?;
        super::leash::check(&config.leash).map_err(|flaw| self.flaw(&flaw))?;
        match &config.pacs {
            Some(pacs) => self.pacs(pacs),
            None => Ok(()),
        }
    }

    fn flaw(&self, flaw: &Flaw) -> ConfigError {
        self.error(&flaw.key, &flaw.problem, &flaw.remedy)
    }

    fn readers(&self, readers: &[ReaderConfig]) -> Result<(), ConfigError> {
        super::reader::check(readers).map_err(|flaw| self.flaw(&flaw))?;
        for (at, reader) in readers.iter().enumerate() {
            self.secret(&format!("reader[{at}].key"), reader.key.as_ref())?;
        }
        Ok(())
    }

    fn pacs(&self, pacs: &super::Pacs) -> Result<(), ConfigError> {
        let url = &pacs.base_url;
        let scheme = url.starts_with("http://") || url.starts_with("https://");
        self.require(scheme, "pacs.base_url", "is not a URL", "begin it with http:// or https://")?;
        let ca = pacs.ca_file.is_some() || !url.starts_with("https://");
        self.require(
            ca,
            "pacs.ca_file",
            "is missing for https",
            "name the PEM file of the authority that signed the PACS's certificate",
        )?;
        self.require(
            (1..=300).contains(&pacs.timeout_s),
            "pacs.timeout_s",
            "is not within 1 to 300 s",
            "10 is usual",
        )?;
        self.require(
            (1..=3600).contains(&pacs.late_s),
            "pacs.late_s",
            "is not within 1 to 3600 s",
            "60 is usual; not below the PACS's own time-out",
        )?;
        self.require(
            (1..=32).contains(&pacs.concurrency),
            "pacs.concurrency",
            "is not within 1 to 32",
            "4 is usual",
        )?;
        self.require(pacs.import_every_s >= 60, "pacs.import_every_s", "is below 60 s", "3600 is usual")?;
        // A key or bearer token has no user name beside it.
        let login = pacs.username.is_none() || pacs.password.is_some();
        self.require(login, "pacs.username", "stands without pacs.password", "give the password as well")?;
        let pair = pacs.client_cert_file.is_some() == pacs.client_key.is_some();
        self.require(
            pair,
            "pacs.client_cert_file",
            "stands without pacs.client_key, or the other way round",
            "give both, or neither",
        )?;
        let tls = pacs.ca_file.is_some() || pacs.client_cert_file.is_none();
        self.require(tls, "pacs.client_cert_file", "needs TLS", "give pacs.ca_file as well")?;
        self.secret("pacs.client_key", pacs.client_key.as_ref())?;
        self.secret("pacs.password", pacs.password.as_ref())?;
        let unfit = |Unfit { key, problem, remedy }| self.error(key, &problem, &remedy);
        pacs.card_number().map(|_| ()).map_err(unfit)
    }

    fn secret(&self, key: &str, secret: Option<&SecretSource>) -> Result<(), ConfigError> {
        let one = secret.is_none_or(|secret| secret.file.is_some() != secret.credential.is_some());
        self.require(one, key, "names no source, or two", "give { file = \"…\" } or { credential = \"…\" }")
    }
}

/// Settings that are taken otherwise than written, or whose price should be known.
pub fn warnings(config: &Config) -> Vec<String> {
    let asked = config.broker.heartbeat_s;
    let short = (asked < contract::HEARTBEAT_MIN_S)
        .then(|| format!("broker.heartbeat_s = {asked} is taken as {}", contract::HEARTBEAT_MIN_S));
    let cut = config.pacs.as_ref().is_some_and(|pacs| pacs.card_number_cut).then(|| {
        "pacs.card_number_cut = true: cards may share a number; of two that do, one is held".to_owned()
    });
    short.into_iter().chain(cut).collect()
}
