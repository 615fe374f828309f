//! Values as people write them.

use access::time::UtcTime;
use access::token::TokenKind;
use access::uid::RawId;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as ValueError;

/// As a token's record spells it.
pub(super) fn token_kind(text: &str) -> Result<TokenKind, String> {
    let kinds = "card, temporary_card, virtual_smart_card, mobile_id or soft_token";
    TokenKind::deserialize(text.into_deserializer()).map_err(|_: ValueError| format!("write {kinds}"))
}

/// As readers show it, or with separators.
pub(super) fn uid(text: &str) -> Result<RawId, &'static str> {
    let plain: String = text.chars().filter(|c| !matches!(c, ':' | '-' | ' ')).collect();
    RawId::from_hex(&plain)
}

/// An instant with its zone.
pub(super) fn instant(text: &str) -> Result<UtcTime, &'static str> {
    UtcTime::parse_any(text).ok_or("write it like 2026-11-23T08:00:00Z or 2026-11-23T09:00:00+01:00")
}

/// `30s`, `2m`, `1h`, or seconds.
pub(super) fn seconds(text: &str) -> Result<u32, String> {
    let (number, unit_s) = match (text.strip_suffix('h'), text.strip_suffix('m')) {
        (Some(hours), _) => (hours, 3_600),
        (None, Some(minutes)) => (minutes, 60),
        (None, None) => (text.strip_suffix('s').unwrap_or(text), 1),
    };
    let seconds = number.parse::<u32>().ok().and_then(|number| number.checked_mul(unit_s));
    seconds.ok_or_else(|| "write it like 30s, 2m or 1h".into())
}
