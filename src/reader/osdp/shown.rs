//! Signals as a reader's LED and buzzer show them. Every reader with them understands these two commands; one without
//! refuses them, which does no harm.

use access::signal::Signal;
use libosdp::{OsdpCommand, OsdpCommandBuzzer, OsdpCommandLed, OsdpLedColor, OsdpLedParams};

/// The commands for one signal. Times are tenths of a second.
pub(super) fn commands(signal: Signal) -> Vec<OsdpCommand> {
    let (color, off, timer, beeps) = match signal {
        Signal::Armed => (OsdpLedColor::Amber, 0, 300, 0),
        Signal::Good => (OsdpLedColor::Green, 0, 20, 1),
        Signal::Bad => (OsdpLedColor::Red, 0, 20, 3),
        Signal::Again => (OsdpLedColor::Amber, 2, 300, 2),
        Signal::Error => (OsdpLedColor::Red, 2, 30, 0),
    };
    // 2: as given, for so long; 0: what it shows otherwise stays as it is.
    let temporary = OsdpLedParams {
        control_code: 2,
        on_count: 2,
        off_count: off,
        on_color: color,
        off_color: OsdpLedColor::None,
        timer_count: timer,
    };
    let led = OsdpCommandLed { reader: 0, led_number: 0, temporary, permanent: OsdpLedParams::default() };
    let buzzer =
        OsdpCommandBuzzer { reader: 0, control_code: 2, on_count: 1, off_count: 1, rep_count: beeps };
    // No beep at all is not zero of them: that would be for ever.
    let buzzer = (beeps > 0).then_some(OsdpCommand::Buzzer(buzzer));
    std::iter::once(OsdpCommand::Led(led)).chain(buzzer).collect()
}

#[cfg(test)]
mod tests {
    use super::commands;
    use access::signal::Signal;
    use libosdp::OsdpCommand;

    #[test]
    fn every_signal_ends_by_itself() {
        for signal in [Signal::Armed, Signal::Good, Signal::Bad, Signal::Again, Signal::Error] {
            for command in commands(signal) {
                match command {
                    OsdpCommand::Led(led) => {
                        assert!(
                            led.temporary.timer_count > 0 && led.permanent.control_code == 0,
                            "{signal:?}"
                        );
                    }
                    OsdpCommand::Buzzer(buzzer) => assert!(buzzer.rep_count > 0, "{signal:?}"),
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}
