//! TLS to the PACS. The simulated one has none, so something in front of it ends TLS, as at many sites.

use super::Authority;
use crate::world::{World, assignment, card, entitlement, user};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Ends TLS for a PACS that speaks plain HTTP, and asks each client for a certificate of the same authority.
struct Front {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Front {
    fn start(authority: &Authority, pacs: SocketAddr) -> Front {
        let (cert, key) = authority.issue("127.0.0.1");
        let pem = |text: &str| CertificateDer::from_pem_slice(text.as_bytes()).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(pem(&authority.pem())).expect("an authority");
        let panels = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .with_client_cert_verifier(panels.build().expect("an authority"))
            .with_single_cert(vec![pem(&cert)], key)
            .expect("they belong together");
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let stopped = Arc::new(AtomicBool::new(false));
        let ends = stopped.clone();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                let config = config.clone();
                // A client that goes away, or is refused, is the scene's own.
                std::thread::spawn(move || carry(stream, config, pacs));
            }
        });
        Front { address, stopped, thread: Some(thread) }
    }

    fn url(&self) -> String {
        format!("https://{}", self.address)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // The thread waits for a connection.
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// One request and its answer; the connection is closed after it.
fn carry(stream: TcpStream, config: Arc<ServerConfig>, pacs: SocketAddr) -> io::Result<()> {
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut outside = StreamOwned::new(connection, stream);
    let request = request_from(&mut outside)?;
    let mut inside = TcpStream::connect(pacs)?;
    inside.write_all(&request)?;
    let mut answer = Vec::new();
    inside.read_to_end(&mut answer)?;
    outside.write_all(&answer)?;
    outside.conn.send_close_notify();
    outside.flush()
}

/// A whole request, which asks for the connection to be closed.
fn request_from(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let text = String::from_utf8_lossy(&head).to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    head.truncate(head.len() - 2);
    Ok([head, b"connection: close\r\n\r\n".to_vec(), body].concat())
}

/// A world whose gateway reaches its PACS through `front`, which has a certificate of `theirs`.
fn world_behind(ours: &Authority, theirs: &Authority) -> (World, Front) {
    let world = World::new();
    let plain = world.pacs.url();
    let (address, path) = plain.strip_prefix("http://").expect("plain").split_once('/').unzip();
    let address = address.unwrap_or_else(|| plain.trim_start_matches("http://"));
    let front = Front::start(theirs, address.parse().expect("an address"));
    let (cert, key) = ours.issue("panel");
    for (name, text) in [("pacs-ca.pem", ours.pem()), ("pacs-cert.pem", cert), ("pacs-key", key)] {
        world.write(name, &text);
    }
    world.configure(
        "ca_file = \"pacs-ca.pem\"\nclient_cert_file = \"pacs-cert.pem\"\nclient_key = { file = \"pacs-key\" }",
    );
    let text = std::fs::read_to_string(world.config_file()).expect("the configuration");
    let secure = format!("{}/{}", front.url(), path.unwrap_or_default());
    world.write("config.toml", &text.replace(&plain, secure.trim_end_matches('/')));
    (world, front)
}

fn hire(world: &mut World) {
    world.source.put("entitlement", "main", entitlement("ap-main", "Main entrance"));
    world.source.put("user", "ada", user("Ada", "Lovelace")).put("token", "card", card("ada", "04A1B2C3"));
    world.source.put("assignment", "ada.main", assignment("ada", "main", "", ""));
    world.source.publish();
}

#[test]
fn a_pacs_behind_tls_is_written_to_with_the_panels_certificate() {
    let ours = Authority::new();
    let (mut world, _front) = world_behind(&ours, &ours);
    let _gateway = world.gateway();
    hire(&mut world);
    world.expect_permissions("PAada", Some(&["ap-main"]));
}

#[test]
fn a_pacs_of_another_authority_is_told_nothing() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let (mut world, _front) = world_behind(&ours, &theirs);
    let _gateway = world.gateway();
    hire(&mut world);
    world.expect_equal_mirror();
    world.source.expect_state("the PACS is not reached", |state| state["export"]["reachable"] == false);
    assert!(world.pacs.effects().is_empty());
}
