//! The functions that pcscd calls by name.
#![expect(unsafe_code, reason = "pcscd calls by C's rules and passes buffers by pointer")]

use crate::device::{Device, Event};
use std::collections::BTreeMap;
use std::ffi::{CStr, OsStr, c_char, c_int, c_long, c_ulong};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const SUCCESS: c_long = 0;
const ERROR_TAG: c_long = 600;
const ERROR_POWER_ACTION: c_long = 608;
const COMMUNICATION_ERROR: c_long = 612;
const NOT_SUPPORTED: c_long = 614;
const ICC_PRESENT: c_long = 615;
const ICC_NOT_PRESENT: c_long = 616;
const NO_SUCH_DEVICE: c_long = 617;
const INSUFFICIENT_BUFFER: c_long = 618;

const POWER_DOWN: c_ulong = 501;

const TAG_ATR: c_ulong = 0x0303;
const TAG_VENDOR_SERIAL: c_ulong = 0x0001_0103;
const TAG_SLOT_THREAD_SAFE: c_ulong = 0x0FAC;
const TAG_THREAD_SAFE: c_ulong = 0x0FAD;
const TAG_SLOTS_NUMBER: c_ulong = 0x0FAE;
const TAG_SIMULTANEOUS_ACCESS: c_ulong = 0x0FAF;
const TAG_STOP_POLLING_THREAD: c_ulong = 0x0FB2;
const TAG_POLLING_THREAD_WITH_TIMEOUT: c_ulong = 0x0FB3;

/// Longest wait for a card in one call, in milliseconds.
const WAIT_MAX_MS: u64 = 60_000;

/// `SCARD_IO_HEADER`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct IoHeader {
    protocol: c_ulong,
    length: c_ulong,
}

struct Slot {
    device: Arc<Device>,
    atr: Vec<u8>,
}

static SLOTS: Mutex<BTreeMap<c_ulong, Slot>> = Mutex::new(BTreeMap::new());

fn device(lun: c_ulong) -> Option<Arc<Device>> {
    SLOTS.lock().unwrap_or_else(PoisonError::into_inner).get(&lun).map(|slot| slot.device.clone())
}

/// Puts `bytes` where `target` points, if they fit into `*length`, and says how many they are.
///
/// # Safety
/// `length` points to a number that is no larger than the buffer at `target`.
unsafe fn hand_out(bytes: &[u8], target: *mut u8, length: *mut c_ulong) -> c_long {
    // SAFETY: the caller's promise.
    unsafe {
        let room = usize::try_from(*length).unwrap_or(0);
        if room < bytes.len() || target.is_null() {
            return INSUFFICIENT_BUFFER;
        }
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len());
        *length = c_ulong::try_from(bytes.len()).unwrap_or(0);
    }
    SUCCESS
}

/// The bytes at `source`.
///
/// # Safety
/// There are `length` of them, and they outlive the result.
unsafe fn handed_in<'a>(source: *const u8, length: c_ulong) -> &'a [u8] {
    match usize::try_from(length) {
        // SAFETY: the caller's promise.
        Ok(length) if length > 0 && !source.is_null() => unsafe {
            std::slice::from_raw_parts(source, length)
        },
        _ => &[],
    }
}

/// Opens the reader whose socket is `name`.
///
/// # Safety
/// `name` is a C string; pcscd promises it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHCreateChannelByName(lun: c_ulong, name: *mut c_char) -> c_long {
    // SAFETY: see above.
    let name = unsafe { CStr::from_ptr(name) };
    let Ok(device) = Device::open(Path::new(OsStr::from_bytes(name.to_bytes()))) else {
        return NO_SUCH_DEVICE;
    };
    let slot = Slot { device: Arc::new(device), atr: Vec::new() };
    SLOTS.lock().unwrap_or_else(PoisonError::into_inner).insert(lun, slot);
    SUCCESS
}

/// There are no channels by number here.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHCreateChannel(_lun: c_ulong, _channel: c_ulong) -> c_long {
    NO_SUCH_DEVICE
}

/// Closes the reader.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHCloseChannel(lun: c_ulong) -> c_long {
    let slot = SLOTS.lock().unwrap_or_else(PoisonError::into_inner).remove(&lun);
    if let Some(slot) = slot {
        slot.device.wake();
        slot.device.close();
    }
    SUCCESS
}

/// Waits for a card to come or go, `timeout_ms` at most.
extern "C" fn wait(lun: c_ulong, timeout_ms: c_int) -> c_long {
    let Some(device) = device(lun) else { return NO_SUCH_DEVICE };
    let ms = u64::try_from(timeout_ms).unwrap_or(WAIT_MAX_MS).min(WAIT_MAX_MS);
    device.wait(Duration::from_millis(ms));
    SUCCESS
}

/// Ends such a wait.
extern "C" fn stop_waiting(lun: c_ulong) -> c_long {
    if let Some(device) = device(lun) {
        device.wake();
    }
    SUCCESS
}

