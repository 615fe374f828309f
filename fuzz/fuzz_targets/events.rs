//! What happened at a panel: what is accepted reads back when written.
#![no_main]

use contract::messages::EventMessage;

libfuzzer_sys::fuzz_target!(|payload: &[u8]| doorward_fuzz::reads_back::<EventMessage>(payload));
