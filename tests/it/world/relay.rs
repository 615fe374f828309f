//! A way to the PACS that counts who takes it: two gateways of one site ask the same PACS.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Passes on what it is told, byte by byte.
pub(crate) struct Relay {
    address: SocketAddr,
    bytes: Arc<AtomicU64>,
}

impl Relay {
    pub(crate) fn to(target: SocketAddr) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its number");
        let bytes = Arc::new(AtomicU64::new(0));
        let counted = bytes.clone();
        // Both threads of a connection end with it; this one ends with the process.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(target) else { continue };
                pump(
                    client.try_clone().expect("a socket"),
                    server.try_clone().expect("a socket"),
                    Some(counted.clone()),
                );
                pump(server, client, None);
            }
        });
        Relay { address, bytes }
    }

    /// As the gateway is configured; `path` begins with a slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Bytes that were asked through it.
    pub(crate) fn asked_bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, counter: Option<Arc<AtomicU64>>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            if let Some(counter) = &counter {
                counter.fetch_add(read as u64, Ordering::Relaxed);
            }
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}
