//! One HTTP/1.1 client for one PACS: TLS against the site's own authority, a deadline, a limit, no repeats.
//!
//! A failure says whether anything went out: the ledger's rules rest on that difference. Nothing here repeats a
//! request on its own, follows a redirect or consults the system's certificates.
//!
//! Not here: what is asked (`pacs`), and what an answer means (`pacs::rest`).

use crate::tls;
use access::text::Secret;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Method, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use std::time::Duration;

/// Largest body of an answer.
pub const ANSWER_MAX_BYTES: usize = 1024 * 1024;
/// A PACS that wants to be left alone for longer is asked again all the same.
pub const RETRY_AFTER_MAX_MS: u64 = 600_000;
/// The type of most bodies.
pub(in crate::export) const JSON: &str = "application/json";
/// Connections kept open while nothing is sent on them: between a request and the next its outcome is written, and a
/// site that has many in flight should not connect for each.
const IDLE_MAX: usize = 16;
/// They are closed after this, sooner than most servers do: a request on a connection that is just being closed
/// is a lost one.
const IDLE_MS: u64 = 10_000;

/// How to reach the PACS and log in: what the site says, with secrets and files already read.
#[derive(Clone, Debug)]
pub struct PacsSettings {
    /// Where its API is, e.g. `https://pacs.example:8443/api`.
    pub base_url: String,
    /// User name; not all products have one.
    pub username: Option<String>,
    /// Password, API key or bearer token.
    pub password: Option<Secret>,
    /// Sent with each request so that the PACS knows the client.
    pub system_id: Option<String>,
    /// A request is given up after this.
    pub timeout_ms: u64,
    /// For https.
    pub tls: Option<ClientConfig>,
}

/// Why there can be no client with these settings.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No URL.
    #[error("setting pacs.base_url = {url:?}: {reason}; write it like https://pacs.example:8443/api")]
    BaseUrl {
        /// What it says.
        url: String,
        /// Why that is none.
        reason: String,
    },
    /// No authority to trust.
    #[error("setting pacs.ca_file is missing for https; name the PEM file of the PACS's authority")]
    NoAuthority,
    /// TLS cannot be set up at all.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// A setting without which there is no login.
    #[error("setting pacs.{key} is missing; this PACS takes no login without it")]
    Missing {
        /// The setting.
        key: &'static str,
    },
    /// A header that cannot be sent.
    #[error("setting pacs.{key} cannot be sent in a header: use printable ASCII")]
    Header {
        /// The setting.
        key: &'static str,
    },
}

/// An answer of the PACS.
#[derive(Clone, Debug)]
pub(in crate::export) struct Response {
    pub(in crate::export) status: StatusCode,
    pub(in crate::export) headers: HeaderMap,
    pub(in crate::export) body: Bytes,
    /// From the header `Retry-After`, where it counts seconds; at most [`RETRY_AFTER_MAX_MS`].
    pub(in crate::export) retry_after_ms: Option<u64>,
}

/// One request.
#[derive(Clone, Debug)]
pub(in crate::export) struct Call<'a> {
    pub(in crate::export) method: Method,
    /// Begins with `/` and may have a query; joined to the base URL.
    pub(in crate::export) path: &'a str,
    /// Beside those of every request.
    pub(in crate::export) headers: Vec<(HeaderName, HeaderValue)>,
    /// Its type and bytes.
    pub(in crate::export) body: Option<(&'static str, Vec<u8>)>,
}

impl<'a> Call<'a> {
    /// Without headers of its own.
    pub(in crate::export) fn new(method: Method, path: &'a str) -> Call<'a> {
        Call { method, path, headers: Vec::new(), body: None }
    }

    /// With this JSON.
    pub(in crate::export) fn json(mut self, body: &serde_json::Value) -> Call<'a> {
        self.body = Some((JSON, body.to_string().into_bytes()));
        self
    }

