//! An OSDP reader at the end of a serial line: libosdp in the other role.

use super::pty::{End, Line};
use libosdp::{
    Channel, ChannelError, OsdpCommand, OsdpEvent, OsdpEventCardRead, OsdpFlag, PdCapEntity, PdCapability,
    PdId, PdInfoBuilder, PeripheralDevice,
};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often libosdp has its turn, in milliseconds.
const REFRESH_MS: u64 = 2;
/// Most commands that are remembered.
const COMMANDS_MAX: usize = 1024;

/// A reader; it ends when dropped, as if its cable were pulled.
pub struct Peripheral {
    line: Line,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    is_cut: AtomicBool,
    cards: Mutex<Vec<OsdpEventCardRead>>,
    commands: Mutex<Vec<OsdpCommand>>,
}

impl Peripheral {
    /// A reader with this address and base key at a line of the name `link`.
    ///
    /// # Errors
    /// When there is no line to be had.
    pub fn start(link: &Path, address: u8, key: [u8; 16]) -> io::Result<Peripheral> {
        let line = Line::start(link)?;
        let shared = Arc::new(Shared::default());
        let channel = Wire { end: line.device(), shared: shared.clone() };
        let device = device(address, key, channel).map_err(|error| io::Error::other(error.to_string()))?;
        let running = shared.clone();
        let thread =
            std::thread::Builder::new().name("osdp reader".into()).spawn(move || serve(device, &running))?;
        Ok(Peripheral { line, shared, thread: Some(thread) })
    }

    /// What the host opens.
    pub fn link(&self) -> &Path {
        self.line.link()
    }

    /// A card whose bytes are these.
    pub fn tap_raw(&self, bytes: &[u8]) {
        self.tap(OsdpEventCardRead::new_raw(bytes.into()));
    }

    /// A card whose first `bits` bits are these.
    ///
    /// # Panics
    /// When there are not so many.
    pub fn tap_wiegand(&self, bits: usize, bytes: &[u8]) {
        self.tap(OsdpEventCardRead::new_wiegand(bits, bytes.into()).expect("as many bits"));
    }

    fn tap(&self, card: OsdpEventCardRead) {
        self.shared.cards.lock().unwrap_or_else(PoisonError::into_inner).push(card);
    }

    /// Cuts the cable, or mends it: bytes of either end are lost, and nobody is told.
    pub fn cut(&self, is_cut: bool) {
        self.shared.is_cut.store(is_cut, Ordering::Relaxed);
    }

    /// The commands that came.
    pub fn commands(&self) -> Vec<OsdpCommand> {
        self.shared.commands.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Peripheral {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn device(address: u8, key: [u8; 16], channel: Wire) -> Result<PeripheralDevice, libosdp::OsdpError> {
    let shared = channel.shared.clone();
    let info = PdInfoBuilder::new()
        .name("sim")?
        .address(i32::from(address))?
        .baud_rate(9600)?
        .flag(OsdpFlag::EnforceSecure)
        .id(&PdId::from_number(47))
        .capability(PdCapability::CommunicationSecurity(PdCapEntity::new(1, 1)))
        .capability(PdCapability::CardDataFormat(PdCapEntity::new(1, 1)))
        .capability(PdCapability::LedControl(PdCapEntity::new(1, 1)))
        .capability(PdCapability::AudibleOutput(PdCapEntity::new(1, 1)))
        .secure_channel_key(key);
    let mut device = PeripheralDevice::new(info, Box::new(channel))?;
    device.set_command_callback(move |command| {
        let mut commands = shared.commands.lock().unwrap_or_else(PoisonError::into_inner);
        if commands.len() < COMMANDS_MAX {
            commands.push(command.clone());
        }
        0
    });
    Ok(device)
}

fn serve(mut device: PeripheralDevice, shared: &Shared) {
    while !shared.is_over.load(Ordering::Relaxed) {
        device.refresh();
        let cards = std::mem::take(&mut *shared.cards.lock().unwrap_or_else(PoisonError::into_inner));
        for card in cards {
            // Its queue is for more cards than a scene has.
            let _ = device.notify_event(OsdpEvent::CardRead(card));
        }
        std::thread::sleep(Duration::from_millis(REFRESH_MS));
    }
}

/// The wire, which may be cut.
struct Wire {
    end: End,
    shared: Arc<Shared>,
}

impl Channel for Wire {
    fn get_id(&self) -> i32 {
        0
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ChannelError> {
        let count = self.end.read_now(buffer).ok_or(ChannelError::WouldBlock)?;
        if self.shared.is_cut.load(Ordering::Relaxed) { Err(ChannelError::WouldBlock) } else { Ok(count) }
    }

    fn write(&mut self, buffer: &[u8]) -> Result<usize, ChannelError> {
        if !self.shared.is_cut.load(Ordering::Relaxed) {
            self.end.write(buffer);
        }
        Ok(buffer.len())
    }

    fn flush(&mut self) -> Result<(), ChannelError> {
        Ok(())
    }

    fn close(&mut self) -> Result<(), ChannelError> {
        Ok(())
    }
}
