//! The source's hint: what is accepted reads back when written.
#![no_main]

use contract::messages::Meta;

libfuzzer_sys::fuzz_target!(|payload: &[u8]| doorward_fuzz::reads_back::<Meta>(payload));
