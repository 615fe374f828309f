//! The brake: how many persons may lose access to edits at the source in 24 hours before someone has to approve. Pure.
//!
//! What a status or the end of a window takes away is never held, and neither is an addition or a change.
//!
//! Not here: why an item is to go (`plan`), counting and holding in the ledger (`ledger`), approving (`holds`).

use super::switch::{Rule, holds};

/// How long a removal counts.
pub const COUNTED_FOR_MS: u64 = 24 * 3_600_000;

/// What a site allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit {
    /// Of the persons in the PACS.
    pub percent: u8,
    /// This many in any case.
    pub persons: u32,
}

/// What the ledger says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Persons in the PACS, and those that edits have taken out in the last 24 hours.
    pub persons: u64,
    /// Persons that have lost something to unapproved edits in the last 24 hours.
    pub removed: u64,
    /// Other persons that are to lose something to edits, held ones included.
    pub pending: u64,
}

impl Limit {
    /// How many persons may lose something.
    pub fn of(&self, persons: u64) -> u64 {
        (persons * u64::from(self.percent) / 100).max(u64::from(self.persons))
    }

    /// Whether what is pending may go without anybody's approval.
    pub fn allows(&self, counts: &Counts) -> bool {
        counts.removed + counts.pending <= self.of(counts.persons) || !holds(Rule::Brake)
    }
}

#[cfg(test)]
mod tests {
    use super::{Counts, Limit};

    #[test]
    fn the_limit_is_the_share_or_the_number_whichever_is_more() {
        let table = [
            ("412 of 900 at once", 10, 900, 0, 412, false),
            ("90 of 900", 10, 900, 0, 90, true),
            ("91 of 900", 10, 900, 0, 91, false),
            ("20 of 30: a small site may still lose a few", 10, 30, 0, 20, true),
            ("21 of 30", 10, 30, 0, 21, false),
            ("the third hundred of 10,000 against 2 %", 2, 10_000, 200, 12, false),
            ("the second hundred", 2, 10_000, 100, 100, true),
        ];
        for (what, percent, persons, removed, pending, allowed) in table {
            let limit = Limit { percent, persons: 20 };
            assert_eq!(limit.allows(&Counts { persons, removed, pending }), allowed, "{what}");
        }
    }
}
