//! The serial port as libosdp wants it: bytes now or none, never a wait. The wait is ours, between its turns.

use libosdp::{Channel, ChannelError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, tcflush, tcgetattr, tcsetattr};
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

/// The port, which lives as long as this; libosdp's channels only borrow it, since they are never given back.
pub(super) struct Wire(Arc<Shared>);

struct Shared {
    port: File,
    has_said: AtomicBool,
    has_heard: AtomicBool,
    has_failed: AtomicBool,
}

impl Wire {
    /// Sets the port up: raw bytes at this speed.
    ///
    /// # Errors
    /// When it is no serial port.
    pub(super) fn new(port: File, baud: u32) -> Result<Wire, Errno> {
        let mut how = tcgetattr(&port)?;
        how.make_raw();
        how.set_speed(baud)?;
        tcsetattr(&port, OptionalActions::Now, &how)?;
        tcflush(&port, rustix::termios::QueueSelector::IOFlush)?;
        let not_yet = || AtomicBool::new(false);
        let shared = Shared { port, has_said: not_yet(), has_heard: not_yet(), has_failed: not_yet() };
        Ok(Wire(Arc::new(shared)))
    }

    pub(super) fn channel(&self) -> Borrowed {
        Borrowed(Arc::downgrade(&self.0))
    }

    /// Waits until something comes, at most so long.
    pub(super) fn wait_ms(&self, ms: u64) {
        let most =
            Timespec { tv_sec: 0, tv_nsec: i64::try_from(ms.min(999) * 1_000_000).unwrap_or_default() };
        // A port that has failed is read next, and that says so.
        let _ = poll(&mut [PollFd::new(&self.0.port, PollFlags::IN)], Some(&most));
    }

    /// Whether anything was sent since the last call.
    pub(super) fn take_said(&self) -> bool {
        self.0.has_said.swap(false, Ordering::Relaxed)
    }

    /// Whether anything has come since the last call.
    pub(super) fn take_heard(&self) -> bool {
        self.0.has_heard.swap(false, Ordering::Relaxed)
    }

    /// Whether the port itself has failed.
    pub(super) fn has_failed(&self) -> bool {
        self.0.has_failed.load(Ordering::Relaxed)
    }
}

/// What libosdp reads and writes through.
pub(super) struct Borrowed(Weak<Shared>);

impl Borrowed {
    fn with(
        &self,
        act: impl FnOnce(&File) -> Result<usize, Errno>,
    ) -> Result<(usize, Arc<Shared>), ChannelError> {
        let shared = self.0.upgrade().ok_or(ChannelError::TransportError)?;
        match act(&shared.port) {
            Ok(count) => Ok((count, shared)),
            Err(Errno::AGAIN | Errno::INTR) => Err(ChannelError::WouldBlock),
            Err(_) => {
                shared.has_failed.store(true, Ordering::Relaxed);
                Err(ChannelError::TransportError)
            }
        }
    }
}

impl Channel for Borrowed {
    fn get_id(&self) -> i32 {
        0
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ChannelError> {
        let (count, shared) = self.with(|port| rustix::io::read(port, &mut *buffer))?;
        if count == 0 {
            // A port that is gone reads as its end.
            shared.has_failed.store(true, Ordering::Relaxed);
            return Err(ChannelError::TransportError);
        }
        shared.has_heard.store(true, Ordering::Relaxed);
        Ok(count)
    }

    fn write(&mut self, buffer: &[u8]) -> Result<usize, ChannelError> {
        let (count, shared) = self.with(|port| rustix::io::write(port, buffer))?;
        shared.has_said.store(true, Ordering::Relaxed);
        Ok(count)
    }

    fn flush(&mut self) -> Result<(), ChannelError> {
        self.with(|port| tcflush(port, rustix::termios::QueueSelector::IFlush).map(|()| 0)).map(|_| ())
    }

    fn close(&mut self) -> Result<(), ChannelError> {
        Ok(())
    }
}
