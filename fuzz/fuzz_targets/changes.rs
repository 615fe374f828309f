//! A message on the stream: parsed, each record read, and what is in force read back from its canonical form.
#![no_main]

use contract::changes::{Act, parse_changes};
use contract::record;

libfuzzer_sys::fuzz_target!(|payload: &[u8]| {
    let Ok(message) = parse_changes(payload) else { return };
    for change in &message.changes {
        let (Act::Upsert(sent) | Act::Refuse(sent, _)) = &change.act else { continue };
        let parsed = record::parse(&change.kind, sent);
        let canonical = std::str::from_utf8(&parsed.canonical).expect("canonical bytes are UTF-8");
        let again = record::parse(&change.kind, canonical);
        assert_eq!(again.canonical, parsed.canonical, "canonical form is a fixed point");
        if parsed.record.is_ok() {
            assert_eq!(again.record, parsed.record);
        }
    }
});
