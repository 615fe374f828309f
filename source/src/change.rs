//! One change, checked before it is numbered: what a gateway would refuse is refused here, with the reason.
//!
//! Not here: files (`import`), numbers (`store`).

use access::id::Key;
use contract::id::Kind;
use contract::{RECORD_MAX_BYTES, json, record};

/// How much of a change is checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Check {
    /// Everything that a gateway of this version checks.
    Full,
    /// Only that the record has a canonical form: for tests of what gateways refuse.
    Canonical,
}

/// A change that may be published.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    kind: String,
    key: String,
    record: Option<String>,
}

impl Change {
    /// `kind`/`key` has the record `json` from now on.
    ///
    /// # Errors
    /// Why a gateway would refuse it.
    pub fn upsert(kind: &str, key: &str, json: &str, check: Check) -> Result<Change, String> {
        let mut change = Change::delete(kind, key, check)?;
        change.record = Some(canonical(kind, json, check)?);
        Ok(change)
    }

    /// `kind`/`key` is gone.
    ///
    /// # Errors
    /// Why there can be no such key.
    pub fn delete(kind: &str, key: &str, check: Check) -> Result<Change, String> {
        let known = match check {
            Check::Full => Kind::parse(kind).is_some(),
            Check::Canonical => Kind::is_well_formed(kind),
        };
        if !known {
            return Err(format!("kind {kind:?} is not one of {}", kinds()));
        }
        Key::check(key).map_err(|rule| format!("key {key:?}: {rule}"))?;
        Ok(Change { kind: kind.into(), key: key.into(), record: None })
    }

    /// The record's kind.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The record's key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The record's canonical JSON; none for a delete.
    pub fn record(&self) -> Option<&str> {
        self.record.as_deref()
    }
}

fn kinds() -> String {
    Kind::ALL.map(Kind::as_str).join(", ")
}

fn canonical(kind: &str, sent: &str, check: Check) -> Result<String, String> {
    if sent.len() > RECORD_MAX_BYTES {
        return Err(format!("the record has {} bytes, more than {RECORD_MAX_BYTES}", sent.len()));
    }
    let value = json::parse(sent).map_err(|error| format!("the record has no canonical form: {error}"))?;
    let mut bytes = Vec::with_capacity(sent.len());
    json::write(&value, &mut bytes);
    let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
    if check == Check::Full {
        // The canonical form is what gateways get, so that is what must pass.
        record::parse(kind, &text).record.map_err(|reason| without_secret(&reason))?;
    }
    Ok(text)
}

/// serde quotes the offending value; a PIN must not appear in a message.
fn without_secret(reason: &str) -> String {
    if reason.starts_with("pin:") { "pin: must be text, in quotation marks".into() } else { reason.into() }
}

#[cfg(test)]
mod tests {
    use super::{Change, Check};

    #[test]
    fn what_a_gateway_would_refuse_is_refused_here_with_the_reason() {
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(17_000));
        let table = [
            ("person", "p", "{}", "not one of user, token"),
            ("user", "a b", "{}", "a key has only"),
            ("user", "u", "{", "no canonical form"),
            ("user", "u", r#"{"x":1.5}"#, "integers only"),
            ("user", "u", r#"{"x":null}"#, "null"),
            ("user", "u", long.as_str(), "more than 16384"),
            (
                "user",
                "u",
                r#"{"status":"gone","given_name":"A","family_name":"B"}"#,
                "status: unknown variant",
            ),
            ("assignment", "x", r#"{"user":"u","entitlement":"e","valid_from":"2026-01-01"}"#, "valid_from"),
        ];
        for (kind, key, record, word) in table {
            let reason = Change::upsert(kind, key, record, Check::Full).expect_err(record);
            assert!(reason.contains(word), "{record}: {reason}");
        }
    }

    #[test]
    fn a_pin_never_appears_in_a_reason() {
        let record = r#"{"status":"active","given_name":"A","family_name":"B","pin":4711}"#;
        let reason = Change::upsert("user", "u", record, Check::Full).expect_err("a number");
        assert!(!reason.contains("4711"), "{reason}");
    }

    #[test]
    fn unchecked_takes_whatever_has_a_canonical_form() {
        let change = Change::upsert("later_kind", "k", r#"{"b":1,"a":[]}"#, Check::Canonical);
        assert_eq!(change.map(|c| c.record().map(String::from)), Ok(Some(r#"{"a":[],"b":1}"#.into())));
        assert!(Change::upsert("user", "k", r#"{"a":1,"a":2}"#, Check::Canonical).is_err());
    }
}