/// What the reader can do, and what it is.
///
/// # Safety
/// `length` and `value` are a buffer of pcscd's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHGetCapabilities(
    lun: c_ulong,
    tag: c_ulong,
    length: *mut c_ulong,
    value: *mut u8,
) -> c_long {
    let wait_function: extern "C" fn(c_ulong, c_int) -> c_long = wait;
    let stop_function: extern "C" fn(c_ulong) -> c_long = stop_waiting;
    let bytes = match tag {
        TAG_ATR => {
            let slots = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
            slots.get(&lun).map(|slot| slot.atr.clone()).unwrap_or_default()
        }
        TAG_VENDOR_SERIAL => match device(lun).and_then(|device| device.ask(b'S', &[])) {
            Some(serial) => serial,
            None => return ERROR_TAG,
        },
        TAG_SLOT_THREAD_SAFE => vec![0],
        TAG_THREAD_SAFE | TAG_SLOTS_NUMBER => vec![1],
        TAG_SIMULTANEOUS_ACCESS => vec![16],
        TAG_POLLING_THREAD_WITH_TIMEOUT => (wait_function as usize).to_ne_bytes().to_vec(),
        TAG_STOP_POLLING_THREAD => (stop_function as usize).to_ne_bytes().to_vec(),
        _ => return ERROR_TAG,
    };
    // SAFETY: the caller's promise.
    unsafe { hand_out(&bytes, value, length) }
}

/// Nothing can be set.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHSetCapabilities(
    _lun: c_ulong,
    _tag: c_ulong,
    _length: c_ulong,
    _value: *mut u8,
) -> c_long {
    NOT_SUPPORTED
}

/// Any protocol will do: there is no line to the card.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHSetProtocolParameters(
    _lun: c_ulong,
    _protocol: c_ulong,
    _flags: u8,
    _pts1: u8,
    _pts2: u8,
    _pts3: u8,
) -> c_long {
    SUCCESS
}

/// Powers the card up or down; up gives its ATR.
///
/// # Safety
/// `atr` and `length` are a buffer of pcscd's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHPowerICC(
    lun: c_ulong,
    action: c_ulong,
    atr: *mut u8,
    length: *mut c_ulong,
) -> c_long {
    let Some(device) = device(lun) else { return NO_SUCH_DEVICE };
    let told = if action == POWER_DOWN { Some(Vec::new()) } else { device.ask(b'P', &[]) };
    let Some(told) = told else { return ERROR_POWER_ACTION };
    if let Some(slot) = SLOTS.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&lun) {
        slot.atr.clone_from(&told);
    }
    // SAFETY: the caller's promise.
    unsafe { hand_out(&told, atr, length) }
}

/// One APDU.
///
/// # Safety
/// The buffers are pcscd's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHTransmitToICC(
    lun: c_ulong,
    _send: IoHeader,
    sent: *mut u8,
    sent_length: c_ulong,
    received: *mut u8,
    received_length: *mut c_ulong,
    _receive: *mut IoHeader,
) -> c_long {
    let Some(device) = device(lun) else { return NO_SUCH_DEVICE };
    // SAFETY: the caller's promise.
    let apdu = unsafe { handed_in(sent, sent_length) };
    let Some(answer) = device.ask(b'X', apdu) else {
        // SAFETY: the caller's promise; zero fits any buffer.
        unsafe { *received_length = 0 };
        return COMMUNICATION_ERROR;
    };
    // SAFETY: the caller's promise.
    unsafe { hand_out(&answer, received, received_length) }
}

/// An escape command.
///
/// # Safety
/// The buffers are pcscd's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IFDHControl(
    lun: c_ulong,
    _code: c_ulong,
    sent: *mut u8,
    sent_length: c_ulong,
    received: *mut u8,
    room: c_ulong,
    returned: *mut c_ulong,
) -> c_long {
    // SAFETY: pcscd's own number, which it reads also after a failure.
    unsafe { *returned = 0 };
    let Some(device) = device(lun) else { return NO_SUCH_DEVICE };
    // SAFETY: the caller's promise.
    let command = unsafe { handed_in(sent, sent_length) };
    let Some(answer) = device.ask(b'C', command) else { return NOT_SUPPORTED };
    // SAFETY: the caller's promise: `room` is what there is at `received`.
    unsafe {
        *returned = room;
        hand_out(&answer, received, returned)
    }
}

/// Whether a card is there.
#[unsafe(no_mangle)]
pub extern "C" fn IFDHICCPresence(lun: c_ulong) -> c_long {
    match device(lun).map(|device| device.event()) {
        Some(Event::Present) => ICC_PRESENT,
        Some(Event::Empty) => ICC_NOT_PRESENT,
        Some(Event::Dead) | None => NO_SUCH_DEVICE,
    }
}
