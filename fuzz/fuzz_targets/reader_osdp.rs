//! What a reader on the bus says, through libosdp as a reader's child uses it, and the identifier that comes of a card.
//! Check sums and numbers are made here, or hardly a frame would get any further; what a frame holds is the fuzzer's.
//!
//! libosdp and its crate leak a little with each control panel: `-fork=1 -ignore_ooms=1`.
#![no_main]

use doorward::reader::card::identifier;
use libosdp::{
    Channel, ChannelError, ControlPanelBuilder, OsdpCommand, OsdpCommandBuzzer, OsdpEvent, PdInfoBuilder,
};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// Answers of one run; libosdp gives up sooner.
const ANSWERS_MAX: usize = 64;
/// Turns that libosdp has for each answer.
const TURNS: usize = 4;
/// It answers every command: who it is, what it can do.
const PDID: [u8; 13] = [0x45, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3];
const PDCAP: [u8; 4] = [0x46, 3, 1, 1];

/// The other end: it answers each command with the next answer.
#[derive(Default)]
struct Reader {
    answers: VecDeque<Vec<u8>>,
    has_come: VecDeque<u8>,
    is_honest: bool,
}

impl Reader {
    fn hear(&mut self, frame: &[u8]) {
        // A mark may come before it.
        let Some(start) = frame.iter().position(|byte| *byte == 0x53) else { return };
        let Some([_, address, _, _, control, code, ..]) = frame.get(start..) else { return };
        let honest: Option<&[u8]> = match code {
            0x61 if self.is_honest => Some(&PDID),
            0x62 if self.is_honest => Some(&PDCAP),
            _ => None,
        };
        let Some(answer) = honest.map(<[u8]>::to_vec).or_else(|| self.answers.pop_front()) else { return };
        let length = u16::try_from(6 + answer.len()).unwrap_or(u16::MAX).to_le_bytes();
        // The number of the command, and a check sum rather than a CRC.
        let mut frame = vec![0x53, address | 0x80, length[0], length[1], control & 0x03];
        frame.extend(answer);
        let sum = frame.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        frame.push(sum.wrapping_neg());
        self.has_come.extend(frame);
    }
}

struct Wire(Arc<Mutex<Reader>>);

impl Channel for Wire {
    fn get_id(&self) -> i32 {
        0
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ChannelError> {
        let mut reader = self.0.lock().expect("one thread");
        let count = reader.has_come.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(reader.has_come.drain(..count)) {
            *to = from;
        }
        if count == 0 { Err(ChannelError::WouldBlock) } else { Ok(count) }
    }

    fn write(&mut self, buffer: &[u8]) -> Result<usize, ChannelError> {
        self.0.lock().expect("one thread").hear(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> Result<(), ChannelError> {
        Ok(())
    }

    fn close(&mut self) -> Result<(), ChannelError> {
        Ok(())
    }
}

libfuzzer_sys::fuzz_target!(|input: (bool, usize, Vec<Vec<u8>>)| {
    let (is_honest, bits, answers) = input;
    for bytes in &answers {
        for bits in [bits, bytes.len() * 8, bits % (bytes.len() * 8 + 2)] {
            check(bits, bytes);
        }
    }
    let answers = answers.into_iter().filter(|bytes| !bytes.is_empty()).take(ANSWERS_MAX);
    let answers: VecDeque<_> = answers.map(as_card).collect();
    let turns = (answers.len() + 2) * TURNS;
    let reader = Arc::new(Mutex::new(Reader { answers, is_honest, ..Reader::default() }));
    let info = PdInfoBuilder::new().name("reader").and_then(|info| info.address(1)?.baud_rate(9600));
    let builder = ControlPanelBuilder::new();
    let wire = Box::new(Wire(reader.clone()));
    let mut panel = builder.add_channel(wire, vec![info.expect("as it should be")]).build().expect("a panel");
    panel.set_event_callback(|_, event| {
        if let OsdpEvent::CardRead(card) = event {
            check(card.nr_bits, &card.data);
        }
        0
    });
    for _ in 0..turns {
        panel.refresh();
        // Every command is answered; a poll would come only after 50 ms.
        if panel.is_online(0) {
            let buzzer =
                OsdpCommandBuzzer { reader: 0, control_code: 2, on_count: 1, off_count: 1, rep_count: 1 };
            let _ = panel.send_command(0, OsdpCommand::Buzzer(buzzer));
        }
    }
});

/// Every fourth answer as a card (RAW) whose length fits its bytes; the others as they are.
fn as_card(answer: Vec<u8>) -> Vec<u8> {
    match answer.as_slice() {
        [kind, short, bytes @ ..] if kind % 4 == 0 => {
            let bits = (bytes.len() * 8).saturating_sub(usize::from(short % 8));
            let bits = u16::try_from(bits).unwrap_or(u16::MAX).to_le_bytes();
            [&[0x50, 0, kind / 4 % 2, bits[0], bits[1]], bytes].concat()
        }
        _ => answer,
    }
}

/// An identifier is the bits that were given, and nothing beyond them.
fn check(bits: usize, data: &[u8]) {
    let Some((uid, counted)) = identifier(bits, data) else { return };
    let bytes = uid.as_bytes();
    assert_eq!(usize::from(counted), bits);
    assert_eq!(bytes.len(), bits.div_ceil(8));
    for at in 0..bytes.len() * 8 {
        let bit = |bytes: &[u8]| bytes[at / 8] & (0x80 >> (at % 8)) != 0;
        assert_eq!(bit(bytes), at < bits && bit(data), "bit {at} of {bits}");
    }
}
