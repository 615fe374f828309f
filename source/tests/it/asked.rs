//! What follows from rows for answers, computed anew: the scenes compare with it.

use contract::digest::{self, Digest};
use contract::repair::{Bits, Bucket, Digests};
use doorward_source::store::Row;
use std::collections::BTreeMap;

/// The digests of all buckets.
pub(crate) struct Sums(Vec<Digest>);

impl Sums {
    /// By hashing every row again.
    pub(crate) fn of(rows: &[Row], bits: Bits) -> Sums {
        let mut sums = vec![Digest::ZERO; usize::try_from(bits.buckets()).expect("few")];
        for row in rows {
            let bucket = bits.bucket(digest::place(&row.kind, &row.key));
            let sum = &mut sums[usize::try_from(bucket).expect("few")];
            *sum = sum.plus(digest::record(&row.kind, &row.key, row.record.as_bytes(), row.version));
        }
        Sums(sums)
    }

    /// Fails unless the page says the same.
    pub(crate) fn agree(&self, page: &Digests) {
        let from = usize::try_from(page.from).expect("few");
        let expected = &self.0[from..(from + 1024).min(self.0.len())];
        assert_eq!(page.digests, expected, "the page from {from} at {:?}", page.bits);
    }
}

/// Fails unless the bucket has exactly the rows that belong to it.
pub(crate) fn holds(rows: &[Row], bucket: &Bucket<'_>) {
    let belongs = |row: &&Row| bucket.bits.bucket(digest::place(&row.kind, &row.key)) == bucket.bucket;
    let expected: BTreeMap<_, _> = rows
        .iter()
        .filter(belongs)
        .map(|row| ((row.kind.clone(), row.key.clone()), (row.version, row.record.clone())))
        .collect();
    let found: BTreeMap<_, _> = bucket
        .records
        .iter()
        .map(|held| ((held.kind.to_string(), held.key.to_string()), (held.version, held.record.to_string())))
        .collect();
    assert_eq!(found, expected, "bucket {} at {:?}", bucket.bucket, bucket.bits);
    assert_eq!(found.len(), bucket.records.len());
}
