//! TLS as a client: one authority that is given, no system roots, time that cannot be older than this
//! program.
//!
//! Not here: where the files are named (config), what is sent over it (feed, export).

use crate::clock::Clock;
use access::text::Secret;
use access::time::UtcTime;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// No certificate was looked at before this program was written: 2026-11-01T00:00:00Z.
pub const RELEASED: UtcTime = UtcTime::from_unix(1_793_491_200);

/// What can be wrong with the material.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file cannot be used.
    #[error("{file}: {problem}; name a PEM file with at least one certificate")]
    Pem {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The parts do not make a whole.
    #[error("TLS: {0}; check that the key belongs to the certificate")]
    Material(#[from] rustls::Error),
}

/// This panel's certificate and key.
pub struct ClientIdentity {
    /// Its file, PEM.
    pub cert_file: PathBuf,
    /// The key's PEM text.
    pub key: Secret,
}

/// A client's configuration that trusts the authority in `ca_file` alone. Certificates are judged at
/// max(system, `floor`, [`RELEASED`]), so that a panel that wakes in 1970 can still reach its peers.
///
/// # Errors
/// Which file or part is wrong.
pub fn client(
    ca_file: &Path,
    identity: Option<&ClientIdentity>,
    clock: Arc<dyn Clock>,
    floor: UtcTime,
) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    for cert in certificates(ca_file)? {
        roots
            .add(cert)
            .map_err(|error| TlsError::Pem { file: ca_file.into(), problem: error.to_string() })?;
    }
    let time = Arc::new(NotBefore { clock, floor: floor.max(RELEASED) });
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_details(provider, time)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let Some(identity) = identity else { return Ok(builder.with_no_client_auth()) };
    let key = PrivateKeyDer::from_pem_slice(identity.key.expose().as_bytes())
        .map_err(|_| rustls::Error::General("the client key is not a PEM private key".into()))?;
    Ok(builder.with_client_auth_cert(certificates(&identity.cert_file)?, key)?)
}

/// Trusts nobody: for a client that must have a configuration and never speaks TLS.
///
/// # Errors
/// None that can occur with the provider built in.
pub fn none() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |problem: String| TlsError::Pem { file: file.into(), problem };
    let certs = CertificateDer::pem_file_iter(file).map_err(|error| wrong(error.to_string()))?;
    let certs: Vec<_> = certs.collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))?;
    if certs.is_empty() { Err(wrong("holds no certificate".into())) } else { Ok(certs) }
}

struct NotBefore {
    clock: Arc<dyn Clock>,
    floor: UtcTime,
}

impl fmt::Debug for NotBefore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NotBefore({})", self.floor)
    }
}

impl TimeProvider for NotBefore {
    fn current_time(&self) -> Option<UnixTime> {
        let now = self.clock.now().max(self.floor).unix();
        u64::try_from(now).ok().map(|seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}
