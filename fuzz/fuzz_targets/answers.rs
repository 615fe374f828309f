//! Whatever a PACS answers, no adapter fails, and "nothing went out" is said only where nothing did.
#![no_main]

use doorward_fuzz::pacs::{Script, ask};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(script) = Script::read(bytes) else { return };
    ask(&script);
});
