//! A card at vsmartcard's virtual reader (vpcd), which has a driver by other hands than ours.
//!
//! vpcd listens; to connect is to lay the card on the reader, to disconnect is to take it away. Its requests are a
//! big-endian `u16` length and as many bytes: `00` off, `01` on, `02` reset, which have no answer, `04` give the ATR;
//! everything else is an APDU.

use super::card::Card;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread::JoinHandle;

/// A card that lies there until it is dropped.
pub struct Laid {
    socket: TcpStream,
    thread: Option<JoinHandle<()>>,
}

impl Laid {
    /// Lays `card` on the reader whose driver listens at `port`.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn on(port: u16, card: &Card) -> io::Result<Laid> {
        let socket = TcpStream::connect(("127.0.0.1", port))?;
        socket.set_nodelay(true)?;
        let mut wire = socket.try_clone()?;
        let mut powered = card.powered(0x00B0_0000);
        let thread = std::thread::Builder::new().name("vpcd card".into()).spawn(move || {
            while let Ok(request) = receive(&mut wire) {
                // vpcd sends length and content apart, and waits for the acknowledgement of the first: without this
                // each APDU takes 44 ms.
                let _ = rustix::net::sockopt::set_tcp_quickack(&wire, true);
                let answer = match request[..] {
                    [0x00..=0x02] => continue,
                    [0x04] => powered.card().atr(),
                    _ => powered.apdu(&request),
                };
                let length = u16::try_from(answer.len()).unwrap_or(0);
                if wire.write_all(&[&length.to_be_bytes()[..], &answer].concat()).is_err() {
                    return;
                }
            }
        })?;
        Ok(Laid { socket, thread: Some(thread) })
    }
}

impl Drop for Laid {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn receive(wire: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 2];
    wire.read_exact(&mut length)?;
    let mut request = vec![0; usize::from(u16::from_be_bytes(length))];
    wire.read_exact(&mut request)?;
    Ok(request)
}
