//! What a request brings along: small, strict JSON.
//!
//! Not here: what is done with it.

use super::routes::{Refusal, bad};
use access::id::Key;
use access::text::Text;
use access::time::UtcTime;
use access::uid::RawId;
use http_body_util::{BodyExt as _, Limited};
use hyper::Request;
use hyper::body::Incoming;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;

/// Bytes of a request's body.
const BODY_MAX_BYTES: usize = 4 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApproveBody {
    pub(super) hash: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RetryBody {
    #[serde(default)]
    pub(super) user: Option<Key>,
    #[serde(default)]
    pub(super) item: Option<String>,
}

/// One of the two.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum RevokeBody {
    Uid(RawId),
    Token(Key),
}

/// The release of this program, if absent.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct FloorBody {
    #[serde(default)]
    pub(super) to: Option<UtcTime>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct LockdownBody {
    #[serde(default)]
    pub(super) exempt: BTreeSet<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnlockBody {
    pub(super) door: Key,
    pub(super) for_s: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LockBody {
    pub(super) door: Key,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct NoBody {}

/// Reads a small JSON body; none at all is an empty object.
pub(super) async fn body<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, Refusal> {
    let whole = Limited::new(request.into_body(), BODY_MAX_BYTES).collect().await;
    let whole = whole.map_err(|error| {
        bad(format!("the body cannot be read: {error}; it has at most {BODY_MAX_BYTES} bytes"))
    })?;
    parsed(&whole.to_bytes())
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    let bytes = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
    contract::json::from_bytes(bytes).map_err(|error| bad(format!("the body is not as expected: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_strict_and_may_be_left_out_where_nothing_is_needed() {
        assert!(parsed::<NoBody>(b" \n").is_ok());
        assert!(parsed::<RetryBody>(b"").is_ok_and(|body| body.user.is_none() && body.item.is_none()));
        assert!(parsed::<ApproveBody>(b"").is_err_and(|Refusal(_, words)| words.contains("hash")));
        assert!(parsed::<RetryBody>(br#"{"uesr": "ada"}"#).is_err());
        assert!(parsed::<RetryBody>(br#"{"user": "a/da"}"#).is_err());
    }
}
