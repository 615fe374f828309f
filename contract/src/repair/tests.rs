//! Requests, pages and buckets are within their bounds or refused as a whole.

use super::{Bits, Want, parse_bucket, parse_digests, parse_request};
use crate::{DIGESTS_PAGE_MAX, MESSAGE_MAX_BYTES, REQUEST_BUCKETS_MAX, digest};

fn bits(bits: u8) -> Bits {
    Bits::new(bits).expect("at most 16")
}

#[test]
fn a_bucket_is_the_leading_bits_of_a_place() {
    let table = [
        (0, u64::MAX, 0),
        (1, 1 << 63, 1),
        (1, (1 << 63) - 1, 0),
        (14, u64::MAX, 16_383),
        (16, 0xabcd_0000_0000_0000, 0xabcd),
        (16, u64::MAX, 65_535),
    ];
    for (number, place, bucket) in table {
        assert_eq!(bits(number).bucket(place), bucket, "{number} bits of {place:x}");
        assert!(bucket < bits(number).buckets());
    }
    assert_eq!(Bits::new(17), None);
}

#[test]
fn requests_are_within_their_bounds() {
    let request = |want: &str| format!(r#"{{"high":[7,1],"want":{want}}}"#);
    let some = |count: usize| {
        request(&format!(r#"{{"type":"buckets","bits":14,"buckets":[{}]}}"#, vec!["3"; count].join(",")))
    };
    let asked = parse_request(some(REQUEST_BUCKETS_MAX).as_bytes()).expect("as many as may be");
    assert!(matches!(asked.want, Want::Buckets { buckets, .. } if buckets.len() == REQUEST_BUCKETS_MAX));
    let table = [
        (some(REQUEST_BUCKETS_MAX + 1), "more than 256"),
        (request(r#"{"type":"buckets","bits":2,"buckets":[4]}"#), "4 buckets only"),
        (request(r#"{"type":"buckets","bits":17,"buckets":[]}"#), "at most 16"),
        (request(r#"{"type":"everything"}"#), "everything"),
        (request(r#"{"type":"digests"}"#).replace("[7,1]", "[9007199254740992,1]"), "2^53"),
        (request(r#"{"type":"digests"}"#) + "x", "trailing"),
        (" ".repeat(MESSAGE_MAX_BYTES + 1), "bytes"),
    ];
    for (text, word) in table {
        let why = parse_request(text.as_bytes()).expect_err(&text);
        assert!(why.contains(word), "{text}: {why}");
    }
}

#[test]
fn a_page_ends_within_the_buckets() {
    let page = |bits: u8, from: u32, count: usize| {
        let digests = vec![format!("\"{}\"", "0".repeat(32)); count].join(",");
        format!(r#"{{"epoch":7,"as_of_seq":1,"bits":{bits},"from":{from},"digests":[{digests}]}}"#)
    };
    for (text, word) in [
        (page(2, 3, 2), "4 buckets only"),
        (page(16, u32::MAX, 1), "65536 buckets only"),
        (page(2, 0, 0), "1 to 1024"),
        (page(16, 0, DIGESTS_PAGE_MAX + 1), "1 to 1024"),
        (page(2, 0, 1).replace(":7", ":9007199254740992"), "2^53"),
        (page(2, 0, 1).replace("00", "0A"), "32 lower-case"),
    ] {
        let why = parse_digests(text.as_bytes()).expect_err(&text);
        assert!(why.contains(word), "{text}: {why}");
    }
    let last = page(16, 64_512, DIGESTS_PAGE_MAX);
    assert_eq!(parse_digests(last.as_bytes()).map(|page| page.digests.len()), Ok(DIGESTS_PAGE_MAX));
}

fn held(kind: &str, key: &str) -> String {
    format!(r#"{{"kind":"{kind}","key":"{key}","version":[7,1],"record":{{"of":"{key}"}}}}"#)
}

fn bucket(bits: u8, bucket: u32, records: &[String]) -> String {
    format!(
        r#"{{"epoch":7,"as_of_seq":2,"bits":{bits},"bucket":{bucket},"records":[{}]}}"#,
        records.join(",")
    )
}

#[test]
fn a_buckets_records_stand_by_place_each_with_its_own_text() {
    let keys: Vec<String> = (0..50).map(|n| format!("u-{n}")).collect();
    let mut expected: Vec<&String> =
        keys.iter().filter(|key| bits(2).bucket(digest::place("user", key)) == 2).collect();
    assert!(expected.len() > 1, "a bucket with something in it");
    let records: Vec<String> = expected.iter().map(|key| held("user", key)).collect();
    let text = bucket(2, 2, &records);
    let read = parse_bucket(text.as_bytes()).expect("sound");
    expected.sort_by_key(|key| digest::place("user", key));
    let keys: Vec<&str> = read.records.iter().map(|held| held.key.as_ref()).collect();
    assert_eq!(keys, expected);
    assert!(read.records.iter().all(|held| held.record == format!(r#"{{"of":"{}"}}"#, held.key)));
}

#[test]
fn a_bucket_with_one_thing_amiss_is_refused_as_a_whole() {
    let twice = [held("user", "b"), held("user", "a"), held("token", "b"), held("user", "\\u0062")];
    let elsewhere = bits(8).bucket(digest::place("user", "a")) ^ 1;
    let own = bits(8).bucket(digest::place("user", "a"));
    let table = [
        (bucket(0, 0, &twice), "user b is in the bucket twice".into()),
        (bucket(8, elsewhere, &[held("user", "a")]), format!("record 0: user a belongs to bucket {own}")),
        (bucket(8, 256, &[]), "256 buckets only".into()),
        (bucket(0, 0, &[held("User", "a")]), "a-z".into()),
        (bucket(0, 0, &[held("user", "a b")]), "a key has only".into()),
        (bucket(0, 0, &[held("user", "a").replace("[7,1]", "[7,3]")]), "newer than the bucket's 7/2".into()),
        (bucket(0, 0, &[held("user", "a").replace("record", "recorded")]), "record".into()),
        (bucket(0, 0, &[]).replace(":7", ":-7"), "invalid value".into()),
    ];
    for (text, word) in table {
        let why = parse_bucket(text.as_bytes()).expect_err(&text);
        assert!(why.contains(&word), "{text}: {why}");
    }
    assert!(parse_bucket(bucket(0, 0, &twice[..3]).as_bytes()).is_ok());
}
