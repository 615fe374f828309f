//! What a gateway says of itself: what is accepted reads back when written.
#![no_main]

use contract::messages::State;

libfuzzer_sys::fuzz_target!(|payload: &[u8]| doorward_fuzz::reads_back::<State>(payload));
