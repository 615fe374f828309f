//! What one gateway tells another of the ledger: what is accepted reads back when written.
#![no_main]

use contract::hand_over::LedgerMessage;

libfuzzer_sys::fuzz_target!(|payload: &[u8]| doorward_fuzz::reads_back::<LedgerMessage>(payload));
