//! Taps as a middleware counts them, and as a chip sees them.

use super::*;
use proptest::prelude::*;

fn change(removed: bool, missed_taps: u32, tapped: bool) -> Change {
    Change { removed, missed_taps, tapped, resting: false }
}

#[test]
fn one_tap_is_one_event_and_taps_that_nobody_saw_are_counted() {
    // From, to, and what has happened.
    let table = [
        ((false, 4), (true, 5), change(false, 0, true)),
        ((true, 5), (false, 6), change(true, 0, false)),
        ((true, 5), (true, 5), change(false, 0, false)),
        ((false, 4), (false, 6), change(false, 1, false)),
        ((false, 4), (true, 9), change(false, 2, true)),
        ((true, 5), (true, 7), change(true, 0, true)),
        ((true, 5), (true, 9), change(true, 1, true)),
        ((true, 5), (false, 8), change(true, 1, false)),
        ((false, 65_535), (true, 0), change(false, 0, true)),
    ];
    for (from, to, expected) in table {
        let mut presence = Counted::default();
        presence.look(from.0, from.1);
        assert_eq!(presence.look(to.0, to.1), Some(expected), "{from:?} to {to:?}");
    }
}

#[test]
fn counter_and_presence_that_disagree_are_asked_again_and_then_the_presence_is_believed() {
    let mut presence = Counted::default();
    presence.look(false, 4);
    // The counter has been raised, and the presence not yet.
    assert_eq!(presence.look(false, 5), None);
    assert_eq!(presence.look(false, 6), Some(change(false, 1, false)), "nothing was lost by it");
    // A driver without a counter.
    assert_eq!(presence.look(true, 6), None);
    assert_eq!(presence.believe(true, 6), change(false, 0, true));
    assert_eq!(presence.believe(false, 6), change(true, 0, false));
}

#[test]
fn a_card_that_lay_there_before_is_no_tap() {
    let mut counted = Counted::default();
    assert_eq!(counted.look(true, 7), Some(Change { resting: true, ..Change::default() }));
    assert_eq!(counted.look(false, 8), Some(change(true, 0, false)));
    assert_eq!(counted.look(true, 9), Some(change(false, 0, true)));
    let mut polled = Polled::default();
    assert_eq!(polled.look(Some(&[4; 7])), Change { resting: true, ..Change::default() });
    assert_eq!(polled.look(Some(&[4; 7])), Change::default());
}

#[test]
fn a_card_that_rests_for_a_minute_is_one_event() {
    // The chip is asked every 100 ms; a moving hand makes one look in ten fail.
    let mut presence = Polled::default();
    presence.look(None);
    let looks = (0..600).map(|at| if at % 10 == 9 { None } else { Some([4, 1, 2, 3, 4, 5, 6]) });
    let changes: Vec<Change> = looks.map(|uid| presence.look(uid.as_ref().map(|uid| &uid[..]))).collect();
    assert_eq!(changes.iter().filter(|change| change.tapped).count(), 1);
    assert_eq!(changes.iter().filter(|change| change.removed).count(), 0);
}

#[test]
fn a_random_uid_that_rests_is_one_event_and_two_taps_of_it_are_two() {
    let mut presence = Polled::default();
    presence.look(None);
    assert!(presence.look(Some(&[8, 1, 1, 1])).tapped);
    assert_eq!(presence.look(Some(&[8, 2, 2, 2])), Change::default());
    assert_eq!(presence.look(None), Change::default());
    assert!(presence.look(None).removed);
    assert!(presence.look(Some(&[8, 3, 3, 3])).tapped);
}

#[test]
fn another_card_at_once_is_a_removal_and_a_tap() {
    let mut presence = Polled::default();
    presence.look(None);
    presence.look(Some(&[4; 7]));
    assert_eq!(presence.look(Some(&[5; 7])), change(true, 0, true));
}

proptest! {
    /// Whatever the middleware lets us see of a run of insertions and removals, every tap is either seen or missed,
    /// and none twice.
    #[test]
    fn every_tap_is_seen_or_counted(skips in prop::collection::vec(1_u16..6, 1..40), start in any::<u16>()) {
        let mut presence = Counted::default();
        presence.look(false, start);
        let (mut steps, mut counted) = (0_u32, 0_u32);
        for skip in skips {
            steps += u32::from(skip);
            let count = start.wrapping_add(u16::try_from(steps).expect("few"));
            let change = presence.look(steps % 2 == 1, count).expect("they agree");
            counted += change.missed_taps + u32::from(change.tapped);
        }
        prop_assert_eq!(counted, steps.div_ceil(2));
    }
}
