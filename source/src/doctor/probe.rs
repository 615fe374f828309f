//! What the doctor publishes where a real message would be taken for one.

use contract::MESSAGE_MAX_BYTES;

const BEGINNING: &str = r#"{"doctor":""#;

/// A message that means nothing to anybody, and that no other is equal to.
pub(super) fn small() -> Vec<u8> {
    format!("{BEGINNING}{:016x}\"}}", fastrand::u64(..)).into_bytes()
}

/// As `small`, of the largest size that the contract knows.
pub(super) fn large() -> Vec<u8> {
    let mut payload = format!("{BEGINNING}{:016x}", fastrand::u64(..)).into_bytes();
    payload.resize(MESSAGE_MAX_BYTES - 2, b'x');
    payload.extend(b"\"}");
    payload
}

/// Whether `payload` is the doctor's, so that nobody need wonder at it.
pub(crate) fn is_probe(payload: &[u8]) -> bool {
    payload.starts_with(BEGINNING.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{is_probe, large, small};

    #[test]
    fn probes_are_json_and_known_as_such() {
        for (probe, bytes) in [(small(), 29), (large(), 128 * 1024)] {
            assert_eq!(probe.len(), bytes);
            assert!(is_probe(&probe));
            serde_json::from_slice::<serde_json::Value>(&probe).expect("JSON");
        }
        assert_ne!(small(), small());
        assert!(!is_probe(br#"{"stream":"s"}"#));
    }
}
