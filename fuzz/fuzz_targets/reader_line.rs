//! A line of a reader's child, or for it: bounded, and it reads back when written.
#![no_main]

use doorward::reader::line::{DETAIL_MAX_BYTES, LINE_MAX_BYTES, Order, Report};

libfuzzer_sys::fuzz_target!(|line: &[u8]| {
    if let Ok(report) = Report::parse(line) {
        if let Report::Health(health) = &report {
            assert!(health.detail.len() <= DETAIL_MAX_BYTES);
        }
        let text = report.render();
        assert!(text.len() <= LINE_MAX_BYTES);
        assert_eq!(Report::parse(text.trim_end_matches('\n').as_bytes()), Ok(report));
    }
    if let Ok(order) = Order::parse(line) {
        let text = order.render();
        if text.len() <= LINE_MAX_BYTES {
            assert_eq!(Order::parse(text.trim_end_matches('\n').as_bytes()), Ok(order));
        }
    }
});
