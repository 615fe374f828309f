//! A record of any kind: its kind on the first line, then its text.
#![no_main]

use doorward_fuzz::check_record;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Some((kind, sent)) = text.split_once('\n') {
        check_record(kind, sent);
    }
});
