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
mod town;

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
    let mut tally = town::Tally::default();
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
