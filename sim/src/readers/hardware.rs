//! A reader behind pcscd: the test's end of the socket that the driver in `sim/ifd` opens.

use super::card::{Card, Powered};
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A reader; its listener ends with the process.
pub struct Hardware {
    path: PathBuf,
    state: Arc<Mutex<State>>,
}

/// How a card behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Manner {
    Whole,
    /// It gives no ATR.
    Mute,
    /// It is pulled away in place of the answer to this APDU, counted from 0.
    Torn(u32),
}

struct State {
    card: Option<(Powered, Manner)>,
    is_plugged: bool,
    takes_escapes: bool,
    escapes: Vec<Vec<u8>>,
    serial: String,
    /// The driver, while it is connected.
    driver: Option<UnixStream>,
    /// Counts power-ups, for random UIDs.
    seed: u32,
    apdus: u32,
}

impl Hardware {
    /// A reader at the socket `path`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn start(path: &Path, serial: &str) -> io::Result<Hardware> {
        let listener = UnixListener::bind(path)?;
        let state = Arc::new(Mutex::new(State {
            card: None,
            is_plugged: true,
            takes_escapes: true,
            escapes: Vec::new(),
            serial: serial.into(),
            driver: None,
            seed: 0x00A0_0000,
            apdus: 0,
        }));
        let shared = state.clone();
        std::thread::Builder::new().name("reader".into()).spawn(move || {
            for driver in listener.incoming() {
                let Ok(driver) = driver else { return };
                serve(driver, &shared);
            }
        })?;
        Ok(Hardware { path: path.into(), state })
    }

    /// Its socket.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lays a card on it.
    pub fn tap(&self, card: &Card) {
        self.insert(card, Manner::Whole);
    }

    /// Lays a card on it that answers nothing.
    pub fn tap_mute(&self, card: &Card) {
        self.insert(card, Manner::Mute);
    }

    /// Lays a card on it that is pulled away in place of the answer to the APDU of that number, counted from 0.
    pub fn tap_torn(&self, card: &Card, apdu: u32) {
        self.insert(card, Manner::Torn(apdu));
    }

    fn insert(&self, card: &Card, manner: Manner) {
        let mut state = self.lock();
        state.seed += 1;
        state.apdus = 0;
        let powered = card.powered(state.seed);
        state.card = Some((powered, manner));
        state.push(b'I', &[]);
    }

    /// Takes the card away.
    pub fn remove(&self) {
        let mut state = self.lock();
        state.card = None;
        state.push(b'O', &[]);
    }

    /// Pulls the reader out.
    pub fn unplug(&self) {
        let mut state = self.lock();
        state.card = None;
        state.is_plugged = false;
        state.push(b'D', &[]);
    }

    /// Plugs it in again, without a card.
    pub fn plug(&self) {
        let mut state = self.lock();
        state.is_plugged = true;
        state.push(b'O', &[]);
    }

    /// Whether it carries out escape commands; the real driver refuses them unless it is told otherwise.
    pub fn take_escapes(&self, takes: bool) {
        self.lock().takes_escapes = takes;
    }

    /// The escape commands that it was given.
    pub fn escapes(&self) -> Vec<Vec<u8>> {
        self.lock().escapes.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// To the driver, if it is there; it asks for the rest when it comes.
    fn push(&mut self, what: u8, payload: &[u8]) {
        let message = message(what, payload);
        if self.driver.as_mut().is_some_and(|driver| driver.write_all(&message).is_err()) {
            self.driver = None;
        }
    }

    fn answer(&mut self, request: &[u8]) -> Option<(u8, Vec<u8>)> {
        let (what, payload) = request.split_first()?;
        Some(match what {
            b'P' => (b'p', self.power()),
            b'X' => (b'x', self.transmit(payload)),
            b'C' if self.takes_escapes => {
                self.escapes.push(payload.into());
                // The ACR122U answers with 90 and the state of its LEDs.
                (b'c', vec![0x90, 0x00])
            }
            b'C' => (b'c', Vec::new()),
            b'S' => (b's', self.serial.clone().into_bytes()),
            _ => return None,
        })
    }

    fn power(&mut self) -> Vec<u8> {
        match &self.card {
            Some((powered, Manner::Whole | Manner::Torn(_))) => powered.card().atr(),
            Some((_, Manner::Mute)) | None => Vec::new(),
        }
    }

    fn transmit(&mut self, apdu: &[u8]) -> Vec<u8> {
        let number = self.apdus;
        self.apdus += 1;
        match &mut self.card {
            Some((powered, Manner::Whole)) => powered.apdu(apdu),
            Some((powered, Manner::Torn(at))) if *at != number => powered.apdu(apdu),
            Some((_, Manner::Torn(_))) => {
                self.card = None;
                self.push(b'O', &[]);
                Vec::new()
            }
            Some((_, Manner::Mute)) | None => Vec::new(),
        }
    }
}

fn message(what: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 1).unwrap_or(u16::MAX);
    [&length.to_be_bytes()[..], &[what], payload].concat()
}

/// Serves one driver until it is closed; pcscd has one at a time.
fn serve(mut driver: UnixStream, state: &Mutex<State>) {
    {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.is_plugged {
            return;
        }
        let Ok(pushing) = driver.try_clone() else { return };
        state.driver = Some(pushing);
        let first = if state.card.is_some() { b'I' } else { b'O' };
        state.push(first, &[]);
    }
    while let Ok(request) = receive(&mut driver) {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((what, payload)) = state.answer(&request) {
            state.push(what, &payload);
        }
    }
    state.lock().unwrap_or_else(PoisonError::into_inner).driver = None;
}

fn receive(driver: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 2];
    driver.read_exact(&mut length)?;
    let mut request = vec![0; usize::from(u16::from_be_bytes(length))];
    driver.read_exact(&mut request)?;
    Ok(request)
}
