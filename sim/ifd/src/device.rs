//! The socket to the test, and what is known of the hardware behind it.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long the test may take to answer before the hardware counts as dead, in milliseconds.
const ANSWER_MS: u64 = 10_000;

/// What the hardware is like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// No card.
    Empty,
    /// A card.
    Present,
    /// The reader has been pulled out.
    Dead,
}

/// Most events that wait for pcscd to look.
const EVENTS_MAX: usize = 1024;

#[derive(Debug)]
struct Known {
    event: Event,
    /// What has happened since: pcscd sees each, however late it looks.
    next: VecDeque<Event>,
    answer: Option<Vec<u8>>,
    is_woken: bool,
}

#[derive(Debug)]
struct Shared {
    known: Mutex<Known>,
    changed: Condvar,
}

/// One reader.
#[derive(Debug)]
pub struct Device {
    socket: Mutex<UnixStream>,
    shared: Arc<Shared>,
}

impl Device {
    /// Connects to the test that plays it.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn open(path: &Path) -> io::Result<Device> {
        let socket = UnixStream::connect(path)?;
        let mut incoming = socket.try_clone()?;
        // The first message says whether a card is there.
        let first = receive(&mut incoming)?;
        let event = event(&first).unwrap_or(Event::Empty);
        let known = Mutex::new(Known { event, next: VecDeque::new(), answer: None, is_woken: false });
        let shared = Arc::new(Shared { known, changed: Condvar::new() });
        let listener = shared.clone();
        std::thread::Builder::new().spawn(move || {
            while let Ok(message) = receive(&mut incoming) {
                listener.change(|known| match event_or_answer(message) {
                    Ok(Event::Dead) => known.die(),
                    Ok(event) if known.next.len() < EVENTS_MAX => known.next.push_back(event),
                    Ok(_) => {}
                    Err(answer) => known.answer = Some(answer),
                });
            }
            listener.change(Known::die);
        })?;
        Ok(Device { socket: Mutex::new(socket), shared })
    }

    /// What the hardware is like now.
    pub fn event(&self) -> Event {
        self.shared.known.lock().unwrap_or_else(PoisonError::into_inner).event
    }

    /// Waits for a card to come or go, or for [`Device::wake`].
    pub fn wait(&self, timeout: Duration) {
        let known = self.shared.known.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |known: &mut Known| known.next.is_empty() && !known.is_woken;
        let waited = self.shared.changed.wait_timeout_while(known, timeout, waiting);
        let mut known = waited.unwrap_or_else(PoisonError::into_inner).0;
        known.is_woken = false;
        if let Some(event) = known.next.pop_front() {
            known.event = event;
        }
    }

    /// Ends a wait.
    pub fn wake(&self) {
        self.shared.change(|known| known.is_woken = true);
    }

    /// Ends the connection, and with it the thread that listens.
    pub fn close(&self) {
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = socket.shutdown(std::net::Shutdown::Both);
    }

    /// The answer to one request; `None` when there is none.
    pub fn ask(&self, what: u8, payload: &[u8]) -> Option<Vec<u8>> {
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.change(|known| known.answer = None);
        let length = u16::try_from(payload.len() + 1).ok()?;
        let mut message = length.to_be_bytes().to_vec();
        message.push(what);
        message.extend(payload);
        socket.write_all(&message).ok()?;
        let known = self.shared.known.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |known: &mut Known| known.answer.is_none() && known.event != Event::Dead;
        let limit = Duration::from_millis(ANSWER_MS);
        let waited = self.shared.changed.wait_timeout_while(known, limit, waiting);
        let answer = waited.unwrap_or_else(PoisonError::into_inner).0.answer.take()?;
        (answer.len() > 1).then(|| answer[1..].to_vec())
    }
}

impl Known {
    fn die(&mut self) {
        self.event = Event::Dead;
        self.next.clear();
        self.is_woken = true;
    }
}

impl Shared {
    fn change(&self, how: impl FnOnce(&mut Known)) {
        how(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }
}

fn receive(socket: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 2];
    socket.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    socket.read_exact(&mut message)?;
    Ok(message)
}

fn event(message: &[u8]) -> Option<Event> {
    match message.first() {
        Some(b'I') => Some(Event::Present),
        Some(b'O') => Some(Event::Empty),
        Some(b'D') => Some(Event::Dead),
        _ => None,
    }
}

fn event_or_answer(message: Vec<u8>) -> Result<Event, Vec<u8>> {
    event(&message).ok_or(message)
}
