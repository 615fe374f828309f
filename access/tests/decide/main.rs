//! Decisions and what they rest on, beside a second implementation in Python.
//!
//! `DOORWARD_SCHEDULE_YEARS=10` and `DOORWARD_QUESTIONS=100000` are the long runs; the plain suite asks less.

mod model;
mod promises;
mod python;
mod scenes;
mod schedules;
mod worlds;

/// A script beside this file.
fn script(name: &str) -> std::path::PathBuf {
    std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/decide").join(name)
}
