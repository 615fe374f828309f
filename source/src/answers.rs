//! What a request is answered with, message by message. Each message is one snapshot of the file, taken when
//! it is asked for, so that a long answer holds up neither writers nor the stream.
//!
//! Not here: who asks and in which order it is served (`serve`), `high`, the checkpoint behind an answer.

use crate::store::buckets::Filled;
use crate::store::{Store, StoreError};
use contract::repair::{Bits, Want};
use contract::topics::GatewayTopic;
use contract::{BITS_MAX, DIGESTS_PAGE_MAX, REQUEST_BUCKETS_MAX};

/// One message to the gateway that asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// `digests` or `bucket`.
    pub topic: GatewayTopic,
    /// The message as published.
    pub payload: Vec<u8>,
}

/// The rest of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answers {
    rest: Rest,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Rest {
    /// Nothing is looked up yet.
    All(Want),
    /// Digests from this bucket on.
    Digests { bits: Bits, from: u32 },
    /// These buckets, the last one first.
    Buckets { bits: Bits, left: Vec<u32> },
}

impl Answers {
    /// All of the answer to `want`.
    pub fn to(want: Want) -> Answers {
        Answers { rest: Rest::All(want) }
    }

    /// The next message; none: that was all.
    ///
    /// # Errors
    /// When the file cannot be read, or written when keys are divided anew.
    pub fn next(&mut self, store: &mut Store) -> Result<Option<Answer>, StoreError> {
        loop {
            match &mut self.rest {
                Rest::All(want) => self.rest = begin(want, store)?,
                Rest::Digests { bits, from } => {
                    if *bits != store.bits()? {
                        self.rest = Rest::All(Want::Digests);
                        continue;
                    }
                    if *from >= bits.buckets() {
                        return Ok(None);
                    }
                    let page = store.digests_page(*bits, *from)?;
                    *from = from.saturating_add(u32::try_from(DIGESTS_PAGE_MAX).unwrap_or(u32::MAX));
                    let payload = serde_json::to_vec(&page)?;
                    return Ok(Some(Answer { topic: GatewayTopic::Digests, payload }));
                }
                Rest::Buckets { bits, left } => {
                    if *bits != store.bits()? {
                        self.rest = Rest::All(Want::Digests);
                        continue;
                    }
                    let Some(index) = left.pop() else { return Ok(None) };
                    match store.bucket(*bits, index)? {
                        Filled::Payload(payload) => {
                            return Ok(Some(Answer { topic: GatewayTopic::Bucket, payload }));
                        }
                        Filled::TooBig { bytes } => too_big(store, *bits, index, bytes)?,
                    }
                }
            }
        }
    }
}

/// Divides finer, so that the rest of the answer becomes digests; where nothing is finer, says so.
fn too_big(store: &mut Store, bits: Bits, bucket: u32, bytes: u64) -> Result<(), StoreError> {
    // Between the look at the bucket and this one it may have shrunk: then the gateway asks again.
    if store.settle_bits()? == bits && bits.get() == BITS_MAX {
        let remedy = "shorten or delete records in it";
        tracing::error!(bucket, bits = BITS_MAX, bytes, remedy, "a bucket is too big for one message");
    }
    Ok(())
}

fn begin(want: &Want, store: &mut Store) -> Result<Rest, StoreError> {
    Ok(match want {
        Want::Digests => Rest::Digests { bits: store.settle_bits()?, from: 0 },
        Want::Buckets { bits, buckets } => {
            Rest::Buckets { bits: *bits, left: buckets.iter().rev().copied().collect() }
        }
        Want::All { from, count } => {
            // In the middle of a first sync another division would mean to start over.
            let bits = if *from == 0 { store.settle_bits()? } else { store.bits()? };
            let most = u32::try_from(REQUEST_BUCKETS_MAX).unwrap_or(u32::MAX);
            let end = from.saturating_add((*count).min(most)).min(bits.buckets());
            if *from >= bits.buckets() {
                // Whoever asks for it was told of a finer division.
                return Ok(Rest::Digests { bits, from: 0 });
            }
            Rest::Buckets { bits, left: (*from..end).rev().collect() }
        }
    })
}
