//! What a source asks of a gateway: what is accepted reads back when written.
#![no_main]

use contract::command::CommandMessage;

libfuzzer_sys::fuzz_target!(|payload: &[u8]| doorward_fuzz::reads_back::<CommandMessage>(payload));
