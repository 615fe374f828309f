//! The messages of repair: a gateway asks what differs, and fetches only that.
//!
//! Not here: when to ask and what to do with an answer (the gateway's feed and mirror), how to choose the
//! number of buckets (the source's store).

use crate::digest::Digest;
#[cfg(feature = "schema")]
use crate::id::INTEGER_MAX;
use crate::id::{Kind, Version};
#[cfg(feature = "schema")]
use crate::schema::{AnyKind, AnyRecord};
use crate::{BITS_MAX, CHANGES_MAX, DIGESTS_PAGE_MAX, MESSAGE_MAX_BYTES, REQUEST_BUCKETS_MAX, digest};
use access::id::Key;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// `gateway/{id}/request`: what a gateway wants to know.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Request {
    /// Highest version the gateway has seen. A source that is below it was restored from a backup, and takes
    /// a new epoch before it answers.
    pub high: Version,
    /// What it asks for.
    pub want: Want,
}

/// What a gateway asks for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Want {
    /// The digests of all buckets, paged.
    Digests,
    /// These buckets. A source that now divides otherwise answers with digests instead.
    Buckets {
        /// How the gateway was told that keys are divided.
        bits: Bits,
        /// At most [`REQUEST_BUCKETS_MAX`].
        #[serde(deserialize_with = "bounded_buckets")]
        #[cfg_attr(feature = "schema", schemars(length(max = REQUEST_BUCKETS_MAX), description = "Which ones."))]
        buckets: Vec<u32>,
    },
    /// The next buckets of an empty mirror, whatever the source divides by.
    All {
        /// The first one.
        #[cfg_attr(feature = "schema", schemars(range(max = (1 << BITS_MAX) - 1)))]
        from: u32,
        /// How many, at most [`REQUEST_BUCKETS_MAX`]; beyond the last bucket there are none.
        #[cfg_attr(feature = "schema", schemars(range(max = REQUEST_BUCKETS_MAX), description = "How many; beyond the last bucket there are none."))]
        count: u32,
    },
}

/// How many leading bits of a key's hash name its bucket: 0 to [`BITS_MAX`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize)]
pub struct Bits(u8);

impl Bits {
    /// Checks and takes `bits`.
    pub fn new(bits: u8) -> Option<Bits> {
        (bits <= BITS_MAX).then_some(Bits(bits))
    }

    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }

    /// How many buckets there are.
    pub fn buckets(self) -> u32 {
        1 << self.0
    }

    /// The bucket of a key, from its [`digest::place`].
    pub fn bucket(self, place: u64) -> u32 {
        // At most 16 bits are left.
        u32::try_from(place.checked_shr(64 - u32::from(self.0)).unwrap_or(0)).unwrap_or(0)
    }
}

impl<'de> Deserialize<'de> for Bits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bits, D::Error> {
        let bits = u8::deserialize(deserializer)?;
        Bits::new(bits).ok_or_else(|| D::Error::custom(format_args!("bits: at most {BITS_MAX}")))
    }
}

fn bounded_buckets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u32>, D::Error> {
    let buckets = Vec::<u32>::deserialize(deserializer)?;
    if buckets.len() > REQUEST_BUCKETS_MAX {
        return Err(D::Error::custom(format_args!("more than {REQUEST_BUCKETS_MAX} buckets in one request")));
    }
    Ok(buckets)
}

/// `gateway/{id}/digests`: one page of the digests of all buckets, in order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Digests {
    /// With `as_of_seq`: the version at which the source's rows were read for this page.
    #[cfg_attr(feature = "schema", schemars(range(max = INTEGER_MAX)))]
    pub epoch: u64,
    /// See `epoch`.
    #[cfg_attr(feature = "schema", schemars(range(max = INTEGER_MAX)))]
    pub as_of_seq: u64,
    /// How keys are divided.
    pub bits: Bits,
    /// The bucket of the first digest.
    #[cfg_attr(feature = "schema", schemars(range(max = (1 << BITS_MAX) - 1)))]
    pub from: u32,
    /// At most [`DIGESTS_PAGE_MAX`].
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = DIGESTS_PAGE_MAX), description = "In the order of the buckets."))]
    pub digests: Vec<Digest>,
}

impl Digests {
    /// The version at which the page was read.
    pub fn as_of(&self) -> Version {
        Version { epoch: self.epoch, seq: self.as_of_seq }
    }
}

/// Reads a `digests` message.
///
/// # Errors
/// Why it has no valid envelope.
pub fn parse_digests(payload: &[u8]) -> Result<Digests, String> {
    let page: Digests = serde_json::from_str(text(payload)?).map_err(envelope)?;
    check_version(page.epoch, page.as_of_seq)?;
    if page.digests.is_empty() || page.digests.len() > DIGESTS_PAGE_MAX {
        return Err(format!("no valid envelope: a page has 1 to {DIGESTS_PAGE_MAX} digests"));
    }
    let end = u64::from(page.from) + page.digests.len() as u64;
    if end > u64::from(page.bits.buckets()) {
        return Err(format!("no valid envelope: there are {} buckets only", page.bits.buckets()));
    }
    Ok(page)
}

/// Reads a `request` message.
///
/// # Errors
/// Why it has no valid envelope.
pub fn parse_request(payload: &[u8]) -> Result<Request, String> {
    let request: Request = serde_json::from_str(text(payload)?).map_err(envelope)?;
    if let Want::Buckets { bits, buckets } = &request.want
        && buckets.iter().any(|bucket| *bucket >= bits.buckets())
    {
        return Err(format!("no valid envelope: there are {} buckets only", bits.buckets()));
    }
    Ok(request)
}