    /// With one more header.
    pub(in crate::export) fn header(mut self, name: HeaderName, value: HeaderValue) -> Call<'a> {
        self.headers.push((name, value));
        self
    }
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Failure {
    /// Nothing went out.
    #[error("not sent: {0}")]
    NotSent(String),
    /// It may have arrived, and may still be carried out.
    #[error("no whole answer: {0}")]
    Unknown(String),
}

/// A client for one PACS.
pub(in crate::export) struct HttpClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
    timeout: Duration,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl HttpClient {
    /// `headers` go with every request.
    ///
    /// # Errors
    /// [`HttpError`] when the settings contradict themselves.
    pub(in crate::export) fn new(
        settings: &PacsSettings,
        headers: Vec<(HeaderName, HeaderValue)>,
    ) -> Result<HttpClient, HttpError> {
        let wrong =
            |reason: &str| HttpError::BaseUrl { url: settings.base_url.clone(), reason: reason.into() };
        let base: Uri = settings.base_url.parse().map_err(|error| wrong(&format!("{error}")))?;
        let scheme = base.scheme_str().unwrap_or_default();
        if !["http", "https"].contains(&scheme) {
            return Err(wrong("it begins with neither http:// nor https://"));
        }
        if base.query().is_some() || base.authority().is_none_or(|authority| authority.as_str().contains('@'))
        {
            return Err(wrong("it has no host, or a query, or a login"));
        }
        let timeout = Duration::from_millis(settings.timeout_ms);
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // A PACS that is down is told apart from an answer that is late: nothing has gone out by then.
        tcp.set_connect_timeout(Some(timeout / 2));
        let tls = match (&settings.tls, scheme) {
            (Some(tls), _) => tls.clone(),
            (None, "https") => return Err(HttpError::NoAuthority),
            // Never used: every request goes to the base URL's scheme.
            (None, _) => tls::none()?,
        };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_millis(IDLE_MS))
            .pool_max_idle_per_host(IDLE_MAX)
            // A request sent twice without the ledger's knowledge would break its rules.
            .retry_canceled_requests(false)
            .build(connector);
        let base = settings.base_url.trim_end_matches('/').to_owned();
        Ok(HttpClient { client, base, timeout, headers })
    }

    /// A path that joins to the base URL, from an address that the PACS gave: whole, or a path from the root.
    /// None when it leads elsewhere, where our login has no business.
    pub(in crate::export) fn path_of(&self, href: &str) -> Option<String> {
        let base: Uri = self.base.parse().ok()?;
        let given: Uri = href.parse().ok()?;
        if given.authority().is_some()
            && (given.authority() != base.authority() || given.scheme() != base.scheme())
        {
            return None;
        }
        let path = given.path_and_query()?.as_str();
        let rest = path.strip_prefix(base.path().trim_end_matches('/'))?;
        rest.starts_with('/').then(|| rest.to_owned())
    }

    /// Sends one request and reads the whole answer.
    ///
    /// # Errors
    /// [`Failure`], which says whether anything went out.
    pub(in crate::export) async fn send(&self, call: Call<'_>) -> Result<Response, Failure> {
        let uri = format!("{}{}", self.base, call.path);
        let mut request = hyper::Request::builder().method(call.method).uri(uri);
        for (name, value) in self.headers.iter().chain(&call.headers) {
            request = request.header(name, value);
        }
        request = request.header(ACCEPT, JSON);
        if let Some((kind, _)) = &call.body {
            request = request.header(CONTENT_TYPE, *kind);
        }
        let body = Full::new(Bytes::from(call.body.map(|(_, bytes)| bytes).unwrap_or_default()));
        let request = request.body(body).map_err(|error| Failure::NotSent(error.to_string()))?;
        match tokio::time::timeout(self.timeout, self.exchange(request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::Unknown(format!("no answer within {} ms", self.timeout.as_millis()))),
        }
    }

    async fn exchange(&self, request: hyper::Request<Full<Bytes>>) -> Result<Response, Failure> {
        let answer = self.client.request(request).await.map_err(|error| {
            let words = with_sources(&error);
            if error.is_connect() { Failure::NotSent(words) } else { Failure::Unknown(words) }
        })?;
        let status = answer.status();
        let headers = answer.headers().clone();
        let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let retry_after_ms = seconds.map(|s: u64| s.saturating_mul(1000).min(RETRY_AFTER_MAX_MS));
        let body = Limited::new(answer.into_body(), ANSWER_MAX_BYTES).collect().await;
        let body = body.map_err(|error| {
            if error.is::<LengthLimitError>() {
                Failure::Unknown(format!("the answer has more than {ANSWER_MAX_BYTES} bytes"))
            } else {
                Failure::Unknown(format!("the answer was cut: {error}"))
            }
        })?;
        Ok(Response { status, headers, body: body.to_bytes(), retry_after_ms })
    }
}

