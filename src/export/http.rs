//! One HTTP/1.1 client for one PACS: TLS against the site's own authority, a deadline, a limit, no repeats.
//!
//! A failure says whether anything went out: the ledger's rules rest on that difference. Nothing here repeats a
//! request on its own, follows a redirect or consults the system's certificates.
//!
//! Not here: what is asked (`pacs`), and what an answer means (`pacs::rest`).

use access::text::Secret;
use access::time::UtcTime;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Largest body of an answer.
pub const ANSWER_MAX_BYTES: usize = 1024 * 1024;
/// Connections kept open while nothing is sent.
const IDLE_MAX: usize = 4;
/// They are closed after this, sooner than most servers do: a request on a connection that is just being closed
/// is a lost one.
const IDLE_MS: u64 = 10_000;

/// The time that certificates are checked at.
///
/// It should be the latest of the system's clock, the build time and the clock's floor, so that a panel that
/// wakes in 1970 can still reach its PACS.
#[derive(Clone)]
pub struct TlsTime(Arc<dyn Fn() -> UtcTime + Send + Sync>);

impl TlsTime {
    /// Asks `now` at each handshake.
    pub fn new(now: impl Fn() -> UtcTime + Send + Sync + 'static) -> TlsTime {
        TlsTime(Arc::new(now))
    }
}

impl fmt::Debug for TlsTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsTime")
    }
}

impl TimeProvider for TlsTime {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from((self.0)().unix()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// How to reach the PACS and log in: what the site says, with secrets and files already read.
#[derive(Clone, Debug)]
pub struct PacsSettings {
    /// Where its API is, e.g. `https://pacs.example:8443/api`.
    pub base_url: String,
    /// For HTTP Basic.
    pub username: Option<String>,
    /// For HTTP Basic.
    pub password: Option<Secret>,
    /// Sent with each request so that the PACS knows the client.
    pub system_id: Option<String>,
    /// A request is given up after this.
    pub timeout_ms: u64,
    /// The authorities that may have signed the PACS's certificate, in PEM; needed for https.
    pub ca_pem: Option<Vec<u8>>,
    /// The time that certificates are checked at.
    pub tls_time: TlsTime,
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
    /// No authority to trust, or none that can be read.
    #[error(
        "setting pacs.ca_file: {reason}; name the PEM file of the authority that signed the PACS's certificate"
    )]
    Ca {
        /// Why.
        reason: String,
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
    pub(in crate::export) body: Bytes,
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
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(settings, scheme == "https")?)
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

    /// Sends one request and reads the whole answer. `path` begins with `/` and may have a query.
    ///
    /// # Errors
    /// [`Failure`], which says whether anything went out.
    pub(in crate::export) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Response, Failure> {
        let mut request = hyper::Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request = request.header(ACCEPT, "application/json");
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = Full::new(Bytes::from(body.unwrap_or_default()));
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
        let body = Limited::new(answer.into_body(), ANSWER_MAX_BYTES).collect().await;
        let body = body.map_err(|error| {
            if error.is::<LengthLimitError>() {
                Failure::Unknown(format!("the answer has more than {ANSWER_MAX_BYTES} bytes"))
            } else {
                Failure::Unknown(format!("the answer was cut: {error}"))
            }
        })?;
        Ok(Response { status, body: body.to_bytes() })
    }
}

fn tls(settings: &PacsSettings, is_needed: bool) -> Result<ClientConfig, HttpError> {
    let wrong = |reason: String| HttpError::Ca { reason };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(settings.ca_pem.as_deref().unwrap_or_default()) {
        let certificate = certificate.map_err(|error| wrong(format!("it is no PEM: {error:?}")))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if is_needed && roots.is_empty() {
        return Err(wrong("https needs at least one certificate".into()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_details(provider, Arc::new(settings.tls_time.clone()));
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| wrong(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
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
    let value = format!("Basic {}", base64(pair.as_bytes()));
    let mut value = HeaderValue::try_from(value).map_err(|_| HttpError::Header { key: "password" })?;
    value.set_sensitive(true);
    Ok((AUTHORIZATION, value))
}

/// RFC 4648's base64 with padding: the one line of it that HTTP Basic takes is not worth a dependency.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let padded = [chunk[0], chunk.get(1).copied().unwrap_or(0), chunk.get(2).copied().unwrap_or(0)];
        let bits = padded.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place) & 0x3f) as usize;
            text.push(if place <= chunk.len() { char::from(ALPHABET[index]) } else { '=' });
        }
    }
    text
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
            ca_pem: None,
            tls_time: TlsTime::new(|| UtcTime::from_unix(1_800_000_000)),
        }
    }

    #[test]
    fn base64_vectors() {
        let table = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ];
        for (plain, encoded) in table {
            assert_eq!(base64(plain.as_bytes()), encoded, "{plain}");
        }
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
        let garbage = PacsSettings {
            ca_pem: Some(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec()),
            ..settings("https://pacs.example")
        };
        assert!(refused(&garbage).contains("pacs.ca_file"));
        HttpClient::new(&settings("http://pacs.example/api/"), Vec::new()).expect("plain http is allowed");
    }

    #[test]
    fn the_password_shows_nowhere() {
        let password = Secret::from(String::from("hunter2"));
        let shown = PacsSettings { password: Some(password.clone()), ..settings("http://pacs.example") };
        let header = basic("panel", &password).expect("it can be sent");
        assert!(!format!("{shown:?} {header:?}").contains("hunter2"));
        assert!(!format!("{header:?}").contains(&base64(b"panel:hunter2")));
    }

    #[tokio::test]
    async fn a_refused_connection_is_not_sent_and_a_silent_one_is_unknown() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let client = HttpClient::new(&settings(&format!("http://{address}")), Vec::new()).expect("a client");
        let outcome = client.send(Method::GET, "/", None).await;
        assert!(matches!(outcome, Err(Failure::NotSent(_))), "{outcome:?}");
        // Accepts in the kernel, and never answers.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = silent.local_addr().expect("an address");
        let client = HttpClient::new(&settings(&format!("http://{address}")), Vec::new()).expect("a client");
        let outcome = client.send(Method::GET, "/", None).await;
        assert!(matches!(outcome, Err(Failure::Unknown(_))), "{outcome:?}");
    }
}