/// A `bucket` message as a source writes it: everything it holds in one bucket.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Bucket"))]
pub struct BucketOut<'a> {
    /// With `as_of_seq`: the version at which the rows were read.
    #[cfg_attr(feature = "schema", schemars(range(max = INTEGER_MAX)))]
    pub epoch: u64,
    /// See `epoch`.
    #[cfg_attr(feature = "schema", schemars(range(max = INTEGER_MAX)))]
    pub as_of_seq: u64,
    /// How keys are divided.
    pub bits: Bits,
    /// Which bucket.
    #[cfg_attr(feature = "schema", schemars(range(max = (1 << BITS_MAX) - 1)))]
    pub bucket: u32,
    /// Its records.
    pub records: Vec<HeldOut<'a>>,
}

/// One record of a bucket as a source writes it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Held"))]
pub struct HeldOut<'a> {
    /// The record's kind.
    #[cfg_attr(feature = "schema", schemars(with = "AnyKind"))]
    pub kind: &'a str,
    /// The record's key.
    #[cfg_attr(feature = "schema", schemars(with = "Key"))]
    pub key: &'a str,
    /// Of its last change.
    pub version: Version,
    /// The record.
    #[cfg_attr(feature = "schema", schemars(with = "AnyRecord"))]
    pub record: &'a RawValue,
}

/// A `bucket` message as a gateway reads it.
#[derive(Clone, Debug)]
pub struct Bucket<'a> {
    /// The version at which the source's rows were read.
    pub as_of: Version,
    /// How keys are divided.
    pub bits: Bits,
    /// Which bucket.
    pub bucket: u32,
    /// Everything the source holds in it, by place.
    pub records: Vec<Held<'a>>,
}

/// One record of a bucket.
#[derive(Clone, Debug)]
pub struct Held<'a> {
    /// [`digest::place`] of the key.
    pub place: u64,
    /// Well-formed; perhaps of a later version.
    pub kind: Cow<'a, str>,
    /// Well-formed.
    pub key: Cow<'a, str>,
    /// Of its last change.
    pub version: Version,
    /// The record's text as sent.
    pub record: &'a str,
}

#[derive(Deserialize)]
struct Wire<'a> {
    epoch: u64,
    as_of_seq: u64,
    bits: Bits,
    bucket: u32,
    #[serde(borrow)]
    records: Vec<WireHeld<'a>>,
}

#[derive(Deserialize)]
struct WireHeld<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    key: Cow<'a, str>,
    version: Version,
    #[serde(borrow)]
    record: &'a RawValue,
}

/// Reads a `bucket` message. It says what is *not* held as well, so it is whole or refused.
///
/// # Errors
/// Why it has no valid envelope; nothing of it can be applied.
pub fn parse_bucket(payload: &[u8]) -> Result<Bucket<'_>, String> {
    let wire: Wire<'_> = serde_json::from_str(text(payload)?).map_err(envelope)?;
    let as_of = check_version(wire.epoch, wire.as_of_seq)?;
    if wire.bucket >= wire.bits.buckets() {
        return Err(format!("no valid envelope: there are {} buckets only", wire.bits.buckets()));
    }
    let mut records = Vec::with_capacity(wire.records.len().min(CHANGES_MAX));
    for (at, held) in wire.records.into_iter().enumerate() {
        records.push(
            check_held(held, as_of, wire.bits, wire.bucket).map_err(|why| format!("record {at}: {why}"))?,
        );
    }
    records.sort_by(|a, b| (a.place, &a.kind, &a.key).cmp(&(b.place, &b.kind, &b.key)));
    let is_twice = |pair: &&[Held<'_>]| (&pair[0].kind, &pair[0].key) == (&pair[1].kind, &pair[1].key);
    if let Some(pair) = records.windows(2).find(is_twice) {
        return Err(format!("{} {} is in the bucket twice", pair[0].kind, pair[0].key));
    }
    Ok(Bucket { as_of, bits: wire.bits, bucket: wire.bucket, records })
}

fn check_held<'a>(wire: WireHeld<'a>, as_of: Version, bits: Bits, bucket: u32) -> Result<Held<'a>, String> {
    let WireHeld { kind, key, version, record } = wire;
    if !Kind::is_well_formed(&kind) {
        return Err("a kind has 1 to 32 of a-z and _".into());
    }
    Key::check(&key).map_err(|rule| format!("its key: {rule}"))?;
    if version > as_of {
        return Err(format!("{kind} {key}: version {version} is newer than the bucket's {as_of}"));
    }
    let place = digest::place(&kind, &key);
    let own = bits.bucket(place);
    if own != bucket {
        return Err(format!("{kind} {key} belongs to bucket {own}"));
    }
    Ok(Held { place, kind, key, version, record: record.get() })
}

fn check_version(epoch: u64, seq: u64) -> Result<Version, String> {
    Version::new(epoch, seq)
        .ok_or_else(|| "no valid envelope: epoch and as_of_seq are at most 2^53 - 1".into())
}

fn text(payload: &[u8]) -> Result<&str, String> {
    if payload.len() > MESSAGE_MAX_BYTES {
        return Err(format!("the message has {} bytes, more than {MESSAGE_MAX_BYTES}", payload.len()));
    }
    std::str::from_utf8(payload).map_err(|error| format!("not UTF-8: {error}"))
}

fn envelope(error: serde_json::Error) -> String {
    format!("no valid envelope: {error}")
}

#[cfg(test)]
mod tests;
