//! Lights and sounds of a PC/SC reader, by a thread with a context of its own: the driver's waits most of the time, and
//! a context serves one call at a time.
//!
//! Only the ACR122U's command is known here. pcscd passes such commands on only where `ifdDriverOptions` of the CCID
//! driver has its lowest bit set (docs/readers.md).

use crate::config::PcscSignals;
use access::signal::Signal;
use pcsc::{Context, Disposition, Protocols, Scope, ShareMode};
use std::ffi::{CStr, CString};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

/// The reader that is held now.
#[derive(Clone, Default)]
pub(super) struct Shown(Arc<Mutex<Option<CString>>>);

impl Shown {
    pub(super) fn remember(&self, name: &CStr) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(name.into());
    }

    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn name(&self) -> Option<CString> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Starts the thread that shows what comes.
pub(super) fn start(how: PcscSignals, signals: Receiver<Signal>) -> Shown {
    let shown = Shown::default();
    let reader = shown.clone();
    let loop_of_signals = move || {
        let mut has_complained = false;
        for signal in signals {
            let Some(name) = reader.name() else { continue };
            if !speaks_acr122(how, &name) {
                continue;
            }
            match show(&name, signal) {
                Ok(()) => has_complained = false,
                // Once: a reader that refuses one refuses all.
                Err(why) if !has_complained => {
                    eprintln!("doorward {}: {why}", crate::reader::spec::CHILD_VERB);
                    has_complained = true;
                }
                Err(_) => {}
            }
        }
    };
    if let Err(error) = std::thread::Builder::new().name("signals".into()).spawn(loop_of_signals) {
        eprintln!("doorward {}: no signals: {error}", crate::reader::spec::CHILD_VERB);
    }
    shown
}

fn speaks_acr122(how: PcscSignals, name: &CStr) -> bool {
    match how {
        PcscSignals::Auto => name.to_string_lossy().contains("ACR122"),
        PcscSignals::Acr122 => true,
        PcscSignals::None => false,
    }
}

fn show(name: &CStr, signal: Signal) -> Result<(), String> {
    const REMEDY: &str = "set ifdDriverOptions to 0x0001 (docs/readers.md), or signals = \"none\"";
    let failed = |error| format!("the reader does not take the signal {signal:?}: {error}; {REMEDY}");
    let context = Context::establish(Scope::System).map_err(failed)?;
    let card = context.connect(name, ShareMode::Direct, Protocols::UNDEFINED).map_err(failed)?;
    let mut answer = [0; 16];
    // 1: what the CCID driver calls the vendor's own exchange.
    let shown = card
        .control(pcsc::ctl_code(1), &acr122(signal), &mut answer)
        .map(|answer| answer.first() == Some(&0x90));
    let _ = card.disconnect(Disposition::LeaveCard);
    match shown {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("the reader refuses the signal {signal:?}; set signals = \"none\"")),
        Err(error) => Err(failed(error)),
    }
}

/// "Bi-color LED and buzzer control" of the ACR122U: `FF 00 40 P2 04 T1 T2 N buzzer`. P2: which LEDs are lit in the
/// end (bits 0 red, 1 green), which of them are changed (2, 3), which are lit first (4, 5), which blink (6, 7). Times are
/// tenths of a second; the buzzer sounds in the first phase (1), the second (2), or never (0).
fn acr122(signal: Signal) -> [u8; 9] {
    let [p2, t1, t2, repeats, buzzer] = match signal {
        Signal::Armed => [0x0F, 0, 0, 0, 0],
        Signal::Good => [0xAC, 3, 0, 1, 1],
        Signal::Bad => [0x5C, 2, 1, 3, 1],
        Signal::Again => [0xAC, 1, 1, 2, 0],
        Signal::Error => [0x5C, 1, 1, 4, 0],
    };
    [0xFF, 0x00, 0x40, p2, 0x04, t1, t2, repeats, buzzer]
}

#[cfg(test)]
mod tests {
    use super::{acr122, speaks_acr122};
    use crate::config::PcscSignals;
    use access::signal::Signal;

    #[test]
    fn no_signal_blocks_the_reader_for_longer_than_a_second() {
        for signal in [Signal::Armed, Signal::Good, Signal::Bad, Signal::Again, Signal::Error] {
            let [.., t1, t2, repeats, _] = acr122(signal);
            assert!((u32::from(t1) + u32::from(t2)) * u32::from(repeats) <= 10, "{signal:?}");
        }
    }

    #[test]
    fn only_a_reader_that_is_known_to_understand_is_told() {
        assert!(speaks_acr122(PcscSignals::Auto, c"ACS ACR122U PICC Interface 00 00"));
        assert!(!speaks_acr122(PcscSignals::Auto, c"HID OMNIKEY 5022 00 00"));
        assert!(speaks_acr122(PcscSignals::Acr122, c"Another 00 00"));
        assert!(!speaks_acr122(PcscSignals::None, c"ACS ACR122U PICC Interface 00 00"));
    }
}
