//! One connection to the broker: options, TLS, and the task that polls it.
//!
//! Each connection gets a new client, so nothing of the last one's is in flight: what the broker did not
//! acknowledge is still in the file and is published again, in order.

use super::ServeError;
use crate::config::{Broker, Config};
use contract::MESSAGE_MAX_BYTES;
use rumqttc::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, TlsConfiguration, Transport};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Events of the connection that wait to be handled; the poll loop waits beyond.
pub(crate) const LINK_EVENTS_MAX: usize = 512;
/// Requests that the client keeps besides the window: acknowledgements and subscriptions.
const REQUESTS_EXTRA: usize = 64;
/// Largest packet taken from the broker, in bytes: one that is too large for the contract is to be dropped and
/// acknowledged, since a client that hangs up over it gets it again, and again.
const INCOMING_MAX_BYTES: usize = 1024 * 1024;
/// Topic and headers around a message, in bytes, generously.
const PACKET_EXTRA_BYTES: usize = 1024;
/// Silence after which the broker is asked for a sign of life, in seconds.
const KEEP_ALIVE_S: u64 = 30;

/// What the poll task tells.
#[derive(Debug)]
pub(crate) enum Signal {
    /// Something came or went.
    Event(Event),
    /// The connection is over, or there was none; the reason with its remedy.
    Lost(String),
}

/// A connection, or the attempt at one. Dropping it ends its task.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) client: AsyncClient,
    task: JoinHandle<()>,
}

impl Link {
    /// Starts to connect.
    pub(crate) fn start(options: MqttOptions, signals: mpsc::Sender<Signal>) -> Link {
        let capacity = usize::from(options.inflight()) + REQUESTS_EXTRA;
        let (client, mut eventloop) = AsyncClient::new(options, capacity);
        // A single change is a small packet: without this it may wait 40 ms for the next.
        let mut network = eventloop.network_options();
        network.set_tcp_nodelay(true);
        eventloop.set_network_options(network);
        Link { client, task: tokio::spawn(poll(eventloop, signals)) }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn poll(mut eventloop: EventLoop, signals: mpsc::Sender<Signal>) {
    loop {
        let (signal, is_last) = match eventloop.poll().await {
            Ok(event) => (Signal::Event(event), false),
            Err(error) => (Signal::Lost(format!("{error}; {}", remedy(&error))), true),
        };
        if signals.send(signal).await.is_err() || is_last {
            return;
        }
    }
}

fn remedy(error: &ConnectionError) -> &'static str {
    match error {
        ConnectionError::ConnectionRefused(_) => "check broker.username and broker.password_file",
        ConnectionError::Tls(_) => "check broker.ca_file, the client's certificate and broker.port",
        ConnectionError::MqttState(_) => {
            "if it recurs: another client uses our id, a login may not publish, or a message is too large"
        }
        _ => "check broker.host and broker.port, and that the broker runs",
    }
}

/// Options of the client `client_id`: a persistent session, acknowledgements after the commit.
pub(crate) fn options(config: &Config, client_id: &str) -> Result<MqttOptions, ServeError> {
    let Broker { host, port, ca_file, username, password_file, .. } = &config.broker;
    let mut options = MqttOptions::new(client_id, host, *port);
    options
        .set_keep_alive(Duration::from_secs(KEEP_ALIVE_S))
        .set_clean_session(false)
        .set_inflight(config.in_flight)
        .set_manual_acks(true)
        .set_max_packet_size(INCOMING_MAX_BYTES, MESSAGE_MAX_BYTES + PACKET_EXTRA_BYTES);
    if let Some(username) = username {
        let password = password_file.as_deref().map(password).transpose()?.unwrap_or_default();
        options.set_credentials(username, password);
    }
    if let Some(ca_file) = ca_file {
        let tls = tls(ca_file, &config.broker)?;
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(Arc::new(tls))));
    }
    Ok(options)
}

fn password(path: &Path) -> Result<String, ServeError> {
    let text =
        std::fs::read_to_string(path).map_err(|error| ServeError::file(path, "password_file", &error))?;
    Ok(text.lines().next().unwrap_or_default().into())
}

fn tls(ca_file: &Path, broker: &Broker) -> Result<ClientConfig, ServeError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca_file, "ca_file")? {
        roots.add(certificate).map_err(|error| ServeError::file(ca_file, "ca_file", &error))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ServeError::file(ca_file, "ca_file", &error))?
        .with_root_certificates(roots);
    let (Some(cert_file), Some(key_file)) = (&broker.client_cert_file, &broker.client_key_file) else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates(cert_file, "client_cert_file")?;
    let key = PrivateKeyDer::from_pem_file(key_file)
        .map_err(|error| ServeError::file(key_file, "client_key_file", &error))?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| ServeError::file(cert_file, "client_cert_file", &error))
}

fn certificates(path: &Path, key: &'static str) -> Result<Vec<CertificateDer<'static>>, ServeError> {
    let read = CertificateDer::pem_file_iter(path).map_err(|error| ServeError::file(path, key, &error))?;
    let list: Vec<_> = read.collect::<Result<_, _>>().map_err(|error| ServeError::file(path, key, &error))?;
    if list.is_empty() {
        return Err(ServeError::file(path, key, &"no certificate in PEM form"));
    }
    Ok(list)
}
