//! How one card can be taken for another: readers and PACS turn UIDs round and cut them.
//!
//! Not here: two cards of one number in the format of one PACS ([`card`](crate::card)).

use super::RawId;

/// How two different UIDs become one somewhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Likeness {
    /// Cut to 3 bytes, as Wiegand 26 does with a UID.
    ThreeBytes,
    /// Cut to 4 bytes, as readers do that know no longer UIDs.
    FourBytes,
    /// Read from the other end, whole.
    Reversed,
}

/// Most pieces that a UID is cut into.
const CUTS_MAX: usize = 4;

/// The first and the last `length` bytes, as they are and the other way round. None where the UID is shorter.
pub fn cuts(uid: &RawId, length: usize) -> heapless::Vec<RawId, CUTS_MAX> {
    let bytes = uid.as_bytes();
    let mut cuts = heapless::Vec::new();
    let pieces = [bytes.get(..length), bytes.len().checked_sub(length).and_then(|from| bytes.get(from..))];
    for piece in pieces.into_iter().flatten().filter_map(|piece| RawId::from_bytes(piece).ok()) {
        for cut in [piece.reversed(), piece] {
            if !cuts.contains(&cut) {
                // As many as there is room for.
                let _ = cuts.push(cut);
            }
        }
    }
    cuts
}

/// How these two can be taken for each other; the likelier way, if there are several. None for equal ones.
pub fn likeness(one: &RawId, other: &RawId) -> Option<Likeness> {
    if one == other {
        return None;
    }
    if *one == other.reversed() {
        return Some(Likeness::Reversed);
    }
    let share = |length: usize| {
        let cuts_of_other = cuts(other, length);
        cuts(one, length).iter().any(|cut| cuts_of_other.contains(cut))
    };
    if share(4) {
        Some(Likeness::FourBytes)
    } else if share(3) {
        Some(Likeness::ThreeBytes)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn uid(hex: &str) -> RawId {
        RawId::from_hex(hex).expect("hex")
    }

    #[test]
    fn cards_are_taken_for_each_other_turned_round_or_cut() {
        for (one, other, how) in [
            ("A4B1C2D3", "D3C2B1A4", Some(Likeness::Reversed)),
            ("04223344556677", "77665544332204", Some(Likeness::Reversed)),
            // A reader that knows 4 bytes only gives the beginning or the end, in either order.
            ("04223344556677", "04223344", Some(Likeness::FourBytes)),
            ("04223344556677", "44556677", Some(Likeness::FourBytes)),
            ("04223344556677", "44332204", Some(Likeness::FourBytes)),
            ("04223344556677", "77665544", Some(Likeness::FourBytes)),
            ("04223344556677", "04223344AABBCC", Some(Likeness::FourBytes)),
            ("A4B1C2D3", "A4B1C2FF", Some(Likeness::ThreeBytes)),
            ("A4B1C2D3", "EEC2B1A4", Some(Likeness::ThreeBytes)),
            ("A4B1C2D3", "A4B1FFFF", None),
            ("A4B1C2D3", "A4B1C2D3", None),
            ("A4B1", "B1A4", Some(Likeness::Reversed)),
            ("A4B1", "A4", None),
        ] {
            assert_eq!(likeness(&uid(one), &uid(other)), how, "{one} {other}");
        }
    }

    fn some() -> impl Strategy<Value = RawId> {
        let bytes = proptest::collection::vec(0..=2_u8, 1..=10);
        bytes.prop_map(|bytes| RawId::from_bytes(&bytes).expect("bytes"))
    }

    proptest! {
        #[test]
        fn likeness_is_mutual(one in some(), other in some()) {
            prop_assert_eq!(likeness(&one, &other), likeness(&other, &one));
        }

        #[test]
        fn a_uid_is_like_its_reverse_and_like_what_is_cut_from_it(one in some()) {
            let reversed = one.reversed();
            prop_assert!(reversed == one || likeness(&one, &reversed) == Some(Likeness::Reversed));
            for cut in cuts(&one, 4) {
                prop_assert!(cut == one || likeness(&one, &cut) >= Some(Likeness::FourBytes));
            }
        }
    }
}
