//! A gateway's request: within its bounds, and it reads back when written.
#![no_main]

use contract::REQUEST_BUCKETS_MAX;
use contract::repair::{Want, parse_request};

libfuzzer_sys::fuzz_target!(|payload: &[u8]| {
    let Ok(request) = parse_request(payload) else { return };
    if let Want::Buckets { bits, buckets } = &request.want {
        assert!(buckets.len() <= REQUEST_BUCKETS_MAX);
        assert!(buckets.iter().all(|bucket| *bucket < bits.buckets()));
    }
    let text = serde_json::to_vec(&request).expect("a request can be written");
    assert_eq!(parse_request(&text), Ok(request));
});
