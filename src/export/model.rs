//! A deterministic simulation: random users, crashes at every commit and an unreliable PACS, driven through the
//! real rules in simulated time. What it found once, the tables of `item` and `plan` name.
//!
//! `DOORWARD_MODEL_RUNS` sets the number of runs for each style of API; a failure prints its seed, and
//! `DOORWARD_MODEL_SEED` runs that one alone.
//!
//! Not here: SQLite and HTTP, which the rules do not know.
mod check;
mod pacs;
mod people;
mod world;

use pacs::Style;
use world::{Outcome, World};

/// Runs for each style unless the environment says otherwise.
const RUNS: u64 = 400;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn simulate(style: Style) {
    let seeds = match number("DOORWARD_MODEL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("DOORWARD_MODEL_RUNS").unwrap_or(RUNS),
    };
    let mut total = Outcome::default();
    let runs = seeds.end - seeds.start;
    for seed in seeds {
        match World::new(style, seed).run() {
            Ok(outcome) => total.add(&outcome),
            Err(broken) => panic!("{style:?}, DOORWARD_MODEL_SEED={seed}: {broken}"),
        }
    }
    println!("{style:?}: {runs} runs, {total:?}");
    let caps = style.caps();
    if caps.look_up || caps.addressed_by_ext_id {
        assert_eq!(total.held_persons, 0, "only what can be neither named nor found may stay held");
    }
}

#[test]
fn an_api_with_idempotent_put_converges() {
    simulate(Style::Put);
}

#[test]
fn an_api_with_put_and_look_up_converges() {
    simulate(Style::PutWithLookUp);
}

#[test]
fn an_api_with_post_and_look_up_converges() {
    simulate(Style::PostWithLookUp);
}

#[test]
fn an_api_with_post_and_no_look_up_converges_but_for_persons_that_cannot_be_asked_for() {
    simulate(Style::PostWithoutLookUp);
}

#[test]
fn an_api_with_post_unique_names_and_no_look_up_converges_but_for_persons_that_cannot_be_asked_for() {
    simulate(Style::UniquePostWithoutLookUp);
}
