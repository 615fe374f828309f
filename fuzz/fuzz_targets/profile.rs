//! A PACS profile: accepted, or refused with a complaint.
#![no_main]

use std::path::Path;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = doorward::export::profile::Profile::parse(Path::new("profile.toml"), text);
});
