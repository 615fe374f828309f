//! A PN532 as libnfc sees it at the end of a serial line (NXP UM0701-02, "PN532 User Manual"): frames, and the commands
//! that libnfc uses.
//!
//! Not here: other hosts' habits; registers that do anything.

use super::card::{Card, Powered};
use super::pty::{End, Line};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

const ACK: [u8; 6] = [0x00, 0x00, 0xFF, 0x00, 0xFF, 0x00];
/// Registers that are remembered.
const REGISTERS: usize = 65_536;

/// A chip; it ends when dropped, as if its cable were pulled.
pub struct Pn532 {
    line: Line,
    state: Arc<Mutex<State>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    card: Option<Powered>,
    /// An ATS that no card sends: its first byte, and how many follow.
    bent_ats: Option<(u8, usize)>,
    is_silent: bool,
    seed: u32,
    looks: u64,
    registers: Vec<u8>,
}

impl Pn532 {
    /// A chip at a line of the name `link`.
    ///
    /// # Errors
    /// When there is no line to be had.
    pub fn start(link: &Path) -> io::Result<Pn532> {
        let line = Line::start(link)?;
        let end = line.device();
        let state = Arc::new(Mutex::new(State {
            card: None,
            bent_ats: None,
            is_silent: false,
            seed: 0x00C0_0000,
            looks: 0,
            registers: vec![0; REGISTERS],
        }));
        let is_over = Arc::new(AtomicBool::new(false));
        let (shared, over) = (state.clone(), is_over.clone());
        let thread =
            std::thread::Builder::new().name("pn532".into()).spawn(move || serve(&end, &shared, &over))?;
        Ok(Pn532 { line, state, is_over, thread: Some(thread) })
    }

    /// What the host opens.
    pub fn link(&self) -> &Path {
        self.line.link()
    }

    /// Brings a card into the field.
    pub fn tap(&self, card: &Card) {
        let mut state = self.lock();
        state.seed += 1;
        state.card = Some(card.powered(state.seed));
        state.bent_ats = None;
    }

    /// As [`Pn532::tap`], with an ATS that says it has `length` bytes and is followed by `rest` of them.
    pub fn tap_with_ats(&self, card: &Card, length: u8, rest: usize) {
        self.tap(card);
        self.lock().bent_ats = Some((length, rest));
    }

    /// Takes the card away.
    pub fn remove(&self) {
        self.lock().card = None;
    }

    /// The chip says nothing any more, or answers again.
    pub fn set_silent(&self, is_silent: bool) {
        self.lock().is_silent = is_silent;
    }

    /// How often it was asked for a card.
    pub fn looks(&self) -> u64 {
        self.lock().looks
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pn532 {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(end: &End, state: &Mutex<State>, is_over: &AtomicBool) {
    let mut buffer = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let Some(bytes) = end.read() else { return };
        buffer.extend(bytes);
        while let Some(command) = next_command(&mut buffer) {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.is_silent {
                continue;
            }
            end.write(&ACK);
            if let Some(answer) = state.answer(&command) {
                end.write(&frame(&answer));
            }
        }
    }
}

/// The next whole command in `buffer`, with what comes before it (wake-up bytes, ACKs of the host) taken away.
fn next_command(buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        let start = buffer.windows(2).position(|two| two == [0x00, 0xFF])?;
        let header = buffer.get(start + 2..start + 4)?;
        if header == [0x00, 0xFF] {
            // An ACK: it ends a command under way, and here none lasts.
            buffer.drain(..start + 4);
            continue;
        }
        let (length, at) = if header == [0xFF, 0xFF] {
            let extended = buffer.get(start + 4..start + 6)?;
            (usize::from(extended[0]) << 8 | usize::from(extended[1]), start + 7)
        } else {
            (usize::from(header[0]), start + 4)
        };
        // Data and its checksum.
        let data = buffer.get(at..at + length + 1)?[..length].to_vec();
        buffer.drain(..=at + length);
        // D4: from the host to the chip.
        match data.split_first() {
            Some((0xD4, command)) if !command.is_empty() => return Some(command.to_vec()),
            _ => {}
        }
    }
}

/// A frame from the chip to the host; an extended one where it has to be.
fn frame(answer: &[u8]) -> Vec<u8> {
    let data = [&[0xD5], answer].concat();
    let mut frame = vec![0x00, 0x00, 0xFF];
    match u8::try_from(data.len()) {
        Ok(length) if length < 0xFF => frame.extend([length, length.wrapping_neg()]),
        _ => {
            let [high, low] = u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes();
            frame.extend([0xFF, 0xFF, high, low, high.wrapping_add(low).wrapping_neg()]);
        }
    }
    let sum = data.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    frame.extend(&data);
    frame.extend([sum.wrapping_neg(), 0x00]);
    frame
}

impl State {
    fn answer(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        let (&code, payload) = command.split_first()?;
        let answer = match (code, payload) {
            // Diagnose, communication line: what came goes back.
            (0x00, [0x00, ..]) => payload.to_vec(),
            // GetFirmwareVersion: PN532, version 1.6, all it can do.
            (0x02, _) => vec![0x32, 0x01, 0x06, 0x07],
            (0x06, _) => self.read_registers(payload),
            (0x08, _) => {
                self.write_registers(payload);
                Vec::new()
            }
            (0x4A, [_, 0x00, ..]) => self.list_targets(),
            // No other modulation has a card here.
            (0x4A, _) | (0x60, _) => vec![0x00],
            (0x40, [_, apdu @ ..]) => self.exchange(apdu),
            // InDeselect and InRelease, with a status.
            (0x44 | 0x52 | 0x54, _) => vec![0x00],
            // SAMConfiguration, RFConfiguration, SetParameters and the rest have an empty answer.
            _ => Vec::new(),
        };
        Some([&[code + 1], answer.as_slice()].concat())
    }

