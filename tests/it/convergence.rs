//! The promises of the sync rules under random loss, duplication, delay, re-ordering and crashes at every
//! point: one source (restored from a backup now and then), two panels with real mirrors, a broker that
//! forgets.
//!
//! A run is a seed and a number of steps. Where a run fails, its last steps are printed with the seed:
//! `DOORWARD_SYNC_SEED=… DOORWARD_SYNC_RUNS=1 cargo test --features failpoints --test it convergence`.
//! `DOORWARD_SYNC_STEPS` sets how many steps there are in all.

mod broker;
mod damage;
mod panel;
mod source;
mod tally;
mod town;

use doorward::clock::MonoMs;
use doorward::feed::Topic;
use panel::{End, Panel};
use source::Source;
use town::Town;

/// Steps of one run before the faults stop.
const RUN_STEPS: u32 = 400;
/// Steps in all in the suite; a million takes a minute or two.
const SUITE_STEPS: u64 = 60_000;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn whatever_happens_on_the_way_the_mirror_becomes_equal_and_is_never_wider_than_what_it_was_told() {
    let first = setting("DOORWARD_SYNC_SEED").unwrap_or_else(|| fastrand::u64(..1 << 40));
    let wanted = setting("DOORWARD_SYNC_STEPS").unwrap_or(SUITE_STEPS);
    let runs = setting("DOORWARD_SYNC_RUNS").unwrap_or(u64::MAX);
    let mut tally = tally::Tally::default();
    let mut run = 0;
    while run < runs && tally.steps < wanted {
        let seed = first.wrapping_add(run);
        let mut town = Town::new(seed);
        for _ in 0..RUN_STEPS {
            town.step();
        }
        town.settle();
        tally.add(town.tally());
        run += 1;
    }
    println!("seed {first}, {run} runs: {tally:?}");
    // A schedule in which nothing happens proves nothing.
    if wanted >= SUITE_STEPS && runs == u64::MAX {
        for (what, count) in tally.happened() {
            assert!(count > 10, "{what} happened {count} times only");
        }
    }
}

/// The successor was lost with its session, and the source that said it was restored from a backup: the next proof
/// brings back what waited for it.
#[test]
fn what_a_full_disk_suspended_comes_back_when_its_successor_never_was() {
    let now = MonoMs(1);
    let mut source = Source::dividing_by(0);
    let mut panel = Panel::new();
    let say = |panel: &mut Panel, source: &Source, payload: Vec<u8>, end: End| {
        panel.take(vec![(Topic::Changes, payload)], end, now, &source.history).is_some()
    };
    source.start(0, 1);
    let first = source.change(&[("t1".into(), Some(town::token("ACTIVE", 1)))]);
    assert!(say(&mut panel, &source, first, End::Committed), "proven");
    let backup = source.disk.clone();
    let second = source.change(&[("t1".into(), Some(town::token("ACTIVE", 2)))]);
    assert!(!say(&mut panel, &source, second, End::Full));
    assert!(panel.check_equal(&backup.rows).is_err(), "suspended: the card in it may be another");
    panel.session.forget();
    source.disk = backup;
    source.start(0, 2_000);
    let checkpoint = source.checkpoint();
    assert!(say(&mut panel, &source, checkpoint, End::Committed), "proven");
    assert_eq!(panel.check_equal(&source.disk.rows), Ok(()));
    assert_eq!(panel.check_sound(), Ok(()));
}
