//! Into how many buckets keys are divided. No IO.
//!
//! A bucket is one message, so it has to fit; a page of digests is paid for each bucket, so there should not be
//! many. The number must not flap either: whoever was told another one starts over.

use contract::repair::Bits;
use contract::{BITS_MAX, MESSAGE_MAX_BYTES};

/// What a bucket should have on average, in bytes of message.
pub(super) const MEAN_BYTES: u64 = 16 * 1024;
/// A mean above twice [`MEAN_BYTES`] divides finer...
const GROW_ABOVE_BYTES: u64 = 2 * MEAN_BYTES;
/// ...one below an eighth of it coarser...
const SHRINK_BELOW_BYTES: u64 = MEAN_BYTES / 8;
/// ...to as few buckets as keep the mean at this.
const SETTLE_AT_BYTES: u64 = MEAN_BYTES + MEAN_BYTES / 2;
/// More than a bucket's message has besides its records, in bytes.
const ENVELOPE_BYTES: u64 = 256;
/// Most that the records of one bucket may take.
pub(super) const RECORDS_MAX_BYTES: u64 = MESSAGE_MAX_BYTES as u64 - ENVELOPE_BYTES;

/// What the finest buckets take, by index; those that are not named are empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Sizes {
    /// Of all together.
    total: u64,
    /// The largest bucket at each number of bits.
    largest: Vec<u64>,
}

impl Sizes {
    /// From `(index, bytes)` at [`BITS_MAX`] bits.
    pub(super) fn new(finest: impl IntoIterator<Item = (u16, u64)>) -> Sizes {
        let mut sizes = vec![0_u64; 1 << BITS_MAX];
        for (index, bytes) in finest {
            sizes[usize::from(index)] = bytes;
        }
        let mut largest = vec![sizes.iter().copied().max().unwrap_or(0)];
        while sizes.len() > 1 {
            sizes = sizes.chunks_exact(2).map(|pair| pair[0].saturating_add(pair[1])).collect();
            largest.push(sizes.iter().copied().max().unwrap_or(0));
        }
        largest.reverse();
        Sizes { total: sizes[0], largest }
    }

    fn mean(&self, bits: u8) -> u64 {
        self.total >> bits
    }

    fn fits(&self, bits: u8, limit: u64) -> bool {
        self.largest[usize::from(bits)] <= limit
    }
}

/// The number of bits for data of these sizes, which were divided by `current`. At [`BITS_MAX`] a bucket may
/// still be too big; there is nothing finer.
pub(super) fn choose(current: Bits, sizes: &Sizes) -> Bits {
    let at = current.get();
    let ideal = (0..BITS_MAX).find(|bits| sizes.mean(*bits) <= SETTLE_AT_BYTES).unwrap_or(BITS_MAX);
    let wanted = if sizes.mean(at) > GROW_ABOVE_BYTES {
        ideal.max(at)
    } else if sizes.mean(at) < SHRINK_BELOW_BYTES {
        // With room to spare, so that the next record does not take it back.
        (ideal..at).find(|bits| sizes.fits(*bits, RECORDS_MAX_BYTES / 2)).unwrap_or(at)
    } else {
        at
    };
    let fitting = (wanted..BITS_MAX).find(|bits| sizes.fits(*bits, RECORDS_MAX_BYTES));
    Bits::new(fitting.unwrap_or(BITS_MAX)).unwrap_or(current)
}

#[cfg(test)]
mod tests {
    use super::{MEAN_BYTES, RECORDS_MAX_BYTES, Sizes, choose};
    use contract::BITS_MAX;
    use contract::repair::Bits;
    use proptest::prelude::*;

    fn bits(n: u8) -> Bits {
        Bits::new(n).expect("at most 16")
    }

    /// `records` of `bytes` each, spread as hashes are.
    fn spread(records: u64, bytes: u64) -> Sizes {
        let share = |index: u64| (index + 1) * records / 65_536 - index * records / 65_536;
        Sizes::new((0..=u16::MAX).map(|index| (index, share(u64::from(index)) * bytes)))
    }

    #[test]
    fn a_million_records_of_300_to_400_bytes_want_14_bits() {
        for bytes in [300, 350, 400] {
            assert_eq!(choose(bits(0), &spread(1_000_000, bytes)), bits(14), "{bytes}");
        }
    }

    #[test]
    fn what_grows_and_shrinks_a_little_stays_divided_as_it_was() {
        let mut at = choose(bits(0), &spread(100_000, 400));
        let settled = at;
        for records in [120_000, 90_000, 130_000, 60_000, 125_000] {
            at = choose(at, &spread(records, 400));
            assert_eq!(at, settled, "{records}");
        }
        assert!(choose(at, &spread(300_000, 400)) > settled);
        assert!(choose(at, &spread(3_000, 400)) < settled);
        assert_eq!(choose(at, &spread(0, 400)), bits(0));
    }

    #[test]
    fn one_bucket_that_does_not_fit_divides_finer_whatever_the_mean() {
        let sizes = Sizes::new([(0, RECORDS_MAX_BYTES - 1), (1, 1), (2, 1)]);
        assert_eq!(choose(bits(0), &sizes), bits(15));
        let hopeless = Sizes::new([(7, RECORDS_MAX_BYTES + 1)]);
        assert_eq!(choose(bits(3), &hopeless), bits(BITS_MAX));
    }

    proptest! {
        #[test]
        fn every_bucket_fits_and_the_choice_stands(
            records in prop::collection::vec((any::<u16>(), 60_u64..17_000), 0..3000),
            before in 0..=BITS_MAX,
        ) {
            let mut finest = vec![0_u64; 1 << BITS_MAX];
            for (index, bytes) in &records {
                finest[usize::from(*index)] += bytes;
            }
            let sizes = Sizes::new((0..=u16::MAX).zip(finest.iter().copied()));
            let chosen = choose(bits(before), &sizes);
            let largest = finest.chunks(1 << (BITS_MAX - chosen.get())).map(|b| b.iter().sum::<u64>()).max();
            prop_assert!(largest <= Some(RECORDS_MAX_BYTES) || chosen.get() == BITS_MAX);
            prop_assert_eq!(choose(chosen, &sizes), chosen, "it flaps");
            let total: u64 = finest.iter().sum();
            prop_assert!(total >> chosen.get() <= 2 * MEAN_BYTES);
        }
    }
}
