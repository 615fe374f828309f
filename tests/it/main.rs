//! The integration tests: one binary, so that they link once.
#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made is a failed test")]

mod bad_input;
mod boards;
mod brake;
mod broker;
mod clock_relay;
mod configuration;
mod contract_traffic;
mod control;
mod convergence;
mod crashes;
mod cross;
mod decisions;
mod doctor;
mod doors;
mod due;
mod enrolling;
mod examples_source;
mod full_disk;
mod hand_over;
mod import;
mod order;
mod pacs_trouble;
mod panel_build;
mod queries;
mod readers;
mod repair;
mod revoking;
mod scim;
mod shared_cards;
mod supervising;
mod tidy;
mod time;
mod tls;
mod why;
mod world;
