//! Passes on what a gateway asks of the PACS, and keeps it.

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// One request, as it went over the wire.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// Between the gateway and the PACS.
pub(super) struct Recorder {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Chunk>>>,
}

/// What was read at once, in the order of reading, and by which connection.
type Chunk = (usize, Vec<u8>);

impl Recorder {
    pub(super) fn before(target: SocketAddr) -> Result<Recorder> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let heard: Arc<Mutex<Vec<Chunk>>> = Arc::default();
        let keep = heard.clone();
        // These threads end with the process.
        std::thread::spawn(move || {
            for (connection, client) in listener.incoming().flatten().enumerate() {
                let Ok(server) = TcpStream::connect(target) else { continue };
                let Ok(back) = server.try_clone().and_then(|server| Ok((server, client.try_clone()?))) else {
                    continue;
                };
                let keep = keep.clone();
                pump(client, server, move |bytes| {
                    let mut heard = keep.lock().unwrap_or_else(PoisonError::into_inner);
                    heard.push((connection, bytes.to_vec()));
                });
                pump(back.0, back.1, |_| {});
            }
        });
        Ok(Recorder { address, heard })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Writes the requests down in the order in which they were sent, one a line; returns how many.
    pub(super) fn save(&self, file: &Path) -> Result<usize> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open: BTreeMap<usize, (usize, Vec<u8>)> = BTreeMap::new();
        let mut all: Vec<(usize, Asked)> = Vec::new();
        for (at, (connection, bytes)) in heard.iter().enumerate() {
            let (begun, buffer) = open.entry(*connection).or_insert((at, Vec::new()));
            if buffer.is_empty() {
                *begun = at;
            }
            buffer.extend_from_slice(bytes);
            // Nothing is sent on a connection before the last answer has come.
            if let Some(asked) = parse(buffer)? {
                all.push((*begun, asked));
                buffer.clear();
            }
        }
        all.sort_by_key(|(begun, _)| *begun);
        let mut text = Vec::new();
        for (_, asked) in &all {
            serde_json::to_writer(&mut text, asked)?;
            text.push(b'\n');
        }
        std::fs::write(file, text)?;
        Ok(all.len())
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, keep: impl Fn(&[u8]) + Send + 'static) {
    std::thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            keep(&buffer[..read]);
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}

/// The one request in `bytes`; none while it is not whole.
fn parse(bytes: &[u8]) -> Result<Option<Asked>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end])?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (method, path) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value.parse());
    let length: usize = length.transpose()?.unwrap_or(0);
    let body = &bytes[end + 4..];
    if body.len() > length {
        bail!("two requests at once: {head}");
    }
    // The client makes these itself.
    let own = |name: &str| ["host", "content-length", "connection"].contains(&name);
    Ok((body.len() == length).then_some(Asked {
        method: method.into(),
        path: path.into(),
        headers: headers.iter().filter(|(name, _)| !own(name)).cloned().collect(),
        body: String::from_utf8(body.to_vec())?,
    }))
}