    fn read_registers(&self, payload: &[u8]) -> Vec<u8> {
        let address = |pair: &[u8]| usize::from(pair[0]) << 8 | usize::from(pair[1]);
        payload.chunks_exact(2).map(|pair| self.registers[address(pair)]).collect()
    }

    fn write_registers(&mut self, payload: &[u8]) {
        for triple in payload.chunks_exact(3) {
            self.registers[usize::from(triple[0]) << 8 | usize::from(triple[1])] = triple[2];
        }
    }

    /// InListPassiveTarget at 106 kbit/s, type A.
    fn list_targets(&mut self) -> Vec<u8> {
        self.looks += 1;
        let Some(powered) = &self.card else { return vec![0x00] };
        let (card, uid) = (powered.card(), powered.uid());
        let length = u8::try_from(uid.len()).unwrap_or(0);
        let mut target = vec![0x01, 0x01];
        target.extend(card.atqa());
        target.extend([card.sak(), length]);
        target.extend(uid);
        match self.bent_ats {
            Some((length, rest)) => {
                target.push(length);
                target.extend(std::iter::repeat_n(0x41, rest));
            }
            None => target.extend(card.ats().unwrap_or_default()),
        }
        target
    }

    /// InDataExchange.
    fn exchange(&mut self, apdu: &[u8]) -> Vec<u8> {
        match &mut self.card {
            Some(powered) => [&[0x00], powered.apdu(apdu).as_slice()].concat(),
            // 01: the card does not answer.
            None => vec![0x01],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{frame, next_command};

    #[test]
    fn commands_are_found_among_wake_up_bytes_and_acknowledgements() {
        let mut bytes = vec![0x55, 0x55, 0, 0, 0, 0, 0xFF, 0x00, 0xFF, 0x00];
        bytes.extend([0x00, 0x00, 0xFF, 0x03, 0xFD, 0xD4, 0x14, 0x01, 0x17, 0x00]);
        bytes.extend([0x00, 0x00, 0xFF, 0x02, 0xFE, 0xD4]);
        assert_eq!(next_command(&mut bytes), Some(vec![0x14, 0x01]));
        assert_eq!(next_command(&mut bytes), None, "the second has not come whole");
        bytes.extend([0x02, 0x2A, 0x00]);
        assert_eq!(next_command(&mut bytes), Some(vec![0x02]));
    }

    #[test]
    fn a_long_answer_goes_into_an_extended_frame() {
        assert_eq!(frame(&[0x15]), [0, 0, 0xFF, 2, 0xFE, 0xD5, 0x15, 0x16, 0]);
        let long = frame(&[0x4B; 260]);
        assert_eq!(long[..8], [0, 0, 0xFF, 0xFF, 0xFF, 0x01, 0x05, 0xFA]);
    }
}
