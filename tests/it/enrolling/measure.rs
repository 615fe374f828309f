//! A figure, not a check: how long it takes from a tap until the token is on disk and whoever asked has read it.
//!
//! `cargo test -p doorward --all-features --test it enrolling::measure -- --ignored --nocapture`

use super::Door;
use crate::world::user;
use doorward_sim::readers::card::Card;
use rustix::time::{ClockId, clock_gettime};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

/// As many as may wait for the source.
const TAPS: u32 = 1_000;

fn now_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec * 1_000_000 + now.tv_nsec / 1000).expect("after start")
}

/// Reads until a line says `step`.
fn until(lines: &mut impl Iterator<Item = std::io::Result<String>>, step: &str) {
    let wanted = format!("\"step\":\"{step}\"");
    assert!(lines.any(|line| line.expect("readable").contains(&wanted)), "{step} was never said");
}

#[test]
#[ignore = "measures; wants a quiet machine"]
fn from_a_tap_to_a_token_on_disk() {
    let mut door = Door::new();
    // Each of them gets one: somebody with a thousand cards is another measurement.
    for number in 0..TAPS {
        door.world.source.put("user", &format!("u{number}"), user("Given", "Family"));
    }
    door.world.source.publish();
    door.world.expect_equal_mirror();
    let socket = door.world.folder.path().join("state-control/act.sock");
    let mut taps_us = Vec::new();
    for number in 0..TAPS {
        let mut stream = UnixStream::connect(&socket).expect("the daemon listens");
        let body = format!(r#"{{"user":"u{number}","single":true}}"#);
        let length = body.len();
        write!(stream, "POST /enroll HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}")
            .expect("sent");
        let mut lines = BufReader::new(stream).lines();
        until(&mut lines, "armed");
        let [a, b, c, d] = number.wrapping_mul(0x9E37_79B9).to_be_bytes();
        let card = Card::classic_1k(&[0x04, a, b, c, d, 0x11, 0x80]);
        let tapped = now_us();
        door.tap(&card);
        until(&mut lines, "enrolled");
        taps_us.push(now_us() - tapped);
        door.take_away();
    }
    taps_us.sort_unstable();
    let at = |percent: usize| taps_us[(taps_us.len() - 1) * percent / 100];
    println!("tap to token on disk: p50 {} us, p99 {} us, worst {} us", at(50), at(99), at(100));
}
