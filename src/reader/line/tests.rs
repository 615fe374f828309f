//! Every line reads back; what is none is refused.

use super::*;
use crate::config::PcscSignals;
use crate::reader::spec::{OsdpKey, Port};
use proptest::prelude::*;

fn shown() -> Presentation {
    Presentation {
        reader: "entrance".into(),
        uid: RawId::from_hex("04223344556677").expect("a UID"),
        bits: None,
        technology: Technology::MifareDesfire,
        atr: Octets::new(&[0x3B, 0x81, 0x80, 0x01, 0x80, 0x80]),
        sak: None,
        atqa: None,
        ats: None,
        version: None,
        noticed_ms: 12,
        read_ms: 15,
    }
}

#[test]
fn a_presentation_is_written_as_the_manual_shows_it() {
    let line = Report::Presentation(Box::new(shown())).render();
    let manual = include_str!("../../../docs/readers.md");
    assert!(manual.contains(line.trim_end()), "docs/readers.md lacks {line}");
}

#[test]
fn every_report_and_order_of_the_manual_is_one() {
    let manual = include_str!("../../../docs/readers.md");
    let mut count = 0;
    for line in manual.lines().filter(|line| line.starts_with("{\"type\"")) {
        let order = Order::parse(line.as_bytes());
        assert!(Report::parse(line.as_bytes()).is_ok() || order.is_ok(), "{line}: {order:?}");
        count += 1;
    }
    assert!(count >= 9, "{count} lines");
}

#[test]
fn orders_read_back() {
    let key = OsdpKey::from_hex("303132333435363738393A3B3C3D3E3F").expect("a key");
    let ports = [
        Port::Pcsc { reader: Some("ACS ACR122U".into()), serial: None, signals: PcscSignals::Auto },
        Port::Libnfc { device: "/dev/serial/by-id/a".into(), baud: 115_200 },
        Port::Osdp { device: "/dev/ttyS1".into(), baud: 9600, address: 3, key: Some(key) },
    ];
    for port in ports {
        let order = Order::Open(Box::new(Opening { name: "entrance".into(), port }));
        assert_eq!(Order::parse(order.render().trim_end().as_bytes()), Ok(order));
    }
    for signal in [Signal::Armed, Signal::Good, Signal::Bad, Signal::Again, Signal::Error] {
        let order = Order::Signal(Show { signal });
        assert_eq!(Order::parse(order.render().trim_end().as_bytes()), Ok(order));
    }
    assert_eq!(Order::parse(b"{\"type\":\"list\"}"), Ok(Order::List(Empty {})));
}

#[test]
fn what_is_no_line_is_refused() {
    let good = Report::Presentation(Box::new(shown())).render();
    let table: [(&str, &str); 7] = [
        ("\"uid\":\"04223344556677\"", "\"uid\":\"\""),
        ("\"uid\":\"04223344556677\"", "\"uid\":\"042\""),
        ("\"noticed_ms\":12", "\"noticed_ms\":-1"),
        ("\"noticed_ms\":12", "\"noticed_ms\":12,\"bits\":57"),
        ("\"noticed_ms\":12", "\"noticed_ms\":12,\"colour\":1"),
        ("mifare-desfire", "mifare-dream"),
        ("presentation", "representation"),
    ];
    for (from, to) in table {
        assert!(good.contains(from), "{from}");
        assert!(Report::parse(good.replace(from, to).trim_end().as_bytes()).is_err(), "{to}");
    }
    let atr = "3B".repeat(ATR_MAX_BYTES + 1);
    assert!(
        Report::parse(good.replace("3B8180018080", &atr).trim_end().as_bytes()).is_err(),
        "an ATR too long"
    );
    assert_eq!(Report::parse(&vec![b' '; LINE_MAX_BYTES + 1]), Err(LineError::Long));
    assert!(Report::parse(b"").is_err());
}

#[test]
fn the_longest_texts_are_cut_and_their_line_fits() {
    let health = Report::Health(Health::new(State::Lost, &"\u{1}é".repeat(DETAIL_MAX_BYTES), u64::MAX));
    let line = health.render();
    assert!(line.len() <= LINE_MAX_BYTES, "{}", line.len());
    assert_eq!(Report::parse(line.trim_end().as_bytes()), Ok(health));
}

#[test]
fn a_base_key_is_never_shown() {
    let key = OsdpKey::from_hex("303132333435363738393A3B3C3D3E3F").expect("a key");
    assert!(!format!("{key:?}").contains("3031"));
    let port = Port::Osdp { device: "/dev/ttyS1".into(), baud: 9600, address: 3, key: Some(key) };
    assert!(!format!("{port:?}").contains("3031"));
}

proptest! {
    #[test]
    fn any_presentation_reads_back(uid in prop::collection::vec(any::<u8>(), 1..=32), atr in prop::collection::vec(any::<u8>(), 0..=33), ats in prop::collection::vec(any::<u8>(), 0..=254), at in any::<u64>()) {
        let mut shown = shown();
        shown.uid = RawId::from_bytes(&uid).expect("within bounds");
        shown.atr = Octets::new(&atr);
        shown.ats = Octets::new(&ats);
        shown.read_ms = at;
        let report = Report::Presentation(Box::new(shown));
        let line = report.render();
        prop_assert!(line.len() <= LINE_MAX_BYTES);
        prop_assert_eq!(Report::parse(line.trim_end().as_bytes()), Ok(report));
    }
}
