//! A page of digests: within the buckets there are, and it reads back when written.
#![no_main]

use contract::repair::parse_digests;
use contract::{BITS_MAX, DIGESTS_PAGE_MAX};

libfuzzer_sys::fuzz_target!(|payload: &[u8]| {
    let Ok(page) = parse_digests(payload) else { return };
    assert!((1..=DIGESTS_PAGE_MAX).contains(&page.digests.len()) && page.bits.get() <= BITS_MAX);
    let buckets = usize::try_from(page.bits.buckets()).expect("at most 65,536");
    assert!(usize::try_from(page.from).expect("within") + page.digests.len() <= buckets);
    let text = serde_json::to_vec(&page).expect("a page can be written");
    assert_eq!(parse_digests(&text), Ok(page));
});
