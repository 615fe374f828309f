//! The broker and the PACS, over the network. Each question is bounded in time.
//!
//! Not here: what is said to the broker (`feed::probing`) and to the PACS (its adapter's probe, which only reads).

use super::{Check, Verdict};
use crate::clock::Clock;
use crate::config::{Config, SecretSource};
use crate::feed::FeedOptions;
use crate::feed::probing::{self, Tried};
use crate::service::setup::Setup;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::lookup_host;
use tokio::time::timeout;

/// How long a name may take.
const DNS_MAX_MS: u64 = 5_000;
/// How long the PACS may take, whatever the configuration gives it.
const PACS_MAX_MS: u64 = 15_000;

/// Its name, a connection as the gateway makes it, what its login may do, and whether another goes by its name.
pub(super) async fn broker(setup: &Setup, clock: Arc<dyn Clock>, is_running: bool) -> Vec<Check> {
    let broker = &setup.config().broker;
    let mut checks = vec![dns("broker name", &broker.host, broker.port()).await];
    let options = match open(setup, &clock) {
        Ok(options) => options,
        Err(complaint) => {
            checks.push(unopened(setup.config(), "broker login", &complaint));
            return checks;
        }
    };
    if checks.iter().any(|check| check.verdict != Verdict::Ok) {
        return checks;
    }
    let tried = probing::try_rights(&options).await;
    let is_connected = tried.first().is_some_and(|first| first.outcome.is_ok());
    checks.extend(tried.into_iter().map(Check::from));
    if is_connected {
        checks.push(identity(&options, is_running).await);
    }
    checks
}

fn open(setup: &Setup, clock: &Arc<dyn Clock>) -> Result<FeedOptions, String> {
    let time = setup.time(clock.clone()).map_err(|error| error.to_string())?;
    setup.feed_options(clock.clone(), time.floor).map_err(|error| error.to_string())
}

/// The gateway that runs here is not disturbed.
async fn identity(options: &FeedOptions, is_running: bool) -> Check {
    let what = "client id";
    if is_running {
        let found = "not tried, since the gateway runs here and would be thrown out";
        let remedy =
            "if its log shows it losing the broker every few seconds, another program goes by its id";
        return Check::wrong(Verdict::Untried, what, found, remedy);
    }
    match probing::try_identity(options).await {
        Ok(found) => Check::fine(what, found),
        Err(complaint) => Check::failed(what, &complaint),
    }
}

impl From<Tried> for Check {
    fn from(tried: Tried) -> Check {
        match tried.outcome {
            Ok(found) => Check::fine(tried.what, found),
            Err(complaint) => Check::failed(&tried.what, &complaint),
        }
    }
}

/// Its name, and whether it answers and takes the login; nothing without a PACS.
pub(super) async fn pacs(setup: &Setup, clock: Arc<dyn Clock>) -> Vec<Check> {
    let Some(pacs) = &setup.config().pacs else { return Vec::new() };
    let mut checks = Vec::new();
    if let Some((host, port)) = authority(&pacs.base_url) {
        checks.push(dns("PACS name", host, port).await);
    }
    let floor = setup.time(clock.clone()).map(|time| time.floor).map_err(|error| error.to_string());
    let opened =
        floor.and_then(|floor| setup.open_whole_pacs(clock, floor).map_err(|error| error.to_string()));
    let open = match opened {
        Ok(Some(open)) => open,
        Ok(None) => return checks,
        Err(complaint) => {
            checks.push(unopened(setup.config(), "PACS login", &complaint));
            return checks;
        }
    };
    if checks.iter().any(|check| check.verdict != Verdict::Ok) {
        return checks;
    }
    let asked = timeout(Duration::from_millis(PACS_MAX_MS), open.adapter.probe()).await;
    checks.push(match asked {
        Ok(Ok(())) => Check::fine("PACS login", format!("{} answers, and takes the login", open.product)),
        Ok(Err(error)) => Check::failed("PACS login", &error.to_string()),
        Err(_) => {
            let found = format!("no answer within {PACS_MAX_MS} ms");
            Check::wrong(
                Verdict::Failed,
                "PACS login",
                found,
                "check pacs.base_url, the network and the PACS",
            )
        }
    });
    checks
}

/// Credentials are the service's: whoever asks by hand has none.
fn unopened(config: &Config, what: &str, complaint: &str) -> Check {
    let pacs = config.pacs.as_ref();
    let secrets = [
        config.broker.password.as_ref(),
        config.broker.client_key.as_ref(),
        pacs.and_then(|pacs| pacs.password.as_ref()),
        pacs.and_then(|pacs| pacs.client_key.as_ref()),
    ];
    let is_credential = |secret: &SecretSource| secret.credential.is_some();
    if std::env::var_os("CREDENTIALS_DIRECTORY").is_none() && secrets.into_iter().flatten().any(is_credential)
    {
        let found = "its secret is a credential of the service, which this shell has not";
        let remedy = "as root, while the service runs: CREDENTIALS_DIRECTORY=/run/credentials/doorward.service \
                      doorward doctor";
        return Check::wrong(Verdict::Untried, what, found, remedy);
    }
    Check::failed(what, complaint)
}

async fn dns(what: &str, host: &str, port: u16) -> Check {
    let remedy = "correct it, or see whether the name server is reached: resolvectl query NAME";
    match timeout(Duration::from_millis(DNS_MAX_MS), lookup_host((host, port))).await {
        Ok(Ok(found)) => {
            let all: Vec<String> = found.map(|address| address.ip().to_string()).collect();
            Check::fine(what, format!("{host} is {}", all.join(", ")))
        }
        Ok(Err(error)) => Check::wrong(Verdict::Failed, what, format!("{host}: {error}"), remedy),
        Err(_) => {
            Check::wrong(Verdict::Failed, what, format!("{host}: no answer within {DNS_MAX_MS} ms"), remedy)
        }
    }
}

/// Host and port of a URL.
fn authority(url: &str) -> Option<(&str, u16)> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit('@').next()?;
    let usual = if scheme == "https" { 443 } else { 80 };
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return Some((host, rest.strip_prefix(':').and_then(|port| port.parse().ok()).unwrap_or(usual)));
    }
    match authority.rsplit_once(':') {
        Some((host, port)) => Some((host, port.parse().ok()?)),
        None => Some((authority, usual)),
    }
}

#[cfg(test)]
mod tests {
    use super::authority;

    #[test]
    fn a_url_names_host_and_port() {
        let table = [
            ("https://pacs.example/api", Some(("pacs.example", 443))),
            ("http://pacs.example", Some(("pacs.example", 80))),
            ("https://10.0.0.7:8443/api?x=1", Some(("10.0.0.7", 8443))),
            ("https://ada:secret@pacs.example/", Some(("pacs.example", 443))),
            ("https://[fd00::1]:8443/", Some(("fd00::1", 8443))),
            ("pacs", None),
        ];
        for (url, expected) in table {
            assert_eq!(authority(url), expected, "{url}");
        }
    }
}
