//! A way to the PACS or the broker that counts who takes it, or that breaks once: two gateways of one site ask the same
//! PACS.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Passes on what it is told, byte by byte.
pub(crate) struct Relay {
    address: SocketAddr,
    bytes: Arc<AtomicU64>,
    break_next_after: Arc<Mutex<Option<usize>>>,
}

impl Relay {
    pub(crate) fn to(target: SocketAddr) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its number");
        let bytes = Arc::new(AtomicU64::new(0));
        let break_next_after = Arc::new(Mutex::new(None));
        let (counted, breaks) = (bytes.clone(), break_next_after.clone());
        // Both threads of a connection end with it; this one ends with the process.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(target) else { continue };
                pump(
                    client.try_clone().expect("a socket"),
                    server.try_clone().expect("a socket"),
                    Some(counted.clone()),
                );
                match breaks.lock().expect("lock").take() {
                    Some(bytes) => pump_and_break(server, client, bytes),
                    None => pump(server, client, None),
                }
            }
        });
        Relay { address, bytes, break_next_after }
    }

    /// The next connection is lost as soon as more than so many bytes would come back on it.
    pub(crate) fn break_next_after(&self, bytes: usize) {
        *self.break_next_after.lock().expect("lock") = Some(bytes);
    }

    /// As the gateway is configured; `path` begins with a slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Bytes that were asked through it.
    pub(crate) fn asked_bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

fn pump_and_break(mut from: TcpStream, mut to: TcpStream, after_bytes: usize) {
    std::thread::spawn(move || {
        let mut passed = vec![0; after_bytes];
        if from.read_exact(&mut passed).is_ok() && to.write_all(&passed).is_ok() {
            let _ = from.read(&mut [0]);
        }
        for end in [from, to] {
            let _ = end.shutdown(Shutdown::Both);
        }
    });
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
