//! Any bytes of a card: judged without a panic, and every form that loses nothing reads back.
#![no_main]

use access::uid::check::{Site, check};
use access::uid::form::forms;
use access::uid::{Technology, Uid};

libfuzzer_sys::fuzz_target!(|input: (&[u8], &[u8], &str)| {
    let (bytes, other, printed) = input;
    let known: Vec<Uid> = Uid::new(other, Technology::Other).into_iter().collect();
    let verdict = check(bytes, Technology::Other, Site { wiegand26: true }, &known);
    let Some(uid) = Uid::new(bytes, Technology::Other) else {
        assert!(!verdict.may_enroll(), "no UID, and accepted");
        return;
    };
    let length = uid.as_bytes().len();
    for form in forms() {
        let Ok(text) = form.render(&uid) else { continue };
        if form.is_lossless(length) {
            assert_eq!(form.parse(&text, length, Technology::Other).as_ref(), Ok(&uid), "{form}: {text}");
        }
    }
    let _ = uid.matching(printed);
});
