//! What proves that two mirrors are equal.
//!
//! A record's digest is SHA-256 cut to 128 bits over its canonical form; the root is their sum modulo 2^128,
//! so both ends keep it by one addition and one subtraction a change, whatever the order.

use crate::id::Version;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use std::fmt::{self, Write as _};

/// Length of the stand-in that [`opaque`] makes.
const OPAQUE_BYTES: usize = 84;

/// 128 bits, written as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Digest(u128);

impl Digest {
    /// Of nothing: the root of an empty mirror.
    pub const ZERO: Digest = Digest(0);

    /// From storage.
    pub fn from_bytes(bytes: [u8; 16]) -> Digest {
        Digest(u128::from_be_bytes(bytes))
    }

    /// For storage.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The sum with `other` in it.
    #[must_use]
    pub fn plus(self, other: Digest) -> Digest {
        Digest(self.0.wrapping_add(other.0))
    }

    /// The sum with `other` taken out.
    #[must_use]
    pub fn minus(self, other: Digest) -> Digest {
        Digest(self.0.wrapping_sub(other.0))
    }

    /// Parses 32 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Digest> {
        let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 32 || !text.bytes().all(lower) {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(Digest)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        deserializer.deserialize_str(Digits)
    }
}

/// Reads a digest where it lies: a page has a thousand of them.
struct Digits;

impl Visitor<'_> for Digits {
    type Value = Digest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("32 lower-case hexadecimal digits")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Digest, E> {
        Digest::parse(text).ok_or_else(|| E::custom("a digest is 32 lower-case hexadecimal digits"))
    }
}

/// The digest of a record: over `{"key":…,"kind":…,"record":…,"version":[epoch,seq]}`, where `canonical` is
/// the record's canonical bytes. Kind and key need no escaping by their charsets.
pub fn record(kind: &str, key: &str, canonical: &[u8], version: Version) -> Digest {
    let mut hash = Sha256::new();
    hash.update(b"{\"key\":\"");
    hash.update(key.as_bytes());
    hash.update(b"\",\"kind\":\"");
    hash.update(kind.as_bytes());
    hash.update(b"\",\"record\":");
    hash.update(canonical);
    let _ = write!(Hashed(&mut hash), ",\"version\":[{},{}]}}", version.epoch, version.seq);
    cut(&hash.finalize())
}

/// Text that is hashed as it is written, and goes nowhere else; never fails.
struct Hashed<'a>(&'a mut Sha256);

impl fmt::Write for Hashed<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

/// Where a key belongs: the first 64 bits of the SHA-256 of `kind/key`. Its leading bits name its bucket.
pub fn place(kind: &str, key: &str) -> u64 {
    let mut hash = Sha256::new();
    hash.update(kind.as_bytes());
    hash.update(b"/");
    hash.update(key.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finalize()[..8]);
    u64::from_be_bytes(first)
}

/// The stand-in for a record that has no canonical form (a float, a null, a member twice, …): the SHA-256 of
/// its bytes as sent, so that both ends agree on what was refused. It is canonical itself.
pub fn opaque(sent: &[u8]) -> Vec<u8> {
    let mut out = String::with_capacity(OPAQUE_BYTES);
    out.push_str("{\"refused_sha256\":\"");
    for byte in Sha256::digest(sent) {
        let _ = write!(out, "{byte:02x}");
    }
    out.push_str("\"}");
    out.into_bytes()
}

fn cut(hash: &[u8]) -> Digest {
    let mut first = [0; 16];
    first.copy_from_slice(&hash[..16]);
    Digest::from_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::{Digest, opaque, place, record};
    use crate::id::Version;
    use proptest::prelude::*;

    /// Vectors computed by a few lines of another language's standard library, not by this code.
    #[test]
    fn vectors() {
        let version = Version { epoch: 1_700_000_000, seq: 7 };
        let digest =
            record("user", "u-1", br#"{"family_name":"Ek","given_name":"Ada","status":"active"}"#, version);
        assert_eq!(digest.to_string(), "62020ef67e9d6cad125efb9d96614869");
        assert_eq!(
            String::from_utf8(opaque(b"{\"x\": 1.5}")).as_deref(),
            Ok("{\"refused_sha256\":\"ccd491f3f36dc0e5c5c9e7f9db2678692fa000153dbbf8c6febaa42fdc78e59b\"}")
        );
        assert_eq!(place("user", "u-1"), 0x0864_cf31_6c14_d39a);
    }

    #[test]
    fn only_32_lower_case_digits_are_a_digest() {
        let digits = "0123456789abcdef0123456789abcdef";
        let read = |text: &str| serde_json::from_str::<Digest>(text).map_err(|error| error.to_string());
        assert_eq!(read(&format!("\"{digits}\"")).map(|digest| digest.to_string()), Ok(digits.into()));
        // An escape is a spelling, not another text.
        assert_eq!(read(&format!("\"\\u0030{}\"", &digits[1..])), read(&format!("\"{digits}\"")));
        for wrong in
            ["5", "\"\"", &format!("\"{}\"", digits.to_uppercase()), &format!("\"+{}\"", &digits[1..])]
        {
            let error = read(wrong).expect_err(wrong);
            assert!(error.contains("32 lower-case hexadecimal digits"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn the_root_forgets_the_order_and_what_left(digests in prop::collection::vec(any::<[u8; 16]>(), 0..20)) {
            let digests: Vec<Digest> = digests.into_iter().map(Digest::from_bytes).collect();
            let forward = digests.iter().fold(Digest::ZERO, |root, d| root.plus(*d));
            let backward = digests.iter().rev().fold(Digest::ZERO, |root, d| root.plus(*d));
            prop_assert_eq!(forward, backward);
            prop_assert_eq!(digests.iter().fold(forward, |root, d| root.minus(*d)), Digest::ZERO);
        }

        #[test]
        fn text_reads_back(bytes in any::<[u8; 16]>()) {
            let digest = Digest::from_bytes(bytes);
            prop_assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
        }
    }
}
