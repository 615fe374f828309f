//! A configuration: accepted, or refused with a complaint.
#![no_main]

use std::path::Path;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Err(error) = doorward::config::parse(Path::new("config.toml"), text) {
        assert!(!error.remedy.is_empty());
    }
});