/// The `Authorization` header of HTTP Basic, marked so that no log shows it.
///
/// # Errors
/// [`HttpError::Header`], should the encoded pair not fit a header.
pub(in crate::export) fn basic(
    username: &str,
    password: &Secret,
) -> Result<(HeaderName, HeaderValue), HttpError> {
    let pair = format!("{username}:{}", password.expose());
    let value = format!("Basic {}", BASE64_STANDARD.encode(pair));
    let mut value = HeaderValue::try_from(value).map_err(|_| HttpError::Header { key: "password" })?;
    value.set_sensitive(true);
    Ok((AUTHORIZATION, value))
}

/// An error with its causes: the outermost alone says only "client error".
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        source = cause.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(base_url: &str) -> PacsSettings {
        PacsSettings {
            base_url: base_url.into(),
            username: None,
            password: None,
            system_id: None,
            timeout_ms: 500,
            tls: None,
        }
    }

    #[test]
    fn basic_is_as_rfc_7617_shows_it() {
        let (_, value) = basic("Aladdin", &Secret::from(String::from("open sesame"))).expect("a header");
        assert_eq!(value.to_str().expect("ASCII"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_the_remedy() {
        let refused = |settings: &PacsSettings| {
            HttpClient::new(settings, Vec::new()).map(drop).expect_err("it must be refused").to_string()
        };
        for url in
            ["", "pacs.example", "ftp://pacs.example", "http://me:pw@pacs.example", "http://pacs.example/?q"]
        {
            assert!(refused(&settings(url)).contains("pacs.base_url"), "{url}");
        }
        assert!(refused(&settings("https://pacs.example")).contains("pacs.ca_file"));
        HttpClient::new(&settings("http://pacs.example/api/"), Vec::new()).expect("plain http is allowed");
    }

    #[test]
    fn the_password_shows_nowhere() {
        let password = Secret::from(String::from("hunter2"));
        let shown = PacsSettings { password: Some(password.clone()), ..settings("http://pacs.example") };
        let header = basic("panel", &password).expect("it can be sent");
        assert!(!format!("{shown:?} {header:?}").contains("hunter2"));
        assert!(!format!("{header:?}").contains(&BASE64_STANDARD.encode("panel:hunter2")));
    }

    #[tokio::test]
    async fn a_refused_connection_is_not_sent_and_a_silent_one_is_unknown() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let client = HttpClient::new(&settings(&format!("http://{address}")), Vec::new()).expect("a client");
        let outcome = client.send(Call::new(Method::GET, "/")).await;
        assert!(matches!(outcome, Err(Failure::NotSent(_))), "{outcome:?}");
        // Accepts in the kernel, and never answers.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = silent.local_addr().expect("an address");
        let client = HttpClient::new(&settings(&format!("http://{address}")), Vec::new()).expect("a client");
        let outcome = client.send(Call::new(Method::GET, "/")).await;
        assert!(matches!(outcome, Err(Failure::Unknown(_))), "{outcome:?}");
    }
}
